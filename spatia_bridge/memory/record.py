"""The point record: 16 bytes, quantised at commit, frozen as version 1.

    offset  field       type    meaning
    0       xyz         u8 ×3   position within the chunk in quarter voxels; the point lies at (q + 0.5) / 4 voxels
    3       footprint   u8      diameter = chunk voxel size · 2^((e - 128) / 32): one step is 2.2 %, range 1/16 … 15.7 voxels
    4       rgb         u8 ×3   sRGB
    7       confidence  u8      255 = certain
    ------ the first 8 bytes are what `packed` sends to clients ------
    8       normal      u8 ×2   octahedral, towards the cameras that saw it
    10      weight      u8      how much evidence the means rest on
    11      flags       u8      FLAG_* below; unknown bits are kept
    12      object_id   u16     little endian; 0 = none
    14      last_seen   u16     little endian; the clip that last changed this record

`flags` stands before the two u16 so that they are aligned. At most one point a voxel; the voxel is xyz >> 2.
"""

import numpy as np
import numpy.typing as npt

RECORD_VERSION = 1
RECORD = np.dtype(
    [
        ("xyz", "u1", (3,)),
        ("footprint", "u1"),
        ("rgb", "u1", (3,)),
        ("confidence", "u1"),
        ("normal", "u1", (2,)),
        ("weight", "u1"),
        ("flags", "u1"),
        ("object_id", "<u2"),
        ("last_seen", "<u2"),
    ]
)
assert RECORD.itemsize == 16
PACKED_BYTES = 8
FLAG_GENERATED = 1  # invented by a generator, not seen by an engine or a camera
FLAG_BACKDROP = 2  # on the shell at the end of the range: direction is known, distance is not

CHUNK_SIDE = 64
QUARTERS = 4
FOOTPRINT_BIAS = 128
FOOTPRINT_STEPS = 32  # an octave

Records = npt.NDArray[np.void]
FloatArray = npt.NDArray[np.float32]


def encode_footprint(diameter_voxels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """uint8 exponents of diameters in voxels of the point's own chunk, rounded to the nearest step, clipped."""
    steps = FOOTPRINT_STEPS * np.log2(np.maximum(diameter_voxels, 1e-6)) + FOOTPRINT_BIAS
    return np.asarray(np.clip(np.rint(steps), 0, 255), np.uint8)


_FOOTPRINTS = np.exp2((np.arange(256) - FOOTPRINT_BIAS) / FOOTPRINT_STEPS).astype(np.float32)


def decode_footprint(exponent: npt.NDArray[np.uint8]) -> FloatArray:
    """float32 diameters in voxels of the point's own chunk."""
    return np.asarray(_FOOTPRINTS[exponent])


def encode_normals(normals: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """uint8 (N, 2) octahedral codes of vectors (N, 3) of any length (Cigolle et al. 2014); zero becomes +z."""
    x, y, z = np.ascontiguousarray(np.asarray(normals, np.float32).T)  # by columns: three numbers a row are slow to add up
    length = np.abs(x) + np.abs(y) + np.abs(z)
    is_zero, below = length <= 1e-12, z < 0
    length[is_zero] = 1
    x, y = x / length, y / length
    folded_x, folded_y = np.where(x >= 0, 1 - np.abs(y), np.abs(y) - 1), np.where(y >= 0, 1 - np.abs(x), np.abs(x) - 1)
    codes = np.empty((len(x), 2), np.uint8)
    for column, plain, folded in ((0, x, folded_x), (1, y, folded_y)):
        value = np.where(is_zero, 0, np.where(below, folded, plain)).astype(np.float64)
        codes[:, column] = np.clip(np.rint((value * 0.5 + 0.5) * 255), 0, 255)
    return codes


def decode_normals(codes: npt.NDArray[np.uint8]) -> FloatArray:
    """float32 (N, 3) unit vectors of octahedral codes (N, 2)."""
    xy = codes.astype(np.float32) / 255 * 2 - 1
    z = 1 - np.abs(xy).sum(axis=1)
    t = np.maximum(-z, 0)[:, None]
    xy = xy - np.where(xy >= 0, t, -t)
    n = np.concatenate([xy, z[:, None]], axis=1)
    return np.asarray(n / np.linalg.norm(n, axis=1, keepdims=True), np.float32)
