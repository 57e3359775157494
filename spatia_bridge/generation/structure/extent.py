"""How far a plane goes on: what was seen of it, what was seen through, and what may be carried on.

A plane is cut into square cells. A cell is KNOWN where a view saw the plane there, and FREE where a view saw something behind it:
there is no wall where one could look through. What no view says anything about may be carried on, along the plane's axes, which
are those of walls and floors, so that what is made up has straight edges. Along u, then along v, then along u again:
 1. Between two known cells with nothing free in between, all is carried on.
 2. Beyond the last known cell it goes on for as far as it was seen to go up to there, times RUN, and no further than the plane's
    reach: REACH times its known size (the root of its known area). So a hallway goes on and a pillar does not become a wall.
    Walls go no further up and down than the storeys that floors and ceilings leave. Planes also end where they meet each other,
    since a ray takes the first one that it meets.
 3. Between a known and a free cell the plane ends somewhere, and nobody knows where. That is the rim of an object before what
    lies behind it, so the far side may have it: the half next to what is known is DOUBTFUL, and counts only where no other plane
    does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.generation.structure.planes import TOLERANCE, Kind, Plane
from spatia_bridge.generation.structure.views import Floats, View

NOTHING, KNOWN, CARRIED, DOUBTFUL, FREE = 0, 1, 2, 3, 4
REACH = {Kind.FLOOR: 4.0, Kind.CEILING: 4.0, Kind.WALL: 2.5, Kind.SLOPE: 0.5}
RUN = 2.0
MAX_REACH_M = 25.0
MAX_CELLS = 160  # a side
CELL_TEXELS = 4  # at least

_jit = numba.njit(cache=True, nogil=True)
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A rectangle in plane coordinates, metres: from (u, v) on, columns × rows squares of `side`."""

    u: float
    v: float
    side: float
    columns: int
    rows: int

    @classmethod
    def around(cls, low: Floats, high: Floats, side: float) -> "Box":
        columns, rows = (max(int(np.ceil(n)), 1) for n in (high - low) / side - 1e-9)
        return cls(float(low[0]), float(low[1]), side, columns, rows)


@dataclass(frozen=True, eq=False)
class Extent:
    """The cells of a plane.

    Attributes:
        state: uint8 (rows, columns), one of the constants above.
        away_m: float32 (rows, columns), the way along the axes to what is known.
        reach_m: where carrying on ends.
    """

    box: Box
    state: Bytes
    away_m: npt.NDArray[np.float32]
    reach_m: float


def look(
    plane: Plane, box: Box, views: Sequence[View], labels: Sequence[npt.NDArray[np.int16]] | None, number: int
) -> tuple[Bytes, npt.NDArray[np.float32], Bytes]:
    """What the views show at the middle of every square of the box.

    Args:
        labels: of the views' samples; a square is known only where one nearby is labelled `number`. None = wherever depth fits.
    Returns:
        State uint8 (rows, columns): NOTHING, KNOWN or FREE. How well it was seen: float32, pixels a metre. Colour uint8, (…, 3).
    """
    state = np.zeros((box.rows, box.columns), np.uint8)
    quality = np.zeros(state.shape, np.float32)
    colour = np.zeros((*state.shape, 3), np.uint8)
    corner = plane.point(box.u + box.side / 2, box.v + box.side / 2)
    geometry = np.concatenate([corner, plane.u_world * box.side, plane.v_world * box.side, plane.normal_world, [plane.offset_m]])
    nothing = np.zeros((1, 1), np.int16)
    for n, view in enumerate(views):
        label = nothing if labels is None else labels[n]
        _look(geometry, view.lens, view.depth_m, view.colour, label, number, view.stride, TOLERANCE, state, quality, colour)
    return state, quality, colour


@_jit
def _look(g, lens, depth, image, labels, number, stride, tolerance, state, quality, colour):  # type: ignore[no-untyped-def]
    """One view's word on every square. The surface a pixel shows lies on the plane, behind it (seen through) or before it."""
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    origin, du, dv, normal = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for a in range(3):
        row = lens[4 + 4 * a : 8 + 4 * a]
        origin[a] = row[0] * g[0] + row[1] * g[1] + row[2] * g[2] + row[3]
        du[a] = row[0] * g[3] + row[1] * g[4] + row[2] * g[5]
        dv[a] = row[0] * g[6] + row[1] * g[7] + row[2] * g[8]
        normal[a] = row[0] * g[9] + row[1] * g[10] + row[2] * g[11]
    height, width = depth.shape
    front = -(normal[0] * origin[0] + normal[1] * origin[1] + normal[2] * origin[2])  # how far the camera stands before the plane
    side = 1.0 if front > 0 else -1.0
    checked = labels.shape[0] > 1
    for j in range(state.shape[0]):
        for i in range(state.shape[1]):
            z = origin[2] + i * du[2] + j * dv[2]
            if z < 0.05:
                continue
            x = int(np.floor(fx * (origin[0] + i * du[0] + j * dv[0]) / z + cx))
            y = int(np.floor(fy * (origin[1] + i * du[1] + j * dv[1]) / z + cy))
            if x < 0 or y < 0 or x >= width or y >= height:
                continue
            d = np.float64(depth[y, x])
            if d <= 0:
                continue
            facing = normal[0] * (x + 0.5 - cx) / fx + normal[1] * (y + 0.5 - cy) / fy + normal[2]
            above = side * (front + d * facing)  # of the surface that the pixel shows, on the camera's side
            if abs(above) <= tolerance * d:
                seen = fx * abs(facing) / (z * np.sqrt(1.0 + (x - cx) ** 2 / fx**2 + (y - cy) ** 2 / fy**2))
                if side > 0 and seen > quality[j, i] and (not checked or _near(labels, number, y // stride, x // stride)):
                    state[j, i], quality[j, i] = 1, seen
                    for c in range(3):
                        colour[j, i, c] = image[y, x, c]
            elif above < -1.5 * tolerance * d and state[j, i] == 0:
                state[j, i] = 4


@_jit
def _near(labels, number, y, x):  # type: ignore[no-untyped-def]
    """Whether the sample there or one beside it has this label."""
    for j in range(max(y - 1, 0), min(y + 2, labels.shape[0])):
        for i in range(max(x - 1, 0), min(x + 2, labels.shape[1])):
            if labels[j, i] == number:
                return True
    return False


def cells_around(plane: Plane, low: Floats, high: Floats, texel: float, reach: float, storey_m: tuple[float, float]) -> Box:
    """The cells that a plane may have, around what is known of it: low … high (2,) in plane coordinates.

    Args:
        storey_m: world y of the highest ceiling and the lowest floor; infinite where there is none.
    """
    outer_low, outer_high = low - reach, high + reach
    if plane.kind is Kind.WALL:  # its v is the world's y
        slack = 0.1 * float(high[1] - low[1])
        outer_low[1] = max(outer_low[1], min(storey_m[0], low[1]) if np.isfinite(storey_m[0]) else low[1] - slack)
        outer_high[1] = min(outer_high[1], max(storey_m[1], high[1]) if np.isfinite(storey_m[1]) else high[1] + slack)
    side = max(CELL_TEXELS * texel, float((outer_high - outer_low).max()) / MAX_CELLS)
    return Box.around(outer_low, outer_high, side)


def extend(
    plane: Plane,
    box: Box,
    reach: float,
    views: Sequence[View],
    labels: Sequence[npt.NDArray[np.int16]],
    number: int,
    texel_box: Box,
    texels: Bytes,
) -> Extent:
    """The plane's cells: as the views show them, more exactly where its texels say so, and carried on."""
    halves = Box(box.u, box.v, box.side / 2, 2 * box.columns, 2 * box.rows)
    fine, _, _ = look(plane, halves, views, labels, number)
    state = np.zeros((box.rows, box.columns), np.uint8)
    _count(fine, 0.0, 0.0, halves.side, box.side, state)
    _count(texels, texel_box.u - box.u, texel_box.v - box.v, texel_box.side, box.side, state)
    away = np.where(state == KNOWN, np.float32(0), np.float32(1e9))
    limit = int(np.ceil(reach / box.side))
    _carry(state, away, limit, RUN, True)
    _carry(state.T, away.T, limit, RUN, True)
    _carry(state, away, limit, RUN, False)
    return Extent(box, state, away * np.float32(box.side), reach)


@_jit
def _count(texels, u, v, texel, side, state):  # type: ignore[no-untyped-def]
    """Cells of which texels are known, or free, take that on: known with a third of them, else free with a third."""
    known, free = np.zeros(state.shape, np.float32), np.zeros(state.shape, np.float32)
    share = np.float32((texel / side) ** 2)
    for j in range(texels.shape[0]):
        y = int(np.floor((v + (j + 0.5) * texel) / side))
        for i in range(texels.shape[1]):
            x = int(np.floor((u + (i + 0.5) * texel) / side))
            if 0 <= y < state.shape[0] and 0 <= x < state.shape[1]:
                if texels[j, i] == 1:
                    known[y, x] += share
                elif texels[j, i] == 4:
                    free[y, x] += share
    for y in range(state.shape[0]):
        for x in range(state.shape[1]):
            if known[y, x] > 0.3:
                state[y, x] = 1
            elif free[y, x] > 0.3:
                state[y, x] = 4


@_jit
def _carry(state, away, reach, run, beyond):  # type: ignore[no-untyped-def]
    """The rules above along each row, in place; `away` in cells. What an earlier pass carried on counts as known, with its way.

    Args:
        beyond: whether what has an end on one side only goes on (rules 2 and 3), or just what lies between two (rule 1).
    """
    columns = state.shape[1]
    for y in range(state.shape[0]):
        row, way = state[y], away[y]
        x = solid = 0  # solid: for how many cells the surface has gone on up to here
        while x < columns:
            if row[x] == 1 or row[x] == 2:
                x, solid = x + 1, solid + 1
                continue
            if row[x] == 4:
                x, solid = x + 1, 0
                continue
            end = x
            while end < columns and (row[end] == 0 or row[end] == 3):
                end += 1
            after = end
            while after < columns and (row[after] == 1 or row[after] == 2):
                after += 1
            bounded = (x > 0 and row[x - 1] == 4) or (end < columns and row[end] == 4)
            left, right = min(run * solid, np.float64(reach)), min(run * (after - end), np.float64(reach))
            closed = left > 0 and right > 0
            for at in range(x, end):
                a, b = at - x + 1, end - at
                if (a > left and b > right) or not (closed or beyond):
                    continue
                far = way[x - 1] + a if a <= left and (b > right or a <= b) else way[end] + b
                if closed or not bounded:
                    row[at], way[at] = 2, far
                elif row[at] == 0 and 2 * (a if left > 0 else b) <= end - x:
                    row[at], way[at] = 3, far
            x, solid = end, 0
