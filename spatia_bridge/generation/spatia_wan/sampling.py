"""From noise to a clip's latents: UniPC (Zhao et al., arXiv 2302.04867) on the flow, with classifier-free guidance.

From the released code: what is known stands at timestep 0 and is put back after every step. Here it never goes through the
sampler, which is the same, for UniPC works on every value by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from diffusers import UniPCMultistepScheduler
from torch import Tensor

from spatia_bridge.generation.spatia_wan.conditions import Conditions
from spatia_bridge.generation.spatia_wan.network import Network
from spatia_bridge.generation.spatia_wan.settings import Settings

TRAIN_STEPS = 1000


def sample(
    network: Network,
    conditions: Conditions,
    text: Tensor,
    negative: Tensor,
    noise: Tensor,
    settings: Settings,
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The new latents after each step, of `conditions.new`'s shape, and where that step led to, of their last frame (C, H, W).

    The last new latents are the sample.

    Args:
        text, negative: (1, L, text_dim), of the prompt and of what to lead away from.
        noise: of `conditions.new`'s shape, standard normal.
        turn: entered for each step, while the network is used.
    """
    scheduler = UniPCMultistepScheduler(
        num_train_timesteps=TRAIN_STEPS, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=settings.shift
    )
    scheduler.set_timesteps(settings.steps, device=noise.device)
    new = noise
    for timestep, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1], strict=True):
        with turn(), torch.no_grad():
            flow = velocity(network, conditions, new, timestep, text, settings.control_scale)
            if settings.guidance != 1:
                away = velocity(network, conditions, new, timestep, negative, settings.control_scale)
                flow = away + settings.guidance * (flow - away)
            clean = new[0, :, -1] - sigma * flow[0, :, -1]
            new = scheduler.step(flow, timestep, new, return_dict=False)[0]
        yield new, clean


def velocity(
    network: Network, conditions: Conditions, new: Tensor, timestep: Tensor, text: Tensor, control_scale: float = 1.0
) -> Tensor:
    """The flow's velocity at the new latents, float32 of their shape: noise minus picture.

    Args:
        timestep: scalar, 0…1000; what is known stands at 0.
    """
    dtype = network.control.patch_embedding.weight.dtype
    latents = torch.cat([conditions.references, conditions.history, new], dim=2)
    known = latents.shape[2] - new.shape[2]
    timesteps = timestep.float().expand(len(latents), latents.shape[2]).clone()
    timesteps[:, :known] = 0
    references = conditions.references.shape[2]
    flow: Tensor = network(latents.to(dtype), timesteps, text.to(dtype), conditions.control.to(dtype), references, control_scale)
    return flow[:, :, known:].to(new.dtype)
