"""Observations meet memory, voxel by voxel. Costs O(observations + points of the chunks they touch), never O(memory).

The rules, in order:
 1. Nothing is written into locked regions or tombstones.
 2. The finer grid level wins: a coarse observation where memory already has finer points says nothing new, and finer points
    replace the coarse one they cover.
 3. No churn: fusing the same view a second time changes no byte. An observation moves a point only if it is clearly better (more
    confident, or finer), and the point then takes over its quality, so that the same observation is never better twice; one that
    falls into an empty voxel right beside a point it agrees with is that point.
 4. What was seen by an engine or a camera beats what a generator made, and is never changed by it. Where something seen is now
    seen in a wholly different colour, the world has changed, and the newer view is right.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry import morton
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import (
    CHUNK_SIDE,
    FLAG_BACKDROP,
    FLAG_GENERATED,
    QUARTERS,
    RECORD,
    Records,
    encode_footprint,
    encode_normals,
)
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.memory.snapshot import Changes, Snapshot
from spatia_bridge.slam.observe import Observations

COLOUR_QUANTUM = 8  # of 255, the largest channel
CONFIDENCE_QUANTUM = 24  # a clearly better view is news
FOOTPRINT_QUANTUM = 8  # a quarter octave
CONFLICT_COLOUR = 64  # a colour this far off is a contradiction, not noise
NEIGHBOUR_QUARTERS = 4  # two points of one surface nearer than 0.75 voxels on either side of a voxel's face are one
MAX_WEIGHT = 16  # evidence beyond this does not make a point more stubborn
MAX_LEVEL_STEP = 6  # a voxel of so many levels up is a whole chunk below; larger steps do not happen on one surface
COVERED_SHARE = 0.25  # of the 4^levels finer points that a coarse point stands for: so many replace it


@dataclass
class FusionCounts:
    """What fusing did, in points."""

    observed: int = 0
    new: int = 0
    agreed: int = 0
    changed: int = 0
    conflicting: int = 0
    protected: int = 0
    replaced_coarse: int = 0


def _encode(observations: Observations, clip: int, generated: bool) -> Records:
    """Records of observations, quantised; xyz relative to each one's chunk."""
    records = np.zeros(len(observations), RECORD)
    local = observations.voxel & (CHUNK_SIDE - 1)
    records["xyz"] = local * QUARTERS + np.floor(observations.offset * QUARTERS).astype(np.int64)
    records["footprint"] = encode_footprint(observations.footprint)
    records["rgb"] = np.clip(np.rint(observations.rgb), 0, 255)
    records["confidence"] = np.clip(np.rint(observations.confidence * 255), 1, 255)
    records["normal"] = encode_normals(observations.normal)
    records["weight"] = 1
    records["flags"] = np.where(observations.backdrop, FLAG_BACKDROP, 0) | (FLAG_GENERATED if generated else 0)
    records["object_id"] = observations.object_id
    records["last_seen"] = clip & 0xFFFF
    return records


@numba.njit(cache=True, nogil=True)
def _beside(cells, codes_xyz, known_xyz, known_rgb, new_xyz, new_rgb, limit, colour_limit):  # type: ignore[no-untyped-def]
    """bool (N,): new points that lie right beside a known point, across a face or an edge of their own, empty voxel."""
    beside = np.zeros(len(new_xyz), np.bool_)
    for n in range(len(codes_xyz)):
        x, y, z = codes_xyz[n]
        cells[x, y, z] = n + 1
    for n in range(len(new_xyz)):
        q0, q1, q2 = np.int64(new_xyz[n, 0]), np.int64(new_xyz[n, 1]), np.int64(new_xyz[n, 2])
        for dx in range(max((q0 - limit) >> 2, 0), min((q0 + limit) >> 2, 63) + 1):
            for dy in range(max((q1 - limit) >> 2, 0), min((q1 + limit) >> 2, 63) + 1):
                for dz in range(max((q2 - limit) >> 2, 0), min((q2 + limit) >> 2, 63) + 1):
                    other = cells[dx, dy, dz]
                    if other == 0:
                        continue
                    o = other - 1
                    d0, d1, d2 = q0 - known_xyz[o, 0], q1 - known_xyz[o, 1], q2 - known_xyz[o, 2]
                    if d0 * d0 + d1 * d1 + d2 * d2 >= limit * limit:
                        continue
                    alike = True
                    for a in range(3):
                        if abs(np.int64(new_rgb[n, a]) - np.int64(known_rgb[o, a])) > colour_limit:
                            alike = False
                    beside[n] |= alike
    for n in range(len(codes_xyz)):
        x, y, z = codes_xyz[n]
        cells[x, y, z] = 0
    return beside


_scratch = threading.local()  # the kernel leaves its cells zero again, so a thread needs to clear them only once


def _cells() -> npt.NDArray[np.int32]:
    if not hasattr(_scratch, "cells"):
        _scratch.cells = np.zeros((CHUNK_SIDE,) * 3, np.int32)
    cells: npt.NDArray[np.int32] = _scratch.cells
    return cells


def _is_beside(known: Records, new: Records) -> npt.NDArray[np.bool_]:
    if not len(known) or not len(new):
        return np.zeros(len(new), bool)
    known_xyz = np.ascontiguousarray(known["xyz"]).astype(np.int64)
    return np.asarray(
        _beside(
            _cells(),
            known_xyz >> 2,
            known_xyz,
            np.ascontiguousarray(known["rgb"]),
            np.ascontiguousarray(new["xyz"]),
            np.ascontiguousarray(new["rgb"]),
            NEIGHBOUR_QUARTERS,
            4 * COLOUR_QUANTUM,
        )
    )


def _blend(old: Records, new: Records) -> Records:
    """Means weighted by evidence (weight × confidence); the finer footprint, the better confidence."""
    old_evidence = (old["weight"].astype(np.float32) * old["confidence"])[:, None]
    new_evidence = (new["weight"].astype(np.float32) * new["confidence"])[:, None]
    share = new_evidence / (old_evidence + new_evidence)
    result = new.copy()
    for name in ("xyz", "rgb"):
        mean = old[name] + share * (new[name].astype(np.float32) - old[name])
        result[name] = np.rint(mean)
    better = new["confidence"] >= old["confidence"]
    result["normal"] = np.where(better[:, None], new["normal"], old["normal"])
    result["object_id"] = np.where(better, new["object_id"], old["object_id"])
    result["confidence"] = np.maximum(old["confidence"], new["confidence"])
    result["footprint"] = np.minimum(old["footprint"], new["footprint"])
    result["weight"] = np.minimum(old["weight"].astype(np.int64) + new["weight"], MAX_WEIGHT)
    result["flags"] = old["flags"] | new["flags"]
    return result


def _fuse_matched(old: Records, new: Records, counts: FusionCounts) -> tuple[Records, npt.NDArray[np.bool_]]:
    """The records after fusion where both exist, and where they differ from the old ones."""
    colour_gap = np.abs(old["rgb"].astype(np.int16) - new["rgb"]).max(axis=1)
    old_made = (old["flags"] & FLAG_GENERATED) > 0
    new_made = (new["flags"] & FLAG_GENERATED) > 0
    contradicts = colour_gap > CONFLICT_COLOUR
    better = new["confidence"].astype(np.int16) - old["confidence"] > CONFIDENCE_QUANTUM
    better |= old["footprint"].astype(np.int16) - new["footprint"] > FOOTPRINT_QUANTUM
    replaced = ~new_made & (old_made | contradicts)
    blended = ~replaced & better & ~contradicts & (old_made == new_made)
    counts.conflicting += int(contradicts.sum())
    result = old.copy()
    result[replaced] = new[replaced]
    result[blended] = _blend(old[blended], new[blended])
    changed = (_words(result) != _words(old)).any(axis=1)
    counts.changed += int(changed.sum())
    counts.agreed += int((~changed & ~contradicts).sum())
    return result, changed


def _words(records: Records) -> npt.NDArray[np.uint64]:
    """The bytes of records (N,) as (N, 2) numbers: to compare them field by field takes much longer."""
    return records.view(np.uint64).reshape(-1, 2)


def fuse_chunk(index: ChunkIndex, old: Chunk | None, new: Records, counts: FusionCounts) -> Chunk | None:
    """The chunk after fusing new records (at most one a voxel), or None if nothing changed."""
    if old is None:
        counts.new += len(new)
        return Chunk(index, new)
    old_codes, new_codes = old.codes(), morton.encode(new["xyz"] >> 2)
    order = np.argsort(old_codes)
    at = np.minimum(np.searchsorted(old_codes, new_codes, sorter=order), len(order) - 1)
    matched = old_codes[order[at]] == new_codes
    rows = order[at[matched]]
    # compress, and copies by words: a mask as an index, and a plain copy, of records go field by field
    fused, changed = _fuse_matched(old.records[rows], new.compress(matched), counts)
    fresh = new.compress(~matched)
    records = _words(old.records).copy().view(RECORD)[:, 0]
    records[rows] = fused
    beside = _is_beside(records, fresh)
    counts.agreed += int(beside.sum())
    fresh = fresh.compress(~beside)
    counts.new += len(fresh)
    if not len(fresh):  # points move within their voxels only, so their order stays
        return Chunk(index, records, canonical=True) if changed.any() else None
    return Chunk(index, np.concatenate([_words(records), _words(fresh)]).view(RECORD)[:, 0])


def _by_cube(cubes: npt.NDArray[np.int64]) -> Iterator[tuple[tuple[int, int, int], npt.NDArray[np.int64]]]:
    """The distinct rows of cubes (N, 3), in order, and for each the numbers of the rows that equal it."""
    if not len(cubes):
        return
    low = cubes.min(axis=0)
    spans = cubes.max(axis=0) - low + 1
    keys = ((cubes[:, 0] - low[0]) * spans[1] + (cubes[:, 1] - low[1])) * spans[2] + (cubes[:, 2] - low[2])
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    ends = [*starts[1:].tolist(), len(order)]
    for (x, y, z), start, end in zip(cubes[order[starts]].tolist(), starts.tolist(), ends, strict=True):
        yield (x, y, z), order[start:end]


class _Working:
    """A snapshot's chunks with the changes so far on top."""

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.changes: dict[ChunkIndex, Chunk | None] = {}
        self.levels = base.levels()

    def get(self, index: ChunkIndex) -> Chunk | None:
        return self.changes[index] if index in self.changes else self.base.chunks.get(index)

    def put(self, index: ChunkIndex, chunk: Chunk | None) -> None:
        self.changes[index] = chunk
        self.levels = self.levels | {index.level}


def _already_finer(working: _Working, level: int, voxel: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """bool (N,): where memory holds enough finer points in these voxels (N, 3) of one level."""
    known = np.zeros(len(voxel), bool)
    for finer in sorted(working.levels):
        shift = level - finer
        if not 0 < shift <= MAX_LEVEL_STEP:
            continue
        for cube, rows in _by_cube((voxel << shift) >> 6):
            chunk = working.get(ChunkIndex(finer, *cube))
            if chunk is not None:
                cells = np.bincount(chunk.codes() >> (3 * shift), minlength=1 << (18 - 3 * shift))
                local = (voxel[rows] << shift) & (CHUNK_SIDE - 1)
                known[rows] |= cells[morton.encode(local) >> (3 * shift)] >= COVERED_SHARE * 4**shift
    return known


def _replace_coarse(working: _Working, level: int, counts: FusionCounts) -> None:
    """Drop the points of one level that changed finer chunks now stand for."""
    parents: dict[ChunkIndex, list[Chunk]] = {}
    for index, chunk in working.changes.items():
        shift = level - index.level
        if chunk is not None and 0 < shift <= MAX_LEVEL_STEP:
            parents.setdefault(ChunkIndex(level, index.x >> shift, index.y >> shift, index.z >> shift), []).append(chunk)
    for parent, children in parents.items():
        current = working.get(parent)
        if current is None:
            continue
        covered = np.zeros(CHUNK_SIDE**3, bool)
        for child in children:
            shift = level - child.index.level
            count = np.bincount(child.codes() >> (3 * shift))
            corner = (np.array([child.index[1:]]) << (6 - shift)) & (CHUNK_SIDE - 1)  # of the child, in the parent's voxels
            covered[morton.encode(corner)[0] + np.flatnonzero(count >= COVERED_SHARE * 4**shift)] = True
        gone = covered[current.codes()]
        if working.base.locks and gone.any():
            gone &= ~contained_in_any(working.base.locks, current.points_world(working.base.voxel_size_m))
        if gone.any():
            counts.replaced_coarse += int(gone.sum())
            working.put(parent, None if gone.all() else Chunk(parent, current.records.compress(~gone)))


def fuse(base: Snapshot, observations: Observations, clip: int, *, generated: bool, counts: FusionCounts) -> Changes:
    """The chunks of `base` that change when the observations are fused into it.

    Levels are taken from fine to coarse, each against the state that the finer ones left: so a second pass finds every decision
    as the first one made it.

    Args:
        clip: number written as last_seen where something changes.
        generated: a generator made it; what was really seen stands above it.
        counts: added to.
    """
    counts.observed += len(observations)
    if base.protected():
        free = ~contained_in_any(base.protected(), observations.points_world(base.voxel_size_m))
        counts.protected += int((~free).sum())
        observations = observations.select(free)
    working = _Working(base)
    records = _encode(observations, clip, generated)
    for level in sorted({*working.levels, *(int(v) for v in np.unique(observations.level))}):
        _replace_coarse(working, level, counts)
        rows = np.flatnonzero(observations.level == level)
        known = _already_finer(working, level, observations.voxel[rows])
        counts.agreed += int(known.sum())
        rows = rows[~known]
        for cube, members in _by_cube(observations.voxel[rows] >> 6):
            index = ChunkIndex(level, *cube)
            chunk = fuse_chunk(index, working.get(index), records[rows[members]], counts)
            if chunk is not None:
                working.put(index, chunk)
    return working.changes
