"""The writer of version 1, kept to test its reader, `codec.planes`."""

import struct

import numpy as np

from spatia_bridge.codec.compression import compress_zstd
from spatia_bridge.geometry import morton
from spatia_bridge.memory import RECORD, Chunk


def encode_planes(chunk: Chunk) -> bytes:
    """What programs of version 1 wrote."""
    count = len(chunk)
    ordered = np.empty(count, RECORD)
    ordered[morton.stratified_order(np.sort(chunk.codes()))] = chunk.records
    codes = morton.encode(ordered["xyz"] >> 2).astype(np.int64)
    gaps = codes.copy()
    gaps[1:] -= codes[:-1] + 1
    planes = np.empty((17, count), np.uint8)
    for plane in range(3):
        planes[plane] = (gaps >> (8 * plane)) & 0xFF
    quarter = ordered["xyz"] & 3
    planes[3] = quarter[:, 0] | (quarter[:, 1] << 2) | (quarter[:, 2] << 4)
    plain = planes[4:]
    plain[:] = ordered.view(np.uint8).reshape(count, RECORD.itemsize)[:, 3:].T
    plain[:, 1:] -= plain[:, :-1].copy()
    header = struct.pack("<4sB3sII", b"SBCR", 1, bytes(3), count, planes.size)
    return header + compress_zstd(planes.tobytes())
