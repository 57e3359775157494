"""The compiled splatting kernels: the rules of `render.splat`, over one band of image rows.

Points go through in blocks that fit the first-level cache: the arithmetic runs over a block at a time and vectorises, only the last
step, `_draw`, takes one point after the other. The records are read where they lie, by address; the caller keeps the chunks alive.
Nothing is shared between bands: they write to disjoint rows, and what a pixel gets depends only on the order of the points, so any
split into bands gives the same image.
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
Integers = npt.NDArray[np.int32]

# What a pixel holds: 16 bytes, so that it never straddles a cache line.
CELL = np.dtype([("key", "<f4"), ("inverse_depth", "<f4"), ("word", "<u4"), ("unused", "<u4")])
Cells = npt.NDArray[np.void]

ONE, HALF, ZERO = np.float32(1), np.float32(0.5), np.float32(0)
OCTAHEDRAL = np.float32(2 / 255)
EMPTY = np.float32(-np.inf)
BLOCK = 256


def cells_needed(height: int, width: int) -> int:
    """Cells of an image and what lies behind it: a quad of pixels at the last corner may look (never write) beyond."""
    return (height + 2) * width + 2


def compiled(function: Function) -> Function:
    """Machine code without the interpreter's lock, cached on disk. No fast maths: equality with the NumPy twin rests on it."""
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function)  # type: ignore[no-any-return]


@intrinsic
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
    bounds: Integers,
    max_keys: Floats,
    rotation: Floats,
    lens: Floats,
    footprints: Floats,
    low: int,
    high: int,
    width: int,
    cells: Cells,
) -> None:
    """Draw chunks, in their order, into the rows low … high - 1 of the cells (flat, row by row, see cells_needed).

    Per chunk: address of its records, how many to take, and from `cull.Selection` radii, matrices, bounds and max_keys. `lens`
    is Lens.as_array(), `footprints` (256,) diameters in voxels by exponent.
    """
    cells["key"][low * width : high * width] = EMPTY
    floats, boxes = np.empty((15, BLOCK), np.float32), np.empty((4, BLOCK), np.int32)
    x, y, z, radius, nx, ny, bias = floats[0], floats[1], floats[2], floats[3], floats[4], floats[5], floats[6]
    keys, depths = floats[7:11], floats[11:15]
    for i in range(len(addresses)):
        top, bottom = max(bounds[i, 1], low), min(bounds[i, 3], high)
        if top >= bottom or _hidden(cells, width, max_keys[i], bounds[i, 0], top, bounds[i, 2], bottom):
            continue
        words = numba.carray(_pointer(addresses[i]), (takes[i] * 4,), np.uint32)
        for start in range(0, takes[i], BLOCK):
            n = min(BLOCK, takes[i] - start)
            block = words[4 * start : 4 * (start + n)]
            _load(n, block, footprints, x, y, z, radius, nx, ny)
            _place(n, matrices[i], lens, radii[i], x, y, z, radius)
            _tilt(n, rotation, lens, x, y, z, radius, nx, ny, bias)
            _frame(n, lens, low, high, width, x, y, z, radius, boxes)
            _weigh(n, boxes, x, y, z, radius, nx, ny, bias, keys, depths)
            _draw(n, block, boxes, x, y, z, radius, nx, ny, bias, keys, depths, width, cells)


@compiled
def _hidden(cells: Cells, width: int, max_key: float, left: int, top: int, right: int, bottom: int) -> bool:
    """Whether every pixel of the rectangle already holds something nearer than the chunk can be."""
    keys = cells["key"]
    for row in range(top, bottom):
        for at in range(row * width + left, row * width + right):
            if keys[at] < max_key:
                return False
    return True


@compiled
def _load(
    n: int,
    block: npt.NDArray[np.uint32],
    footprints: Floats,
    x: Floats,
    y: Floats,
    z: Floats,
    size: Floats,
    nx: Floats,
    ny: Floats,
) -> None:
    """The bytes of n records as floats; `size` is the footprint in voxels."""
    for i in range(n):
        first, third = np.int32(block[4 * i]), np.int32(block[4 * i + 2])
        x[i] = np.float32(first & 255)
        y[i] = np.float32((first >> 8) & 255)
        z[i] = np.float32((first >> 16) & 255)
        nx[i] = np.float32(third & 255) * OCTAHEDRAL - ONE
        ny[i] = np.float32((third >> 8) & 255) * OCTAHEDRAL - ONE
    for i in range(n):
        size[i] = footprints[block[4 * i] >> 24]


@compiled
def _place(n: int, m: Floats, lens: Floats, radius_m: float, x: Floats, y: Floats, z: Floats, size: Floats) -> None:
    """x, y become the ray X/Z, Y/Z; z becomes 1/Z, or -1 where the point is not drawn; size becomes the radius in pixels."""
    m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    focal, max_radius, near, far, min_radius = lens[4], lens[5], lens[8], lens[9], lens[10]
    for i in range(n):
        depth = m8 * x[i] + m9 * y[i] + m10 * z[i] + m11
        w = ONE / depth
        ray_x = (m0 * x[i] + m1 * y[i] + m2 * z[i] + m3) * w
        ray_y = (m4 * x[i] + m5 * y[i] + m6 * z[i] + m7) * w
        radius = size[i] * radius_m * focal * w
        radius = radius if radius > min_radius else min_radius
        x[i] = ray_x
        y[i] = ray_y
        z[i] = w if (depth >= near) & (depth <= far) else -ONE
        size[i] = radius if radius < max_radius else max_radius


@compiled
def _tilt(
    n: int, r: Floats, lens: Floats, x: Floats, y: Floats, w: Floats, radius: Floats, nx: Floats, ny: Floats, bias: Floats
) -> None:
    """nx, ny become the growth of inverse depth a pixel along u and v; bias the loss of key a squared pixel from the centre."""
    r0, r1, r2, r3, r4, r5, r6, r7, r8 = r[0, 0], r[0, 1], r[0, 2], r[1, 0], r[1, 1], r[1, 2], r[2, 0], r[2, 1], r[2, 2]
    focal, per_fx, per_fy, min_cosine, rim_bias, limit = lens[4], lens[6], lens[7], lens[11], lens[12], lens[13]
    for i in range(n):
        a, b = nx[i], ny[i]
        c = ONE - abs(a) - abs(b)
        fold = -c if c < ZERO else ZERO
        a -= np.copysign(fold, a)
        b -= np.copysign(fold, b)
        length = np.sqrt(a * a + b * b + c * c)
        camera_x = r0 * a + r1 * b + r2 * c
        camera_y = r3 * a + r4 * b + r5 * c
        camera_z = r6 * a + r7 * b + r8 * c
        facing = camera_x * x[i] + camera_y * y[i] + camera_z
        size, least = abs(facing), min_cosine * length
        inverse = ONE / (size if size > least else least)
        signed = np.copysign(inverse, facing)
        inverse_cosine = length * inverse
        spread = inverse_cosine * radius[i] / focal
        damping = limit / spread if spread > limit else ONE
        nx[i] = w[i] * (camera_x * signed) * damping * per_fx
        ny[i] = w[i] * (camera_y * signed) * damping * per_fy
        bias[i] = rim_bias * w[i] * inverse_cosine / (focal * radius[i])


@compiled
def _frame(
    n: int, lens: Floats, low: int, high: int, width: int, x: Floats, y: Floats, w: Floats, radius: Floats, boxes: Integers
) -> None:
    """x, y become pixel coordinates; boxes the pixels within reach: top, bottom, left, right, clipped (and NaN-proof) to the band."""
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    first_row, end_row, end_column = np.float32(low), np.float32(high), np.float32(width)
    for i in range(n):
        u, v, reach = fx * x[i] + cx, fy * y[i] + cy, radius[i]
        x[i], y[i] = u, v
        top, bottom, left, right = (
            np.ceil(v - reach - HALF),
            np.floor(v + reach + HALF),
            np.ceil(u - reach - HALF),
            np.floor(u + reach + HALF),
        )
        top = top if top > first_row else first_row
        bottom = bottom if bottom > first_row else first_row
        left = left if left > ZERO else ZERO
        right = right if right > ZERO else ZERO
        top = top if top < end_row else end_row
        bottom = bottom if (bottom < end_row) else end_row
        boxes[0, i] = np.int32(top)
        boxes[1, i] = np.int32(bottom if w[i] > ZERO else first_row)
        boxes[2, i] = np.int32(left if left < end_column else end_column)
        boxes[3, i] = np.int32(right if right < end_column else end_column)


@compiled
def _weigh(
    n: int,
    boxes: Integers,
    u: Floats,
    v: Floats,
    w: Floats,
    radius: Floats,
    wu: Floats,
    wv: Floats,
    bias: Floats,
    keys: Floats,
    depths: Floats,
) -> None:
    """Keys and inverse depths (4, n) of the 2 × 2 pixels at the box's low corner: all that most splats reach."""
    tops, bottoms, lefts, rights = boxes[0], boxes[1], boxes[2], boxes[3]
    for corner in range(4):
        column, row = corner & 1, corner >> 1
        centre_u, centre_v = np.float32(column) + HALF, np.float32(row) + HALF
        key_out, depth_out = keys[corner], depths[corner]
        for i in range(n):
            du = (np.float32(lefts[i]) + centre_u) - u[i]
            dv = (np.float32(tops[i]) + centre_v) - v[i]
            squared = du * du + dv * dv
            here = w[i] + (wu[i] * du + wv[i] * dv)
            inside = (squared <= radius[i] * radius[i]) & (lefts[i] + column < rights[i]) & (tops[i] + row < bottoms[i])
            key_out[i] = here - bias[i] * squared if inside else EMPTY
            depth_out[i] = here


@compiled
def _put(cells: Cells, at: int, key: float, inverse_depth: float, word: int) -> None:
    cell = cells[at]
    if key > cell["key"]:
        cell["key"] = key
        cell["inverse_depth"] = inverse_depth
        cell["word"] = word


@compiled
def _draw(
    n: int,
    block: npt.NDArray[np.uint32],
    boxes: Integers,
    u: Floats,
    v: Floats,
    w: Floats,
    radius: Floats,
    wu: Floats,
    wv: Floats,
    bias: Floats,
    keys: Floats,
    depths: Floats,
    width: int,
    cells: Cells,
) -> None:
    """The z-buffer, point by point. Pixels outside a splat have the key -inf and never win: cheaper than to ask first."""
    for i in range(n):
        top, bottom, left, right = boxes[0, i], boxes[1, i], boxes[2, i], boxes[3, i]
        word = block[4 * i + 1]
        if (bottom - top <= 2) & (right - left <= 2):
            at = np.int64(top) * width + left
            _put(cells, at, keys[0, i], depths[0, i], word)
            _put(cells, at + 1, keys[1, i], depths[1, i], word)
            _put(cells, at + width, keys[2, i], depths[2, i], word)
            _put(cells, at + width + 1, keys[3, i], depths[3, i], word)
            continue
        limit = radius[i] * radius[i]
        for row in range(top, bottom):
            dv = (np.float32(row) + HALF) - v[i]
            for column in range(left, right):
                du = (np.float32(column) + HALF) - u[i]
                squared = du * du + dv * dv
                here = w[i] + (wu[i] * du + wv[i] * dv)
                key = here - bias[i] * squared
                _put(cells, row * width + column, key if squared <= limit else EMPTY, here, word)


@compiled
def resolve_band(
    cells: Cells,
    low: int,
    high: int,
    colour: npt.NDArray[np.uint8],
    depth_m: Floats,
    coverage: npt.NDArray[np.bool_],
    confidence: npt.NDArray[np.uint8],
) -> None:
    """Unpack what won into the rows low … high - 1 of a projection's images."""
    width = colour.shape[1]
    for row in range(low, high):
        for column in range(width):
            cell = cells[row * width + column]
            covered = cell["key"] > EMPTY
            word = cell["word"] if covered else np.uint32(0)
            colour[row, column, 0] = word & 255
            colour[row, column, 1] = (word >> 8) & 255
            colour[row, column, 2] = (word >> 16) & 255
            confidence[row, column] = word >> 24
            coverage[row, column] = covered
            depth_m[row, column] = ONE / cell["inverse_depth"] if covered else ZERO
