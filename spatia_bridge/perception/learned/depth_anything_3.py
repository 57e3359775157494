"""Depth of several views under given cameras by Depth Anything 3 (Lin et al., 2025), package `depth-anything-3`.

The network alone is used. The package's own front end, `depth_anything_3.api`, does what is done here (resize, normalise poses,
align the depth to them) but imports film, plotting and export packages and pins NumPy below 2; so the package goes in without
its dependencies, see REMEDY.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.models.checkpoint import check_fits, read_safetensors
from spatia_bridge.models.shared import device_memory
from spatia_bridge.perception.depth import DepthEstimate, DepthMap, check_picture
from spatia_bridge.perception.learned.loading import RANDOM_TINY, network, packages, read_json
from spatia_bridge.perception.learned.pictures import at_size, patched_size, pixel_values
from spatia_bridge.perception.learned.standing import ASSUMED_HEIGHT_M, stand
from spatia_bridge.perception.learned.views import ManyViews, centres, matrix, pose_scale, relative_to_first

if TYPE_CHECKING:
    from torch import Tensor

CARD = "depth-anything-3-base"
REMEDY = "pip install --no-deps depth-anything-3 addict einops 'omegaconf>=2.3' 'antlr4-python3-runtime==4.9.*'"
LONG_SIDE, TINY_SIDE = 504, 112
PATCH = 14
MIN_TYPICAL = 0.1  # the package's floor for the distance that poses are normalised by


class DepthAnything3(ManyViews):
    """DA3 under given cameras. A clip's depth is at the scale of its cameras, a lone picture's at that of an assumed height."""

    name = "depth_anything_3"
    packages = ("torch", "depth_anything_3", "addict", "einops", "omegaconf")
    install = REMEDY
    views = 16

    def __init__(self, weights: str = "", device: str = "") -> None:
        """weights: "" = the catalogue's, "random-tiny" (the small one's layers, random, at tiny pictures), or a folder."""
        self._weights, self._device = weights, device

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """See DepthEstimator. Loads the network at the first call (see `loading.network` for what can go wrong)."""
        check_picture(colour, intrinsics)
        (found,), _ = self._window([colour], [Camera(intrinsics, np.eye(4))])
        gravity, height, warnings = stand(colour, intrinsics, found.depth_m)
        factor = ASSUMED_HEIGHT_M / height
        told = f"The camera is taken to be {ASSUMED_HEIGHT_M:g} m above the ground; all sizes are in proportion to that."
        depth_m = (found.depth_m * factor).astype(np.float32)
        return DepthEstimate(depth_m, found.confidence, gravity, ASSUMED_HEIGHT_M, (told, *warnings))

    def _window(self, colours: Sequence[ColourImage], cameras: Sequence[Camera]) -> tuple[list[DepthMap], float | None]:
        with packages(self.name, REMEDY):
            model = network(CARD, self._weights, self._device, _load, _make_tiny)
        import torch

        height, width = colours[0].shape[:2]
        size = patched_size(height, width, TINY_SIDE if self._weights == RANDOM_TINY else LONG_SIDE, PATCH)
        device = next(model.parameters()).device
        poses = relative_to_first(cameras)
        typical = max(float(np.median(np.linalg.norm(centres(poses), axis=1))), MIN_TYPICAL)
        poses[:, :3, 3] /= typical
        lenses = np.stack([matrix(camera.intrinsics.resized(size[1], size[0])) for camera in cameras])
        with (
            torch.inference_mode(),
            device_memory(self.name, lambda: "estimate smaller pictures, or use --device cpu"),
        ):
            found = model(
                pixel_values(colours, size, str(device), mode="bicubic")[None],
                _batch(se3.inverse(poses), device),
                _batch(lenses, device),
            )
            depths = at_size(found["depth"].reshape(-1, *size), (height, width)).cpu().numpy()
            certain = at_size(1 - 1 / found["depth_conf"].reshape(-1, *size).clamp(min=1), (height, width)).cpu().numpy()
            camera_from_world = found["extrinsics"][0].double().cpu().numpy()
        scale = pose_scale(centres(_inverse(camera_from_world)), centres(poses))
        return [DepthMap(*each) for each in zip(depths, certain, strict=True)], None if scale is None else scale * typical


def _batch(values: se3.Array, device: Any) -> "Tensor":
    import torch

    return torch.from_numpy(values.astype(np.float32))[None].to(device)


def _inverse(camera_from_world: se3.Array) -> se3.Array:
    """Of (N, 3, 4), as (N, 4, 4)."""
    whole = np.tile(np.eye(4), (len(camera_from_world), 1, 1))
    whole[:, :3] = camera_from_world[:, :3]
    return se3.inverse(whole)


def _build(preset: str) -> Any:
    from depth_anything_3.cfg import create_object, load_config
    from depth_anything_3.registry import MODEL_REGISTRY

    if preset not in MODEL_REGISTRY:
        raise InvalidInputError(f"depth-anything-3 knows no {preset!r}", f"use one of: {', '.join(MODEL_REGISTRY)}")
    return create_object(load_config(MODEL_REGISTRY[preset]))


def _load(folder: Path) -> Any:
    """From a folder as published: config.json names the preset; parameters are those of the front end's member `model`."""
    model = _build(str(read_json(folder / "config.json").get("model_name", "")))
    file = folder / "model.safetensors"
    check_fits(file, {f"model.{key}": tuple(value.shape) for key, value in model.state_dict().items()})
    model.load_state_dict({key.removeprefix("model."): value for key, value in read_safetensors(file).items()})
    return model


def _make_tiny() -> Any:
    return _build("da3-small")
