"""The planes into the holes of a frame.

A hole's pixel takes the first surface that its ray meets: a known or carried-on cell, seen from the plane's own side. Where there
is none, the farthest doubtful one. The work goes by tiles of pixels: a tile lands on a quadrilateral of a plane, and a plane
without a cell there (a summed-area table says so, Crow 1984) is passed over for all of the tile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask
from spatia_bridge.generation.structure.atlas import Surface
from spatia_bridge.generation.structure.extent import FREE, NOTHING, Bytes
from spatia_bridge.generation.structure.views import Floats
from spatia_bridge.geometry.camera import Camera

KNOWN_CONFIDENCE = 0.4
FARTHEST_CONFIDENCE = 0.22  # at the end of the reach
DOUBTFUL_CONFIDENCE = 0.2
MIN_DEPTH_M = 0.05
MIN_INVERSE_DEPTH = 1e-4
TILE = 8

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
_inlined = numba.njit(nogil=True, error_model="numpy", inline="always")  # a dozen arrays a call would double a pixel's cost
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Palette:
    """Surfaces laid flat, as the kernel reads them.

    Attributes:
        places: int64 (P, 9): of the cells, first, columns, rows; of the texels, first, columns, rows; of the tile, first level,
            levels; of the table.
        sizes: float64 (P, 15): of the cells u, v, side; of the texels u, v, side; of the tile u, v, width, height, mirrored along
            u, mirrored along v; reach; cells and texels a metre.
        counts: int32 (S,), of the cells that are not empty: summed-area tables, one row and column larger.
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
    counts: npt.NDArray[np.int32]

    @classmethod
    def of(cls, surfaces: Sequence[Surface]) -> "Palette":
        places: list[tuple[int, ...]] = []
        sizes: list[tuple[float, ...]] = []
        levels: list[tuple[int, int, int]] = []
        cells = texels = pixels = sums = 0
        for surface in surfaces:
            e, t, tile = surface.extent.box, surface.box, surface.tile
            places.append((cells, e.columns, e.rows, texels, t.columns, t.rows, len(levels), len(tile.levels), sums))
            mirrored = (float(tile.mirror_u), float(tile.mirror_v))
            sizes.append(
                (e.u, e.v, e.side, t.u, t.v, t.side, tile.u, tile.v, tile.width_m, tile.height_m, *mirrored)
                + (max(surface.extent.reach_m, 1e-6), 1 / e.side, 1 / t.side)
            )
            for level in tile.levels:
                levels.append((pixels, level.shape[1], level.shape[0]))
                pixels += level.shape[0] * level.shape[1]
            cells, texels = cells + e.columns * e.rows, texels + t.columns * t.rows
            sums += (e.columns + 1) * (e.rows + 1)
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
            np.concatenate([_summed(s.extent.state).ravel() for s in surfaces]),
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
            self.counts,
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
        """float64 (A, 13), the planes whose own side faces the camera: inverse depth by ray, u and v by ray and depth, the same
        at the camera, the number of the plane, how far the camera stands before it."""
        rotation, origin = camera.world_from_camera[:3, :3], camera.position_world
        normal, u, v = self.planes[:, 0:3], self.planes[:, 3:6], self.planes[:, 6:9]
        before = normal @ origin - self.planes[:, 9]
        facing = np.flatnonzero(before > MIN_DEPTH_M)
        inverse = -(normal @ rotation)[facing] / before[facing, None]
        axes = [(axis @ rotation)[facing] for axis in (u, v)]
        at = [(u @ origin)[facing], (v @ origin)[facing], facing, before[facing]]
        return np.ascontiguousarray(np.column_stack([inverse, *axes, *at]))


def _summed(state: Bytes) -> npt.NDArray[np.int32]:
    table = np.zeros((state.shape[0] + 1, state.shape[1] + 1), np.int32)
    table[1:, 1:] = np.cumsum(np.cumsum((state != NOTHING) & (state != FREE), axis=0), axis=1)
    return table


@_jit
def _paint(  # type: ignore[no-untyped-def]
    seen, lens, places, sizes, counts, state, away, light, texel_state, texels, levels, pixels, filled, colour, depth, confidence
):
    """Tile by tile; see the module. No slices of arrays in here and below: each would cost as much as the arithmetic."""
    height, width = filled.shape
    rgb, chosen = np.empty(3, np.float32), np.empty(len(seen), np.int64)
    for y0 in range(0, height, TILE):
        for x0 in range(0, width, TILE):
            y1, x1 = min(y0 + TILE, height), min(x0 + TILE, width)
            holes = 0
            for y in range(y0, y1):
                for x in range(x0, x1):
                    holes += not filled[y, x]
            count = _reaching(seen, lens, places, sizes, counts, x0, y0, x1, y1, chosen) if holes else 0
            if count == 0:
                continue
            for y in range(y0, y1):
                ry = (y + 0.5 - lens[3]) / lens[1]
                for x in range(x0, x1):
                    if filled[y, x]:
                        continue
                    rx = (x + 0.5 - lens[2]) / lens[0]
                    s, z, trust = _first(seen, places, sizes, state, texel_state, rx, ry, chosen, count)
                    if s >= 0:
                        far = _shade(
                            seen, s, lens, places, sizes, away, light, texel_state, texels, levels, pixels, rx, ry, z, rgb
                        )
                        for c in range(3):
                            colour[y, x, c] = np.uint8(min(max(rgb[c] + np.float32(0.5), np.float32(0)), np.float32(255)))
                        confidence[y, x] = min(trust, KNOWN_CONFIDENCE + (FARTHEST_CONFIDENCE - KNOWN_CONFIDENCE) * min(far, 1.0))
                        depth[y, x] = z
                        filled[y, x] = True


@_jit
def _reaching(seen, lens, places, sizes, counts, x0, y0, x1, y1, chosen):  # type: ignore[no-untyped-def]
    """How many planes have a cell where the tile may land on them, and which (rows of `seen`)."""
    count = 0
    for s in range(len(seen)):
        p = int(seen[s, 11])
        left, right, top, bottom, ahead = 1e18, -1e18, 1e18, -1e18, 0
        for corner in range(4):
            rx, ry = ((x1 if corner & 1 else x0) - lens[2]) / lens[0], ((y1 if corner & 2 else y0) - lens[3]) / lens[1]
            w = seen[s, 0] * rx + seen[s, 1] * ry + seen[s, 2]
            if w > MIN_INVERSE_DEPTH:
                ahead += 1
                u = (seen[s, 9] + (seen[s, 3] * rx + seen[s, 4] * ry + seen[s, 5]) / w - sizes[p, 0]) * sizes[p, 13]
                v = (seen[s, 10] + (seen[s, 6] * rx + seen[s, 7] * ry + seen[s, 8]) / w - sizes[p, 1]) * sizes[p, 13]
                left, right, top, bottom = min(left, u), max(right, u), min(top, v), max(bottom, v)
        if ahead == 0:
            continue
        if ahead == 4:  # else the tile reaches the horizon, and may land anywhere
            columns, rows = places[p, 1], places[p, 2]
            a, b = int(min(max(left, 0.0), columns)), int(min(max(right + 1, 0.0), columns))
            c, d = int(min(max(top, 0.0), rows)), int(min(max(bottom + 1, 0.0), rows))
            at, stride = places[p, 8], columns + 1
            inside = counts[at + d * stride + b] - counts[at + c * stride + b] - counts[at + d * stride + a]
            if inside + counts[at + c * stride + a] == 0:
                continue
        chosen[count] = s
        count += 1
    return count


@_inlined
def _first(seen, places, sizes, state, texel_state, rx, ry, chosen, count):  # type: ignore[no-untyped-def]
    """The row of `seen` that the ray meets first, the depth there, and its confidence at most; -1 if there is none."""
    best, nearest, doubt, doubtful = -1, MIN_INVERSE_DEPTH, -1, 1.0 / MIN_DEPTH_M
    for n in range(count):
        s = chosen[n]
        w = seen[s, 0] * rx + seen[s, 1] * ry + seen[s, 2]
        if w <= nearest or w >= 1.0 / MIN_DEPTH_M:
            continue
        p, z = int(seen[s, 11]), 1.0 / w
        u = seen[s, 9] + (seen[s, 3] * rx + seen[s, 4] * ry + seen[s, 5]) * z
        v = seen[s, 10] + (seen[s, 6] * rx + seen[s, 7] * ry + seen[s, 8]) * z
        what = _state_at(p, places, sizes, state, texel_state, u, v)
        if what == 1 or what == 2:
            best, nearest = s, w
            if n > 0:  # it mostly wins again at the next pixel: ask it first
                chosen[n], chosen[0] = chosen[0], s
        elif what == 3 and w < doubtful:
            doubt, doubtful = s, w
    if best < 0:
        return doubt, 1.0 / doubtful, DOUBTFUL_CONFIDENCE
    return best, 1.0 / nearest, KNOWN_CONFIDENCE


@_inlined
def _shade(  # type: ignore[no-untyped-def]
    seen, s, lens, places, sizes, away, light, texel_state, texels, levels, pixels, rx, ry, z, rgb
):
    """The colour, into rgb, where a ray meets a plane at depth z; how far from what is known that is, in reaches."""
    p = int(seen[s, 11])
    u = seen[s, 9] + (seen[s, 3] * rx + seen[s, 4] * ry + seen[s, 5]) * z
    v = seen[s, 10] + (seen[s, 6] * rx + seen[s, 7] * ry + seen[s, 8]) * z
    cosine = seen[s, 12] / (z * np.sqrt(1 + rx * rx + ry * ry))  # of the ray and the plane's normal
    footprint = z / (lens[0] * np.sqrt(max(cosine, 0.01)))
    _colour_at(p, places, sizes, light, texel_state, texels, levels, pixels, u, v, footprint, rgb)
    i = min(max(int((u - sizes[p, 0]) * sizes[p, 13]), 0), places[p, 1] - 1)
    j = min(max(int((v - sizes[p, 1]) * sizes[p, 13]), 0), places[p, 2] - 1)
    return away[places[p, 0] + j * places[p, 1] + i] / sizes[p, 12]


@_inlined
def _state_at(p, places, sizes, state, texel_state, u, v):  # type: ignore[no-untyped-def]
    """The state of the cell at plane coordinates; texels know better what was seen and what one could look through."""
    a, b = (u - sizes[p, 0]) * sizes[p, 13], (v - sizes[p, 1]) * sizes[p, 13]
    if a < 0 or b < 0 or a >= places[p, 1] or b >= places[p, 2]:
        return 0
    what = state[places[p, 0] + int(b) * places[p, 1] + int(a)]
    a, b = (u - sizes[p, 3]) * sizes[p, 14], (v - sizes[p, 4]) * sizes[p, 14]
    if a < 0 or b < 0 or a >= places[p, 4] or b >= places[p, 5]:
        return int(what)
    texel = texel_state[places[p, 3] + int(b) * places[p, 4] + int(a)]
    return int(what) if texel == 0 else int(texel)


@_inlined
def _colour_at(p, places, sizes, light, texel_state, texels, levels, pixels, u, v, footprint, rgb):  # type: ignore[no-untyped-def]
    """The texture at plane coordinates, as pixels of this footprint in metres see it: known texels, else the tile, lit."""
    a, b = (u - sizes[p, 3]) * sizes[p, 14], (v - sizes[p, 4]) * sizes[p, 14]
    if footprint < 1.5 * sizes[p, 5] and a >= 0 and b >= 0 and a < places[p, 4] and b < places[p, 5]:
        at = places[p, 3] + int(b) * places[p, 4] + int(a)
        if texel_state[at] == 1:
            for c in range(3):
                rgb[c] = texels[at, c]
            return
    a, b = (u - sizes[p, 6]) / sizes[p, 8], (v - sizes[p, 7]) / sizes[p, 9]
    mirror_u, mirror_v = sizes[p, 10] > 0, sizes[p, 11] > 0
    a = abs(a - 2 * np.floor(a / 2 + 0.5)) if mirror_u else a - np.floor(a)
    b = abs(b - 2 * np.floor(b / 2 + 0.5)) if mirror_v else b - np.floor(b)
    blur = min(np.log2(footprint * sizes[p, 14]), places[p, 7] - 1.0) if footprint > sizes[p, 5] else 0.0
    fine = int(blur)
    part = np.float32(min(max(2 * (blur - fine) - 0.5, 0.0), 1.0))  # one level alone for half of the way: half the work
    value = np.float32(_light_at(p, places, sizes, light, u, v))
    rgb[0], rgb[1], rgb[2] = value, value, value
    if part < 1:
        _bilinear(places[p, 6] + fine, levels, pixels, a, b, mirror_u, mirror_v, np.float32(1) - part, rgb)
    if part > 0:
        coarser = places[p, 6] + min(fine + 1, places[p, 7] - 1)
        _bilinear(coarser, levels, pixels, a, b, mirror_u, mirror_v, part, rgb)


@_inlined
def _bilinear(level, levels, pixels, a, b, mirror_u, mirror_v, share, rgb):  # type: ignore[no-untyped-def]
    """Add share times a level of a tile at a, b in 0…1."""
    first, columns, rows = levels[level, 0], levels[level, 1], levels[level, 2]
    x, y = a * columns - 0.5, b * rows - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = np.float32(x - x0), np.float32(y - y0)
    x1, y1 = x0 + 1, y0 + 1
    x0 = x0 if x0 >= 0 else 0 if mirror_u else columns - 1
    y0 = y0 if y0 >= 0 else 0 if mirror_v else rows - 1
    x1 = x1 if x1 < columns else columns - 1 if mirror_u else 0
    y1 = y1 if y1 < rows else rows - 1 if mirror_v else 0
    x0, y0 = min(x0, columns - 1), min(y0, rows - 1)
    upper, lower = first + y0 * columns, first + y1 * columns
    w00, w01 = share * (1 - fy) * (1 - fx), share * (1 - fy) * fx
    w10, w11 = share * fy * (1 - fx), share * fy * fx
    for c in range(3):
        rgb[c] += w00 * pixels[upper + x0, c] + w01 * pixels[upper + x1, c]
        rgb[c] += w10 * pixels[lower + x0, c] + w11 * pixels[lower + x1, c]


@_inlined
def _light_at(p, places, sizes, light, u, v):  # type: ignore[no-untyped-def]
    columns, rows = places[p, 1], places[p, 2]
    x = min(max((u - sizes[p, 0]) * sizes[p, 13] - 0.5, 0.0), columns - 1.0)
    y = min(max((v - sizes[p, 1]) * sizes[p, 13] - 0.5, 0.0), rows - 1.0)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, columns - 1), min(y0 + 1, rows - 1)
    fx, fy, first = x - x0, y - y0, places[p, 0]
    upper = light[first + y0 * columns + x0] * (1 - fx) + light[first + y0 * columns + x1] * fx
    lower = light[first + y1 * columns + x0] * (1 - fx) + light[first + y1 * columns + x1] * fx
    return upper * (1 - fy) + lower * fy
