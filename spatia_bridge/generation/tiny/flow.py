"""Rectified flow (Liu et al., "Flow straight and fast", ICLR 2023) from noise at time 0 to the states of `cells` at time 1.

The network predicts the clean states, not the velocity, in units of what the fill is off by; of detail, which hardly anything
foretells, how it is other than what is left of it under noise (Karras et al., "Elucidating the design space of diffusion-based
generative models", NeurIPS 2022, section 5). Depth is not sampled but read off the colours: the network is not shown it, and
answers with a median. Noise hangs in the world: a direction has the same in every frame of a clip, so that what is invented turns
with the world and does not flicker (after Chang et al., "How I warped your noise", ICLR 2024; here warped by the turning alone).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from spatia_bridge.generation.tiny.cells import (
    COLOUR_ERROR,
    DEPTH_ERROR,
    DETAIL,
    MOVES,
    STATE_CHANNELS,
    cells_of,
    cosines,
    open_cells,
    textured,
    units,
)
from spatia_bridge.generation.tiny.conditions import CELL, Conditions
from spatia_bridge.generation.tiny.network import Network
from spatia_bridge.generation.tiny.projector import Lenses

STEPS = 8
TIMES = tuple(step / STEPS for step in range(STEPS))  # where the network is asked; the last of the Euler steps leads to 1
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 0.5) + (CELL**2 - 1) * (0.1,)


@dataclass(frozen=True)
class Sampling:
    """How far to follow the flow; by default to its end, as it was learned.

    Attributes:
        decided: Euler steps, one or more, after which colour stays as the network then said, while detail and what moves go on.
        caution: how much of what it said of colour is used, by axis.
        moves: how strong the noise is that what moves begins with.
        detail: the same of detail, where memory shows as much of it as levels have.
    """

    decided: int = STEPS
    caution: tuple[float, float, float] = (1.0, 1.0, 1.0)
    moves: float = 1.0
    detail: float = 1.0


# On levels that it did not learn from, what the first step says of colour is worth having in part; what later steps make of it is
# not, as they take for certain what was a guess. Chosen on the validation's levels.
IN_USE = Sampling(1, (0.65, 0.65, 0.65), moves=0.7, detail=0.7)


def world_noise(seeds: Sequence[int], poses: Tensor, lenses: Lenses) -> Tensor:
    """Normal noise float32 (B, N, 24, H / 4, W / 4), a direction's own, one seed a clip.

    From a cube around the camera whose faces have cells about as large as the image's, and for detail one of pixels.

    Args:
        poses: float32 (B, N, 4, 4), where cameras' axes point, in whatever frame the clips are to agree in.
    """
    size = -(-lenses.width // CELL), -(-lenses.height // CELL)
    dice = [torch.Generator().manual_seed(seed & (2**63 - 1)) for seed in seeds]
    coarse = _from_cube(dice, poses, lenses.resized(*size), DETAIL.start)
    fine = cosines(_from_cube(dice, poses, lenses.resized(*(CELL * side for side in size)), 1))
    return torch.cat([coarse, fine[:, :, 1:]], dim=2)


def _from_cube(dice: Sequence[torch.Generator], poses: Tensor, lenses: Lenses, channels: int) -> Tensor:
    """Normal noise float32 (B, N, C, H, W)."""
    turned = poses[:, :, None, None, :3, :3] * lenses.rays()[:, None, :, :, None]
    directions = turned.sum(-1)  # (B, N, H, W, 3)
    longest, axis = directions.abs().max(dim=-1, keepdim=True)
    side = math.ceil(2 * float(lenses.values[:, :2].max()))
    across = torch.gather(directions, -1, torch.cat([(axis + 1) % 3, (axis + 2) % 3], dim=-1)) / longest
    u, v = ((across + 1) / 2 * side).long().clamp(0, side - 1).unbind(-1)
    negative = torch.gather(directions, -1, axis)[..., 0] < 0
    index = ((2 * axis[..., 0] + negative) * side + v) * side + u
    cubes = [torch.randn(6 * side * side, channels, generator=each).to(index.device) for each in dice]
    return torch.stack([cube[places] for cube, places in zip(cubes, index, strict=True)]).movedim(-1, 2)


@torch.no_grad()
def steps(network: Network, conditions: Conditions, noise: Tensor, how: Sampling = Sampling()) -> Iterator[Tensor]:
    """Integrate with Euler steps, one state a step; the last is the sample."""
    opened, scale = open_cells(conditions), units(conditions)
    state, shown, caution = noise * opened, opened * _sampled(noise), noise.new_tensor(how.caution)[:, None, None]
    state[:, :, MOVES] *= how.moves
    if how.detail < 1.0:  # and none where memory shows flat colours, unlike any that it learned from
        state[:, :, DETAIL] *= how.detail * textured(conditions)[:, None, None, None, None]
    with precision(noise.device):
        context = network.encode(conditions.given)
    for done, (now, then) in enumerate(pairwise((*TIMES, 1.0)), start=1):
        with precision(noise.device):
            time = noise.new_full(state.shape[:1], now)
            clean = _clean(network(state * shown, time, conditions, context), state, time) * opened
        if done <= how.decided:
            colour = clean[:, :, COLOUR_ERROR] * caution
        clean[:, :, COLOUR_ERROR] = colour
        state = torch.lerp(state, clean, (then - now) / (1.0 - now))
        yield state * scale


def _clean(said: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """The clean states that the network means, (B, N, 24, h, w), at times (B,)."""
    at = time[:, None, None, None, None]
    spread = at**2 + (1 - at) ** 2  # of noisy detail in units
    detail = at / spread * noisy[:, :, DETAIL] + (1 - at) / spread.sqrt() * said[:, :, DETAIL]
    return torch.cat([said[:, :, : DETAIL.start], detail], dim=2)


def _sampled(like: Tensor) -> Tensor:
    """(24, 1, 1), 1 for what the network is shown of a noisy state, 0 for depth."""
    shown = like.new_ones(STATE_CHANNELS, 1, 1)
    shown[DEPTH_ERROR] = 0.0
    return shown


def sample(network: Network, conditions: Conditions, noise: Tensor, how: Sampling = Sampling()) -> Tensor:
    """The last of all steps."""
    *_, last = steps(network, conditions, noise, how)
    return last


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where the device is fast at it."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


@dataclass(frozen=True, eq=False)
class Loss:
    """What is minimised, and its unweighted parts a clip, float32 (B,): colour and log depth in holes, what moves, detail."""

    total: Tensor
    colour: Tensor
    depth: Tensor
    moves: Tensor
    detail: Tensor


def loss(network: Callable[..., Tensor], conditions: Conditions, target: Tensor, noise: Tensor, time: Tensor) -> Loss:
    """Squared error of the clean prediction at these times (B,), of depth its amount; target: the true frames.

    A velocity's error would be the prediction's over (1 − time), squared; without that weight most is learnt from the early,
    coarse steps, which decide what is invented.
    """
    at = time[:, None, None, None, None]
    cells, opened = cells_of(target, conditions), open_cells(conditions)
    clean = cells.state / units(conditions)
    noisy = torch.lerp(noise, clean, at) * opened * _sampled(noise)
    off = _clean(network(noisy, time, conditions), noisy, time) - clean
    parts = (COLOUR_ERROR, DEPTH_ERROR, MOVES, DETAIL)
    colour, depth, moves, detail = (off[:, :, part] for part in parts)
    error = cells.weight * torch.cat([colour**2, depth.abs(), moves**2, detail**2], dim=2)
    weights = target.new_tensor(CHANNEL_WEIGHTS)[None, None, :, None, None]
    total = (error * weights).mean()
    return Loss(total, *(error[:, :, part].mean(dim=(1, 2, 3, 4)) for part in parts))
