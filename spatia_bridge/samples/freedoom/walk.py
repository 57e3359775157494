"""A walk: waypoints joined to a smooth closed path, in map units, and a check that a player can go there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.samples.freedoom.level import PLAYER_HEIGHT, Level

PLAYER_RADIUS = 16.0
MAX_STEP = 24.0
_SAMPLES_PER_LEG = 200


@dataclass(frozen=True)
class Waypoint:
    """A place on the floor and a direction of view.

    Attributes:
        x, y: map units.
        angle_deg: counter-clockwise from east; not wrapped, so that 350 → 370 turns left by 20.
    """

    x: float
    y: float
    angle_deg: float


def closed_walk(corners: Sequence[Waypoint], frames: int) -> tuple[Waypoint, ...]:
    """Evenly spaced poses along a smooth loop through the corners; the last pose is the first one again.

    Positions are whole map units (the engine places a player on those only) and so up to 2 cm off the curve.

    Args:
        corners: at least 3, the loop's first pose first. From the last corner the view turns on to the first corner's
            direction the shorter way.
        frames: at least 2.

    Raises:
        InvalidInputError: too few corners or frames.
    """
    if len(corners) < 3 or frames < 2:
        raise InvalidInputError(f"{len(corners)} corners, {frames} frames", "give at least 3 corners and 2 frames")
    knots = np.array([(c.x, c.y, c.angle_deg) for c in corners])
    turns = round((knots[-1, 2] - knots[0, 2]) / 360.0)
    curve = _catmull_rom(knots, 360.0 * turns)
    # Equal steps of path and view together: a turn on the spot takes its time too (90 degrees as long as 3 m).
    step = np.diff(curve, axis=0) * (1.0, 1.0, 96.0 / 90.0)
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(step, axis=1))])
    at = np.linspace(0.0, travelled[-1], frames)
    x, y, angle = (np.interp(at, travelled, curve[:, column]) for column in range(3))
    return tuple(Waypoint(float(a), float(b), float(c)) for a, b, c in zip(np.rint(x), np.rint(y), angle, strict=True))


def _catmull_rom(knots: npt.NDArray[np.float64], winding_deg: float) -> npt.NDArray[np.float64]:
    """A Catmull-Rom loop through knots (N, 3), sampled densely; the third column gains `winding_deg` a lap."""
    lap = np.array([0.0, 0.0, winding_deg])
    ring = np.vstack([knots[-1] - lap, knots, knots[0] + lap, knots[1] + lap])
    t = np.linspace(0.0, 1.0, _SAMPLES_PER_LEG, endpoint=False)[:, None]
    legs = []
    for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False):
        legs.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*legs, knots[:1] + lap])


def blocking_lines(level: Level) -> npt.NDArray[np.bool_]:
    """Which lines (L,) stop a player: solid walls, impassable ones, steps above 24 units, gaps below 56."""
    far = np.where(level.back < 0, level.front, level.back)
    low = np.maximum(level.floor[level.front], level.floor[far])
    high = np.minimum(level.ceiling[level.front], level.ceiling[far])
    step = np.abs(level.floor[level.front] - level.floor[far])
    return (level.back < 0) | level.impassable | (step > MAX_STEP) | (high - low < PLAYER_HEIGHT)


def clearance(level: Level, x: float, y: float) -> float:
    """Distance in map units from a point to the nearest line that stops a player."""
    lines = level.lines[blocking_lines(level)]
    start, way = lines[:, :2], lines[:, 2:] - lines[:, :2]
    offset = np.array([x, y]) - start
    length = np.maximum((way**2).sum(axis=1), 1e-12)
    along = np.clip((offset * way).sum(axis=1) / length, 0.0, 1.0)
    return float(np.linalg.norm(offset - along[:, None] * way, axis=1).min(initial=np.inf))


def check_walkable(level: Level, poses: Sequence[Waypoint]) -> None:
    """Raise InvalidInputError if a player's body would touch a wall at a pose, or a step could jump through one."""
    limit = PLAYER_RADIUS * np.sqrt(2.0)  # the engine's body is a square, and turned walls meet its corners
    for number, pose in enumerate(poses):
        free = clearance(level, pose.x, pose.y)
        if free < limit:
            raise InvalidInputError(
                f"pose {number} at ({pose.x:.0f}, {pose.y:.0f}) is {free:.0f} units from a wall",
                f"keep {limit:.0f} units away",
            )
        following = poses[min(number + 1, len(poses) - 1)]
        stride = np.hypot(following.x - pose.x, following.y - pose.y)
        if stride > free:
            raise InvalidInputError(f"the step after pose {number} is {stride:.0f} units long", "use more frames")
