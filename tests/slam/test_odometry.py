"""Poses come back from pictures and depth alone."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import CancelledError, InvalidInputError
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.slam.odometry import recover_poses


@pytest.fixture(scope="module")
def walk():
    """A closed walk of 20 m, 53 frames, exact poses."""
    return load_capture(sample_path()).frames


def lost_poses(frames):
    first = frames[0].camera
    return [frames[0], *(replace(f, camera=Camera(f.camera.intrinsics, np.eye(4))) for f in frames[1:])], first


def worst_m(cameras, frames):
    return max(float(np.linalg.norm(a.position_world - f.camera.position_world)) for a, f in zip(cameras, frames, strict=True))


def test_a_closed_walk_comes_back_and_closes(walk):
    blank, first = lost_poses(walk)
    found = recover_poses(blank)
    assert worst_m(found.cameras, walk) < 0.02 and not found.lost
    assert found.closures and found.keyframes[0] == 0
    np.testing.assert_allclose(found.cameras[0].world_from_camera, first.world_from_camera, atol=1e-12)


def test_frames_that_show_nothing_are_bridged(walk):
    frames = walk[:12]
    blank, _ = lost_poses(frames)
    for number in (5, 6):
        blank[number] = replace(blank[number], depth_m=np.zeros_like(blank[number].depth_m))
    found = recover_poses(blank)
    assert found.lost == (5, 6)
    assert worst_m([*found.cameras[:5], *found.cameras[7:]], [*frames[:5], *frames[7:]]) < 0.02
    assert worst_m(found.cameras, frames) < 0.3


def test_estimated_depths_are_brought_to_one_scale(walk):
    """Each frame's depth is off by a factor of its own: poses come back at the first one's scale."""
    frames = walk[:8]
    factors = np.array([1, 1.2, 0.8, 1.3, 0.9, 1.1, 0.75, 1.25], np.float32)
    blank, _ = lost_poses(frames)
    wrong = [replace(frame, depth_m=frame.depth_m * factor) for frame, factor in zip(blank, factors, strict=True)]
    found = recover_poses(wrong, estimated=True)
    assert worst_m(found.cameras, frames) < 0.1
    np.testing.assert_allclose([scale.scale for scale in found.scales], factors, rtol=0.05)


def test_bad_input_and_cancel(walk):
    with pytest.raises(InvalidInputError, match="no frames"):
        recover_poses([])
    with pytest.raises(InvalidInputError, match="no depth"):
        recover_poses([replace(walk[0], depth_m=np.zeros_like(walk[0].depth_m))])

    def check(done, total):
        if done == 1:
            raise CancelledError(f"{done} of {total}")

    with pytest.raises(CancelledError, match="1 of 3"):
        recover_poses(walk[:3], check=check)
