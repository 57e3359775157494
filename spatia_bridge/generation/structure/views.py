"""Views: pictures with depth that say what is known, whether memory rendered them or a camera took them."""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Projection, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera

SAMPLES_ACROSS = 168  # of a view: what planes are found in
MAX_VIEW_RANGE_M = 200.0  # what lies beyond is backdrop, and no wall of a room

_jit = numba.njit(cache=True, nogil=True)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """A view's surface on a coarse grid.

    Attributes:
        points_world: float64 (h, w, 3).
        normals_world: float64 (h, w, 3), unit, towards the camera; zero where there is no surface.
        depth_m: float64 (h, w), 0 where there is no surface.
    """

    points_world: Floats
    normals_world: Floats
    depth_m: Floats


@dataclass(frozen=True, eq=False)
class View:
    """What one camera knows.

    Attributes:
        colour: uint8 (H, W, 3); depth_m: float32 (H, W), 0 where nothing is known.
        stride: pixels a sample, in both directions.
        lens: float64 (16,): fx, fy, cx, cy, then the rows of camera_from_world (3, 4).
    """

    camera: Camera
    colour: ColourImage
    depth_m: DepthImage
    stride: int
    lens: Floats

    @classmethod
    def of(cls, camera: Camera, colour: ColourImage, depth_m: DepthImage) -> "View":
        k = camera.intrinsics
        lens = np.concatenate([[k.fx, k.fy, k.cx, k.cy], camera.camera_from_world[:3].ravel()])
        return cls(camera, np.ascontiguousarray(colour), depth_m, max(1, round(k.width / SAMPLES_ACROSS)), lens)

    def samples(self) -> Samples:
        """The surface at the middle of every stride × stride pixels."""
        k = self.camera.intrinsics
        rays, depth = _sample(self.depth_m, self.stride, k.fx, k.fy, k.cx, k.cy)
        points = rays * depth[..., None]
        normals = _normals(points, depth)
        rotation = self.camera.world_from_camera[:3, :3]
        return Samples(se3.transform(self.camera.world_from_camera, points), normals @ rotation.T, depth)


def view_of_projection(projection: Projection) -> View:
    """What memory shows there."""
    depth = np.where(projection.coverage & (projection.depth_m < MAX_VIEW_RANGE_M), projection.depth_m, np.float32(0))
    return View.of(projection.camera, projection.colour, depth)


def view_of_frame(frame: RgbdFrame) -> View:
    """What a frame saw of the static scene."""
    usable = frame.valid_depth() & (frame.depth_m < MAX_VIEW_RANGE_M)
    if frame.dynamic is not None:
        usable &= ~frame.dynamic
    return View.of(frame.camera, frame.colour, np.where(usable, frame.depth_m, np.float32(0)))


@_jit
def _sample(depth, stride, fx, fy, cx, cy):  # type: ignore[no-untyped-def]
    """Rays (h, w, 3) with z = 1, and depth (h, w), of the pixel in the middle of every block."""
    height, width = depth.shape[0] // stride, depth.shape[1] // stride
    rays, sampled = np.ones((height, width, 3)), np.zeros((height, width))
    for y in range(height):
        row = y * stride + stride // 2
        for x in range(width):
            column = x * stride + stride // 2
            rays[y, x, 0], rays[y, x, 1] = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
            sampled[y, x] = depth[row, column]
    return rays, sampled


@_jit
def _normals(points, depth):  # type: ignore[no-untyped-def]
    """Unit normals (h, w, 3) in the camera's frame, facing it, from the neighbours nearest in depth; zero where there is none."""
    height, width = depth.shape
    normals = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            z = depth[y, x]
            if z <= 0:
                continue
            side_x, side_y, gap_x, gap_y = 0, 0, 0.2 * z, 0.2 * z
            for s in (-1, 1):
                if 0 <= x + s < width and depth[y, x + s] > 0 and abs(depth[y, x + s] - z) < gap_x:
                    side_x, gap_x = s, abs(depth[y, x + s] - z)
                if 0 <= y + s < height and depth[y + s, x] > 0 and abs(depth[y + s, x] - z) < gap_y:
                    side_y, gap_y = s, abs(depth[y + s, x] - z)
            if side_x == 0 or side_y == 0:
                continue
            p, a, b = points[y, x], points[y, x + side_x], points[y + side_y, x]
            a0, a1, a2, b0, b1, b2 = a[0] - p[0], a[1] - p[1], a[2] - p[2], b[0] - p[0], b[1] - p[1], b[2] - p[2]
            n0, n1, n2 = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
            length = np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
            if length < 1e-12:
                continue
            if n0 * p[0] + n1 * p[1] + n2 * p[2] > 0:
                length = -length
            normals[y, x, 0], normals[y, x, 1], normals[y, x, 2] = n0 / length, n1 / length, n2 / length
    return normals
