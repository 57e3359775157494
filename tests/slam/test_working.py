"""Large frames are judged at a working size: it shows the same rays, and the poses it gives hold for the frames themselves."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.frames import GeneratedFrame, Take
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.update import Slam
from spatia_bridge.slam.working import WORKING_PIXELS, at_full_size, at_working_size, reduction
from tests.worlds import camera, intrinsics, look

LARGE = (641, 400)  # three pixels become one, and two columns are left over


@pytest.mark.parametrize("size", [(256, 144), (480, 270), (832, 480), (1248, 704), (3840, 2160)])
def test_the_working_size_is_bounded_from_both_sides(size):
    block, pixels = reduction(intrinsics(*size)), size[0] * size[1]
    assert block % 2 == 1 and pixels <= WORKING_PIXELS * block**2
    assert block == 1 or pixels > WORKING_PIXELS * (block - 2) ** 2


def test_a_small_frame_is_its_own():
    frame = look(camera(size=(256, 144)))
    assert at_working_size(frame) is frame
    mask = frame.depth_m > 1
    assert at_full_size(mask, frame.depth_m.shape) is mask


def test_the_pixels_of_a_reduced_frame_are_those_in_the_middle_of_their_blocks():
    rng, frame = np.random.default_rng(0), look(camera(size=LARGE), ids=True)
    moving = rng.random(frame.depth_m.shape) < 0.01
    small = at_working_size(replace(frame, dynamic=moving, confidence=rng.random(moving.shape, np.float32)))
    height, width = small.depth_m.shape
    assert (width, height) == (213, 133)
    np.testing.assert_array_equal(small.depth_m, frame.depth_m[1:399:3, 1:639:3])
    np.testing.assert_array_equal(small.object_ids, frame.object_ids[1:399:3, 1:639:3])
    blocks = frame.colour[:399, :639].reshape(height, 3, width, 3, 3).mean(axis=(1, 3))
    assert np.abs(small.colour - blocks).max() <= 0.51
    rows, columns = np.mgrid[:height, :width]
    rays = [
        np.stack([(columns * step + first + 0.5 - k.cx) / k.fx, (rows * step + first + 0.5 - k.cy) / k.fy])
        for k, step, first in ((small.camera.intrinsics, 1, 0), (frame.camera.intrinsics, 3, 1))
    ]
    np.testing.assert_allclose(rays[0], rays[1], atol=1e-12)
    whole = at_full_size(small.dynamic, frame.depth_m.shape)
    assert not (moving & ~whole)[:399, :639].any() and whole.sum() <= 9 * moving.sum() + whole[399:].sum() + whole[:, 639:].sum()


def test_a_large_take_that_drifts_comes_back_to_memory():
    renderer, empty = CpuRenderer(), Memory().snapshot()
    path = [camera(eye=(0.05 * n, -0.6, -2.6), target=(0.6, -0.3, 1.0), size=LARGE) for n in range(6)]
    seed = Slam(renderer).seed(empty, [look(path[0]), look(path[-1])])
    base = replace(empty, voxel_size_m=seed.voxel_size_m).with_changes(seed.changes)
    drift = [se3.exp(np.array([0.012, 0.006, -0.01, 0.002, 0.003, 0]) * n) for n in range(len(path))]
    commanded = tuple(
        Camera(true.intrinsics, se3.orthonormal(true.world_from_camera @ wrong)) for true, wrong in zip(path, drift, strict=True)
    )
    seen = [look(view) for view in path]
    frames = tuple(GeneratedFrame(n, frame.colour, frame.depth_m) for n, frame in enumerate(seen))
    update = Slam(renderer).update(base, Take(1, 0, commanded, frames))
    gaps = [true.camera_from_world @ found.world_from_camera for true, found in zip(path, update.cameras, strict=True)]
    assert update.health["tracked_ratio"] == 1 and all(found.intrinsics == path[0].intrinsics for found in update.cameras)
    assert max(np.linalg.norm(gap[:3, 3]) for gap in gaps) < seed.voxel_size_m
    assert max(se3.angle(gap) for gap in gaps) < 1 / path[0].intrinsics.fx  # a pixel
