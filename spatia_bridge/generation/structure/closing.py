"""Walls where a room would otherwise have no end.

Where a ray meets no plane there is nothing to carry on, and a picture that ends in fog is no place. So a room with a floor and
walls is closed by up to four more walls, around all that is known and all cameras, at a distance of some storeys, as high as the
walls that are known, in the texture of the one of them that shows most. They give way to all evidence: they end where a view
looked through them, and planes before them hide them. Once a take with one is accepted, it is memory, and a wall like any other.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spatia_bridge.generation.structure.atlas import Evidence, Surface
from spatia_bridge.generation.structure.extent import CARRIED, MAX_CELLS, NOTHING, Box, Extent, look
from spatia_bridge.generation.structure.planes import Kind, Plane
from spatia_bridge.generation.structure.views import Floats

MARGIN = 2.5  # storeys, beyond what is known
STOREY = 2.2  # times the camera's height above the floor, where no ceiling says how high a storey is


def closing_walls(surfaces: Sequence[Surface], evidence: Evidence) -> tuple[Surface, ...]:
    """The walls that close the room; none without a floor and a wall."""
    floors = [s for s in surfaces if s.plane.kind is Kind.FLOOR]
    walls = [s for s in surfaces if s.plane.kind is Kind.WALL]
    if not floors or not walls:
        return ()
    floor, donor = max(floors, key=lambda s: s.plane.samples), max(walls, key=_worth)
    bottom = float(floor.plane.offset_m * floor.plane.normal_world[1])
    eyes = np.array([view.camera.position_world for view in evidence.views])
    ceiling, tops = evidence.storey_m[0], min(s.box.v for s in walls)
    top = ceiling if np.isfinite(ceiling) else tops
    storey = bottom - top if np.isfinite(ceiling) else STOREY * float(np.median(bottom - eyes[:, 1]))
    if storey <= 0 or bottom <= top:
        return ()
    axes = np.stack([floor.plane.u_world, floor.plane.v_world])
    low, high = _around(axes, eyes, evidence, MARGIN * storey)
    made = [_wall(axes, side, low, high, (top, bottom), donor, evidence) for side in range(4)]
    return tuple(wall for wall in made if wall is not None)


def _worth(surface: Surface) -> float:
    """How much of a wall a tile shows, in texels."""
    level = surface.tile.levels[0]
    return float(level.shape[0] * level.shape[1])


def _around(axes: Floats, eyes: Floats, evidence: Evidence, margin: float) -> tuple[Floats, Floats]:
    """The rectangle (2,), (2,) along two level axes around all that is known, but for stray points, and all cameras."""
    points = np.concatenate([s.points_world[label >= 0] for s, label in zip(evidence.samples, evidence.labels, strict=True)])
    places, cameras = points @ axes.T, eyes @ axes.T
    low = np.minimum(np.percentile(places, 1, axis=0), cameras.min(axis=0)) - margin
    high = np.maximum(np.percentile(places, 99, axis=0), cameras.max(axis=0)) + margin
    return low, high


def _wall(
    axes: Floats, side: int, low: Floats, high: Floats, heights: tuple[float, float], donor: Surface, evidence: Evidence
) -> Surface | None:
    """The wall on one of the four sides, facing inwards; None if the views looked through all of it."""
    axis, far = side // 2, side % 2 == 1
    normal = -axes[axis] if far else axes[axis]
    offset = float(-high[axis]) if far else float(low[axis])
    u = np.array([-normal[2], 0.0, normal[0]])
    plane = Plane(normal, offset, u, np.array([0.0, 1.0, 0.0]), Kind.WALL, 0)
    ends = sorted(float(sign * edge) for sign, edge in _ends(axes[1 - axis], u, low[1 - axis], high[1 - axis]))
    extents = np.array([ends[0], heights[0]]), np.array([ends[1], heights[1]])
    box = Box.around(*extents, float((extents[1] - extents[0]).max()) / MAX_CELLS)
    state, _, _ = look(plane, box, evidence.views, None, -1)
    state = np.where(state == NOTHING, np.uint8(CARRIED), np.uint8(NOTHING))
    if not state.any():
        return None
    away = np.ones(state.shape, np.float32)  # all of it lies at the end of the reach
    nothing = Box(0.0, 0.0, donor.box.side, 1, 1)
    blank = np.zeros((1, 1), np.uint8)
    return replace(
        donor,
        plane=plane,
        box=nothing,
        state=blank,
        colour=np.zeros((1, 1, 3), np.uint8),
        extent=Extent(box, state, away, 1.0),
        light=np.zeros(state.shape, np.float32),
    )


def _ends(axis: Floats, u: Floats, low: float, high: float) -> list[tuple[float, float]]:
    sign = float(np.sign(axis @ u))
    return [(sign, low), (sign, high)]
