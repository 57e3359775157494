"""Where the engine's eye is, and what that means in this package's world.

The map: x east, y north, z up, in units of 1/32 m, angles counter-clockwise from east. The world: metres, x east, y down, z north
(right-handed: east × down = north). One place states this; nothing else knows the engine's axes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Camera, Intrinsics

UNITS_PER_M = 32.0
PIXEL_STRETCH = 1.2  # the engine draws for pixels that are 1.2 times as tall as wide: fy = 1.2 fx


@dataclass(frozen=True)
class MapPose:
    """An upright eye: x, y, z in map units, the direction of view in radians counter-clockwise from east."""

    x: float
    y: float
    z: float
    angle_rad: float


def world_from_map(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Points (…, 3) of the map as points of the world in metres."""
    points = np.asarray(points, np.float64)
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1) / UNITS_PER_M


def world_from_camera(pose: MapPose) -> npt.NDArray[np.float64]:
    """The eye's pose, float64 (4, 4): right, down, forward as columns, then the position in metres."""
    cos, sin = np.cos(pose.angle_rad), np.sin(pose.angle_rad)
    matrix = np.eye(4)
    matrix[:3, 0] = (sin, 0.0, -cos)
    matrix[:3, 1] = (0.0, 1.0, 0.0)
    matrix[:3, 2] = (cos, 0.0, sin)
    matrix[:3, 3] = world_from_map((pose.x, pose.y, pose.z))
    return matrix


def camera_of(pose: MapPose, intrinsics: Intrinsics) -> Camera:
    """The camera that sees what the engine's eye sees."""
    return Camera(intrinsics, world_from_camera(pose))
