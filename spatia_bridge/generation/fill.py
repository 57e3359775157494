"""Smooth hole filling with depth: push-pull pyramids that let the far side of a hole win.

Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4, with one change: what lies behind shows when the camera moves aside,
so where the rim of a hole has a near and a far part, the far part fills it.
"""

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask

FAR_POWER = 4.0  # a rim twice as far counts 16 times as much
FAR_CAP = 8.0  # times the median depth: sky counts as far, but not as everything
RIM_CONFIDENCE = 0.3
CONFIDENCE_PER_OCTAVE = 0.75  # twice as far from what is known

_jit = numba.njit(cache=True, nogil=True)
Values = npt.NDArray[np.float32]  # (H, W, 4): red, green, blue, depth


@_jit
def _pull(values, known, bias):  # type: ignore[no-untyped-def]
    """Half the size: means over 2×2 pixels by known · bias; known where any of them is."""
    height, width = (values.shape[0] + 1) // 2, (values.shape[1] + 1) // 2
    coarse = np.zeros((height, width, 4), np.float32)
    coarse_known = np.zeros((height, width), np.float32)
    coarse_bias = np.zeros((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            total, weight = np.float32(0), np.float32(0)
            for j in range(2 * y, min(2 * y + 2, values.shape[0])):
                for i in range(2 * x, min(2 * x + 2, values.shape[1])):
                    w = known[j, i] * bias[j, i]
                    if w > 0:
                        total, weight = total + known[j, i], weight + w
                        for c in range(4):
                            coarse[y, x, c] += w * values[j, i, c]
            if weight > 0:
                for c in range(4):
                    coarse[y, x, c] /= weight
                coarse_known[y, x] = min(total, np.float32(1))
                coarse_bias[y, x] = weight / total
    return coarse, coarse_known, coarse_bias


@_jit
def _push(values, known, age, coarse, coarse_age):  # type: ignore[no-untyped-def]
    """Fill what is not known from the level above, bilinearly; age counts the levels that lie between a pixel and knowledge."""
    height, width = coarse.shape[0], coarse.shape[1]
    for y in range(values.shape[0]):
        y0 = min(max((y - 1) >> 1, 0), height - 1)
        y1 = min(y0 + 1, height - 1)
        fy = np.float32(0.25) if y % 2 else np.float32(0.75)
        fy = np.float32(0) if y == 0 else fy
        for x in range(values.shape[1]):
            a = known[y, x]
            if a >= 1:
                continue
            x0 = min(max((x - 1) >> 1, 0), width - 1)
            x1 = min(x0 + 1, width - 1)
            fx = np.float32(0.25) if x % 2 else np.float32(0.75)
            fx = np.float32(0) if x == 0 else fx
            for c in range(4):
                top = (1 - fx) * coarse[y0, x0, c] + fx * coarse[y0, x1, c]
                low = (1 - fx) * coarse[y1, x0, c] + fx * coarse[y1, x1, c]
                values[y, x, c] = a * values[y, x, c] + (1 - a) * ((1 - fy) * top + fy * low)
            age[y, x] = (1 - a) * (1 + coarse_age[y >> 1, x >> 1])


def fill(colour: ColourImage, depth_m: DepthImage, covered: Mask) -> tuple[ColourImage, DepthImage, npt.NDArray[np.float32]]:
    """Fill what is not covered; what is covered stays as it is, bit by bit.

    Args:
        colour: uint8 (H, W, 3); depth_m: float32 (H, W); covered: bool (H, W).
    Returns:
        Colour, depth, and the confidence of the filled pixels, float32 (H, W) from RIM_CONFIDENCE downwards, 1 where covered.
        With nothing covered: grey, no depth, confidence 0.
    """
    if not covered.any():
        return np.full_like(colour, 128), np.zeros_like(depth_m), np.zeros(covered.shape, np.float32)
    values = np.concatenate([colour, depth_m[..., None]], axis=2, dtype=np.float32)
    median = float(np.median(depth_m[covered][::7])) or 1.0
    bias = np.minimum(depth_m / np.float32(median), np.float32(FAR_CAP)) ** np.float32(FAR_POWER) + np.float32(1e-6)
    levels = [(values, covered.astype(np.float32), np.zeros(covered.shape, np.float32))]
    known = levels[0][1]
    while max(values.shape[:2]) > 1 and known.min() < 1:
        values, known, bias = _pull(values, known, bias)
        levels.append((values, known, np.zeros(known.shape, np.float32)))
    for finer, coarser in zip(levels[-2::-1], levels[:0:-1], strict=True):
        _push(*finer, coarser[0], coarser[2])
    values, _, age = levels[0]
    filled_colour = np.where(covered[..., None], colour, np.clip(np.rint(values[..., :3]), 0, 255).astype(np.uint8))
    filled_depth = np.where(covered, depth_m, values[..., 3])
    trust = np.float32(RIM_CONFIDENCE) * np.float32(CONFIDENCE_PER_OCTAVE) ** np.maximum(age - 1, 0)
    return filled_colour, filled_depth, np.where(covered, np.float32(1), trust)
