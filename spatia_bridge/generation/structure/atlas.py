"""A plane's texture: as it was seen, and a tile that carries it on.

Along an axis where the texture repeats, the tile is one period, put together from the best views of every texel of it; along one
where it does not, the tile is the known length, mirrored at its ends, which leaves no seam. How much lighter or darker the known
texture is than the tile at its rim is carried on too, so that light does not jump where memory ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.generation.fill import fill
from spatia_bridge.generation.structure.extent import KNOWN, MAX_REACH_M, REACH, Box, Bytes, Extent, cells_around, extend, look
from spatia_bridge.generation.structure.period import box_mean, find_period
from spatia_bridge.generation.structure.planes import Labels, Plane
from spatia_bridge.generation.structure.views import Floats, Samples, View

SHARP = 3.0  # times the footprint of the sharpest fifth: what is seen worse adds nothing to a texture
MAX_TEXELS = 60_000  # a plane
MAX_TEXELS_A_SIDE = 640
MIN_KNOWN = 60  # texels: with fewer there is nothing to carry on
MAX_LIGHT = 24.0  # of 255: more is another material, not light
FULL_PART = 0.97  # of a tile: so much is known, the rest is filled smoothly

_jit = numba.njit(cache=True, nogil=True)
Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tile:
    """What carries a texture on.

    Attributes:
        levels: uint8 (H, W, 3), each half the size of the one before (Williams 1983).
        u, v: plane coordinates of its corner; width_m, height_m: its size.
        mirror_u, mirror_v: mirrored rather than repeated.
    """

    levels: tuple[Bytes, ...]
    u: float
    v: float
    width_m: float
    height_m: float
    mirror_u: bool
    mirror_v: bool


@dataclass(frozen=True, eq=False)
class Surface:
    """A plane with its cells and its texture.

    Attributes:
        state, colour: of the texels in `box`, the sharply seen part; uint8 (H, W) and (H, W, 3).
        light: float32 (rows, columns) a cell of the extent, added to the tile's colours.
    """

    plane: Plane
    box: Box
    state: Bytes
    colour: Bytes
    extent: Extent
    tile: Tile
    light: Singles


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the clip knows: views, their samples, which plane each sample lies on, and the storey that walls stand in."""

    views: tuple[View, ...]
    samples: tuple[Samples, ...]
    labels: tuple[Labels, ...]
    storey_m: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A plane's sharply seen texels."""

    box: Box
    state: Bytes
    quality: Singles
    colour: Bytes


def make_surface(number: int, plane: Plane, evidence: Evidence) -> Surface | None:
    """A plane with what is known of it, carried on; None if that is next to nothing."""
    seeing = [n for n, label in enumerate(evidence.labels) if (label == number).any()]
    order = seeing + [n for n in range(len(evidence.views)) if n not in seeing]
    views, labels = [evidence.views[n] for n in order], [evidence.labels[n] for n in order]
    uv, footprint = _members(number, plane, evidence, seeing)
    if not len(uv):
        return None
    uv, footprint = uv[:: len(uv) // 4000 + 1], footprint[:: len(uv) // 4000 + 1]  # enough for what follows
    sharp = footprint <= SHARP * np.percentile(footprint, 20)
    box = _texel_box(uv[sharp], footprint[sharp])
    state, quality, colour = look(plane, box, views, labels, number)
    if (state == KNOWN).sum() < MIN_KNOWN:
        return None
    low, high = np.percentile(uv, 0.3, axis=0), np.percentile(uv, 99.7, axis=0)
    area = _area(uv, footprint)
    reach = min(REACH[plane.kind] * area**0.5, MAX_REACH_M)
    cells = cells_around(plane, low, high, box.side, reach, evidence.storey_m)
    extent = extend(plane, cells, reach, views, labels, number, box, state)
    sheet = Sheet(box, state, quality, colour)
    tile, period_px = make_tile(sheet)
    return Surface(plane, box, state, colour, extent, tile, _light(sheet, tile, extent, period_px))


def _members(number: int, plane: Plane, evidence: Evidence, seeing: Sequence[int]) -> tuple[Floats, Floats]:
    """Plane coordinates (N, 2) of the samples with this label, and the roots (N,) of the areas in the plane that pixels see."""
    places, footprints = [np.zeros((0, 2))], [np.zeros(0)]
    axes = np.stack([plane.u_world, plane.v_world], axis=1)
    for n in seeing:
        view, sample = evidence.views[n], evidence.samples[n]
        mine = evidence.labels[n] == number
        points, depth = sample.points_world[mine], sample.depth_m[mine]
        rays = points - view.camera.position_world
        cosine = -(rays @ plane.normal_world) / np.linalg.norm(rays, axis=1)
        places.append(points @ axes)
        footprints.append(depth / view.camera.intrinsics.fx / np.sqrt(np.clip(cosine, 0.02, 1.0)))
    return np.concatenate(places), np.concatenate(footprints)


def _texel_box(uv: Floats, footprint: Floats) -> Box:
    side = float(np.percentile(footprint, 30))
    low, high = np.percentile(uv, 0.3, axis=0) - 3 * side, np.percentile(uv, 99.7, axis=0) + 3 * side
    span = high - low
    side = max(side, float(np.sqrt(span[0] * span[1] / MAX_TEXELS)), float(span.max()) / MAX_TEXELS_A_SIDE)
    return Box.around(low, high, side)


def _area(uv: Floats, footprint: Floats) -> float:
    """The area that samples cover, m², seen twice counted once: on a grid of the size of the coarser samples."""
    side = max(8 * float(np.percentile(footprint, 90)), 1e-3)
    return len(np.unique(np.floor(uv / side).astype(np.int64), axis=0)) * side**2


def make_tile(sheet: Sheet) -> tuple[Tile, tuple[float, float]]:
    """The tile, and the texture's period in texels along u and v (0 = none)."""
    known = cv2.erode((sheet.state == KNOWN).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    known = known if known.sum() >= MIN_KNOWN else sheet.state == KNOWN
    values = sheet.colour.astype(np.float32)
    luminance = _grey(sheet.colour)
    period_u, period_v = find_period(luminance, known, 1), find_period(luminance, known, 0)
    if period_u > 0 or period_v > 0:  # light out: a window of a whole period has the same mean everywhere
        window = (round(period_v) or known.shape[0], round(period_u) or known.shape[1])
        mean = values[known].mean(axis=0)
        values = np.clip(values - box_mean(values, known, *window) + mean, 0, 255)
    detail, trust = values, np.where(known, sheet.quality, np.float32(0))
    start_u, start_v = 0, 0
    if period_u > 0:
        detail, trust = _fold(detail, trust, period_u)
    if period_v > 0:
        detail, trust = (np.swapaxes(a, 0, 1) for a in _fold(np.swapaxes(detail, 0, 1), np.swapaxes(trust, 0, 1), period_v))
    (start_v, end_v), (start_u, end_u) = _full_part(trust > 0, period_v == 0, period_u == 0)
    detail, trust = detail[start_v:end_v, start_u:end_u], trust[start_v:end_v, start_u:end_u]
    colour = np.clip(np.rint(detail), 0, 255).astype(np.uint8)
    if not (trust > 0).all():
        colour = fill(colour, np.ones(trust.shape, np.float32), trust > 0)[0]
    side = sheet.box.side
    width, height = (period_u or end_u - start_u) * side, (period_v or end_v - start_v) * side
    corner = (sheet.box.u + start_u * side, sheet.box.v + start_v * side)
    return Tile(_pyramid(colour), *corner, width, height, period_u == 0, period_v == 0), (period_u, period_v)


def _grey(colour: Bytes) -> Singles:
    red, green, blue = (colour[..., c].astype(np.float32) for c in range(3))
    return np.asarray((red + green + blue) / np.float32(3))


def _fold(values: Singles, trust: Singles, period: float) -> tuple[Singles, Singles]:
    """One period of columns: of all texels that fall on the same one, the best seen."""
    count = max(round(period), 1)
    best_values, best = np.zeros((values.shape[0], count, 3), np.float32), np.zeros((values.shape[0], count), np.float32)
    place = (np.arange(count) + 0.5) * (period / count)
    for repeat in range(int(np.ceil(values.shape[1] / period))):
        column = np.floor(place + repeat * period).astype(np.int64)
        inside = column < values.shape[1]
        column = np.minimum(column, values.shape[1] - 1)
        there = np.where(inside[None], trust[:, column], np.float32(0))
        better = there > best
        best = np.where(better, there, best)
        best_values = np.where(better[..., None], values[:, column], best_values)
    return best_values, best


def _full_part(known: npt.NDArray[np.bool_], trim_rows: bool, trim_columns: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of the largest rectangle of which nearly all is known, cut only along the axes that may be."""
    step_v, step_u = max(1, known.shape[0] // 40), max(1, known.shape[1] // 40)
    height, width = max(known.shape[0] // step_v, 1), max(known.shape[1] // step_u, 1)
    share = known[: height * step_v, : width * step_u].reshape(height, step_v, width, step_u).mean(axis=(1, 3))
    low_v, high_v, low_u, high_u = _largest(share >= FULL_PART, trim_rows, trim_columns)
    if (high_v - low_v) * (high_u - low_u) == 0:  # nothing is complete: take it all, the rest is filled smoothly
        return (0, known.shape[0]), (0, known.shape[1])
    end_v = known.shape[0] if high_v == height else high_v * step_v
    end_u = known.shape[1] if high_u == width else high_u * step_u
    return (low_v * step_v, end_v), (low_u * step_u, end_u)


@_jit
def _largest(full, trim_rows, trim_columns):  # type: ignore[no-untyped-def]
    """The largest rectangle of true cells: first and end row, first and end column. Axes not to be trimmed are taken whole, and
    then a true cell in most of each row, or column, will do."""
    rows, columns = full.shape
    best = (0, 0, 0, 0)
    area = 0
    for low in range(rows):
        count = np.zeros(columns, np.int64)
        for high in range(low + 1, rows + 1):
            run, missed = 0, 0
            whole = low == 0 and high == rows
            for x in range(columns):
                count[x] += full[high - 1, x]
                least = high - low if trim_rows else int(0.8 * (high - low))
                missed += count[x] < least
                run = run + 1 if count[x] >= least else 0
                if trim_columns and run * (high - low) > area and (trim_rows or whole):
                    area, best = run * (high - low), (low, high, x + 1 - run, x + 1)
            if not trim_columns and missed <= 0.2 * columns and columns * (high - low) > area and (trim_rows or whole):
                area, best = columns * (high - low), (low, high, 0, columns)
    return best


def _pyramid(colour: Bytes) -> tuple[Bytes, ...]:
    levels = [np.ascontiguousarray(colour)]
    while max(levels[-1].shape[:2]) > 2:
        height, width = ((n + 1) // 2 for n in levels[-1].shape[:2])
        levels.append(np.asarray(cv2.resize(levels[-1], (width, height), interpolation=cv2.INTER_AREA)))
    return tuple(levels)


def wrapped(place: npt.NDArray[np.floating], mirror: bool) -> Floats:
    """Coordinates in tiles (1 = one tile) to 0…1 within the tile."""
    if not mirror:
        return np.asarray(place - np.floor(place))
    folded = np.abs(place - 2 * np.rint(place / 2))
    return np.asarray(np.minimum(folded, 1 - 1e-9))


def _light(sheet: Sheet, tile: Tile, extent: Extent, period_px: tuple[float, float]) -> Singles:
    """What the known texture has over the tile, a cell, smooth, and carried on from the rim outwards."""
    box, cells = sheet.box, extent.box
    u, v = (np.arange(box.columns) + 0.5) * box.side + box.u, (np.arange(box.rows) + 0.5) * box.side + box.v
    level = tile.levels[0]
    column = (wrapped((u - tile.u) / tile.width_m, tile.mirror_u) * level.shape[1]).astype(np.int64)
    row = (wrapped((v - tile.v) / tile.height_m, tile.mirror_v) * level.shape[0]).astype(np.int64)
    over = _grey(sheet.colour) - _grey(level)[row[:, None], column[None]]
    y, x = np.nonzero(sheet.state == KNOWN)
    cell_y = np.clip(((v - cells.v) / cells.side).astype(np.int64), 0, cells.rows - 1)[y]
    cell_x = np.clip(((u - cells.u) / cells.side).astype(np.int64), 0, cells.columns - 1)[x]
    at = cell_y * cells.columns + cell_x
    shape = (cells.rows, cells.columns)
    count = np.bincount(at, minlength=cells.rows * cells.columns).reshape(shape)
    mean = (np.bincount(at, over[y, x], cells.rows * cells.columns).reshape(shape) / np.maximum(count, 1)).astype(np.float32)
    extents = (box.columns, box.rows)
    window = [max(int(np.ceil((p or n / 5) * box.side / cells.side)), 3) for p, n in zip(period_px, extents, strict=True)]
    smooth = np.clip(box_mean(mean[..., None], count > 0, window[1], window[0]), -MAX_LIGHT, MAX_LIGHT)
    shifted = np.repeat(np.clip(np.rint(4 * smooth + 128), 0, 255).astype(np.uint8), 3, axis=2)
    spread = fill(shifted, np.ones(shape, np.float32), count > 0)[0]
    return np.asarray((spread[..., 0].astype(np.float32) - 128) / 4, np.float32)
