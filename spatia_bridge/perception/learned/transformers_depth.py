"""Metric depth of single pictures by transformers' Depth Anything V2 (Yang et al., NeurIPS 2024)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.models.shared import device_memory
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, DepthMap, check_clip, check_picture, no_check
from spatia_bridge.perception.learned.loading import from_folder, network
from spatia_bridge.perception.learned.pictures import at_size, pixel_values
from spatia_bridge.perception.learned.standing import stand

CARD = "depth-anything-2-indoor"
PATCH = 14
BATCH = 4
TRUST = 0.7
SATURATED = 0.99  # of the depth at which the network ends; what it puts there may be anywhere beyond


class TransformersDepth(DepthEstimator):
    """Depth Anything V2 with its metric head. It sees the picture alone, whatever the lens: the update sets its scale right."""

    name = "transformers_depth"
    packages = ("torch", "transformers")

    def __init__(self, weights: str = "", device: str = "") -> None:
        """weights: "" = the catalogue's (rooms, up to 20 m), "random-tiny", or a folder with a metric Depth Anything V2."""
        self._weights, self._device = weights, device

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """See DepthEstimator. Loads the network at the first call (see `loading.network` for what can go wrong)."""
        check_picture(colour, intrinsics)
        (found,) = self._maps([colour])
        return DepthEstimate(found.depth_m, found.confidence, *stand(colour, intrinsics, found.depth_m))

    def estimate_clip(
        self, colours: Sequence[ColourImage], cameras: Sequence[Camera], check: Callable[[], None] = no_check
    ) -> Sequence[DepthMap]:
        """See DepthEstimator: pictures one by one, BATCH at a time."""
        check_clip(colours, cameras)
        maps: list[DepthMap] = []
        for first in range(0, len(colours), BATCH):
            check()
            maps += self._maps(colours[first : first + BATCH])
        return maps

    def _maps(self, colours: Sequence[ColourImage]) -> list[DepthMap]:
        model = network(CARD, self._weights, self._device, _load, _make_tiny)
        import torch

        height, width = colours[0].shape[:2]
        size = _size(height, width, model.config.backbone_config.image_size)
        remedy = "estimate smaller pictures, or use --device cpu"
        with torch.inference_mode(), device_memory(self.name, lambda: remedy):
            pixels = pixel_values(colours, size, str(model.device), mode="bicubic")
            depths = at_size(model(pixels).predicted_depth, (height, width)).cpu().numpy()
        depths = np.where(depths < SATURATED * model.config.max_depth, depths, 0)
        return [DepthMap(depth, np.full(depth.shape, TRUST, np.float32)) for depth in depths.astype(np.float32)]


def _size(height: int, width: int, trained: int) -> tuple[int, int]:
    """(h, w) in whole patches, one of them as it was trained: that which changes the picture less (as DPTImageProcessor does)."""
    scale = min(trained / height, trained / width, key=lambda scale: abs(1 - scale))
    return max(round(height * scale / PATCH), 1) * PATCH, max(round(width * scale / PATCH), 1) * PATCH


def _load(folder: Path) -> Any:
    from transformers import DepthAnythingForDepthEstimation

    model = from_folder(folder, {"depth_anything": DepthAnythingForDepthEstimation})
    if model.config.depth_estimation_type != "metric":
        raise InvalidInputError(f"{folder} estimates relative depth", "give a metric one, as Depth-Anything-V2-Metric-…-hf")
    return model


def _make_tiny() -> Any:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=4 * PATCH, patch_size=PATCH,
        out_features=stages, reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 16, 16, 16], fusion_hidden_size=16,
        head_hidden_size=8, depth_estimation_type="metric", max_depth=20,
    )  # fmt: skip
    return DepthAnythingForDepthEstimation(config)
