"""A chunk: the points of one cube of 64 voxels a side, immutable, in canonical order.

Chunks lie on a pyramid of grids: level L has voxels of `voxel_size_m · 2^L`. A point goes to the level whose voxel fits its
footprint, so that what is far costs few points and few chunks, however far it is.
"""

import hashlib
import struct
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import morton
from spatia_bridge.memory.record import (
    CHUNK_SIDE,
    PACKED_BYTES,
    QUARTERS,
    RECORD,
    FloatArray,
    Records,
    decode_footprint,
)

_INDEX = struct.Struct("<4i")
MAX_LEVEL = 15
MAX_CHUNK_COORDINATE = 1 << 18  # ±: what a 64-bit key holds beside the level


class ChunkIndex(NamedTuple):
    """Where a chunk lies: grid level, then integer cube coordinates (world = index · 64 · voxel size of the level)."""

    level: int
    x: int
    y: int
    z: int

    def to_bytes(self) -> bytes:
        """16 bytes: four little-endian int32. What hashes and the wire use."""
        return _INDEX.pack(*self)


class Chunk:
    """Immutable points of one chunk.

    Attributes:
        index: ChunkIndex.
        records: structured RECORD (N,), N ≥ 1, read-only, in canonical order (`geometry.morton.stratified_order`): first one
            point for every occupied cell of 64 voxels a side, then one for each of 32, …: each prefix is an even sample.
    """

    def __init__(self, index: ChunkIndex, records: Records, *, canonical: bool = False) -> None:
        """Order and freeze the records; with canonical=True they are trusted to be in order (and are checked by hash elsewhere).

        Raises:
            InvalidInputError: no records, an index out of range, or two points in one voxel.
        """
        if not (0 <= index.level <= MAX_LEVEL and max(map(abs, index[1:])) < MAX_CHUNK_COORDINATE):
            raise InvalidInputError(f"chunk index {tuple(index)} is out of range", "move the anchor closer")
        if records.dtype != RECORD or records.ndim != 1 or not len(records):
            raise InvalidInputError("a chunk needs one or more point records", "leave empty chunks out")
        self.index = index
        if not canonical:
            codes = morton.encode(records["xyz"] >> 2)
            order = np.argsort(codes)
            codes = codes[order]
            if (codes[1:] == codes[:-1]).any():
                raise InvalidInputError(f"chunk {tuple(index)} has two points in one voxel", "fuse them first")
            records = records[order[morton.stratified_order(codes)]]
        self.records = np.ascontiguousarray(records)
        self.records.flags.writeable = False

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"Chunk({tuple(self.index)}, {len(self)} points)"

    @cached_property
    def address(self) -> int:
        """Of the records in this process, for kernels that read in place."""
        return int(self.records.ctypes.data)

    @cached_property
    def record_hash(self) -> bytes:
        """SHA-256 of the whole records: equality, the store, undo."""
        return hashlib.sha256(self.records.tobytes()).digest()

    @cached_property
    def packed_hash(self) -> bytes:
        """SHA-256 of the packed bytes: what clients hold, deltas."""
        return hashlib.sha256(self.packed()).digest()

    @cached_property
    def mean_confidence(self) -> float:
        """Of the points, 0…1."""
        return float(self.records["confidence"].mean()) / 255

    @cached_property
    def last_seen(self) -> int:
        """The newest clip that changed a point."""
        return int(self.records["last_seen"].max())

    def packed(self, first: int = 0, count: int | None = None) -> bytes:
        """The first 8 bytes of every record, or of `count` from the first, row by row."""
        return self._first_words[first : None if count is None else first + count].tobytes()

    @cached_property
    def _first_words(self) -> npt.NDArray[np.uint64]:
        """(N,): what `packed` copies, by words, which is the fastest."""
        return self.records.view(np.uint64).reshape(-1, RECORD.itemsize // PACKED_BYTES)[:, 0]

    def codes(self) -> npt.NDArray[np.uint32]:
        """Morton codes (N,) of the points' voxels, in record order."""
        return morton.encode(self.records["xyz"] >> 2)

    def voxel_size_m(self, base_m: float) -> float:
        return base_m * (1 << self.index.level)

    def origin_world(self, base_m: float) -> npt.NDArray[np.float64]:
        """The cube's low corner (3,) in metres."""
        return np.array(self.index[1:], np.float64) * (CHUNK_SIDE * self.voxel_size_m(base_m))

    def points_world(self, base_m: float) -> npt.NDArray[np.float64]:
        """Positions (N, 3) in metres; base_m is the snapshot's voxel size at level 0."""
        quarter = self.voxel_size_m(base_m) / QUARTERS
        return self.origin_world(base_m) + (self.records["xyz"] + 0.5) * quarter

    def footprints_m(self, base_m: float) -> FloatArray:
        """Diameters (N,) in metres."""
        return decode_footprint(self.records["footprint"]) * np.float32(self.voxel_size_m(base_m))
