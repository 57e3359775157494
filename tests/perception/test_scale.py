"""A stated length gives the one factor that makes it true."""

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.perception.scale import scale_from_pixels, scale_from_points
from tests.worlds import camera, look


def test_the_factor_makes_the_statement_true() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b, length = rng.normal(size=3), rng.normal(size=3), rng.uniform(0.1, 50)
        change = Similarity(scale_from_points(a, b, length))
        assert np.linalg.norm(change.points(a) - change.points(b)) == pytest.approx(length)


def test_two_pixels_of_a_view() -> None:
    view = camera(eye=(0.2, -0.4, -3.0))
    frame = look(view, pillar=False)
    world = np.array([[-2.0, 0.5, 4.0], [1.5, -1.0, 4.0]])  # on the wall ahead
    pixels, _ = view.project(world)
    factor = scale_from_pixels(view, frame.depth_m, tuple(pixels[0]), tuple(pixels[1]), 7.0)
    assert factor == pytest.approx(7 / np.linalg.norm(world[0] - world[1]), rel=1e-3)


def test_a_pixel_without_depth_borrows_its_neighbours() -> None:
    view = Camera(Intrinsics(10, 10, 10, 10, 20, 20), np.eye(4))
    depth = np.full((20, 20), 2, np.float32)
    whole = scale_from_pixels(view, depth, (4.5, 10.5), (14.5, 10.5), 4.0)
    depth[10, 4], depth[10, 14] = 0, np.inf
    assert scale_from_pixels(view, depth, (4.5, 10.5), (14.5, 10.5), 4.0) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("first", "second", "length", "match"),
    [
        ((-1.0, 5.0), (5.0, 5.0), 1.0, "outside"),
        ((5.0, 5.0), (20.0, 5.0), 1.0, "outside"),
        ((float("nan"), 5.0), (5.0, 5.0), 1.0, "outside"),
        ((1.0, 1.0), (15.0, 15.0), 1.0, "sky"),
        ((15.0, 15.0), (15.0, 15.0), 1.0, "apart"),
        ((15.0, 15.0), (12.0, 12.0), 0.0, "length"),
        ((15.0, 15.0), (12.0, 12.0), float("inf"), "length"),
        ((15.0, 15.0), (12.0, 12.0), 99_999.0, "apart"),
    ],
)
def test_statements_that_cannot_be_used(first, second, length, match) -> None:
    view = Camera(Intrinsics(10, 10, 10, 10, 20, 20), np.eye(4))
    depth = np.full((20, 20), 2, np.float32)
    depth[:6, :6] = np.inf
    with pytest.raises(InvalidInputError, match=match):
        scale_from_pixels(view, depth, first, second, length)


def test_depth_of_another_size_is_refused() -> None:
    view = Camera(Intrinsics(10, 10, 10, 10, 20, 20), np.eye(4))
    with pytest.raises(InvalidInputError, match="shape"):
        scale_from_pixels(view, np.ones((10, 20), np.float32), (1, 1), (2, 2), 1.0)
