"""How a camera is held and how high it stands, from a picture's straight lines and its depth."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, ColourImage, DepthImage
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.layout.gravity import find_frame
from spatia_bridge.perception.layout.lines import find_segments

FACING_UP = 0.95  # cosine between a surface's normal and the vertical
MIN_SHARE = 0.01  # of the picture that must face up to be the ground
ASSUMED_HEIGHT_M = 1.5


def stand(
    colour: ColourImage, intrinsics: Intrinsics, depth_m: DepthImage
) -> tuple[npt.NDArray[np.float64], float, tuple[str, ...]]:
    """Gravity (3,) in the camera's frame, the camera's height above the ground in metres, and what was assumed.

    Gravity is that of the lines' Manhattan frame; the ground is where surfaces below the camera face up.
    """
    frame = find_frame(find_segments(colour, intrinsics))
    warnings: tuple[str, ...] = ()
    if not frame.found:
        warnings = ("Too few straight lines to see how the camera is held: it is taken to be level.",)
    height_m = _height(depth_m, intrinsics, frame.gravity_camera)
    if height_m is None:
        height_m = ASSUMED_HEIGHT_M
        warnings += (f"No ground was found: the camera is taken to be {height_m:g} m above it.",)
    return frame.gravity_camera, height_m, warnings


def _height(depth_m: DepthImage, intrinsics: Intrinsics, gravity: npt.NDArray[np.float64]) -> float | None:
    """The median fall of what faces up below the camera, or None where little does."""
    with np.errstate(invalid="ignore"):
        known = (depth_m >= MIN_DEPTH_M) & (depth_m <= MAX_DEPTH_M)
    points = Camera(intrinsics, np.eye(4)).rays() * np.where(known, depth_m, np.nan)[..., None]
    if min(depth_m.shape) < 2:
        return None
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))  # unknown beside what is unknown
    with np.errstate(invalid="ignore", divide="ignore"):
        upright = np.abs(normals @ gravity) / np.linalg.norm(normals, axis=-1)
        below = points @ gravity
        ground = (upright >= FACING_UP) & (below > 0)
    return float(np.median(below[ground])) if ground.mean() >= MIN_SHARE else None
