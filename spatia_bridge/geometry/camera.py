"""The pinhole camera, in OpenCV axes (x right, y down, z forward).

The centre of the pixel in column i and row j lies at (i + 0.5, j + 0.5): a centred camera has cx = width / 2, and resizing an
image by s multiplies all four intrinsics by s (as in COLMAP and gsplat; OpenCV's own cx is smaller by 0.5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3

MAX_IMAGE_SIDE = 8192
MAX_IMAGE_PIXELS = 16_777_216


def check_image_size(width: int, height: int, name: str = "image") -> None:
    """Raise InvalidInputError unless 1 ≤ side ≤ 8192 and width × height ≤ 2^24."""
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE and width * height <= MAX_IMAGE_PIXELS):
        raise InvalidInputError(
            f"{name} is {width}×{height} pixels", f"use sides of 1 to {MAX_IMAGE_SIDE} and at most 16.7 megapixels"
        )


@dataclass(frozen=True)
class Intrinsics:
    """Focal lengths and principal point in pixels, for an image of width × height pixels.

    Raises:
        InvalidInputError: not finite, a focal length ≤ 0, or an absurd size.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        check_image_size(self.width, self.height, "camera")
        values = (self.fx, self.fy, self.cx, self.cy)
        if not np.isfinite(values).all() or not min(self.fx, self.fy) > 1e-3 or not max(map(abs, values)) < 1e7:
            raise InvalidInputError(
                f"intrinsics fx={self.fx} fy={self.fy} cx={self.cx} cy={self.cy} are not usable",
                "send positive finite focal lengths in pixels",
            )

    @classmethod
    def from_vertical_fov(cls, fov_rad: float, width: int, height: int) -> "Intrinsics":
        """A centred camera with square pixels; the field of view is in radians, top to bottom."""
        f = 0.5 * height / np.tan(0.5 * fov_rad)
        return cls(float(f), float(f), 0.5 * width, 0.5 * height, width, height)

    def resized(self, width: int, height: int) -> "Intrinsics":
        """The same view at another size in pixels."""
        sx, sy = width / self.width, height / self.height
        return Intrinsics(self.fx * sx, self.fy * sy, self.cx * sx, self.cy * sy, width, height)

    def cropped_to_aspect(self, width: int, height: int) -> "Intrinsics":
        """The largest centred part of the view with the aspect of width : height, at that size."""
        scale = max(width / self.width, height / self.height)
        return Intrinsics(
            self.fx * scale,
            self.fy * scale,
            self.cx * scale - 0.5 * (self.width * scale - width),
            self.cy * scale - 0.5 * (self.height * scale - height),
            width,
            height,
        )


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in the world: intrinsics and `world_from_camera`, a rigid float64 (4, 4)."""

    intrinsics: Intrinsics
    world_from_camera: se3.Array

    def __post_init__(self) -> None:
        pose = se3.as_rigid(self.world_from_camera, "camera pose")
        pose.flags.writeable = False
        object.__setattr__(self, "world_from_camera", pose)

    @cached_property
    def camera_from_world(self) -> se3.Array:
        """The inverse pose, read-only."""
        pose = se3.inverse(self.world_from_camera)
        pose.flags.writeable = False
        return pose

    @property
    def position_world(self) -> se3.Array:
        """The optical centre, (3,) metres."""
        return self.world_from_camera[:3, 3]

    def resized(self, width: int, height: int) -> "Camera":
        return Camera(self.intrinsics.resized(width, height), self.world_from_camera)

    def project(self, points_world: npt.ArrayLike) -> tuple[se3.Array, se3.Array]:
        """Pixels (…, 2) as (u, v) and planar depths (…,) in metres; pixels mean nothing where depth ≤ 0."""
        k = self.intrinsics
        points = se3.transform(self.camera_from_world, points_world)
        depth = points[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            u = k.fx * points[..., 0] / depth + k.cx
            v = k.fy * points[..., 1] / depth + k.cy
        return np.stack([u, v], axis=-1), depth

    def rays(self) -> npt.NDArray[np.float32]:
        """Directions (H, W, 3) through the pixel centres, in the camera's frame, with z = 1: times depth gives points."""
        k = self.intrinsics
        rays = np.ones((k.height, k.width, 3), np.float32)
        rays[..., 0] = (np.arange(k.width) + 0.5 - k.cx) / k.fx
        rays[..., 1] = ((np.arange(k.height) + 0.5 - k.cy) / k.fy)[:, None]
        return rays

    def back_project(self, depth_m: npt.ArrayLike) -> se3.Array:
        """`points_world` (H, W, 3) float64 of a planar depth image (H, W) in metres."""
        depth = np.asarray(depth_m)
        expected = (self.intrinsics.height, self.intrinsics.width)
        if depth.shape != expected:
            raise InvalidInputError(f"depth has shape {depth.shape}, the camera {expected}", "make them equal")
        return se3.transform(self.world_from_camera, self.rays() * depth[..., None])
