"""The stages in order, and what to assume where evidence is missing."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.depth import DepthEstimate, check_picture
from spatia_bridge.perception.layout.gravity import Frame, consistency, find_frame
from spatia_bridge.perception.layout.lines import Segments, find_segments
from spatia_bridge.perception.layout.plan import Evidence, Wall, find_walls
from spatia_bridge.perception.layout.regions import HORIZON_MARGIN, Regions, find_regions
from spatia_bridge.perception.layout.surfaces import Layout, intersect

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayoutConfig:
    """What is assumed.

    Attributes:
        camera_height_m: above the ground; a picture cannot tell, and all distances are in proportion to it.
        working_width_px: of the picture in which regions and walls are found.
        columns, rows: of the levelled picture in which walls are found.
        stage_distance_m: of the wall ahead where nothing of the picture tells.
    """

    camera_height_m: float = 1.5
    working_width_px: int = 416
    columns: int = 208
    rows: int = 120
    stage_distance_m: float = 6.0


class LayoutEstimator:
    """A DepthEstimator without weights: ground, walls, ceiling, sky. Deterministic; a second for 1248×704."""

    def __init__(self, config: LayoutConfig | None = None) -> None:
        self._config = config or LayoutConfig()

    @property
    def name(self) -> str:
        return "layout"

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        check_picture(colour, intrinsics)
        segments = find_segments(colour, intrinsics)
        frame = find_frame(segments)
        small, k = _reduced(colour, intrinsics, self._config.working_width_px)
        rays = _level_rays(k, frame)
        regions = find_regions(small, _slope(rays))
        layout = self._layout(frame, regions, k, rays, segments)
        depth, kind = intersect(layout, _level_rays(intrinsics, frame))
        sky = cv2.resize(regions.sky.astype(np.uint8), (intrinsics.width, intrinsics.height), interpolation=cv2.INTER_NEAREST) > 0
        depth[sky] = np.inf
        confidence = np.full(depth.shape, 0.7, np.float32)
        return DepthEstimate(depth, confidence, frame.gravity_camera, layout.height_m, ())

    def _layout(self, frame: Frame, regions: Regions, k: Intrinsics, rays: npt.NDArray[np.float32], segments: Segments) -> Layout:
        evidence = _evidence(regions, k, rays, frame, segments, self._config)
        walls, cost = find_walls(evidence, frame.facings, self._config.camera_height_m)
        self.debug = dict(turned=evidence.turned, things=None, frame=frame, regions=regions, walls=walls, cost=cost)
        return Layout(self._config.camera_height_m, frame.facings, walls)


def _reduced(colour: ColourImage, k: Intrinsics, width: int) -> tuple[ColourImage, Intrinsics]:
    """The picture at most so wide, by area means."""
    if k.width <= width:
        return colour, k
    size = (width, max(round(k.height * width / k.width), 1))
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8), k.resized(*size)


def _level_rays(k: Intrinsics, frame: Frame) -> npt.NDArray[np.float32]:
    """Rays (H, W, 3) of the pixel centres in the level frame; a ray's length is such that depth times ray is the point."""
    rays = Camera(k, np.eye(4)).rays()
    return np.asarray(rays @ frame.level_from_camera.T.astype(np.float32), np.float32)


def _slope(rays: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(rays[..., 1] / np.maximum(np.hypot(rays[..., 0], rays[..., 2]), 1e-3), np.float32)


def _evidence(
    regions: Regions, k: Intrinsics, rays: npt.NDArray[np.float32], frame: Frame, segments: Segments, config: LayoutConfig
) -> Evidence:
    """The labels below the horizon, sampled on a grid of a level camera."""
    ahead = rays[..., 2] > 0.2
    seen = ahead & (rays[..., 1] > 0)
    used = seen if seen.any() else ahead
    x = (rays[..., 0] / rays[..., 2])[used]
    y = (rays[..., 1] / rays[..., 2])[used]
    grid_x = np.linspace(x.min(), x.max(), config.columns)
    grid_y = np.linspace(HORIZON_MARGIN, max(float(y.max()), 2 * HORIZON_MARGIN), config.rows)
    level = np.stack([*np.meshgrid(grid_x, grid_y), np.ones((config.rows, config.columns))], axis=-1)
    camera = level @ frame.level_from_camera
    depth = np.maximum(camera[..., 2], 1e-3)
    u = np.floor(camera[..., 0] / depth * k.fx + k.cx).astype(np.int64)
    v = np.floor(camera[..., 1] / depth * k.fy + k.cy).astype(np.int64)
    inside = (u >= 0) & (u < k.width) & (v >= 0) & (v < k.height) & (camera[..., 2] > 1e-3)
    ground = inside & regions.ground[np.where(inside, v, 0), np.where(inside, u, 0)]
    return Evidence(
        grid_x, grid_y, ground.astype(np.float64), (inside & ~ground).astype(np.float64), _turned(segments, frame, grid_x)
    )


def _turned(segments: Segments, frame: Frame, x: Floats) -> Floats:
    """float64 (2, C): the share of the level lines of uprights, in each column, that cannot lie on a wall of this facing.

    A level line on a wall that faces one way runs along the other; lines on the ground say nothing, nor do those that fit both.
    """
    against = np.zeros((2, len(x)))
    if not frame.found or not len(segments):
        return against
    votes = consistency(segments, np.vstack([[0.0, 1.0, 0.0], frame.facings]) @ frame.level_from_camera, np.radians(2.5))
    middle = np.column_stack([segments.middle, np.ones(len(segments))])
    upright = middle @ frame.gravity_camera < 0  # no ground reaches above the horizon
    ends = [np.column_stack([end, np.ones(len(segments))]) @ frame.level_from_camera.T for end in (segments.start, segments.end)]
    columns = np.sort(np.stack([end[:, 0] / np.maximum(end[:, 2], 1e-3) for end in ends]), axis=0)
    for axis in range(2):
        clear = upright & (votes[1 + axis] > 0.5) & (votes[2 - axis] < 0.25) & (votes[0] < 0.25)
        for low, high, weight in zip(columns[0][clear], columns[1][clear], segments.weight[clear], strict=True):
            against[axis, (x >= low) & (x <= high)] += weight
    window = np.hanning(2 * (len(x) // 12) + 3)
    spread = np.stack([np.convolve(row, window / window.sum(), mode="same") for row in against])
    total = spread.sum(axis=0)
    return np.asarray(spread / np.maximum(total, 0.1 * max(float(total.max()), 1e-9)))
