"""Previews of latents: laws of the map and of the estimate. No torch."""

import cv2
import numpy as np
import pytest

from spatia_bridge.generation.base import MAX_PREVIEW
from spatia_bridge.generation.preview import CleanEstimate, LatentPreview
from tests.worlds import camera, look

CHANNELS = 16


def picture(size=(192, 128), eye=(0.3, -0.5, -2.5)):
    return look(camera(eye, size=size)).colour


class LinearVae:
    """Latents that are what a linear map makes of the colours of each cell's `cells` × `cells` parts."""

    def __init__(self, scale=8, channels=CHANNELS, seed=0):
        rng = np.random.default_rng(seed)
        self.scale, self.cells = scale, max(scale // 8, 1)
        self.weights = rng.normal(size=(self.cells**2 * 3, channels))
        self.bias = rng.normal(size=channels)

    def encode(self, colour):
        """(C, h, w)."""
        parts = self.small(colour).astype(np.float64) / 127.5 - 1
        high, wide = (side // self.cells for side in parts.shape[:2])
        cells = parts.reshape(high, self.cells, wide, self.cells, 3).swapaxes(1, 2).reshape(high, wide, -1)
        return np.moveaxis(cells @ self.weights + self.bias, -1, 0).astype(np.float32)

    def small(self, colour):
        step = self.scale // self.cells
        return cv2.resize(colour, (colour.shape[1] // step, colour.shape[0] // step), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(("scale", "channels"), [(8, 16), (8, 3), (16, 48), (32, 128)])
def test_a_clips_own_latents_look_as_its_frames(scale, channels):
    """Fitted on one frame, shown on that and on another from elsewhere: levels of 255."""
    vae, size = LinearVae(scale, channels), (24 * scale, 16 * scale)
    one, other = picture(size), picture(size, eye=(-0.6, -0.4, -1.5))
    preview = LatentPreview.fit(vae.encode(one), one)
    for colour, most, mean in ((one, 2, 0.1), (other, 40, 0.5)):
        shown = preview.picture(vae.encode(colour))
        assert shown.dtype == np.uint8 and shown.shape == (2 * scale, 3 * scale, 3)  # an eighth, whatever a latent stands for
        error = np.abs(shown.astype(int) - vae.small(colour))
        assert error.max() <= most and error.mean() < mean
    assert np.abs(vae.small(one).astype(int) - vae.small(other)).mean() > 10


def test_channels_that_say_nothing_of_colour_are_left_out():
    vae, rng, one = LinearVae(), np.random.default_rng(3), picture((384, 256))
    noisy = [np.concatenate([vae.encode(one), rng.normal(size=(8, 32, 48)).astype(np.float32)]) for _ in range(2)]
    shown = LatentPreview.fit(noisy[0], one).picture(noisy[1])
    assert np.abs(shown.astype(int) - vae.small(one)).mean() < 3


def test_a_part_of_the_picture_is_shown():
    vae, one = LinearVae(), picture()
    whole, part = (LatentPreview.fit(vae.encode(one), one, used).picture(vae.encode(one)) for used in (None, (128, 80)))
    assert np.array_equal(part, whole[:10, :16])


def test_it_is_small():
    vae, one = LinearVae(), picture()
    large = np.repeat(np.repeat(vae.encode(one), 20, axis=1), 20, axis=2)  # 480×320
    shown = LatentPreview.fit(vae.encode(one), one).picture(large)
    assert shown.shape == (round(MAX_PREVIEW * 2 / 3), MAX_PREVIEW, 3)
    assert np.abs(shown.mean(axis=(0, 1)) - vae.small(one).mean(axis=(0, 1))).max() < 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_none(value):
    vae, one = LinearVae(), picture()
    latent = vae.encode(one)
    preview = LatentPreview.fit(latent, one)
    assert preview.picture(latent) is not None
    latent[3, 2, 1] = value
    assert preview.picture(latent) is None and LatentPreview.fit(latent, one) is None


def test_nothing_is_learnt_of_one_colour_or_of_latents_that_are_alike():
    vae, one = LinearVae(), picture()
    grey = np.full_like(one, 128)
    assert LatentPreview.fit(vae.encode(grey), grey) is None
    assert LatentPreview.fit(np.ones((CHANNELS, 16, 24), np.float32), one) is None


def test_the_clean_latent_of_a_straight_path_is_found():
    rng = np.random.default_rng(1)
    clean, noise = rng.normal(size=(2, CHANNELS, 8, 12)).astype(np.float32)
    sigmas = [0.98, 0.97, 0.9, 0.5, 0.5, 0.2, 0.0]
    estimate = CleanEstimate()
    found = [estimate.after((1 - s) * clean + np.float32(s) * noise, s) for s in sigmas]
    assert found[0] is None and found[4] is None  # nothing to go by: the first, and one that did not move
    for each in (found[1], found[2], found[3], found[5], found[6]):
        assert np.abs(each - clean).max() < 1e-4
    assert np.array_equal(found[6], clean)


def test_the_only_step_is_its_own_estimate():
    latent = np.ones((2, 3, 4), np.float32)
    assert np.array_equal(CleanEstimate().after(latent, 0.0), latent)
