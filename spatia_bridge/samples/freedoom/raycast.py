"""Exact planar depth of a level, a ray a pixel: floors, ceilings, walls with their upper and lower parts, no sprites.

Everything in a level stands upright and the camera never pitches, so all pixels of a column share one way across the map. The
lines that a column crosses are sorted by distance; walking outwards, each stretch between two lines takes away rows at the
bottom (its floor) and at the top (its ceiling), and each line takes away those that its solid parts cover. What is left
always is one run of rows.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.level import Level
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M, MapPose

NEAR_UNITS = 0.01
SKY = 0


@dataclass(frozen=True, eq=False)
class Cast:
    """What the static level shows to one camera.

    Attributes:
        depth_m: float32 (H, W), planar depth in metres, 0 for the sky.
        surface: int32 (H, W), which surface: 0 sky; 1 + 2 s the floor and 2 + 2 s the ceiling of sector s; then, with S
            sectors, 1 + 2 S + 3 l + part for line l, part 0 a solid wall, 1 a step up, 2 a lintel.
        masked_depth_m: float32 (H, W), planar depth of the nearest see-through texture's plane before the surface, 0 where
            there is none. Whether a bar or a gap is seen there, only the texture knows.
    """

    depth_m: npt.NDArray[np.float32]
    surface: npt.NDArray[np.int32]
    masked_depth_m: npt.NDArray[np.float32]


def cast_level(level: Level, pose: MapPose, intrinsics: Intrinsics) -> Cast:
    """Cast one ray through the centre of every pixel of an upright camera."""
    shape = (intrinsics.height, intrinsics.width)
    depth, masked = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    surface = np.zeros(shape, np.int32)
    view_lines = _to_view(level.lines, pose)
    columns = _column_ranges(view_lines, intrinsics)
    k = intrinsics
    _cast_columns(
        view_lines, columns, level.front, level.back, level.masked,
        level.floor - pose.z, level.ceiling - pose.z, level.floor_sky, level.ceiling_sky,
        k.fx, k.fy, k.cx, k.cy, depth, surface, masked,
    )  # fmt: skip
    return Cast(depth / np.float32(UNITS_PER_M), surface, masked / np.float32(UNITS_PER_M))


def is_wall(cast: Cast, level: Level) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) that show a wall or a part of one, not a floor, a ceiling or the sky."""
    return np.asarray(cast.surface > 2 * level.floor.shape[0])


def _to_view(lines: npt.NDArray[np.float64], pose: MapPose) -> npt.NDArray[np.float64]:
    """Lines (L, 4) of the map in the camera's plan: right, forward of both ends."""
    cos, sin = np.cos(pose.angle_rad), np.sin(pose.angle_rad)
    out = np.empty_like(lines)
    for end in (0, 2):
        x, y = lines[:, end] - pose.x, lines[:, end + 1] - pose.y
        out[:, end] = x * sin - y * cos
        out[:, end + 1] = x * cos + y * sin
    return out


def _column_ranges(view_lines: npt.NDArray[np.float64], k: Intrinsics) -> npt.NDArray[np.int32]:
    """First and last column (L, 2) that can see each line, a column of margin on both sides; first > last if none can."""
    right, forward = view_lines[:, 0::2], view_lines[:, 1::2]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = k.cx + k.fx * right / forward
    behind = forward < NEAR_UNITS
    lowest, highest = u.min(axis=1), u.max(axis=1)
    # A line that passes the camera's plane may reach either edge of the image; the exact test in the kernel decides.
    some = behind.any(axis=1)
    lowest, highest = np.where(some, 0.0, lowest), np.where(some, k.width, highest)
    first = np.clip(np.floor(lowest) - 1, 0, k.width)
    last = np.where(behind.all(axis=1), -1, np.clip(np.ceil(highest) + 1, -1, k.width - 1))
    return np.stack([first, last], axis=1).astype(np.int32)


@numba.njit(cache=True)
def _crossings(slope, view_lines, columns, column, distance, which, side):  # type: ignore[no-untyped-def]
    """Fill distance, which, side with the lines that the ray (slope, 1) crosses; returns how many."""
    count = 0
    for line in range(view_lines.shape[0]):
        if column < columns[line, 0] or column > columns[line, 1]:
            continue
        x1, y1 = view_lines[line, 0], view_lines[line, 1]
        dx, dy = view_lines[line, 2] - x1, view_lines[line, 3] - y1
        cross = slope * dy - dx  # of the ray's and the line's direction
        if cross == 0.0:
            continue
        z = (x1 * dy - y1 * dx) / cross
        along = (x1 - slope * y1) / cross
        if z > NEAR_UNITS and -1e-9 <= along <= 1.0 + 1e-9:
            distance[count], which[count] = z, line
            side[count] = 0 if cross < 0.0 else 1  # we come from the front: the line runs from our left to our right
            count += 1
    return count


@numba.njit(cache=True)
def _take_planes(  # type: ignore[no-untyped-def]
    sector, z, passed, top, bottom, floor, ceiling, floor_sky, ceiling_sky, fy, cy, depth, surface
):
    """Rows that meet the sector's floor or ceiling before distance z get their depth; returns the rows that are left."""
    while bottom > top and floor[sector] < 0.0 and -floor[sector] * fy <= z * (bottom - 0.5 - cy):
        bottom -= 1
        if not floor_sky[sector]:
            depth[bottom] = max(passed, -floor[sector] * fy / (bottom + 0.5 - cy))
            surface[bottom] = 1 + 2 * sector
    while bottom > top and ceiling[sector] > 0.0 and ceiling[sector] * fy <= z * (cy - top - 0.5):
        if not ceiling_sky[sector]:
            depth[top] = max(passed, ceiling[sector] * fy / (cy - top - 0.5))
            surface[top] = 2 + 2 * sector
        top += 1
    return top, bottom


@numba.njit(cache=True)
def _take_wall(  # type: ignore[no-untyped-def]
    low, high, open_sky, z, number, top, bottom, fy, cy, depth, surface
):
    """Rows that meet a line's parts below `low` or above `high` get depth z; returns the rows that pass between."""
    while bottom > top and (cy - bottom + 0.5) * z < low * fy:
        bottom -= 1
        depth[bottom] = z
        surface[bottom] = number + (0 if low == np.inf else 1)
    while bottom > top and (cy - top - 0.5) * z > high * fy:
        if not open_sky:
            depth[top] = z
            surface[top] = number + 2
        top += 1
    return top, bottom


@numba.njit(cache=True)
def _cast_columns(  # type: ignore[no-untyped-def]
    view_lines, columns, front, back, masked_line, floor, ceiling, floor_sky, ceiling_sky,
    fx, fy, cx, cy, depth, surface, masked,
):  # fmt: skip
    height, width = depth.shape
    lines = view_lines.shape[0]
    distance, which, side = np.empty(lines), np.empty(lines, np.int32), np.empty(lines, np.int8)
    for i in range(width):
        count = _crossings((i + 0.5 - cx) / fx, view_lines, columns, i, distance, which, side)
        top, bottom, passed = 0, height, 0.0  # rows top … bottom - 1 still look for their surface
        for n in np.argsort(distance[:count]):
            z, line = distance[n], which[n]
            near, far = (front[line], back[line]) if side[n] == 0 else (back[line], front[line])
            if near < 0:
                continue  # the back of a solid wall: the camera is outside the level
            top, bottom = _take_planes(
                near, z, passed, top, bottom, floor, ceiling, floor_sky, ceiling_sky, fy, cy, depth[:, i], surface[:, i]
            )
            low, high, open_sky = np.inf, np.inf, False
            if far >= 0:
                low, high = floor[far], ceiling[far]
                open_sky = ceiling_sky[near] and ceiling_sky[far]  # between two skies there is only sky
            number = 1 + 2 * floor.shape[0] + 3 * line
            top, bottom = _take_wall(low, high, open_sky, z, number, top, bottom, fy, cy, depth[:, i], surface[:, i])
            if masked_line[line]:
                for j in range(top, bottom):
                    if masked[j, i] == 0.0:
                        masked[j, i] = z
            if bottom <= top:
                break
            passed = z
