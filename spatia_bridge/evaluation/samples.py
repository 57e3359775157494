"""How good a generator's samples are where the truth was hidden: as a forecast, and as pictures of the kind that the truth is.

A single sample's PSNR punishes sampling and rewards smears; so the forecast is judged by a proper score and by the mean of
several samples, the pictures by the statistics of their fine detail.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.metrics import PEAK
from spatia_bridge.frames import ColourImage, DepthImage, Mask

PATCH = 7  # pixels a side; Karras et al., "Progressive growing of GANs", ICLR 2018, section 5
DIRECTIONS = 128
MAX_PATCHES = 8192
LEAST_DEPTH_M, FARTHEST_DEPTH_M = 0.1, 1000.0
Patches = npt.NDArray[np.float32]  # (N, 7 · 7 · 3)


def energy_score(samples: Sequence[ColourImage], truth: ColourImage, where: Mask) -> float:
    """E|X − y| − E|X − X'| / 2 over the pixels of `where`, in root mean square levels of 0…255; smaller is better.

    Proper (Gneiting and Raftery, "Strictly proper scoring rules", JASA 2007, section 4.3): it is least for who samples from what
    the truth is drawn from. For one sample it is the root mean squared error. The second term is the unbiased estimate.

    Returns:
        nan where `where` is empty.
    """
    if not where.any():
        return math.nan
    drawn = np.stack([sample[where] for sample in samples]).astype(np.float64)
    far = float(np.mean([_rms(each - truth[where]) for each in drawn]))
    return far - spread(samples, where) / 2


def spread(samples: Sequence[ColourImage], where: Mask) -> float:
    """The mean root mean square difference between two samples, levels of 0…255; 0 of a single sample."""
    drawn = [sample[where].astype(np.float64) for sample in samples]
    apart = [_rms(a - b) for n, a in enumerate(drawn) for b in drawn[:n]]
    return float(np.mean(apart)) if apart else 0.0


def mean_psnr(samples: Sequence[ColourImage], truth: ColourImage, where: Mask) -> float:
    """PSNR in dB of the samples' mean, not rounded; nan where `where` is empty, inf where it is the truth."""
    if not where.any():
        return math.nan
    error = _rms(np.mean([sample[where] for sample in samples], axis=0) - truth[where])
    return math.inf if error == 0 else 20 * math.log10(PEAK / error)


def laplacian_patches(image: ColourImage, where: Mask) -> Patches:
    """All patches that lie wholly in `where`, of the Laplacian pyramid's finest level."""
    values = image.astype(np.float32)
    height, width = where.shape
    detail = values - cv2.pyrUp(cv2.pyrDown(values), dstsize=(width, height))
    inner = cv2.erode(where.astype(np.uint8), np.ones((PATCH, PATCH), np.uint8), borderValue=0) > 0
    rows, columns = np.nonzero(inner)
    windows = np.lib.stride_tricks.sliding_window_view(detail, (PATCH, PATCH), axis=(0, 1))
    return np.ascontiguousarray(windows[rows - PATCH // 2, columns - PATCH // 2]).reshape(len(rows), PATCH**2 * detail.shape[2])


def sliced_wasserstein(a: Patches, b: Patches) -> float:
    """Mean absolute difference of the two sets' quantiles along random directions (Rabin et al., SSVM 2011), colour levels.

    Of more than MAX_PATCHES patches so many are taken, evenly. The directions are always the same.

    Raises:
        InvalidInputError: a set is empty.
    """
    if not len(a) or not len(b):
        raise InvalidInputError("there are no patches to compare", "use larger holes")
    ways = np.random.default_rng(0).standard_normal((a.shape[1], DIRECTIONS)).astype(np.float32)
    ways /= np.linalg.norm(ways, axis=0)
    at = np.linspace(0, 1, 512)
    one, other = (np.quantile(patches[:: -(-len(patches) // MAX_PATCHES)] @ ways, at, axis=0) for patches in (a, b))
    return float(np.abs(one - other).mean())


def gradient_energy(image: ColourImage, where: Mask) -> float:
    """Mean squared gradient of luma over the pixels of `where`, less their rim; nan where none is left."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    inner = cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    down, right = np.gradient(luma)
    return float((down**2 + right**2)[inner].mean()) if inner.any() else math.nan


def log_depth_error(depth_m: DepthImage, truth_m: DepthImage, where: Mask) -> float:
    """Mean |ln(depth / truth)| over the pixels of `where`; nan where it is empty."""
    if not where.any():
        return math.nan
    return float(np.abs(np.log(np.maximum(depth_m[where], LEAST_DEPTH_M) / np.maximum(truth_m[where], LEAST_DEPTH_M))).mean())


def telea(colour: ColourImage, depth_m: DepthImage, covered: Mask) -> tuple[ColourImage, DepthImage]:
    """The classic to compare with: colour and log depth inpainted (Telea, "An image inpainting technique", 2004), radius 3.

    With nothing covered: grey, no depth.
    """
    if not covered.any():
        return np.full_like(colour, 128), np.zeros_like(depth_m)
    holes = (~covered).astype(np.uint8)
    known = covered & (depth_m > 0)
    filled = np.asarray(cv2.inpaint(colour, holes, 3, cv2.INPAINT_TELEA), np.uint8)
    if not known.any():
        return filled, np.zeros_like(depth_m)
    span = math.log(FARTHEST_DEPTH_M / LEAST_DEPTH_M)
    share = np.log(np.clip(depth_m, LEAST_DEPTH_M, FARTHEST_DEPTH_M) / LEAST_DEPTH_M) / span
    steps = (share * 65535 + 0.5).astype(np.uint16)  # 16 bits: OpenCV's Telea scatters float32
    log_depth = np.asarray(cv2.inpaint(steps, (~known).astype(np.uint8), 3, cv2.INPAINT_TELEA), np.float32) * (span / 65535)
    return filled, np.where(known, depth_m, LEAST_DEPTH_M * np.exp(log_depth)).astype(np.float32)


def _rms(difference: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))
