"""Parts of chunks as clients get them, encoded once for all: who comes second, and who comes back, costs no compression."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from spatia_bridge.codec.compression import compress
from spatia_bridge.memory.chunk import Chunk

CACHE_BYTES = 64 << 20
Part = tuple[Chunk, int, int]  # of which chunk, from which point on, how many points


class PartCache:
    """The parts last asked for, at most `limit_bytes` of them. Safe across threads."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._bytes = 0
        self._parts: OrderedDict[tuple[bytes, int, int, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, part: Part, compression: str) -> bytes:
        """A part's packed bytes under that compression; as they are where it does not make them smaller. "none" is not kept."""
        chunk, first, count = part
        if compression == "none":  # as quick as finding it
            return chunk.packed(first, count)
        key = (chunk.packed_hash, first, count, compression)
        with self._lock:
            data = self._parts.get(key)
            if data is not None:
                self._parts.move_to_end(key)
                return data
        raw = chunk.packed(first, count)
        data = compress(compression, raw)
        if len(data) >= len(raw):
            data = raw
        with self._lock:
            if key not in self._parts:
                self._parts[key] = data
                self._bytes += len(data)
            while self._bytes > self.limit_bytes:
                self._bytes -= len(self._parts.popitem(last=False)[1])
        return data

    def encode(self, parts: Iterable[Part], compression: str) -> None:
        """Have these parts at hand soon. For a worker."""
        for part in parts:
            self.get(part, compression)


PARTS = PartCache()  # of all links of this process
