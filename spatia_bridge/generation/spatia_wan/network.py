"""The paper's network (Spatia, arXiv 2512.15716) over Wan 2.2's transformer.

From the paper: a control block parallel to every fourth main block, with Wan's self-attention, cross-attention and feed-forward,
and a projector whose output is added to the main branch. From the released code: the projector is linear, the first block begins
with `before_proj(control) + tokens`, blocks work at layers 0, 4, …, 28 of 30 on 48 + 48 channels (projection's latents and hole
mask's), the branch sees the target's tokens alone, and its hints are added to those tokens after their main block.
Ours: hints are made one at a time, when the main branch needs them; timesteps come a latent frame and are spread over its tokens.
"""

from collections.abc import Callable, Iterator

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanTransformerBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from spatia_bridge.generation.spatia_wan.positions import rotary

EVERY = 4  # main blocks


class ControlBlock(nn.Module):
    """Wan's block, and a projector that starts at zero, so that an untrained branch says nothing."""

    def __init__(self, dim: int, ffn_dim: int, heads: int, eps: float, *, first: bool) -> None:
        super().__init__()
        self.before = _zero(nn.Linear(dim, dim)) if first else None
        self.block = WanTransformerBlock(dim, ffn_dim, heads, cross_attn_norm=True, eps=eps)
        self.after = _zero(nn.Linear(dim, dim))

    def forward(self, states: Tensor, tokens: Tensor, run: "_Run") -> tuple[Tensor, Tensor]:
        """The hint and the next block's states, each (B, N, D); `tokens` as they enter the main branch."""
        if self.before is not None:
            states = self.before(states) + tokens
        states = run(self.block, states)
        return self.after(states), states


class ControlBranch(nn.Module):
    """What turns the latents of projection and hole mask into hints for a main branch.

    Attributes:
        layers: the main blocks that a hint is added after, one a control block.
    """

    def __init__(self, main: WanTransformer3DModel, every: int = EVERY) -> None:
        super().__init__()
        config = main.config
        dim = config.num_attention_heads * config.attention_head_dim
        self.layers = range(0, config.num_layers, every)
        self.patch_embedding = nn.Conv3d(2 * config.in_channels, dim, config.patch_size, config.patch_size)
        self.blocks = nn.ModuleList(
            ControlBlock(dim, config.ffn_dim, config.num_attention_heads, config.eps, first=layer == 0) for layer in self.layers
        )

    def copy_main(self, main: WanTransformer3DModel) -> None:
        """Begin training from the main branch's own blocks, as ControlNet does (our choice: the paper does not say)."""
        for layer, block in zip(self.layers, self.blocks, strict=True):
            block.get_submodule("block").load_state_dict(main.blocks[layer].state_dict())

    def hints(self, control: Tensor, tokens: Tensor, run: "_Run") -> Iterator[Tensor]:
        """What is added to the target's tokens after each of `layers`, (B, N, D).

        Args:
            control: (B, 2C, f, H, W), latents of projection and hole mask.
            tokens: (B, N, D), the target's, as they enter the main branch.
        """
        states = _patches(self.patch_embedding, control)
        for block in self.blocks:
            hint, states = block(states, tokens, run)
            yield hint


class Network(nn.Module):
    """Main branch (with its LoRA, where it has one) and control branch."""

    def __init__(self, main: WanTransformer3DModel, control: ControlBranch) -> None:
        super().__init__()
        self.main = main
        self.control = control

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        text: Tensor,
        control: Tensor | None = None,
        references: int = 0,
        control_scale: float = 1.0,
    ) -> Tensor:
        """The velocity of the flow, (B, C, F, H, W).

        Args:
            latents: (B, C, F, H, W), normalised, in the order references, history, new; H and W even.
            timesteps: (B, F) in 0…1000, 0 for what is known.
            text: (B, L, text_dim), the text encoder's states.
            control: (B, 2C, F − references, H, W); None = no control branch, which is Wan itself.
            references: how many of the latent frames are references.
        """
        main = self.main
        _, patch_height, patch_width = main.config.patch_size
        frames, height, width = latents.shape[2], latents.shape[3] // patch_height, latents.shape[4] // patch_width
        tokens = _patches(main.patch_embedding, latents)
        time, modulation, text, _ = main.condition_embedder(timesteps.flatten(), text, None, timestep_seq_len=frames)
        time, modulation = (t.repeat_interleave(height * width, dim=1) for t in (time, modulation.unflatten(2, (6, -1))))
        exact = torch.promote_types(latents.dtype, torch.float32)
        turns = rotary(main.config.attention_head_dim, references, (frames - references, height, width), exact, latents.device)
        begin = references * height * width
        run = _Run(text, modulation, turns, recompute=main.gradient_checkpointing)
        hints = self.control.hints(control, tokens[:, begin:], run.of_tokens(begin)) if control is not None else iter(())
        for layer, block in enumerate(main.blocks):
            tokens = run(block, tokens)
            if layer in self.control.layers and (hint := next(hints, None)) is not None:
                tokens = torch.cat([tokens[:, :begin], tokens[:, begin:] + control_scale * hint], dim=1)
        return self._velocity(tokens, time, (frames, height, width))

    def _velocity(self, tokens: Tensor, time: Tensor, grid: tuple[int, int, int]) -> Tensor:
        """Wan's output head, and tokens (B, N, D) back to latents."""
        main = self.main
        shift, scale = (main.scale_shift_table[:, None] + time[:, :, None]).unbind(2)
        patches = main.proj_out((main.norm_out(tokens.float()) * (1 + scale) + shift).type_as(tokens))
        patches = patches.unflatten(2, (*main.config.patch_size, -1)).unflatten(1, grid)  # (B, f, h, w, 1, 2, 2, C)
        latents: Tensor = patches.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
        return latents


class _Run:
    """Runs blocks under one clip's conditions; with `recompute`, activations are computed again when gradients need them."""

    def __init__(self, text: Tensor, modulation: Tensor, turns: tuple[Tensor, Tensor], *, recompute: bool) -> None:
        self._conditions = (text, modulation, turns)
        self._recompute = recompute

    def of_tokens(self, begin: int) -> "_Run":
        """The same for the tokens from there on."""
        text, modulation, (cos, sin) = self._conditions
        return _Run(text, modulation[:, begin:], (cos[:, begin:], sin[:, begin:]), recompute=self._recompute)

    def __call__(self, block: Callable[..., Tensor], tokens: Tensor) -> Tensor:
        if self._recompute and torch.is_grad_enabled():
            return checkpoint(block, tokens, *self._conditions, use_reentrant=False)  # type: ignore[no-any-return]
        return block(tokens, *self._conditions)


def _patches(embedding: Callable[[Tensor], Tensor], latents: Tensor) -> Tensor:
    """Tokens (B, N, D) of latents (B, C, F, H, W)."""
    return embedding(latents).flatten(2).transpose(1, 2).contiguous()


def _zero(linear: nn.Linear) -> nn.Linear:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
