"""Long walks through levels of Freedoom with exact depth, for choosing references among their frames. No engine runs: depth is
ray-cast from the level's geometry, doors open, no sprites. Only the level file is needed (it comes with `vizdoom`)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.engine import VIEW_HEIGHT_UNITS, engine_intrinsics, find_wad
from spatia_bridge.samples.freedoom.level import Level, parse_level, player_start, with_open_doors
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M, MapPose, camera_of
from spatia_bridge.samples.freedoom.raycast import cast_level
from spatia_bridge.samples.freedoom.tour import floor_height, plan_tour, smooth
from spatia_bridge.samples.freedoom.wad import read_map_lumps


@dataclass(frozen=True, eq=False)
class Walk:
    """Frames of one walk with exact depth, and how to use them.

    Attributes:
        clip: frames a clip.
        stride: every so many frames one may become a reference.
        first: how far into the walk the first new clip begins, 0 … 1.
    """

    name: str
    frames: tuple[RgbdFrame, ...]
    clip: int = 25
    stride: int = 4
    first: float = 0.3


def level_walk(map_name: str, frames: int, size: tuple[int, int], seed: int, radius_m: float = 40.0) -> Walk:
    """From the player's start to random places nearby and on, along shortest paths, looking ahead and about.

    Args:
        size: width and height of the frames in pixels.
        radius_m: how far from the start the walk may lead: the smaller, the more often it comes by again.
    """
    lumps = with_open_doors(read_map_lumps(find_wad("freedoom2"), map_name))
    level = parse_level(lumps)
    tour = plan_tour(level, player_start(lumps), frames, np.random.default_rng(seed), radius_m * UNITS_PER_M)
    eye = smooth(np.array([floor_height(level, a, b) for a, b in zip(tour.x, tour.y, strict=True)]), 9) + VIEW_HEIGHT_UNITS
    intrinsics = engine_intrinsics(75.0, 320, 180).resized(*size)
    colour = np.zeros((size[1], size[0], 3), np.uint8)
    return Walk(
        f"freedoom2 {map_name}",
        tuple(
            _frame(level, MapPose(*pose), intrinsics, colour)
            for pose in zip(tour.x.tolist(), tour.y.tolist(), eye.tolist(), tour.angle_rad.tolist(), strict=True)
        ),
    )


def _frame(level: Level, pose: MapPose, intrinsics: Intrinsics, colour: npt.NDArray[np.uint8]) -> RgbdFrame:
    return RgbdFrame(camera_of(pose, intrinsics), colour, cast_level(level, pose, intrinsics).depth_m)
