"""How alike two pictures are (uint8 images, peak 255), and how sure a mean is."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Mask

Image = npt.NDArray[np.uint8]  # (H, W) or (H, W, C)

PEAK = 255.0
WINDOW = 11  # Wang, Bovik, Sheikh and Simoncelli, 2004
WINDOW_SIGMA = 1.5
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2


def _check(a: Image, b: Image, mask: Mask | None) -> None:
    if a.dtype != np.uint8 or b.dtype != np.uint8 or a.ndim not in (2, 3) or a.shape != b.shape or not a.size:
        raise InvalidInputError(
            f"cannot compare {a.dtype} {a.shape} with {b.dtype} {b.shape}", "give two uint8 images of the same size"
        )
    if mask is not None and (mask.dtype != np.bool_ or mask.shape != a.shape[:2]):
        raise InvalidInputError(
            f"mask is {mask.dtype} {mask.shape}, the images are {a.shape}", "give one bool a pixel, or no mask"
        )


def psnr(a: Image, b: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB over the pixels of `mask` (all without one).

    Returns:
        inf where the pictures are equal, nan where the mask is empty.
    Raises:
        InvalidInputError: shapes or dtypes differ.
    """
    _check(a, b, mask)
    if mask is not None:
        a, b = a[mask], b[mask]
        if not a.size:
            return math.nan
    error = float(np.mean(np.square(np.subtract(a, b, dtype=np.float64))))
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def _window() -> npt.NDArray[np.float64]:
    return np.asarray(cv2.getGaussianKernel(WINDOW, WINDOW_SIGMA, cv2.CV_64F))


def _means(image: npt.NDArray[np.float64], kernel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Gaussian means where the whole window fits: (H - 10, W - 10, …)."""
    edge = WINDOW // 2
    return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel))[edge:-edge, edge:-edge]


def ssim_map(a: Image, b: Image) -> npt.NDArray[np.float64]:
    """Structural similarity (H - 10, W - 10), one value a window that lies wholly inside; channels are averaged.

    Raises:
        InvalidInputError: shapes or dtypes differ, or a side is shorter than 11 pixels.
    """
    _check(a, b, None)
    if min(a.shape[:2]) < WINDOW:
        raise InvalidInputError(f"images of {a.shape[1]}×{a.shape[0]} pixels are smaller than the window", "use 11×11 or more")
    x, y, kernel = a.astype(np.float64), b.astype(np.float64), _window()
    mean_x, mean_y = _means(x, kernel), _means(y, kernel)
    variance_x = _means(x * x, kernel) - mean_x**2
    variance_y = _means(y * y, kernel) - mean_y**2
    covariance = _means(x * y, kernel) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    )
    return similarity if similarity.ndim == 2 else np.asarray(similarity.mean(axis=2))


def ssim(a: Image, b: Image, mask: Mask | None = None) -> float:
    """Mean structural similarity over the windows whose centres lie in `mask` (all without one); 1 = equal.

    Returns:
        nan where no window's centre lies in the mask.
    Raises:
        InvalidInputError: as `ssim_map`, or a mask of another size.
    """
    _check(a, b, mask)
    values = ssim_map(a, b)
    if mask is not None:
        edge = WINDOW // 2
        values = values[mask[edge:-edge, edge:-edge]]
        if not values.size:
            return math.nan
    return float(values.mean())


def weighted_mean(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Of those that are finite; nan of none. With ratios weighed by their denominators it is the ratio of the sums."""
    known, weight = _finite(values, weights)
    return float((known * weight).sum() / weight.sum()) if len(known) else math.nan


def interval(values: Sequence[float], weights: Sequence[float] | None = None, draws: int = 2000) -> tuple[float, float]:
    """Where `weighted_mean` lies with 95 %: percentiles of bootstrapped means (Efron, 1979); the same for the same values.

    Returns:
        nan, nan where no value is finite.
    """
    known, weight = _finite(values, weights)
    if not len(known):
        return math.nan, math.nan
    drawn = np.random.default_rng(0).integers(len(known), size=(draws, len(known)))
    low, high = np.percentile((known * weight)[drawn].sum(axis=1) / weight[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def _finite(values: Sequence[float], weights: Sequence[float] | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    all_values = np.array(values, np.float64)
    weight = np.ones_like(all_values) if weights is None else np.array(weights, np.float64)
    known = np.isfinite(all_values)
    return all_values[known], weight[known]
