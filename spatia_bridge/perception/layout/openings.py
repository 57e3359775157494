"""What walls carry above: a lintel over an opening, a ceiling over all."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from spatia_bridge.perception.layout.gravity import Frame, consistency
from spatia_bridge.perception.layout.lines import Segments
from spatia_bridge.perception.layout.plan import MEETING, SAME_PLANE, Wall, with_corners
from spatia_bridge.perception.layout.surfaces import Layout, Lintel

Floats = npt.NDArray[np.float64]

TOUCH = 0.05  # on the plane z = 1: a lintel ends at its jamb within this
LEAST_DEEPER = 1.2  # ratio of distances
MIN_OPENING_SHARE = 0.4  # of the deep wall's columns, under the lintel
MIN_COVERED = 0.6  # of the opening, by lines at the lintel's lower edge
LOWEST_EDGE = 0.75  # of the lintel's height above the horizon
CEILING_RATIOS = np.geomspace(0.35, 3.0, 64)  # ceiling above the camera by camera above the ground
MIN_CEILING_SHARE = 0.3  # of the columns in which it would be seen


class LevelLines:
    """The level lines above the horizon that run along one facing, in the level frame on z = 1.

    Attributes:
        left, right: float64 (N,), columns.
        row: float64 (N,), of the middle; negative.
        middle: float64 (N,), column of it.
    """

    def __init__(self, segments: Segments, frame: Frame, facing: int) -> None:
        axes = np.vstack([[0.0, 1.0, 0.0], frame.facings]) @ frame.level_from_camera
        votes = consistency(segments, axes, np.radians(2.5)) if len(segments) else np.zeros((3, 0))
        ends = [
            np.column_stack([end, np.ones(len(segments))]) @ frame.level_from_camera.T for end in (segments.start, segments.end)
        ]
        level = np.stack([end[:, :2] / np.maximum(end[:, 2:], 1e-3) for end in ends])
        fits = (votes[1 + facing] > 0.4) & (votes[1 + facing] >= votes.max(axis=0) - 1e-9) & (level[..., 1].max(axis=0) < 0)
        columns = np.sort(level[:, fits, 0], axis=0)
        self.left, self.right = columns
        self.middle, self.row = columns.mean(axis=0), level[:, fits, 1].mean(axis=0)

    def ratio(self, base: float, normal: Floats) -> Floats:
        """float64 (N,): row by the row of the base line in that column; inf where there is none."""
        foot = base * (normal[0] * self.middle + normal[2])
        return np.where(foot > 1e-6, self.row / np.maximum(foot, 1e-6), np.inf)


def with_openings(layout: Layout, segments: Segments, frame: Frame, seen: tuple[float, float]) -> Layout:
    """The layout with a wall carried on above and beside each opening that a lintel shows.

    An opening is a wall further away beside a nearer one that faces the same way, under a line that starts at their border.

    Args:
        seen: the picture's first and last column on the plane z = 1.
    """
    walls, lintels = layout.walls, list[Lintel]()
    for deep in layout.walls:
        index = walls.index(deep) if deep in walls else -1
        for step in (-1, 1) if index >= 0 else ():
            near, beyond = _at(walls, index + step), _at(walls, index - step)
            if near is None or near.facing != deep.facing or not near.base / deep.base > LEAST_DEEPER:
                continue
            goes_on = beyond is not None and beyond.facing == near.facing and abs(beyond.base / near.base - 1) < SAME_PLANE
            bounds = (beyond.left, deep.right) if goes_on and step > 0 and beyond else (deep.left, deep.right)
            bounds = (deep.left, beyond.right) if goes_on and step < 0 and beyond else bounds
            lines = LevelLines(segments, frame, 1 - deep.facing)
            found = _lintel(deep, near, layout.facings[deep.facing], lines, (max(bounds[0], seen[0]), min(bounds[1], seen[1])))
            if found is not None:
                walls = _opened(walls, deep, near, beyond if goes_on else None, found)
                lintels.append(found)
                break
    moved = with_corners(walls, layout.facings, MEETING * (seen[1] - seen[0])) if lintels else walls
    return replace(layout, walls=moved, lintels=tuple(lintels))


def _at(walls: tuple[Wall, ...], index: int) -> Wall | None:
    return walls[index] if 0 <= index < len(walls) else None


def _opened(walls: tuple[Wall, ...], deep: Wall, near: Wall, beyond: Wall | None, lintel: Lintel) -> tuple[Wall, ...]:
    """The walls with `deep` seen under the lintel only, and the near one's plane at both sides of it."""
    parts: list[Wall] = []
    for wall in walls:
        if wall is not deep and wall is not beyond:
            parts.append(wall)
            continue
        for left, right, base in (
            (wall.left, min(lintel.left, wall.right), near.base),
            (max(wall.left, lintel.left), min(wall.right, lintel.right), deep.base),
            (max(lintel.right, wall.left), wall.right, near.base),
        ):
            if right > left:
                parts.append(Wall(left, right, wall.facing, base))
    return tuple(parts)


def _lintel(deep: Wall, near: Wall, normal: Floats, lines: LevelLines, bounds: tuple[float, float]) -> Lintel | None:
    """The lintel between a deep wall and the nearer one beside it, within these columns."""
    left, right = max(deep.left, bounds[0]), min(deep.right, bounds[1])
    on_right = near.left >= deep.right
    border = right if on_right else left
    ends = lines.right if on_right else lines.left
    inside = np.minimum(lines.right, right) - np.maximum(lines.left, left)
    ratio = lines.ratio(near.base, normal)
    fits = (np.abs(ends - border) < TOUCH) & (inside > MIN_OPENING_SHARE * (right - left)) & np.isfinite(ratio)
    if not fits.any():
        return None
    best = int(np.flatnonzero(fits)[np.argmax(inside[fits])])
    low, high = max(float(lines.left[best]), bounds[0]), min(float(lines.right[best]), bounds[1])
    # the frame has a lower edge: the lowest line under the lintel that spans the opening
    edge = float(ratio[best])
    for candidate in np.sort(ratio[(ratio > edge) & (ratio < LOWEST_EDGE * edge)])[::-1]:
        if _covered(lines, np.abs(ratio - candidate) < 0.02, low, high) > MIN_COVERED:
            edge = float(candidate)
            break
    return Lintel(low, high, edge, near.facing, near.base)


def _covered(lines: LevelLines, chosen: npt.NDArray[np.bool_], low: float, high: float) -> float:
    """The share of the columns low…high that the chosen lines cover."""
    x = np.linspace(low, high, 64)
    return float(((x >= lines.left[chosen, None]) & (x <= lines.right[chosen, None])).any(axis=0).mean()) if chosen.any() else 0.0


def find_ceiling(layout: Layout, segments: Segments, frame: Frame, corners: Floats) -> float:
    """The ceiling's height above the camera as a multiple of the camera's above the ground; 0 = none is seen.

    A ceiling meets each wall in a line whose row is a fixed negative multiple of the base line's. Of the multiples that enough
    lines agree on, the highest is taken: below it are windows and doors.

    Args:
        corners: the picture's corners (4, 2) in the level frame on z = 1.
    """
    top, x = float(corners[:, 1].min()), np.linspace(corners[:, 0].min(), corners[:, 0].max(), 96)
    lines = [LevelLines(segments, frame, 1 - facing) for facing in range(2)]
    agreed, seen = np.zeros((len(CEILING_RATIOS), len(x)), np.bool_), np.zeros((len(CEILING_RATIOS), len(x)), np.bool_)
    for wall in layout.walls:
        normal, here = layout.facings[wall.facing], (x >= wall.left) & (x < wall.right)
        foot = wall.base * (normal[0] * x + normal[2])
        seen |= here & (-CEILING_RATIOS[:, None] * foot > top)
        ratio = -lines[wall.facing].ratio(wall.base, normal)
        for left, right, value in zip(lines[wall.facing].left, lines[wall.facing].right, ratio, strict=True):
            close = np.abs(np.log(np.maximum(value, 1e-6) / CEILING_RATIOS)) < 0.04
            agreed |= close[:, None] & (here & (x >= left) & (x <= right))
    share = (agreed & seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    good = np.flatnonzero((share > MIN_CEILING_SHARE) & (seen.mean(axis=1) > 0.25))
    if not len(good):
        return 0.0
    # of neighbouring ratios that share the same lines, the best supported
    last = good[-1]
    group = good[good > last - 4]
    return float(CEILING_RATIOS[group[np.argmax(share[group])]])
