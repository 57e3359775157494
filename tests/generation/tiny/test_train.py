"""The trainer: it learns, its gradients see every part, and going on from a checkpoint is as if it had never stopped."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.codec.walks import save_walk
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.generation.tiny import flow, train
from spatia_bridge.generation.tiny.data import FRAMES, make_clips, plan, without
from spatia_bridge.generation.tiny.train import TrainConfig, Trainer, on_own_output, rate_at
from spatia_bridge.generation.tiny.weights import load_network
from tests.generation.tiny.walks import SMALLEST, room_footage, room_walk, small_network

CONFIG = TrainConfig(batch=2, width=96, rate=2e-3, warm_up=2, average=0.9, report=1, validate=2, save=1, validation_clips=1)


@pytest.fixture(scope="module")
def footage():
    return room_footage()


def test_it_overfits_one_clip(footage):
    """With memory and references taken away: the whole picture is to be learnt."""
    chosen = plan(footage, 1, np.random.default_rng(1), 0.0)
    conditions, target = make_clips(footage, without(without(chosen, "memory"), "references"), 1)
    network = small_network()
    noise = flow.frame_noise(0, range(target.shape[1]), *target.shape[-2:])[None]
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for number in range(40):
        optimiser.zero_grad()
        loss = flow.loss(network, conditions, target, noise, torch.tensor([0.25 * (number % 2)]))
        loss.total.backward()
        optimiser.step()
        losses.append(loss.holes.item())
    assert sum(losses[-4:]) < 0.35 * sum(losses[:4])
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_resuming_is_exact(footage, tmp_path):
    straight = Trainer(small_network(), CONFIG)
    for _ in range(4):
        straight.train_step(footage)
    halted = Trainer(small_network(), CONFIG)
    for _ in range(2):
        halted.train_step(footage)
    halted.save(tmp_path / "c.safetensors", 0.5)
    resumed = Trainer(small_network(9), CONFIG)
    assert resumed.load(tmp_path / "c.safetensors") == 0.5 and resumed.step == 2
    for _ in range(2):
        resumed.train_step(footage)
    for mine, other in ((straight.network, resumed.network), (straight.average, resumed.average)):
        assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), other.parameters(), strict=True))


def test_another_config_is_not_gone_on_with(footage, tmp_path):
    trainer = Trainer(small_network(), CONFIG)
    trainer.train_step(footage)
    trainer.save(tmp_path / "c.safetensors", math.inf)
    with pytest.raises(InvalidInputError, match="other settings"):
        Trainer(small_network(), replace(CONFIG, rate=1.0)).load(tmp_path / "c.safetensors")


def test_a_batch_in_parts_counts_each_clip_once(footage):
    measured = Trainer(small_network(), replace(CONFIG, parts=2)).train_step(footage)
    assert set(measured) == {"total", "covered", "holes", "depth", "gradient"} and all(map(math.isfinite, measured.values()))


def test_own_output_comes_last_and_stands_for_true_frames(footage, monkeypatch):
    """Every other step of the last fifth; what the network made of the clip before is what the next clip goes on from."""
    config = replace(CONFIG, steps=20, own=0.2)
    assert [step for step in range(20) if on_own_output(config, step)] == [16, 18]
    assert not any(on_own_output(replace(config, steps=0), step) for step in range(100))
    seen = []
    honest = train.make_clips
    monkeypatch.setattr(train, "make_clips", lambda *a, own=None, **k: (seen.append(own), honest(*a, own=own, **k))[1])
    trainer = Trainer(small_network(), config)
    trainer.step = 16
    assert math.isfinite(trainer.train_step(footage)["total"])
    assert len(seen) == 2 and seen[0] is None and seen[1].state.shape[:2] == (2, FRAMES)


def test_the_rate_rises_then_falls():
    config = TrainConfig(rate=1.0, warm_up=10, steps=100)
    rates = [rate_at(config, step) for step in range(101)]
    assert np.argmax(rates) in range(8, 12) and rates[100] == pytest.approx(0, abs=1e-9) and rates[0] == pytest.approx(0.1)
    assert rate_at(replace(config, steps=0), 10_000) == 1.0


def test_validation_is_the_same_each_time_and_knows_the_fill(footage):
    trainer = Trainer(small_network(), CONFIG)
    first, again = trainer.validate(footage), trainer.validate(footage)
    assert first == again
    assert first["fill_covered_psnr"] > first["fill_holes_psnr"] > 5


def test_the_command_trains_goes_on_and_keeps_the_best(tmp_path):
    for part in ("train", "validate"):
        (tmp_path / part).mkdir()
        save_walk(tmp_path / part / "a.walk", room_walk(20))
    out = tmp_path / "out"
    options = [f"--{k.replace('_', '-')}={v}" for k, v in vars(replace(CONFIG, steps=2)).items()]
    options += ["--widths", *map(str, SMALLEST.widths), "--context-widths", *map(str, SMALLEST.context_widths)]
    arguments = ["--data", str(tmp_path), "--out", str(out), "--device", "cpu", "--minutes", "5", *options]
    assert train.main(arguments) == 0
    first = load_network(out / train.BEST)
    assert train.main([*arguments, "--steps=3"]) == 1  # other settings
    assert train.main(arguments) == 0  # nothing left to do
    lines = [json.loads(line) for line in (out / train.CURVE).read_text().splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2]
    assert all(math.isfinite(line["validation_loss"]) for line in lines if "validation_loss" in line)
    again = load_network(out / train.BEST)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
