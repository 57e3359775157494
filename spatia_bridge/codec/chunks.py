"""What clients get of a chunk. `packed`: the first 8 bytes of every record, row by row; a prefix on a row is a coarser chunk.

The whole record, for disk and for programs, is `codec.compact`.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, PACKED_BYTES, QUARTERS, FloatArray, decode_footprint

MAX_POINTS = CHUNK_SIDE**3
PACKED = np.dtype([("xyz", "u1", (3,)), ("footprint", "u1"), ("rgb", "u1", (3,)), ("confidence", "u1")])
assert PACKED.itemsize == PACKED_BYTES


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
