"""Training, as the paper does it: the control branch first, beside a frozen main branch; then a LoRA on the main blocks, beside a
frozen control branch, with references and history, for every clip but the first.

Flow matching (Lipman et al., arXiv 2210.02747): between a clip x and noise ε lies x_σ = (1 − σ) x + σ ε, and the network learns
its velocity ε − x, at the new latents alone; what is known stands at σ = 0. From the names of the released files: the control
branch at rate 1e-5, the LoRA, of rank 64, at 1e-4, both with batches of 64. σ is drawn evenly and shifted like the sampler's
(ours).

    parameters = train_control(network)         # or train_lora(network)
    optimiser = torch.optim.AdamW(parameters, lr=1e-5)
    for example in examples:
        loss = train_step(network, optimiser, [example], generator)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatia_bridge.generation.spatia_wan.conditions import Conditions
from spatia_bridge.generation.spatia_wan.lora import add_lora
from spatia_bridge.generation.spatia_wan.network import Network
from spatia_bridge.generation.spatia_wan.sampling import TRAIN_STEPS, velocity

SHIFT = 5.0


@dataclass(frozen=True, eq=False)
class Example:
    """One clip to learn from.

    Attributes:
        conditions: as the sampler has them.
        text: (1, L, text_dim).
        clip: the new latents as they should be, of `conditions.new`'s shape.
    """

    conditions: Conditions
    text: Tensor
    clip: Tensor


def train_control(network: Network) -> list[nn.Parameter]:
    """The parameters of the first stage; everything else is frozen."""
    network.requires_grad_(False)
    network.control.requires_grad_(True)
    return list(network.control.parameters())


def train_lora(network: Network, rank: int = 64) -> list[nn.Parameter]:
    """Adds a LoRA to all linear layers of the main blocks. The parameters of the second stage; everything else is frozen."""
    network.requires_grad_(False)
    return add_lora(network.main, rank)


def flow_loss(network: Network, example: Example, sigma: float, noise: Tensor) -> Tensor:
    """The mean squared error of the velocity at one σ in 0…1, scalar."""
    noised = (1 - sigma) * example.clip + sigma * noise
    timestep = torch.tensor(sigma * TRAIN_STEPS, device=noised.device)
    return F.mse_loss(velocity(network, example.conditions, noised, timestep, example.text), noise - example.clip)


def train_step(
    network: Network, optimiser: torch.optim.Optimizer, batch: Sequence[Example], generator: torch.Generator, shift: float = SHIFT
) -> float:
    """One step of the optimiser on a batch, clip by clip; the batch's mean loss.

    Args:
        generator: on the CPU; draws σ and noise.
    """
    optimiser.zero_grad()
    total = 0.0
    for example in batch:
        even = float(torch.rand((), generator=generator))
        sigma = shift * even / (1 + (shift - 1) * even)
        noise = torch.randn(example.clip.shape, generator=generator).to(example.clip)
        loss = flow_loss(network, example, sigma, noise) / len(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    optimiser.step()
    return total
