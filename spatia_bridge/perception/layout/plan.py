"""Walls from a photo: for each column of a levelled picture, the plane of the wall whose foot stands there.

In a level camera a vertical plane with unit normal n and distance d meets the ground, h below the camera, at the row
y = (h / d) (nx x + nz) of column x (on the plane z = 1). With two facings there is a one-parameter family of base lines each, and
the wall of every column follows by dynamic programming from left to right: pixels above the base line should not look like
ground, those below should, and a change of wall costs — less at a corner, where base lines meet, than at an edge, where they do
not (Flint, Mei, Murray and Reid, ECCV 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEAREST_M, FARTHEST_M = 0.6, 120.0  # of a wall, for a camera 1.5 m up
STEPS = 150  # a facing and sign; 3.6 % apart, refined afterwards
GROUND_ABOVE, OTHER_BELOW = 1.0, 0.6  # cost of a pixel that contradicts, in pixels
MOST_ABOVE, MOST_BELOW = 0.30, 0.15  # of the picture's height, a column: what stands on the ground hides the base line
CORNER, EDGE = 0.3, 1.0  # of the picture's height
CORNER_SLACK = 0.012  # of the picture's height
GRAZING = 0.06  # least |nx x + nz| / |(x, 1)|: a wall seen more edge-on than this is none
REFINE_STEPS = 21
WRONG_FACING = 0.1  # of the picture's height, a column whose level lines all run along the other facing's walls
ALIGNMENT = 0.03  # of the picture's height, a column: what it may cost to share a plane with another wall,
DOUBT = 1.0  # and this multiple of what the wall costs anyway
MOST_ALIGNED = 1.7  # ratio of distances
MEETING = 0.06  # of the columns, how far a corner may move to where its walls meet
SAME_PLANE = 0.05
BUMP = 0.3  # of the columns
LINE_DISCOUNT = 0.7  # of what a change of wall costs, at a line from top to bottom
_NOWHERE = 1 << 30

Run = tuple[int, int, int, float]  # first column, column after the last, facing, base


@dataclass(frozen=True)
class Wall:
    """One stretch of wall.

    Attributes:
        left, right: its range on the plane z = 1 of the level camera.
        facing: 0 or 1.
        base: h / d, signed: the base line is base · (nx x + nz).
    """

    left: float
    right: float
    facing: int
    base: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """A levelled picture's labels, sampled.

    Attributes:
        x: float64 (C,), the columns, on the plane z = 1.
        y: float64 (R,), the rows below the horizon, on the plane z = 1, downwards.
        ground, other: float64 (R, C) in 0…1; both 0 outside the picture.
        turned: float64 (2, C) in 0…1, how much of the column's level lines speaks against a wall of this facing.
        upright: float64 (C,) in 0…1, how much of the picture's height has a vertical line between this column and the one before.
    """

    x: Floats
    y: Floats
    ground: Floats
    other: Floats
    turned: Floats
    upright: Floats

    def columns(self, begin: int, end: int) -> "Evidence":
        """That of some columns."""
        part = slice(begin, end)
        return Evidence(self.x[part], self.y, self.ground[:, part], self.other[:, part], self.turned[:, part], self.upright[part])


def find_walls(evidence: Evidence, facings: Floats, camera_height_m: float) -> tuple[tuple[Wall, ...], float]:
    """Walls from left to right without gaps, and their cost per column as a share of the rows.

    Args:
        facings: (2, 3), unit normals in the level frame.
    """
    bases, facing = _states(camera_height_m)
    feet = _feet(evidence.x, facings[facing], bases)
    data = _costs(evidence, feet) + WRONG_FACING * len(evidence.y) * evidence.turned[facing]
    path, cost = _best_path(evidence, data, feet, facing)
    cuts = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    walls: list[Run] = []
    for begin, end in pairwise(cuts):
        normal = facings[facing[path[begin]]]
        base = _refined(evidence, begin, end, normal, float(bases[path[begin]]))
        walls.append((begin, end, int(facing[path[begin]]), base))
    return _joined(evidence.x, _aligned(evidence, walls, facings), facings), cost / max(len(path) * len(evidence.y), 1)


def _states(height_m: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The bases and facings (S,) that are tried."""
    distances = np.geomspace(NEAREST_M, FARTHEST_M, STEPS) * height_m / 1.5
    bases = np.concatenate([height_m / distances, -height_m / distances])
    return np.tile(bases, 2), np.repeat(np.arange(2), len(bases))


def _feet(x: Floats, normals: Floats, bases: Floats) -> Floats:
    """Base rows (S, C) on the plane z = 1; inf where the wall is not ahead or seen edge-on."""
    ahead = normals[:, :1] * x + normals[:, 2:]  # (S, C)
    feet = bases[:, None] * ahead
    return np.where((feet > 0) & (np.abs(ahead) > GRAZING * np.sqrt(1 + x * x)), feet, np.inf)


def _costs(evidence: Evidence, feet: Floats) -> Floats:
    """What each wall costs in each column (S, C), in rows; above all others where it is impossible."""
    rows, columns = len(evidence.y), len(evidence.x)
    step = evidence.y[1] - evidence.y[0]
    above = np.vstack([np.zeros((1, columns)), np.cumsum(evidence.ground, axis=0)])
    below = np.vstack([np.zeros((1, columns)), np.cumsum(evidence.other, axis=0)])
    position = np.clip((feet - evidence.y[0]) / step + 0.5, 0, rows)
    position = np.where(np.isfinite(feet), position, 0)
    low = np.minimum(position.astype(np.int64), rows - 1)
    part, column = position - low, np.arange(columns)
    ground_above = above[low, column] + part * evidence.ground[low, column]
    other_below = below[-1] - below[low, column] - part * evidence.other[low, column]
    cost = np.minimum(GROUND_ABOVE * ground_above, MOST_ABOVE * rows) + np.minimum(OTHER_BELOW * other_below, MOST_BELOW * rows)
    return np.where(np.isfinite(feet), cost, 10.0 * rows)


def _best_path(
    evidence: Evidence, data: Floats, feet: Floats, facing: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], float]:
    """The cheapest state a column (C,), and its cost in rows."""
    states, columns = data.shape
    rows = len(evidence.y)
    change, slack = rows * (1 - LINE_DISCOUNT * evidence.upright), CORNER_SLACK * rows * (evidence.y[1] - evidence.y[0])
    came = np.zeros((columns, states), np.int64)
    total = data[:, 0].copy()
    for column in range(1, columns):
        stay, corner, edge = np.arange(states), CORNER * change[column], EDGE * change[column]
        best, source = total.copy(), stay
        jump = int(total.argmin())
        best, source = _cheaper(best, source, np.full(states, total[jump] + edge), np.full(states, jump))
        # a corner: the cheapest wall of the other facing whose base line is at the same row, give or take a cell of rows
        cell = np.where(np.isfinite(feet[:, column]), np.minimum(feet[:, column] / slack, _NOWHERE / 2), _NOWHERE).astype(
            np.int64
        )
        group = facing * 2 * _NOWHERE + cell
        order = np.lexsort((total, group))
        groups, first = np.unique(group[order], return_index=True)
        for shift in (-1, 0, 1):
            wanted = (1 - facing) * 2 * _NOWHERE + cell + shift
            place = np.minimum(np.searchsorted(groups, wanted), len(groups) - 1)
            there = (groups[place] == wanted) & (cell < _NOWHERE)
            from_state = order[first[place]]
            best, source = _cheaper(best, source, np.where(there, total[from_state] + corner, np.inf), from_state)
        came[column], total = source, best + data[:, column]
    path = np.zeros(columns, np.int64)
    path[-1] = int(total.argmin())
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path, float(total.min())


def _cheaper(
    best: Floats, source: npt.NDArray[np.int64], cost: Floats, origin: npt.NDArray[np.int64]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    better = cost < best
    return np.where(better, cost, best), np.where(better, origin, source)


def _refined(evidence: Evidence, begin: int, end: int, normal: Floats, base: float) -> float:
    """The base between the grid's steps that costs least over these columns; the middle one of equals."""
    ratio = (FARTHEST_M / NEAREST_M) ** (1.0 / (STEPS - 1))
    bases = base * np.geomspace(1 / ratio, ratio, REFINE_STEPS)
    part = evidence.columns(begin, end)
    feet = _feet(part.x, np.tile(normal, (REFINE_STEPS, 1)), bases)
    cost = _costs(part, feet).sum(axis=1)
    good = np.flatnonzero(cost <= cost.min() + 1e-9)
    return float(bases[good[len(good) // 2]])


def _aligned(evidence: Evidence, runs: list[Run], facings: Floats) -> list[Run]:
    """Runs put on the plane of a longer one, where the picture hardly objects; equal neighbours become one.

    What stands before a wall hides its base line and draws the wall forward; an opening splits one wall into two.
    """
    rows, done = len(evidence.y), list(runs)
    for index in sorted(range(len(done)), key=lambda i: done[i][1] - done[i][0]):
        begin, end, facing, base = done[index]
        longer = [run[3] for run in done if run[2] == facing and run[1] - run[0] > end - begin]
        bases = np.array([base, *(other for other in longer if 1 / MOST_ALIGNED < other / base < MOST_ALIGNED)])
        part = evidence.columns(begin, end)
        cost = _costs(part, _feet(part.x, np.tile(facings[facing], (len(bases), 1)), bases)).sum(axis=1)
        # a wall with a clear base line stays where it is
        cost[1:] -= min(ALIGNMENT * rows * (end - begin), 8 * cost[0]) + DOUBT * cost[0]
        done[index] = (begin, end, facing, float(bases[int(cost.argmin())]))
    return _merged(_without_bumps(_merged(done), len(evidence.x)))


def _without_bumps(runs: list[Run], columns: int) -> list[Run]:
    """A short stretch before one wall that goes on at both sides is a thing that stands there (`things`), not wall."""
    done = list(runs)
    for index in range(1, len(runs) - 1):
        before, (begin, end, facing, base), after = done[index - 1], runs[index], runs[index + 1]
        flat = before[2] == facing == after[2] and abs(before[3] / after[3] - 1) < SAME_PLANE
        if flat and abs(base) > abs(before[3]) and end - begin < BUMP * columns:
            done[index] = (begin, end, facing, before[3])
            done[index + 1] = (*after[:3], before[3])
    return done


def _merged(runs: list[Run]) -> list[Run]:
    """Equal neighbours as one."""
    merged: list[Run] = []
    for run in runs:
        if merged and merged[-1][2:] == run[2:]:
            merged[-1] = (merged[-1][0], *run[1:])
        else:
            merged.append(run)
    return merged


def _joined(x: Floats, runs: list[Run], facings: Floats) -> tuple[Wall, ...]:
    """Runs of columns as walls that meet where they can."""
    step = float(x[1] - x[0]) if len(x) > 1 else 1.0
    borders = [-np.inf, *(float(x[begin] - step / 2) for begin, _, _, _ in runs[1:]), np.inf]
    walls = [
        Wall(left, right, facing, base) for left, right, (_, _, facing, base) in zip(borders[:-1], borders[1:], runs, strict=True)
    ]
    return with_corners(walls, facings, max(MEETING * len(x), 3) * step)


def with_corners(walls: Sequence[Wall], facings: Floats, slack: float) -> tuple[Wall, ...]:
    """The walls, with borders between walls of different facings moved to where they meet, if that is at most `slack` away."""
    borders = [walls[0].left]
    for wall, after in pairwise(walls):
        border = wall.right
        difference = wall.base * facings[wall.facing] - after.base * facings[after.facing]
        if wall.facing != after.facing and abs(difference[0]) > 1e-9:
            crossing = float(-difference[2] / difference[0])
            border = crossing if abs(crossing - border) < slack else border
        borders.append(max(border, borders[-1]))
    borders.append(walls[-1].right)
    moved = [replace(wall, left=left, right=right) for wall, left, right in zip(walls, borders[:-1], borders[1:], strict=True)]
    return tuple(wall for wall in moved if wall.right > wall.left)
