"""The robustness evaluation on the room with exact depth: what is made worse must measure worse."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.cli import evaluate
from spatia_bridge.cli.main import main
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.robustness import Question, Trial, ask, crossed, noisy, questions, scaled
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.render.cpu_renderer import CpuRenderer
from tests.worlds import camera, look

VIEWS = [look(camera(eye=(0.15 * i - 1, -0.5, -3 + 0.05 * i))) for i in range(12)]


def answer(*trials, **question):
    return ask(Question("q", "title", "x", "text", trials, **question), VIEWS, CpuRenderer(), lambda _done, _total: None)


def test_noise_and_wrong_scale_cost_what_they_must():
    clean, noise, scale = answer(
        Trial("clean"), Trial("noise", seed=noisy(0.05, smooth=True)), Trial("scale", seed=scaled(1.04), clips=scaled(1.04))
    )
    assert clean.depth_error < 0.005
    assert noise.depth_error > 2 * clean.depth_error
    assert scale.depth_error == pytest.approx(0.04, abs=0.01)
    assert clean.psnr_db > max(noise.psnr_db, scale.psnr_db)
    assert answer(Trial("clean"))[0].psnr_db == clean.psnr_db, "the same again"


def test_a_clip_that_is_refused_is_counted():
    (wrong,) = answer(Trial("wrong", clips=scaled(2.0)), clip_frames=4)
    assert wrong.rejected_clips == 2


def test_a_wrong_mask_misses_and_invents_as_many_pixels():
    rng = np.random.default_rng(1)
    for share in (0.0, 0.2):
        frame = crossed(share)([VIEWS[0]], rng)[0]
        sprite = (frame.colour != VIEWS[0].colour).any(axis=-1)
        missed, invented = (sprite & ~frame.dynamic).sum(), (frame.dynamic & ~sprite).sum()
        assert missed == pytest.approx(share * sprite.sum(), abs=2)
        assert invented == pytest.approx(missed, abs=2)


def test_errors_travel_clip_by_clip():
    rows = answer(Trial("generated", seed=scaled(1.1), generator=Reproject()), clip_frames=3, travels=True)
    assert [row.x for row in rows] == sorted({row.x for row in rows})
    assert len(rows) == 3


def test_too_few_views_are_refused():
    with pytest.raises(InvalidInputError):
        ask(Question("q", "t", "x", "", [Trial("a")]), VIEWS[:5], CpuRenderer(), lambda _done, _total: None)


def test_the_command_writes_page_charts_and_figures(tmp_path, monkeypatch, capsys):
    first = questions(Reproject(), quick=True)[0]
    few = [replace(first, title="<Cadence>", trials=first.trials[2:])]
    monkeypatch.setattr(evaluate, "questions", lambda _reproject, quick: few)
    assert main(["evaluate", "robustness", "--quick", "--out", str(tmp_path)]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(last["cadence"]["recorded"]) == 2
    text = (tmp_path / "robustness.html").read_text(encoding="utf-8")
    assert "&lt;Cadence&gt;" in text
    assert "data:image/png;base64," in text
    assert (tmp_path / "cadence.png").stat().st_size < 150_000
    assert len(json.loads((tmp_path / "robustness.json").read_text())["questions"]["cadence"]) == 2
