"""Clips of known cameras: how they are cut, what scale their cameras tell, and that nothing is asked of it where they do not."""

from collections.abc import Sequence

import numpy as np
import pytest

from spatia_bridge.errors import CancelledError
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.depth import DepthEstimate, DepthMap
from spatia_bridge.perception.learned.standing import stand
from spatia_bridge.perception.learned.views import ManyViews, centres, pose_scale, relative_to_first, windows
from tests.worlds import camera, look


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 33, 81])
def test_windows_cover_a_clip_once_and_evenly(count):
    runs = [range(count)[some] for some in windows(count, 16)]
    assert [n for run in runs for n in run] == list(range(count))
    assert all(0 < len(run) <= 16 for run in runs)
    assert max(map(len, runs), default=0) - min(map(len, runs), default=0) <= 1


@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_the_scale_comes_back_whatever_turn_and_shift(scale):
    rng = np.random.default_rng(3)
    given = rng.normal(size=(9, 3))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    found = given @ rotation.T / scale + (5, -2, 1)
    assert pose_scale(found, given) == pytest.approx(scale)
    noisy = found + rng.normal(scale=0.05 / scale, size=found.shape)
    assert pose_scale(noisy, given) == pytest.approx(scale, rel=0.05)


def test_cameras_that_tell_no_scale_give_none():
    rng = np.random.default_rng(4)
    walk = np.outer(np.arange(6), (0.1, 0, 0))
    still = np.zeros((6, 3))
    assert pose_scale(walk, still) is None and pose_scale(still, walk) is None  # turned on the spot; a network that saw no motion
    assert pose_scale(walk[:1], walk[:1]) is None
    assert pose_scale(rng.normal(size=(6, 3)), walk) is None  # a network that ignored the cameras
    assert pose_scale(walk * np.nan, walk) is None


def test_poses_relative_to_the_first_keep_their_precision_far_away():
    views = [camera(eye=(1e5 + 0.1 * n, -0.5, -3.0), target=(1e5 + 0.1 * n, -0.5, 1)) for n in range(3)]
    poses = relative_to_first(views)
    np.testing.assert_allclose(poses[0], np.eye(4), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(centres(poses), axis=1), [0, 0.1, 0.2], atol=1e-6)


class HalfSize(ManyViews):
    """Knows the room at half its size, and tells the scale of every group but the second."""

    name = "half"
    views = 4

    def __init__(self) -> None:
        self.groups = 0

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        raise NotImplementedError

    def _window(self, colours: Sequence[ColourImage], cameras: Sequence[Camera]) -> tuple[list[DepthMap], float | None]:
        self.groups += 1
        maps = [DepthMap(look(view).depth_m / 2, np.ones_like(look(view).depth_m)) for view in cameras]
        stand_at = centres(relative_to_first(cameras))
        return maps, None if self.groups == 2 else pose_scale(stand_at / 2, stand_at)


def test_each_group_is_at_its_cameras_scale_and_the_mute_one_at_the_others():
    views = [camera(eye=(0.1 * n, -0.5, -3.0)) for n in range(12)]
    maps = HalfSize().estimate_clip([look(view).colour for view in views], views)
    for view, found in zip(views, maps, strict=True):
        np.testing.assert_allclose(found.depth_m, look(view).depth_m, rtol=1e-5)


def test_it_stops_between_groups():
    views = [camera(eye=(0.1 * n, -0.5, -3.0)) for n in range(12)]
    estimator, calls = HalfSize(), []

    def check():
        calls.append(1)
        if len(calls) == 2:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        estimator.estimate_clip([look(view).colour for view in views], views, check)
    assert estimator.groups == 1


def test_a_cameras_height_is_that_above_what_faces_up():
    frame = look(camera())  # half a metre above the middle of the room, whose floor is at y = 1
    gravity, height, warnings = stand(frame.colour, frame.camera.intrinsics, frame.depth_m)
    assert gravity[1] > 0.99 and height == pytest.approx(1.5, rel=0.1)
    _, height, warnings = stand(frame.colour, frame.camera.intrinsics, np.full((64, 96), 3.0, np.float32))
    assert height == 1.5 and any("No ground" in text for text in warnings)
