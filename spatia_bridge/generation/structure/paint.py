"""The planes into the holes of a frame.

A hole's pixel takes the first surface that its ray meets: a known or carried-on cell, seen from the plane's own side. Where there is
none, the farthest doubtful one. The inverse depth of a plane is linear in pixels, so most planes are passed over after two products.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask
from spatia_bridge.generation.structure.atlas import Surface
from spatia_bridge.generation.structure.extent import Bytes
from spatia_bridge.generation.structure.views import Floats
from spatia_bridge.geometry.camera import Camera

KNOWN_CONFIDENCE = 0.4
FARTHEST_CONFIDENCE = 0.22  # at the end of the reach
DOUBTFUL_CONFIDENCE = 0.2
MIN_DEPTH_M = 0.05

_jit = numba.njit(cache=True, nogil=True)
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Palette:
    """Surfaces laid flat, as the kernel reads them.

    Attributes:
        places: int64 (P, 9): of the cells, first, columns, rows; of the texels, first, columns, rows; of the tile, first level,
            levels, 1 if it is invented.
        sizes: float64 (P, 13): of the cells u, v, side; of the texels u, v, side; of the tile u, v, width, height, mirrored along
            u, mirrored along v; reach.
        state: uint8 (C,) and away_m: float32 (C,), light: float32 (C,) of all cells.
        texel_state: uint8 (T,), texels: uint8 (T, 3).
        levels: int64 (L, 3): first pixel, columns, rows of each level of each tile; pixels: uint8 (N, 3).
        planes: float64 (P, 10): normal, u and v in the world's frame, offset.
    """

    places: Integers
    sizes: Floats
    state: Bytes
    away_m: npt.NDArray[np.float32]
    light: npt.NDArray[np.float32]
    texel_state: Bytes
    texels: Bytes
    levels: Integers
    pixels: Bytes
    planes: Floats

    @classmethod
    def of(cls, surfaces: Sequence[Surface]) -> "Palette":
        places, sizes, levels = [], [], []
        cells = texels = pixels = 0
        for surface in surfaces:
            e, t, tile = surface.extent.box, surface.box, surface.tile
            places.append((cells, e.columns, e.rows, texels, t.columns, t.rows, len(levels), len(tile.levels), 0))
            mirrored = (float(tile.mirror_u), float(tile.mirror_v))
            sizes.append(
                (e.u, e.v, e.side, t.u, t.v, t.side, tile.u, tile.v, tile.width_m, tile.height_m, *mirrored, surface.extent.reach_m)
            )
            for level in tile.levels:
                levels.append((pixels, level.shape[1], level.shape[0]))
                pixels += level.shape[0] * level.shape[1]
            cells, texels = cells + e.columns * e.rows, texels + t.columns * t.rows
        return cls(
            np.array(places, np.int64),
            np.array(sizes, np.float64),
            np.concatenate([s.extent.state.ravel() for s in surfaces]),
            np.concatenate([s.extent.away_m.ravel() for s in surfaces]),
            np.concatenate([s.light.ravel() for s in surfaces]),
            np.concatenate([s.state.ravel() for s in surfaces]),
            np.concatenate([s.colour.reshape(-1, 3) for s in surfaces]),
            np.array(levels, np.int64),
            np.concatenate([level.reshape(-1, 3) for s in surfaces for level in s.tile.levels]),
            np.array([(*s.plane.normal_world, *s.plane.u_world, *s.plane.v_world, s.plane.offset_m) for s in surfaces]),
        )

    def paint(
        self, camera: Camera, filled: Mask, colour: ColourImage, depth_m: DepthImage, confidence: npt.NDArray[np.float32]
    ) -> None:
        """Paint what is not filled, in place; `filled` tells afterwards what still is not."""
        seen = self._as_seen(camera)
        k = camera.intrinsics
        lens = np.array([k.fx, k.fy, k.cx, k.cy])
        _paint(
            seen,
            lens,
            self.places,
            self.sizes,
            self.state,
            self.away_m,
            self.light,
            self.texel_state,
            self.texels,
            self.levels,
            self.pixels,
            filled,
            colour,
            depth_m,
            confidence,
        )

    def _as_seen(self, camera: Camera) -> Floats:
        """float64 (A, 13), those planes whose own side faces the camera: inverse depth by ray, u and v by ray and depth, the same
        at the camera, the number of the plane, how far the camera stands before it."""
        rotation, origin = camera.world_from_camera[:3, :3], camera.position_world
        normal, u, v = self.planes[:, 0:3], self.planes[:, 3:6], self.planes[:, 6:9]
        before = normal @ origin - self.planes[:, 9]
        facing = np.flatnonzero(before > MIN_DEPTH_M)
        inverse = -(normal @ rotation)[facing] / before[facing, None]
        axes = [(axis @ rotation)[facing] for axis in (u, v)]
        return np.ascontiguousarray(
            np.column_stack([inverse, *axes, (u @ origin)[facing], (v @ origin)[facing], facing, before[facing]])
        )


@_jit
def _paint(  # type: ignore[no-untyped-def]
    seen, lens, places, sizes, state, away, light, texel_state, texels, levels, pixels, filled, colour, depth, confidence
):
    """All rows; see the module. The plane of the pixel before is asked first: it mostly wins again, and the others fall short."""
    height, width = filled.shape
    rgb, last = np.empty(3), 0
    for y in range(height):
        ry = (y + 0.5 - lens[3]) / lens[1]
        for x in range(width):
            if filled[y, x]:
                continue
            rx = (x + 0.5 - lens[2]) / lens[0]
            best, nearest, trust = _first(seen, places, sizes, state, texel_state, rx, ry, last)
            if best < 0:
                continue
            s, last = seen[best], best
            p = int(s[11])
            u = s[9] + (s[3] * rx + s[4] * ry + s[5]) / nearest
            v = s[10] + (s[6] * rx + s[7] * ry + s[8]) / nearest
            far = _away_at(places[p], sizes[p], away, u, v)
            confidence[y, x] = min(trust, KNOWN_CONFIDENCE + (FARTHEST_CONFIDENCE - KNOWN_CONFIDENCE) * min(far, 1.0))
            cosine = s[12] * nearest / np.sqrt(1 + rx * rx + ry * ry)  # of the ray and the plane's normal
            footprint = 1.0 / (nearest * lens[0] * np.sqrt(max(cosine, 0.01)))
            _colour_at(places[p], sizes[p], light, texel_state, texels, levels, pixels, u, v, footprint, rgb)
            for c in range(3):
                colour[y, x, c] = np.uint8(min(max(rgb[c] + 0.5, 0.0), 255.0))
            depth[y, x] = 1.0 / nearest
            filled[y, x] = True


@_jit
def _first(seen, places, sizes, state, texel_state, rx, ry, last):  # type: ignore[no-untyped-def]
    """The row of `seen` that the ray meets first, the inverse depth there, and its confidence at most; -1 if there is none."""
    best, nearest, doubt, doubtful = -1, 1e-4, -1, 1.0 / MIN_DEPTH_M
    for turn in range(-1, len(seen)):
        at = last if turn < 0 else turn
        if at >= len(seen) or turn == last:
            continue
        s = seen[at]
        w = s[0] * rx + s[1] * ry + s[2]
        if w <= nearest or w >= 1.0 / MIN_DEPTH_M:
            continue
        p, z = int(s[11]), 1.0 / w
        u = s[9] + (s[3] * rx + s[4] * ry + s[5]) * z
        v = s[10] + (s[6] * rx + s[7] * ry + s[8]) * z
        what = _state_at(places[p], sizes[p], state, texel_state, u, v)
        if what == 1 or what == 2:
            best, nearest = at, w
        elif what == 3 and w < doubtful:
            doubt, doubtful = at, w
    if best < 0:
        return doubt, doubtful, DOUBTFUL_CONFIDENCE
    return best, nearest, KNOWN_CONFIDENCE


@_jit
def _state_at(place, size, state, texel_state, u, v):  # type: ignore[no-untyped-def]
    """The state of the cell at plane coordinates; texels know better where one could look through."""
    i, j = int(np.floor((u - size[0]) / size[2])), int(np.floor((v - size[1]) / size[2]))
    if i < 0 or j < 0 or i >= place[1] or j >= place[2]:
        return 0
    what = state[place[0] + j * place[1] + i]
    i, j = int(np.floor((u - size[3]) / size[5])), int(np.floor((v - size[4]) / size[5]))
    if 0 <= i < place[4] and 0 <= j < place[5]:
        texel = texel_state[place[3] + j * place[4] + i]
        if texel == 4:
            return 4
        if texel == 1:
            return 1
    return what


@_jit
def _away_at(place, size, away, u, v):  # type: ignore[no-untyped-def]
    """How far from what is known, in reaches."""
    i, j = int(np.floor((u - size[0]) / size[2])), int(np.floor((v - size[1]) / size[2]))
    i, j = min(max(i, 0), place[1] - 1), min(max(j, 0), place[2] - 1)
    return away[place[0] + j * place[1] + i] / max(size[12], 1e-6)


@_jit
def _colour_at(place, size, light, texel_state, texels, levels, pixels, u, v, footprint, rgb):  # type: ignore[no-untyped-def]
    """The texture at plane coordinates, as pixels of this footprint in metres see it: known texels, else the tile and its light."""
    i, j = int(np.floor((u - size[3]) / size[5])), int(np.floor((v - size[4]) / size[5]))
    if 0 <= i < place[4] and 0 <= j < place[5] and footprint < 1.5 * size[5]:
        at = place[3] + j * place[4] + i
        if texel_state[at] == 1:
            for c in range(3):
                rgb[c] = texels[at, c]
            return
    a, b = (u - size[6]) / size[8], (v - size[7]) / size[9]
    a = abs(a - 2 * np.rint(a / 2)) if size[10] > 0 else a - np.floor(a)
    b = abs(b - 2 * np.rint(b / 2)) if size[11] > 0 else b - np.floor(b)
    blur = min(max(np.log2(max(footprint / size[5], 1.0)), 0.0), place[7] - 1.0)
    fine = int(blur)
    part = blur - fine
    rgb[:] = 0
    for step in range(2):
        share = part if step else 1.0 - part
        if share > 0:
            level = levels[place[6] + min(fine + step, place[7] - 1)]
            _bilinear(level, pixels, a, b, size[10] > 0, size[11] > 0, share, rgb)
    _add_light(place, size, light, u, v, rgb)


@_jit
def _bilinear(level, pixels, a, b, mirror_u, mirror_v, share, rgb):  # type: ignore[no-untyped-def]
    """Add share times the tile's level at a, b in 0…1."""
    columns, rows = level[1], level[2]
    x, y = a * columns - 0.5, b * rows - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    for j in range(2):
        row = y0 + j
        row = min(max(row, 0), rows - 1) if mirror_v else row % rows
        for i in range(2):
            column = x0 + i
            column = min(max(column, 0), columns - 1) if mirror_u else column % columns
            weight = share * (fx if i else 1 - fx) * (fy if j else 1 - fy)
            at = level[0] + row * columns + column
            for c in range(3):
                rgb[c] += weight * pixels[at, c]


@_jit
def _add_light(place, size, light, u, v, rgb):  # type: ignore[no-untyped-def]
    x, y = (u - size[0]) / size[2] - 0.5, (v - size[1]) / size[2] - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy, total = x - x0, y - y0, 0.0
    for j in range(2):
        row = min(max(y0 + j, 0), place[2] - 1)
        for i in range(2):
            at = place[0] + row * place[1] + min(max(x0 + i, 0), place[1] - 1)
            total += (fx if i else 1 - fx) * (fy if j else 1 - fy) * light[at]
    for c in range(3):
        rgb[c] += total
