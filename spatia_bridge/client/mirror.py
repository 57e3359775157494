"""What a client holds of memory: chunks assembled from parts, checked by hash, and the revision they add up to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.compression import decompress
from spatia_bridge.codec.tables import read_table
from spatia_bridge.errors import CodecError, ProtocolError
from spatia_bridge.link.limits import MAX_BATCH_BYTES
from spatia_bridge.link.messages import (
    ChunkPart,
    ChunkParts,
    ChunksRemoved,
    ChunkTable,
    Compression,
    Resume,
    Space,
    Synced,
    Welcome,
)
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.record import PACKED_BYTES
from spatia_bridge.memory.snapshot import chunk_digest

MAX_PART_BYTES = MAX_BATCH_BYTES
_REMEDY = "reconnect without resume; if it happens again, report it"
_Held = tuple[bytes, int]  # packed bytes, and what the chunk adds to the digest


@dataclass(slots=True)
class _Begun:
    """A chunk under way: which version, its points in all, what came."""

    version: bytes = b""
    total: int = 0
    pieces: list[bytes | memoryview] = field(default_factory=list)
    size_bytes: int = 0


class PointMirror:
    """Applies the chunk messages of one server.

    Attributes:
        space: where the points lie in the client's axes.
        synced: the last `Synced`, None before the first.
        clean: nothing came since `synced`: the chunks are exactly that revision.
    """

    def __init__(self) -> None:
        self.space = Space()
        self.synced: Synced | None = None
        self.clean = False
        self._chunks: dict[ChunkIndex, bytes] = {}
        self._digests: dict[ChunkIndex, int] = {}  # of the same chunks
        self._begun: dict[ChunkIndex, _Begun] = {}
        self._digest = 0
        self._before: dict[ChunkIndex, _Held | None] = {}  # what `synced` had where something changed since

    @property
    def chunks(self) -> Mapping[ChunkIndex, bytes]:
        """Packed bytes of the chunks that are complete."""
        return MappingProxyType(self._chunks)

    @property
    def shown(self) -> dict[ChunkIndex, bytes]:
        """Packed bytes of all chunks, of those under way what has come."""
        return {**self._chunks, **{index: b"".join(begun.pieces) for index, begun in self._begun.items()}}

    @property
    def points(self) -> int:
        """Points in all complete chunks."""
        return sum(map(len, self._chunks.values())) // PACKED_BYTES

    def apply(self, body: object) -> None:
        """Take a message's body; those that are not about chunks change nothing.

        Raises:
            ProtocolError: a part that continues nothing.
            CodecError: data, hash or digest is not what the server stated.
        """
        if isinstance(body, Welcome):
            self._welcome(body)
        elif isinstance(body, Space):
            self.space = body
        elif isinstance(body, ChunkParts):
            for part in body.parts:
                self.apply(part)
        elif isinstance(body, ChunkPart):
            self._part(body)
        elif isinstance(body, ChunkTable):
            for index, total, first, version, points in read_table(body.rows, body.data):
                self._add(index, version, total, first, points)
            if body.synced is not None:
                self._check(body.synced)
        elif isinstance(body, ChunksRemoved):
            self.clean = False
            for each in body.indexes:
                index = ChunkIndex(each.level, each.x, each.y, each.z)
                self._begun.pop(index, None)
                self._put(index, None)
        elif isinstance(body, Synced):
            self._check(body)

    def resume(self) -> Resume | None:
        """What to say in the next hello, None if nothing was ever complete. Goes back to the last synced revision."""
        if self.synced is None:
            return None
        self._begun.clear()
        for index, held in list(self._before.items()):
            self._put(index, held)
        self._before.clear()
        self.clean = True
        return Resume(self.synced.revision, self.synced.digest)

    def points_client(self) -> npt.NDArray[np.float64]:
        """All points (N, 3) in the client's axes and units."""
        affine = np.reshape(self.space.client_from_chunk, (3, 4))
        found = [np.empty((0, 3))]
        for index, data in self._chunks.items():
            packed = np.frombuffer(data, np.uint8).reshape(-1, PACKED_BYTES)
            found.append((256.0 * np.array(index[1:]) + packed[:, :3] + 0.5) * 2.0**index.level)
        return np.asarray(np.concatenate(found) @ affine[:, :3].T + affine[:, 3])

    def _welcome(self, welcome: Welcome) -> None:
        self.space = welcome.space or Space()
        if not welcome.resumed:
            self._chunks.clear()
            self._digests.clear()
            self._begun.clear()
            self._before.clear()
            self._digest, self.synced, self.clean = 0, None, False

    def _part(self, part: ChunkPart) -> None:
        if part.index is None or part.raw_size != part.count * PACKED_BYTES:
            raise CodecError(f"a chunk part of {part.count} points has {part.raw_size} bytes", _REMEDY)
        index = ChunkIndex(part.index.level, part.index.x, part.index.y, part.index.z)
        raw = decompress((part.compression or Compression.NONE).value, part.data, part.raw_size, MAX_PART_BYTES)
        self._add(index, part.packed_hash, part.total_points, part.first, raw)

    def _add(self, index: ChunkIndex, version: bytes, total: int, first: int, raw: bytes | memoryview) -> None:
        """A part's packed bytes; those of a chunk under way may be views, a complete one has bytes of its own."""
        self.clean = False
        if first == 0:
            self._put(index, None)
            self._begun[index] = _Begun(version, total)
        begun = self._begun.get(index) or _Begun()
        if (begun.version, begun.total, begun.size_bytes) != (version, total, first * PACKED_BYTES):
            raise ProtocolError(f"a part of chunk {tuple(index)} from point {first} on continues nothing", _REMEDY)
        begun.pieces.append(raw)
        begun.size_bytes += len(raw)
        if begun.size_bytes >= begun.total * PACKED_BYTES:
            del self._begun[index]
            data = b"".join(begun.pieces)
            if hashlib.sha256(data).digest() != begun.version:
                raise CodecError(f"chunk {tuple(index)} is not what its hash says", _REMEDY)
            self._put(index, (data, chunk_digest(index, begun.version)))

    def _put(self, index: ChunkIndex, held: _Held | None) -> None:
        old = (self._chunks.pop(index), self._digests.pop(index)) if index in self._chunks else None
        self._before.setdefault(index, old)
        for each in (old, held):
            if each is not None:
                self._digest ^= each[1]
        if held is not None:
            self._chunks[index], self._digests[index] = held

    def _check(self, synced: Synced) -> None:
        if self._begun or self._digest.to_bytes(32, "big") != synced.digest:
            raise CodecError(f"revision {synced.revision} has another digest here ({len(self._begun)} chunks under way)", _REMEDY)
        self.synced, self.clean = synced, True
        self._before.clear()
