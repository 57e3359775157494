"""A frame comes back to where it was taken from, as far as what it shows can tell; and never on a guess."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam import tracking
from spatia_bridge.slam.tracking import Tracker, TrackingConfig, track
from spatia_bridge.slam.update import Slam
from tests.worlds import camera, look

RENDERER = CpuRenderer()
SIZE = (192, 128)
VIEW = camera(eye=(0.4, -0.6, -2.6), target=(0.6, -0.3, 1.0), size=SIZE)


@pytest.fixture(scope="module")
def room():
    """What memory has of the room, seen from nearby."""
    seen = [camera(size=SIZE), VIEW, camera(eye=(0.9, -0.5, -2.2), target=(0.4, -0.5, 1.0), size=SIZE)]
    empty = Memory().snapshot()
    update = Slam(RENDERER).seed(empty, [look(view) for view in seen])
    return replace(empty, voxel_size_m=update.voxel_size_m).with_changes(update.changes)


def misplaced(frame, twist):
    """The frame under a wrong pose."""
    pose = se3.orthonormal(frame.camera.world_from_camera @ se3.exp(twist))
    return replace(frame, camera=Camera(frame.camera.intrinsics, pose))


def error(found, true):
    gap = true.camera_from_world @ found.world_from_camera
    return float(np.linalg.norm(gap[:3, 3])), se3.angle(gap)


@pytest.mark.parametrize("seed", range(6))
def test_a_wrong_pose_is_corrected(room, seed):
    rng = np.random.default_rng(seed)
    frame = misplaced(look(VIEW), np.concatenate([rng.normal(0, 0.03, 3), rng.normal(0, 0.015, 3)]))
    tracked = track(frame, RENDERER.render(room, frame.camera))
    metres, radians = error(tracked.camera, VIEW)
    assert tracked.converged and tracked.inlier_ratio > 0.9
    assert metres < room.voxel_size_m and radians < 0.003
    assert metres < 0.5 * error(frame.camera, VIEW)[0]
    np.testing.assert_allclose(
        tracked.world_correction @ frame.camera.world_from_camera, tracked.camera.world_from_camera, atol=1e-9
    )


def test_the_pose_is_the_same_on_any_number_of_cores(room, monkeypatch):
    """Bit by bit: among things that move, the last bit of a sum can decide where a walk ends."""
    frame = misplaced(look(VIEW), np.array([0.02, -0.01, 0.015, 0.004, -0.006, 0.002]))
    shown = RENDERER.render(room, frame.camera)
    monkeypatch.setattr(tracking, "PIECE_PIXELS", 500)
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(tracking, "core_count", lambda cores=cores: cores)
        found.append(track(frame, shown))
    assert found[0].converged and found[0].translation_m > 0
    for other in found[1:]:
        assert np.array_equal(other.camera.world_from_camera, found[0].camera.world_from_camera)
        assert (other.inlier_ratio, other.overlap) == (found[0].inlier_ratio, found[0].overlap)


def test_a_right_pose_stays_bit_by_bit(room):
    frame = look(VIEW)
    tracked = track(frame, RENDERER.render(room, VIEW), TrackingConfig(quantum_footprints=1.0))
    assert tracked.converged and tracked.camera is frame.camera and tracked.translation_m == 0
    free = track(frame, RENDERER.render(room, VIEW), TrackingConfig(quantum_footprints=0.0))
    assert error(free.camera, VIEW)[0] < 0.5 * room.voxel_size_m


def test_what_moved_has_no_say(room):
    frame = look(VIEW)
    moved = np.zeros(frame.depth_m.shape, bool)
    moved[30:110, 20:70] = True
    rng = np.random.default_rng(0)
    colour = np.where(moved[..., None], rng.integers(0, 255, frame.colour.shape, np.uint8), frame.colour)
    other = replace(frame, colour=colour, depth_m=np.where(moved, np.float32(0.8), frame.depth_m))
    frame = misplaced(other, [0.02, -0.01, 0.03, 0.01, 0.005, -0.008])
    tracked = track(frame, RENDERER.render(room, frame.camera))
    assert tracked.converged and error(tracked.camera, VIEW)[0] < room.voxel_size_m


def wall(view, texture):
    """A lone wall at z = 3, its colours given by texture(x, y)."""
    rays = view.rays() @ view.world_from_camera[:3, :3].T
    depth = (3 - view.position_world[2]) / rays[..., 2]
    points = view.position_world + rays * depth[..., None]
    return RgbdFrame(view, texture(points[..., 0], points[..., 1]), depth.astype(np.float32))


def plain(x, _y):
    return np.full((*x.shape, 3), 120, np.uint8)


def printed(x, y):
    wave = 128 + 50 * np.sin(5 * x + 1.3 * y) + 50 * np.sin(4 * y - 0.9 * x)
    return np.repeat(wave[..., None], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("texture", [plain, printed])
def test_what_a_view_does_not_show_stays_with_the_prior(texture):
    """Before a wall of one colour only its distance and tilt can be told; with a print on it everything can."""
    view = camera(eye=(0, 0, 0), target=(0, 0, 1), size=SIZE)
    frame = misplaced(wall(view, texture), [0.03, -0.02, 0.04, 0, 0, 0])
    empty = Memory().snapshot()
    update = Slam(RENDERER).seed(empty, [wall(view, texture)])
    memory = replace(empty, voxel_size_m=update.voxel_size_m).with_changes(update.changes)
    tracked = track(frame, RENDERER.render(memory, frame.camera))
    left = tracked.camera.position_world - view.position_world
    assert tracked.converged and abs(left[2]) < memory.voxel_size_m
    if texture is plain:
        np.testing.assert_allclose(left[:2], [0.03, -0.02], atol=0.003)
    else:
        np.testing.assert_allclose(left[:2], 0, atol=memory.voxel_size_m)


def test_what_lies_beyond_the_bound_or_fits_nothing_is_not_believed(room):
    frame = misplaced(look(VIEW), [0.08, 0, 0.05, 0, 0.02, 0])
    bound = track(frame, RENDERER.render(room, frame.camera), TrackingConfig(max_translation_m=0.02))
    assert not bound.converged and bound.camera is frame.camera
    elsewhere = replace(look(VIEW), depth_m=look(VIEW).depth_m * np.float32(0.4))
    assert not track(elsewhere, RENDERER.render(room, VIEW)).converged
    nothing = track(look(VIEW), RENDERER.render(Memory().snapshot(), VIEW))
    assert not nothing.converged and nothing.camera.world_from_camera is look(VIEW).camera.world_from_camera


def test_a_drifting_path_is_followed_and_reported(room):
    """The correction of one frame is the next one's prior, so that drift far beyond one frame's bound is undone."""
    path = [camera(eye=(0.05 * n, -0.6, -2.6), target=(0.6, -0.3, 1.0), size=SIZE) for n in range(10)]
    drift = [se3.exp(np.array([0.012, 0.006, -0.01, 0.002, 0.003, 0]) * n) for n in range(10)]
    tracker = Tracker(TrackingConfig(max_translation_m=0.06))
    for view, wrong in zip(path, drift, strict=True):
        frame = replace(look(view), camera=Camera(view.intrinsics, se3.orthonormal(view.world_from_camera @ wrong)))
        tracker.register(frame, RENDERER.render(room, tracker.prior(frame.camera)))
    errors = [error(found, true)[0] for found, true in zip(tracker.cameras, path, strict=True)]
    health = tracker.health()
    assert max(errors) < room.voxel_size_m and health["tracked_ratio"] == 1
    assert health["pose_correction_max_m"] == pytest.approx(np.linalg.norm(drift[-1][:3, 3]), abs=0.02)
