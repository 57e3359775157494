"""The compiled splatting kernels: the rules of `render.splat`, over one band of rows of the canvas.

Points go through in blocks that fit the first-level cache: the arithmetic runs over a block at a time and vectorises, only the
z-buffer takes one point after the other. The records are read where they lie, by address (little endian, as the record is and as
x86 and ARM are); the caller keeps the chunks alive. Bands write to disjoint rows, and what a pixel gets depends only on the order
of the points, so any split into bands gives the same image. `gather_band` reads the homes of the rows next to its band: all bands
of a batch must have been through `splat_band` before.

All in one file: the cache of compiled code on disk notices a change in the caller's own file, and in no other.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.extending import intrinsic

from spatia_bridge.render import splat
from spatia_bridge.render.splat import WINDOW_PX

Function = TypeVar("Function", bound=Callable[..., Any])
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]

# The canvas is two flat arrays of four words a pixel, which never straddle a cache line. A cell, what is seen there so far: key,
# inverse depth (floats), colour and confidence, unused. A home, the point of this batch that lives there, if any: key, where in
# the pixel it is (65536ths, u low), colour and confidence, and its shape (normal's code low, radius in 16384ths of a pixel high;
# 0 says that nobody is at home).
CELL_WORDS = 4
Words = npt.NDArray[np.uint32]

ONE, TWO, HALF, ZERO, TINY = np.float32(1), np.float32(2), np.float32(0.5), np.float32(0), np.float32(1e-12)
OCTAHEDRAL = np.float32(2 / 255)
EMPTY = np.float32(-np.inf)
BLOCK = 256
ROWS = 2 * WINDOW_PX + 1
POSITION_STEPS, RADIUS_STEPS = np.float32(splat.POSITION_STEPS), np.float32(splat.RADIUS_STEPS)
POSITION_STEP, RADIUS_STEP = ONE / POSITION_STEPS, ONE / RADIUS_STEPS

# The rows of a block's scratch. U, V hold the position, then the ray, then the pixel; NX, NY, NZ the normal, then the growth of
# the inverse depth and the rim's bias; RADIUS the radius, then the longer half axis squared; UU, UV, VV hold Σ, then its inverse.
U, V, W, RADIUS, NX, NY, NZ, UU, UV, VV, MINOR, KEYS, FIELDS = range(13)


def compiled(function: Function) -> Function:
    """Machine code without the interpreter's lock, cached on disk. No fast maths: equality with the NumPy twin rests on it."""
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)(function)  # type: ignore[no-any-return]


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.uint64), generate


@compiled
def clear_band(low: int, high: int, width: int, cells: Words) -> None:
    """Nothing is seen yet in the rows low … high - 1."""
    keys = cells.view(np.float32)
    for at in range(4 * low * width, 4 * high * width, 4):
        keys[at] = EMPTY


@compiled
def splat_band(
    addresses: npt.NDArray[np.uint64],
    takes: npt.NDArray[np.int64],
    widest: Floats,
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
    cells: Words,
    homes: Words,
) -> None:
    """A batch of chunks, in their order, over the rows low … high - 1: find homes for the small splats, draw the wide ones.

    Per chunk: address of its records, how many to take, and from `cull.Selection` widest, radii, matrices, bounds and max_keys.
    `lens` is Lens.as_array(), `footprints` (256,) diameters in voxels by exponent; cells and homes are flat, row by row.
    """
    for at in range(4 * low * width, 4 * high * width, 4):
        homes[at] = cells[at]
        homes[at + 3] = 0
    s, boxes = np.empty((FIELDS, BLOCK), np.float32), np.empty((4, BLOCK), np.int32)
    wide = np.empty(4 * takes.max() if len(takes) else 0, np.uint32)
    places, positions, shapes = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    for i in range(len(addresses)):
        top, bottom = max(bounds[i, 1], low), min(bounds[i, 3], high)
        if top >= bottom or _hidden(cells, homes, width, max_keys[i], bounds[i, 0], top, bounds[i, 2], bottom):
            continue
        words, count = numba.carray(_pointer(addresses[i]), (takes[i] * 4,), np.uint32), takes[i]
        if widest[i] > ZERO:
            left = 0
            for start in range(0, count, BLOCK):
                n = min(BLOCK, count - start)
                block = words[4 * start : 4 * (start + n)]
                _size(n, block, footprints, s[RADIUS])
                _find(
                    n,
                    block,
                    matrices[i],
                    lens,
                    radii[i],
                    widest[i],
                    low,
                    high,
                    width,
                    s[RADIUS],
                    s[KEYS],
                    places,
                    positions,
                    shapes,
                )
                left += _settle(n, block, s[KEYS], places, positions, shapes, homes, wide[4 * left :])
            words, count = wide, left
        for start in range(0, count, BLOCK):
            n = min(BLOCK, count - start)
            block = words[4 * start : 4 * (start + n)]
            _size(n, block, footprints, s[RADIUS])
            _load(n, block, s[U], s[V], s[W], s[NX], s[NY], s[NZ])
            _place(n, matrices[i], lens, radii[i], s[U], s[V], s[W], s[RADIUS])
            _turn(n, rotation, s[NX], s[NY], s[NZ])
            _shape(n, lens, s[U], s[V], s[RADIUS], s[NX], s[NY], s[NZ], s[UU], s[UV], s[VV], s[MINOR])
            _tilt(n, lens, s[U], s[V], s[W], s[RADIUS], s[NX], s[NY], s[NZ])
            _frame(n, lens, low, high, width, s[U], s[V], s[W], s[UU], s[VV], boxes)
            _invert(n, s[UU], s[UV], s[VV], s[RADIUS], s[MINOR])
            _draw(n, block, boxes, s, width, cells)


@compiled
def _hidden(cells: Words, homes: Words, width: int, max_key: float, left: int, top: int, right: int, bottom: int) -> bool:
    """Whether no point of a chunk can win a home or a pixel of the rectangle any more."""
    seen, here = cells.view(np.float32), homes.view(np.float32)
    for row in range(top, bottom):
        for at in range(4 * (row * width + left), 4 * (row * width + right), 4):
            if here[at] < max_key or seen[at] < max_key:
                return False
    return True


@compiled
def _size(n: int, block: Words, footprints: Floats, size: Floats) -> None:
    """The footprints of n records, in voxels."""
    for i in range(n):
        size[i] = footprints[block[4 * i] >> np.uint32(24)]


@compiled
def _find(
    n: int,
    block: Words,
    m: Floats,
    lens: Floats,
    radius_m: float,
    widest: Any,
    low: int,
    high: int,
    width: int,
    size: Floats,
    keys: Floats,
    places: Integers,
    positions: Words,
    shapes: Words,
) -> None:
    """Of n records, given their footprints: home (-1: a wide splat), the key there (-inf: not drawn), and what it is to hold."""
    m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11]
    fx, fy, cx, cy, focal = lens[0], lens[1], lens[2], lens[3], lens[4]
    max_radius, near, far, bias = lens[9], lens[10], lens[11], lens[15] / lens[4]
    first_row, end_row, end_column = np.float32(low), np.float32(high), np.float32(width)
    for i in range(n):
        first = np.int32(block[4 * i])
        x, y, z = np.float32(first & 255), np.float32((first >> 8) & 255), np.float32((first >> 16) & 255)
        depth = m8 * x + m9 * y + m10 * z + m11
        w = ONE / depth
        ray_x, ray_y = (m0 * x + m1 * y + m2 * z + m3) * w, (m4 * x + m5 * y + m6 * z + m7) * w
        u, v, radius = fx * ray_x + cx, fy * ray_y + cy, size[i] * radius_m * focal * w
        radius = radius if radius < max_radius else max_radius
        reach = radius * (ONE + abs(ray_x) + abs(ray_y)) + ONE
        somewhere = (depth >= near) & (depth <= far) & (u > -reach) & (u < end_column + reach)
        somewhere &= (v > first_row - reach) & (v < end_row + reach)
        small = radius * radius * (ONE + ray_x * ray_x + ray_y * ray_y) <= widest * widest
        inside = somewhere & small & (u >= ZERO) & (u < end_column) & (v >= first_row) & (v < end_row)
        column, row = np.int32(u if inside else ZERO), np.int32(v if inside else first_row)
        off_u, off_v = (u if inside else ZERO) - np.float32(column), (v if inside else first_row) - np.float32(row)
        du, dv = off_u - HALF, off_v - HALF
        keys[i] = w / (ONE + bias * (du * du + dv * dv)) if inside else EMPTY
        places[i] = row * np.int32(width) + column if small | ~somewhere else -1
        positions[i] = np.int32(off_u * POSITION_STEPS) | (np.int32(off_v * POSITION_STEPS) << 16)
        steps = np.int32((radius if inside else ONE) * RADIUS_STEPS)
        shapes[i] = (np.int32(block[4 * i + 2]) & 0xFFFF) | ((steps if steps > 1 else 1) << 16)


@compiled
def _settle(
    n: int, block: Words, keys: Floats, places: Integers, positions: Words, shapes: Words, homes: Words, wide: Words
) -> int:
    """The z-buffer of homes, point by point. The records of wide splats are copied, and their number returned."""
    here, found = homes.view(np.float32), 0
    for i in range(n):
        if places[i] < 0:
            for k in range(4):
                wide[4 * found + k] = block[4 * i + k]
            found += 1
            continue
        at = 4 * places[i]
        if keys[i] > here[at]:
            here[at] = keys[i]
            homes[at + 1] = positions[i]
            homes[at + 2] = block[4 * i + 1]
            homes[at + 3] = shapes[i]
    return found


@compiled
def _load(n: int, block: Words, x: Floats, y: Floats, z: Floats, nx: Floats, ny: Floats, nz: Floats) -> None:
    """The bytes of n records as floats: quarter voxels, unit normal in the world's frame."""
    for i in range(n):
        first, third = np.int32(block[4 * i]), np.int32(block[4 * i + 2])
        x[i] = np.float32(first & 255)
        y[i] = np.float32((first >> 8) & 255)
        z[i] = np.float32((first >> 16) & 255)
        nx[i] = np.float32(third & 255) * OCTAHEDRAL - ONE
        ny[i] = np.float32((third >> 8) & 255) * OCTAHEDRAL - ONE
    _unfold(n, nx, ny, nz)


@compiled
def _unfold(n: int, nx: Floats, ny: Floats, nz: Floats) -> None:
    """Unit normals of the octahedral coordinates in nx, ny."""
    for i in range(n):
        a, b = nx[i], ny[i]
        c = ONE - abs(a) - abs(b)
        fold = -c if c < ZERO else ZERO
        a -= np.copysign(fold, a)
        b -= np.copysign(fold, b)
        scale = ONE / np.sqrt(a * a + b * b + c * c)
        nx[i], ny[i], nz[i] = a * scale, b * scale, c * scale


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
def _draw(n: int, block: Words, boxes: Integers, s: Floats, width: int, cells: Words) -> None:
    """The z-buffer of wide splats, point by point."""
    seen = cells.view(np.float32)
    for i in range(n):
        top, bottom, left, right = boxes[0, i], boxes[1, i], boxes[2, i], boxes[3, i]
        u, v, w, wu, wv, bias, uu, uv, vv = s[U, i], s[V, i], s[W, i], s[NX, i], s[NY, i], s[NZ, i], s[UU, i], s[UV, i], s[VV, i]
        for row in range(top, bottom):
            dv = (np.float32(row) + HALF) - v
            row_w, row_uv, row_vv = w + wv * dv, uv * dv, vv * dv * dv
            for column in range(left, right):
                du = (np.float32(column) + HALF) - u
                rim = (uu * du + row_uv) * du + row_vv
                here = row_w + wu * du
                key = here - bias * rim
                at = 4 * (row * width + column)
                if (rim <= ONE) & (key > seen[at]):
                    seen[at] = key
                    seen[at + 1] = here
                    cells[at + 2] = block[4 * i + 1]


@compiled
def gather_band(homes: Words, low: int, high: int, width: int, rotation: Floats, lens: Floats, cells: Words) -> None:
    """Give the pixels of the rows low … high - 1 what the splats of the homes around them show there, where it is nearer."""
    height, padded = len(homes) // (CELL_WORDS * width), width + 2 * WINDOW_PX
    shape = (ROWS, padded)
    u, v, w, radius, words = _zeros(shape), _zeros(shape), _zeros(shape), _zeros(shape), np.zeros(shape, np.uint32)
    nx, ny, nz, uu, uv, vv = _zeros(shape), _zeros(shape), _zeros(shape), _zeros(shape), _zeros(shape), _zeros(shape)
    x, y, row_w, row_uv, row_vv = _zeros(padded), _zeros(padded), _zeros(padded), _zeros(padded), _zeros(padded)
    best, winner = np.empty(width, np.float32), np.empty(width, np.int32)
    n, a = width, WINDOW_PX
    w[:] = EMPTY  # beyond the canvas nobody is at home
    for row in range(low - WINDOW_PX, high + WINDOW_PX):
        k = row % ROWS
        if 0 <= row < height:
            here = homes[4 * row * width : 4 * (row + 1) * width]
            r, p, q, o = radius[k][a:], nx[k][a:], ny[k][a:], nz[k][a:]
            _unpack(n, row, here, lens, words[k][a:], u[k][a:], v[k][a:], w[k][a:], r, p, q)
            _rays(n, lens, u[k][a:], v[k][a:], x, y)
            _unfold(n, p, q, o)
            _turn(n, rotation, p, q, o)
            _shape(n, lens, x, y, r, p, q, o, uu[k][a:], uv[k][a:], vv[k][a:], row_w)
            _tilt(n, lens, x, y, w[k][a:], r, p, q, o)
            _invert(n, uu[k][a:], uv[k][a:], vv[k][a:], r, row_w)
            _vacate(n, w[k][a:])
        else:
            w[k] = EMPTY
        target = row - WINDOW_PX
        if target < low:
            continue
        seen = cells[4 * target * width : 4 * (target + 1) * width]
        _recall(n, seen, best, winner)
        for near in range(target - WINDOW_PX, target + WINDOW_PX + 1):
            k = near % ROWS
            _cross(padded, target, v[k], w[k], ny[k], uv[k], vv[k], row_w, row_uv, row_vv)
            if abs(near - target) < WINDOW_PX:
                _look(n, k * padded, u[k], nx[k], nz[k], uu[k], row_w, row_uv, row_vv, best, winner)
                continue
            p, q, r, o = u[k][1:], nx[k][1:], nz[k][1:], uu[k][1:]
            _look_less(n, k * padded + 1, p, q, r, o, row_w[1:], row_uv[1:], row_vv[1:], best, winner)
        _show(n, target, u.ravel(), v.ravel(), w.ravel(), nx.ravel(), ny.ravel(), words.ravel(), best, winner, seen)


@compiled
def _zeros(shape: Any) -> Floats:
    return np.zeros(shape, np.float32)


@compiled
def _unpack(
    n: int,
    row: int,
    homes: Words,
    lens: Floats,
    words: Words,
    u: Floats,
    v: Floats,
    w: Floats,
    radius: Floats,
    nx: Floats,
    ny: Floats,
) -> None:
    """A row of homes, by fields: colour and confidence, pixel, 1/Z (0: empty), radius, octahedral coordinates of the normal."""
    bias, first_row, keys = lens[15] / lens[4], np.float32(row), homes.view(np.float32)
    for i in range(n):
        key, position, shape = keys[4 * i], np.int32(homes[4 * i + 1]), np.int32(homes[4 * i + 3])
        words[i] = homes[4 * i + 2]
        off_u = (np.float32(position & 0xFFFF) + HALF) * POSITION_STEP
        off_v = (np.float32((position >> 16) & 0xFFFF) + HALF) * POSITION_STEP
        du, dv = off_u - HALF, off_v - HALF
        here = key * (ONE + bias * (du * du + dv * dv))
        u[i], v[i], w[i] = np.float32(np.int32(i)) + off_u, first_row + off_v, here if shape != 0 else ZERO
        radius[i] = np.float32((shape >> 16) & 0xFFFF) * RADIUS_STEP
        nx[i] = np.float32(shape & 255) * OCTAHEDRAL - ONE
        ny[i] = np.float32((shape >> 8) & 255) * OCTAHEDRAL - ONE


@compiled
def _rays(n: int, lens: Floats, u: Floats, v: Floats, x: Floats, y: Floats) -> None:
    """The rays X/Z, Y/Z of pixels."""
    cx, cy, per_fx, per_fy = lens[2], lens[3], lens[5], lens[6]
    for i in range(n):
        x[i] = (u[i] - cx) * per_fx
        y[i] = (v[i] - cy) * per_fy


@compiled
def _vacate(n: int, w: Floats) -> None:
    """Empty homes win nowhere."""
    for i in range(n):
        w[i] = w[i] if w[i] > ZERO else EMPTY


@compiled
def _recall(n: int, cells: Words, best: Floats, winner: Integers) -> None:
    """The keys of a row of cells: what the homes around have to beat."""
    keys = cells.view(np.float32)
    for i in range(n):
        best[i] = keys[4 * i]
        winner[i] = -1


@compiled
def _cross(
    n: int, row: int, v: Floats, w: Floats, wv: Floats, uv: Floats, vv: Floats, row_w: Floats, row_uv: Floats, row_vv: Floats
) -> None:
    """What splats are where a row of pixels crosses them: the factors of du⁰ and du¹."""
    centre = np.float32(row) + HALF
    for i in range(n):
        dv = centre - v[i]
        row_w[i] = w[i] + wv[i] * dv
        row_uv[i] = uv[i] * dv
        row_vv[i] = vv[i] * dv * dv


def _looker(across: int) -> Callable[..., None]:
    def look(
        n: int,
        first: int,
        u: Floats,
        wu: Floats,
        bias: Floats,
        uu: Floats,
        row_w: Floats,
        row_uv: Floats,
        row_vv: Floats,
        best: Floats,
        winner: Integers,
    ) -> None:
        """Of `across` homes of one row around each of n pixels those nearer than `best`: their keys, `first` + where they are.

        The arrays of homes begin across // 2 to the left of the first pixel.
        """
        start = np.int32(first)
        for i in range(n):
            centre = np.float32(np.int32(i)) + HALF
            key, at, number = best[i], winner[i], np.int32(i) + start
            for j in range(across):
                du = centre - u[i + j]
                rim = (uu[i + j] * du + row_uv[i + j]) * du + row_vv[i + j]
                here = (row_w[i + j] + wu[i + j] * du) - bias[i + j] * rim
                here = here if rim <= ONE else EMPTY
                at = number + np.int32(j) if here > key else at
                key = here if here > key else key
            best[i], winner[i] = key, at

    return compiled(look)


_look, _look_less = _looker(ROWS), _looker(ROWS - 2)


@compiled
def _show(
    n: int,
    row: int,
    u: Floats,
    v: Floats,
    w: Floats,
    wu: Floats,
    wv: Floats,
    words: Words,
    best: Floats,
    winner: Integers,
    cells: Words,
) -> None:
    """Write what won to a row of cells."""
    centre, seen = np.float32(row) + HALF, cells.view(np.float32)
    for i in range(n):
        at = winner[i]
        if at >= 0:
            du, dv = (np.float32(np.int32(i)) + HALF) - u[at], centre - v[at]
            seen[4 * i] = best[i]
            seen[4 * i + 1] = (w[at] + wv[at] * dv) + wu[at] * du
            cells[4 * i + 2] = words[at]


@compiled
def resolve_band(
    cells: Words,
    low: int,
    high: int,
    step: np.float32,
    colour: npt.NDArray[np.uint8],
    depth_m: Floats,
    coverage: npt.NDArray[np.bool_],
    confidence: npt.NDArray[np.uint8],
) -> None:
    """Close gaps and unpack what is seen into those rows of the images that the canvas's rows low … high - 1 hold."""
    height, width = coverage.shape
    seen, down, sources = cells.view(np.float32), 4 * (width + 2 * WINDOW_PX), np.empty(width, np.int32)
    keys_here, inverse_depths, words = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.uint32)
    for row in range(max(low - WINDOW_PX, 0), min(high - WINDOW_PX, height)):
        first = (row + WINDOW_PX) * (width + 2 * WINDOW_PX) + WINDOW_PX
        keys = seen[4 * first - down :]
        _close(width, step, keys[down:], keys, keys[2 * down :], keys[down - 4 :], keys[down + 4 :], down, sources)
        for column in range(width):
            at = 4 * (first + column) + sources[column]
            keys_here[column], inverse_depths[column], words[column] = seen[at], seen[at + 1], cells[at + 2]
        _write(width, keys_here, inverse_depths, words, colour[row].ravel(), depth_m[row], coverage[row], confidence[row])


@compiled
def _write(
    n: int,
    keys: Floats,
    inverse_depths: Floats,
    words: Words,
    colour: npt.NDArray[np.uint8],
    depth_m: Floats,
    coverage: npt.NDArray[np.bool_],
    confidence: npt.NDArray[np.uint8],
) -> None:
    """A row of the images; colour is flat."""
    for i in range(n):
        covered, depth = keys[i] > EMPTY, ONE / inverse_depths[i]
        words[i] = words[i] if covered else np.uint32(0)
        depth_m[i] = depth if covered else ZERO
        coverage[i] = covered
        confidence[i] = np.uint8(words[i] >> np.uint32(24))
    for i in range(n):
        word = words[i]
        colour[3 * i] = np.uint8(word & np.uint32(255))
        colour[3 * i + 1] = np.uint8((word >> np.uint32(8)) & np.uint32(255))
        colour[3 * i + 2] = np.uint8((word >> np.uint32(16)) & np.uint32(255))


@compiled
def _close(
    n: int,
    step: np.float32,
    here: Floats,
    above: Floats,
    below: Floats,
    left: Floats,
    right: Floats,
    down: int,
    sources: Integers,
) -> None:
    """Where n pixels take what they show from: themselves or, in a gap of one surface, the farther of the two around it."""
    to_below, to_right, itself = np.int32(down), np.int32(4), np.int32(0)
    for i in range(n):
        limit, a, b, c, d = here[4 * i] * step, above[4 * i], below[4 * i], left[4 * i], right[4 * i]
        upright = (a > limit) & (b > limit) & (a <= b * step) & (b <= a * step)
        level = (c > limit) & (d > limit) & (c <= d * step) & (d <= c * step)
        source = (to_below if b < a else -to_below) if upright else itself
        sources[i] = (to_right if d < c else -to_right) if level else source
