"""Small networks, and a clip's conditions for them."""

from functools import cache

import torch
from diffusers import WanTransformer3DModel

from spatia_bridge.generation.spatia_wan.conditions import Conditions
from spatia_bridge.generation.spatia_wan.network import ControlBranch, Network

HEADS, HEAD_DIM, CHANNELS, TEXT = 2, 14, 4, 10


def small_main(layers: int = 6) -> WanTransformer3DModel:
    return WanTransformer3DModel(
        num_attention_heads=HEADS, attention_head_dim=HEAD_DIM, in_channels=CHANNELS, out_channels=CHANNELS,
        text_dim=TEXT, freq_dim=16, ffn_dim=40, num_layers=layers,
    )  # fmt: skip


def small_network(layers: int = 6, seed: int = 0, *, awake: bool = True) -> Network:
    """awake: nothing in it is zero, and norms' weights are not one."""
    torch.manual_seed(seed)
    network = Network(main := small_main(layers), ControlBranch(main))
    if awake:
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if not parameter.any() or "norm" in name:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return network.eval()


def small_conditions(references: int = 1, history: int = 1, new: int = 2, seed: int = 1, size: int = 4) -> Conditions:
    generator = torch.Generator().manual_seed(seed)

    def latents(frames: int, channels: int = CHANNELS) -> torch.Tensor:
        return torch.randn(1, channels, frames, size, size, generator=generator)

    return Conditions(latents(references), latents(history), latents(history + new, 2 * CHANNELS))


@cache
def full_branches() -> tuple[WanTransformer3DModel, ControlBranch]:
    """Main branch (the configuration of Wan-AI/Wan2.2-TI2V-5B-Diffusers) and control branch, without any memory."""
    with torch.device("meta"):
        main = WanTransformer3DModel(
            num_attention_heads=24, attention_head_dim=128, in_channels=48, out_channels=48,
            text_dim=4096, freq_dim=256, ffn_dim=14336, num_layers=30,
        )  # fmt: skip
        return main, ControlBranch(main)
