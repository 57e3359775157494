"""Laws of the sample: its depth and its poses agree between frames, geometrically and in colour."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from spatia_bridge.errors import NotFoundError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.samples import names, sample_path
from spatia_bridge.samples.capture import Capture, load_capture

PAIRS = [(0, 2), (3, 8), (10, 6), (18, 20), (24, 26), (33, 30), (40, 44), (47, 49), (51, 52), (0, 52)]
MAX_BYTES = 4_000_000


@pytest.fixture(scope="module")
def walk() -> Capture:
    return load_capture(sample_path())


def _static(frame: RgbdFrame) -> npt.NDArray[np.bool_]:
    assert frame.object_ids is not None
    return np.asarray(frame.valid_depth() & (frame.object_ids == 0))


def _sample(image: npt.NDArray[np.float32], uv: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Bilinear values of an image at continuous pixels (H, W, 2), 0 outside."""
    u, v = (uv - 0.5).astype(np.float32).transpose(2, 0, 1)
    return np.asarray(cv2.remap(image, u, v, cv2.INTER_LINEAR, borderValue=(0.0, 0.0, 0.0)))


def _visible(a: RgbdFrame, b: RgbdFrame) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Static pixels of `a` that `b` sees too, where they land in b, and b's depth there.

    Inverse depth is linear over the image of a plane, so it is what may be interpolated. Not occluded: within 2 percent.
    """
    uv, depth = b.camera.project(a.camera.back_project(a.depth_m))
    static_b = _static(b)
    inverse = np.where(static_b, 1.0 / np.where(static_b, b.depth_m, 1.0), 0.0).astype(np.float32)
    whole = _sample(static_b.astype(np.float32), uv) > 0.999  # all four neighbours are there
    depth_b = (1.0 / np.maximum(_sample(inverse, uv), 1e-6)).astype(np.float32)
    seen = _static(a) & (depth > 0.1) & whole & (np.abs(depth_b - depth) < 0.02 * depth)
    return seen, uv, depth_b


def test_the_sample_is_there_and_small() -> None:
    assert "freedoom_walk" in names()
    assert sum(file.stat().st_size for file in sample_path().iterdir()) < MAX_BYTES
    assert "Contributors to the Freedoom project" in (sample_path() / "LICENSE").read_text(encoding="utf-8")
    with pytest.raises(NotFoundError, match="freedoom_walk"):
        sample_path("nowhere")


def test_the_walk_is_closed_smooth_and_upright(walk: Capture) -> None:
    poses = np.array([frame.camera.world_from_camera for frame in walk.frames])
    times = np.array([frame.time_secs for frame in walk.frames])
    assert 49 <= len(poses) <= 65
    np.testing.assert_allclose(poses[-1], poses[0], atol=1e-9)
    steps_m = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    turns = np.arccos(np.clip(np.einsum("nij,nij->n", poses[1:, :3, :3], poses[:-1, :3, :3]) / 2 - 0.5, -1, 1))
    assert steps_m.max() < 0.55
    assert 10 < steps_m.sum() < 30
    assert np.degrees(turns.max()) < 16
    assert np.degrees(turns.sum()) >= 359
    np.testing.assert_allclose(poses[:, :3, 1], np.broadcast_to([0.0, 1.0, 0.0], (len(poses), 3)), atol=1e-12)
    assert times[0] == 0
    assert 8 < times[-1] < 10
    assert (np.diff(times) > 0).all()


def test_depth_is_nearly_everywhere_and_sprites_are_named(walk: Capture) -> None:
    known = [frame.valid_depth().mean() for frame in walk.frames]
    assert np.mean(known) > 0.97
    assert min(known) > 0.9
    ids = {int(i) for frame in walk.frames if frame.object_ids is not None for i in np.unique(frame.object_ids)}
    assert 0 in ids
    assert len(ids) >= 5


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_surfaces_reproject_there_and_back_within_a_pixel(walk: Capture, a: int, b: int) -> None:
    frame_a, frame_b = walk.frames[a], walk.frames[b]
    seen, uv, depth_b = _visible(frame_a, frame_b)
    assert seen.mean() > 0.15
    k = frame_b.camera.intrinsics
    rays = np.stack([(uv[..., 0] - k.cx) / k.fx, (uv[..., 1] - k.cy) / k.fy, np.ones(uv.shape[:2])], axis=-1)
    pose = frame_b.camera.world_from_camera
    back, _ = frame_a.camera.project(rays * depth_b[..., None] @ pose[:3, :3].T + pose[:3, 3])
    columns, rows = np.meshgrid(np.arange(k.width) + 0.5, np.arange(k.height) + 0.5)
    error = np.linalg.norm(back - np.stack([columns, rows], axis=-1), axis=-1)[seen]
    assert (error < 1.0).mean() >= 0.99


def _colour_error(a: RgbdFrame, b: RgbdFrame) -> float:
    """Mean absolute difference (of 255) between a and b warped to a."""
    seen, uv, _ = _visible(a, b)
    warped = _sample(b.colour.astype(np.float32), uv)
    return float(np.abs(warped - a.colour)[seen].mean())


def _with(frame: RgbdFrame, camera: Camera) -> RgbdFrame:
    return RgbdFrame(camera, frame.colour, frame.depth_m, frame.object_ids)


def _mirrored_yaw(frame: RgbdFrame) -> RgbdFrame:
    pose = frame.camera.world_from_camera.copy()
    pose[0, 2], pose[2, 0] = -pose[0, 2], -pose[2, 0]
    return _with(frame, Camera(frame.camera.intrinsics, pose))


def _mirrored_world(frame: RgbdFrame) -> RgbdFrame:
    pose = frame.camera.world_from_camera.copy()
    pose[0, 3] = -pose[0, 3]
    return _with(frame, Camera(frame.camera.intrinsics, pose))


def _longer_lens(frame: RgbdFrame) -> RgbdFrame:
    k = frame.camera.intrinsics
    wrong = Intrinsics(k.fx * 1.2, k.fy, k.cx, k.cy, k.width, k.height)
    return _with(frame, Camera(wrong, frame.camera.world_from_camera))


def _warp_error(a: RgbdFrame, b: RgbdFrame) -> float:
    """As `_colour_error` but over all that lands in the image, so that a wrong camera cannot hide by seeing less."""
    uv, depth = b.camera.project(a.camera.back_project(a.depth_m))
    k = b.camera.intrinsics
    inside = (uv > 1).all(axis=-1) & (uv[..., 0] < k.width - 1) & (uv[..., 1] < k.height - 1) & (depth > 0.1)
    counted = inside & _static(a)
    if counted.mean() < 0.02:
        return 0.0  # it lands nowhere
    warped = _sample(b.colour.astype(np.float32), uv)
    return float(np.abs(warped - a.colour)[counted].mean())


def test_colours_agree_between_frames(walk: Capture) -> None:
    errors = [_colour_error(walk.frames[a], walk.frames[b]) for a, b in PAIRS]
    assert np.mean(errors) < 4.0
    assert max(errors) < 5.0


@pytest.mark.parametrize("wrong", [_mirrored_yaw, _mirrored_world, _longer_lens])
def test_a_wrong_camera_shows_in_the_colours(walk: Capture, wrong: Callable[[RgbdFrame], RgbdFrame]) -> None:
    turning = [(18, 20), (24, 26), (28, 30), (40, 43), (45, 47)]
    right = np.mean([_warp_error(walk.frames[a], walk.frames[b]) for a, b in turning])
    errors = np.array([_warp_error(wrong(walk.frames[a]), wrong(walk.frames[b])) for a, b in turning])
    assert np.mean(errors[errors > 0]) > 2.0 * right


def test_the_floor_lies_flat_at_the_feet(walk: Capture) -> None:
    """A level walk says nothing about fy in its colours; that the floor is 41 map units below the eye everywhere does."""
    for frame in walk.frames[::4]:
        lowest = frame.camera.back_project(frame.depth_m)[-20:]
        floor = _static(frame)[-20:] & (frame.depth_m[-20:] < 3.5)
        below_eye_m = (lowest[..., 1] - frame.camera.position_world[1])[floor]
        on_floor = np.abs(below_eye_m - 41 / 32) < 0.002
        assert on_floor.mean() > 0.5
        assert below_eye_m.max() < 41 / 32 + 0.002  # and nothing lies below it
