"""A snapshot: an immutable map from chunk index to chunk, with its locks and tombstones. Snapshots share unchanged chunks."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory.chunk import MAX_LEVEL, Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE
from spatia_bridge.memory.regions import Region

Changes = Mapping[ChunkIndex, Chunk | None]  # None = the chunk is gone


def chunk_digest(index: ChunkIndex, content_hash: bytes) -> int:
    """What one chunk adds to a snapshot's digest: SHA-256(index as four little-endian int32 ‖ hash) as a big-endian number."""
    return int.from_bytes(hashlib.sha256(index.to_bytes() + content_hash).digest(), "big")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All points at one moment.

    Attributes:
        voxel_size_m: side of a level 0 voxel, metres; while there are no points it binds nobody: the next update sets it.
        chunks: ChunkIndex → Chunk, read-only.
        locks, tombstones: regions into which no update writes; tombstones are also empty (something was removed there).
        alignment: `now_from_first`, how far the scene was scaled and turned since its first seed (see `edits.Realign`).
        revision: the number under which memory knows this content, 0 for the empty start.
        record_digest, packed_digest: XOR over all chunks of `chunk_digest` with either hash. Equal content, equal digest,
            whatever the order; kept up in O(changed chunks).
    """

    voxel_size_m: float
    chunks: Mapping[ChunkIndex, Chunk] = field(default_factory=lambda: MappingProxyType({}))
    locks: tuple[Region, ...] = ()
    tombstones: tuple[Region, ...] = ()
    alignment: Similarity = field(default_factory=Similarity)
    revision: int = 0
    points: int = 0
    record_digest: int = 0
    packed_digest: int = 0
    chunks_per_level: tuple[int, ...] = (0,) * (MAX_LEVEL + 1)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.voxel_size_m) and 1e-5 <= self.voxel_size_m <= 100):
            raise InvalidInputError(f"voxel size is {self.voxel_size_m} m", "use 0.00001 to 100 metres")

    def with_changes(
        self,
        changes: Changes,
        *,
        locks: tuple[Region, ...] | None = None,
        tombstones: tuple[Region, ...] | None = None,
        revision: int | None = None,
    ) -> "Snapshot":
        """The snapshot after the changes; everything else is shared with this one."""
        # the proxy's own copy hashes nothing anew: a tenth of the time of dict()
        chunks = self.chunks.copy() if isinstance(self.chunks, MappingProxyType) else dict(self.chunks)
        points, record, packed = self.points, self.record_digest, self.packed_digest
        per_level = list(self.chunks_per_level)
        for index, new in changes.items():
            for chunk, sign in ((chunks.pop(index, None), -1), (new, 1)):
                if chunk is not None:
                    points += sign * len(chunk)
                    per_level[index.level] += sign
                    record ^= chunk_digest(index, chunk.record_hash)
                    packed ^= chunk_digest(index, chunk.packed_hash)
            if new is not None:
                chunks[index] = new
        return replace(
            self,
            chunks=MappingProxyType(chunks),
            locks=self.locks if locks is None else locks,
            tombstones=self.tombstones if tombstones is None else tombstones,
            revision=self.revision if revision is None else revision,
            points=points,
            record_digest=record,
            packed_digest=packed,
            chunks_per_level=tuple(per_level),
        )

    def protected(self) -> tuple[Region, ...]:
        """The regions into which updates never write."""
        return self.locks + self.tombstones

    def protected_at(self, index: ChunkIndex) -> tuple[Region, ...]:
        """Those of the protected regions whose bounds meet a chunk's cube."""
        side = CHUNK_SIDE * self.voxel_size_m * (1 << index.level)
        low = np.array(index[1:]) * side
        return tuple(
            region
            for region in self.protected()
            for bounds in [region.bounds_world()]
            if (bounds[0] <= low + side).all() and (bounds[1] >= low).all()
        )

    def levels(self) -> frozenset[int]:
        """The grid levels that have chunks."""
        return frozenset(level for level, count in enumerate(self.chunks_per_level) if count)

    def chunks_in(self, region: Region) -> list[ChunkIndex]:
        """The indexes of the chunks whose cubes meet the region's bounds."""
        low, high = region.bounds_world()
        found = []
        for level in sorted(self.levels()):
            side = CHUNK_SIDE * self.voxel_size_m * (1 << level)
            first, last = np.floor(low / side).astype(int), np.floor(high / side).astype(int)
            cells = np.prod((last - first + 1).astype(float))
            if cells < len(self.chunks):
                candidates: Iterable[ChunkIndex] = (
                    ChunkIndex(level, x, y, z)
                    for x in range(first[0], last[0] + 1)
                    for y in range(first[1], last[1] + 1)
                    for z in range(first[2], last[2] + 1)
                )
                found += [index for index in candidates if index in self.chunks]
            else:
                found += [
                    index
                    for index in self.chunks
                    if index.level == level and all(a <= i <= b for a, i, b in zip(first, index[1:], last, strict=True))
                ]
        return found


def changed_indexes(old: Snapshot, new: Snapshot) -> set[ChunkIndex]:
    """The indexes at which two snapshots differ (compared by identity first, then by record hash)."""
    changed: set[ChunkIndex] = set()
    added = 0
    before = old.chunks.get
    for index, chunk in new.chunks.items():
        was = before(index)
        if was is not chunk and (was is None or was.record_hash != chunk.record_hash):
            changed.add(index)
            added += was is None
    if len(old.chunks) + added != len(new.chunks):
        changed.update(index for index in old.chunks if index not in new.chunks)
    return changed
