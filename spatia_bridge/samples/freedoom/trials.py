"""Walks to evaluate on, through levels of freedoom1, which nothing is trained or tuned on. Doors open, nothing that moves."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.samples.freedoom.engine import Engine, find_wad
from spatia_bridge.samples.freedoom.level import only_things, parse_level, player_start, with_open_doors
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M
from spatia_bridge.samples.freedoom.record import brightened, make_frame, middle
from spatia_bridge.samples.freedoom.tour import Tour, plan_tour, reachable
from spatia_bridge.samples.freedoom.wad import read_map_lumps

WAD = "freedoom1"
LEVELS = tuple(
    name
    for name in (f"E{episode}M{number}" for episode in range(1, 5) for number in range(1, 10))
    if name not in ("E2M8", "E3M7")  # their starts lead hardly anywhere
)
ENGINE_SIZE = (640, 360)
SHRINKS = {(256, 144): 2, (128, 72): 4}  # frames are the middle of the engine's picture, averaged down
FOV_DEG, GAMMA = 90.0, 1.2
RADIUS_M = 20.0
PLAYER_START = 1
MIN_PLACES = 20


class Place:
    """A level with its engine running; close it.

    Args:
        name: one of LEVELS.
        size: width and height of the frames, 256×144 or 128×72.
    Raises:
        InvalidInputError: no such level or size, or a level that leads nowhere.
        MissingDependencyError: vizdoom is not installed.
    """

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        shrink = SHRINKS.get(size)
        if name not in LEVELS or shrink is None:
            raise InvalidInputError(f"level {name} at {size[0]}×{size[1]}", "use E1M1 to E4M9 at 256×144 or 128×72")
        self._size, self._shrink = size, shrink
        self.name = name
        path = find_wad(WAD)
        lumps = only_things(with_open_doors(read_map_lumps(path, name)), (PLAYER_START,))
        self._level, self._start = parse_level(lumps), player_start(lumps)
        places = len(reachable(self._level, self._start, RADIUS_M * UNITS_PER_M))
        if places < MIN_PLACES:
            raise InvalidInputError(f"{name} has {places} places to walk to", "use another level")
        self._engine = Engine(path, name, FOV_DEG, ENGINE_SIZE, lumps)

    def tour(self, frames: int, seed: int) -> Tour:
        """A walk chosen by the seed; see `plan_tour`."""
        return plan_tour(self._level, self._start, frames, np.random.default_rng(seed), RADIUS_M * UNITS_PER_M)

    def frames(self, tour: Tour, numbers: Sequence[int]) -> Iterator[RgbdFrame]:
        """What is seen at these frames of a tour."""
        for number in numbers:
            angle_deg = math.degrees(tour.angle_rad[number])
            view = self._engine.look_from(tour.x[number], tour.y[number], angle_deg)
            whole = brightened(make_frame(view, self._level, self._engine.intrinsics, 0.0, self._shrink), GAMMA)
            part, k = middle(whole.camera.intrinsics, self._size)
            camera = Camera(k, whole.camera.world_from_camera)
            yield RgbdFrame(camera, whole.colour[part].copy(), whole.depth_m[part].copy())

    def close(self) -> None:
        """End the engine; may be called again."""
        self._engine.close()

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
