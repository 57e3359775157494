"""Which pixels of an earlier frame show what was removed since.

A reference or preceding frame was made before something was deleted; a generator that sees it there paints it back. The mask
follows from the snapshot's tombstones alone, so undoing a removal lifts it.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, DepthImage, Mask, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.regions import Box, Region, contained_in_any

DEFAULT_GROW_PX = 2  # pixels along an outline mix both sides


def removed_pixels(frame: RgbdFrame, regions: tuple[Region, ...], grow_px: int = DEFAULT_GROW_PX) -> Mask:
    """Pixels bool (H, W) of a frame that show something inside one of the regions: to be hidden from the generator.

    A pixel with depth is judged by its point. One without (0, negative, NaN) may show anything along its ray, so it is hidden
    when the ray meets a region. Infinite depth shows the backdrop, never a region.

    Args:
        regions: a snapshot's tombstones, world frame.
        grow_px: the mask is grown by so many pixels in each direction.
    """
    return removed_along(frame.camera, frame.depth_m, regions, grow_px)


def removed_along(camera: Camera, depth_m: DepthImage, regions: tuple[Region, ...], grow_px: int = DEFAULT_GROW_PX) -> Mask:
    """As `removed_pixels`, of a camera and its depth (H, W) in metres."""
    near = tuple(region for region in regions if _may_show(camera, region))
    mask = np.zeros(depth_m.shape, bool)
    if not near:
        return mask
    with np.errstate(invalid="ignore"):
        known = (depth_m >= MIN_DEPTH_M) & (depth_m <= MAX_DEPTH_M)
        unknown = ~known & ~(depth_m > MAX_DEPTH_M)
    rays = camera.rays().astype(np.float64) @ camera.world_from_camera[:3, :3].T
    points = camera.position_world + rays[known] * depth_m[known][:, None].astype(np.float64)
    mask[known] = contained_in_any(near, points)
    if unknown.any():
        mask[unknown] = _meets_any(camera.position_world, rays[unknown], near)
    return _grown(mask, grow_px)


def _may_show(camera: Camera, region: Region) -> bool:
    """False if all of the region's bounds lie behind the camera or beyond one side of its view."""
    k = camera.intrinsics
    low, high = region.bounds_world()
    corners = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    x, y, z = se3.transform(camera.camera_from_world, corners).T
    u, v = k.fx * x + k.cx * z, k.fy * y + k.cy * z  # pixels times depth: the sides are planes, good behind the camera too
    outside = (z < 0, u < 0, u > k.width * z, v < 0, v > k.height * z)
    return not any(bool(side.all()) for side in outside)


def _meets_any(
    origin: npt.NDArray[np.float64], rays: npt.NDArray[np.float64], regions: tuple[Region, ...]
) -> npt.NDArray[np.bool_]:
    """Which rays (N, 3) from the origin (3,) pass through one of the regions or more."""
    met = np.zeros(len(rays), bool)
    for region in regions:
        met |= _meets_box(origin, rays, region) if isinstance(region, Box) else _meets_ball(origin, rays, region)
    return met


def _meets_box(origin: npt.NDArray[np.float64], rays: npt.NDArray[np.float64], box: Box) -> npt.NDArray[np.bool_]:
    """The slab test, in the box's own axes."""
    box_from_world = se3.inverse(box.world_from_box)
    start, ways = se3.transform(box_from_world, origin), rays @ box_from_world[:3, :3].T
    ways = np.where(np.abs(ways) < 1e-12, 1e-12, ways)
    a, b = (-box.half_size_m - start) / ways, (box.half_size_m - start) / ways
    enter, leave = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
    return np.asarray((leave >= 0) & (enter <= leave))


def _meets_ball(origin: npt.NDArray[np.float64], rays: npt.NDArray[np.float64], ball: Region) -> npt.NDArray[np.bool_]:
    """Whether the ray's nearest point to the centre, not behind the origin, lies within."""
    low, high = ball.bounds_world()
    offset = (low + high) / 2 - origin
    along = np.maximum(rays @ offset / (rays**2).sum(axis=1), 0)
    return ball.contains(origin + rays * along[:, None])


def _grown(mask: Mask, pixels: int) -> Mask:
    """The mask with every pixel of it grown to a square; one axis after the other."""
    for axis in (0, 1):
        grown = mask.copy()
        for shift in range(1, min(pixels, mask.shape[axis] - 1) + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
            grown[tuple(ahead)] |= mask[tuple(behind)]
            grown[tuple(behind)] |= mask[tuple(ahead)]
        mask = grown
    return mask
