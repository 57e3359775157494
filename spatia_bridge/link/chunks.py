"""The chunk queue of one client: what differs between what it holds and the newest snapshot, sent against its credit.

Nothing is queued but marks: a chunk that changes ten times while it waits is sent once, as it is then. What the client holds is
known by hash, so a chunk that changes and changes back costs nothing. When no mark is left, `Synced` says what the client holds.
"""

from collections.abc import Iterable, Sequence

from spatia_bridge.codec.parts import PARTS, Part
from spatia_bridge.codec.tables import write_table
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.link import messages as msg
from spatia_bridge.link.limits import (
    BATCH_PARTS,
    COARSE_POINTS,
    MAX_BATCH_BYTES,
    MAX_CREDIT_BYTES,
    PART_POINTS,
    REMOVED_BATCH,
    SLIVER_BYTES,
    TABLE_PARTS,
)
from spatia_bridge.link.messages import Compression
from spatia_bridge.link.priority import Backlog
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import PACKED_BYTES
from spatia_bridge.memory.snapshot import Snapshot, changed_indexes

ChunkBody = msg.ChunkPart | msg.ChunkParts | msg.ChunkTable | msg.ChunksRemoved | msg.Synced


def digest_bytes(digest: int) -> bytes:
    """A snapshot's digest as 32 bytes, big endian."""
    return digest.to_bytes(32, "big")


class ChunkQueue:
    """Brings a client from what it holds to the newest snapshot.

    Args:
        head: the newest snapshot.
        held: the snapshot that the client holds complete; None = nothing.
        compression: of the parts.
        credit_bytes: of `ChunkPart.data` that may be sent before `grant`.
        batch_bytes: of data that parts in one message may have together, at most MAX_BATCH_BYTES of it count; 0 = a message holds
            one part.
        tables: whether parts go as tables where they are not compressed; then batch_bytes is not 0.

    Making one takes milliseconds per thousand chunks of difference: make it off the loop.
    """

    def __init__(
        self,
        head: Snapshot,
        held: Snapshot | None,
        compression: Compression,
        credit_bytes: int,
        batch_bytes: int = 0,
        tables: bool = False,
    ) -> None:
        self.snapshot = head
        self.credit_bytes = min(credit_bytes, MAX_CREDIT_BYTES)
        self.compression = compression
        self._compression_name = compression.value
        self._batch_bytes = min(batch_bytes, MAX_BATCH_BYTES)
        self._tables = tables and compression is Compression.NONE
        self._part_points = max(PART_POINTS, self._batch_bytes // PACKED_BYTES)
        self._held = {index: chunk.packed_hash for index, chunk in held.chunks.items()} if held is not None else {}
        self._begun: dict[ChunkIndex, tuple[bytes, int]] = {}  # hash of the version begun, points sent
        self._removed: dict[ChunkIndex, None] = {}
        self._synced = False
        self._backlog = Backlog(head.voxel_size_m)
        self._mark(list(head.chunks) if held is None else changed_indexes(held, head))

    def move_to(self, snapshot: Snapshot, changed: Iterable[ChunkIndex] | None = None) -> None:
        """Memory moved on. `changed`: the indexes that may differ from the snapshot before; None = find out."""
        indexes = changed_indexes(self.snapshot, snapshot) if changed is None else changed
        if snapshot.voxel_size_m != self.snapshot.voxel_size_m:
            self._backlog.rescale(snapshot.voxel_size_m)
        self.snapshot = snapshot
        self._synced = False
        self._mark(indexes)

    def look(self, camera: Camera) -> None:
        """Where the client looks from now."""
        self._backlog.look(camera)

    def grant(self, credit_bytes: int) -> None:
        """The client can take so many bytes more."""
        self.credit_bytes = min(self.credit_bytes + credit_bytes, MAX_CREDIT_BYTES)

    def next_body(self, now: float) -> ChunkBody | None:
        """The next message's body, None while nothing is to be said or credit is short. Compresses at most two parts' worth, and
        mostly nothing: parts are kept for all clients."""
        if self._removed:
            return self._removals()
        if self._tables and len(self._backlog):
            return self.whole_table() or self._table(self._backlog.upcoming(now), whole=False)
        index = self._backlog.first(now)
        if index is not None:
            return self._parts(index, now) if self._batch_bytes else self._part(index)
        return None if self._synced else self._sync()

    def whole_table(self) -> msg.ChunkTable | None:
        """All that waits as one table, None where it does not fit or nothing waits."""
        if not self._tables or self._removed or not len(self._backlog) or not self._fits_one_table():
            return None
        return self._table(list(self._backlog), whole=True)

    def fine_parts(self, limit_bytes: int) -> list[Part]:
        """The parts that will follow the coarse ones, if nothing changes: to be encoded while those are sent."""
        parts: list[Part] = []
        for index, chunk in self.snapshot.chunks.items():
            if index in self._backlog:
                starts = range(COARSE_POINTS, len(chunk), self._part_points)
                parts += [(chunk, first, min(self._part_points, len(chunk) - first)) for first in starts]
                limit_bytes -= PACKED_BYTES * len(chunk)
                if limit_bytes < 0:
                    break
        return parts

    @property
    def waiting(self) -> int:
        """How many chunks wait to be sent or finished."""
        return len(self._backlog)

    def _mark(self, indexes: Iterable[ChunkIndex]) -> None:
        new: list[ChunkIndex] = []
        for index in indexes:
            chunk = self.snapshot.chunks.get(index)
            begun = self._begun.get(index)
            if chunk is None:
                self._backlog.discard(index)
                if begun is not None or index in self._held:
                    self._removed[index] = None
                continue
            self._removed.pop(index, None)  # its first part will replace what the client has
            if self._held.get(index) == chunk.packed_hash:
                self._backlog.discard(index)
            elif begun is None or begun[0] != chunk.packed_hash:
                new.append(index)
            elif index not in self._backlog:  # it was taken away and is back before the client heard of it
                self._backlog.add([index])
                self._backlog.refine(index)
        self._backlog.add(new)

    def _sync(self) -> msg.Synced:
        self._synced = True
        return msg.Synced(self.snapshot.revision, digest_bytes(self.snapshot.packed_digest))

    def _removals(self) -> msg.ChunksRemoved:
        batch = list(self._removed)[:REMOVED_BATCH]
        for index in batch:
            del self._removed[index]
            self._held.pop(index, None)
            self._begun.pop(index, None)
        return msg.ChunksRemoved(tuple(msg.ChunkIndex(*index) for index in batch))

    def _parts(self, index: ChunkIndex | None, now: float) -> msg.ChunkPart | msg.ChunkParts | None:
        """The part that is due, and those after it that fit into the same message."""
        parts: list[msg.ChunkPart] = []
        room = self._batch_bytes
        while index is not None and len(parts) < BATCH_PARTS:
            part = self._part(index, room)
            if part is None:
                break
            parts.append(part)
            room -= len(part.data)
            index = self._backlog.first(now)
        return msg.ChunkParts(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None

    def _table(self, indexes: Iterable[ChunkIndex], whole: bool) -> msg.ChunkTable | None:
        """The parts that are due of these chunks, as many as a message holds, in arrays; `whole`: all that is left of each."""
        parts: list[Part] = []
        room = self._batch_bytes
        for index in indexes:
            chunk, first, count = part = self._due(index, whole)
            size_bytes = count * PACKED_BYTES
            if count == 0 or size_bytes > room or len(parts) == TABLE_PARTS:
                break
            parts.append(part)
            room -= size_bytes
            self._sent(index, chunk, first + count, size_bytes)
        if not parts:
            return None
        return msg.ChunkTable(*write_table(parts), None if len(self._backlog) else self._sync())

    def _fits_one_table(self) -> bool:
        """All that waits goes in one message, as after most edits: then neither order nor a coarse part first gains anything."""
        if len(self._backlog) > TABLE_PARTS:
            return False
        points = sum(len(chunk) - first for chunk, first in map(self._next, self._backlog))
        return points * PACKED_BYTES <= min(self._batch_bytes, self.credit_bytes)

    def _part(self, index: ChunkIndex, room: int = MAX_BATCH_BYTES) -> msg.ChunkPart | None:
        """The chunk's next part, None where credit is short or its data takes more than `room` bytes."""
        chunk, first, count = part = self._due(index)
        if count == 0:
            return None
        data, raw_size = PARTS.get(part, self._compression_name), count * PACKED_BYTES
        if len(data) > room:
            return None
        compression = self.compression if len(data) < raw_size else Compression.NONE  # credit was counted in raw bytes
        self._sent(index, chunk, first + count, len(data))
        return msg.ChunkPart(msg.ChunkIndex(*index), len(chunk), first, count, compression, raw_size, data, chunk.packed_hash)

    def _due(self, index: ChunkIndex, whole: bool = False) -> Part:
        """The chunk's next part, `whole`: all that is left of it; of 0 points where credit is short."""
        chunk, first = self._next(index)
        return chunk, first, len(chunk) - first if whole else self._count(chunk, first)

    def _next(self, index: ChunkIndex) -> tuple[Chunk, int]:
        """A chunk that waits, and its first point that is not sent yet."""
        chunk = self.snapshot.chunks[index]
        version, points = self._begun.get(index, (b"", 0))
        return chunk, points if version == chunk.packed_hash else 0

    def _count(self, chunk: Chunk, first: int) -> int:
        """How many points the next part has: coarse or fine, within the credit, no slivers; 0 = wait for credit."""
        wanted = min(self._part_points if first else COARSE_POINTS, len(chunk) - first)
        affordable = self.credit_bytes // PACKED_BYTES
        if affordable < min(wanted, SLIVER_BYTES // PACKED_BYTES):
            return 0
        return min(wanted, affordable)

    def _sent(self, index: ChunkIndex, chunk: Chunk, points: int, size_bytes: int) -> None:
        """So many of the chunk's points are on their way, the last part of them as so many bytes."""
        self.credit_bytes -= size_bytes
        self._held.pop(index, None)
        if points < len(chunk):
            self._begun[index] = (chunk.packed_hash, points)
            self._backlog.refine(index)
        else:
            self._begun.pop(index, None)
            self._held[index] = chunk.packed_hash
            self._backlog.discard(index)


def choose_compression(readable: Sequence[Compression | None]) -> Compression:
    """The client's first choice among what it can read."""
    return next((compression for compression in readable if compression is not None), Compression.NONE)
