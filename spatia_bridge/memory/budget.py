"""A budget of points. What costs most for what it shows becomes coarser; nothing is cut out, so that memory gets no holes.

The policy. A head of more than `max_points` points is brought down to LOW_WATER of them, so that this is seldom: a chunk at a
time, its points go to the next coarser grid, one mean a voxel (about a quarter of the points of a surface), until it fits. Next
is always the chunk of the least

    worth = size its voxels would then have / distance to the nearest viewpoint · mean confidence · 2^(−age / HALF_LIFE_CLIPS),

the screen-space error of level-of-detail renderers (Luebke et al., "Level of Detail for 3D Graphics", 2002), so what is far, old
and unconfident goes first. Locked points stay to the byte. So do those that the newest revision added, unless they alone exceed
the budget: then they are coarsened as the rest was. A coarse place that an engine shows again from near gives way to fine points,
as coarse points always do.

Thinning chunks in place, to a prefix of their order, would keep points whose level no longer says how far apart they are, and
fusion takes its word for that; a mean has less aliasing than the sample that a prefix is, too.
"""

import heapq

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry import morton
from spatia_bridge.memory.chunk import MAX_LEVEL, Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, FLAG_GENERATED, FOOTPRINT_BIAS, FOOTPRINT_STEPS, QUARTERS, RECORD, Records
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.memory.snapshot import Snapshot

LOW_WATER = 0.9
HALF_LIFE_CLIPS = 32.0

Points = npt.NDArray[np.float64]  # (N, 3) metres
Rows = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint32]

_NONE = np.empty(0, RECORD)


def within_budget(before: Snapshot, after: Snapshot, max_points: int, viewpoints_world: Points) -> Snapshot:
    """`after`, coarsened if it has more than max_points points; itself if not, at no cost. Otherwise O(chunks + points that go).

    Args:
        before: the head that `after` follows: what it had not is new.
        max_points: 0 = no budget. Only what is locked, or right beside a protected region, can exceed it.
        viewpoints_world: (N, 3) where the newest cameras stood, metres; none = in the midst of what changed.
    """
    if not max_points or after.points <= max_points:
        return after
    squeeze = _Squeeze(before, after, viewpoints_world)
    squeeze.down_to(int(LOW_WATER * max_points))
    if squeeze.points > max_points:
        squeeze.fresh.clear()
        squeeze.down_to(max_points)
    return after.with_changes(squeeze.changes)


class _Squeeze:
    """A snapshot's chunks with those that became coarser on top."""

    def __init__(self, before: Snapshot, after: Snapshot, viewpoints_world: Points) -> None:
        self.changes: dict[ChunkIndex, Chunk | None] = {}
        self.points = after.points
        self._after = after
        changed = [(index, chunk) for index, chunk in after.chunks.items() if before.chunks.get(index) is not chunk]
        self.fresh = {index: _new_codes(before.chunks.get(index), chunk) for index, chunk in changed}
        self._viewpoints = viewpoints_world
        if not len(viewpoints_world) and changed:
            self._viewpoints = np.array([_centre(index, after.voxel_size_m) for index, _ in changed])
        self._newest = max((chunk.last_seen for chunk in after.chunks.values()), default=0)

    def down_to(self, target: int) -> None:
        """Make the chunks of least worth coarser until so few points are left, or none can be coarser."""
        queue = [(self._worth(chunk), index) for index in self._indexes() if (chunk := self._get(index)) is not None]
        queued = {index for _, index in queue}
        heapq.heapify(queue)
        while queue and self.points > target:
            _, index = heapq.heappop(queue)
            queued.discard(index)
            parent = self._coarsen(index) if index.level < MAX_LEVEL else None
            if parent is not None and parent.index not in queued:
                queued.add(parent.index)
                heapq.heappush(queue, (self._worth(parent), parent.index))

    def _indexes(self) -> list[ChunkIndex]:
        return sorted(self._after.chunks.keys() | self.changes.keys())

    def _get(self, index: ChunkIndex) -> Chunk | None:
        return self.changes[index] if index in self.changes else self._after.chunks.get(index)

    def _put(self, index: ChunkIndex, records: Records) -> Chunk | None:
        old, new = self._get(index), Chunk(index, records) if len(records) else None
        self.points += (len(new) if new else 0) - (len(old) if old else 0)
        self.changes[index] = new
        return new

    def _worth(self, chunk: Chunk) -> float:
        size = chunk.voxel_size_m(self._after.voxel_size_m)
        offsets = self._viewpoints - _centre(chunk.index, self._after.voxel_size_m)
        distance = np.sqrt(np.einsum("ni,ni->n", offsets, offsets).min(initial=np.inf))
        age = self._newest - chunk.last_seen
        nearness = 2 * size / max(float(distance), CHUNK_SIDE / 2 * size)
        return nearness * chunk.mean_confidence * float(2 ** (-age / HALF_LIFE_CLIPS))

    def _pinned(self, chunk: Chunk) -> Rows:
        """The points that may not be touched: locked ones, and new ones."""
        pinned = np.zeros(len(chunk), bool)
        if self._after.locks:
            pinned |= contained_in_any(self._after.locks, chunk.points_world(self._after.voxel_size_m))
        if chunk.index in self.fresh:
            pinned |= _within(chunk.codes(), self.fresh[chunk.index])
        return pinned

    def _coarsen(self, index: ChunkIndex) -> Chunk | None:
        """Move a chunk's points one level up; what came of it there, None if none could be moved."""
        chunk = self._get(index)
        if chunk is None:
            return None
        movable = ~self._pinned(chunk)
        if not movable.any():
            return None
        level, x, y, z = index
        above = ChunkIndex(level + 1, x >> 1, y >> 1, z >> 1)
        parent = self._get(above)
        theirs = _NONE if parent is None else parent.records
        pinned = np.zeros(0, bool) if parent is None else self._pinned(parent)
        codes = morton.encode(theirs["xyz"] >> 2)
        going = _codes_above(index, chunk.records)
        met = _within(codes, going[movable]) & ~pinned
        merged = merge_up(index, chunk.records[movable], theirs[met])
        place = morton.encode(merged["xyz"] >> 2)
        wrong = np.zeros(len(merged), bool)
        regions = self._after.protected_at(above)
        if regions:  # a mean may fall into a region that its points lie beside: these stay what they are
            points = Chunk(above, merged, canonical=True).points_world(self._after.voxel_size_m)
            wrong = contained_in_any(regions, points)
        stuck = _within(going, place[wrong])
        rest = ~met | _within(codes, place[wrong])
        merged = merged[~wrong & ~_within(place, codes[pinned])]  # a point that stays speaks for its voxel
        self._put(index, chunk.records[~movable | stuck])
        return self._put(above, np.concatenate([theirs[rest], merged]))


def _new_codes(before: Chunk | None, after: Chunk) -> Codes:
    return after.codes() if before is None else np.setdiff1d(after.codes(), before.codes())


def _centre(index: ChunkIndex, base_m: float) -> npt.NDArray[np.float64]:
    return (np.array(index[1:]) + 0.5) * (CHUNK_SIDE * base_m * (1 << index.level))


def _places_above(index: ChunkIndex, records: Records) -> npt.NDArray[np.float64]:
    """(N, 3) in quarter voxels of the chunk above, not rounded."""
    corner = (np.array(index[1:]) & 1) * (CHUNK_SIDE * QUARTERS)
    return np.asarray((records["xyz"] + 0.5 + corner) / 2)


def _within(codes: Codes, wanted: Codes) -> Rows:
    """bool (N,): which Morton codes are among others."""
    table = np.zeros(CHUNK_SIDE**3, bool)
    table[wanted] = True
    return table[codes]


def _codes_above(index: ChunkIndex, records: Records) -> Codes:
    return morton.encode(_places_above(index, records).astype(np.int64) >> 2)


def merge_up(index: ChunkIndex, records: Records, above: Records) -> Records:
    """The records (N,) of a chunk on the next coarser grid, with the records (M,) met there: means by evidence, one a voxel.

    What was seen stands for a voxel if there is any, else what was generated; identity, normal and flags are those of the most
    confident point. A footprint is at least a voxel of its new grid, so that surfaces stay closed.
    """
    places = np.concatenate([_places_above(index, records), above["xyz"] + 0.5])
    members = np.concatenate([records, above])
    lifted = np.maximum(records["footprint"].astype(np.int64) - FOOTPRINT_STEPS, FOOTPRINT_BIAS)
    footprints = np.concatenate([lifted, above["footprint"]])
    codes = morton.encode(places.astype(np.int64) >> 2)
    seen = (members["flags"] & FLAG_GENERATED) == 0
    order = np.lexsort([-members["confidence"].astype(np.int64), ~seen, codes])  # the best of each voxel comes first
    members, seen, codes = members[order], seen[order], codes[order]
    first = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    best = np.repeat(first, np.diff(np.append(first, len(codes))))
    evidence = np.maximum(members["weight"].astype(np.float64) * members["confidence"], 1) * (seen == seen[best])
    values = np.column_stack([places[order], members["rgb"], footprints[order]]) * evidence[:, None]
    means = np.add.reduceat(values, first) / np.add.reduceat(evidence, first)[:, None]
    merged: Records = members[first]
    merged["xyz"] = means[:, :3]
    merged["rgb"] = np.rint(means[:, 3:6])
    merged["footprint"] = np.rint(means[:, 6])
    merged["weight"] = np.maximum.reduceat(members["weight"], first)
    merged["last_seen"] = np.maximum.reduceat(members["last_seen"], first)
    return merged
