"""Closed paths through the closed-form room: what is remembered must come back, what is not must not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.evaluation.closed_loop import (
    BOTH,
    CLIPS,
    MAIN,
    NONE,
    Loop,
    Path,
    Row,
    ask,
    measure,
    settings,
)
from spatia_bridge.evaluation.closed_loop_report import figures, section, strips
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import ClipShape
from spatia_bridge.render.cpu_renderer import CpuRenderer
from tests.worlds import camera, look

PATH = Path("room", tuple(look(camera((0.05 * i, -0.5, -3.0), (1.2 * i - 2, -0.5, 1.0))) for i in range(5)))


class Dice:
    """Memory's projection, and in its holes another colour each clip (by the seed), where the room's walls are."""

    name, shape = "dice", ClipShape(96, 64, 4)

    def __init__(self):
        self.requests = []

    def generate(self, request, cancel):
        self.requests.append(request)
        colour = np.random.default_rng(request.seed).integers(0, 256, 3, np.uint8)
        for number, seen in enumerate(request.projection):
            known = seen.coverage
            picture = np.where(known[..., None], seen.colour, colour)
            yield GeneratedFrame(number, picture, look(seen.camera).depth_m)


def fly(setting):
    loop = Loop(CpuRenderer(), Dice())
    return loop, loop.fly(PATH, setting)


@pytest.fixture(scope="module")
def answer():
    loop = Loop(CpuRenderer(), Dice())
    return loop, ask(loop, [PATH], (BOTH, NONE), lambda _done, _total: None, keep=1)


def test_a_path_goes_forth_and_back():
    assert [list(PATH.poses(clip)) for clip in (1, 2, 3)] == [[1, 2, 3, 4], [3, 2, 1, 0], [1, 2, 3, 4]]
    assert PATH.cameras(2)[-1] is PATH.views[0].camera


def test_what_memory_keeps_comes_back_and_dice_do_not(answer):
    loop, answered = answer
    found = figures(answered.rows)
    assert found["revisit_psnr_gain"] > 10
    assert found["revisit_psnr_both"] > 25 > found["revisit_psnr_none"]
    assert abs(found["psnr_drop_2_to_6"]) < 1
    assert found["revisit_psnr_both_low"] <= found["revisit_psnr_both"] <= found["revisit_psnr_both_high"]
    invented = {row.invented for row in answered.rows}
    assert all(0.1 < share < 0.9 for share in invented)
    assert len(answered.rows) == 2 * (CLIPS - 1)
    assert section(answered, ("both", "none")).image.startswith(b"\x89PNG")
    picture = strips(PATH, [answered], loop.first_saw(PATH))
    assert picture.ndim == 3 and picture.std() > 10


def test_each_setting_shows_what_it_says():
    for setting in MAIN:
        loop, flight = fly(setting)
        requests = loop.generator.requests
        assert len(flight.clips) == len(requests) == CLIPS
        assert all(request.preceding for request in requests)
        later = requests[1:]
        assert any(request.references for request in later) == bool(setting.references)
        covered = [max(seen.coverage.mean() for seen in request.projection) for request in later]
        assert (min(covered) > 0.3) if setting.memory != "none" else (max(covered) == 0)
    assert all(len(request.references) <= 2 for request in _requests(replace(BOTH, references=2)))


def _requests(setting):
    return fly(setting)[0].generator.requests


def test_the_first_view_is_compared_with_itself(answer):
    """A flight that shows the truth comes back to it: every number is the best there is."""
    loop, _ = answer
    clips = tuple(tuple(PATH.views[pose] for pose in PATH.poses(clip)) for clip in range(1, CLIPS + 1))
    flight = replace(answer[1].flights["room", "both"], clips=clips)
    for row in measure(PATH, BOTH, flight, loop.first_saw(PATH)):
        assert row.revisit_psnr == 60.0 and row.revisit_ssim == pytest.approx(1.0)
        assert row.return_psnr == 60.0 if row.clip % 2 == 0 else math.isnan(row.return_psnr)
        assert row.camera == 1.0 or math.isnan(row.camera)


def test_quick_leaves_out_counts_and_voxels():
    quick, full = settings(quick=True), settings(quick=False)
    assert full[: len(quick)] == quick
    assert {setting.references for setting in full} >= {0, 1, 3, 4, 5, 7}
    assert len({setting.voxel_per_footprint for setting in full}) == 4


def test_figures_of_nothing_are_nan():
    row = Row("p", "both", 3, *[math.nan] * 7, 0.0, 0)
    assert math.isnan(figures([row])["revisit_psnr_gain"])
