"""How frames become the model's and come back; colour drift. No torch."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ReferenceFrame
from spatia_bridge.generation.base import ClipRequest
from spatia_bridge.generation.finishing import corrections, pasted
from spatia_bridge.generation.fit import Fit
from spatia_bridge.generation.wan_vace.layout import SIDE, lay_out
from tests.contracts.generator import projections
from tests.worlds import camera, look


def nothing() -> None:
    """Nobody cancels."""


@pytest.mark.parametrize("size", [(96, 64), (97, 63), (16, 16), (50, 90), (1000, 20)])
def test_what_fits_comes_back_pixel_for_pixel(size):
    fit = Fit.of(*size, 832 * 480, SIDE)
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    shown = fit.picture(picture)
    assert shown.shape[0] % 16 == shown.shape[1] % 16 == 0
    assert np.array_equal(fit.back(shown), picture)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (700, 900)])
def test_what_is_too_large_is_made_smaller_and_enlarged_again(size):
    fit = Fit.of(*size, 832 * 480, SIDE)
    assert fit.inner == fit.outer and 0.85 < fit.outer[0] * fit.outer[1] / (832 * 480) < 1.1
    assert abs(np.log(fit.outer[0] / fit.outer[1] / (size[0] / size[1]))) < 0.03
    ramp = np.broadcast_to(np.linspace(20, 230, size[0]).astype(np.uint8)[None, :, None], (size[1], size[0], 3)).copy()
    back = fit.back(fit.picture(ramp))
    assert back.shape == ramp.shape and np.abs(back.astype(int) - ramp).max() <= 2


def test_only_what_is_kept_is_averaged_and_the_rest_is_grey():
    colour = np.full((720, 1280, 3), 200, np.uint8)
    kept = np.zeros((720, 1280), bool)
    kept[:, :640] = True
    colour[~kept] = 0
    shown, inside = Fit.of(1280, 720, 832 * 480, SIDE).steered(colour, kept)
    assert (shown[inside] == 200).all() and (shown[~inside] == 128).all() and abs(inside.mean() - 0.5) < 0.01


def test_bad_requests_are_refused():
    with pytest.raises(InvalidInputError, match="no frames"):
        lay_out(ClipRequest(()), 10_000, nothing)
    mixed = (*projections(frames=1), *projections(frames=1, size=(48, 32)))
    with pytest.raises(InvalidInputError, match="one size"):
        lay_out(ClipRequest(mixed), 10_000, nothing)
    with pytest.raises(InvalidInputError, match="less extreme"):
        Fit.of(100_000, 16, 1000, SIDE)


def test_drift_of_exposure_is_taken_back_and_of_neighbours_alike():
    video = projections(frames=12)
    gains = np.linspace(1.0, 0.8, len(video))
    wandered = [np.clip(shown.colour * gain + 6, 0, 255).astype(np.uint8) for shown, gain in zip(video, gains, strict=True)]
    back = [cv2.LUT(*each) for each in zip(wandered, corrections(wandered, video), strict=True)]
    for number, shown in enumerate(video):
        seen = shown.coverage
        before, after = (np.abs(c[number][seen].astype(int) - shown.colour[seen]).mean() for c in (wandered, back))
        assert after < 2.5 and after < 0.6 * max(before, 4.0)


def test_without_memory_colours_stay():
    frames = [np.full((64, 96, 3), 90, np.uint8)]
    shown = projections(frames=1)[0]
    bare = type(shown)(shown.camera, shown.colour, shown.depth_m, np.zeros_like(shown.coverage), shown.confidence)
    assert np.array_equal(cv2.LUT(frames[0], corrections(frames, [bare])[0]), frames[0])


def test_pasting_keeps_holes_and_the_inside_of_what_is_covered():
    shown = projections(frames=1)[0]
    frame = np.full((64, 96, 3), 90, np.uint8)
    out = pasted(frame, shown)
    assert np.array_equal(out[~shown.coverage], frame[~shown.coverage])
    changed = (out == shown.colour).all(axis=-1) & shown.coverage
    assert changed.mean() > 0.2


def test_the_fullest_picture_has_the_fewest_holes():
    frame, video = look(camera()), projections(frames=5)
    covered = [shown.coverage.mean() for shown in video]
    alone = lay_out(ClipRequest(video), 96 * 64, nothing)
    best = alone.video[int(np.argmax(covered))]
    assert min(covered) > 0.5 and np.array_equal(alone.fullest(), best)
    assert np.array_equal(lay_out(ClipRequest(video, preceding=(frame,)), 96 * 64, nothing).fullest(), frame.colour)
    empty = [replace(shown, coverage=np.zeros_like(shown.coverage)) for shown in video]
    references = (ReferenceFrame(frame, 1, 0),)
    assert np.array_equal(lay_out(ClipRequest(empty, references), 96 * 64, nothing).fullest(), frame.colour)
    assert np.array_equal(lay_out(ClipRequest(video, references), 96 * 64, nothing).fullest(), best)
