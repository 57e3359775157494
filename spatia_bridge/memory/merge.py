"""An update meets a head that has moved on: a three-way merge by voxel in which later edits and locks win."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import RECORD, Records
from spatia_bridge.memory.regions import Region, contained_in_any
from spatia_bridge.memory.snapshot import Changes, Snapshot

_EMPTY = np.empty(0, RECORD)


@dataclass(frozen=True, eq=False)
class Update:
    """What one take (or seed) would change in the snapshot it was computed from.

    Attributes:
        changes: the new content of every chunk that differs from the base; None = gone.
        clip: the clip number that the new records carry.
        voxel_size_m: sets the scene's voxel size; only meaningful while it has no points; None = that of the base.
        health: what the update measured, for people and for the store (names with units, finite numbers).
        cameras: of the frames, as the update used them: corrected where poses were priors.
        note: what people should know, such as why only a part of a clip was used.
    """

    changes: Changes
    clip: int = 0
    voxel_size_m: float | None = None
    health: Mapping[str, float] = field(default_factory=dict)
    cameras: tuple[Camera, ...] = ()
    note: str = ""


def _by_voxel(chunk: Chunk | None, codes: npt.NDArray[np.uint32]) -> tuple[Records, npt.NDArray[np.bool_]]:
    """The chunk's records at the sorted voxel codes, and where it has one."""
    records = np.zeros(len(codes), RECORD)
    present = np.zeros(len(codes), bool)
    if chunk is not None:
        at = np.searchsorted(codes, chunk.codes())
        records[at] = chunk.records
        present[at] = True
    return records, present


def merge_chunk(base: Chunk | None, new: Chunk | None, head: Chunk | None) -> Chunk | None:
    """Per voxel: what the head has where it differs from the base, else what the update has."""
    known = [chunk for chunk in (base, new, head) if chunk is not None]
    if not known:
        return None
    codes = np.unique(np.concatenate([chunk.codes() for chunk in known]))
    base_records, in_base = _by_voxel(base, codes)
    new_records, in_new = _by_voxel(new, codes)
    head_records, in_head = _by_voxel(head, codes)
    moved_on = (in_head != in_base) | (head_records != base_records)
    present = np.where(moved_on, in_head, in_new)
    if not present.any():
        return None
    return Chunk(known[0].index, np.where(moved_on, head_records, new_records)[present])


def protect(index: ChunkIndex, new: Chunk | None, head: Chunk | None, regions: tuple[Region, ...], base_m: float) -> Chunk | None:
    """`new`, but with the head's points (and nothing else) inside the regions."""
    kept: list[Records] = []
    for chunk, inside in ((new, False), (head, True)):
        if chunk is not None:
            mask = contained_in_any(regions, chunk.points_world(base_m))
            kept.append(chunk.records[mask == inside])
    records = np.concatenate(kept) if kept else _EMPTY
    if not len(records):
        return None
    # one voxel may straddle a region's face: there the head's point, which comes last, wins
    codes = (records["xyz"] >> 2).astype(np.uint32) @ np.array([1, 64, 4096], np.uint32)
    _, last = np.unique(codes[::-1], return_index=True)
    return Chunk(index, records[len(records) - 1 - last])


def merge(update: Update, base: Snapshot, head: Snapshot) -> dict[ChunkIndex, Chunk | None]:
    """The update's changes as they apply to the head. Costs O(points of the changed chunks)."""
    merged: dict[ChunkIndex, Chunk | None] = {}
    for index, new in update.changes.items():
        old, current = base.chunks.get(index), head.chunks.get(index)
        if current is not old:
            new = merge_chunk(old, new, current)
        regions = head.protected_at(index)  # memory keeps this promise itself, whatever the update was told
        if regions:
            new = protect(index, new, current, regions, head.voxel_size_m)
        if new is not current and (new is None or current is None or new.record_hash != current.record_hash):
            merged[index] = new
    return merged
