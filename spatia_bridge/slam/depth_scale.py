"""Estimated depth is brought to the memory's scale before it is believed.

An estimator without a scene to measure knows depth up to a scale, and often up to a shift of the inverse depth (Ranftl et al.,
"Towards Robust Monocular Depth Estimation", 2020). So what is fitted is

    1 / known = scale / estimated + shift        metres⁻¹

on the pixels that memory covers. In inverse depth the backdrop is near zero instead of everything, and a disparity that is off
by a constant is exactly mended. Errors count relative to the depth, as estimators make them. Pixels at edges of either depth
are left out: an estimator blurs them, and a pixel's shift there is metres. The start is the best of many pairs of pixels, so up
to half of the pixels may be wrong (RANSAC); the end is Tukey's biweight around it. A view of one distance says nothing about
the shift, which is then zero.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, DepthImage, Mask
from spatia_bridge.slam.robust import TUKEY, biweight, sigma

EDGE = 0.1  # of the inverse depth: neighbours that differ by more, after a median filter against noise, are an edge
MEDIAN_PX = 5
EDGE_PX = 2  # beside an edge
MAX_PIXELS = 20_000
PAIRS = 256
MIN_SPREAD = 1.25  # ratio of the 90th to the 10th percentile of depth, below which the shift is zero
STEPS = 15
MIN_SIGMA = 1e-3


@dataclass(frozen=True)
class DepthScaleConfig:
    """When an alignment is believed.

    Attributes:
        tolerance: relative; a pixel agrees if its aligned depth is within.
        min_inlier_ratio: of the compared pixels that must agree.
        min_overlap: share of the picture that must be compared.
        max_scale: the scale lies within 1 / max_scale … max_scale.
    """

    tolerance: float = 0.05
    min_inlier_ratio: float = 0.5
    min_overlap: float = 0.02
    max_scale: float = 10.0


@dataclass(frozen=True)
class DepthScale:
    """What an estimate lacked: 1 / depth = scale / estimated + shift_per_m.

    Attributes:
        inlier_ratio: of the compared pixels, those that agree after it.
        residual: median relative error of depth over the compared pixels, after it.
        overlap: compared pixels over all.
        problem: why it is not to be believed; "" = it is.
    """

    scale: float
    shift_per_m: float
    inlier_ratio: float
    residual: float
    overlap: float
    problem: str = ""

    @property
    def believed(self) -> bool:
        return not self.problem

    def apply(self, estimated_m: DepthImage) -> DepthImage:
        """The depth (H, W) at the memory's scale; infinity and unknown (0) stay, what would lie behind infinity is unknown."""
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = self.scale / estimated_m.astype(np.float64) + self.shift_per_m
            aligned = np.where(inverse > 1 / MAX_DEPTH_M, 1 / inverse, 0.0)
        aligned = np.where(np.isposinf(estimated_m), np.inf, np.where(estimated_m > 0, aligned, 0.0))
        return np.asarray(aligned, np.float32)


def fit_depth_scale(
    estimated_m: DepthImage, known_m: DepthImage, known: Mask, config: DepthScaleConfig | None = None
) -> DepthScale:
    """Align an estimate to depth that is known for part of the same view.

    Args:
        estimated_m, known_m: float32 (H, W) planar metres.
        known: bool (H, W), where known_m counts: a projection's coverage, less what moves.
    Raises:
        InvalidInputError: the images are of different sizes.
    """
    config = config or DepthScaleConfig()
    if not estimated_m.shape == known_m.shape == known.shape:
        raise InvalidInputError(
            f"depths have shapes {estimated_m.shape} and {known_m.shape}, the mask {known.shape}", "give views of one size"
        )
    use = known & ~_beside_edges(estimated_m) & ~_beside_edges(known_m)
    overlap = float(use.mean())
    if overlap < config.min_overlap:
        return DepthScale(1.0, 0.0, 0.0, float("inf"), overlap, f"memory shows {overlap:.1%} of the view")
    pixels = np.flatnonzero(use)
    pixels = pixels[:: len(pixels) // MAX_PIXELS + 1]
    x, y = 1 / estimated_m.ravel()[pixels].astype(np.float64), 1 / known_m.ravel()[pixels].astype(np.float64)
    scale, shift = _fit(x, y, config.tolerance)
    error = np.abs(y / np.maximum(scale * x + shift, 1e-9) - 1)
    inliers, residual = float((error <= config.tolerance).mean()), float(np.median(error))
    problem = ""
    if inliers < config.min_inlier_ratio:
        problem = f"{inliers:.0%} of the pixels agree with memory on one scale"
    elif not 1 / config.max_scale <= scale <= config.max_scale:
        problem = f"the scale would be {scale:.3g}"
    return DepthScale(scale, shift, inliers, residual, overlap, problem)


def _fit(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], tolerance: float) -> tuple[float, float]:
    """Scale and shift with y ≈ scale · x + shift, errors relative to y."""
    low, high = np.percentile(y, (10, 90))
    with_shift = high >= MIN_SPREAD * low
    scale, shift = _best_pair(x, y, tolerance) if with_shift else (float(np.median(y / x)), 0.0)
    a, b = x / y, 1 / y
    for _ in range(STEPS):
        error = scale * a + shift * b - 1
        w = biweight(error, TUKEY * sigma(np.abs(error), MIN_SIGMA))
        if not with_shift:
            scale = float((w * a).sum() / max((w * a * a).sum(), 1e-12))
            continue
        aa, ab, bb = (w * a * a).sum(), (w * a * b).sum(), (w * b * b).sum()
        determinant = aa * bb - ab * ab
        if determinant <= 1e-12 * aa * bb:
            break
        scale = float((bb * (w * a).sum() - ab * (w * b).sum()) / determinant)
        shift = float((aa * (w * b).sum() - ab * (w * a).sum()) / determinant)
    return scale, shift


def _best_pair(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], tolerance: float) -> tuple[float, float]:
    """Of lines through pairs of pixels, and of the line without a shift, the one that most pixels agree with."""
    rng = np.random.default_rng(0)  # equal input gives equal output
    i, j = rng.integers(len(x), size=(2, PAIRS))
    apart = np.abs(x[i] - x[j]) > 0.1 * np.maximum(x[i], x[j])
    i, j = i[apart], j[apart]
    scales = np.append((y[i] - y[j]) / (x[i] - x[j]), np.median(y / x))
    shifts = np.append(y[i] - scales[:-1] * x[i], 0.0)
    some = slice(None, None, len(x) // 2000 + 1)
    agree = np.abs((scales[:, None] * x[some] + shifts[:, None]) / y[some] - 1) <= tolerance
    agree[scales <= 0] = False
    best = len(scales) - 1 - int(np.argmax(agree.mean(axis=1)[::-1]))  # of equals the one without a shift
    return float(scales[best]), float(shifts[best])


def _beside_edges(depth_m: DepthImage) -> Mask:
    """Where depth is unknown or infinite, or within EDGE_PX of a jump of it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        valid = (depth_m >= MIN_DEPTH_M) & (depth_m <= MAX_DEPTH_M)
        inverse = cv2.medianBlur(np.where(valid, 1 / depth_m, 0).astype(np.float32), MEDIAN_PX)
    edge = ~valid
    for axis in (0, 1):
        pair = np.maximum(np.delete(inverse, 0, axis), np.delete(inverse, -1, axis))
        jump = np.abs(np.diff(inverse, axis=axis)) > EDGE * pair
        before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        before[axis], after[axis] = (1, 0), (0, 1)
        edge = edge | np.pad(jump, before) | np.pad(jump, after)
    kernel = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    return np.asarray(cv2.dilate(edge.astype(np.uint8), kernel) > 0)
