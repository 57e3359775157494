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
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, DepthImage, Mask
from spatia_bridge.perception.robust import TUKEY, biweight, sigma
from spatia_bridge.render.cores import map_all

EDGE = 0.1  # of the inverse depth: neighbours that differ by more, after a median filter against noise, are an edge
MEDIAN_PX = 5
EDGE_PX = 2  # beside an edge
MAX_PIXELS = 10_000
PAIRS = 256
MIN_SPREAD = 1.25  # ratio of the 90th to the 10th percentile of depth, below which the shift is zero
STEPS = 15
SETTLED = 1e-6  # relative: what a step of the fit may still change when it ends
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
        return np.asarray(_applied(estimated_m, self.scale, self.shift_per_m, 1 / MAX_DEPTH_M))


@numba.njit(cache=True, nogil=True)
def _applied(depth, scale, shift, least):  # type: ignore[no-untyped-def]
    aligned = np.zeros(depth.shape, np.float32)
    for j in range(depth.shape[0]):
        for i in range(depth.shape[1]):
            z = np.float64(depth[j, i])
            if z == np.inf:
                aligned[j, i] = z
            elif z > 0:
                inverse = scale / z + shift
                if inverse > least:
                    aligned[j, i] = 1 / inverse
    return aligned


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
    beside, beside_known = map_all(_beside_edges, (estimated_m, known_m))
    use = known & ~beside & ~beside_known
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
        before, error = (scale, shift), scale * a + shift * b - 1
        w = biweight(error, TUKEY * sigma(np.abs(error), MIN_SIGMA))
        wa = w * a
        aa, ax = float((wa * a).sum()), float(wa.sum())  # no `@`: of long vectors BLAS makes it on all cores, and waits for them
        if with_shift:
            wb = w * b
            ab, bb, bx = float((wa * b).sum()), float((wb * b).sum()), float(wb.sum())
            determinant = aa * bb - ab * ab
            if determinant <= 1e-12 * aa * bb:
                break
            scale, shift = (bb * ax - ab * bx) / determinant, (aa * bx - ab * ax) / determinant
        else:
            scale = ax / max(aa, 1e-12)
        if abs(scale - before[0]) <= SETTLED * abs(scale) and abs(shift - before[1]) <= SETTLED * high:
            break
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
    agree = np.where(scales > 0, _agreeing(scales, shifts, x[some], y[some], tolerance), 0)
    best = len(scales) - 1 - int(np.argmax(agree[::-1]))  # of equals the one without a shift
    return float(scales[best]), float(shifts[best])


@numba.njit(cache=True, nogil=True)
def _agreeing(scales, shifts, x, y, tolerance):  # type: ignore[no-untyped-def]
    """How many of the pixels agree with each line."""
    agree = np.zeros(len(scales), np.int64)
    for line in range(len(scales)):
        for n in range(len(x)):
            agree[line] += abs((scales[line] * x[n] + shifts[line]) / y[n] - 1) <= tolerance
    return agree


def _beside_edges(depth_m: DepthImage) -> Mask:
    """Where depth is unknown or infinite, or within EDGE_PX of a jump of it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        valid = (depth_m >= MIN_DEPTH_M) & (depth_m <= MAX_DEPTH_M)
        inverse = cv2.medianBlur(np.where(valid, 1 / depth_m, 0).astype(np.float32), MEDIAN_PX)
    edge = ~valid
    for first, second in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        a, b = inverse[first], inverse[second]
        jump = np.abs(b - a) > EDGE * np.maximum(a, b)
        edge[first] |= jump
        edge[second] |= jump
    kernel = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    return np.asarray(cv2.dilate(edge.astype(np.uint8), kernel) > 0)
