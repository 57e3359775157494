"""References into the holes of a frame: what an earlier frame saw, moved to where the camera is now.

Each of its pixels becomes a square as large as the pixel's footprint looks from here, so that a surface stays closed when the
camera comes nearer; a depth buffer keeps the nearest. Blocks of pixels that land on no hole are passed over as a whole.
"""

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask
from spatia_bridge.generation.structure.views import View
from spatia_bridge.geometry.camera import Camera

WARPED_CONFIDENCE = 0.6
BLOCK = 16  # pixels a side
OVERLAP = 1.15  # of a footprint: neighbours of a slanted surface touch
MAX_HALF_PX = 8.0  # of a square: nearer than that the reference has too little to say
MIN_DEPTH_M = 0.05

_jit = numba.njit(cache=True, nogil=True)


def warp(
    references: tuple[View, ...],
    camera: Camera,
    filled: Mask,
    colour: ColourImage,
    depth_m: DepthImage,
    confidence: npt.NDArray[np.float32],
) -> None:
    """Warp the references into what is not filled, in place; of two at the same pixel the nearer wins, then the earlier one."""
    if not references or filled.all():
        return
    k = camera.intrinsics
    lens = np.array([k.fx, k.fy, k.cx, k.cy])
    nearest = np.full(filled.shape, np.float32(np.inf))
    tiles = _hole_tiles(filled, BLOCK)
    for view in references:
        j = view.camera.intrinsics
        source = np.array([j.fx, j.fy, j.cx, j.cy])
        now_from_then = np.ascontiguousarray((camera.camera_from_world @ view.camera.world_from_camera)[:3])
        _warp(view.depth_m, view.colour, source, now_from_then, lens, tiles, filled, nearest, colour)
    won = np.isfinite(nearest)
    depth_m[won] = nearest[won]
    confidence[won] = WARPED_CONFIDENCE
    filled |= won


@_jit
def _hole_tiles(filled, block):  # type: ignore[no-untyped-def]
    """How many tiles left of and above each corner have a hole: int64 (rows + 1, columns + 1)."""
    rows, columns = (filled.shape[0] + block - 1) // block, (filled.shape[1] + block - 1) // block
    tiles = np.zeros((rows + 1, columns + 1), np.int64)
    for y in range(filled.shape[0]):
        for x in range(filled.shape[1]):
            if not filled[y, x]:
                tiles[y // block + 1, x // block + 1] = 1
    for y in range(1, rows + 1):
        for x in range(1, columns + 1):
            tiles[y, x] += tiles[y - 1, x] + tiles[y, x - 1] - tiles[y - 1, x - 1]
    return tiles


@_jit
def _reaches_hole(m, source, lens, x0, y0, x1, y1, near, far, tiles, shape):  # type: ignore[no-untyped-def]
    """Whether the block of pixels, with depths near … far, may land on a hole: by the bounds of its eight corners."""
    left, right, top, bottom = 1e9, -1e9, 1e9, -1e9
    for corner in range(8):
        z = far if corner & 4 else near
        rx = ((x1 if corner & 1 else x0) - source[2]) / source[0] * z
        ry = ((y1 if corner & 2 else y0) - source[3]) / source[1] * z
        depth = m[2, 0] * rx + m[2, 1] * ry + m[2, 2] * z + m[2, 3]
        if depth < MIN_DEPTH_M:
            return True
        u = lens[0] * (m[0, 0] * rx + m[0, 1] * ry + m[0, 2] * z + m[0, 3]) / depth + lens[2]
        v = lens[1] * (m[1, 0] * rx + m[1, 1] * ry + m[1, 2] * z + m[1, 3]) / depth + lens[3]
        left, right, top, bottom = min(left, u), max(right, u), min(top, v), max(bottom, v)
    margin = MAX_HALF_PX
    if right < -margin or bottom < -margin or left > shape[1] + margin or top > shape[0] + margin:
        return False
    a = int(min(max(left - margin, 0.0), shape[1] - 1.0)) // BLOCK
    b = int(min(max(right + margin, 0.0), shape[1] - 1.0)) // BLOCK + 1
    c = int(min(max(top - margin, 0.0), shape[0] - 1.0)) // BLOCK
    d = int(min(max(bottom + margin, 0.0), shape[0] - 1.0)) // BLOCK + 1
    return tiles[d, b] - tiles[c, b] - tiles[d, a] + tiles[c, a] > 0


@_jit
def _warp(depth, image, source, m, lens, tiles, filled, nearest, colour):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for y0 in range(0, height, BLOCK):
        for x0 in range(0, width, BLOCK):
            y1, x1 = min(y0 + BLOCK, height), min(x0 + BLOCK, width)
            near, far = np.float32(np.inf), np.float32(0)
            for y in range(y0, y1):
                for x in range(x0, x1):
                    if depth[y, x] > 0:
                        near, far = min(near, depth[y, x]), max(far, depth[y, x])
            if far > 0 and _reaches_hole(m, source, lens, x0, y0, x1, y1, near, far, tiles, filled.shape):
                for y in range(y0, y1):
                    for x in range(x0, x1):
                        if depth[y, x] > 0:
                            _splat(depth[y, x], image[y, x], x, y, source, m, lens, filled, nearest, colour)


@_jit
def _splat(z, rgb, x, y, source, m, lens, filled, nearest, colour):  # type: ignore[no-untyped-def]
    rx, ry = (x + 0.5 - source[2]) / source[0] * z, (y + 0.5 - source[3]) / source[1] * z
    depth = m[2, 0] * rx + m[2, 1] * ry + m[2, 2] * z + m[2, 3]
    if depth < MIN_DEPTH_M:
        return
    u = lens[0] * (m[0, 0] * rx + m[0, 1] * ry + m[0, 2] * z + m[0, 3]) / depth + lens[2]
    v = lens[1] * (m[1, 0] * rx + m[1, 1] * ry + m[1, 2] * z + m[1, 3]) / depth + lens[3]
    half_u = min(max(0.5 * OVERLAP * z / source[0] * lens[0] / depth, 0.5), MAX_HALF_PX)
    half_v = min(max(0.5 * OVERLAP * z / source[1] * lens[1] / depth, 0.5), MAX_HALF_PX)
    left, right = int(np.ceil(u - half_u - 0.5)), int(np.floor(u + half_u - 0.5))  # pixels whose centres lie within
    top, bottom = int(np.ceil(v - half_v - 0.5)), int(np.floor(v + half_v - 0.5))
    for row in range(max(top, 0), min(bottom + 1, filled.shape[0])):
        for column in range(max(left, 0), min(right + 1, filled.shape[1])):
            if not filled[row, column] and depth < nearest[row, column]:
                nearest[row, column] = depth
                for c in range(3):
                    colour[row, column, c] = rgb[c]
