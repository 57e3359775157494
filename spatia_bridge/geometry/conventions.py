"""The one module that knows engines' axes and units.

The server's world is metric, right-handed, OpenCV (x right, y down, z forward), gravity along +y. A convention maps it to an
engine: p' = s·M·p for points, R' = M·R·Mᵀ for rotations, where M is a signed permutation. An engine camera's own axes follow the
same M. Reflections (det M = −1) are legal in M alone: M·R·Mᵀ stays a rotation.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3


@dataclass(frozen=True, eq=False)
class Convention:
    """How one engine writes what the server knows.

    Attributes:
        axes: M, a signed permutation (3, 3): engine direction = M · world direction.
        units_per_metre: s.
    """

    axes: npt.NDArray[np.float64]
    units_per_metre: float = 1.0

    @property
    def mirrored(self) -> bool:
        """True where the engine is left-handed."""
        return bool(np.linalg.det(self.axes) < 0)

    def points_from_world(self, points_world: npt.ArrayLike) -> se3.Array:
        """Engine points (…, 3) of world points (…, 3) in metres."""
        return np.asarray(points_world, np.float64) @ self.axes.T * self.units_per_metre

    def world_from_points(self, points: npt.ArrayLike) -> se3.Array:
        """World points (…, 3) in metres of engine points (…, 3)."""
        return np.asarray(points, np.float64) @ self.axes / self.units_per_metre

    def lengths_from_world(self, lengths_world: npt.ArrayLike) -> se3.Array:
        """Unsigned extents (…, 3) along the engine's axes."""
        return np.asarray(lengths_world, np.float64) @ np.abs(self.axes).T * self.units_per_metre

    def world_from_lengths(self, lengths: npt.ArrayLike) -> se3.Array:
        """Unsigned extents (…, 3) along the world's axes, in metres."""
        return np.asarray(lengths, np.float64) @ np.abs(self.axes) / self.units_per_metre

    def directions_from_world(self, directions_world: npt.ArrayLike) -> se3.Array:
        """Engine directions (…, 3) of world directions (…, 3); lengths stay."""
        return np.asarray(directions_world, np.float64) @ self.axes.T

    def world_from_directions(self, directions: npt.ArrayLike) -> se3.Array:
        """World directions (…, 3) of engine directions (…, 3); lengths stay."""
        return np.asarray(directions, np.float64) @ self.axes

    def world_pose(self, position: npt.ArrayLike, quaternion: npt.ArrayLike) -> se3.Array:
        """`world_from_object` (4, 4) of an engine position (3,) and quaternion (x, y, z, w).

        Raises:
            InvalidInputError: not finite, or a quaternion of zero length.
        """
        place = np.asarray(position, np.float64)
        if place.shape != (3,) or not np.isfinite(place).all():
            raise InvalidInputError(f"position {place.tolist()} is not three finite numbers", "check the camera rig")
        rotation = se3.rotation_from_quaternion(quaternion)
        world = se3.from_parts(self.axes.T @ rotation @ self.axes, self.world_from_points(place))
        return se3.as_rigid(world, "pose")

    def pose_from_world(self, world_from_object: se3.Array) -> tuple[se3.Array, se3.Array]:
        """Engine position (3,) and quaternion (x, y, z, w) of a world pose (4, 4)."""
        rotation = self.axes @ world_from_object[:3, :3] @ self.axes.T
        return self.points_from_world(world_from_object[:3, 3]), se3.quaternion_from_rotation(rotation)

    def world_motion(self, translation: npt.ArrayLike, quaternion: npt.ArrayLike) -> se3.Array:
        """`to_from_here` (4, 4) of the world for the engine's p → R'·p + t': R = Mᵀ·R'·M and t = Mᵀ·t' / s.

        It is the same algebra as a pose's, since a pose is the motion from the origin to its place. Raises InvalidInputError.
        """
        return self.world_pose(translation, quaternion)

    def motion_from_world(self, to_from_here: se3.Array) -> tuple[se3.Array, se3.Array]:
        """Translation (3,) and quaternion (x, y, z, w) in the engine's axes and units of a motion (4, 4) of the world."""
        return self.pose_from_world(to_from_here)

    def client_from_chunk(self, voxel_size_m: float) -> se3.Array:
        """The affine (3, 4) from chunk space (quarter voxels of level 0) to the engine's points."""
        scale = self.units_per_metre * voxel_size_m / 4
        return np.hstack([self.axes * scale, np.zeros((3, 1))])


def _axes(*rows: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    return np.array(rows, np.float64)


class Engine(Enum):
    """Whom a client or a file is for."""

    OPENCV = "opencv"
    UNITY = "unity"
    GODOT = "godot"
    UNREAL = "unreal"

    @property
    def convention(self) -> Convention:
        return _CONVENTIONS[self]


_CONVENTIONS = {
    Engine.OPENCV: Convention(_axes((1, 0, 0), (0, 1, 0), (0, 0, 1))),
    Engine.UNITY: Convention(_axes((1, 0, 0), (0, -1, 0), (0, 0, 1))),
    Engine.GODOT: Convention(_axes((1, 0, 0), (0, -1, 0), (0, 0, -1))),
    Engine.UNREAL: Convention(_axes((0, 0, 1), (1, 0, 0), (0, -1, 0)), 100.0),
}

# Axes that files state and no engine has for its own: glTF's happen to be Godot's; z up with x forward is that of robots (ROS REP
# 103) and of surveys, which Unreal's LiDAR importer turns into its own.
GLTF = _CONVENTIONS[Engine.GODOT]
Z_UP = Convention(_axes((0, 0, 1), (-1, 0, 0), (0, -1, 0)))
