"""A surface through the points: signed distances to their planes on a grid (Hoppe et al. 1992), and surface nets (Gibson 1998).

The grid is as fine as a bounded number of occupied cells allows, so that time and memory are bounded too. Nothing is closed but
gaps of a cell or two: where memory saw nothing there is no surface. Points of a coarser level than the grid get a grid of their
own; where two such grids meet the surface has a seam. The backdrop is no surface and is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.export.base import Progress, silent
from spatia_bridge.export.batches import Batch, batches
from spatia_bridge.export.surfels import surfels
from spatia_bridge.memory import Snapshot
from spatia_bridge.memory.chunk import MAX_LEVEL
from spatia_bridge.memory.record import CHUNK_SIDE, FLAG_BACKDROP

REACH = 1.5  # cells: how far from a point its plane counts
_KEY_BITS = 21  # a coordinate
_LOW_BITS = (1 << _KEY_BITS) - 1
_AXIS_STEPS = np.array([1 << 2 * _KEY_BITS, 1 << _KEY_BITS, 1], np.int64)
_CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Vertices.

    Attributes:
        points_world: float64 (V, 3) metres.
        rgb: float64 (V, 3), sRGB 0…1.
        triangles: int64 (T, 3), counter-clockwise seen from the side that cameras saw, in OpenCV axes.
    """

    points_world: Floats
    rgb: Floats
    triangles: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Occupied cells of one grid: what their points are like in the mean. All (N, …); places are in cells from the corner."""

    cell_size_m: float
    corner: npt.NDArray[np.int64]  # (3,) in cells
    keys: Keys
    places: Floats
    normals: Floats
    rgb: Floats


def extract_surface(snapshot: Snapshot, max_cells: int, progress: Progress = silent) -> TriangleMesh:
    """The surface of a snapshot on the finest grid with at most so many occupied cells; progress in points looked at.

    Raises:
        InvalidInputError: there are too few points for a surface.
    """
    meshes = [_surface_nets(cells) for cells in _occupied(snapshot, _level_for(snapshot, max_cells), progress)]
    starts = np.cumsum([0, *(len(mesh.points_world) for mesh in meshes)])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=False)]
    if not sum(map(len, triangles)):
        raise InvalidInputError("the points lie too far apart for a surface", "export them as points, or remember more views")
    points, rgb = (np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in ("points_world", "rgb"))
    return TriangleMesh(points, rgb, np.concatenate(triangles))


def _level_for(snapshot: Snapshot, max_cells: int) -> int:
    """The finest level whose grid has at most so many occupied cells."""
    for level in range(MAX_LEVEL):
        count = 0
        for index, chunk in snapshot.chunks.items():
            shift = min(max(level - index.level, 0), CHUNK_SIDE.bit_length() - 1)
            count += len(np.unique(chunk.codes() >> np.uint32(3 * shift))) if shift else len(chunk)
            if count > max_cells:
                break
        if count <= max_cells:
            return level
    return MAX_LEVEL


def _occupied(snapshot: Snapshot, level: int, progress: Progress) -> Iterator[_Cells]:
    """The occupied cells of each grid: of `level` for all points up to it, of their own for coarser ones."""
    sums: dict[int, list[tuple[npt.NDArray[np.int64], Floats]]] = {}
    done = 0
    progress(0, snapshot.points)
    for batch in batches(snapshot):
        for grid, cells, totals in _batch_sums(batch, snapshot.voxel_size_m, level):
            sums.setdefault(grid, []).append((cells, totals))
        done += len(batch)
        progress(done, snapshot.points)
    for grid in sorted(sums):
        cells, totals = (np.concatenate(parts) for parts in zip(*sums[grid], strict=True))
        corner = cells.min(axis=0) - 2  # room for a point's reach
        if (cells.max(axis=0) - corner).max() >= (1 << _KEY_BITS) - 4:
            raise LimitExceededError("the points lie too far apart for one grid", "remove what is far from the scene first")
        keys, which = np.unique((cells - corner) @ _AXIS_STEPS, return_inverse=True)
        merged = np.stack([np.bincount(which, column, len(keys)) for column in totals.T], axis=1)
        size, weight = snapshot.voxel_size_m * (1 << grid), merged[:, :1]
        normals = merged[:, 4:7] / np.maximum(np.linalg.norm(merged[:, 4:7], axis=1, keepdims=True), 1e-9)
        yield _Cells(size, corner, keys, merged[:, 1:4] / weight - corner, normals, merged[:, 7:10] / weight)


def _batch_sums(batch: Batch, base_m: float, level: int) -> Iterator[tuple[int, npt.NDArray[np.int64], Floats]]:
    """For each grid in a batch: cells (N, 3) and sums (N, 10) of 1, place in cells, normal, colour 0…1 of their points."""
    normals, _ = surfels(batch)
    own_level = np.repeat([chunk.index.level for chunk in batch.chunks], [len(chunk) for chunk in batch.chunks])
    solid = batch.records["flags"] & FLAG_BACKDROP == 0
    grids = np.maximum(own_level, level)
    for grid in np.unique(grids[solid]):
        here = solid & (grids == grid)
        places = batch.points_world[here] / (base_m * (1 << int(grid)))
        columns = np.column_stack([np.ones(len(places)), places, normals[here], batch.records["rgb"][here] / 255])
        cells, which = np.unique(np.floor(places).astype(np.int64), axis=0, return_inverse=True)
        yield int(grid), cells, np.stack([np.bincount(which.ravel(), column, len(cells)) for column in columns.T], axis=1)


def _distances(cells: _Cells) -> tuple[Keys, Floats]:
    """Signed distances (C,), in cells, of the corners (C,) that any point reaches, sorted by key: positive on the seen side."""
    low = np.floor(cells.places).astype(np.int64)
    keys, weights, products = [], [], []
    for offset in np.ndindex(4, 4, 4):
        corners = low + np.array(offset) - 1
        away = corners - cells.places
        squared = (away**2).sum(axis=1)
        near = squared < REACH**2
        weight = (1 - squared[near] / REACH**2) ** 2
        keys.append(corners[near] @ _AXIS_STEPS)
        weights.append(weight)
        products.append(weight * (away[near] * cells.normals[near]).sum(axis=1))
    found, which = np.unique(np.concatenate(keys), return_inverse=True)
    weight = np.bincount(which, np.concatenate(weights), len(found))
    return found, np.bincount(which, np.concatenate(products), len(found)) / weight


def _find(sorted_keys: Keys, wanted: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where each wanted key (N,) is among the sorted ones, −1 for nowhere."""
    at = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return np.where(sorted_keys[at] == wanted, at, -1)


def _surface_nets(cells: _Cells) -> TriangleMesh:
    keys, distance = _distances(cells)
    corners = np.stack([_find(keys, keys + offset @ _AXIS_STEPS) for offset in _CORNERS], axis=1)
    values = distance[corners]
    crossed = (corners >= 0).all(axis=1) & ((values >= 0).any(axis=1) & (values < 0).any(axis=1))
    net_keys, places = keys[crossed], _net_places(values[crossed])
    coordinates = np.stack([net_keys >> 2 * _KEY_BITS, (net_keys >> _KEY_BITS) & _LOW_BITS, net_keys & _LOW_BITS], axis=1)
    triangles = _net_triangles(keys, distance, net_keys)
    points_world = (coordinates + places + cells.corner) * cells.cell_size_m
    return TriangleMesh(points_world, _net_colours(cells, net_keys), triangles)


def _net_places(values: Floats) -> Floats:
    """Within each cell (N, 3), the mean of where its edges are crossed; values (N, 8) of its corners."""
    total, count = np.zeros((len(values), 3)), np.zeros((len(values), 1))
    for a, b in _EDGES:
        crossed = (values[:, a] >= 0) != (values[:, b] >= 0)
        span = np.where(crossed, values[:, a] - values[:, b], 1.0)
        place = _CORNERS[a] + (values[:, a] / span)[:, None] * (_CORNERS[b] - _CORNERS[a])
        total += np.where(crossed[:, None], place, 0.0)
        count += crossed[:, None]
    return total / count


def _net_triangles(keys: Keys, distance: Floats, net_keys: Keys) -> npt.NDArray[np.int64]:
    """Two for every grid edge that is crossed and has a vertex in each of its four cells."""
    found = [np.empty((0, 3), np.int64)]
    if not len(net_keys):
        return found[0]
    for axis in range(3):
        along, across, up = (_AXIS_STEPS[(axis + turn) % 3] for turn in range(3))
        end = _find(keys, keys + along)
        crossed = (end >= 0) & ((distance >= 0) != (distance[end] >= 0))
        start = keys[crossed]
        quads = np.stack([_find(net_keys, start - shift) for shift in (across + up, up, np.int64(0), across)], axis=1)
        whole = (quads >= 0).all(axis=1)
        quads, outwards = quads[whole], distance[crossed][whole] < 0
        quads = np.where(outwards[:, None], quads, quads[:, ::-1])
        found += [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    return np.concatenate(found)


def _net_colours(cells: _Cells, net_keys: Keys) -> Floats:
    """The colour (N, 3) of each vertex's own cell, or the mean of the occupied ones around it."""
    own = _find(cells.keys, net_keys)
    colours = cells.rgb[own]
    bare = np.flatnonzero(own < 0)
    total, count = np.zeros((len(bare), 3)), np.zeros((len(bare), 1))
    for offset in np.ndindex(5, 5, 5):
        at = _find(cells.keys, net_keys[bare] + (np.array(offset) - 2) @ _AXIS_STEPS)
        near = 1.0 / (1 + ((np.array(offset) - 2) ** 2).sum()) ** 2
        total += np.where((at >= 0)[:, None], cells.rgb[at] * near, 0.0)
        count += (at >= 0)[:, None] * near
    colours[bare] = total / np.maximum(count, 1e-9)
    return colours
