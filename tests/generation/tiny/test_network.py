"""The network: size, what it looks at, its flow and its weight files. With random weights."""

import numpy as np
import pytest
import torch

from spatia_bridge.errors import CodecError, NotFoundError
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.data import make_clips, plan, without
from spatia_bridge.generation.tiny.network import Network
from spatia_bridge.generation.tiny.weights import load_network, save_network, save_tensors
from tests.generation.tiny.walks import room_footage, small_network

FOOTAGE = room_footage()
CHOSEN = plan(FOOTAGE, 1, np.random.default_rng(4), 0.0)


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


def noise_of(target: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return flow.frame_noise(seed, range(target.shape[1]), *target.shape[-2:])[None]


def test_the_shipped_size_fits(tmp_path):
    network = Network()
    assert sum(p.numel() for p in network.parameters()) <= 8_000_000
    save_network(tmp_path / "full.safetensors", network, {})
    assert (tmp_path / "full.safetensors").stat().st_size <= 16_000_000


def test_before_training_covered_pixels_are_mostly_the_projections(clip):
    conditions, target = clip
    prediction = flow.sample(small_network(), conditions, noise_of(target))
    covered = conditions.coverage.bool()
    assert prediction.gate[covered].min() > 0.9 and prediction.gate[~covered].max() < 0.8
    nothing, _ = make_clips(FOOTAGE, without(without(CHOSEN, "memory"), "references"), 4)
    assert flow.sample(small_network(), nothing, noise_of(target)).gate.max() < 0.15


@pytest.mark.parametrize("part", ["memory", "references", "preceding", "prompt"])
def test_each_condition_reaches_the_result(clip, part):
    conditions, target = clip
    network, noise = awake(), noise_of(target)
    other, _ = make_clips(FOOTAGE, without(CHOSEN, part), 4)
    with torch.no_grad():
        whole, less = (network(noise, torch.zeros(1), c).state for c in (conditions, other))
    assert (whole - less).abs().max() > 1e-4


def test_invalid_frames_are_not_looked_at():
    hidden, target = make_clips(FOOTAGE, without(without(CHOSEN, "references"), "preceding"), 4)
    network, noise = awake(), noise_of(target)
    with torch.no_grad():
        before = network(noise, torch.zeros(1), hidden).state
        hidden.given.state.add_(0.5)
        after = network(noise, torch.zeros(1), hidden).state
        hidden.given.state.sub_(0.5)
    assert torch.equal(before, after)


def test_sides_need_not_be_multiples_of_anything(clip):
    conditions, target = clip
    cut = {k: getattr(conditions, k)[..., :49, :83] for k in ("fill", "coverage", "confidence")}
    lenses = type(conditions.lenses)(conditions.lenses.values, 83, 49)
    small = type(conditions)(**{**vars(conditions), **cut, "lenses": lenses})
    out = awake()(noise_of(target)[..., :49, :83], torch.zeros(1), small).state
    assert out.shape == (1, 8, 5, 49, 83)


def test_noise_belongs_to_a_frame_not_to_a_block_or_a_thread():
    whole = flow.frame_noise(5, range(6), 18, 32)
    assert torch.equal(whole[2:5], flow.frame_noise(5, range(2, 5), 18, 32))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert torch.equal(whole, flow.frame_noise(5, range(6), 18, 32))
    finally:
        torch.set_num_threads(threads)
    assert not torch.equal(whole, flow.frame_noise(6, range(6), 18, 32))
    assert abs(whole.mean()) < 0.02 and abs(whole.std() - 1) < 0.02


def test_a_perfect_network_is_sampled_exactly(clip):
    """If the prediction is always the truth, four Euler steps end there."""
    conditions, target = clip

    class Oracle(torch.nn.Module):
        def encode(self, given):
            return None

        def forward(self, state, time, conditions, context):
            return flow.Prediction(target, conditions.coverage)

    assert torch.equal(flow.sample(Oracle(), conditions, noise_of(target)).state, target)


def test_it_starts_from_the_fill_with_noise_in_holes(clip):
    conditions, target = clip
    off = flow.start(conditions, noise_of(target))[:, :, :4] - conditions.fill
    covered = conditions.coverage.bool().expand_as(off)
    assert abs(off[covered].std() - flow.COVERED_NOISE) < 0.01 and abs(off[~covered].std() - flow.HOLE_NOISE) < 0.05


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
