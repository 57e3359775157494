"""The point memory: records, chunks, snapshots, edits, history. Pure: no I/O, no torch, no open3d."""

from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.edits import (
    Edit,
    InsertPoints,
    LockRegion,
    MoveRegion,
    Realign,
    RecolourRegion,
    RemoveRegion,
    UnlockRegion,
)
from spatia_bridge.memory.history import Cause, Memory, Revision
from spatia_bridge.memory.merge import Update
from spatia_bridge.memory.record import RECORD
from spatia_bridge.memory.regions import Box, Region, Sphere
from spatia_bridge.memory.snapshot import Snapshot, changed_indexes

__all__ = [
    "RECORD",
    "Box",
    "Cause",
    "Chunk",
    "ChunkIndex",
    "Edit",
    "InsertPoints",
    "LockRegion",
    "Memory",
    "MoveRegion",
    "Realign",
    "RecolourRegion",
    "Region",
    "RemoveRegion",
    "Revision",
    "Snapshot",
    "Sphere",
    "UnlockRegion",
    "Update",
    "changed_indexes",
]
