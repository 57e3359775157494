"""Long walks through levels of Freedoom with exact depth, for choosing references among their frames. No engine runs: depth is
ray-cast from the level's geometry, doors open, no sprites. Only the level file is needed (it comes with `vizdoom`)."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.engine import VIEW_HEIGHT_UNITS, engine_intrinsics, find_wad
from spatia_bridge.samples.freedoom.level import Level, parse_level
from spatia_bridge.samples.freedoom.pose import MapPose, camera_of
from spatia_bridge.samples.freedoom.raycast import cast_level
from spatia_bridge.samples.freedoom.wad import read_map_lumps
from spatia_bridge.samples.freedoom.walk import PLAYER_HEIGHT

GRID = 32.0  # map units; with CLEARANCE no step between neighbours can cross a wall
CLEARANCE = 24.0
STEP_UNITS = 5.0  # a frame: 16 fps at 2.5 m/s
Cell = tuple[int, int]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Walk:
    """Frames of one walk with exact depth, and how to use them.

    Attributes:
        clip: frames a clip.
        stride: every so many frames one may become a reference.
        first: how far into the walk the first new clip begins, 0 … 1.
    """

    name: str
    frames: tuple[RgbdFrame, ...]
    clip: int = 25
    stride: int = 4
    first: float = 0.3


def level_walk(map_name: str, frames: int, size: tuple[int, int], seed: int, radius_m: float = 40.0) -> Walk:
    """From the player's start to random places nearby and on, along shortest paths, looking ahead and about.

    Args:
        size: width and height of the frames in pixels.
        radius_m: how far from the start the walk may lead: the smaller, the more often it comes by again.
    """
    level, start = _open_level(map_name)
    cells = _reachable(level, start, radius_m * 32)
    rng = np.random.default_rng(seed)
    route = _route(cells, rng, frames * STEP_UNITS * 1.2)
    x, y, angle = _poses(route, rng, frames)
    eye = _smooth(np.array([_floor(level, a, b) for a, b in zip(x, y, strict=True)]), 9) + VIEW_HEIGHT_UNITS
    intrinsics = engine_intrinsics(75.0, 320, 180).resized(*size)
    colour = np.zeros((size[1], size[0], 3), np.uint8)
    return Walk(
        f"freedoom2 {map_name}",
        tuple(
            _frame(level, MapPose(*pose), intrinsics, colour)
            for pose in zip(x.tolist(), y.tolist(), eye.tolist(), angle.tolist(), strict=True)
        ),
    )


def _frame(level: Level, pose: MapPose, intrinsics: Intrinsics, colour: npt.NDArray[np.uint8]) -> RgbdFrame:
    return RgbdFrame(camera_of(pose, intrinsics), colour, cast_level(level, pose, intrinsics).depth_m)


def _open_level(map_name: str) -> tuple[Level, tuple[float, float]]:
    """The level with its doors open, and where the player starts."""
    lumps = read_map_lumps(find_wad("freedoom2"), map_name)
    level = parse_level(lumps)
    ceiling = level.ceiling.copy()
    two = level.back >= 0
    for sector in np.flatnonzero(level.ceiling - level.floor < PLAYER_HEIGHT):
        sides = np.concatenate([level.back[two & (level.front == sector)], level.front[two & (level.back == sector)]])
        if len(sides):
            ceiling[sector] = max(level.ceiling[sides].min() - 4, ceiling[sector])
    things = np.frombuffer(lumps["THINGS"], "<i2").reshape(-1, 5)
    start = things[things[:, 3] == 1][0]
    return level.with_heights(level.floor, ceiling), (float(start[0]), float(start[1]))


def _floor(level: Level, x: float, y: float) -> float:
    """Height of the floor under a point: of the sector on this side of the first line eastwards."""
    x1, y1, x2, y2 = level.lines.T
    across = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.where(across, x1 + (y - y1) * (x2 - x1) / (y2 - y1), -np.inf)
    line = int(np.argmin(np.where(at > x, at, np.inf)))
    front = (x2[line] - x1[line]) * (y - y1[line]) - (y2[line] - y1[line]) * (x - x1[line]) < 0
    return float(level.floor[level.front[line] if front else level.back[line]])


def _reachable(level: Level, start: tuple[float, float], radius: float) -> dict[Cell, tuple[float, float]]:
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


def _route(cells: dict[Cell, tuple[float, float]], rng: np.random.Generator, length: float) -> Floats:
    """Places (N, 2) along shortest paths between random cells, until it is long enough."""
    names = sorted(cells)
    at, route = (0, 0), [cells[0, 0]]
    while len(route) * GRID < length:
        goal = names[rng.integers(len(names))]
        route += [cells[cell] for cell in _path(cells, at, goal)]
        at = goal
    return np.array(route)


def _path(cells: dict[Cell, tuple[float, float]], start: Cell, goal: Cell) -> list[Cell]:
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
    """Positions and angles (frames,), a step apart: corners rounded, looking 1.5 m ahead, the head turning up to 50 degrees."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    at = np.arange(frames + 10) * STEP_UNITS
    x, y = (_smooth(np.interp(at, travelled, route[:, a]), 9) for a in (0, 1))
    heading = np.unwrap(np.arctan2(y[9:] - y[:-9], x[9:] - x[:-9]))[:frames]
    heading = _smooth(heading, 17)
    turning = np.deg2rad(50) * np.sin(np.arange(frames) * STEP_UNITS / 32 / 1.7 + rng.uniform(0, 2 * np.pi))
    return x[:frames], y[:frames], heading + turning


def _smooth(values: Floats, width: int) -> Floats:
    """Means over a window of odd width, the ends held."""
    return np.convolve(np.pad(values, width // 2, mode="edge"), np.ones(width) / width, "valid")
