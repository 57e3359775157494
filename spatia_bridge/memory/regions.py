"""Regions: the boxes and spheres that edits, locks and tombstones speak of. World frame, metres."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.similarity import Similarity

MAX_EXTENT_M = 1e5


def _check_size(values: npt.ArrayLike, name: str) -> None:
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all() or (array <= 0).any() or (array > MAX_EXTENT_M).any():
        raise InvalidInputError(f"{name} is {array.tolist()}", f"use positive metres up to {MAX_EXTENT_M:g}")


@dataclass(frozen=True, eq=False)
class Box:
    """An oriented box: `world_from_box` (4, 4) at its centre, half_size_m (3,) along its own axes."""

    world_from_box: se3.Array
    half_size_m: npt.NDArray[np.float64] = field(default_factory=lambda: np.ones(3))

    def __post_init__(self) -> None:
        object.__setattr__(self, "world_from_box", se3.as_rigid(self.world_from_box, "box pose"))
        half = np.array(self.half_size_m, np.float64)
        if half.shape != (3,):
            raise InvalidInputError(f"box half size has shape {half.shape}", "send three numbers in metres")
        _check_size(half, "box half size")
        object.__setattr__(self, "half_size_m", half)

    @classmethod
    def from_bounds(cls, low_world: npt.ArrayLike, high_world: npt.ArrayLike) -> "Box":
        """The axis-aligned box between two corners (3,)."""
        low, high = np.asarray(low_world, np.float64), np.asarray(high_world, np.float64)
        return cls(se3.from_parts(np.eye(3), (low + high) / 2), (high - low) / 2)

    def contains(self, points_world: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """bool (N,) of points (N, 3); the faces belong to the box."""
        local = se3.transform(se3.inverse(self.world_from_box), points_world)
        return np.asarray((np.abs(local) <= self.half_size_m).all(axis=-1))

    def realigned(self, change: Similarity) -> "Box":
        return Box(change.pose(self.world_from_box), self.half_size_m * change.scale)

    def bounds_world(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Low and high corners (3,) of the axis-aligned bounds."""
        reach = np.abs(self.world_from_box[:3, :3]) @ self.half_size_m
        centre = self.world_from_box[:3, 3]
        return centre - reach, centre + reach


@dataclass(frozen=True, eq=False)
class Sphere:
    """Centre (3,) and radius in metres."""

    centre_world: npt.NDArray[np.float64]
    radius_m: float

    def __post_init__(self) -> None:
        centre = np.array(self.centre_world, np.float64)
        if centre.shape != (3,) or not np.isfinite(centre).all() or np.abs(centre).max() > se3.MAX_COORDINATE_M:
            raise InvalidInputError(f"sphere centre is {centre.tolist()}", "send three finite numbers in metres")
        _check_size(self.radius_m, "sphere radius")
        object.__setattr__(self, "centre_world", centre)

    def contains(self, points_world: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """bool (N,) of points (N, 3); the surface belongs to the sphere."""
        offset = points_world - self.centre_world
        return np.asarray(np.einsum("...i,...i->...", offset, offset) <= self.radius_m**2)

    def realigned(self, change: Similarity) -> "Sphere":
        return Sphere(change.points(self.centre_world), self.radius_m * change.scale)

    def bounds_world(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return self.centre_world - self.radius_m, self.centre_world + self.radius_m


Region = Box | Sphere


def contained_in_any(regions: tuple[Region, ...], points_world: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """bool (N,): which points (N, 3) lie in one of the regions or more."""
    inside = np.zeros(len(points_world), bool)
    for region in regions:
        inside |= region.contains(points_world)
    return inside
