"""Points that did not come from a camera: moved, copied, inserted or turned records find their voxels again."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.memory.chunk import MAX_LEVEL, Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, QUARTERS, RECORD, Records
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.memory.snapshot import Snapshot


def level_of(diameter_m: npt.ArrayLike, voxel_size_m: float) -> npt.NDArray[np.int64]:
    """The grid level (N,) whose voxel is nearest in size (by octaves) to these diameters (N,)."""
    octaves = np.rint(np.log2(np.maximum(diameter_m, 1e-9) / voxel_size_m))
    return np.clip(octaves, 0, MAX_LEVEL).astype(np.int64)


def by_chunk(
    points_world: npt.NDArray[np.float64], level: npt.NDArray[np.int64], records: Records, voxel_size_m: float
) -> dict[ChunkIndex, Records]:
    """The records with their places set, grouped by chunk, at most one a voxel: the most confident, of equals the first.

    Args:
        points_world: (N, 3) metres; level: int64 (N,); records: (N,), xyz is overwritten.
    """
    quarters = np.floor(points_world / (voxel_size_m * np.exp2(level) / QUARTERS)[:, None]).astype(np.int64)
    cube = quarters >> 8
    placed = records.copy()
    placed["xyz"] = quarters & 255
    order = np.lexsort([-placed["confidence"].astype(np.int64), *(quarters >> 2).T, level])
    same = (np.diff(quarters[order] >> 2, axis=0) == 0).all(axis=1) & (np.diff(level[order]) == 0)
    order = order[np.append(True, ~same)] if len(order) else order
    keys = np.column_stack([level, cube])[order]
    rank = np.lexsort(keys.T)
    order, keys = order[rank], keys[rank]
    ends = np.flatnonzero((np.diff(keys, axis=0) != 0).any(axis=1)) + 1
    groups = np.split(np.arange(len(order)), ends) if len(order) else []
    return {ChunkIndex(*(int(v) for v in keys[rows[0]])): placed[order[rows]] for rows in groups}


def put(base: Snapshot, arriving: dict[ChunkIndex, Records]) -> dict[ChunkIndex, Chunk | None]:
    """The chunks after records arrive: an arriving point takes its voxel, unless what is there is locked or the place is."""
    changes: dict[ChunkIndex, Chunk | None] = {}
    for index, records in arriving.items():
        chunk = base.chunks.get(index)
        if base.locks:
            origin, quarter = (
                Chunk(index, records).origin_world(base.voxel_size_m),
                base.voxel_size_m * 2.0**index.level / QUARTERS,
            )
            records = records[~contained_in_any(base.locks, origin + (records["xyz"] + 0.5) * quarter)]
        if not len(records):
            continue
        if chunk is not None:
            taken = np.isin(_cells(chunk.records), _cells(records))
            records = np.concatenate([chunk.records[~taken], records])
        changes[index] = Chunk(index, records)
    return changes


def _cells(records: Records) -> npt.NDArray[np.uint32]:
    return (records["xyz"] >> 2).astype(np.uint32) @ np.array([1, CHUNK_SIDE, CHUNK_SIDE**2], np.uint32)


def gather(
    base: Snapshot, rows: dict[ChunkIndex, npt.NDArray[np.bool_]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], Records]:
    """Positions (N, 3) in metres, levels (N,) and records (N,) of the chosen rows of some chunks."""
    points, levels, records = [np.empty((0, 3))], [np.empty(0, np.int64)], [np.empty(0, RECORD)]
    for index, chosen in rows.items():
        chunk = base.chunks[index]
        points.append(chunk.points_world(base.voxel_size_m)[chosen])
        levels.append(np.full(int(chosen.sum()), index.level))
        records.append(chunk.records[chosen])
    return np.concatenate(points), np.concatenate(levels), np.concatenate(records)
