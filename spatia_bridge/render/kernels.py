"""The compiled splatting kernel: the rules of `render.splat`, point by point, over one band of image rows.

Reads the records where they lie, by address; the caller keeps the chunks alive. Holds no lock and shares no state: bands write to
disjoint rows, and what a pixel gets depends only on the order of the points, so any split into bands gives the same image.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Floats = npt.NDArray[np.float32]

ONE = np.float32(1)
HALF = np.float32(0.5)
ZERO = np.float32(0)
OCTAHEDRAL = np.float32(2 / 255)
EMPTY = np.float32(-np.inf)


def compiled(function: Function) -> Function:
    """Machine code without the interpreter's lock, cached on disk. No fast maths: equality with the NumPy twin rests on it."""
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function)  # type: ignore[no-any-return]


def inlined(function: Function) -> Function:
    """A part of a kernel."""
    return numba.njit(nogil=True, inline="always", error_model="numpy", fastmath=False)(function)  # type: ignore[no-any-return]


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.uint64), generate


@compiled
def splat_band(
    addresses: npt.NDArray[np.uint64],
    takes: npt.NDArray[np.int64],
    radii: Floats,
    matrices: Floats,
    bounds: npt.NDArray[np.int32],
    max_keys: Floats,
    rotation: Floats,
    lens: Floats,
    footprints: Floats,
    band: tuple[int, int],
    keys: Floats,
    depths: Floats,
    words: npt.NDArray[np.uint32],
) -> None:
    """Draw the chunks into the rows band[0] … band[1] - 1 of keys, depths (inverse on return) and words (r, g, b, confidence)."""
    low, high = band
    keys[low:high] = EMPTY
    for i in range(len(addresses)):
        left, right = bounds[i, 0], bounds[i, 2]
        top, bottom = max(bounds[i, 1], low), min(bounds[i, 3], high)
        if top >= bottom or left >= right or _hidden(keys, max_keys[i], left, top, right, bottom):
            continue
        records = numba.carray(_pointer(addresses[i]), (takes[i] * 2,), np.uint64)
        for p in range(takes[i]):
            _draw(records[2 * p], records[2 * p + 1], radii[i], matrices[i], rotation, lens, footprints, low, high, keys, depths, words)


@inlined
def _hidden(keys, max_key, left, top, right, bottom):  # type: ignore[no-untyped-def]
    """Whether every pixel of the rectangle already holds something nearer than the chunk can be."""
    for y in range(top, bottom):
        for x in range(left, right):
            if keys[y, x] < max_key:
                return False
    return True


@inlined
def _draw(first, second, radius_m, m, rotation, lens, footprints, low, high, keys, depths, words):  # type: ignore[no-untyped-def]
    x = np.float32(first & 255)
    y = np.float32((first >> 8) & 255)
    z = np.float32((first >> 16) & 255)
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    if not (depth >= lens[8] and depth <= lens[9]):
        return
    w = ONE / depth
    dy = (m[4] * x + m[5] * y + m[6] * z + m[7]) * w
    v = lens[1] * dy + lens[3]
    radius = footprints[(first >> 24) & 255] * radius_m * lens[4] * w
    radius = min(max(radius, lens[10]), lens[5])
    top = np.int64(min(max(np.ceil(v - radius - HALF), np.float32(low)), np.float32(high)))
    bottom = np.int64(min(max(np.floor(v + radius + HALF), np.float32(low)), np.float32(high)))
    if top >= bottom:
        return
    dx = (m[0] * x + m[1] * y + m[2] * z + m[3]) * w
    u = lens[0] * dx + lens[2]
    width = np.float32(keys.shape[1])
    left = np.int64(min(max(np.ceil(u - radius - HALF), ZERO), width))
    right = np.int64(min(max(np.floor(u + radius + HALF), ZERO), width))
    if left >= right:
        return
    gx, gy, inverse_cosine = _slopes(second, rotation, dx, dy, lens[11])
    spread = inverse_cosine * radius / lens[4]
    damping = lens[13] / spread if spread > lens[13] else ONE
    wu = w * gx * damping * lens[6]
    wv = w * gy * damping * lens[7]
    bias = lens[12] * w * inverse_cosine / (lens[4] * radius)
    limit = radius * radius
    word = np.uint32(first >> 32)
    for row in range(top, bottom):
        dv = (np.float32(row) + HALF) - v
        for column in range(left, right):
            du = (np.float32(column) + HALF) - u
            squared = du * du + dv * dv
            here = w + (wu * du + wv * dv)
            key = here - bias * squared
            if squared <= limit and key > keys[row, column]:
                keys[row, column] = key
                depths[row, column] = here
                words[row, column] = word


@inlined
def _slopes(second, r, dx, dy, min_cosine):  # type: ignore[no-untyped-def]
    nx = np.float32(second & 255) * OCTAHEDRAL - ONE
    ny = np.float32((second >> 8) & 255) * OCTAHEDRAL - ONE
    nz = ONE - abs(nx) - abs(ny)
    fold = max(-nz, ZERO)
    nx -= np.copysign(fold, nx)
    ny -= np.copysign(fold, ny)
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    cx = r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz
    cy = r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz
    cz = r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz
    facing = cx * dx + cy * dy + cz
    inverse = ONE / max(abs(facing), min_cosine * length)
    signed = np.copysign(inverse, facing)
    return cx * signed, cy * signed, length * inverse


@compiled
def resolve_band(
    keys: Floats,
    depths: Floats,
    words: npt.NDArray[np.uint32],
    band: tuple[int, int],
    colour: npt.NDArray[np.uint8],
    depth_m: Floats,
    coverage: npt.NDArray[np.bool_],
    confidence: npt.NDArray[np.uint8],
) -> None:
    """Unpack what won into the rows of a projection's images."""
    for y in range(band[0], band[1]):
        for x in range(keys.shape[1]):
            covered = keys[y, x] > EMPTY
            word = words[y, x] if covered else np.uint32(0)
            colour[y, x, 0] = word & 255
            colour[y, x, 1] = (word >> 8) & 255
            colour[y, x, 2] = (word >> 16) & 255
            confidence[y, x] = word >> 24
            coverage[y, x] = covered
            depth_m[y, x] = ONE / depths[y, x] if covered else ZERO
