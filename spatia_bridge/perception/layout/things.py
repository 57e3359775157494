"""What stands on the ground before the walls: found by its foot, cut out upwards, set up as a box without sides.

On the ground in front of the walls' base lines, what does not look like ground, or is a vertical line, stands there. Colour
decides how far it reaches up before the wall behind it (GrabCut again, seeded with the foot). Each thing becomes a front that
stands at the distance of its foot, column by column, smoothed along it so that a table's legs hold together, and a level top from
the front's upper edge back to the wall: a table, a cupboard or a sofa is a fold in the place, and nothing tears above it (the
blocks world of Gupta, Efros and Hebert, ECCV 2010, without its physics).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.perception.layout.regions import RNG_SEED, Regions
from spatia_bridge.perception.layout.surfaces import GROUND, Layout, base_slope, intersect

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

TALLEST_M = 0.95  # tables, chairs, cupboards; what is taller looks well enough on the wall behind it
FARTHEST_M = 10.0  # beyond, a step aside moves a thing by little against the wall behind it
MIN_SHARE = 0.0006  # of the picture's pixels, of a seed
MIN_RISE = 0.35  # height by width of a seed that lies on the ground wholly: flatter is a rug or a patch of light
BEHIND = 1.1  # a pixel is on the ground before the wall where it lies so much below the base line
ITERATIONS = 3
LEAST_OVER = 0.12  # of the camera's height: a top nearer to the eye's level is seen too edge-on to be one
LOWEST_TOP = 0.8  # likewise: what is lower than a fifth of that is a step, a shadow, or the foot of something on the wall
HOLD_M = 0.45  # along a thing, feet this far apart carry it together


@dataclass(frozen=True, eq=False)
class Things:
    """Boxes without sides: an upright front, and a level top back to the wall.

    Attributes:
        mask: bool (H, W) of the small picture, the pixels that may show one.
        near: float32 (H, W), camera height by distance of the front along the level z, where the mask is true, else 0.
        over: float32 (H, W), how far the camera is above the top as a share of its height above the ground, else 0.
    """

    mask: Mask
    near: Singles
    over: Singles

    def inverse(self, rays: Singles) -> Singles:
        """Camera height by distance along rays (H, W, 3) in the level frame, of the small picture's pixels; 0 without a thing."""
        return box_inverse(self.near, self.over, rays)


def box_inverse(near: Singles, over: Singles, rays: Singles) -> Singles:
    """See `Things.inverse`; maps (H, W) of any size."""
    return np.asarray(np.maximum(np.minimum(near * rays[..., 2], rays[..., 1] / np.maximum(over, np.float32(1e-3))), 0))


def find_things(colour: ColourImage, regions: Regions, layout: Layout, rays: Singles, lines: Mask, believed: bool) -> Things:
    """Things of a small picture uint8 (H, W, 3).

    Args:
        rays: float32 (H, W, 3) in the level frame.
        lines: bool (H, W), vertical lines.
        believed: whether the layout's walls were seen; without them nothing stands before them.
    """
    empty = np.zeros(rays.shape[:2], np.float32)
    nothing = Things(empty > 0, empty, empty)
    if not (regions.ground_found and believed):
        return nothing
    _, kind = intersect(layout, rays)
    before = (kind == GROUND) & (rays[..., 1] * FARTHEST_M > layout.height_m * rays[..., 2])
    before &= rays[..., 1] > BEHIND * np.maximum(base_slope(layout, rays), 0)
    seeds = _seeds(before & ~regions.ground, before & lines, before)
    if not seeds.any():
        return nothing
    room = _room(seeds, layout, rays)
    mask = _cut_out(colour, regions, seeds, room, before)
    floor = before & ~mask
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        nothing = _nearer(nothing, _box(labels == label, before, floor, layout, rays), rays)
    return nothing


def _nearer(a: Things, b: Things, rays: Singles) -> Things:
    """At each pixel the nearer of two."""
    take = b.mask & (~a.mask | (b.inverse(rays) > a.inverse(rays)))
    return Things(np.asarray(a.mask | b.mask), np.where(take, b.near, a.near), np.where(take, b.over, a.over))


def _seeds(other: Mask, lines: Mask, before: Mask) -> Mask:
    """What stands there, of what is on the ground and does not look like it."""
    seeds = np.zeros(other.shape, np.bool_)
    joined = cv2.dilate((other | lines).astype(np.uint8), np.ones((3, 3), np.uint8)) & before.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    height = other.shape[0]
    above = cv2.dilate((~before).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for label in range(1, count):
        _, top, wide, tall, area = stats[label]
        part = labels == label
        if area < MIN_SHARE * other.size:
            continue
        reaches_wall = (part & above).sum() > 0.15 * wide
        foot_seen = top + tall < height
        if (tall > MIN_RISE * wide or reaches_wall) and (foot_seen or tall > wide):
            seeds |= part & (other | lines)
    return seeds


def _room(seeds: Mask, layout: Layout, rays: Singles) -> Mask:
    """Where the seeds' things may reach: above their feet, up to TALLEST_M."""
    share = np.float32(1 - TALLEST_M / layout.height_m)
    foot = np.where(seeds, rays[..., 1], 0).max(axis=0)
    width = max(seeds.shape[1] // 60, 1)
    foot = cv2.dilate(foot[None].astype(np.float32), np.ones((1, 2 * width + 1), np.uint8))[0]
    return np.asarray((foot > 0) & (rays[..., 1] <= foot) & (rays[..., 1] >= share * foot))


def _cut_out(colour: ColourImage, regions: Regions, seeds: Mask, room: Mask, before: Mask) -> Mask:
    rows, columns = np.flatnonzero(room.any(axis=1)), np.flatnonzero(room.any(axis=0))
    pad = 12
    box = (
        slice(max(rows[0] - pad, 0), rows[-1] + pad + 1),
        slice(max(columns[0] - pad, 0), columns[-1] + pad + 1),
    )
    labels = np.where(room, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    labels[room & ~before] = cv2.GC_PR_FGD
    labels[seeds] = cv2.GC_FGD
    part = np.ascontiguousarray(labels[box])
    try:
        cv2.setRNGSeed(RNG_SEED)
        lab = cv2.cvtColor(np.ascontiguousarray(colour[box]), cv2.COLOR_RGB2LAB)
        cv2.grabCut(lab, part, None, np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return seeds
    found = np.zeros(seeds.shape, np.uint8)
    found[box] = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    _, joined = cv2.connectedComponents(found, connectivity=8)
    return np.asarray(np.isin(joined, np.unique(joined[seeds])) & (found > 0))


def _box(part: Mask, before: Mask, floor: Mask, layout: Layout, rays: Singles) -> Things:
    """The thing that the pixels `part` show: front at its feet, top at its upper edge, column by column, smoothed along it."""
    slope = rays[..., 1] / np.maximum(rays[..., 2], np.float32(1e-3))
    feet = np.where(part & before, slope, 0).max(axis=0).astype(np.float64)
    tops = np.where(part, slope, np.inf).min(axis=0).astype(np.float64)
    columns = np.flatnonzero(part.any(axis=0))
    shape, empty = part.shape, np.zeros(part.shape, np.float32)
    if not (feet > 0).any() or len(columns) < 3:
        return Things(np.zeros(shape, np.bool_), empty, empty)
    span = slice(int(columns[0]), int(columns[-1]) + 1)
    pitch = abs(float(rays[0, -1, 0] / rays[0, -1, 2] - rays[0, 0, 0] / rays[0, 0, 2])) / max(shape[1] - 1, 1)
    reach = max(int(HOLD_M / layout.height_m * float(np.median(feet[feet > 0])) / max(pitch, 1e-6)), 1)
    near = _smooth(_held(feet[span], reach), reach)
    over = _smooth(np.clip(np.where(np.isfinite(tops[span]), tops[span], np.nan) / near, LEAST_OVER, 1), reach)
    lowest = np.where(part, np.arange(shape[0])[:, None], -1).max(axis=0)
    mask = np.zeros(shape, np.bool_)
    mask[:, span] = (np.arange(shape[0])[:, None] <= lowest[span]) & ~floor[:, span] & (slope[:, span] > 0)
    mask[:, span] &= over <= LOWEST_TOP
    maps = np.zeros((2, *shape), np.float32)
    maps[0][:, span], maps[1][:, span] = near, over
    return Things(mask, np.where(mask, maps[0], 0), np.where(mask, maps[1], 0))


def _held(feet: Floats, reach: int) -> Floats:
    """The nearest foot within reach of each column (C,); columns far from any foot take the closest one's."""
    held = cv2.dilate(feet[None], np.ones((1, 2 * reach + 1), np.uint8))[0]
    known = np.flatnonzero(held > 0)
    return np.asarray(np.interp(np.arange(len(held)), known, held[known]))


def _smooth(values: Floats, reach: int) -> Floats:
    """Medians, then means, over 2 · reach + 1 columns (C,); NaN is filled from beside."""
    known = np.flatnonzero(np.isfinite(values))
    padded = np.pad(np.interp(np.arange(len(values)), known, values[known]), reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    medians = np.pad(np.median(windows, axis=1), reach, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(medians, 2 * reach + 1).mean(axis=1))
