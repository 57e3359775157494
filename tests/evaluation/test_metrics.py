import math

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.metrics import interval, psnr, ssim, ssim_map, weighted_mean

rng = np.random.default_rng(0)


def picture(height=40, width=50):
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def flat(value, shape=(20, 20, 3)):
    return np.full(shape, value, np.uint8)


def test_psnr_of_a_known_error():
    assert psnr(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))
    assert psnr(flat(0), flat(255)) == 0
    assert psnr(flat(7), flat(7)) == math.inf


def test_psnr_is_symmetric_and_sees_only_the_mask():
    a, b = picture(), picture()
    assert psnr(a, b) == psnr(b, a)
    mask = np.zeros((40, 50), bool)
    mask[:10] = True
    half = b.copy()
    half[:10] = a[:10]
    assert psnr(a, half, mask) == math.inf
    assert psnr(a, half, ~mask) == pytest.approx(psnr(a[10:], b[10:]))
    assert math.isnan(psnr(a, b, np.zeros((40, 50), bool)))


def test_ssim_of_flat_pictures_is_the_luminance_term():
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(flat(100), flat(150)) == pytest.approx(expected, abs=1e-9)


def test_ssim_laws():
    a, b = picture(), picture()
    assert ssim(a, a) == pytest.approx(1)
    assert ssim(a, b) == pytest.approx(ssim(b, a))
    assert ssim(a, 255 - a) < 0 < 1
    noise = rng.normal(0, 1, a.shape)
    noisy = [np.clip(a + s * noise, 0, 255).astype(np.uint8) for s in (2, 10, 40)]
    assert ssim(a, noisy[0]) > ssim(a, noisy[1]) > ssim(a, noisy[2])


def test_ssim_equals_its_slow_twin():
    a, b = picture(16, 14)[..., 0], picture(16, 14)[..., 0]
    at = np.arange(11) - 5
    line = np.exp(-(at**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    slow = np.empty((6, 4))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for y in range(6):
        for x in range(4):
            p, q = a[y : y + 11, x : x + 11].astype(float), b[y : y + 11, x : x + 11].astype(float)
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            cov = (weights * (p - mp) * (q - mq)).sum()
            slow[y, x] = (2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2))
    np.testing.assert_allclose(ssim_map(a, b), slow, atol=1e-9)


def test_ssim_mask_takes_the_windows_centres():
    a, b = picture(), picture()
    b[:, :25] = a[:, :25]
    left = np.zeros((40, 50), bool)
    left[:, :20] = True
    assert ssim(a, b, left) == pytest.approx(1)
    assert ssim(a, b) < 1
    assert math.isnan(ssim(a, b, np.zeros((40, 50), bool)))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InvalidInputError, match="same size"):
        psnr(picture(40, 50), picture(50, 40))
    with pytest.raises(InvalidInputError, match="float64"):
        ssim(picture().astype(float), picture())
    with pytest.raises(InvalidInputError, match="mask"):
        psnr(picture(), picture(), np.ones((3, 3), bool))
    with pytest.raises(InvalidInputError, match="smaller"):
        ssim(picture(8, 50), picture(8, 50))


def test_the_interval_holds_the_mean_and_narrows_with_more_values():
    values = rng.normal(5, 1, 400)
    low, high = interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    few_low, few_high = interval(values[:25])
    assert few_high - few_low > 2 * (high - low)
    assert interval(values) == (low, high)


def test_weighed_ratios_are_the_ratio_of_sums_and_gaps_are_left_out():
    above, below = np.array([1.0, 9.0, 4.0]), np.array([2.0, 3.0, 8.0])
    assert weighted_mean(above / below, below) == pytest.approx(above.sum() / below.sum())
    low, high = interval(above / below, below)
    assert low < above.sum() / below.sum() < high
    assert weighted_mean([1.0, math.nan, 3.0, math.inf]) == 2.0
    assert math.isnan(weighted_mean([math.nan])) and all(map(math.isnan, interval([math.nan])))
