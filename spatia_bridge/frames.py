"""The value types that travel between stages: what a camera saw, what memory shows, what a generator made."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.similarity import Similarity

ColourImage = npt.NDArray[np.uint8]  # (H, W, 3) sRGB
DepthImage = npt.NDArray[np.float32]  # (H, W) planar depth in metres, 0 where there is none
Mask = npt.NDArray[np.bool_]  # (H, W)

MIN_DEPTH_M = 1e-3
MAX_DEPTH_M = 60_000.0  # float16 holds it


def _check(image: npt.NDArray[np.generic], camera: Camera, dtype: type, channels: int, name: str) -> None:
    shape = (camera.intrinsics.height, camera.intrinsics.width) + ((channels,) if channels else ())
    if image.shape != shape or image.dtype != dtype:
        raise InvalidInputError(
            f"{name} is {image.dtype} {image.shape}, expected {np.dtype(dtype)} {shape}",
            "send images of the size that the intrinsics state",
        )


@dataclass(frozen=True, eq=False)
class RgbdFrame:
    """One view with depth, from an engine, a sensor or an estimator.

    Attributes:
        camera: intrinsics of this image's size, `world_from_camera`.
        colour: uint8 (H, W, 3), sRGB.
        depth_m: float32 (H, W), planar depth along the optical axis in metres; 0, negative or not finite = none here.
        object_ids: uint16 (H, W), 0 = none or static level; or None.
        dynamic: bool (H, W), what moves and stays out of memory; or None.
        confidence: float32 (H, W) in 0…1; or None for 1 everywhere.
        time_secs: capture time.
    """

    camera: Camera
    colour: ColourImage
    depth_m: DepthImage
    object_ids: npt.NDArray[np.uint16] | None = None
    dynamic: Mask | None = None
    confidence: npt.NDArray[np.float32] | None = None
    time_secs: float = 0.0

    def __post_init__(self) -> None:
        _check(self.colour, self.camera, np.uint8, 3, "colour")
        _check(self.depth_m, self.camera, np.float32, 0, "depth")
        if self.object_ids is not None:
            _check(self.object_ids, self.camera, np.uint16, 0, "object ids")
        if self.dynamic is not None:
            _check(self.dynamic, self.camera, np.bool_, 0, "dynamic mask")
        if self.confidence is not None:
            _check(self.confidence, self.camera, np.float32, 0, "confidence")

    def valid_depth(self) -> Mask:
        """Where depth can be believed: finite and within MIN_DEPTH_M … MAX_DEPTH_M."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.depth_m >= MIN_DEPTH_M) & (self.depth_m <= MAX_DEPTH_M))


def static_pixels(frame: RgbdFrame) -> Mask:
    """Where a frame has finite depth that can be believed, of what does not move."""
    return frame.valid_depth() if frame.dynamic is None else frame.valid_depth() & ~frame.dynamic


@dataclass(frozen=True, eq=False)
class Projection:
    """A snapshot rendered along one camera.

    Attributes:
        colour: uint8 (H, W, 3) sRGB, black where not covered.
        depth_m: float32 (H, W), 0 where not covered.
        coverage: bool (H, W), the pixels that memory fills.
        confidence: uint8 (H, W), 0 where not covered.
    """

    camera: Camera
    colour: ColourImage
    depth_m: DepthImage
    coverage: Mask
    confidence: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class GeneratedFrame:
    """One frame of a clip as a generator yields it; depth and dynamics where the generator knows them.

    Attributes:
        number: 0-based, within the clip's new frames.
        colour: uint8 (H, W, 3) sRGB.
        depth_m: float32 (H, W) metres, 0 = unknown; or None.
        dynamic: bool (H, W); or None.
        confidence: float32 (H, W) in 0…1, how far colour and depth are to be believed; or None.
    """

    number: int
    colour: ColourImage
    depth_m: DepthImage | None = None
    dynamic: Mask | None = None
    confidence: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class ReferenceFrame:
    """An earlier frame that sees what the new cameras will see."""

    frame: RgbdFrame
    clip: int
    number: int
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Take:
    """A generated clip, kept aside until it is accepted or discarded.

    Attributes:
        cameras: one a frame, commanded.
        frames: the new frames, in order; preceding frames are not repeated.
        prompt, seed, generator: what made it.
        alignment: `now_from_first` of the scene when it was made: cameras and depths are of the scene as it was then.
    """

    number: int
    base_revision: int
    cameras: tuple[Camera, ...]
    frames: tuple[GeneratedFrame, ...]
    prompt: str = ""
    seed: int = 0
    generator: str = "reproject"
    fps: float = 16.0
    notes: dict[str, float] = field(default_factory=dict)
    alignment: Similarity = field(default_factory=Similarity)

    def __post_init__(self) -> None:
        if len(self.cameras) != len(self.frames):
            raise InvalidInputError(
                f"a take has {len(self.frames)} frames and {len(self.cameras)} cameras", "give one camera a frame"
            )
