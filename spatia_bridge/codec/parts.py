"""Parts of chunks as clients get them, encoded once for all: who comes second, and who comes back, costs no compression."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future

from spatia_bridge.codec.compression import compress
from spatia_bridge.memory.chunk import Chunk

CACHE_BYTES = 64 << 20
Part = tuple[Chunk, int, int]  # of which chunk, from which point on, how many points
_Key = tuple[bytes, int, int, str]  # content, not chunk: the same bytes at another place are the same part


class PartCache:
    """The parts last asked for, at most `limit_bytes` of them. Safe across threads."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._bytes = 0
        self._parts: OrderedDict[_Key, bytes] = OrderedDict()
        self._under_way: dict[_Key, Future[bytes]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, part: Part, compression: str) -> bytes:
        """A part's packed bytes under that compression; as they are where it does not make them smaller. "none" is not kept.

        Who asks for what another thread is encoding waits for that.
        """
        chunk, first, count = part
        if compression == "none":  # as quick as finding it
            return chunk.packed(first, count)
        key = (chunk.packed_hash, first, count, compression)
        with self._lock:
            data = self._parts.get(key)
            if data is not None:
                self._parts.move_to_end(key)
                return data
            encoding = self._under_way.get(key)
            if encoding is None:
                mine = self._under_way[key] = Future()
        return self._encode(key, chunk, mine) if encoding is None else encoding.result()

    def encode(self, parts: Iterable[Part], compression: str) -> None:
        """Have these parts at hand soon. For a worker; what another one has or is at is left to it."""
        for part in parts:
            chunk, first, count = part
            key = (chunk.packed_hash, first, count, compression)
            if key not in self._parts and key not in self._under_way:
                self.get(part, compression)

    def _encode(self, key: _Key, chunk: Chunk, mine: Future[bytes]) -> bytes:
        """Encode what nobody else is encoding, and hand it to whoever waits for it."""
        _, first, count, compression = key
        try:
            raw = chunk.packed(first, count)
            data = compress(compression, raw)
            if len(data) >= len(raw):
                data = raw
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
            self._parts[key] = data
            self._bytes += len(data)
            while self._bytes > self.limit_bytes:
                self._bytes -= len(self._parts.popitem(last=False)[1])
        mine.set_result(data)
        return data


PARTS = PartCache()  # of all links of this process
