"""The trainer: it learns, its gradients see every part, and going on from a checkpoint is as if it had never stopped."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.codec.walks import save_walk
from spatia_bridge.errors import CodecError, InvalidInputError, NotFoundError
from spatia_bridge.generation.tiny import flow, train
from spatia_bridge.generation.tiny.data import DROP, footage_of, make_clips, plan, without
from spatia_bridge.generation.tiny.pool import CLIPS, Pool, make_shard
from spatia_bridge.generation.tiny.pool import main as pool_command
from spatia_bridge.generation.tiny.train import TrainConfig, Trainer, rate_at
from spatia_bridge.generation.tiny.weights import load_network
from tests.generation.tiny.walks import SMALLEST, room_footage, room_walk, small_network

CONFIG = TrainConfig(batch=2, width=96, rate=2e-3, warm_up=2, average=0.9, report=1, validate=2, save=1, validation_clips=1)


@pytest.fixture(scope="module")
def footage():
    return room_footage()


@pytest.fixture(scope="module")
def pool(footage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    for seed in range(2):
        make_shard(footage, folder / f"{seed}.safetensors", seed)
    return Pool(folder, footage)


def test_it_overfits_one_clip(footage):
    """With memory and references taken away: the whole picture is to be learnt."""
    chosen = plan(footage, 1, np.random.default_rng(1), 0.0)
    conditions, target = make_clips(footage, without(without(chosen, "memory"), "references"), 1)
    network = small_network()
    noise = flow.world_noise([0], conditions.anchor_from_camera, conditions.lenses)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for number in range(60):
        optimiser.zero_grad()
        loss = flow.loss(network, conditions, target, noise, torch.tensor([0.25 * (number % 2)]))
        loss.total.backward()
        optimiser.step()
        losses.append(loss.colour.item())
    assert sum(losses[-4:]) < 0.35 * sum(losses[:4])
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_resuming_is_exact(pool, tmp_path):
    straight = Trainer(small_network(), CONFIG)
    for _ in range(4):
        straight.train_step(pool)
    halted = Trainer(small_network(), CONFIG)
    for _ in range(2):
        halted.train_step(pool)
    halted.save(tmp_path / "c.safetensors", 0.5)
    resumed = Trainer(small_network(9), CONFIG)
    assert resumed.load(tmp_path / "c.safetensors") == 0.5 and resumed.step == 2
    for _ in range(2):
        resumed.train_step(pool)
    for mine, other in ((straight.network, resumed.network), (straight.average, resumed.average)):
        assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), other.parameters(), strict=True))


def test_another_config_is_not_gone_on_with(pool, tmp_path):
    trainer = Trainer(small_network(), CONFIG)
    trainer.train_step(pool)
    trainer.save(tmp_path / "c.safetensors", math.inf)
    with pytest.raises(InvalidInputError, match="other settings"):
        Trainer(small_network(), replace(CONFIG, rate=1.0)).load(tmp_path / "c.safetensors")


def test_a_pool_gives_the_clips_that_were_put_in(footage, pool):
    assert len(pool) == 2 * CLIPS
    chosen = plan(footage, CLIPS, np.random.default_rng(1), DROP)
    fresh, target = make_clips(footage, chosen, 1)
    kept, same = pool.batch(range(CLIPS, 2 * CLIPS))
    assert torch.equal(target, same) and torch.equal(fresh.words, kept.words)
    assert all(torch.equal(getattr(fresh, key), getattr(kept, key)) for key in ("fill", "coverage", "confidence"))


def test_a_shard_of_other_walks_or_no_shard_is_refused(footage, tmp_path):
    with pytest.raises(NotFoundError, match="no shard"):
        Pool(tmp_path, footage)
    make_shard(footage, tmp_path / "a.safetensors", 0)
    with pytest.raises(CodecError, match="not a shard of these walks"):
        Pool(tmp_path, footage_of([room_walk(20)], 96))


def test_the_rate_rises_then_falls():
    config = TrainConfig(rate=1.0, warm_up=10, steps=100)
    rates = [rate_at(config, step) for step in range(101)]
    assert np.argmax(rates) in range(8, 12) and rates[100] == pytest.approx(0, abs=1e-9) and rates[0] == pytest.approx(0.1)
    assert rate_at(replace(config, steps=0), 10_000) == 1.0


def test_validation_is_the_same_each_time_and_knows_the_fill(pool):
    trainer = Trainer(small_network(), replace(CONFIG, validation_clips=6))
    first, again = trainer.validate(pool), trainer.validate(pool)
    assert first == again
    assert first["sample_psnr"] < first["mean_psnr"] < first["fill_psnr"], "nothing learned yet, but detail drawn"
    assert first["sample_depth"] == pytest.approx(first["fill_depth"], rel=1e-3)
    assert first["fill_psnr"] > 5 and first["fill_depth"] > 0


def test_the_command_trains_goes_on_and_keeps_the_best(tmp_path):
    for part in ("train", "validate"):
        (tmp_path / part).mkdir()
        save_walk(tmp_path / part / "a.walk", room_walk(20))
        shards = ["--data", str(tmp_path / part), "--out", str(tmp_path / "pool" / part), "--clips=5", "--width=96"]
        assert pool_command(shards) == 0
    assert pool_command([*shards[:1], str(tmp_path / "none"), *shards[2:]]) == 1
    out = tmp_path / "out"
    options = [f"--{k.replace('_', '-')}={v}" for k, v in vars(replace(CONFIG, steps=2)).items()]
    options += ["--widths", *map(str, SMALLEST.widths), "--context-widths", *map(str, SMALLEST.context_widths)]
    arguments = [
        "--data",
        str(tmp_path),
        "--pool",
        str(tmp_path / "pool"),
        "--out",
        str(out),
        "--device",
        "cpu",
        "--minutes",
        "5",
        *options,
    ]
    assert train.main(arguments) == 0
    first = load_network(out / train.BEST)
    assert train.main([*arguments, "--steps=3"]) == 1  # other settings
    assert train.main(arguments) == 0  # nothing left to do
    lines = [json.loads(line) for line in (out / train.CURVE).read_text().splitlines()]
    assert [line["step"] for line in lines if "total" in line] == [1, 2]
    assert all(math.isfinite(line["validation_loss"]) for line in lines if "validation_loss" in line)
    again = load_network(out / train.BEST)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
