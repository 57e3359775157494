"""Which pixels are sky, ground, or upright, by colour, texture and position.

Ground: what looks like the lower part of the picture and not like what stands above the horizon, where no ground can be (GrabCut:
Rother, Kolmogorov and Blake, SIGGRAPH 2004, with the horizon for a rectangle). Sky: what is smooth, and blue or nearly white,
from the upper edge down. A pale ceiling must not become sky, so where in doubt there is none.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, Mask

Floats = npt.NDArray[np.float64]

HORIZON_MARGIN = 0.02  # of slope: what lies closer below the horizon is too far to tell
GROUND_SEED_SHARE = 0.3  # of the rows between horizon and lower edge, from below
MIN_BELOW_SHARE = 0.03  # of the picture; with less below the horizon there is no ground to find
ITERATIONS = 4
RNG_SEED = 20_240_229
FLAT_DEVIATION = 2.0  # of 255; a flatter picture has no regions
MIN_SKY_SHARE = 0.02
SKY_ROUGHNESS = 14.0  # of 255, deviation within a window; clouds stay below
BLUE_LEAD = 12.0  # of 255, by which a blue sky's blue exceeds its red
WHITE = 228.0


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks bool (H, W) of one picture; what is neither is upright.

    Attributes:
        sky, ground: disjoint.
        ground_found: False where `ground` is only what lies below the horizon.
    """

    sky: Mask
    ground: Mask
    ground_found: bool


def find_regions(colour: ColourImage, slope: npt.NDArray[np.float32]) -> Regions:
    """Regions of a small picture uint8 (H, W, 3).

    Args:
        slope: float32 (H, W), how far a pixel's ray falls per metre along the horizon: positive below the horizon.
    """
    sky = _sky(colour, slope)
    below = slope > HORIZON_MARGIN
    ground = None
    if below.mean() >= MIN_BELOW_SHARE and float(colour.std(axis=(0, 1)).max()) > FLAT_DEVIATION:
        ground = _ground(colour, slope, below)
    if ground is None:
        return Regions(sky, np.asarray(below & ~sky), False)
    return Regions(sky, np.asarray(ground & ~sky), True)


def _ground(colour: ColourImage, slope: npt.NDArray[np.float32], below: Mask) -> Mask | None:
    """bool (H, W), or None where the picture does not fall into two."""
    steepest = float(np.quantile(slope[below], 0.98))
    seed = below & (slope > steepest * (1 - GROUND_SEED_SHARE))
    labels = np.where(seed, cv2.GC_PR_FGD, np.where(below, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
    if not seed.any() or seed.all():
        return None
    lab = cv2.cvtColor(colour, cv2.COLOR_RGB2LAB)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.setRNGSeed(RNG_SEED)  # it starts from k-means
        cv2.grabCut(lab, labels, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few colours for its mixtures
        return None
    ground = np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    ground = cv2.morphologyEx(ground.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return np.asarray(ground) if (ground & seed).sum() > 0.3 * seed.sum() else None


def _sky(colour: ColourImage, slope: npt.NDArray[np.float32]) -> Mask:
    """bool (H, W), empty where nothing is surely sky."""
    rgb = colour.astype(np.float32)
    grey = rgb.mean(axis=2)
    blur = cv2.blur(grey, (7, 7))
    rough = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - blur * blur, 0))
    lead = rgb[..., 2] - rgb[..., 0]
    pale = (lead > BLUE_LEAD) & (rgb[..., 2] + 6 >= rgb[..., 1]) & (grey > 70)
    white = rgb.min(axis=2) > WHITE
    able = (pale | white) & (slope < 0)
    smooth = (able & (rough < SKY_ROUGHNESS)).astype(np.uint8)
    _, labels = cv2.connectedComponents(smooth, connectivity=4)
    touching = np.unique(labels[:2][smooth[:2] > 0])
    core = np.isin(labels, touching) & (smooth > 0)
    if core.mean() < MIN_SKY_SHARE or (core & pale).sum() < 0.5 * core.sum():
        return np.zeros(core.shape, np.bool_)
    # gaps between leaves: the same colours, in any place above the lowest sky
    model, spread = rgb[core].mean(axis=0), np.maximum(rgb[core].std(axis=0), 6)
    alike = (np.abs(rgb - model) < 3.5 * spread).all(axis=2) & able
    alike[np.flatnonzero(core.any(axis=1)).max() + 1 :] = False
    near = cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(core | alike | (near & able))


def sharpen_sky(sky: Mask, colour: ColourImage) -> Mask:
    """The sky of a small picture, bool (h, w), at the size of the whole picture uint8 (H, W, 3).

    Along its rim a pixel is sky where its colour is closer to that of the sky nearby than to that of the rest nearby.
    """
    size = (colour.shape[1], colour.shape[0])
    if not sky.any():
        return np.zeros(colour.shape[:2], np.bool_)
    share = cv2.resize(sky.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    if sky.all() or sky.shape == colour.shape[:2]:
        return np.asarray(share > 0.5)
    reduced = cv2.resize(colour, (sky.shape[1], sky.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    rim = (
        cv2.resize(cv2.morphologyEx(sky.astype(np.uint8), cv2.MORPH_GRADIENT, kernel), size, interpolation=cv2.INTER_NEAREST) > 0
    )
    distances = []
    for part in (cv2.erode(sky.astype(np.uint8), kernel) > 0, cv2.dilate(sky.astype(np.uint8), kernel) == 0):
        weight = cv2.blur(part.astype(np.float32), (15, 15))
        mean = cv2.blur(reduced * part[..., None], (15, 15)) / np.maximum(weight, np.float32(1e-6))[..., None]
        distance = np.abs(colour.astype(np.float32) - cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR)).sum(axis=2)
        distances.append(np.where(cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR) > 1e-4, distance, np.inf))
    known = np.isfinite(distances[0]) | np.isfinite(distances[1])
    return np.asarray(np.where(rim & known, distances[0] < distances[1], share > 0.5))
