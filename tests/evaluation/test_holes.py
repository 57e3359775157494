"""Filling holes of the closed-form room: the truth is best, chance costs what it must, commands write what they promise."""

import json
import math

import cv2
import numpy as np
import pytest

from spatia_bridge.cli import evaluate
from spatia_bridge.cli.main import main
from spatia_bridge.evaluation.closed_loop import BOTH, NONE, Path
from spatia_bridge.evaluation.holes import TELEA, Trial, ask
from spatia_bridge.evaluation.holes_report import figures, strips, table
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import ClipShape
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.generation.tiny.weights import save_network
from spatia_bridge.render.cpu_renderer import CpuRenderer
from tests.generation.tiny.walks import small_network
from tests.worlds import camera, look


def views(first, last):
    return tuple(look(camera((0.1 * i - 0.4, -0.5, -3.0), (0.8 * i - 1, -0.5, 1.0))) for i in range(first, last))


TRIAL = Trial("room", views(0, 1), views(1, 4))


class Oracle:
    """The truth, with as much noise as asked for."""

    shape = ClipShape(96, 64, 3)

    def __init__(self, name="oracle", noise=0.0):
        self.name, self._noise = name, noise

    def generate(self, request, cancel):
        rng = np.random.default_rng(request.seed)
        for number, view in enumerate(TRIAL.truth):
            noisy = view.colour + self._noise * rng.standard_normal(view.colour.shape)
            yield GeneratedFrame(number, np.clip(np.rint(noisy), 0, 255).astype(np.uint8), view.depth_m)


@pytest.fixture(scope="module")
def answered():
    generators = [Oracle(), Oracle("noisy", 20.0), Reproject()]
    return ask(CpuRenderer(), generators, [TRIAL], lambda _done, _total: None, samples=4, keep=1)


def test_the_truth_is_best(answered):
    rows, _ = answered
    truth, noisy, base = (figures(rows, name) for name in ("oracle", "noisy", "reproject"))
    assert truth["energy_over_telea"] == truth["depth_error_ratio"] == truth["swd_over_telea"] == truth["diversity"] == 0
    assert truth["gradient_energy_ratio"] == 1
    assert base["covered_psnr_vs_reproject"] == base["diversity"] == 0
    assert base["energy_over_reproject"] == 1
    assert noisy["diversity"] == pytest.approx(20 * math.sqrt(2), rel=0.1)
    assert noisy["gradient_energy_ratio"] > 1.2


def test_the_table_and_the_strips_have_all(answered):
    rows, shown = answered
    heads, lines = table(rows)
    assert [line[0] for line in lines] == [TELEA, "oracle", "noisy", "reproject"]
    assert all(len(line) == len(heads) for line in lines)
    sizes = {len(made.samples) for made in shown[0].made}
    assert sizes == {1, 4}  # whose seed changes nothing is asked no more than it takes to see that
    assert strips(shown[0]).std() > 10


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(evaluate.closed_loop, "settings", lambda quick: (BOTH, NONE))
    monkeypatch.setattr(evaluate.holes, "SAMPLES", 2)
    monkeypatch.setattr(evaluate, "hole_trials", lambda count, size: iter([TRIAL][:count]))
    monkeypatch.setattr(evaluate, "closed_paths", lambda count, frames, size: iter([Path("room", views(0, 3))][:count]))


@pytest.mark.parametrize("weights", [False, True])
def test_the_commands_write_pages_pictures_and_figures(few, tmp_path, capsys, weights):
    options = []
    if weights:
        save_network(tmp_path / "w.safetensors", small_network(), {})
        options = ["--generator", "tiny", "--weights", str(tmp_path / "w.safetensors")]
    name = "tiny" if weights else "reproject"
    for what, promised in (
        ("closed-loop", "revisit_psnr_both revisit_psnr_none revisit_match_both revisit_match_none return_match_both "
         "psnr_drop_2_to_6 camera_both revisit_psnr_gain"),
        ("generation", "energy_over_telea mean8_psnr_gain_telea swd_over_telea gradient_energy_ratio depth_error_ratio diversity "
         "covered_psnr_vs_reproject"),
    ):  # fmt: skip
        out = tmp_path / what
        options = [*options] if weights else ["--generator", "reproject"]
        assert main(["evaluate", what, "--quick", "--out", str(out), *options]) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert last["generator"] == name and set(promised.split()) <= set(last)
        assert not weights or set(promised.split()) <= set(last["reproject"])
        data = json.loads((out / f"{what.replace('-', '_')}.json").read_text())
        assert data["rows"] and data["figures"][name]
        assert "data:image/png;base64," in (out / f"{what.replace('-', '_')}.html").read_text(encoding="utf-8")
        assert all(cv2.imread(str(path)) is not None for path in out.glob("*.png")) and len(list(out.glob("*.png"))) >= 1


def test_what_has_no_weights_takes_none(few, tmp_path, capsys):
    assert main(["evaluate", "generation", "--generator", "reproject", "--weights", "x", "--out", str(tmp_path)]) == 1
    assert "has no weights" in capsys.readouterr().err
