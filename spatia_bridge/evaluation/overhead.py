"""Memory from above: an orthographic plan of the points, ceilings taken off, with the camera's path and where it is now.

World y points down, so 'above' is smaller y. Plan coordinates are metres along two horizontal axes, (right, up) on the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.evaluation.canvas import ACCENT, BACKGROUND, TEXT, Colour, blank
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Snapshot

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

ABOVE_EYE_M = 0.15  # what stands higher than this above the nearest part of the path is cut off: ceilings, lintels
SUPERSAMPLING = 2
MARGIN = 0.06  # of the picture, on each side
REACH = 2.5  # in diagonals of the path's bounds: what lies further out (sky, backdrop) does not set the picture's scale
MIN_REACH_M = 10.0
_CELL_PIXELS = 16  # the cut is worked out once a cell of so many pixels
_MAX_SIDE = 9  # pixels of a point's square; far points are large and few
_WALL_TOP_M, _WALL_SIDE = 0.3, 2  # so far below the cut squares are wider by so much: a cut wall shows as a line
_SHADE_M = 1.6  # from the cut down over so many metres points get darker, so that cut walls stand out from the floor
_PAST: Colour = ACCENT
_FUTURE: Colour = (122, 124, 136)


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points to draw: positions (N, 3) metres in the world, sRGB uint8 (N, 3), diameters (N,) metres."""

    points_world: Points
    colours: npt.NDArray[np.uint8]
    sizes_m: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points_world)


def cloud_of(snapshot: Snapshot) -> Cloud:
    """All points of a snapshot."""
    chunks = list(snapshot.chunks.values())
    if not chunks:
        return Cloud(np.empty((0, 3)), np.empty((0, 3), np.uint8), np.empty(0, np.float32))
    return Cloud(
        np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in chunks]),
        np.concatenate([chunk.records["rgb"] for chunk in chunks]),
        np.concatenate([chunk.footprints_m(snapshot.voxel_size_m) for chunk in chunks]),
    )


@dataclass(frozen=True, eq=False)
class Plan:
    """Where things lie on the picture, and from which height down they are drawn.

    Attributes:
        plan_from_world: (2, 3): metres to the right and up on the picture.
        centre: (2,) plan metres at the picture's centre.
        pixels_per_metre: scale.
        width, height: of the picture.
        cut_y: (rows, columns) world y a cell; only points with a larger y (lower down) are drawn.
    """

    plan_from_world: Points
    centre: Points
    pixels_per_metre: float
    width: int
    height: int
    cut_y: Points

    @classmethod
    def fit(cls, cloud: Cloud, path: Sequence[Camera], width: int, height: int) -> "Plan":
        """The plan that shows the path and what of the cloud lies near it; `path` has one camera or more."""
        eyes = np.array([camera.position_world for camera in path])
        bounds = _bounds(cloud, eyes)
        extent = bounds[1] - bounds[0]
        # the longer side of the scene goes along the longer side of the picture; turned, not mirrored
        turned = (extent[1] > extent[0]) == (width > height)
        axes = np.array([[0.0, 0, 1], [-1.0, 0, 0]] if turned else [[1.0, 0, 0], [0.0, 0, 1]])
        middle = bounds.mean(axis=0)
        centre = axes @ np.array([middle[0], 0, middle[1]])
        spans = np.abs(axes @ np.array([extent[0], 0, extent[1]]))
        room = np.array([width, height]) * (1 - 2 * MARGIN)
        scale = float((room / np.maximum(spans, 0.5)).min())
        plan = cls(axes, centre, scale, width, height, np.empty((0, 0)))
        return cls(axes, centre, scale, width, height, plan._cut_heights(eyes))

    def pixels(self, points_world: npt.ArrayLike) -> Points:
        """Picture coordinates (…, 2), x right and y down, of world points (…, 3)."""
        plan = (np.asarray(points_world) @ self.plan_from_world.T - self.centre) * self.pixels_per_metre
        return np.asarray(plan * (1, -1) + (self.width / 2, self.height / 2))

    def _cut_heights(self, eyes: Points) -> Points:
        """A cell's cut is a bit above the nearest part of the path: floors differ in height from room to room."""
        rows = np.arange(_CELL_PIXELS / 2, self.height + _CELL_PIXELS, _CELL_PIXELS)
        columns = np.arange(_CELL_PIXELS / 2, self.width + _CELL_PIXELS, _CELL_PIXELS)
        cells = np.stack(np.meshgrid(columns, rows), axis=-1)  # (rows, columns, 2)
        few = eyes[:: max(len(eyes) // 128, 1)]
        away = np.linalg.norm(cells[:, :, None] - self.pixels(few), axis=-1)
        return np.asarray(few[np.argmin(away, axis=-1), 1] - ABOVE_EYE_M)


def _bounds(cloud: Cloud, eyes: Points) -> Points:
    """Low and high corners (2, 2) in (x, z) of what the picture must show: the path, and the bulk of the points near it."""
    low, high = eyes[:, [0, 2]].min(axis=0), eyes[:, [0, 2]].max(axis=0)
    reach = max(REACH * float(np.linalg.norm(high - low)), MIN_REACH_M)
    flat = cloud.points_world[:, [0, 2]]
    near = flat[(np.abs(flat - (low + high) / 2) < reach).all(axis=1)]
    if len(near):
        low = np.minimum(low, np.percentile(near, 2, axis=0))
        high = np.maximum(high, np.percentile(near, 98, axis=0))
    return np.stack([low, high])


def draw_cloud(plan: Plan, cloud: Cloud) -> ColourImage:
    """The points from above (height, width, 3): below the cut, the highest one of each pixel, deeper ones darker."""
    width, height = plan.width * SUPERSAMPLING, plan.height * SUPERSAMPLING
    at = plan.pixels(cloud.points_world) * SUPERSAMPLING
    drawn = np.flatnonzero(((at >= 0) & (at < (width, height))).all(axis=1))
    below = _below(plan, at[drawn], cloud.points_world[drawn, 1])
    drawn, below = drawn[below > 0], below[below > 0]
    order = np.argsort(below, kind="stable")[::-1]  # deepest first: the highest is written last and stays
    drawn, below = drawn[order], below[order]
    sides = np.clip(np.rint(cloud.sizes_m[drawn] * plan.pixels_per_metre * SUPERSAMPLING), 1, _MAX_SIDE).astype(np.int64)
    sides[below < _WALL_TOP_M] += _WALL_SIDE
    pixel, which = _squares(at[drawn], sides, width, height)
    shade = 1.5 - 0.6 * np.clip(below / _SHADE_M, 0, 1)
    shaded = np.clip(cloud.colours[drawn] * shade[:, None], 0, 255).astype(np.uint8)
    image = blank(width, height)
    image.reshape(-1, 3)[pixel] = shaded[which]
    seen = np.zeros(width * height, np.uint8)
    seen[pixel] = 1
    _close_gaps(image, seen.reshape(height, width))
    return np.asarray(cv2.resize(image, (plan.width, plan.height), interpolation=cv2.INTER_AREA), np.uint8)


def _below(plan: Plan, at: npt.NDArray[np.generic], level: Points) -> Points:
    """How far (N,) in metres points at these supersampled pixels (N, 2) lie below the cut."""
    column, row = at.astype(np.int64).T // (_CELL_PIXELS * SUPERSAMPLING)
    return np.asarray(level - plan.cut_y[row, column])


def _squares(at: Points, sides: Indices, width: int, height: int) -> tuple[Indices, Indices]:
    """Every pixel (M,) of a picture that a square round a point (N, 2) covers, and whose it is (M,), in the points' order."""
    copies = sides**2
    which = np.repeat(np.arange(len(sides)), copies)
    rank = np.arange(len(which)) - np.repeat(np.cumsum(copies) - copies, copies)
    low = np.floor(at - (sides[:, None] - 1) / 2).astype(np.int64)
    row, column = np.divmod(rank, sides[which])
    x, y = low[which, 0] + column, low[which, 1] + row
    kept = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return (y * width + x)[kept], which[kept]


def _close_gaps(image: ColourImage, seen: npt.NDArray[np.uint8]) -> None:
    """Give pixels that no point hit, but most of whose neighbours were hit, the mean of those: points are sparser than pixels."""
    for _ in range(2):
        neighbours = cv2.boxFilter(seen.astype(np.float32), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
        lit = image.astype(np.float32) * seen[..., None]
        total = cv2.boxFilter(lit, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
        gaps = (seen == 0) & (neighbours >= 3)
        image[gaps] = np.rint(total[gaps] / neighbours[gaps, None])
        seen[gaps] = 1


def _line(image: ColourImage, pixels: Points, colour: Colour, thickness: int) -> None:
    cv2.polylines(image, [np.rint(pixels * 16).astype(np.int32)], False, colour, thickness, cv2.LINE_AA, 4)


def draw_camera(plan: Plan, image: ColourImage, path: Sequence[Camera], now: int) -> ColourImage:
    """A copy of the picture with the path, flown part bright, and the view cone of camera number `now`."""
    image = image.copy()
    places = plan.pixels([camera.position_world for camera in path])
    _line(image, places, _FUTURE, 1)
    _line(image, places[: now + 1], BACKGROUND, 5)
    _line(image, places[: now + 1], _PAST, 2)
    camera = path[now]
    reach = 0.11 * min(plan.width, plan.height) / plan.pixels_per_metre
    k = camera.intrinsics
    edges = np.array([[-k.cx / k.fx, 0, 1], [(k.width - k.cx) / k.fx, 0, 1]]) * reach
    wedge = plan.pixels(edges @ camera.world_from_camera[:3, :3].T + camera.position_world)
    triangle = np.rint(np.stack([places[now], *wedge]) * 16).astype(np.int32)
    glow = image.copy()
    cv2.fillPoly(glow, [triangle], TEXT, cv2.LINE_AA, 4)
    image = np.asarray(cv2.addWeighted(glow, 0.4, image, 0.6, 0), np.uint8)
    cv2.polylines(image, [triangle], True, TEXT, 1, cv2.LINE_AA, 4)
    centre = [int(at) for at in np.rint(places[now] * 16)]
    cv2.circle(image, centre, 4 * 16, _PAST, -1, cv2.LINE_AA, 4)
    return image
