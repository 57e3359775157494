"""Walls where a room would otherwise have no end.

Where a ray meets no plane there is nothing to carry on, and a picture that ends in fog is no place. So a room with a floor and
walls is closed by up to four more walls, around all that is known and all cameras, at a distance of some storeys, as high as the
walls that are known, in the texture of the one of them that shows most. They give way to all evidence: they end where a view
looked through them, and planes before them hide them. Once a take with one is accepted, it is memory, and a wall like any other.
Floor and ceiling, if there is one, go on up to these walls.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spatia_bridge.generation.structure.atlas import Evidence, Surface
from spatia_bridge.generation.structure.extent import CARRIED, FREE, MAX_CELLS, NOTHING, Box, Extent, look
from spatia_bridge.generation.structure.planes import Kind, Plane
from spatia_bridge.generation.structure.views import Floats

MARGIN = 2.5  # storeys, beyond what is known
HAIR_M = 1e-3
STOREY = 2.2  # times the camera's height above the floor, where no ceiling says how high a storey is


def closing_surfaces(surfaces: Sequence[Surface], evidence: Evidence) -> tuple[Surface, ...]:
    """The surfaces that close the room; none without a floor and a wall."""
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
    ceilings = [s for s in surfaces if s.plane.kind is Kind.CEILING]
    lids = [floor, *sorted(ceilings, key=lambda s: -s.plane.samples)[:1]]
    made += [_lid(lid, axes, low, high, evidence) for lid in lids]
    return tuple(surface for surface in made if surface is not None)


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
    along = float(np.sign(axes[1 - axis] @ u))
    ends = sorted((along * float(low[1 - axis]), along * float(high[1 - axis])))
    extents = np.array([ends[0], heights[0]]), np.array([ends[1], heights[1]])
    return _invented(donor, plane, *extents, evidence)


def _lid(lid: Surface, axes: Floats, low: Floats, high: Floats, evidence: Evidence) -> Surface | None:
    """A floor or ceiling, on to the walls: a hair behind the one that is known, which goes before it."""
    corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])]) @ axes
    places = corners @ np.stack([lid.plane.u_world, lid.plane.v_world], axis=1)
    plane = replace(lid.plane, offset_m=lid.plane.offset_m - HAIR_M)
    return _invented(lid, plane, places.min(axis=0), places.max(axis=0), evidence)


def _invented(donor: Surface, plane: Plane, low: Floats, high: Floats, evidence: Evidence) -> Surface | None:
    """A plane from low (2,) to high (2,) in its coordinates, in the donor's texture, but for where the views looked through."""
    box = Box.around(low, high, float((high - low).max()) / MAX_CELLS)
    state, _, _ = look(plane, box, evidence.views, None, -1)
    state = np.where(state == FREE, np.uint8(NOTHING), np.uint8(CARRIED))
    if not state.any():
        return None
    return replace(
        donor,
        plane=plane,
        box=Box(0.0, 0.0, donor.box.side, 1, 1),
        state=np.zeros((1, 1), np.uint8),
        colour=np.zeros((1, 1, 3), np.uint8),
        extent=Extent(box, state, np.ones(state.shape, np.float32), 1.0),  # all of it lies at the end of the reach
        light=np.full(state.shape, donor.light.mean(), np.float32),
    )
