"""The network: size, what it looks at, its flow and its weight files. With random weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.errors import CodecError, NotFoundError
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.cells import (
    COLOUR_ERROR,
    DETAIL,
    SHARE,
    STATE_CHANNELS,
    cells_of,
    frames_of,
    open_cells,
    textured,
    units,
)
from spatia_bridge.generation.tiny.data import make_clips, plan, without
from spatia_bridge.generation.tiny.network import Network
from spatia_bridge.generation.tiny.projector import Lenses
from spatia_bridge.generation.tiny.weights import load_network, save_network, save_tensors
from tests.generation.tiny.walks import room_footage, small_network

FOOTAGE = room_footage()
CHOSEN = plan(FOOTAGE, 1, np.random.default_rng(9), 0.0)  # a third of it is holes


@pytest.fixture(scope="module")
def clip():
    return make_clips(FOOTAGE, CHOSEN, 4)


def awake(seed: int = 0) -> Network:
    """A network none of whose layers are zero, as they are before training."""
    network = small_network(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.05)
    return network.eval()


def noise_of(conditions, seed: int = 0) -> torch.Tensor:
    return flow.world_noise([seed], conditions.anchor_from_camera, conditions.lenses)


def test_the_shipped_size_fits(tmp_path):
    network = Network()
    assert sum(p.numel() for p in network.parameters()) <= 8_000_000
    save_network(tmp_path / "full.safetensors", network, {})
    assert (tmp_path / "full.safetensors").stat().st_size <= 16_000_000


def test_before_training_it_corrects_nothing_and_draws_detail_as_strong_as_it_mostly_is(clip):
    conditions, _ = clip
    state = flow.sample(small_network(), conditions, noise_of(conditions))
    assert not state[:, :, : DETAIL.start].any()
    where = (open_cells(conditions) > 0)[:, :, DETAIL]
    strength = (state / units(conditions))[:, :, DETAIL][where].std()
    assert 0.8 < strength < 1.05, "eight steps take some of it away"


@pytest.mark.parametrize("part", ["memory", "references", "preceding", "prompt"])
def test_each_condition_reaches_the_result(clip, part):
    conditions, _ = clip
    network, noise = awake(), noise_of(conditions)
    other, _ = make_clips(FOOTAGE, without(CHOSEN, part), 4)
    with torch.no_grad():
        whole, less = (network(noise, torch.zeros(1), c) for c in (conditions, other))
    assert (whole - less).abs().max() > 1e-4


def test_invalid_frames_are_not_looked_at():
    hidden, _ = make_clips(FOOTAGE, without(without(CHOSEN, "references"), "preceding"), 4)
    network, noise = awake(), noise_of(hidden)
    with torch.no_grad():
        before = network(noise, torch.zeros(1), hidden)
        hidden.given.state.add_(0.5)
        after = network(noise, torch.zeros(1), hidden)
        hidden.given.state.sub_(0.5)
    assert torch.equal(before, after)


def test_sides_need_not_be_multiples_of_anything(clip):
    conditions, target = clip
    cut = {k: getattr(conditions, k)[..., :49, :83] for k in ("fill", "coverage", "confidence")}
    lenses = type(conditions.lenses)(conditions.lenses.values, 83, 49)
    small = type(conditions)(**{**vars(conditions), **cut, "lenses": lenses})
    noise = noise_of(small)
    assert awake()(noise, torch.zeros(1), small).shape == noise.shape == (1, 8, STATE_CHANNELS, 13, 21)
    loss = flow.loss(awake(), small, target[..., :49, :83], noise, torch.zeros(1))
    assert loss.total.isfinite()
    made = flow.sample(awake(), small, noise)[0]
    assert frames_of(made, small.fill[0], small.coverage[0], (1.0, 1.0)).shape == (8, 5, 49, 83)


def test_noise_hangs_in_the_world():
    """Where views overlap they have the same noise; another seed or another way to look, other noise of the same kind."""
    lenses = Lenses(torch.tensor([[64.0, 64.0, 64.0, 36.0]]), 128, 72)
    ahead = torch.eye(4).expand(1, 1, 4, 4)
    behind = ahead * torch.tensor([-1.0, 1.0, -1.0, 1.0])[:, None]
    one, same, other, back = (
        flow.world_noise([seed], poses, lenses)[0, 0] for seed, poses in ((5, ahead), (5, ahead), (6, ahead), (5, behind))
    )
    assert torch.equal(one, same)
    for different in (other, back):
        assert not torch.equal(one, different) and abs(different.mean()) < 0.1 and abs(different.std() - 1) < 0.1
    assert (one.flip(-1) == back).float().mean() < 0.01  # what is behind is not what is ahead, mirrored
    shifted = Lenses(torch.tensor([[64.0, 64.0, 64.0 - 8.0, 36.0]]), 128, 72)  # two cells more of the right
    assert torch.equal(flow.world_noise([5], ahead, shifted)[0, 0, :, :, :-2], one[:, :, 2:])


def test_a_perfect_network_is_sampled_exactly(clip):
    """If the prediction is always the truth, in its units, the Euler steps end there."""
    conditions, target = clip
    truth = cells_of(target, conditions).state / units(conditions)

    class Oracle(torch.nn.Module):
        def encode(self, given):
            return None

        def forward(self, state, time, conditions, context=None):
            """Of detail, how the truth is other than what is left of it in a state of this noise, in units of its spread."""
            at = float(time)
            spread = at**2 + (1 - at) ** 2
            return torch.cat(
                [truth[:, :, : DETAIL.start], ((truth * spread - at * state) / ((1 - at) * spread**0.5))[:, :, DETAIL]], dim=2
            )

    made = flow.sample(Oracle(), conditions, noise_of(conditions)) / units(conditions)
    assert torch.allclose(made, truth, atol=1e-4)
    assert flow.loss(Oracle(), conditions, target, noise_of(conditions), torch.full((1,), 0.25)).total < 1e-8


def test_colour_is_decided_early_and_used_with_caution_while_detail_goes_on(clip):
    conditions, _ = clip
    network, noise = awake(), noise_of(conditions)
    first, *_ = flow.steps(network, conditions, noise)
    begun = noise * open_cells(conditions) * units(conditions)
    said = begun + (first - begun) * flow.STEPS
    caution = torch.tensor([0.5, 1.0, 0.0])[:, None, None]
    *_, last = flow.steps(network, conditions, noise, flow.Sampling(1, (0.5, 1.0, 0.0)))
    assert torch.allclose(last[:, :, COLOUR_ERROR], said[:, :, COLOUR_ERROR] * caution, atol=1e-5)
    for part in (SHARE, DETAIL):
        assert not torch.allclose(last[:, :, part], said[:, :, part], atol=1e-3)


def test_detail_is_as_strong_as_told_and_as_what_memory_shows(clip):
    conditions, _ = clip
    hows = flow.Sampling(), flow.Sampling(detail=0.5)
    whole, half = (flow.sample(small_network(), conditions, noise_of(conditions), how) for how in hows)
    texture = textured(conditions)[:, None, None, None, None]
    assert torch.allclose(half[:, :, DETAIL], 0.5 * texture * whole[:, :, DETAIL], atol=1e-5) and texture.min() > 0
    flat = replace(conditions, fill=torch.full_like(conditions.fill, 0.3))
    grain = [flow.sample(small_network(), flat, noise_of(flat), how)[:, :, DETAIL].abs().max() for how in hows]
    assert grain[0] > 0.1 and grain[1] < 1e-3


def test_weights_come_back(tmp_path):
    network = awake(3)
    save_network(tmp_path / "w.safetensors", network, {"step": 7})
    again = load_network(tmp_path / "w.safetensors")
    assert again.config == network.config
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value.half().float())


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(NotFoundError):
        load_network(tmp_path / "none.safetensors")
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"not one")
    with pytest.raises(CodecError, match="not a whole"):
        load_network(path)
    save_tensors(path, {"x": torch.zeros(2)}, {"words": ["castle"]})
    with pytest.raises(CodecError, match="other words"):
        load_network(path)
    save_network(path, small_network(), {"step": 1})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CodecError):
        load_network(path)
