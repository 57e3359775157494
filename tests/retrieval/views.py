"""Views of the test room, and memory's projections of them."""

from functools import cache

import numpy as np

from spatia_bridge.frames import Projection, RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.retrieval import CovisibilityIndex, FrameKey, Wanted
from tests.worlds import camera
from tests.worlds import look as look_anew

SIDE_M = 0.25
SIZE = (160, 90)


def view(eye, target) -> Camera:
    return camera(eye, target, SIZE)


def projected(frame: RgbdFrame) -> Projection:
    covered = frame.valid_depth()
    return Projection(frame.camera, frame.colour, frame.depth_m, covered, covered.astype(np.uint8) * 255)


def wanted(*cameras: Camera, **kwargs) -> Wanted:
    return Wanted(tuple(projected(look(c)) for c in cameras), **kwargs)


def random_views(count: int, seed: int = 0) -> list[Camera]:
    """Cameras in the front half of the room that look anywhere."""
    return [_random_view(seed, n) for n in range(count)]


@cache
def _random_view(seed: int, n: int) -> Camera:
    rng = np.random.default_rng((seed, n))
    return view(rng.uniform((-2, -1, -3.5), (2, 0.5, 0)), rng.uniform((-3, -1, -4), (3, 0.5, 4)))


@cache
def look(c: Camera) -> RgbdFrame:
    """What a camera sees; every camera is asked once."""
    return look_anew(c)


def indexed(cameras, side_m: float = SIDE_M) -> CovisibilityIndex:
    """An index of these views, ten frames a clip."""
    index = CovisibilityIndex(side_m)
    for n, c in enumerate(cameras):
        index.add(FrameKey(n // 10, n % 10), c, look(c).depth_m)
    return index
