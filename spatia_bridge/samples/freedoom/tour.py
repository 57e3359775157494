"""A tour: a walk planned by the program, from the player's start to random places nearby and on, along shortest paths."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.samples.freedoom.level import PLAYER_HEIGHT, Level

GRID = 32.0  # map units; with CLEARANCE no step between neighbours can cross a wall
CLEARANCE = 24.0
STEP_UNITS = 5.0  # a frame: 16 fps at 2.5 m/s
Cell = tuple[int, int]
Cells = dict[Cell, tuple[float, float]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tour:
    """Where a tour leads, frame by frame, in map units.

    Attributes:
        x, y, angle_rad: float64 (frames,); angles counter-clockwise from east, not wrapped.
        cells: the places on a grid that could be reached, by their whole coordinates on it.
    """

    x: Floats
    y: Floats
    angle_rad: Floats
    cells: Cells


def plan_tour(level: Level, start: tuple[float, float], frames: int, rng: np.random.Generator, radius: float) -> Tour:
    """Poses a step apart: corners rounded, looking 1.5 m ahead, the head turning up to 50 degrees.

    Args:
        start: map units.
        radius: how far from the start it may lead, map units: the smaller, the more often it comes by again.
    """
    cells = reachable(level, start, radius)
    x, y, angle = _poses(_route(cells, rng, frames * STEP_UNITS * 1.2), rng, frames)
    return Tour(x, y, angle, cells)


def floor_height(level: Level, x: float, y: float) -> float:
    """Height of the floor under a point, map units: of the sector on this side of the first line eastwards."""
    x1, y1, x2, y2 = level.lines.T
    across = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.where(across, x1 + (y - y1) * (x2 - x1) / (y2 - y1), -np.inf)
    line = int(np.argmin(np.where(at > x, at, np.inf)))
    front = (x2[line] - x1[line]) * (y - y1[line]) - (y2[line] - y1[line]) * (x - x1[line]) < 0
    return float(level.floor[level.front[line] if front else level.back[line]])


def smooth(values: Floats, width: int) -> Floats:
    """Means over a window of odd width, the ends held."""
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, "valid")


def reachable(level: Level, start: tuple[float, float], radius: float) -> Cells:
    """Places on a grid through the start that a designer's camera can walk to (it climbs any step) within the radius."""
    far = np.where(level.back < 0, level.front, level.back)
    gap = np.minimum(level.ceiling[level.front], level.ceiling[far]) - np.maximum(level.floor[level.front], level.floor[far])
    walls = level.lines[(level.back < 0) | (gap < PLAYER_HEIGHT)]
    found, queue = {(0, 0): start}, deque([(0, 0)])
    while queue:
        i, j = queue.popleft()
        for cell in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            place = (start[0] + cell[0] * GRID, start[1] + cell[1] * GRID)
            near = np.hypot(cell[0], cell[1]) * GRID <= radius
            if cell not in found and near and _distance(walls, *place) >= CLEARANCE:
                found[cell] = place
                queue.append(cell)
    return found


def _distance(walls: Floats, x: float, y: float) -> float:
    """From a point to the nearest of the walls (L, 4)."""
    start, way = walls[:, :2], walls[:, 2:] - walls[:, :2]
    offset = np.array([x, y]) - start
    along = np.clip((offset * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-12), 0.0, 1.0)
    return float(np.linalg.norm(offset - along[:, None] * way, axis=1).min(initial=np.inf))


def _route(cells: Cells, rng: np.random.Generator, length: float) -> Floats:
    """Places (N, 2) along shortest paths between random cells, until it is long enough."""
    if len(cells) < 2:
        raise InvalidInputError("the level's start leads nowhere", "choose another level, or a larger radius")
    names = sorted(cells)
    at, route = (0, 0), [cells[0, 0]]
    while len(route) * GRID < length:
        goal = names[rng.integers(len(names))]
        route += [cells[cell] for cell in _path(cells, at, goal)]
        at = goal
    return np.array(route)


def _path(cells: Cells, start: Cell, goal: Cell) -> list[Cell]:
    came, queue = {goal: goal}, deque([goal])
    while queue and start not in came:
        i, j = queue.popleft()
        for cell in ((i + 1, j), (i, j + 1), (i - 1, j), (i, j - 1)):
            if cell in cells and cell not in came:
                came[cell] = (i, j)
                queue.append(cell)
    path = [start]
    while path[-1] != goal:
        path.append(came[path[-1]])
    return path[1:]


def _poses(route: Floats, rng: np.random.Generator, frames: int) -> tuple[Floats, Floats, Floats]:
    """Positions and angles (frames,)."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    at = np.arange(frames + 10) * STEP_UNITS
    x, y = (smooth(np.interp(at, travelled, route[:, a]), 9) for a in (0, 1))
    heading = np.unwrap(np.arctan2(y[9:] - y[:-9], x[9:] - x[:-9]))[:frames]
    heading = smooth(heading, 17)
    turning = np.deg2rad(50) * np.sin(np.arange(frames) * STEP_UNITS / 32 / 1.7 + rng.uniform(0, 2 * np.pi))
    return x[:frames], y[:frames], heading + turning
