"""The laws of hole filling: the far side fills, planes stay planes, confidence falls."""

import numpy as np
import pytest

from spatia_bridge.generation.fill import LEAST_CONFIDENCE, RIM_CONFIDENCE, fill


def near_and_far(hole: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red column (2 m) left of a blue wall (8 m), a hole of some columns between or across them."""
    colour, depth = np.zeros((60, 90, 3), np.uint8), np.zeros((60, 90), np.float32)
    colour[:, :40], colour[:, 40:] = (250, 10, 10), (10, 10, 250)
    depth[:, :40], depth[:, 40:] = 2.0, 8.0
    covered = np.ones((60, 90), bool)
    covered[:, hole] = False
    colour[~covered], depth[~covered] = 0, 0
    return colour, depth, covered


@pytest.mark.parametrize("width", [1, 2, 5, 13, 30])
def test_the_far_side_fills_a_hole_up_to_the_near_ones_edge(width: int) -> None:
    colour, depth, covered = near_and_far(slice(40, 40 + width))
    filled, filled_depth, _ = fill(colour, depth, covered)
    hole = ~covered
    assert (filled[hole][:, 2] > 240).all() and (filled[hole][:, 0] < 20).all()
    assert np.allclose(filled_depth[hole], 8.0, rtol=1e-3)


def test_a_hole_in_the_near_surface_stays_near() -> None:
    colour, depth, covered = near_and_far(slice(0, 0))
    covered[20:24, 30:34] = False
    filled, filled_depth, _ = fill(colour, depth, covered)
    assert (filled[20:24, 30:34, 0] > 240).all() and np.allclose(filled_depth[20:24, 30:34], 2.0, rtol=1e-3)


def test_a_hole_in_a_slanted_plane_is_filled_with_the_plane() -> None:
    rows = np.arange(60, dtype=np.float32)
    depth = np.repeat((1 / (0.02 + 0.005 * rows))[:, None], 90, axis=1).astype(np.float32)
    covered = np.ones((60, 90), bool)
    covered[25:35, 20:60] = False
    truth, depth[~covered] = depth.copy(), 0
    _, filled_depth, _ = fill(np.full((60, 90, 3), 99, np.uint8), depth, covered)
    assert np.abs(filled_depth / truth - 1).max() < 0.2


def test_the_sky_fills_with_sky() -> None:
    colour, depth, covered = near_and_far(slice(40, 60))
    depth[:, 60:] = 0  # covered, no depth: infinitely far
    filled, filled_depth, _ = fill(colour, depth, covered)
    assert (filled_depth[:, 40:60] == 0).all() and (filled[:, 40:60, 2] > 240).all()


def test_confidence_falls_away_from_what_is_known() -> None:
    colour, depth, covered = near_and_far(slice(30, 90))
    _, _, confidence = fill(colour, depth, covered)
    assert (confidence[:, :30] == 1).all()
    row = confidence[30, 30:]
    assert 0.6 * RIM_CONFIDENCE < row[0] <= RIM_CONFIDENCE and row[-1] < RIM_CONFIDENCE / 2
    assert (np.diff(row) <= 1e-6).all() and (confidence >= LEAST_CONFIDENCE - 1e-6).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (17, 33)])
def test_any_size_and_any_single_pixel_will_do(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 255, (*shape, 3), np.uint8)
    depth = rng.uniform(1, 5, shape).astype(np.float32)
    covered = np.zeros(shape, bool)
    covered[shape[0] // 2, shape[1] // 3] = True
    filled, filled_depth, _ = fill(colour, depth, covered)
    assert (filled == colour[covered]).all() and np.allclose(filled_depth, depth[covered])


def test_many_random_masks_end_and_stay_within_the_colours_seen() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        colour = rng.integers(40, 200, (31, 45, 3), np.uint8)
        depth = np.exp(rng.uniform(0, 5, (31, 45))).astype(np.float32)
        covered = rng.random((31, 45)) < rng.uniform(0.01, 0.9)
        covered[0, 0] = True
        filled, filled_depth, _ = fill(colour, depth, covered)
        assert np.array_equal(filled[covered], colour[covered]) and np.array_equal(filled_depth[covered], depth[covered])
        assert filled.min() >= 40 and filled.max() <= 200 and (filled_depth > 0).all()


def test_it_ends_whatever_the_depths():
    """Noise in depth leaves no two pixels on one surface: means of far ones come to lie before every rim."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        size = tuple(rng.integers(1, 17, 2))
        depth_m = (2 * np.exp(rng.normal(0, 1, size))).astype(np.float32)
        covered = rng.random(size) < rng.random()
        _, filled_m, confidence = fill(np.zeros((*size, 3), np.uint8), depth_m, covered)
        assert np.array_equal(filled_m[covered], depth_m[covered])
        if covered.any():
            assert (confidence > 0).all()
            low, high = depth_m[covered].min(), depth_m[covered].max()
            assert low * 0.9999 <= filled_m.min() and filled_m.max() <= high * 1.0001
