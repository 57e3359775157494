"""`compact`: the whole record, lossless and small, for disk and for clients that are programs.

    offset  type   meaning
    0       4s     "SBCR"
    4       u8     version, 2 (version 1, which old sessions have on the disk: `codec.planes`)
    5       u8     length H of the header
    6       H B    header, msgpack: [N, hash, [[k, points, raw size, size], …]]
    6+H     …      the parts, one zstd frame each, with nothing between or after

N is the count of points, 1 … 64³; hash the SHA-256 of the records, 16·N bytes in canonical order. A part with cell exponent k
holds the points that come first, along the Morton curve (x in the lowest bit of each triple), in their cell of 2^k voxels a side,
less those of the parts before; k falls from part to part; a part that would be empty is left out. So the first part is a coarser
chunk, with the second added it is a finer one (level of detail is a prefix), and a chunk in one piece is one part with k = 0.
Within a part points are sorted by Morton code. Who has them all knows the canonical order, a function of the set
(`geometry.morton.stratified_order`). With K the exponent of the part before, 6 for the first, the
raw bytes of a part of n points:

    13 B       in the first part only: bytes 3 … 15 of its first record
    u16        little endian: which planes follow; bit b: record byte 3 + b, bit 13: quarters. Others are left out: all zero
    octree     a byte for every cube of 2^K, 2^(K-1), …, 2 voxels a side that has a point of this part or one before, each level
               in Morton order; bit c: its eighth c has one, x in bit 0 of c, y in bit 1, z in bit 2
    n B each   planes, if present: quarters, then record bytes 5, 4, 6 (green, red, blue), 3, 7, 8, …, 15

Before means: in a part before, or in this one and before in Morton order. Quarters: x + 4y + 16z, for each axis the quarter
within the voxel (xyz & 3) minus, modulo 4, that of the last point before it with the same voxel coordinate on this axis, or 0.

Every other byte is a difference d modulo 256 to what is told by points before, written as 0, -1, 1, -2, … → 0, 1, 2, 3, ….
Let a, b and c be the points in the cells of 2^k voxels one lower along x, y and z, if there are any before. The reference is the
last of them in the order of the stream; without any, the point before; for the very first, the 13 bytes. It tells bytes 3 and
7 … 15. A colour is told channel by channel by p, q and the point e between them: min(p, q) if p + q - e is below it, max(p, q) if
above it, p + q - e itself otherwise. p, q, e are the first of these of which all three are there: a, b and the one lower along x
and y; a, c and the one lower along x and z; b, c and the one lower along y and z; without any, the reference thrice. The plane of
green holds its difference, those of red and blue hold theirs minus green's.
"""

import itertools
import struct
import threading
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from spatia_bridge.codec import kernels, planes
from spatia_bridge.codec.compression import compress_zstd_blocks, decompress
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, RECORD, Records

MAX_POINTS = CHUNK_SIDE**3
MAX_PARTS = 7
MAGIC = b"SBCR"
VERSION = 2
ZSTD_LEVEL = 1  # on what is left after prediction, 3 is slower and no smaller, 9 a few percent smaller and five times slower
MIN_MATCH = 7  # what prediction leaves repeats in short runs by chance alone: 2 % smaller, and faster both ways
IN_PARTS = (2, 1, 0)  # for level of detail: one point for every occupied cell of 4 voxels, of 2, then all

_VERSION_1 = MAGIC + bytes([planes.VERSION])
_PREFIX = struct.Struct("<4sBB")
_BLOCKS_FROM = 150  # points: with fewer, a Huffman table for each kind of byte costs more than it saves
_REMEDY = "the bytes were damaged or cut; fetch the chunk again"


Codes = npt.NDArray[np.uint32]


class _PerThread(threading.local):
    """The kernels' maps of cells, kept all zero between calls: 512 KiB, which caches like, and one for very full chunks."""

    def __init__(self) -> None:
        self.small = np.zeros(kernels.CODES, np.uint16)
        self.large: npt.NDArray[np.uint32] | None = None


_local = _PerThread()


def _seen(points: int) -> npt.NDArray[Any]:
    if points < 1 << 16:
        return _local.small
    if _local.large is None:
        _local.large = np.zeros(kernels.CODES, np.uint32)
    return _local.large


def encode_compact(chunk: Chunk, cells: Sequence[int] = (0,)) -> bytes:
    """The chunk in one part, or in several: then every part that is cut off still leaves a coarser chunk.

    The same chunk gives the same raw bytes; the compressed ones depend on the zstd version.

    Args:
        cells: the parts' cell exponents, falling, the last 0: IN_PARTS for level of detail.
    Raises:
        InvalidInputError: the chunk's records are not in canonical order, or the exponents do not fall from 6 or less to 0.
    """
    steps = list(itertools.pairwise((kernels.LEVELS + 1, *cells)))
    if not cells or cells[-1] != 0 or any(low >= high for high, low in steps):
        raise InvalidInputError(
            f"a chunk has no parts of cells {tuple(cells)}", "give falling exponents from 6 at most, the last 0"
        )
    records, count = chunk.records.view(np.uint64).reshape(-1, 2), len(chunk)
    codes, words = np.empty(count, np.uint32), np.empty((count + 1, 2), np.uint64)
    coarseness = np.empty(count, np.uint8)
    distinct, canonical = kernels.sort_chunk(records, codes, coarseness, words)
    if not distinct:
        raise InvalidInputError(f"{chunk!r} has two points in one voxel", "fuse them first")
    if not canonical:
        raise InvalidInputError(f"{chunk!r} is not in canonical order", "build chunks without canonical=True")
    if len(cells) == 1:
        parts = [_encode_part(codes, codes, 0, 0, kernels.LEVELS, words, np.zeros((3, 64), np.uint8))]
    else:
        parts = _encode_parts(codes, coarseness, cells, words)
    header = msgpack.packb([count, chunk.record_hash, [(k, n, raw, len(data)) for k, n, raw, data in parts]])
    return b"".join([_PREFIX.pack(MAGIC, VERSION, len(header)), header, *(data for *_, data in parts)])


def decode_compact(index: ChunkIndex, data: bytes, expect_hash: bytes | None = None, verify: bool = True) -> Chunk:
    """The chunk again, of version 1 too. Nothing is allocated before its size is checked.

    Args:
        expect_hash: its record hash; the chunk is refused if it has another.
        verify: compare the records with the hash in the header; without it, damage is found by zstd's checksums alone. Version 1
            has no hash in its header.
    Raises:
        CodecError: truncated, corrupt, of another version, or not the expected chunk.
    """
    if data[: len(_VERSION_1)] == _VERSION_1:
        return _checked(index, planes.decode_planes(data), expect_hash)
    count, stated, parts, at = _read_header(data)
    if expect_hash is not None and stated != expect_hash:
        raise CodecError(f"the chunk has hash {stated.hex()}, expected {expect_hash.hex()}", _REMEDY)
    if len(parts) == 1:
        low, _, raw_size, size = parts[0]
        raw = _raw(data, at, count, raw_size, size)
        records = np.empty((count, 2), np.uint64)
        whole = kernels.read_whole(raw, low, _seen(count), records)
    else:
        rows = _read_parts(data, at, parts)
        records = np.empty_like(rows)
        whole = kernels.order_records(rows, records)
    if not whole:
        raise CodecError("the chunk's points are damaged", _REMEDY)
    return _checked(index, np.ndarray(count, RECORD, records), stated if verify or expect_hash is not None else None)


def _checked(index: ChunkIndex, records: Records, expect_hash: bytes | None) -> Chunk:
    """The chunk of records in canonical order, which has this hash."""
    try:
        chunk = Chunk(index, records, canonical=True)
    except InvalidInputError as error:
        raise CodecError(error.message, _REMEDY) from error
    if expect_hash is not None and chunk.record_hash != expect_hash:
        raise CodecError(f"{chunk!r} has hash {chunk.record_hash.hex()}, expected {expect_hash.hex()}", _REMEDY)
    return chunk


def decode_prefix(data: bytes, parts: int) -> Records:
    """RECORD (n,) of the first parts: an even, coarser sample of the chunk, part by part, each along the Morton curve.

    Bytes of later parts need not have arrived. The hash is not compared, it is of all points.

    Raises:
        CodecError: truncated within these parts, corrupt, of another version, or there are not so many parts.
    """
    _, _, stated, at = _read_header(data, parts)
    records = _read_parts(data, at, stated[:parts])
    return np.ndarray(len(records), RECORD, records)


def part_ends(data: bytes) -> list[tuple[int, int]]:
    """After each part: points so far, bytes so far; of the header's bytes alone (at most 261).

    Raises:
        CodecError: truncated within the header, corrupt, or of another version.
    """
    _, _, parts, at = _read_header(data, 0)
    ends, points = [], 0
    for _, count, _, size in parts:
        at, points = at + size, points + count
        ends.append((points, at))
    return ends


Part = tuple[int, int, int, bytes]  # cell exponent, points, raw size, zstd frame


def _encode_part(
    all_codes: Codes, codes: Codes, before: int, low: int, high: int, words: npt.NDArray[np.uint64], last: npt.NDArray[np.uint8]
) -> Part:
    """The arguments are those of `kernels.write_part`."""
    count = len(codes) - before
    # three planes are written before they may be dropped
    raw = np.empty(_largest(count, len(codes)) + 3 * count, np.uint8)
    places_end, colours_end, end = kernels.write_part(all_codes, codes, before, low, high, words, last, _seen(len(codes)), raw)
    cuts = (places_end, colours_end) if count >= _BLOCKS_FROM else ()
    return low, count, end, compress_zstd_blocks(raw[:end].data, cuts, ZSTD_LEVEL, MIN_MATCH)


def _encode_parts(
    codes: Codes, coarseness: npt.NDArray[np.uint8], cells: Sequence[int], words: npt.NDArray[np.uint64]
) -> list[Part]:
    """The parts that are not empty, of rows that ascend along the curve."""
    parts: list[Part] = []
    last, order, high = np.zeros((3, 64), np.uint8), np.zeros(1, np.int64), kernels.LEVELS + 1
    for low in cells:
        new = np.flatnonzero((coarseness >= low) & (coarseness < high))
        if not len(new):
            continue
        before, order = len(order) - 1, np.concatenate([order, new + 1])
        all_codes, row_codes = codes[coarseness >= low], codes[order[1:] - 1]
        parts.append(_encode_part(all_codes, row_codes, before, low, min(high, kernels.LEVELS), words[order], last))
        high = low
    return parts


def _read_header(data: bytes, wanted: int | None = None) -> tuple[int, bytes, list[list[int]], int]:
    """Points, hash, the parts' [points, raw size, size], and where they begin; all sizes checked.

    Args:
        wanted: how many parts must be there; None = all, and nothing after them.
    """
    if len(data) < _PREFIX.size:
        raise CodecError(f"chunk data is only {len(data)} bytes", _REMEDY)
    magic, version, length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise CodecError(f"chunk data begins with {magic!r}", _REMEDY)
    if version != VERSION:
        raise CodecError(f"chunk data has version {version}, this program reads {VERSION}", "update the program")
    at = _PREFIX.size + length
    try:
        count, stated, parts = msgpack.unpackb(data[_PREFIX.size : at])
        points, sizes, high = 0, 0, kernels.LEVELS + 1
        for number, (low, n, raw_size, size) in enumerate(parts):
            points += n
            if n < 1 or size < 1 or not 0 <= low < high or not 0 <= raw_size <= _largest(n, points):
                raise CodecError(f"chunk data states a part of {n} points in {raw_size} bytes", _REMEDY)
            high = low
            sizes += size if wanted is None or number < wanted else 0
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CodecError("the header of chunk data is damaged", _REMEDY) from error
    if type(count) is not int or type(points) is not int or type(sizes) is not int or not 1 <= count <= MAX_POINTS:
        raise CodecError("the header of chunk data is damaged", _REMEDY)
    if points != count or not isinstance(stated, bytes) or len(stated) != 32 or not 1 <= len(parts) <= MAX_PARTS:
        raise CodecError(f"chunk data states {count} points, its parts {points}", _REMEDY)
    if wanted is None and at + sizes != len(data):
        raise CodecError(f"chunk data is {len(data)} bytes where {at + sizes} were stated", _REMEDY)
    if wanted is not None and (wanted > len(parts) or at + sizes > len(data)):
        raise CodecError(f"{wanted} parts of chunk data are asked for, they are not all there", _REMEDY)
    return count, stated, parts, at


def _read_parts(data: bytes, at: int, parts: Sequence[Sequence[int]]) -> npt.NDArray[np.uint64]:
    """Records (n, 2 words) of the parts, one after the other."""
    codes, all_codes = np.empty(0, np.uint32), np.empty(0, np.uint32)
    words, last = np.zeros((1, 2), np.uint64), np.zeros((3, 64), np.uint8)
    high = kernels.LEVELS
    for low, count, raw_size, size in parts:
        before, points = len(codes), len(codes) + count
        raw = _raw(data, at, points, raw_size, size)
        codes, all_codes = _longer(codes, points), _longer(all_codes[:before], points + 8)
        words = _longer(words, points + 1)
        if not kernels.read_part(raw, before, low, high, all_codes, codes, words, last, _seen(points)):
            raise CodecError("the chunk's points are damaged", _REMEDY)
        at, high = at + size, low
    return words[1:]


def _longer(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def _largest(count: int, points: int) -> int:
    """The most raw bytes of a part of so many points that make it so many."""
    return kernels.BASE_BYTES + kernels.MASK_BYTES + kernels.LEVELS * points + kernels.PLANES * count


def _raw(data: bytes, at: int, points: int, raw_size: int, size: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(decompress("zstd", data[at : at + size], raw_size, _largest(points, points)), np.uint8)
