"""Depth of several views under given cameras by MapAnything (Keetha et al., 2025), package `mapanything` from its repository.

It is told intrinsics and poses and says its own; what it says is used to check the scale of its depth, and no more: points are
where the given cameras put them.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.models.shared import device_memory
from spatia_bridge.perception.depth import DepthEstimate, DepthMap, check_picture
from spatia_bridge.perception.learned.loading import RANDOM_TINY, network, packages
from spatia_bridge.perception.learned.pictures import at_size, patched_size, pixel_values
from spatia_bridge.perception.learned.standing import stand
from spatia_bridge.perception.learned.views import ManyViews, centres, matrix, pose_scale, relative_to_first

CARD = "map-anything"
REMEDY = "pip install git+https://github.com/facebookresearch/map-anything"
LONG_SIDE, TINY_SIDE = 518, 112

_infer = threading.Lock()  # it writes its settings into the network while it runs


class MapAnything(ManyViews):
    """MapAnything under given cameras. Metric, also of a lone picture.

    Its image encoder takes DINOv2's code from torch.hub: the first load needs the internet once, or torch.hub's cache.
    """

    name = "map_anything"
    packages = ("torch", "mapanything", "uniception")
    install = REMEDY
    views = 24

    def __init__(self, weights: str = "", device: str = "") -> None:
        """weights: "" = the catalogue's, "random-tiny" (with a CroCo encoder, which needs no download), or a folder."""
        self._weights, self._device = weights, device

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """See DepthEstimator. Loads the network at the first call (see `loading.network` for what can go wrong)."""
        check_picture(colour, intrinsics)
        (found,), _ = self._window([colour], [Camera(intrinsics, np.eye(4))])
        return DepthEstimate(found.depth_m, found.confidence, *stand(colour, intrinsics, found.depth_m))

    def _window(self, colours: Sequence[ColourImage], cameras: Sequence[Camera]) -> tuple[list[DepthMap], float | None]:
        with packages(self.name, REMEDY):
            model = network(CARD, self._weights, self._device, _load, _make_tiny)
            from uniception.models.encoders.image_normalizations import IMAGE_NORMALIZATION_DICT
        import torch

        height, width = colours[0].shape[:2]
        long_side = TINY_SIDE if self._weights == RANDOM_TINY else LONG_SIDE
        size = patched_size(height, width, long_side, model.encoder.patch_size)
        kind = model.encoder.data_norm_type
        norm, device = IMAGE_NORMALIZATION_DICT[kind], str(model.device)
        mean, std = (tuple(float(x) for x in values) for values in (norm.mean, norm.std))
        poses = relative_to_first(cameras)
        with (
            torch.inference_mode(),
            device_memory(self.name, lambda: "estimate smaller pictures, or use --device cpu"),
        ):
            pixels = pixel_values(colours, size, device, mean=mean, std=std, mode="bicubic")  # type: ignore[arg-type]
            views = [
                {
                    "img": pixels[n : n + 1],
                    "data_norm_type": [kind],
                    "intrinsics": _batch(matrix(camera.intrinsics.resized(size[1], size[0]))),
                    "camera_poses": _batch(poses[n]),
                    "is_metric_scale": torch.tensor([True]),
                }
                for n, camera in enumerate(cameras)
            ]
            with _infer:
                found = model.infer(views, use_amp="cuda" in device, apply_mask=False, mask_edges=False)
            maps = [_map(view, (height, width)) for view in found]
        own = np.concatenate([view["camera_poses"].double().cpu().numpy() for view in found])
        return maps, pose_scale(centres(own), centres(poses))


def _map(view: Any, size: tuple[int, int]) -> DepthMap:
    """A view's depth (0 where it is ambiguous, as in the sky) and its confidence, 1 … ∞, as 1 − 1 / confidence."""
    depth = at_size(view["depth_z"][..., 0], size)[0].cpu().numpy()
    known = depth > 0
    if "non_ambiguous_mask" in view:
        known &= at_size(view["non_ambiguous_mask"].float(), size)[0].cpu().numpy() > 0.5
    certain = at_size(1 - 1 / view["conf"].float().clamp(min=1), size)[0].cpu().numpy()
    return DepthMap(np.where(known, depth, 0).astype(np.float32), certain)


def _batch(values: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    import torch

    return torch.from_numpy(values.astype(np.float32))[None]


def _load(folder: Path) -> Any:
    from mapanything.models import MapAnything as Network

    try:
        return Network.from_pretrained(str(folder), local_files_only=True, strict=True)
    except (OSError, RuntimeError, TypeError, KeyError) as error:
        raise CorruptWeightsError(f"{folder} cannot be loaded: {str(error)[:300]}", "give a folder as published") from error


def _make_tiny() -> Any:
    """The published layout (alternating attention, dense head with poses and scale), small, behind a CroCo encoder."""
    from mapanything.models import MapAnything as Network

    infinite = float("inf")
    wide, depth, kind = 32, 2, "raydirs+depth+pose+confidence+mask"
    encoder = {
        "encoder_str": "croco", "name": "tiny", "data_norm_type": "croco", "patch_embed_cls": "PatchEmbedDust3R",
        "img_size": (TINY_SIDE, TINY_SIDE), "patch_size": 16, "enc_embed_dim": wide, "enc_depth": depth, "enc_num_heads": 2,
        "uses_torch_hub": False,
    }  # fmt: skip
    sharing = {
        "model_type": "alternating_attention", "model_return_type": "intermediate_features", "custom_positional_encoding": None,
        "module_args": {
            "name": "tiny", "indices": [1, 2], "norm_intermediate": True, "depth": 4, "distinguish_ref_and_non_ref_views": True,
            "dim": wide, "num_heads": 2, "mlp_ratio": 2, "qkv_bias": True, "qk_norm": False, "init_values": 1e-5,
        },
    }  # fmt: skip
    dense = {
        "name": kind, "ray_directions_mode": "linear", "ray_directions_normalize_to_unit_sphere": True,
        "ray_directions_normalize_to_unit_image_plane": False, "ray_directions_vmin": -infinite, "ray_directions_vmax": infinite,
        "ray_directions_clamp_min_of_z_dir": False, "ray_directions_z_dir_min": -infinite, "depth_mode": "exp",
        "depth_vmin": 0, "depth_vmax": infinite, "confidence_type": "exp", "confidence_vmin": 1, "confidence_vmax": infinite,
    }  # fmt: skip
    pose = {
        "name": kind, "cam_trans_mode": "linear", "cam_trans_vmin": -infinite, "cam_trans_vmax": infinite,
        "quaternions_mode": "linear", "quaternions_normalize": True, "quaternions_vmin": -infinite, "quaternions_vmax": infinite,
    }  # fmt: skip
    head = {
        "type": "dpt+pose", "feature_head": {"feature_dim": 16, "hooks": [0, 1, 2, 3], "checkpoint_gradient": False},
        "regressor_head": {"output_dim": 6, "checkpoint_gradient": False},
        "pose_head": {"num_resconv_block": 1, "rot_representation_dim": 4}, "scale_head": {"output_dim": 1},
        "adaptor_type": kind, "dpt_adaptor": dense, "pose_adaptor": pose, "gradient_checkpointing": False,
        "scale_adaptor": {"name": kind, "mode": "exp", "vmin": 1e-8, "vmax": infinite},
    }  # fmt: skip
    told: dict[str, Any] = {
        f"{name}_encoder_config": {"name": name, "in_chans": channels, "encoder_str": f"{form}_rep_encoder"}
        for name, channels, form in (
            ("ray_dirs", 3, "dense"), ("depth", 1, "dense"), ("cam_rot", 4, "global"), ("cam_trans", 3, "global"),
            ("scale", 1, "global"),
        )
    }  # fmt: skip
    told["ray_dirs_encoder_config"]["apply_pe"] = told["depth_encoder_config"]["apply_pe"] = False
    chances = ("overall", "dropout", "ray_dirs", "depth", "cam", "sparse_depth", "depth_scale_norm_all", "pose_scale_norm_all")
    told |= {f"{name}_prob": 0 for name in chances} | {"sparsification_removal_percent": 0}
    return Network("tiny", encoder, sharing, head, told)
