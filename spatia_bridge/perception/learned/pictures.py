"""Colour images as networks want them, and their maps back at the images' size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from spatia_bridge.frames import ColourImage

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
Triple = tuple[float, float, float]


def pixel_values(
    colours: Sequence[ColourImage],
    size: tuple[int, int],
    device: str,
    *,
    mean: Triple = IMAGENET_MEAN,
    std: Triple = IMAGENET_STD,
    mode: Literal["bilinear", "bicubic"] = "bilinear",
) -> "Tensor":
    """float32 (N, 3, h, w): pictures uint8 (H, W, 3) of one size, resized to (h, w) with antialiasing, (x / 255 − mean) / std."""
    import torch
    from torch.nn.functional import interpolate

    stacked = torch.from_numpy(np.stack(colours)).to(device).permute(0, 3, 1, 2).float()
    if stacked.shape[2:] != size:
        stacked = interpolate(stacked, size, mode=mode, antialias=True).clamp(0, 255)
    return (stacked / 255 - stacked.new_tensor(mean)[:, None, None]) / stacked.new_tensor(std)[:, None, None]


def at_size(maps: "Tensor", size: tuple[int, int]) -> "Tensor":
    """Maps (N, h, w) at size (H, W), float32, bilinear between pixel centres."""
    from torch.nn.functional import interpolate

    return interpolate(maps[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0]


def patched_size(height: int, width: int, long_side: int, patch: int) -> tuple[int, int]:
    """(h, w) in whole patches, the longer side about long_side, the aspect as near as patches allow."""
    scale = long_side / max(height, width)
    return max(round(height * scale / patch), 1) * patch, max(round(width * scale / patch), 1) * patch
