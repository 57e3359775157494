"""Chunks to bytes and back.

`packed`: the first 8 bytes of every record, row by row, for clients; any prefix that ends on a row is a coarser chunk.
`records`: the whole record, lossless, for disk. All integers little endian:

    offset  type  meaning
    0       4s    "SBCR"
    4       u8    version, 1
    5       3 B   zero
    8       u32   count of points N, 1 … 64³
    12      u32   raw size, 17·N
    16      …     one zstd frame of the raw bytes

The raw bytes are 17 planes of N bytes, the points sorted by the Morton code of their voxel: three planes (low, middle, high byte)
of the gap to the previous code minus one, the first counted from -1; one of the quarters within the voxel, x + 4y + 16z; then
bytes 3 … 15 of the record, each plane as differences modulo 256. Two points in one voxel cannot be written, and the canonical
order is a function of the set, so neither is stored.
"""

import struct

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.compression import compress_zstd, decompress
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry import morton
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, PACKED_BYTES, QUARTERS, RECORD, FloatArray, Records, decode_footprint

MAX_POINTS = CHUNK_SIDE**3
RECORDS_VERSION = 1
PACKED = np.dtype([("xyz", "u1", (3,)), ("footprint", "u1"), ("rgb", "u1", (3,)), ("confidence", "u1")])
assert PACKED.itemsize == PACKED_BYTES

_MAGIC = b"SBCR"
_HEADER = struct.Struct("<4sB3sII")
_PLANES = 17
_FIRST_PLAIN_BYTE = 3  # of the record: what stands before it is the position
_REMEDY = "the bytes were damaged or cut; fetch the chunk again"


def encode_packed(chunk: Chunk) -> bytes:
    """8 bytes a point, row by row in canonical order."""
    return chunk.packed()


def decode_packed(data: bytes) -> npt.NDArray[np.void]:
    """Structured PACKED (N,), read-only, of a chunk's packed bytes or a prefix of them.

    Raises:
        CodecError: not a multiple of 8 bytes, none, or more than a chunk can hold.
    """
    count, rest = divmod(len(data), PACKED_BYTES)
    if rest or not 1 <= count <= MAX_POINTS:
        raise CodecError(f"packed points are {len(data)} bytes", f"send 8 bytes a point, 1 to {MAX_POINTS} points")
    return np.frombuffer(data, PACKED)


def packed_positions_voxels(packed: npt.NDArray[np.void]) -> FloatArray:
    """Positions float32 (N, 3) in voxels of the chunk's own level, from the chunk's low corner, in 0…64."""
    return np.asarray((packed["xyz"].astype(np.float32) + np.float32(0.5)) / np.float32(QUARTERS))


def packed_positions_world(index: ChunkIndex, packed: npt.NDArray[np.void], base_m: float) -> npt.NDArray[np.float64]:
    """Positions float64 (N, 3) in metres; base_m is the side of a level 0 voxel."""
    voxel_m = base_m * (1 << index.level)
    return (np.array(index[1:], np.float64) * CHUNK_SIDE + packed_positions_voxels(packed)) * voxel_m


def packed_footprints_m(index: ChunkIndex, packed: npt.NDArray[np.void], base_m: float) -> FloatArray:
    """Diameters float32 (N,) in metres; base_m is the side of a level 0 voxel."""
    return np.asarray(decode_footprint(packed["footprint"]) * np.float32(base_m * (1 << index.level)))


def encode_records(chunk: Chunk) -> bytes:
    """The lossless disk form. The same chunk gives the same raw bytes; the compressed ones depend on the zstd version.

    Raises:
        InvalidInputError: the chunk's records are not in canonical order.
    """
    count = len(chunk)
    ordered = np.empty(count, RECORD)
    ordered[morton.stratified_order(np.sort(chunk.codes()))] = chunk.records
    codes = morton.encode(ordered["xyz"] >> 2).astype(np.int64)
    gaps = codes.copy()
    gaps[1:] -= codes[:-1] + 1
    if (gaps < 0).any():
        raise InvalidInputError(f"{chunk!r} is not in canonical order", "build chunks without canonical=True")
    planes = np.empty((_PLANES, count), np.uint8)
    for plane in range(3):
        planes[plane] = (gaps >> (8 * plane)) & 0xFF
    quarter = ordered["xyz"] & 3
    planes[3] = quarter[:, 0] | (quarter[:, 1] << 2) | (quarter[:, 2] << 4)
    plain = planes[4:]
    plain[:] = ordered.view(np.uint8).reshape(count, RECORD.itemsize)[:, _FIRST_PLAIN_BYTE:].T
    plain[:, 1:] -= plain[:, :-1].copy()
    header = _HEADER.pack(_MAGIC, RECORDS_VERSION, bytes(3), count, planes.size)
    return header + compress_zstd(planes.tobytes())


def decode_records(index: ChunkIndex, data: bytes, expect_hash: bytes | None = None) -> Chunk:
    """The chunk again. Nothing is allocated before the sizes are checked.

    Args:
        expect_hash: its record hash; the chunk is refused if it has another.
    Raises:
        CodecError: truncated, corrupt, of a newer version, or not the expected chunk.
    """
    if len(data) < _HEADER.size:
        raise CodecError(f"chunk data is only {len(data)} bytes", _REMEDY)
    magic, version, reserved, count, raw_size = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise CodecError(f"chunk data begins with {magic!r}", _REMEDY)
    if version != RECORDS_VERSION or any(reserved):
        raise CodecError(f"chunk data has version {version}, this program reads {RECORDS_VERSION}", "update the program")
    if not 1 <= count <= MAX_POINTS or raw_size != _PLANES * count:
        raise CodecError(f"chunk data states {count} points in {raw_size} bytes", _REMEDY)
    raw = decompress("zstd", data[_HEADER.size :], raw_size, _PLANES * MAX_POINTS)
    planes = np.frombuffer(raw, np.uint8).reshape(_PLANES, count)
    try:
        records = _from_planes(planes)
        order = morton.stratified_order(morton.encode(records["xyz"] >> 2))
        chunk = Chunk(index, records[order], canonical=True)
    except InvalidInputError as error:
        raise CodecError(error.message, _REMEDY) from error
    if expect_hash is not None and chunk.record_hash != expect_hash:
        raise CodecError(f"{chunk!r} has hash {chunk.record_hash.hex()}, expected {expect_hash.hex()}", _REMEDY)
    return chunk


def _from_planes(planes: npt.NDArray[np.uint8]) -> Records:
    """RECORD (N,) sorted by Morton code, of the raw planes (17, N)."""
    gaps = planes[0] | (planes[1].astype(np.int64) << 8) | (planes[2].astype(np.int64) << 16)
    codes = np.cumsum(gaps + 1) - 1
    if codes[-1] >= MAX_POINTS or planes[3].max() >= 64:
        raise CodecError("chunk data has points outside the chunk", _REMEDY)
    records = np.empty(planes.shape[1], RECORD)
    rows = records.view(np.uint8).reshape(-1, RECORD.itemsize)
    for axis in range(3):
        rows[:, axis] = (_gather_bits(codes >> axis) << 2) | ((planes[3] >> (2 * axis)) & 3)
    rows[:, _FIRST_PLAIN_BYTE:] = np.cumsum(planes[4:], axis=1, dtype=np.uint8).T
    return records


def _gather_bits(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Every third bit of 18-bit codes as a 6-bit coordinate: the inverse of `geometry.morton` along one axis."""
    value = codes & 0x09249
    value = (value | (value >> 2)) & 0x030C3
    value = (value | (value >> 4)) & 0x0300F
    return ((value | (value >> 8)) & 0x3F).astype(np.uint8)
