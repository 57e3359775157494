"""Estimated depth meets known depth: what is off by a scale and a shift comes back, what is wrong is not believed."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError, RejectedUpdateError
from spatia_bridge.frames import GeneratedFrame, Take
from spatia_bridge.memory import Memory
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.depth_scale import DepthScaleConfig, fit_depth_scale
from spatia_bridge.slam.update import Slam
from tests.worlds import camera, look

TRUE = look(camera()).depth_m
ALL = np.ones(TRUE.shape, bool)


def estimate(scale=1.0, shift_per_m=0.0):
    """What an estimator says whose inverse depths are (inverse − shift) / scale."""
    return (scale / (1 / TRUE - shift_per_m)).astype(np.float32)


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.0, 1.25, 4.0])
@pytest.mark.parametrize("shift_per_m", [-0.05, 0.0, 0.04])
def test_scale_and_shift_come_back(scale, shift_per_m):
    found = fit_depth_scale(estimate(scale, shift_per_m), TRUE, ALL)
    assert found.believed and found.inlier_ratio > 0.99
    assert found.scale == pytest.approx(scale, rel=1e-3) and found.shift_per_m == pytest.approx(shift_per_m, abs=1e-3)
    np.testing.assert_allclose(found.apply(estimate(scale, shift_per_m)), TRUE, rtol=1e-3)


def test_noise_and_a_third_of_nonsense_do_not_sway_it():
    rng = np.random.default_rng(1)
    noisy = estimate(1.6, 0.02) * rng.normal(1, 0.02, TRUE.shape).astype(np.float32)
    noisy[:, :32] = rng.uniform(0.5, 20.0, (1,)).astype(np.float32)  # one third of the picture is a wall that is not there
    found = fit_depth_scale(noisy, TRUE, ALL, DepthScaleConfig(tolerance=0.08))
    assert found.believed and found.inlier_ratio < 0.75
    kept = found.apply(noisy)[:, 32:] / TRUE[:, 32:]
    assert abs(np.median(kept) - 1) < 0.01


def test_pixels_beside_edges_have_no_say():
    """An estimate whose edges lie 3 pixels off is right everywhere else; those pixels would pull it."""
    shifted = np.roll(TRUE, 3, axis=1)
    straight = fit_depth_scale(TRUE, TRUE, ALL)
    assert straight.overlap < 0.95
    bent = np.abs(shifted / TRUE - 1) > 0.2
    assert bent.any()
    found = fit_depth_scale(np.where(bent, shifted, TRUE).astype(np.float32), TRUE, ALL)
    assert found.scale == pytest.approx(1, abs=1e-3) and found.residual < 1e-3


def test_a_view_of_one_distance_tells_no_shift():
    wall = np.full((48, 64), 3.0, np.float32)
    found = fit_depth_scale(wall * 2, wall, np.ones(wall.shape, bool))
    assert (found.scale, found.shift_per_m) == (pytest.approx(2), 0) and found.believed


def test_unknown_and_infinite_stay_what_they_are():
    seen = estimate(2.0)
    seen[0, 0], seen[0, 1], seen[0, 2] = 0, np.inf, 1e5
    found = fit_depth_scale(seen, TRUE, ALL)
    aligned = replace(found, shift_per_m=-0.01).apply(seen)
    assert aligned[0, 0] == 0 and np.isposinf(aligned[0, 1]) and aligned[0, 2] == 0 and np.isfinite(aligned[1:]).all()


def test_what_fits_nothing_is_not_believed_and_says_why():
    rng = np.random.default_rng(2)
    nonsense = np.repeat(np.repeat(rng.uniform(1, 9, (8, 12)), 8, axis=0), 8, axis=1).astype(np.float32)
    assert "agree" in fit_depth_scale(nonsense, TRUE, ALL).problem
    assert "shows 0.0%" in fit_depth_scale(TRUE, TRUE, ~ALL).problem
    assert "scale" in fit_depth_scale(TRUE * 50, TRUE, ALL).problem
    with pytest.raises(InvalidInputError, match="shapes"):
        fit_depth_scale(TRUE[1:], TRUE, ALL)


class Estimator(DepthEstimator):
    """Knows the room, at a scale of its own; or sees a picket fence everywhere."""

    name = "test"

    def __init__(self, views, factor, *, nonsense=False):
        self._depth = {look(view).colour.tobytes(): look(view).depth_m for view in views}
        self._factor, self._nonsense = factor, nonsense

    def estimate(self, colour, _intrinsics):
        depth = self._depth[colour.tobytes()] * np.float32(self._factor)
        if self._nonsense:
            depth = np.where(np.arange(depth.shape[1]) // 8 % 2, np.float32(1), np.float32(9)) * np.ones_like(depth)
        return DepthEstimate(depth, np.ones_like(depth), np.array([0.0, 1.0, 0.0]), 1.5)


@pytest.mark.parametrize("nonsense", [False, True])
def test_a_take_without_depth_is_folded_in_at_the_scale_of_memory(nonsense):
    views = [camera(), camera(eye=(0.3, -0.5, -2.9), target=(0.4, -0.5, 1.0))]
    empty = Memory().snapshot()
    seeded = Slam(CpuRenderer()).seed(empty, [look(camera())])
    base = replace(empty, voxel_size_m=seeded.voxel_size_m).with_changes(seeded.changes)
    take = Take(1, 1, tuple(views), tuple(GeneratedFrame(n, look(view).colour) for n, view in enumerate(views)))
    slam = Slam(CpuRenderer(), estimator=Estimator(views, 1.25, nonsense=nonsense))
    if nonsense:
        with pytest.raises(RejectedUpdateError):
            slam.update(base, take)
        return
    update = slam.update(base, take)
    assert update.health["depth_scale_mean"] == pytest.approx(1.25, rel=0.02) and update.health["depth_scale_believed_ratio"] == 1
    seen = CpuRenderer().render(base.with_changes(update.changes), views[1])
    open_before = ~CpuRenderer().render(base, views[1]).coverage & seen.coverage
    assert open_before.sum() > 50
    assert np.median(np.abs(seen.depth_m / look(views[1]).depth_m - 1)[open_before]) < 0.02
