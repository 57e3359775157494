"""The pinhole camera and trajectories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.errors import InvalidInputError, LimitExceededError, SpatiaError
from spatia_bridge.geometry import morton, se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.trajectory import MAX_POSES, Recorder, Trajectory

K = Intrinsics(80, 90, 33, 21, 64, 48)


def test_back_projection_inverts_projection():
    view = Camera(K, se3.look_at((1, 2, 3), (4, 2.5, 9)))
    depth = 1 + np.arange(48 * 64, dtype=np.float64).reshape(48, 64) / 500
    pixels, z = view.project(view.back_project(depth))
    i, j = np.meshgrid(np.arange(64), np.arange(48))
    np.testing.assert_allclose(pixels, np.stack([i + 0.5, j + 0.5], axis=-1), atol=1e-4)
    np.testing.assert_allclose(z, depth, rtol=1e-6)


def test_resizing_keeps_every_ray():
    point = [0.4, -0.3, 2.0]
    small, large = Camera(K, np.eye(4)), Camera(K.resized(192, 144), np.eye(4))
    np.testing.assert_allclose(large.project(point)[0], 3 * small.project(point)[0])


@pytest.mark.parametrize("size", [(64, 48), (96, 48), (48, 96), (832, 480)])
def test_cropping_keeps_square_pixels_square_and_the_axis_centred(size):
    centred = Intrinsics(80, 80, 32, 24, 64, 48)
    cropped = centred.cropped_to_aspect(*size)
    assert (cropped.width, cropped.height) == size
    assert cropped.fx == pytest.approx(cropped.fy)
    assert (cropped.cx, cropped.cy) == pytest.approx((size[0] / 2, size[1] / 2))
    assert cropped.fx * 64 / size[0] >= 80 * (1 - 1e-9) or cropped.fy * 48 / size[1] >= 80 * (1 - 1e-9)


@pytest.mark.parametrize(
    "values",
    [
        (0, 1, 0, 0, 4, 4),
        (np.nan, 1, 0, 0, 4, 4),
        (1, 1, np.inf, 0, 4, 4),
        (1, 1, 0, 0, 0, 4),
        (1, 1, 0, 0, 100_000, 4),
        (-5, 5, 0, 0, 4, 4),
    ],
)
def test_bad_intrinsics_are_refused(values):
    with pytest.raises(InvalidInputError):
        Intrinsics(*values)


def path(count=5, step=0.5):
    return Trajectory(
        tuple(Camera(K, se3.look_at((i, 0, 0), (i, 0, 5))) for i in range(count)), tuple(i * step for i in range(count))
    )


def test_a_trajectory_spread_over_clips_keeps_its_ends():
    clips = path().clips(16, 25, K, clips=3)
    assert [len(clip) for clip in clips] == [25, 25, 25]
    np.testing.assert_allclose(clips[0][0].position_world, (0, 0, 0), atol=1e-12)
    np.testing.assert_allclose(clips[-1][-1].position_world, (4, 0, 0), atol=1e-12)
    steps = np.diff([view.position_world[0] for clip in clips for view in clip])
    np.testing.assert_allclose(steps, 4 / 74, rtol=1e-9)


def test_a_trajectory_in_its_own_time_holds_still_at_the_end():
    clips = path().clips(10, 15, K)
    assert len(clips) == 2  # 2 s at 10 fps are 21 frames
    places = [view.position_world[0] for clip in clips for view in clip]
    np.testing.assert_allclose(places[:21], np.arange(21) * 0.2, atol=1e-9)
    np.testing.assert_allclose(places[21:], 4)


def test_the_first_clip_may_have_another_length():
    """As the paper's case of 193 poses: 121 frames, then 72."""
    recorded = path(193, step=1 / 24)
    for clips in (recorded.clips(24, 72, K, 0, 121), recorded.clips(24, 72, K, 2, 121)):
        assert [len(clip) for clip in clips] == [121, 72]
        places = [view.position_world[0] for clip in clips for view in clip]
        np.testing.assert_allclose(places, np.arange(193), atol=1e-6)
    assert [len(clip) for clip in path(100, step=1 / 24).clips(24, 72, K, 0, 121)] == [121]
    assert [len(clip) for clip in path(194, step=1 / 24).clips(24, 72, K, 0, 121)] == [121, 72, 72]


@given(st.lists(st.floats(-5, 15, allow_nan=False), min_size=1, max_size=8))
def test_between_two_poses_the_camera_is_between_them(times):
    line = path()
    for time in times:
        assert line.at(time).position_world[0] == pytest.approx(np.clip(time / 0.5, 0, 4))


def test_bad_trajectories_are_refused():
    cameras = path().cameras
    for times in [(0, 1, 2, 3, 3), (0, 1, 2, 3, np.nan), (0, 1)]:
        with pytest.raises(InvalidInputError):
            Trajectory(cameras, times)
    with pytest.raises(InvalidInputError):
        Trajectory((), ())
    with pytest.raises(SpatiaError):
        path().clips(16, 25, K, clips=100_000)
    with pytest.raises(LimitExceededError):
        Trajectory(cameras[:2], (0.0, 1e6)).clips(16, 25, K)
    with pytest.raises(LimitExceededError):
        Trajectory((cameras[0],) * (MAX_POSES + 1), tuple(range(MAX_POSES + 1)))


def test_a_recorder_forgets_at_each_start_and_leaves_repeats_out():
    recorder, camera = Recorder(), path().cameras[0]
    recorder.add(camera, 1.0)
    assert len(recorder) == 0
    recorder.start()
    for time in (1.0, 1.0, 0.5, 2.0):
        recorder.add(camera, time)
    assert recorder.trajectory().times_secs == (1.0, 2.0)
    recorder.stop()
    recorder.add(camera, 3.0)
    assert recorder.duration_secs == 1.0
    recorder.start()
    with pytest.raises(InvalidInputError):
        recorder.trajectory()


@given(st.sets(st.integers(0, 64**3 - 1), min_size=1, max_size=300))
def test_the_stratified_order_has_one_point_for_every_cell_first(codes):
    ascending = np.array(sorted(codes), np.uint32)
    order = morton.stratified_order(ascending)
    assert sorted(order) == list(range(len(codes)))
    counts = morton.cell_counts(ascending[order])
    for level in range(7):
        cells = ascending >> (3 * level)
        first = cells[order[: counts[level]]]
        assert len(np.unique(first)) == len(first) == len(np.unique(cells))


def test_a_prefix_of_a_wall_is_a_grid():
    wall = np.stack(np.meshgrid([20], np.arange(64), np.arange(64), indexing="ij"), axis=-1).reshape(-1, 3)
    codes = np.sort(morton.encode(wall))
    order = morton.stratified_order(codes)
    assert morton.cell_counts(codes).tolist() == [4096, 1024, 256, 64, 16, 4, 1]
    by_code = {int(code): voxel for code, voxel in zip(morton.encode(wall), wall, strict=True)}
    quarter = np.array([by_code[int(code)] for code in codes[order[:1024]]])
    assert (quarter[:, 1:] % 2 == 0).all()


def test_morton_codes_are_a_bijection_that_interleaves():
    voxels = np.stack(np.meshgrid(*[np.arange(64)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    codes = morton.encode(voxels)
    assert len(np.unique(codes)) == 64**3
    assert codes.max() == 64**3 - 1
    assert morton.encode(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [3, 2, 1]])).tolist() == [1, 2, 4, 1 + 8 + 2 * 8 + 4]
