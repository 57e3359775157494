"""What of a snapshot a camera can see, and how much of it: frustum culling and level of detail. Shared by all renderers.

Nothing here looks at single points, except once when a chunk is first met: a frame costs O(chunks) here and O(pixels) after it.

Level of detail. Points of a chunk are ordered so that prefixes of certain lengths hold exactly one point for every occupied cell
of 2^k voxels (`geometry.morton`). Where a chunk's points, at its nearest corner, would stand closer than LOD_SPACING_PX on
screen, the shortest of these prefixes whose spacing still is at most that is drawn; footprints grow with the spacing, so that a
surface stays closed. The spacing is the geometric mean of along and across: a surface seen at a slant, whose normals say so, has
more points a pixel than one seen face on and makes do with fewer. A frame then costs a few points a pixel, whatever memory holds.
"""

import threading
import weakref
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.morton import BITS
from spatia_bridge.memory.chunk import Chunk
from spatia_bridge.memory.record import CHUNK_SIDE, FOOTPRINT_BIAS, FOOTPRINT_STEPS, QUARTERS, decode_normals
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.splat import (
    BATCH_POINTS_PER_PIXEL,
    FAR_M,
    GATHER_POINTS_PER_PIXEL,
    MIN_COSINE,
    MIN_RADIUS_PX,
    NEAR_M,
    RIM_BIAS,
    SPLAT_DIAMETER,
    WINDOW_PX,
    Lens,
)

LOD_SPACING_PX = 1.2  # at 1.4 turned walls open and textures soften
MARGIN_PX = 2.0  # beyond the image's edges: the smallest splats, and float32 rounding
ROUNDING = 1e-4  # relative; far above what float32 loses, far below what would cost anything
TABLES_KEPT = 4
SAMPLED = 16  # chunks of a table, to find the one that a snapshot has most of
WIDE_WORK = 6.0  # measured: what a wide splat costs more than one that only finds its home
MIN_SLANT = 0.25  # of the cosine between normals and the view
NORMALS = 256  # of a chunk's first points, an even sample, say how it is slanted
CELLS = 8  # where in an extent the lengths of the even prefixes begin
MOMENTS = CELLS + BITS + 1  # and the mean products of the normals' components
EXTENT = MOMENTS + 9

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChunkTable:
    """The chunks of a snapshot as arrays, ordered by chunk index, so that equal content gives equal images.

    Attributes:
        chunks: the chunks, length C. They keep the records alive to which `addresses` point.
        addresses: uint64 (C,), where each chunk's records start in memory.
        index: int64 (C, 4), level and cube.
        extents: float64 (C, 24), see `_extent`.
        counts: int64 (C,) points.
        voxel_m: float64 (C,) voxel sizes.
        origin_world: float64 (C, 3), low corners of the cubes.
        low_world, high_world: float64 (C, 3), bounds of the points themselves.
        spacing_m: float64 (C,), how far apart the points stand: a voxel, or their mean footprint where that is wider.
        max_footprint: float64 (C,), in voxels of the chunk.
    """

    chunks: tuple[Chunk, ...]
    addresses: npt.NDArray[np.uint64]
    index: Integers
    extents: Floats
    counts: Integers
    voxel_m: Floats
    origin_world: Floats
    low_world: Floats
    high_world: Floats
    spacing_m: Floats
    max_footprint: Floats

    @classmethod
    def of(cls, base: Snapshot, known: "ChunkTable | None" = None) -> "ChunkTable":
        """O(points of the chunks that differ from `known`'s), and next to nothing for each of the others."""
        if not base.chunks:
            return cls._of_rows(base, (), np.zeros(0, np.uint64), np.zeros((0, 4), np.int64), np.zeros((0, EXTENT)))
        chunks = list(base.chunks.values())
        kept = np.zeros(0, np.int64)
        if known is not None:  # a chunk is never changed and knows its index, so the same object is the same row
            here, there = set(map(id, chunks)), set(map(id, known.chunks))
            kept = np.flatnonzero([id(chunk) in here for chunk in known.chunks])
            chunks = [chunk for chunk in chunks if id(chunk) not in there]
        index = np.array([chunk.index for chunk in chunks], np.int64).reshape(-1, 4)
        extents = np.array([_extent(chunk) for chunk in chunks]).reshape(-1, EXTENT)
        addresses = np.array([chunk.address for chunk in chunks], np.uint64)
        if known is not None:
            index, extents = np.vstack([known.index[kept], index]), np.vstack([known.extents[kept], extents])
            addresses = np.append(known.addresses[kept], addresses)
            chunks = [known.chunks[row] for row in kept.tolist()] + chunks
        order = np.lexsort(index.T[::-1])
        ordered = tuple(map(chunks.__getitem__, order.tolist()))
        return cls._of_rows(base, ordered, addresses[order], index[order], extents[order])

    @classmethod
    def _of_rows(
        cls, base: Snapshot, chunks: tuple[Chunk, ...], addresses: npt.NDArray[np.uint64], index: Integers, extents: Floats
    ) -> "ChunkTable":
        voxel = base.voxel_size_m * np.exp2(index[:, 0])
        origin = index[:, 1:] * (CHUNK_SIDE * voxel)[:, None]
        quarter = voxel[:, None] / QUARTERS
        return cls(
            chunks=chunks,
            addresses=addresses,
            index=index,
            extents=extents,
            counts=extents[:, CELLS].astype(np.int64),
            voxel_m=voxel,
            origin_world=origin,
            low_world=origin + (extents[:, 0:3] + 0.5) * quarter,
            high_world=origin + (extents[:, 3:6] + 0.5) * quarter,
            spacing_m=voxel * np.maximum(_diameter(extents[:, 6]), 1),
            max_footprint=_diameter(extents[:, 7]),
        )


def _diameter(exponent: Floats) -> Floats:
    return np.asarray(np.exp2((exponent - FOOTPRINT_BIAS) / FOOTPRINT_STEPS))


_extents: weakref.WeakKeyDictionary[Chunk, Floats] = weakref.WeakKeyDictionary()
_extents_lock = threading.Lock()


def _extent(chunk: Chunk) -> Floats:
    """float64 (24,), once a chunk: low and high corner in quarter voxels, mean and greatest footprint exponent, the lengths of
    the even prefixes, and the (3, 3) mean of n nᵀ over normals n."""
    with _extents_lock:
        known = _extents.get(chunk)
    if known is None:
        normals = decode_normals(chunk.records["normal"][:NORMALS]).astype(np.float64)
        known = np.empty(EXTENT)
        _measure(chunk.records.view(np.uint32).reshape(len(chunk), -1), known[:MOMENTS])
        known[MOMENTS:] = (normals.T @ normals / len(normals)).ravel()
        with _extents_lock:
            _extents[chunk] = known
    return known


@numba.njit(cache=True, nogil=True)
def _measure(words, extent):  # type: ignore[no-untyped-def]
    """Fill an extent (15,), up to its moments, from records (N, 4 words); the even prefixes are as `morton.cell_counts` says."""
    low, high, total = np.full(4, 255), np.zeros(4, np.int64), np.int64(0)
    seen, counts = np.zeros((BITS, (CHUNK_SIDE >> 1) ** 3), np.bool_), np.zeros(BITS + 1, np.int64)
    for n in range(len(words)):
        for a in range(4):
            value = np.int64((words[n, 0] >> (8 * a)) & 255)
            low[a], high[a] = min(low[a], value), max(high[a], value)
        total += value
        x, y, z = words[n, 0] >> 2 & 63, words[n, 0] >> 10 & 63, words[n, 0] >> 18 & 63
        counts[0] += 1
        for k in range(1, BITS + 1):
            cell = ((x >> k) * (CHUNK_SIDE >> k) + (y >> k)) * (CHUNK_SIDE >> k) + (z >> k)
            if seen[k - 1, cell]:  # and so are the larger ones around it
                break
            seen[k - 1, cell] = True
            counts[k] += 1
    extent[0:3], extent[3:6], extent[6], extent[7] = low[:3], high[:3], total / len(words), high[3]
    extent[CELLS:MOMENTS] = counts


def _shared(table: ChunkTable, base: Snapshot) -> int:
    """How many chunks of an even sample of the table's the snapshot has, too."""
    return sum(base.chunks.get(chunk.index) is chunk for chunk in table.chunks[:: max(len(table.chunks) // SAMPLED, 1)])


class TableCache:
    """The tables of the snapshots last drawn. Snapshots are not kept alive by it; safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: list[tuple[weakref.ref[Snapshot], ChunkTable]] = []

    def get(self, base: Snapshot) -> ChunkTable:
        with self._lock:
            for known, table in self._tables:
                drawn = known()  # under another revision's number or with another lock it is the same to the eye
                if drawn is not None and drawn.chunks is base.chunks and drawn.voxel_size_m == base.voxel_size_m:
                    return table
            tables = [table for _, table in self._tables]
        # of several sessions drawn in turn each goes on from its own; of equals the latest
        nearest = max(tables, key=lambda table: _shared(table, base), default=None)
        table = ChunkTable.of(base, nearest)
        with self._lock:
            alive = [entry for entry in self._tables if entry[0]() is not None]
            self._tables = [(weakref.ref(base), table), *alive][:TABLES_KEPT]
        return table


@dataclass(frozen=True, eq=False)
class Selection:
    """The chunks that a camera may see, nearest first (where equally near, in the table's order).

    Attributes:
        rows: int64 (S,) into the table.
        takes: int64 (S,), how many of the chunk's first points to draw.
        radius_m: float32 (S,), radius in metres of a splat with a footprint of one voxel.
        camera_from_quarters: float32 (S, 12), the rows of a (3, 4) matrix from a point's three bytes to the camera's frame.
        bounds_px: int32 (S, 4), the pixels that its splats can reach, clipped to the image: left, top, right, bottom (exclusive).
        max_key: float32 (S,), no pixel of it gets a greater key.
        batch: int64 (S,), which batch it is drawn in; never falls.
        work: float64 (S,), about what it costs to draw it, in small splats; changes no pixel.
        widest_px: float32 (S,), splats of at most this radius find homes; 0 in batches with too few of them. Alike in a batch.
        camera_from_world: float32 (3, 3), the rotation, for the normals.
    """

    rows: Integers
    takes: Integers
    radius_m: npt.NDArray[np.float32]
    camera_from_quarters: npt.NDArray[np.float32]
    bounds_px: npt.NDArray[np.int32]
    max_key: npt.NDArray[np.float32]
    batch: Integers
    work: Floats
    widest_px: npt.NDArray[np.float32]
    camera_from_world: npt.NDArray[np.float32]


def batches(selection: Selection) -> list[slice]:
    """The chunks of each batch, in order; one empty batch where there is nothing to draw."""
    edges = [0, *(np.flatnonzero(np.diff(selection.batch)) + 1).tolist(), len(selection.rows)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def select(table: ChunkTable, camera: Camera) -> Selection:
    """Cull to the camera's frustum (near plane NEAR_M, far plane FAR_M) and choose levels of detail.

    Conservative: a chunk of which any splat could reach a pixel is kept (tested as a law).
    """
    k, pose = camera.intrinsics, camera.camera_from_world
    lens = Lens.of(k)
    focal = float(lens.focal)
    half = (table.high_world - table.low_world) / 2
    centre = (table.high_world + table.low_world) / 2 @ pose[:3, :3].T + pose[:3, 3]
    near = np.maximum(centre[:, 2] - half @ np.abs(pose[2, :3]), NEAR_M)
    takes = _takes(table, centre @ pose[:3, :3], focal / near)
    radius = SPLAT_DIAMETER / 2 * table.voxel_m * np.sqrt(table.counts / takes)
    reach = radius * table.max_footprint
    rows = np.flatnonzero(_in_frustum(centre, half, reach, camera))
    rows = rows[np.argsort(near[rows], kind="stable")]
    near, half, reach = near[rows], half[rows], reach[rows]
    slant = np.hypot(max(k.cx, k.width - k.cx, 0) / k.fx, max(k.cy, k.height - k.cy, 0) / k.fy) + MARGIN_PX / focal
    radius_of_depth = np.minimum(reach / near, float(lens.max_radius_px) / focal) * np.hypot(1, slant) + MIN_RADIUS_PX / focal
    max_key = (1 + radius_of_depth / (4 * RIM_BIAS * MIN_COSINE)) / near * (1 + ROUNDING)
    taken, pixels = takes[rows], k.width * k.height
    batch = (np.cumsum(taken) - taken) // (BATCH_POINTS_PER_PIXEL * pixels)
    small = np.bincount(batch, np.where(reach / near * focal <= WINDOW_PX + 0.5, taken, 0))[batch]
    return Selection(
        rows=rows,
        takes=taken,
        radius_m=radius[rows].astype(np.float32),
        camera_from_quarters=_matrices(table, rows, camera),
        bounds_px=_bounds_px(centre[rows], half, radius_of_depth * focal, camera),
        max_key=max_key.astype(np.float32),
        batch=batch,
        work=taken * (1 + WIDE_WORK * np.clip(reach / np.maximum(centre[rows, 2], near) * focal - WINDOW_PX, 0, 1)),
        widest_px=np.where(small >= GATHER_POINTS_PER_PIXEL * pixels, WINDOW_PX + 0.5, 0).astype(np.float32),
        camera_from_world=pose[:3, :3].astype(np.float32),
    )


def _takes(table: ChunkTable, direction_world: Floats, px_per_m: Floats) -> Integers:
    """int64 (C,): how many points to draw of each chunk that lies in a direction (C, 3), at px_per_m (C,) pixels a metre."""
    moments = table.extents[:, MOMENTS:].reshape(-1, 3, 3)
    squared = np.einsum("ci,cij,cj->c", direction_world, moments, direction_world)
    slant = np.sqrt(squared / np.maximum((direction_world**2).sum(axis=1), 1e-12))
    spacing_px = px_per_m * table.spacing_m * np.sqrt(np.maximum(slant, MIN_SLANT))
    step = np.floor(np.log2(np.maximum(LOD_SPACING_PX / spacing_px, 1))).astype(np.int64)
    return np.asarray(table.extents[np.arange(len(step)), CELLS + np.minimum(step, BITS)], np.int64)


def _in_frustum(centre: Floats, half: Floats, reach: Floats, camera: Camera) -> npt.NDArray[np.bool_]:
    """bool (C,): boxes grown by `reach` that meet the frustum; centres in the camera's frame, half sizes on the world's axes."""
    k, pose = camera.intrinsics, camera.camera_from_world
    planes = np.array(  # inward normal, offset
        [
            (k.fx, 0, k.cx + MARGIN_PX, 0),
            (-k.fx, 0, k.width + MARGIN_PX - k.cx, 0),
            (0, k.fy, k.cy + MARGIN_PX, 0),
            (0, -k.fy, k.height + MARGIN_PX - k.cy, 0),
            (0, 0, 1, -NEAR_M),
            (0, 0, -1, FAR_M),
        ],
        np.float64,
    )
    planes /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    box_radius = half @ np.abs(planes[:, :3] @ pose[:3, :3]).T
    distance = centre @ planes[:, :3].T + planes[:, 3]
    slack = reach[:, None] + ROUNDING * np.abs(centre).max(axis=1, keepdims=True)
    return np.asarray((distance + box_radius + slack >= 0).all(axis=1))


def _matrices(table: ChunkTable, rows: Integers, camera: Camera) -> npt.NDArray[np.float32]:
    """float32 (S, 12); the translation is taken in float64 first, so that precision does not suffer far from the origin."""
    pose = camera.camera_from_world
    quarter = table.voxel_m[rows] / QUARTERS
    first = table.origin_world[rows] + 0.5 * quarter[:, None]
    matrices = np.empty((len(rows), 3, 4))
    matrices[:, :, :3] = pose[:3, :3] * quarter[:, None, None]
    matrices[:, :, 3] = first @ pose[:3, :3].T + pose[:3, 3]
    return matrices.reshape(-1, 12).astype(np.float32)


def _bounds_px(centre: Floats, half: Floats, radius_px: Floats, camera: Camera) -> npt.NDArray[np.int32]:
    """int32 (S, 4): left, top, right, bottom; the whole image where a box crosses the near plane."""
    k = camera.intrinsics
    corners = centre.T[:, None]  # (3, 8, S) in the end: long rows, which NumPy likes
    for side, axis in zip(half.T, camera.camera_from_world[:3, :3].T, strict=True):
        step = axis[:, None, None] * side
        corners = np.concatenate([corners - step, corners + step], axis=1)
    crossing = corners[2].min(axis=0) <= NEAR_M
    depth = np.maximum(corners[2], NEAR_M)
    margin = radius_px + MARGIN_PX
    bounds = np.empty((4, len(half)))
    for i, (f, c, size) in enumerate(((k.fx, k.cx, k.width), (k.fy, k.cy, k.height))):
        pixels = corners[i] / depth * f + c
        bounds[i] = np.where(crossing, 0, np.clip(np.floor(pixels.min(axis=0) - margin), 0, size))
        bounds[i + 2] = np.where(crossing, size, np.clip(np.ceil(pixels.max(axis=0) + margin), 0, size))
    return np.ascontiguousarray(bounds.T, np.int32)
