"""Version 1 of the lossless form, which old sessions have on the disk: read here, written no more (`codec.compact`).

All integers little endian:

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

from spatia_bridge.codec.compression import decompress
from spatia_bridge.errors import CodecError
from spatia_bridge.geometry import morton
from spatia_bridge.memory.record import CHUNK_SIDE, RECORD, Records

VERSION = 1
_HEADER = struct.Struct("<4sB3sII")
_MAX_POINTS = CHUNK_SIDE**3
_PLANES = 17
_FIRST_PLAIN_BYTE = 3  # of the record: what stands before it is the position
_REMEDY = "the bytes were damaged or cut; fetch the chunk again"


def decode_planes(data: bytes) -> Records:
    """RECORD (N,) in canonical order. Nothing is allocated before the sizes are checked.

    Raises:
        CodecError: truncated or corrupt.
    """
    if len(data) < _HEADER.size:
        raise CodecError(f"chunk data is only {len(data)} bytes", _REMEDY)
    _, version, reserved, count, raw_size = _HEADER.unpack_from(data)
    if version != VERSION or any(reserved):
        raise CodecError(f"chunk data has version {version} with {reserved!r} after it", _REMEDY)
    if not 1 <= count <= _MAX_POINTS or raw_size != _PLANES * count:
        raise CodecError(f"chunk data states {count} points in {raw_size} bytes", _REMEDY)
    raw = decompress("zstd", data[_HEADER.size :], raw_size, _PLANES * _MAX_POINTS)
    records = _from_planes(np.frombuffer(raw, np.uint8).reshape(_PLANES, count))
    return records[morton.stratified_order(morton.encode(records["xyz"] >> 2))]


def _from_planes(planes: npt.NDArray[np.uint8]) -> Records:
    """RECORD (N,) sorted by Morton code, of the raw planes (17, N)."""
    gaps = planes[0] | (planes[1].astype(np.int64) << 8) | (planes[2].astype(np.int64) << 16)
    codes = np.cumsum(gaps + 1) - 1
    if codes[-1] >= _MAX_POINTS or planes[3].max() >= 64:
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
