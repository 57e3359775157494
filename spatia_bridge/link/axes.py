"""Geometry in a client's axes and units ↔ the server's: cameras, regions, motions, trajectories, the chunk space."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.geometry import camera as geometry
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.link import messages as msg
from spatia_bridge.link.limits import MAX_TRAJECTORY_POSES
from spatia_bridge.memory import regions


def vector(value: msg.Vector3 | None, name: str) -> tuple[float, float, float]:
    """Raises InvalidInputError: absent or not finite."""
    if value is None:
        raise InvalidInputError(f"{name} is missing", "send x, y and z")
    if not (math.isfinite(value.x) and math.isfinite(value.y) and math.isfinite(value.z)):
        raise InvalidInputError(f"{name} is {[value.x, value.y, value.z]}", "send three finite numbers")
    return value.x, value.y, value.z


def world_pose(pose: msg.Pose | None, convention: Convention, name: str) -> se3.Array:
    """`world_from_object` (4, 4) of a client's pose; raises InvalidInputError: absent, not finite, no rotation."""
    if pose is None or pose.position is None or pose.rotation is None:
        raise InvalidInputError(f"{name} is missing or incomplete", "send position and rotation")
    q = pose.rotation
    return convention.world_pose(vector(pose.position, name), (q.x, q.y, q.z, q.w))


def world_camera(camera: msg.Camera | None, convention: Convention) -> geometry.Camera:
    """The camera in the world; raises InvalidInputError."""
    if camera is None or camera.intrinsics is None:
        raise InvalidInputError("a camera or its intrinsics are missing", "send pose and intrinsics")
    k = camera.intrinsics
    intrinsics = geometry.Intrinsics(k.fx, k.fy, k.cx, k.cy, k.width, k.height)
    return geometry.Camera(intrinsics, world_pose(camera.pose, convention, "camera pose"))


def world_time(camera: msg.Camera) -> float:
    """The camera's time in seconds; raises InvalidInputError: not finite."""
    if not math.isfinite(camera.time_secs):
        raise InvalidInputError(f"camera time is {camera.time_secs}", "send seconds on a monotonic clock")
    return camera.time_secs


def client_pose(world_from_object: se3.Array, convention: Convention) -> msg.Pose:
    """A world pose (4, 4) in the client's axes and units."""
    position, rotation = convention.pose_from_world(world_from_object)
    return msg.Pose(msg.Vector3(*map(float, position)), msg.Quaternion(*map(float, rotation)))


def client_camera(camera: geometry.Camera, convention: Convention, time_secs: float = 0.0) -> msg.Camera:
    """A world camera in the client's axes and units."""
    k = camera.intrinsics
    intrinsics = msg.Intrinsics(k.fx, k.fy, k.cx, k.cy, k.width, k.height)
    return msg.Camera(client_pose(camera.world_from_camera, convention), intrinsics, time_secs)


def world_region(region: msg.Region | None, convention: Convention) -> regions.Region:
    """The region in the world; raises InvalidInputError: absent, not finite, flat or huge."""
    shape = region.shape if region is not None else None
    if isinstance(shape, msg.Box):
        half = convention.world_from_lengths(vector(shape.half_size, "box half size"))
        return regions.Box(world_pose(shape.pose, convention, "box pose"), half)
    if isinstance(shape, msg.Sphere):
        centre = world_point(shape.centre, convention, "sphere centre")
        return regions.Sphere(centre, shape.radius / convention.units_per_metre)
    raise InvalidInputError("a region has no shape", "send a box or a sphere")


def client_region(region: regions.Region, convention: Convention) -> msg.Region:
    """A world region in the client's axes and units."""
    if isinstance(region, regions.Box):
        half = convention.lengths_from_world(region.half_size_m)
        return msg.Region(msg.Box(client_pose(region.world_from_box, convention), msg.Vector3(*map(float, half))))
    centre = convention.points_from_world(region.centre_world)
    return msg.Region(msg.Sphere(msg.Vector3(*map(float, centre)), region.radius_m * convention.units_per_metre))


def world_motion(motion: msg.Pose | None, convention: Convention) -> se3.Array:
    """`to_from_here` (4, 4) in the world of a client's motion p → rotation · p + position; raises InvalidInputError."""
    return world_pose(motion, convention, "motion")


def client_motion(to_from_here: se3.Array, convention: Convention) -> msg.Pose:
    """A motion (4, 4) of the world in the client's axes and units."""
    return client_pose(to_from_here, convention)


def world_direction(direction: msg.Vector3 | None, convention: Convention, name: str) -> tuple[float, float, float]:
    """A direction in the world, as long as the client's; raises InvalidInputError: absent or not finite."""
    x, y, z = convention.world_from_directions(vector(direction, name)).tolist()
    return x, y, z


def world_point(point: msg.Vector3 | None, convention: Convention, name: str) -> se3.Array:
    """A point (3,) in the world, metres; raises InvalidInputError: absent, not finite or absurdly far out."""
    world = convention.world_from_points(vector(point, name))
    if np.abs(world).max() > se3.MAX_COORDINATE_M:
        raise InvalidInputError(f"{name} lies beyond {se3.MAX_COORDINATE_M:g} m", "move the anchor closer to the scene")
    return world


def client_point(point_world: npt.ArrayLike, convention: Convention) -> msg.Vector3:
    """A point (3,) of the world in the client's axes and units."""
    return msg.Vector3(*convention.points_from_world(point_world).tolist())


def client_direction(direction_world: npt.ArrayLike, convention: Convention) -> msg.Vector3:
    """A direction (3,) of the world in the client's axes."""
    return msg.Vector3(*convention.directions_from_world(direction_world).tolist())


@dataclass(frozen=True, eq=False)
class PendingTrajectory:
    """A client's path, counted but not looked at yet.

    Attributes:
        message: in the convention's axes and units.
    """

    message: msg.Trajectory
    convention: Convention

    def decode(self) -> Trajectory:
        """The path in the world. Heavy: a tenth of a millisecond a pose.

        Raises:
            InvalidInputError: no poses, one that is none, or times that do not increase.
        """
        return world_trajectory(self.message, self.convention)


def pending_trajectory(trajectory: msg.Trajectory, convention: Convention) -> PendingTrajectory:
    """Raises LimitExceededError: too many poses."""
    if len(trajectory.cameras) > MAX_TRAJECTORY_POSES:
        raise LimitExceededError(
            f"the trajectory has {len(trajectory.cameras)} poses", f"send at most {MAX_TRAJECTORY_POSES}, or record it"
        )
    return PendingTrajectory(trajectory, convention)


def world_trajectory(trajectory: msg.Trajectory, convention: Convention) -> Trajectory:
    """The trajectory in the world; raises InvalidInputError."""
    cameras = tuple(world_camera(camera, convention) for camera in trajectory.cameras)
    return Trajectory(cameras, tuple(camera.time_secs for camera in trajectory.cameras))


def space(convention: Convention, voxel_size_m: float) -> msg.Space:
    """Where a client of this convention finds the points."""
    affine = convention.client_from_chunk(voxel_size_m)
    return msg.Space(tuple(map(float, affine.ravel())), voxel_size_m, convention.mirrored)
