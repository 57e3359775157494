"""Smooth hole filling with depth, from the far side: where the camera moves aside, what lies behind shows.

Push-pull pyramids (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4) with one change: a hole takes only from what is
about as far as its far rim. The far rim is found along the hole's shorter extent, row or column: beside a column that hid a wall,
the two ends of a row are column and wall, so the hole is the wall's; in a floor, both ends of a row are floor, however far the
column's upper end may be. Depth is averaged as inverse depth, in which planes stay planes.
"""

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M, ColourImage, DepthImage, Mask

NEAR_RATIO = np.float32(1.5)  # what is nearer than the far rim by more than this is another surface
RIM_CONFIDENCE = 0.3
LEAST_CONFIDENCE = 0.05
CONFIDENCE_PER_OCTAVE = 0.75  # twice as far from what is known
INFINITE = np.float32(np.inf)

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
Image = npt.NDArray[np.float32]


@_jit
def _prepare(colour, depth, covered, values):  # type: ignore[no-untyped-def]
    """values (H, W, 4): red, green, blue, inverse depth; a covered pixel without depth is infinitely far."""
    for y in range(covered.shape[0]):
        for x in range(covered.shape[1]):
            for c in range(3):
                values[y, x, c] = np.float32(colour[y, x, c])
            values[y, x, 3] = np.float32(1) / depth[y, x] if covered[y, x] and depth[y, x] > 0 else np.float32(0)


@_jit
def _look_along_rows(inverse_depth, covered, rims, gaps):  # type: ignore[no-untyped-def]
    """For each hole pixel the farther end of its run in the row, where that run is shorter than the gap known so far."""
    height, width = covered.shape
    for y in range(height):
        before, x = INFINITE, 0
        while x < width:
            if covered[y, x]:
                before, x = inverse_depth[y, x], x + 1
                continue
            end = x
            while end < width and not covered[y, end]:
                end += 1
            after = inverse_depth[y, end] if end < width else INFINITE
            gap = np.float32(end - x)
            if max(before, after) == INFINITE:  # open at the image's edge: what closes a hole on both sides knows better
                gap += np.float32(width)
            if min(before, after) < INFINITE:
                for column in range(x, end):
                    if gap < gaps[y, column]:
                        rims[y, column], gaps[y, column] = min(before, after), gap
            x = end


def _far_rims(inverse_depth: Image, covered: Mask) -> Image:
    """float32 (H, W): for each hole pixel the inverse depth of its far rim; infinite where covered or no rim is in sight."""
    rims, gaps = np.full(covered.shape, INFINITE, np.float32), np.full(covered.shape, INFINITE, np.float32)
    _look_along_rows(inverse_depth, covered, rims, gaps)
    _look_along_rows(inverse_depth.T, covered.T, rims.T, gaps.T)
    return rims


@_jit
def _pull(values, known, rims):  # type: ignore[no-untyped-def]
    """Half the size: over 2×2 pixels the mean of one surface: the nearest no nearer than the far rims, or the farthest."""
    height, width = (known.shape[0] + 1) // 2, (known.shape[1] + 1) // 2
    coarse = np.zeros((height, width, 4), np.float32)
    coarse_known = np.zeros((height, width), np.bool_)
    coarse_rims = np.full((height, width), INFINITE, np.float32)
    for y in range(height):
        for x in range(width):
            end_y, end_x = min(2 * y + 2, known.shape[0]), min(2 * x + 2, known.shape[1])
            rim, farthest = INFINITE, INFINITE
            for j in range(2 * y, end_y):
                for i in range(2 * x, end_x):
                    rim = min(rim, rims[j, i])
                    farthest = min(farthest, values[j, i, 3]) if known[j, i] else farthest
            coarse_rims[y, x] = rim
            nearest = NEAR_RATIO * (farthest if rim == INFINITE else rim)
            surface, count = np.float32(-1), np.float32(0)
            for j in range(2 * y, end_y):
                for i in range(2 * x, end_x):
                    if known[j, i] and values[j, i, 3] <= nearest:
                        surface = max(surface, values[j, i, 3])
            for j in range(2 * y, end_y):
                for i in range(2 * x, end_x):
                    if known[j, i] and surface <= values[j, i, 3] * NEAR_RATIO and values[j, i, 3] <= surface:
                        count += np.float32(1)
                        coarse[y, x] += values[j, i]
            if count > 0:
                coarse_known[y, x] = True
                coarse[y, x] /= count
    return coarse, coarse_known, coarse_rims


@_jit
def _push(values, known, rims, age, coarse, coarse_age):  # type: ignore[no-untyped-def]
    """Fill what is not known from the level above, bilinearly, but from nothing nearer than the far rim.

    age counts the levels that lie between a pixel and knowledge.
    """
    height, width = coarse.shape[0], coarse.shape[1]
    for y in range(known.shape[0]):
        for x in range(known.shape[1]):
            if known[y, x]:
                continue
            parent_y, parent_x = y >> 1, x >> 1
            nearest = max(rims[y, x] * NEAR_RATIO, coarse[parent_y, parent_x, 3])
            total = np.float32(0)
            values[y, x] = 0
            for j, i, weight in (
                (parent_y, parent_x, 9),
                (parent_y, parent_x + 2 * (x & 1) - 1, 3),
                (parent_y + 2 * (y & 1) - 1, parent_x, 3),
                (parent_y + 2 * (y & 1) - 1, parent_x + 2 * (x & 1) - 1, 1),
            ):
                if 0 <= j < height and 0 <= i < width and coarse[j, i, 3] <= nearest:
                    total += np.float32(weight)
                    for c in range(4):
                        values[y, x, c] += np.float32(weight) * coarse[j, i, c]
            for c in range(4):
                values[y, x, c] /= total
            age[y, x] = np.float32(1) + coarse_age[parent_y, parent_x]


@_jit
def _finish(values, covered, age, trusts, colour, depth, confidence, farthest):  # type: ignore[no-untyped-def]
    """Write the filled pixels, and only them; no depth where it would be beyond `farthest` metres."""
    for y in range(covered.shape[0]):
        for x in range(covered.shape[1]):
            if covered[y, x]:
                confidence[y, x] = np.float32(1)
                continue
            for c in range(3):
                colour[y, x, c] = np.uint8(min(max(values[y, x, c] + np.float32(0.5), np.float32(0)), np.float32(255)))
            w = values[y, x, 3]
            depth[y, x] = np.float32(1) / w if w * farthest > 1 else np.float32(0)
            confidence[y, x] = trusts[min(int(age[y, x]), len(trusts) - 1)]


def fill(colour: ColourImage, depth_m: DepthImage, covered: Mask) -> tuple[ColourImage, DepthImage, Image]:
    """Fill what is not covered; what is covered stays as it is, bit by bit. Some 10 ms at 832 × 480.

    Args:
        colour: uint8 (H, W, 3); depth_m: float32 (H, W), 0 on a covered pixel for infinitely far; covered: bool (H, W).
    Returns:
        Colour, depth, and the confidence of the filled pixels, float32 (H, W): RIM_CONFIDENCE beside what is known, falling to
        LEAST_CONFIDENCE; 1 where covered. With nothing covered: grey, no depth, confidence 0.
    """
    if not covered.any():
        return np.full_like(colour, 128), np.zeros_like(depth_m), np.zeros(covered.shape, np.float32)
    values = np.empty((*covered.shape, 4), np.float32)
    _prepare(colour, depth_m, covered, values)
    known, rims = covered, _far_rims(values[..., 3], covered)
    levels = [(values, known, rims)]
    while not known.all():
        coarse = _pull(values, known, rims)
        if not coarse[1].any():  # means of what is far can come to lie before every rim that is left: then rims say nothing
            coarse = _pull(values, known, np.full_like(rims, INFINITE))
        values, known, rims = coarse
        levels.append(coarse)
    ages = [np.zeros(known.shape, np.float32) for _, known, _ in levels]
    for i in range(len(levels) - 2, -1, -1):
        _push(*levels[i], ages[i], levels[i + 1][0], ages[i + 1])
    out = colour.copy(), depth_m.copy(), np.empty(covered.shape, np.float32)
    trusts = np.maximum(RIM_CONFIDENCE * CONFIDENCE_PER_OCTAVE ** np.maximum(np.arange(16) - 1, 0), LEAST_CONFIDENCE)
    _finish(levels[0][0], covered, ages[0], trusts.astype(np.float32), *out, np.float32(MAX_DEPTH_M))
    return out
