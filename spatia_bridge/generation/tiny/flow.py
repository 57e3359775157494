"""Rectified flow (Liu et al., "Flow straight and fast", ICLR 2023) from the noisy fill at time 0 to the frames at time 1.

The network predicts the clean frames, not the velocity. Where memory covers, little noise: there is little to decide; whether
something moves there is always open.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from spatia_bridge.generation.tiny.conditions import STATE_CHANNELS, Conditions
from spatia_bridge.generation.tiny.network import Network, Prediction

COVERED_NOISE, HOLE_NOISE = 0.15, 0.5  # the fill is off by about 0.3 in holes
TIMES = (0.0, 0.25, 0.5, 0.75)  # where the network is asked; Euler steps lead from each to the next, the last to 1
LATEST = 0.95  # in training: at time 1 there is nothing left to predict
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.2)


def frame_noise(seed: int, numbers: Sequence[int], height: int, width: int) -> Tensor:
    """Normal noise float32 (N, 5, H, W), a frame's own by clip seed and frame number, whatever the block it is made in."""
    states = [np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, number]).generate_state(1, np.uint64)[0] for number in numbers]
    makers = [torch.Generator().manual_seed(int(state >> 1)) for state in states]
    return torch.stack([torch.randn(STATE_CHANNELS, height, width, generator=maker) for maker in makers])


def start(conditions: Conditions, noise: Tensor) -> Tensor:
    """Where the flow begins: float32 (B, N, 5, H, W)."""
    spread = torch.lerp(noise.new_tensor(HOLE_NOISE), noise.new_tensor(COVERED_NOISE), conditions.coverage)
    colour_depth = conditions.fill + spread * noise[:, :, :4]
    return torch.cat([colour_depth, noise[:, :, 4:]], dim=2)


@torch.no_grad()
def steps(network: Network, conditions: Conditions, noise: Tensor) -> Iterator[Prediction]:
    """Integrate with Euler steps, one prediction a step; the last is the sample."""
    state = start(conditions, noise)
    with precision(noise.device):
        context = network.encode(conditions.given)
    for now, then in pairwise((*TIMES, 1.0)):
        with precision(noise.device):
            prediction = network(state, noise.new_full(state.shape[:1], now), conditions, context)
        state = torch.lerp(state, prediction.state, (then - now) / (1.0 - now))
        yield prediction


def sample(network: Network, conditions: Conditions, noise: Tensor) -> Prediction:
    """The last of all steps."""
    *_, last = steps(network, conditions, noise)
    return last


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where the device is fast at it."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


@dataclass(frozen=True, eq=False)
class Loss:
    """What is minimised, and its unweighted parts a clip, float32 (B,): colour in covered pixels, colour in holes, log depth."""

    total: Tensor
    covered: Tensor
    holes: Tensor
    depth: Tensor


def loss(network: Callable[..., Prediction], conditions: Conditions, target: Tensor, noise: Tensor, time: Tensor) -> Loss:
    """Squared error of the clean prediction at these times (B,), weighed by 1 / (1 − time).

    A velocity's error is the prediction's over (1 − time), squared; half of that weight leaves more to the early, coarse steps.
    """
    at = time[:, None, None, None, None]
    prediction = network(torch.lerp(start(conditions, noise), target, at), time, conditions)
    error = (prediction.state - target) ** 2
    weights = target.new_tensor(CHANNEL_WEIGHTS)[None, None, :, None, None]
    total = ((error * weights).mean(dim=(1, 2, 3, 4)) / (1.0 - time)).mean()
    colour, covered = error[:, :, :3], conditions.coverage
    return Loss(total, _mean(colour, covered), _mean(colour, 1 - covered), error[:, :, 3].mean(dim=(1, 2, 3)))


def _mean(error: Tensor, where: Tensor) -> Tensor:
    """Over (N, C, H, W) where `where` (B, N, 1, H, W) is 1; 0 if nowhere."""
    return (error * where).sum(dim=(1, 2, 3, 4)) / (where.sum(dim=(1, 2, 3, 4)) * error.shape[2]).clamp_min(1.0)
