"""Parts of many chunks in two arrays: a row of 64 bytes a part, and the packed points of all, one part after the other.

    offset  size  type          what
         0    16  4 × int32     level, x, y, z of the chunk
        16     4  uint32        points of the whole chunk
        20     4  uint32        the part's first point; a chunk's parts come in order
        24     4  uint32        its points
        28     4  uint32        0
        32    32  bytes         SHA-256 of the whole chunk's packed bytes

Little endian. Where no bandwidth is to be saved this is the soonest: both ends touch every byte once, and nothing else per point.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from spatia_bridge.codec.parts import Part
from spatia_bridge.errors import CodecError
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.record import PACKED_BYTES

_ROW = Struct("<4i4I32s")
ROW_BYTES = _ROW.size
_REMEDY = "send 64 bytes a part in rows, and 8 bytes a point of all parts in data"


class TablePart(NamedTuple):
    """One part; `points` are its packed bytes, a view into the table's data."""

    chunk_index: ChunkIndex
    total_points: int
    first: int
    packed_hash: bytes
    points: memoryview


def write_table(parts: Sequence[Part]) -> tuple[bytes, bytes]:
    """Rows and data of these parts."""
    rows = [_ROW.pack(*chunk.index, len(chunk), first, count, 0, chunk.packed_hash) for chunk, first, count in parts]
    return b"".join(rows), b"".join([chunk.packed(first, count) for chunk, first, count in parts])


def read_table(rows: bytes, data: bytes) -> Iterator[TablePart]:
    """The parts, in order. Allocates nothing for their points.

    Raises:
        CodecError: at once or on the way: rows and data do not fit together.
    """
    if len(rows) % ROW_BYTES:
        raise CodecError(f"a chunk table has {len(rows)} bytes of rows", _REMEDY)
    view, at = memoryview(data), 0
    for level, x, y, z, total, first, count, zero, packed_hash in _ROW.iter_unpack(rows):
        end = at + count * PACKED_BYTES
        if not count or zero or end > len(data):
            raise CodecError(f"a chunk table states {count} points with {len(data) - at} bytes left", _REMEDY)
        yield TablePart(ChunkIndex(level, x, y, z), total, first, packed_hash, view[at:end])
        at = end
    if at != len(data):
        raise CodecError(f"a chunk table has {len(data) - at} bytes of points too many", _REMEDY)
