"""The compiled splatting kernels: the rules of `render.splat`, over one band of image rows.

Points go through in blocks that fit the first-level cache: the arithmetic runs over a block at a time and vectorises, only the
last step, `_draw`, takes one point after the other. The records are read where they lie, by address (little endian, as the
record is and as x86 and ARM are); the caller keeps the chunks alive. Nothing is shared between bands: they write to disjoint
rows, and what a pixel gets depends only on the order of the points, so any split into bands gives the same image.
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

ONE, TWO, HALF, ZERO, TINY = np.float32(1), np.float32(2), np.float32(0.5), np.float32(0), np.float32(1e-12)
OCTAHEDRAL = np.float32(2 / 255)
EMPTY = np.float32(-np.inf)
BLOCK = 256

# The rows of a block's scratch. U, V hold the position, then the ray, then the pixel; NX, NY, NZ the normal, then the growth of
# the inverse depth and the rim's bias; RADIUS the radius, then the longer half axis squared; UU, UV, VV hold Σ, then its inverse.
U, V, W, RADIUS, NX, NY, NZ, UU, UV, VV, MINOR, KEYS, DEPTHS, FIELDS = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 19


def cells_needed(height: int, width: int) -> int:
    """Cells of an image and what lies behind it: a quad of pixels at the last corner may look (never write) beyond."""
    return (height + 2) * width + 2


def compiled(function: Function) -> Function:
    """Machine code without the interpreter's lock, cached on disk. No fast maths: equality with the NumPy twin rests on it."""
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function)  # type: ignore[no-any-return]


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
    s, boxes = np.empty((FIELDS, BLOCK), np.float32), np.empty((4, BLOCK), np.int32)
    for i in range(len(addresses)):
        top, bottom = max(bounds[i, 1], low), min(bounds[i, 3], high)
        if top >= bottom or _hidden(cells, width, max_keys[i], bounds[i, 0], top, bounds[i, 2], bottom):
            continue
        words = numba.carray(_pointer(addresses[i]), (takes[i] * 4,), np.uint32)
        for start in range(0, takes[i], BLOCK):
            n = min(BLOCK, takes[i] - start)
            block = words[4 * start : 4 * (start + n)]
            _load(n, block, footprints, s[U], s[V], s[W], s[RADIUS], s[NX], s[NY], s[NZ])
            _place(n, matrices[i], lens, radii[i], s[U], s[V], s[W], s[RADIUS])
            _turn(n, rotation, s[NX], s[NY], s[NZ])
            _shape(n, lens, s[U], s[V], s[RADIUS], s[NX], s[NY], s[NZ], s[UU], s[UV], s[VV], s[MINOR])
            _tilt(n, lens, s[U], s[V], s[W], s[RADIUS], s[NX], s[NY], s[NZ])
            _frame(n, lens, low, high, width, s[U], s[V], s[W], s[UU], s[VV], boxes)
            _invert(n, s[UU], s[UV], s[VV], s[RADIUS], s[MINOR])
            for corner in range(4):
                keys, depths = s[KEYS + corner], s[DEPTHS + corner]
                _weigh(n, corner, boxes, s[U], s[V], s[W], s[NX], s[NY], s[UU], s[UV], s[VV], s[NZ], keys, depths)
            _draw(n, block, boxes, s, width, cells)


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
    nz: Floats,
) -> None:
    """The bytes of n records as floats: quarter voxels, footprint in voxels, unit normal in the world's frame."""
    for i in range(n):
        first, third = np.int32(block[4 * i]), np.int32(block[4 * i + 2])
        x[i] = np.float32(first & 255)
        y[i] = np.float32((first >> 8) & 255)
        z[i] = np.float32((first >> 16) & 255)
        a = np.float32(third & 255) * OCTAHEDRAL - ONE
        b = np.float32((third >> 8) & 255) * OCTAHEDRAL - ONE
        c = ONE - abs(a) - abs(b)
        fold = -c if c < ZERO else ZERO
        a -= np.copysign(fold, a)
        b -= np.copysign(fold, b)
        scale = ONE / np.sqrt(a * a + b * b + c * c)
        nx[i], ny[i], nz[i] = a * scale, b * scale, c * scale
    for i in range(n):
        size[i] = footprints[block[4 * i] >> 24]


@compiled
def _place(n: int, m: Floats, lens: Floats, radius_m: float, x: Floats, y: Floats, z: Floats, size: Floats) -> None:
    """x, y become the ray X/Z, Y/Z; z becomes 1/Z, or -1 where the point is not drawn; size becomes the radius in pixels."""
    m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    focal, max_radius, near, far = lens[4], lens[9], lens[10], lens[11]
    for i in range(n):
        depth = m8 * x[i] + m9 * y[i] + m10 * z[i] + m11
        w = ONE / depth
        ray_x = (m0 * x[i] + m1 * y[i] + m2 * z[i] + m3) * w
        ray_y = (m4 * x[i] + m5 * y[i] + m6 * z[i] + m7) * w
        radius = size[i] * radius_m * focal * w
        x[i], y[i] = ray_x, ray_y
        z[i] = w if (depth >= near) & (depth <= far) else -ONE
        size[i] = radius if radius < max_radius else max_radius


@compiled
def _turn(n: int, r: Floats, nx: Floats, ny: Floats, nz: Floats) -> None:
    """The normals from the world's to the camera's frame."""
    r0, r1, r2, r3, r4, r5, r6, r7, r8 = r[0, 0], r[0, 1], r[0, 2], r[1, 0], r[1, 1], r[1, 2], r[2, 0], r[2, 1], r[2, 2]
    for i in range(n):
        a, b, c = nx[i], ny[i], nz[i]
        nx[i] = r0 * a + r1 * b + r2 * c
        ny[i] = r3 * a + r4 * b + r5 * c
        nz[i] = r6 * a + r7 * b + r8 * c


@compiled
def _shape(
    n: int,
    lens: Floats,
    x: Floats,
    y: Floats,
    radius: Floats,
    nx: Floats,
    ny: Floats,
    nz: Floats,
    uu: Floats,
    uv: Floats,
    vv: Floats,
    minor: Floats,
) -> None:
    """uu, uv, vv become the widened Σ; radius and minor the squares of its longer and shorter half axis."""
    squeeze_x, squeeze_y, smallest, flatness = lens[7], lens[8], lens[12], lens[13]
    for i in range(n):
        ru, rv = radius[i] * squeeze_x, radius[i] * squeeze_y
        p, q = nx[i] - nz[i] * x[i], ny[i] - nz[i] * y[i]
        a = ru * ru * (ONE + x[i] * x[i] - flatness * p * p)
        c = rv * rv * (ONE + y[i] * y[i] - flatness * q * q)
        b = ru * rv * (x[i] * y[i] - flatness * p * q)
        middle, half = (a + c) * HALF, (a - c) * HALF
        apart = np.sqrt(half * half + b * b)
        longer, shorter = middle + apart, middle - apart
        more_longer = smallest - longer if smallest > longer else ZERO
        more_shorter = smallest - shorter if smallest > shorter else ZERO
        share = (more_shorter - more_longer) / (TWO * apart if TWO * apart > TINY else TINY)
        uu[i] = a + more_longer + share * (longer - a)
        uv[i] = b - share * b
        vv[i] = c + more_longer + share * (longer - c)
        radius[i], minor[i] = longer + more_longer, shorter + more_shorter


@compiled
def _tilt(n: int, lens: Floats, x: Floats, y: Floats, w: Floats, radius: Floats, nx: Floats, ny: Floats, nz: Floats) -> None:
    """nx, ny become the growth of inverse depth a pixel along u and v, nz the key that the rim loses."""
    focal, per_fx, per_fy, min_cosine, rim_bias, limit = lens[4], lens[5], lens[6], lens[14], lens[15], lens[16]
    for i in range(n):
        facing = nx[i] * x[i] + ny[i] * y[i] + nz[i]
        size = abs(facing)
        inverse_cosine = ONE / (size if size > min_cosine else min_cosine)
        signed = np.copysign(inverse_cosine, facing)
        spread = np.sqrt(radius[i]) / focal * inverse_cosine
        damping = limit / spread if spread > limit else ONE
        nx[i] = w[i] * (nx[i] * signed) * damping * per_fx
        ny[i] = w[i] * (ny[i] * signed) * damping * per_fy
        nz[i] = rim_bias * w[i] * spread


@compiled
def _frame(
    n: int,
    lens: Floats,
    low: int,
    high: int,
    width: int,
    x: Floats,
    y: Floats,
    w: Floats,
    uu: Floats,
    vv: Floats,
    boxes: Integers,
) -> None:
    """x, y become pixel coordinates; boxes the pixels within reach: top, bottom, left, right, clipped (NaN too) to the band."""
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    first_row, end_row, end_column = np.float32(low), np.float32(high), np.float32(width)
    for i in range(n):
        u, v = fx * x[i] + cx, fy * y[i] + cy
        reach_u, reach_v = np.sqrt(uu[i]), np.sqrt(vv[i])
        x[i], y[i] = u, v
        top, bottom = np.ceil(v - reach_v - HALF), np.floor(v + reach_v + HALF)
        left, right = np.ceil(u - reach_u - HALF), np.floor(u + reach_u + HALF)
        top = top if top > first_row else first_row
        bottom = bottom if bottom > first_row else first_row
        left = left if left > ZERO else ZERO
        right = right if right > ZERO else ZERO
        top = top if top < end_row else end_row
        bottom = bottom if bottom < end_row else end_row
        boxes[0, i] = np.int32(top)
        boxes[1, i] = np.int32(bottom if w[i] > ZERO else first_row)
        boxes[2, i] = np.int32(left if left < end_column else end_column)
        boxes[3, i] = np.int32(right if right < end_column else end_column)


@compiled
def _invert(n: int, uu: Floats, uv: Floats, vv: Floats, major: Floats, minor: Floats) -> None:
    """Σ becomes its inverse, as the factors of du², du dv and dv²."""
    for i in range(n):
        per_determinant = ONE / (major[i] * minor[i])
        a, c = uu[i], vv[i]
        uu[i] = c * per_determinant
        uv[i] = TWO * -uv[i] * per_determinant
        vv[i] = a * per_determinant


@compiled
def _weigh(
    n: int,
    corner: int,
    boxes: Integers,
    u: Floats,
    v: Floats,
    w: Floats,
    wu: Floats,
    wv: Floats,
    uu: Floats,
    uv: Floats,
    vv: Floats,
    bias: Floats,
    keys: Floats,
    depths: Floats,
) -> None:
    """Keys and inverse depths at one of the 2 × 2 pixels at the box's low corner: all that most splats reach."""
    column, row = np.int32(corner & 1), np.int32(corner >> 1)
    centre_u, centre_v = np.float32(column) + HALF, np.float32(row) + HALF
    tops, bottoms, lefts, rights = boxes[0], boxes[1], boxes[2], boxes[3]
    for i in range(n):
        du = (np.float32(lefts[i]) + centre_u) - u[i]
        dv = (np.float32(tops[i]) + centre_v) - v[i]
        rim = uu[i] * du * du + uv[i] * du * dv + vv[i] * dv * dv
        here = w[i] + (wu[i] * du + wv[i] * dv)
        inside = (rim <= ONE) & (lefts[i] + column < rights[i]) & (tops[i] + row < bottoms[i])
        keys[i] = here - bias[i] * rim if inside else EMPTY
        depths[i] = here


@compiled
def _put(cells: Cells, at: int, key: Any, inverse_depth: Any, word: Any) -> None:
    cell = cells[at]
    if key > cell["key"]:
        cell["key"] = key
        cell["inverse_depth"] = inverse_depth
        cell["word"] = word


@compiled
def _draw(n: int, block: npt.NDArray[np.uint32], boxes: Integers, s: Floats, width: int, cells: Cells) -> None:
    """The z-buffer, point by point. Pixels outside a splat have the key -inf and never win: cheaper than to ask first."""
    for i in range(n):
        top, bottom, left, right = boxes[0, i], boxes[1, i], boxes[2, i], boxes[3, i]
        word = block[4 * i + 1]
        if (bottom - top <= 2) & (right - left <= 2):
            at = np.int64(top) * width + left
            _put(cells, at, s[KEYS, i], s[DEPTHS, i], word)
            _put(cells, at + 1, s[KEYS + 1, i], s[DEPTHS + 1, i], word)
            _put(cells, at + width, s[KEYS + 2, i], s[DEPTHS + 2, i], word)
            _put(cells, at + width + 1, s[KEYS + 3, i], s[DEPTHS + 3, i], word)
            continue
        u, v, w, wu, wv, bias, uu, uv, vv = s[U, i], s[V, i], s[W, i], s[NX, i], s[NY, i], s[NZ, i], s[UU, i], s[UV, i], s[VV, i]
        for row in range(top, bottom):
            dv = (np.float32(row) + HALF) - v
            for column in range(left, right):
                du = (np.float32(column) + HALF) - u
                rim = uu * du * du + uv * du * dv + vv * dv * dv
                here = w + (wu * du + wv * dv)
                key = here - bias * rim
                _put(cells, row * width + column, key if rim <= ONE else EMPTY, here, word)


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
