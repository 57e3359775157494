"""The network: a U-Net over cells of 4×4 pixels of all frames of a block, at three sizes.

Space-to-depth takes the place of an autoencoder for what it is shown. The two smaller sizes look along time, preceding frames
included; the smallest attends over all cells of the block and of the given frames, which find each other by their rays.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatia_bridge.generation.tiny.cells import STATE_CHANNELS
from spatia_bridge.generation.tiny.conditions import (
    CELL,
    CONDITION_CHANNELS,
    FRAME_CHANNELS,
    RAY_CHANNELS,
    SIDE_MULTIPLE,
    Conditions,
    Given,
)
from spatia_bridge.generation.tiny.vocabulary import WORDS


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        widths: channels at cells of 4, 8 and 16 pixels; multiples of 8, the last two of `head`.
        context_widths: the same of what encodes given frames.
        embedding: width of what time and prompt become.
        head: channels of an attention head.
    """

    widths: tuple[int, int, int] = (32, 96, 160)
    context_widths: tuple[int, int, int] = (32, 48, 96)
    embedding: int = 192
    head: int = 32

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "NetworkConfig":
        """From what `dataclasses.asdict` became on its way through JSON."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Context:
    """Given frames, encoded once a block: features (B, G, C, h, w) at cells of 8 and 16 pixels, and tokens' rays and validity."""

    fine: Tensor
    coarse: Tensor
    rays: Tensor
    valid: Tensor
    preceding: int


class Block(nn.Module):
    """Two convolutions with group norms; the second norm is scaled and shifted by time and prompt."""

    def __init__(self, inside: int, width: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, inside), nn.Conv2d(inside, width, 3, padding=1)
        self.adapt = nn.Linear(embedding, 2 * width)
        self.norm2, self.conv2 = nn.GroupNorm(8, width), nn.Conv2d(width, width, 3, padding=1)
        self.skip: nn.Module = nn.Conv2d(inside, width, 1) if inside != width else nn.Identity()
        nn.init.zeros_(self.adapt.weight)
        nn.init.zeros_(self.adapt.bias)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.adapt(embedding)[..., None, None].chunk(2, dim=1)
        hidden = self.norm2(hidden) * (1 + scale) + shift
        out: Tensor = self.skip(x) + self.conv2(F.silu(hidden))
        return out


class OverTime(nn.Module):
    """Attention along time at each place, over the block's frames and the preceding ones."""

    def __init__(self, width: int, context_width: int, head: int) -> None:
        super().__init__()
        self.heads = width // head
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.context = nn.Linear(context_width, 2 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, preceding: Tensor, valid: Tensor) -> Tensor:
        """x: (B, N, C, h, w); preceding: (B, P, C', h, w), the last one right before the block; valid: bool (B, P)."""
        batch, frames, width, h, w = x.shape
        past = preceding.shape[1]
        rows = self.norm(x.permute(0, 3, 4, 1, 2))  # (B, h, w, N, C)
        times = torch.arange(-past, frames, device=x.device)
        query, key, value = self.project(rows).chunk(3, dim=-1)
        clock = waves(times / 16.0, width).to(query.dtype)  # (P + N, C)
        key_past, value_past = self.context(preceding.permute(0, 3, 4, 1, 2)).chunk(2, dim=-1)
        query = query + clock[past:]
        key, value = torch.cat([key_past, key], dim=3) + clock, torch.cat([value_past, value], dim=3)
        query, key, value = (
            part.reshape(batch * h * w, part.shape[3], self.heads, -1).transpose(1, 2) for part in (query, key, value)
        )
        there = F.pad(valid, (0, frames), value=True)  # (B, P + N)
        mask = there[:, None].expand(-1, h * w, -1).reshape(batch * h * w, 1, 1, -1)
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out = self.out(out.transpose(1, 2).reshape(batch, h, w, frames, width))
        mixed: Tensor = x + out.permute(0, 3, 4, 1, 2)
        return mixed


class OverRays(nn.Module):
    """Attention of all cells of a block over each other and over the given frames' cells, with rays for positions."""

    def __init__(self, width: int, context_width: int, head: int) -> None:
        super().__init__()
        self.heads = width // head
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.context = nn.Linear(context_width, 2 * width)
        self.rays = nn.Linear(RAY_CHANNELS * 8, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, rays: Tensor, context: Context) -> Tensor:
        """x: (B, N, C, h, w); rays: (B, N, 7, h, w)."""
        batch, frames, width, h, w = x.shape
        tokens = x.permute(0, 1, 3, 4, 2).reshape(batch, -1, width)
        query, key, value = self.project(self.norm(tokens)).chunk(3, dim=-1)
        shown = context.coarse.permute(0, 1, 3, 4, 2).flatten(1, 3)
        key_given, value_given = self.context(shown).chunk(2, dim=-1)
        here, there = (self.rays(_ray_waves(part)).to(query.dtype) for part in (rays, context.rays))
        query, key = query + here, torch.cat([key + here, key_given + there], dim=1)
        value = torch.cat([value, value_given], dim=1)
        query, key, value = (
            part.reshape(batch, -1, self.heads, width // self.heads).transpose(1, 2) for part in (query, key, value)
        )
        valid = F.pad(context.valid.repeat_interleave(h * w, dim=1), (tokens.shape[1], 0), value=True)
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=valid[:, None, None])
        out = self.out(out.transpose(1, 2).flatten(2)).view(batch, frames, h, w, width)
        mixed: Tensor = x + out.permute(0, 1, 4, 2, 3)
        return mixed


class Network(nn.Module):
    """Clean states from noisy ones."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or NetworkConfig()
        (one, two, three), wide = c.widths, c.embedding
        cell = CELL**2
        self.embed = nn.Sequential(nn.Linear(64, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.words = nn.Linear(len(WORDS), wide)
        self.stem = nn.Conv2d(STATE_CHANNELS + CONDITION_CHANNELS * cell + RAY_CHANNELS, one, 3, padding=1)
        self.to2 = nn.Conv2d(one, two, 3, stride=2, padding=1)
        self.down2 = Block(two, two, wide)
        self.to3 = nn.Conv2d(two, three, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([Block(three, three, wide), Block(three, three, wide), Block(three, three, wide)])
        self.from3 = nn.Conv2d(three, two, 3, padding=1)
        self.up2 = Block(2 * two, two, wide)
        self.from2 = nn.Conv2d(two, one, 3, padding=1)
        self.up1 = Block(2 * one, one, wide)
        self.norm = nn.GroupNorm(8, one)
        self.out = nn.Conv2d(one, STATE_CHANNELS, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)
        first, second, third = c.context_widths
        self.encode1 = nn.Conv2d(FRAME_CHANNELS * cell + RAY_CHANNELS, first, 3, padding=1)
        self.encode2 = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.encode2_more = nn.Conv2d(second, second, 3, padding=1)
        self.encode3 = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.encode3_more = nn.Conv2d(third, third, 3, padding=1)
        self.time2 = nn.ModuleList([OverTime(two, second, c.head), OverTime(two, second, c.head)])
        self.time3 = OverTime(three, third, c.head)
        self.rays3 = nn.ModuleList([OverRays(three, third, c.head), OverRays(three, third, c.head)])

    def encode(self, given: Given) -> Context:
        """Look at the given frames."""
        count = given.valid.shape[1]
        pixels = F.pixel_unshuffle(_padded(given.state.flatten(0, 1)), CELL)
        rays = _fitted(given.rays.flatten(0, 1), pixels)
        x = F.silu(self.encode1(torch.cat([pixels, rays], dim=1)))
        x = F.silu(self.encode2(x))
        fine = x + F.silu(self.encode2_more(x))
        x = F.silu(self.encode3(fine))
        coarse = x + F.silu(self.encode3_more(x))
        pooled = F.avg_pool2d(rays, 4)
        return Context(_clips(fine, count), _clips(coarse, count), _clips(pooled, count), given.valid, given.preceding)

    def forward(self, noisy: Tensor, time: Tensor, conditions: Conditions, context: Context | None = None) -> Tensor:
        """What `flow` makes the clean states of, float32 (B, N, 24, h, w), 0 before training.

        Args:
            noisy: the same shape; time: (B,) in 0…1; context: of an earlier call of `encode`, saves encoding again.
        """
        frames, _, height, width = noisy.shape[1:]
        if context is None:
            context = self.encode(conditions.given)
        e = self.embed(waves(time, 64)) + self.words(conditions.words)
        e = F.silu(e).repeat_interleave(frames, dim=0)
        shown = torch.cat([conditions.fill, 2 * conditions.coverage - 1, 2 * conditions.confidence - 1], dim=2)
        pixels = F.pixel_unshuffle(_padded(shown.flatten(0, 1)), CELL)
        state = _fitted(noisy.flatten(0, 1), pixels)
        rays = _fitted(conditions.rays.flatten(0, 1), pixels)
        x = self.stem(torch.cat([state, pixels, rays], dim=1).contiguous(memory_format=torch.channels_last))
        out = self._unet(x, e, _clips(F.avg_pool2d(rays, 4), frames), context, frames)
        return _clips(out[..., :height, :width], frames).float()

    def _unet(self, x: Tensor, e: Tensor, rays: Tensor, context: Context, frames: int) -> Tensor:
        """x: (B · N, C, H / 4, W / 4); rays at cells of 16 pixels."""

        def over_time(layer: nn.Module, x: Tensor, features: Tensor) -> Tensor:
            past = slice(features.shape[1] - context.preceding, None)
            out: Tensor = layer(_clips(x, frames), features[:, past], context.valid[:, past]).flatten(0, 1)
            return out.contiguous(memory_format=torch.channels_last)

        def over_rays(layer: nn.Module, x: Tensor) -> Tensor:
            out: Tensor = layer(_clips(x, frames), rays, context).flatten(0, 1)
            return out.contiguous(memory_format=torch.channels_last)

        skip1, x = x, self.to2(x)
        x = over_time(self.time2[0], self.down2(x, e), context.fine)
        skip2, x = x, self.to3(x)
        x = over_rays(self.rays3[0], self.middle[0](x, e))
        x = over_time(self.time3, self.middle[1](x, e), context.coarse)
        x = self.middle[2](over_rays(self.rays3[1], x), e)
        x = self.up2(torch.cat([self.from3(F.interpolate(x, scale_factor=2.0)), skip2], dim=1), e)
        x = over_time(self.time2[1], x, context.fine)
        x = self.up1(torch.cat([self.from2(F.interpolate(x, scale_factor=2.0)), skip1], dim=1), e)
        out: Tensor = self.out(F.silu(self.norm(x)))
        return out


def _clips(x: Tensor, frames: int) -> Tensor:
    """(B · N, …) as (B, N, …)."""
    return x.reshape(-1, frames, *x.shape[1:])


def waves(values: Tensor, count: int) -> Tensor:
    """Sines and cosines (…, count) of values (…,) about 0…1, at wavelengths from 4 down to 1/64, evenly in their logarithm."""
    frequencies = 2 * math.pi * torch.logspace(-2, 6, count // 2, base=2.0, device=values.device)
    phases = values[..., None].float() * frequencies
    return torch.cat([phases.sin(), phases.cos()], dim=-1)


def _ray_waves(rays: Tensor) -> Tensor:
    """(B, N, 7, h, w) as tokens (B, N · h · w, 56)."""
    tokens = rays.permute(0, 1, 3, 4, 2).flatten(1, 3)
    phases = tokens[..., None] * torch.tensor([1.0, 2.0, 4.0, 8.0], device=rays.device)
    return torch.cat([phases.sin(), phases.cos()], dim=-1).flatten(2)


def _padded(pixels: Tensor) -> Tensor:
    """Sides rounded up to multiples of 16 by repeating the border."""
    height, width = pixels.shape[-2:]
    return F.pad(pixels, (0, -width % SIDE_MULTIPLE, 0, -height % SIDE_MULTIPLE), mode="replicate")


def _fitted(planes: Tensor, cells: Tensor) -> Tensor:
    """Planes a cell, their border repeated as that of the pixels was."""
    height, width = cells.shape[-2:]
    return F.pad(planes, (0, width - planes.shape[-1], 0, height - planes.shape[-2]), mode="replicate")
