"""Size from what a designer says: "this door is 2.1 m". Pure functions.

`Similarity(scale)` of the factor, with `Similarity.upright` of an estimate's gravity if need be, is what `memory.edits.Realign`
applies to a scene as a revision.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import DepthImage
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.similarity import MAX_SCALE, MIN_SCALE

MIN_LENGTH_M = 1e-3
MAX_LENGTH_M = 1e5
SEARCH_PX = 2  # a click on the rim of a thing may meet a pixel without depth: the nearest one with depth counts


def scale_from_points(first_world: npt.ArrayLike, second_world: npt.ArrayLike, length_m: float) -> float:
    """By what to multiply the world so that two of its points (3,) are `length_m` metres apart.

    Raises:
        InvalidInputError: the length is not 0.001…100000 m, the points are equal or not finite, or the factor is beyond
            1/1000…1000.
    """
    points = np.array([first_world, second_world], np.float64)
    if points.shape != (2, 3) or not np.isfinite(points).all():
        raise InvalidInputError("the two points are not finite coordinates", "mark two places on surfaces, not in the sky")
    if not (np.isfinite(length_m) and MIN_LENGTH_M <= length_m <= MAX_LENGTH_M):
        raise InvalidInputError(f"the length is {length_m} m", f"give {MIN_LENGTH_M:g} to {MAX_LENGTH_M:g} metres")
    apart = float(np.linalg.norm(points[0] - points[1]))
    if not MIN_SCALE * apart <= length_m <= MAX_SCALE * apart:
        raise InvalidInputError(
            f"the marked points are {apart:.3g} m apart now, which is too far from {length_m:g} m",
            "mark two points further apart",
        )
    return float(length_m) / apart


def scale_from_pixels(
    camera: Camera, depth_m: DepthImage, first_px: tuple[float, float], second_px: tuple[float, float], length_m: float
) -> float:
    """By what to multiply the world so that what two pixels (u, v) of a view show is `length_m` metres apart.

    Args:
        depth_m: float32 (H, W) planar metres of the camera's size: the seed's, or a projection's.
    Raises:
        InvalidInputError: a pixel outside the view or without finite depth nearby, or as `scale_from_points`.
    """
    points = [_point_world(camera, depth_m, pixel) for pixel in (first_px, second_px)]
    return scale_from_points(points[0], points[1], length_m)


def _point_world(camera: Camera, depth_m: DepthImage, pixel: tuple[float, float]) -> se3.Array:
    k = camera.intrinsics
    if depth_m.shape != (k.height, k.width):
        raise InvalidInputError(f"depth has shape {depth_m.shape}, the camera {(k.height, k.width)}", "make them equal")
    u, v = pixel
    if not (0 <= u < k.width and 0 <= v < k.height):
        raise InvalidInputError(f"pixel ({u}, {v}) lies outside {k.width}×{k.height}", "mark a place in the picture")
    column, row = int(u), int(v)
    left, top = max(column - SEARCH_PX, 0), max(row - SEARCH_PX, 0)
    window = depth_m[top : row + SEARCH_PX + 1, left : column + SEARCH_PX + 1]
    rows, columns = np.nonzero(np.isfinite(window) & (window > 0))
    if not len(rows):
        raise InvalidInputError(f"pixel ({u}, {v}) shows sky or nothing", "mark a place on a surface")
    nearest = int(np.argmin((rows + top - row) ** 2 + (columns + left - column) ** 2))
    depth = float(window[rows[nearest], columns[nearest]])
    ray = np.array([(u - k.cx) / k.fx, (v - k.cy) / k.fy, 1.0])
    return se3.transform(camera.world_from_camera, depth * ray)
