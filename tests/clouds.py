"""Snapshots straight from points, for tests that need a memory and no fusion."""

import numpy as np

from spatia_bridge.memory import RECORD, Chunk, ChunkIndex, Snapshot
from spatia_bridge.memory.chunk import CHUNK_SIDE


def snapshot_of(points_world: np.ndarray, rgb: np.ndarray, voxel_size_m: float = 0.05) -> Snapshot:
    """Points (N, 3) in metres and sRGB (N, 3) as a snapshot of level 0 chunks; the last point of a voxel stays."""
    quarters = np.floor(np.asarray(points_world, np.float64) / (voxel_size_m / 4)).astype(np.int64)
    cubes, within = np.divmod(quarters, CHUNK_SIDE * 4)
    records = np.zeros(len(quarters), RECORD)
    records["xyz"], records["rgb"], records["footprint"], records["confidence"] = within, rgb, 128, 255
    changes = {}
    for cube in np.unique(cubes, axis=0):
        inside = records[(cubes == cube).all(axis=1)]
        _, last = np.unique((inside["xyz"] >> 2)[::-1], axis=0, return_index=True)
        index = ChunkIndex(0, *(int(i) for i in cube))
        changes[index] = Chunk(index, inside[len(inside) - 1 - last])
    return Snapshot(voxel_size_m).with_changes(changes, revision=1)
