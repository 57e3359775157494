"""The sampler: what is known, guidance, turns."""

from contextlib import contextmanager
from dataclasses import replace

import torch
from diffusers import UniPCMultistepScheduler

from spatia_bridge.generation.spatia_wan.sampling import sample, velocity
from spatia_bridge.generation.spatia_wan.settings import Settings
from tests.generation.spatia_wan.small import TEXT, small_conditions, small_network

SETTINGS = Settings(steps=4)


def drawn(shape, seed=5):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def last(steps):
    *_, (made, _) = steps
    return made


def test_it_is_as_putting_back_what_is_known_after_every_step() -> None:
    """The released procedure: all latents go through the sampler, and references and history are put back."""
    network, conditions = small_network(), small_conditions()
    text, negative, noise = drawn((1, 7, TEXT)), drawn((1, 7, TEXT), 6), drawn(conditions.new)
    ours = last(sample(network, conditions, text, negative, noise, SETTINGS))
    known = torch.cat([conditions.references, conditions.history], dim=2)
    count = known.shape[2]
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0)
    scheduler.set_timesteps(4)
    latents = torch.cat([known, noise], dim=2)
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            times = timestep.float().repeat(1, latents.shape[2])
            times[:, :count] = 0
            given = (conditions.control, conditions.references.shape[2])
            towards, away = (network(latents, times, words, *given) for words in (text, negative))
            latents = scheduler.step(away + 3.5 * (towards - away), timestep, latents).prev_sample
            latents[:, :, :count] = known
    assert torch.allclose(ours, latents[:, :, count:], rtol=1e-4, atol=1e-5)


def test_times_are_those_of_a_flow_shifted_by_five() -> None:
    asked = []
    network, conditions = small_network(), small_conditions()
    network.register_forward_pre_hook(lambda _module, inputs: asked.append(inputs[1][0]))
    list(sample(network, conditions, drawn((1, 7, TEXT)), drawn((1, 7, TEXT)), drawn(conditions.new), SETTINGS))
    even = torch.linspace(1, 1 / 1000, 5)[:-1]
    shifted = 1000 * 5 * even / (1 + 4 * even)
    times = torch.stack(asked[::2])  # each step asks twice
    assert len(asked) == 8 and (times[:, :2] == 0).all()
    assert torch.allclose(times[:, 2], shifted, atol=1.0) and (times[:, 2] == times[:, 3]).all()


def test_without_guidance_the_network_is_asked_once_a_step() -> None:
    asked = []
    network, conditions = small_network(), small_conditions(0, 0)
    network.register_forward_pre_hook(lambda _module, _inputs: asked.append(1))
    nothing = drawn((1, 7, TEXT))
    steps = list(sample(network, conditions, nothing, nothing, drawn(conditions.new), replace(SETTINGS, guidance=1.0)))
    assert len(asked) == len(steps) == 4 and steps[-1][0].shape == conditions.new


def test_the_turn_is_held_while_the_network_works_and_not_between_steps() -> None:
    held = []

    @contextmanager
    def turn():
        held.append(True)
        yield
        held.append(False)

    network, conditions = small_network(), small_conditions()
    network.register_forward_pre_hook(lambda _module, _inputs: held.append(held[-1]))
    text = drawn((1, 7, TEXT))
    for _ in sample(network, conditions, text, text, drawn(conditions.new), SETTINGS, turn):
        assert held[-1] is False
    assert held == [True, True, True, False] * 4


def test_the_velocity_is_of_the_new_latents() -> None:
    network, conditions = small_network(), small_conditions(2, 1, 3)
    new = drawn(conditions.new)
    assert velocity(network, conditions, new, torch.tensor(500.0), drawn((1, 7, TEXT))).shape == new.shape == (1, 4, 3, 4, 4)


def test_what_a_step_leads_towards_is_where_the_velocity_ends() -> None:
    """Of a flow that moves straight from noise to one picture, at any step that picture; and the last step arrives there."""
    network, conditions = small_network(), small_conditions()
    target, noise, text = drawn(conditions.new, 7), drawn(conditions.new), drawn((1, 7, TEXT))
    known = conditions.references.shape[2] + conditions.history.shape[2]

    def straight(latents, timesteps, *_):
        flow = torch.zeros_like(latents)
        new = latents[:, :, known:]
        flow[:, :, known:] = (new - target) / (timesteps[0, -1] / 1000)
        return flow

    network.forward = straight
    steps = list(sample(network, conditions, text, text, noise, replace(SETTINGS, steps=6)))
    for _, clean in steps:
        assert torch.allclose(clean, target[0, :, -1], atol=1e-2)  # times are whole thousandths
    assert torch.allclose(steps[-1][0], target, atol=1e-2)
