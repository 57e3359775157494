"""The stages in order, and what to assume where evidence is missing."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, check_picture
from spatia_bridge.perception.layout.evidence import find_evidence
from spatia_bridge.perception.layout.gravity import Frame, consistency, find_frame
from spatia_bridge.perception.layout.lines import Segments, find_segments
from spatia_bridge.perception.layout.openings import find_ceiling, with_openings
from spatia_bridge.perception.layout.plan import Wall, find_walls
from spatia_bridge.perception.layout.regions import Regions, find_regions, sharpen_sky
from spatia_bridge.perception.layout.surfaces import GROUND, Layout, intersect
from spatia_bridge.perception.layout.things import Things, box_inverse, find_things

Singles = npt.NDArray[np.float32]

WORST_COST = 0.15  # of the rows below the horizon, a column, that contradict the walls found: above it they are not believed
GROUND_TRUST, WALL_TRUST, THING_TRUST, SKY_TRUST, STAGE_SHARE = 0.9, 0.7, 0.5, 0.6, 0.4


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


@dataclass(frozen=True, eq=False)
class Reading:
    """All that was found in a picture, before depth.

    Attributes:
        frame: gravity and the walls' direction.
        regions: of the small picture.
        layout: the planes.
        believed: whether the picture shows where walls stand; otherwise the layout is a stage.
        things: sheets of the small picture.
        warnings: what was assumed.
    """

    frame: Frame
    regions: Regions
    layout: Layout
    believed: bool
    things: Things
    warnings: tuple[str, ...]


class LayoutEstimator(DepthEstimator):
    """A DepthEstimator without weights: ground, walls, ceiling, things, sky. Deterministic; a second or two for 1248×704."""

    def __init__(self, config: LayoutConfig | None = None) -> None:
        self._config = config or LayoutConfig()

    @property
    def name(self) -> str:
        return "layout"

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        """Depth of a picture uint8 (H, W, 3) sRGB, see DepthEstimator.

        Raises:
            InvalidInputError: the picture is not of the size that the intrinsics state.
        """
        reading = self.read(colour, intrinsics)
        depth, confidence = _depth(reading, colour, intrinsics)
        return DepthEstimate(depth, confidence, reading.frame.gravity_camera, reading.layout.height_m, reading.warnings)

    def read(self, colour: ColourImage, intrinsics: Intrinsics) -> Reading:
        """What is found in a picture, see `estimate`: for those who want to see why."""
        check_picture(colour, intrinsics)
        segments = find_segments(colour, intrinsics)
        frame = find_frame(segments)
        small, k = _reduced(colour, intrinsics, self._config.working_width_px)
        rays = level_rays(k, frame)
        regions = find_regions(small, _slope(rays))
        layout, believed = self._layout(frame, regions, segments, k, rays)
        if believed and frame.found:
            corners = _corners(rays)
            layout = with_openings(layout, segments, frame, (float(corners[:, 0].min()), float(corners[:, 0].max())))
            if not regions.sky.any():
                layout = replace(layout, ceiling=find_ceiling(layout, segments, frame, corners))
        things = find_things(small, regions, layout, rays, _vertical_lines(segments, frame, k), believed)
        return Reading(frame, regions, layout, believed, things, self._warnings(frame, regions, layout, believed))

    def _layout(self, frame: Frame, regions: Regions, segments: Segments, k: Intrinsics, rays: Singles) -> tuple[Layout, bool]:
        """The walls, and whether the picture shows them; a stage otherwise: ground, and a wall ahead."""
        height_m = self._config.camera_height_m
        if regions.ground_found:
            evidence = find_evidence(regions, k, rays, frame, segments, self._config.columns, self._config.rows)
            walls, cost = find_walls(evidence, frame.facings, height_m)
            if cost < WORST_COST:
                return Layout(height_m, frame.facings, walls), True
        stage = Wall(-np.inf, np.inf, 0, height_m / self._config.stage_distance_m)
        return Layout(height_m, np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), (stage,)), False

    def _warnings(self, frame: Frame, regions: Regions, layout: Layout, believed: bool) -> tuple[str, ...]:
        height = self._config.camera_height_m
        found = [f"The camera is taken to be {height:g} m above the ground; all sizes are in proportion to that."]
        if not frame.found:
            found.append("Too few straight lines to see how the camera is held: it is taken to be level.")
        if not believed:
            ahead = self._config.stage_distance_m
            found.append(f"No edge between ground and walls was found: a wall {ahead:g} m ahead is assumed.")
        if not layout.ceiling and not regions.sky.any():
            found.append("Neither ceiling nor sky was found: walls go on upwards.")
        return tuple(found)


def level_rays(k: Intrinsics, frame: Frame) -> Singles:
    """Rays (H, W, 3) of the pixel centres in the level frame; planar depth times ray is the point."""
    rays = Camera(k, np.eye(4)).rays()
    return np.asarray(rays @ frame.level_from_camera.T.astype(np.float32), np.float32)


def _reduced(colour: ColourImage, k: Intrinsics, width: int) -> tuple[ColourImage, Intrinsics]:
    """The picture at most so wide, by area means."""
    if k.width <= width:
        return colour, k
    size = (width, max(round(k.height * width / k.width), 1))
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8), k.resized(*size)


def _slope(rays: Singles) -> Singles:
    """How far each ray (H, W, 3) in the level frame falls per metre along the horizon."""
    return np.asarray(rays[..., 1] / np.maximum(np.hypot(rays[..., 0], rays[..., 2]), 1e-3), np.float32)


def _corners(rays: Singles) -> npt.NDArray[np.float64]:
    """The picture's corners (4, 2) in the level frame on z = 1."""
    ends = rays[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float64)
    return np.asarray(ends[:, :2] / np.maximum(ends[:, 2:], 0.05))


def _vertical_lines(segments: Segments, frame: Frame, k: Intrinsics) -> Mask:
    """bool (H, W): where lines run that can only be vertical."""
    drawn = np.zeros((k.height, k.width), np.uint8)
    if frame.found and len(segments):
        votes = consistency(segments, np.vstack([[0.0, 1.0, 0.0], frame.facings]) @ frame.level_from_camera, np.radians(2.5))
        scale, centre = np.array([k.fx, k.fy]), np.array([k.cx, k.cy])
        for row in np.flatnonzero((votes[0] > 0.5) & (votes[1:].max(axis=0) < 0.25)):
            start, end = np.floor(np.stack([segments.start[row], segments.end[row]]) * scale + centre).astype(int).tolist()
            cv2.line(drawn, start, end, 1, 1)
    return np.asarray(drawn > 0)


def _depth(reading: Reading, colour: ColourImage, k: Intrinsics) -> tuple[DepthImage, Singles]:
    """Planar depth (H, W) in metres and its confidence (H, W)."""
    rays, size = level_rays(k, reading.frame), (k.width, k.height)
    depth, kind = intersect(reading.layout, rays)
    confidence = np.where(kind == GROUND, GROUND_TRUST, WALL_TRUST).astype(np.float32)
    share, near, over = (
        cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
        for plane in (reading.things.mask.astype(np.float32), reading.things.near, reading.things.over)
    )
    weight = np.maximum(share, np.float32(1e-3))
    inverse = box_inverse(near / weight, over / weight, rays)
    before = (share > 0.5) & (inverse * depth > reading.layout.height_m)
    depth[before], confidence[before] = np.float32(reading.layout.height_m) / inverse[before], THING_TRUST
    sky = sharpen_sky(reading.regions.sky, colour) & ~before
    depth[sky], confidence[sky] = np.inf, SKY_TRUST
    if not reading.believed:
        confidence *= np.float32(STAGE_SHARE)
    return np.asarray(depth, np.float32), confidence
