"""Rays meet the planes of a layout: planar depth by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.perception.layout.plan import Wall

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

GROUND, WALL, CEILING = 0, 1, 2


@dataclass(frozen=True)
class Lintel:
    """Between two columns, above a slope, there is wall of another base: what carries on over an opening."""

    left: float
    right: float
    slope: float  # rays that fall less than this, relative to the wall's base line, belong to it
    facing: int
    base: float


@dataclass(frozen=True, eq=False)
class Layout:
    """The planes of a place, in the level frame with the camera at its origin.

    Attributes:
        height_m: of the camera above the ground.
        facings: (2, 3), unit normals of walls.
        walls: from left to right without gaps.
        lintels: walls above openings.
        ceiling: height of the ceiling above the camera as a multiple of `height_m`; 0 = none.
        farthest_m: no depth lies beyond.
    """

    height_m: float
    facings: Floats
    walls: tuple[Wall, ...]
    lintels: tuple[Lintel, ...] = ()
    ceiling: float = 0.0
    farthest_m: float = 150.0


def base_slope(layout: Layout, rays: Singles, walls: Sequence[Wall] | None = None) -> Singles:
    """How steeply a ray (…, 3) in the level frame must fall to meet the foot of the wall in its column: float32 (…,) per unit of
    the ray's z = 1, times that z."""
    walls = layout.walls if walls is None else walls
    column = rays[..., 0] / np.maximum(rays[..., 2], np.float32(1e-3))
    index = np.searchsorted(np.array([wall.left for wall in walls[1:]]), column, side="right")
    weights = np.array([wall.base * layout.facings[wall.facing] for wall in walls], np.float32)
    return np.asarray(weights[index, 0] * rays[..., 0] + weights[index, 2] * rays[..., 2])


def intersect(layout: Layout, rays: Singles) -> tuple[Singles, npt.NDArray[np.uint8]]:
    """Distances (…,) along rays (…, 3) in the level frame, in units of the rays' length, and which kind of surface is met.

    Where a ray is so turned that it meets no plane ahead, the distance is the layout's farthest.
    """
    falls = rays[..., 1]
    nearest = 1.0 / (layout.farthest_m / layout.height_m)
    inverse = np.maximum(base_slope(layout, rays), np.float32(nearest))  # h / distance, of the wall
    for lintel in layout.lintels:
        column = rays[..., 0] / np.maximum(rays[..., 2], np.float32(1e-3))
        normal = layout.facings[lintel.facing] * lintel.base
        near = (normal[0] * rays[..., 0] + normal[2] * rays[..., 2]).astype(np.float32)
        carried = (column >= lintel.left) & (column < lintel.right) & (falls < lintel.slope * near)
        inverse = np.where(carried, np.maximum(near, inverse), inverse)
    kind = np.where(falls > inverse, GROUND, WALL).astype(np.uint8)
    inverse = np.maximum(falls, inverse)
    if layout.ceiling > 0:
        rises = -falls / np.float32(layout.ceiling)
        kind[rises > inverse] = CEILING
        inverse = np.maximum(inverse, rises)
    return np.asarray(np.float32(layout.height_m) / inverse, np.float32), kind
