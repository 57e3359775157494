"""What every depth estimator is: a picture and its intrinsics in; depth, gravity and what had to be assumed out.

A clip of known cameras may tell more than its pictures one by one, so it has a method of its own.

Backends are found by entry point (group `spatia_bridge.depth_estimators`); the core never asks which one it has. The one that
needs no weights is `layout`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, DepthImage, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.backends import INSTALL, find_backend

ENTRY_POINT_GROUP = "spatia_bridge.depth_estimators"


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth of one picture.

    Attributes:
        depth_m: float32 (H, W) planar depth along the optical axis in metres; inf = sky or backdrop, 0 = unknown.
        confidence: float32 (H, W) in 0…1.
    """

    depth_m: DepthImage
    confidence: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DepthEstimate(DepthMap):
    """What an estimator makes of one picture.

    Attributes:
        gravity_camera: float64 (3,), the unit vector that points down, in the camera's frame (x right, y down, z forward).
        camera_height_m: how far the camera is above the ground.
        warnings: what was assumed or could not be found, a sentence each, for the designer to read.
    """

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


def no_check() -> None:
    """Nobody cancels."""


class DepthEstimator(ABC):
    """A source of depth. Safe to call from several threads.

    Attributes:
        packages: that must be importable, none of which is imported before it is used.
        install: how to get them.
    """

    packages: tuple[str, ...] = ()
    install: str = INSTALL

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """Depth of a picture uint8 (H, W, 3) sRGB under its intrinsics. Equal input gives equal output.

        Raises:
            InvalidInputError: the picture is not of the size that the intrinsics state.
        """

    def estimate_clip(
        self, colours: Sequence[ColourImage], cameras: Sequence[Camera], check: Callable[[], None] = no_check
    ) -> Sequence[DepthMap]:
        """Depth of a clip's pictures uint8 (H, W, 3), one size, whose cameras are known: one map a picture, in order.

        Depth is planar under the given camera, at a scale that need not be the scene's, but is one for all. Unless an estimator
        looks at several views at once it takes them one by one.

        Args:
            check: called between pictures, or groups of them; what it raises (CancelledError) ends the work.
        Raises:
            InvalidInputError: not one camera a picture, or a picture is not of its camera's size.
        """
        check_clip(colours, cameras)
        maps = []
        for colour, camera in zip(colours, cameras, strict=True):
            check()
            maps.append(self.estimate(colour, camera.intrinsics))
        return maps


def check_picture(colour: ColourImage, intrinsics: Intrinsics) -> None:
    """Raise InvalidInputError unless colour is uint8 (H, W, 3) of the intrinsics' size."""
    expected = (intrinsics.height, intrinsics.width, 3)
    if colour.dtype != np.uint8 or colour.shape != expected:
        raise InvalidInputError(
            f"the picture is {colour.dtype} {colour.shape}, expected uint8 {expected}",
            "give RGB with 8 bits a channel, of the size that the intrinsics state",
        )


def check_clip(colours: Sequence[ColourImage], cameras: Sequence[Camera]) -> None:
    """Raise InvalidInputError unless there is one camera a picture, each picture of its camera's size, and all of one."""
    if len(colours) != len(cameras):
        raise InvalidInputError(f"the clip has {len(colours)} pictures and {len(cameras)} cameras", "give one camera a picture")
    for colour, camera in zip(colours, cameras, strict=True):
        check_picture(colour, camera.intrinsics)
    sizes = {colour.shape for colour in colours}
    if len(sizes) > 1:
        raise InvalidInputError(f"the clip has pictures of {sorted(sizes)}", "give pictures of one size")


def find_depth_estimator(choice: str, device: str = "") -> DepthEstimator:
    """A new estimator: NAME, or NAME=WEIGHTS; see `backends.find_backend` for what it raises."""
    estimator: DepthEstimator = find_backend(ENTRY_POINT_GROUP, "depth estimator", choice, device)
    return estimator
