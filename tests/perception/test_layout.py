"""What the layout estimator must get right on places of known geometry, and must survive on pictures of nothing."""

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.metrics import psnr
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory import Cause, Memory
from spatia_bridge.perception.layout import LayoutConfig, LayoutEstimator
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.update import Slam
from tests.perception.scenes import HEIGHT, WIDTH, Photo, room, street

ESTIMATOR = LayoutEstimator()

PLACES = {
    "room": room(),
    "room, turned and tilted down": room(8, 0, 20),
    "room, rolled": room(12, -3, -15),
    "room, far down": room(20, 0, 10),
    "room with a block": room(6, 0, 12, thing=True),
    "street": street(),
    "street, tilted up": street(-8, 20),
    "street, tilted down": street(5, -15),
}


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


@pytest.fixture(scope="module")
def estimates():
    return {name: ESTIMATOR.estimate(photo.colour, photo.intrinsics) for name, photo in PLACES.items()}


@pytest.mark.parametrize("name", PLACES)
def test_the_horizon_is_found_within_a_degree(estimates, name: str) -> None:
    assert angle_deg(estimates[name].gravity_camera, PLACES[name].down) < 1


@pytest.mark.parametrize("name", PLACES)
def test_the_ground_lies_where_it_is(estimates, name: str) -> None:
    photo, estimate = PLACES[name], estimates[name]
    error = np.abs(estimate.depth_m[photo.ground] / photo.depth_m[photo.ground] - 1)
    assert np.quantile(error, 0.9) < 0.04


@pytest.mark.parametrize("name", PLACES)
def test_walls_stand_where_they_do(estimates, name: str) -> None:
    photo, estimate = PLACES[name], estimates[name]
    upright = ~photo.ground & ~photo.sky & np.isfinite(estimate.depth_m)
    error = np.abs(estimate.depth_m[upright] / photo.depth_m[upright] - 1)
    assert np.median(error) < 0.04
    assert np.quantile(error, 0.9) < 0.06


@pytest.mark.parametrize("name", PLACES)
def test_sky_is_infinitely_far_and_nothing_else_is(estimates, name: str) -> None:
    far, sky = np.isinf(estimates[name].depth_m), PLACES[name].sky
    assert (far & sky).sum() >= 0.97 * (far | sky).sum()


def test_a_ceiling_is_found_where_it_is_seen(estimates) -> None:
    photo, estimate = PLACES["room"], estimates["room"]
    rays = Camera(photo.intrinsics, np.eye(4)).rays()
    ceiling = ~photo.ground & (np.abs(photo.depth_m * rays[..., 1] + 1.2) < 1e-3)
    assert ceiling.any()
    assert np.abs(estimate.depth_m / photo.depth_m - 1)[ceiling].max() < 0.04


def test_a_block_stands_before_the_wall(estimates) -> None:
    name = "room with a block"
    photo, estimate = PLACES[name], estimates[name]
    plain = room(6, 0, 12)
    block = photo.depth_m < plain.depth_m - 0.05
    assert np.median(np.abs(estimate.depth_m / photo.depth_m - 1)[block]) < 0.08


@pytest.mark.parametrize("name", PLACES)
def test_surfaces_are_continuous(estimates, name: str) -> None:
    """No spikes: a pixel is never off both its neighbours to the same side, and cuts are few."""
    with np.errstate(invalid="ignore", divide="ignore"):
        inverse = 1 / estimates[name].depth_m
    for axis in (0, 1):
        step = np.diff(inverse, axis=axis)
        first, second = (step[:-1], step[1:]) if axis == 0 else (step[:, :-1], step[:, 1:])
        local = np.median(np.abs(inverse)) * 0.15
        spikes = (first * second < 0) & (np.minimum(np.abs(first), np.abs(second)) > local)
        assert spikes.mean() < 1e-4
        assert (np.abs(step) > local).mean() < 0.02


def test_equal_pictures_give_equal_depth() -> None:
    photo = PLACES["room with a block"]
    first, second = (LayoutEstimator().estimate(photo.colour.copy(), photo.intrinsics) for _ in range(2))
    np.testing.assert_array_equal(first.depth_m, second.depth_m)
    np.testing.assert_array_equal(first.confidence, second.confidence)
    np.testing.assert_array_equal(first.gravity_camera, second.gravity_camera)
    assert first.warnings == second.warnings


def test_sizes_are_in_proportion_to_the_assumed_height() -> None:
    photo = PLACES["room"]
    low, high = (LayoutEstimator(LayoutConfig(camera_height_m=h)).estimate(photo.colour, photo.intrinsics) for h in (1.5, 3.0))
    assert np.median(high.depth_m / low.depth_m) == pytest.approx(2, rel=0.02)
    assert "3 m" in high.warnings[0]


def test_the_suggested_pose_is_upright_with_the_ground_at_zero(estimates) -> None:
    for name, estimate in estimates.items():
        photo, pose = PLACES[name], se3.as_rigid(estimate.world_from_camera)
        np.testing.assert_allclose(pose[:3, :3] @ estimate.gravity_camera, (0, 1, 0), atol=1e-9)
        finite = np.where(np.isfinite(estimate.depth_m), estimate.depth_m, 1)
        points = Camera(photo.intrinsics, pose).back_project(finite)
        assert np.quantile(np.abs(points[photo.ground][:, 1]), 0.9) < 0.1


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


NOTHINGS = {
    "grey": np.full((HEIGHT, WIDTH, 3), 128, np.uint8),
    "black": np.zeros((HEIGHT, WIDTH, 3), np.uint8),
    "white": np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
    "blue": np.full((HEIGHT, WIDTH, 3), (90, 140, 230), np.uint8),
    "two colours": np.repeat(np.repeat(np.array([[[200, 200, 200]], [[90, 60, 30]]], np.uint8), 60, 0), 160, 1),
    "noise": _noise(112, 200),
    "one pixel": _noise(1, 1),
    "one row": _noise(1, 300),
    "one column": _noise(300, 1),
    "two by two": _noise(2, 2),
    "a strip": _noise(7, 900),
}


@pytest.mark.parametrize("name", NOTHINGS)
@pytest.mark.parametrize("focal", [0.3, 0.9, 20.0])
@pytest.mark.parametrize("shift", [0.5, -2.0, 3.0])
def test_pictures_of_nothing_give_a_usable_stage(name: str, focal: float, shift: float) -> None:
    """Also through a very wide or long lens, and with the principal point far outside: the horizon is not in the picture."""
    colour = NOTHINGS[name]
    height, width = colour.shape[:2]
    side = max(height, width)
    k = Intrinsics(focal * side, focal * side, width / 2, shift * height, width, height)
    estimate = ESTIMATOR.estimate(colour, k)
    depth = estimate.depth_m
    assert depth.shape == (height, width) and depth.dtype == np.float32
    assert not np.isnan(depth).any() and (depth > 0).all()
    assert depth[np.isfinite(depth)].max(initial=0) < 1000
    assert np.isfinite(estimate.confidence).all() and estimate.confidence.dtype == np.float32
    assert estimate.confidence.min() >= 0 and estimate.confidence.max() <= 1
    assert len(estimate.warnings) >= 2
    se3.as_rigid(estimate.world_from_camera)


@pytest.mark.parametrize("colour", [np.zeros((8, 9, 3), np.uint8), np.zeros((9, 8), np.uint8), np.zeros((9, 8, 3), np.float32)])
def test_a_picture_of_another_size_is_refused(colour: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="picture"):
        ESTIMATOR.estimate(colour, Intrinsics(8, 8, 4, 4.5, 8, 9))


def _seeded(photo: Photo) -> tuple[Memory, Camera]:
    frame = ESTIMATOR.estimate(photo.colour, photo.intrinsics).as_frame(photo.colour, photo.intrinsics)
    memory = Memory()
    base = memory.snapshot()
    memory.commit(Slam(CpuRenderer()).seed(base, [frame]), base, Cause.SEED)
    return memory, frame.camera


@pytest.mark.parametrize("name", ["room, turned and tilted down", "street"])
def test_the_seeded_memory_shows_the_photo_and_the_place_from_beside(name: str) -> None:
    photo = PLACES[name]
    memory, camera = _seeded(photo)
    seen = CpuRenderer().render(memory.snapshot(), camera)
    assert seen.coverage.mean() >= 0.97
    assert psnr(seen.colour, photo.colour, seen.coverage) >= 25
    # half a metre ahead nothing new comes into view: what opens are tears
    moved = camera.world_from_camera.copy()
    moved[:3, 3] += 0.5 * moved[:3, 2] * (1, 0, 1)
    assert CpuRenderer().render(memory.snapshot(), Camera(photo.intrinsics, moved)).coverage.mean() > 0.97
