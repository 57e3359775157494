"""The weights that come with the package: creatures appear where a prompt names them, and stay out of memory."""

import numpy as np
import pytest
import torch

from spatia_bridge.cli.sources import SAMPLE, load_source
from spatia_bridge.frames import Take
from spatia_bridge.generation.base import CancelToken
from spatia_bridge.generation.tiny.generator import SHIPPED, Tiny
from spatia_bridge.generation.tiny.weights import load_network
from spatia_bridge.memory import Memory
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.update import Slam

FRAMES = range(30, 42)  # of the sample: the camera has turned to what the first view has not seen
NEAR = 0.05  # of a depth, the same place


def test_they_are_small_and_finite():
    parameters = list(load_network(SHIPPED).parameters())
    assert SHIPPED.stat().st_size <= 16e6 and sum(each.numel() for each in parameters) <= 8e6
    assert all(bool(torch.isfinite(each).all()) for each in parameters)


@pytest.fixture(scope="module")
def scene():
    views = load_source(SAMPLE, 0, (256, 144), "layout").views
    renderer, memory = CpuRenderer(), Memory()
    stages = Stages(renderer, Slam(renderer))
    plant(stages, memory, [views[0]], 0, "", lambda _done, _total: None)
    return stages, memory, tuple(views[number].camera for number in FRAMES)


def make(scene, prompt: str) -> Take:
    stages, memory, cameras = scene
    plan = ClipPlan(1, cameras, (), prompt, 3, 16.0)
    return make_take(stages, Tiny(device="cpu"), memory.snapshot(), plan, lambda _event: None, CancelToken())


def test_a_creature_comes_by_its_word_and_stays_out_of_memory(scene):
    stages, memory, cameras = scene
    without, with_it = make(scene, "a room"), make(scene, "a room with an imp")
    assert not any(frame.dynamic.any() for frame in without.frames)
    moves = np.stack([frame.dynamic for frame in with_it.frames])
    pairs = zip(with_it.frames, without.frames, strict=True)
    off = np.abs(np.stack([one.colour.astype(float) - other.colour for one, other in pairs])).mean(axis=-1)
    assert 0.002 < moves.mean() < 0.5
    assert off[moves].mean() > 8 * off[~moves].mean()

    fold_in(stages, memory, with_it, lambda _done, _total: None)
    kept = []
    for frame, shown in zip(with_it.frames, stages.renderer.project(memory.snapshot(), cameras), strict=True):
        there = shown.coverage & frame.dynamic
        kept.append(there & (np.abs(shown.depth_m - frame.depth_m) < NEAR * frame.depth_m))
    assert np.sum(kept) <= 0.01 * moves.sum()
