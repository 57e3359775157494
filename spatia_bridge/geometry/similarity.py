"""Scale and rotation about the world's origin: how a scene is set upright and to size after the fact."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera

MIN_SCALE, MAX_SCALE = 1e-3, 1e3


@dataclass(frozen=True, eq=False)
class Similarity:
    """`a_from_b`: points_a = scale · rotation · points_b. Rotation (3, 3) is proper, scale positive."""

    scale: float = 1.0
    rotation: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        # a hair of room: what undoes a scale at the bound may round to just beyond it
        if not (np.isfinite(self.scale) and MIN_SCALE * (1 - 1e-9) <= self.scale <= MAX_SCALE * (1 + 1e-9)):
            raise InvalidInputError(f"scale is {self.scale}", f"use {MIN_SCALE:g} to {MAX_SCALE:g}")
        rotation = se3.as_rigid(se3.from_parts(self.rotation, np.zeros(3)), "rotation")[:3, :3]
        object.__setattr__(self, "rotation", rotation)

    @property
    def turns(self) -> bool:
        """The rotation is not the identity."""
        return bool(np.abs(self.rotation - np.eye(3)).max() > 1e-9)

    @property
    def is_identity(self) -> bool:
        return self.scale == 1.0 and not self.turns

    def same_as(self, other: "Similarity") -> bool:
        """Equal bit by bit."""
        return self.scale == other.scale and np.array_equal(self.rotation, other.rotation)

    def __matmul__(self, other: "Similarity") -> "Similarity":
        """`a_from_c` of `a_from_b @ b_from_c`."""
        return Similarity(self.scale * other.scale, self.rotation @ other.rotation)

    def inverse(self) -> "Similarity":
        return Similarity(1.0 / self.scale, self.rotation.T)

    def points(self, points_b: npt.ArrayLike) -> se3.Array:
        """points_a (…, 3) of points_b (…, 3)."""
        return np.asarray(points_b, np.float64) @ self.rotation.T * self.scale

    def pose(self, b_from_object: se3.Array) -> se3.Array:
        """`a_from_object` (4, 4), rigid: the object turns and moves, but keeps its own units; lengths seen from it scale."""
        return se3.from_parts(self.rotation @ b_from_object[:3, :3], self.points(b_from_object[:3, 3]))

    def camera(self, camera: Camera) -> Camera:
        """The camera after; depths it sees are to be multiplied by scale."""
        return Camera(camera.intrinsics, self.pose(camera.world_from_camera))

    @classmethod
    def upright(cls, down_b: npt.ArrayLike) -> "Similarity":
        """The smallest rotation that turns a direction (3,) to +y, which is down.

        Raises:
            InvalidInputError: not three finite numbers, or of zero length.
        """
        down = np.asarray(down_b, np.float64)
        with np.errstate(over="ignore"):  # then it is infinite, and refused
            length = float(np.linalg.norm(down)) if down.shape == (3,) else 0.0
        if not np.isfinite(length) or length < 1e-9:
            raise InvalidInputError(f"down is {down.tolist()}", "send a direction of three finite numbers, not all zero")
        down = down / length
        axis = np.cross(down, (0.0, 1.0, 0.0))
        sine, cosine = float(np.linalg.norm(axis)), float(down[1])
        if sine < 1e-12:  # already down, or upside down: then half a turn about z
            return cls(1.0, np.eye(3) if cosine > 0 else np.diag([-1.0, -1.0, 1.0]))
        quaternion = np.append(axis / sine * np.sqrt((1 - cosine) / 2), np.sqrt((1 + cosine) / 2))
        return cls(1.0, se3.rotation_from_quaternion(quaternion))
