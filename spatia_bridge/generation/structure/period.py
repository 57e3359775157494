"""The distance at which a plane's texture repeats along one of its axes: what game textures do, and tiles and planks.

Normalised correlation of the texture with itself, shifted, over the texels known in both (Padfield 2012, here along one axis).
"""

import cv2
import numba
import numpy as np
import numpy.typing as npt

MAX_SEARCHED = 176  # texels a side: the search runs on a reduced texture, the result is refined on the full one
MIN_SHIFT = 5  # reduced texels: below it everything is alike
MAX_SHARE = 0.52  # of the known length: the shortest overlap that proves anything
MIN_OVERLAP = 0.15  # of the known texels
MIN_CORRELATION = 0.6
AS_GOOD = 0.86  # of the best peak: the first peak so high is the period, the best may be a multiple
MAX_DIP = 0.75  # of the peak: between two repetitions it must have been worse

_jit = numba.njit(cache=True, nogil=True)
Singles = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def box_mean(values: Singles, known: Mask, rows: int, columns: int) -> Singles:
    """Means (H, W, C) over windows of so many rows and columns around each texel, of those known; 0 where none is."""
    weight = known.astype(np.float32)
    window = (min(columns, 2 * known.shape[1]), min(rows, 2 * known.shape[0]))
    sums = cv2.boxFilter(values * weight[..., None], -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(weight, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums.reshape(values.shape) / np.maximum(counts, np.float32(0.5))[..., None], np.float32)


def find_period(luminance: Singles, known: Mask, axis: int) -> float:
    """Texels after which the texture repeats along an axis, to a fraction of a texel; 0 if it does not.

    Args:
        luminance: float32 (H, W); known: bool (H, W).
    """
    along = luminance.T if axis == 0 else luminance
    mask = known.T if axis == 0 else known
    along, mask = np.ascontiguousarray(along), np.ascontiguousarray(mask)
    columns = np.flatnonzero(mask.any(axis=0))
    if len(columns) < 4 * MIN_SHIFT or mask.sum() < 200:
        return 0.0
    length = int(columns[-1] - columns[0] + 1)
    step = max(1, -(-max(mask.shape) // MAX_SEARCHED))
    small, small_known = _reduce(along, mask, step)
    detail = _detail(small, small_known, max(int(0.2 * length / step), 4))
    limit = int(MAX_SHARE * length / step)
    scores = _correlations(detail, small_known, 0, limit + 1, MIN_OVERLAP * small_known.sum())
    shift = _first_peak(scores)
    if shift == 0:
        return 0.0
    full = _detail(along, mask, max(int(0.2 * length), 4))
    return _refined(full, mask, float(shift * step), step, length)


def _detail(values: Singles, known: Mask, size: int) -> Singles:
    """Without the light, which changes slowly."""
    return np.asarray(np.where(known, values - box_mean(values[..., None], known, size, size)[..., 0], np.float32(0)))


def _reduce(values: Singles, known: Mask, step: int) -> tuple[Singles, Mask]:
    """Means over step × step texels; known where half of them are."""
    height, width = values.shape[0] // step, values.shape[1] // step
    cut = (slice(0, height * step), slice(0, width * step))
    blocks = known[cut].reshape(height, step, width, step).sum(axis=(1, 3))
    sums = np.where(known, values, np.float32(0))[cut].reshape(height, step, width, step).sum(axis=(1, 3))
    return np.asarray(sums / np.maximum(blocks, 1), np.float32), np.asarray(2 * blocks >= step * step)


def _first_peak(scores: npt.NDArray[np.float64]) -> int:
    """The shift of the first peak that is nearly as high as the highest, 0 if there is none."""
    inner = np.arange(MIN_SHIFT, len(scores) - 1)
    peaks = [int(s) for s in inner if scores[s] >= scores[s - 1] and scores[s] >= scores[s + 1] and scores[s] > MIN_CORRELATION]
    peaks = [s for s in peaks if scores[1:s].min() < MAX_DIP * scores[s]]
    if not peaks:
        return 0
    highest = max(scores[s] for s in peaks)
    return next(s for s in peaks if scores[s] >= AS_GOOD * highest)


def _refined(values: Singles, known: Mask, period: float, slack: int, length: int) -> float:
    """The period to a fraction of a texel: the peak near each of its first multiples, which is known ever better."""
    for multiple in (1, 2, 3, 4, 6, 8):
        if multiple * period > MAX_SHARE * length and multiple > 1:
            break
        middle, reach = round(multiple * period), max(slack, 2)
        low = max(middle - reach - 1, 1)
        scores = _correlations(values, known, low, middle + reach + 2, MIN_OVERLAP / 2 * known.sum())
        at = int(scores[1:-1].argmax()) + 1
        a, b, c = scores[at - 1], scores[at], scores[at + 1]
        if b < MIN_CORRELATION / 2:
            break
        bend = a - 2 * b + c
        found = (low + at + (0.5 * (a - c) / bend if bend < -1e-9 else 0.0)) / multiple
        if abs(found - period) * multiple > reach + 1:
            break
        period = float(found)
    return period


@_jit
def _correlations(values, known, first, end, least):  # type: ignore[no-untyped-def]
    """Normalised correlation of all rows with themselves, shifted by first … end - 1 columns; -1 where too little overlaps."""
    rows, columns = values.shape
    scores = np.full(end - first, -1.0)
    for shift in range(first, end):
        n, sa, sb, saa, sbb, sab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for y in range(rows):
            for x in range(columns - shift):
                if known[y, x] and known[y, x + shift]:
                    a, b = values[y, x], values[y, x + shift]
                    n += 1
                    sa += a
                    sb += b
                    saa += a * a
                    sbb += b * b
                    sab += a * b
        if n > 0 and n >= least:
            spread = (saa - sa * sa / n) * (sbb - sb * sb / n)
            if spread > 1e-6 * n * n:
                scores[shift - first] = (sab - sa * sb / n) / np.sqrt(spread)
    return scores
