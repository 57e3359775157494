"""Chunks as the messages that bring them, made here by the contract's words and not by the link's code."""

import gzip
import hashlib
from functools import partial

import numpy as np
import zstandard

from spatia_bridge.link import messages as msg
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.snapshot import chunk_digest

PART_POINTS = 700
COMPRESS = {
    msg.Compression.ZSTD: zstandard.compress,
    msg.Compression.GZIP: partial(gzip.compress, mtime=0),
    msg.Compression.NONE: bytes,
}
_random = np.random.default_rng(5)


def packed(points):
    """So many points, all bytes random."""
    return _random.integers(0, 256, points * 8, np.uint8).tobytes()


def parts(index, data, compression=msg.Compression.ZSTD):
    """A chunk's messages."""
    for first in range(0, len(data) // 8, PART_POINTS):
        piece = data[first * 8 : (first + PART_POINTS) * 8]
        sent, hashed = COMPRESS[compression](piece), hashlib.sha256(data).digest()
        yield msg.ChunkPart(msg.ChunkIndex(*index), len(data) // 8, first, len(piece) // 8, compression, len(piece), sent, hashed)


def arrive(chunks, compression=msg.Compression.ZSTD):
    """The messages of {index: packed bytes}."""
    return [part for index, data in chunks.items() for part in parts(index, data, compression)]


def digest(chunks):
    """Of {index: packed bytes}, by the contract's words."""
    total = 0
    for index, data in chunks.items():
        total ^= chunk_digest(ChunkIndex(*index), hashlib.sha256(data).digest())
    return total.to_bytes(32, "big")


def rows(points):
    """Points (N, 3) in an order that does not hang on their last bits: along a direction in which no two of a grid coincide."""
    return points[np.argsort(points @ [1.0, np.pi, np.sqrt(59.0)])]
