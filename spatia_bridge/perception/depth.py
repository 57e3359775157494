"""What every depth estimator is: a picture and its intrinsics in; depth, gravity and what had to be assumed out.

Backends are found by entry point (group `spatia_bridge.depth_estimators`); the core never asks which one it has. The one that
needs no weights is `layout`.
"""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import ColourImage, DepthImage, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics

ENTRY_POINT_GROUP = "spatia_bridge.depth_estimators"


@dataclass(frozen=True, eq=False)
class DepthEstimate:
    """What an estimator makes of one picture.

    Attributes:
        depth_m: float32 (H, W) planar depth along the optical axis in metres; inf = sky or backdrop, 0 = unknown.
        confidence: float32 (H, W) in 0…1.
        gravity_camera: float64 (3,), the unit vector that points down, in the camera's frame (x right, y down, z forward).
        camera_height_m: how far the camera is above the ground.
        warnings: what was assumed or could not be found, a sentence each, for the designer to read.
    """

    depth_m: DepthImage
    confidence: npt.NDArray[np.float32]
    gravity_camera: npt.NDArray[np.float64]
    camera_height_m: float
    warnings: tuple[str, ...] = ()

    @property
    def world_from_camera(self) -> se3.Array:
        """A pose (4, 4) for the picture: the world's +y is gravity, the ground is y = 0, the camera looks towards +z above the
        origin."""
        down = self.gravity_camera / np.linalg.norm(self.gravity_camera)
        ahead = np.array([0.0, 0.0, 1.0]) - down[2] * down
        if np.linalg.norm(ahead) < 1e-6:  # straight up or down: the picture's top is ahead
            ahead = np.array([0.0, -1.0, 0.0]) + down[1] * down
        ahead /= np.linalg.norm(ahead)
        rotation = np.stack([np.cross(down, ahead), down, ahead])
        return se3.from_parts(rotation, (0.0, -self.camera_height_m, 0.0))

    def as_frame(self, colour: ColourImage, intrinsics: Intrinsics, world_from_camera: se3.Array | None = None) -> RgbdFrame:
        """The picture as a frame to seed a memory with, under its own pose or a given one (4, 4)."""
        pose = self.world_from_camera if world_from_camera is None else world_from_camera
        return RgbdFrame(Camera(intrinsics, pose), colour, self.depth_m, confidence=self.confidence)


class DepthEstimator(Protocol):
    """A source of depth for single pictures. Safe to call from several threads."""

    @property
    def name(self) -> str: ...

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """Depth of a picture uint8 (H, W, 3) sRGB under its intrinsics. Equal input gives equal output.

        Raises:
            InvalidInputError: the picture is not of the size that the intrinsics state.
        """
        ...


def check_picture(colour: ColourImage, intrinsics: Intrinsics) -> None:
    """Raise InvalidInputError unless colour is uint8 (H, W, 3) of the intrinsics' size."""
    expected = (intrinsics.height, intrinsics.width, 3)
    if colour.dtype != np.uint8 or colour.shape != expected:
        raise InvalidInputError(
            f"the picture is {colour.dtype} {colour.shape}, expected uint8 {expected}",
            "give RGB with 8 bits a channel, of the size that the intrinsics state",
        )


def find_depth_estimator(name: str) -> DepthEstimator:
    """A new estimator of this name.

    Raises:
        NotFoundError: none is installed under it.
    """
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        estimator: DepthEstimator = point.load()()
        return estimator
    known = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
    raise NotFoundError(f"there is no depth estimator {name!r}", f"use one of: {', '.join(known) or 'none is installed'}")
