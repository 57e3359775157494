"""Scores that must prefer what is better: who samples from the truth's distribution, detail like the truth's, the right depth."""

import math

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.samples import (
    energy_score,
    gradient_energy,
    laplacian_patches,
    log_depth_error,
    mean_psnr,
    sliced_wasserstein,
    spread,
    telea,
)
from tests.worlds import camera, look

RNG = np.random.default_rng(3)
ALL = np.ones((24, 32), bool)
VIEW = look(camera())


def flat(level: float, noise: float = 0.0, rng=RNG):
    return np.clip(level + noise * rng.standard_normal((24, 32, 3)), 0, 255).astype(np.uint8)


def test_of_one_sample_the_energy_score_is_its_error():
    assert energy_score([flat(100)], flat(110), ALL) == pytest.approx(10)
    assert energy_score([flat(100)], flat(100), ALL) == 0
    assert math.isnan(energy_score([flat(100)], flat(100), ~ALL))


def test_the_energy_score_is_proper():
    """The truth is bright or dark: sampling both beats the mean between them, which beats being sure of the wrong one."""
    truths = [flat(60) if n % 2 else flat(180) for n in range(8)]
    both = [flat(60), flat(180)] * 4
    scores = {
        name: np.mean([energy_score(samples, truth, ALL) for truth in truths])
        for name, samples in (("both", both), ("mean", [flat(120)]), ("one", [flat(60)]), ("too wide", [flat(0), flat(240)] * 4))
    }
    assert scores["both"] < scores["mean"] <= scores["one"]
    assert scores["both"] < scores["too wide"]


def test_only_the_mask_counts():
    where = ALL.copy()
    where[:, 16:] = False
    wrong = flat(100)
    wrong[:, 16:] = 0
    assert energy_score([wrong], flat(100), where) == 0
    assert mean_psnr([wrong], flat(100), where) == math.inf
    assert spread([wrong, flat(100)], where) == 0


def test_the_mean_of_samples_is_nearer_than_each():
    noisy = [flat(100, 20) for _ in range(8)]
    one = mean_psnr(noisy[:1], flat(100), ALL)
    assert mean_psnr(noisy, flat(100), ALL) == pytest.approx(one + 10 * math.log10(8), abs=0.5)
    assert spread(noisy, ALL) == pytest.approx(20 * math.sqrt(2), rel=0.05)


def test_patches_know_texture_from_smears():
    rng = np.random.default_rng(1)
    truth, same_kind, smooth = (laplacian_patches(flat(100, noise, rng), ALL) for noise in (20, 20, 2))
    assert truth.shape == (18 * 26, 7 * 7 * 3)
    assert sliced_wasserstein(truth, truth) == 0
    assert sliced_wasserstein(same_kind, truth) < 0.3 * sliced_wasserstein(smooth, truth)
    with pytest.raises(InvalidInputError):
        sliced_wasserstein(truth, truth[:0])


def test_patches_lie_wholly_in_the_hole():
    where = np.zeros((24, 32), bool)
    where[4:12, 5:14] = True
    assert len(laplacian_patches(VIEW.colour[:24, :32], where)) == (8 - 6) * (9 - 6)
    assert laplacian_patches(VIEW.colour[:24, :32], where & (np.arange(32) < 8)).shape == (0, 7 * 7 * 3)


def test_gradient_energy_falls_with_contrast():
    strong = flat(100, 20)
    weak = (100 + (strong.astype(float) - 100) / 2).round().astype(np.uint8)
    assert gradient_energy(weak, ALL) == pytest.approx(gradient_energy(strong, ALL) / 4, rel=0.05)
    assert math.isnan(gradient_energy(strong, ~ALL))


def test_depth_is_judged_by_ratio():
    depth = VIEW.depth_m
    where = np.ones(depth.shape, bool)
    assert log_depth_error(depth * 2, depth, where) == pytest.approx(math.log(2), rel=1e-5)
    assert log_depth_error(depth / 2, depth, where) == pytest.approx(math.log(2), rel=1e-5)


def test_telea_keeps_what_is_known_and_closes_a_wall():
    covered = np.ones(VIEW.depth_m.shape, bool)
    covered[20:26, 10:16] = False
    colour, depth = telea(VIEW.colour * covered[..., None], VIEW.depth_m * covered, covered)
    assert (colour[covered] == VIEW.colour[covered]).all()
    assert (depth[covered] == VIEW.depth_m[covered]).all()
    assert log_depth_error(depth, VIEW.depth_m, ~covered) < 0.1
    nothing = telea(VIEW.colour, VIEW.depth_m, ~np.ones_like(covered))
    assert (nothing[0] == 128).all() and not nothing[1].any()
