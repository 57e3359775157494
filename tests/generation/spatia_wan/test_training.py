"""The two stages, a clip each: both learn, and neither touches what is frozen."""

import torch

from spatia_bridge.generation.spatia_wan.lora import has_lora
from spatia_bridge.generation.spatia_wan.training import Example, flow_loss, train_control, train_lora, train_step
from tests.generation.spatia_wan.small import TEXT, small_conditions, small_network

STEPS, RATE = 60, 2e-2
LEARNT = 0.6  # of the loss before, at most; noise that no frozen network can tell apart is left


def example(seed: int) -> Example:
    """A clip of larger values than noise, which there is much to learn of."""
    conditions = small_conditions(new=1, size=2, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    clip = 2 * torch.randn(conditions.new, generator=generator)
    return Example(conditions, torch.randn(1, 7, TEXT, generator=generator), clip)


def measured(network, example) -> float:
    """The loss at fixed times and noise."""
    noise = torch.randn(4, *example.clip.shape, generator=torch.Generator().manual_seed(12))
    with torch.no_grad():
        return float(
            sum(flow_loss(network, example, sigma, n) for sigma, n in zip((0.3, 0.6, 0.8, 0.95), noise, strict=True)) / 4
        )


def copies(parameters):
    return [parameter.detach().clone() for parameter in parameters]


def same(before, parameters) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))


def fit(network, parameters, example) -> None:
    optimiser, generator = torch.optim.AdamW(parameters, lr=RATE), torch.Generator().manual_seed(13)
    for _ in range(STEPS):
        train_step(network, optimiser, [example], generator)


def test_both_stages_fit_a_clip_and_leave_the_rest_alone() -> None:
    network = small_network(2, awake=False)
    network.control.copy_main(network.main)
    first, second = example(1), example(21)
    before, main = measured(network, first), copies(network.main.parameters())
    fit(network, train_control(network), first)
    assert measured(network, first) < LEARNT * before
    assert same(main, network.main.parameters())

    parameters = train_lora(network, rank=8)
    before, control = measured(network, second), copies(network.control.parameters())
    fit(network, parameters, second)
    assert measured(network, second) < LEARNT * before
    weights = [value for name, value in network.main.named_parameters() if ".lora_" not in name]
    assert has_lora(network.main) and same(control, network.control.parameters()) and same(main, weights)


def test_a_new_lora_changes_nothing() -> None:
    network, clip = small_network(2), example(1)
    before = measured(network, clip)
    train_lora(network, rank=8)
    assert measured(network, clip) == before


def test_a_batch_counts_its_clips_alike() -> None:
    """Without a step, the mean loss over a clip drawn twice is the mean of both draws."""
    network, clip = small_network(2), example(1)
    optimiser = torch.optim.SGD(train_control(network), lr=0.0)
    alone = torch.Generator().manual_seed(3)
    draws = [train_step(network, optimiser, [clip], alone) for _ in range(2)]
    together = train_step(network, optimiser, [clip, clip], torch.Generator().manual_seed(3))
    assert abs(together - sum(draws) / 2) < 1e-6 and draws[0] != draws[1]
