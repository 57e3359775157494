"""Rotary positions of [references | target] latents, the target being history and what is new.

Each head's channels are split over time, rows and columns as Wan splits them: 2⌊d/6⌋ for rows and for columns, the rest for time.
From Spatia's released code: the target stands at time 0…f−1, rows 0…h−1, columns 0…w−1; n references stand before it, at times
−n…−1, in rows of their own, h…2h−1, and the same columns. Wan's tables know no negative places, so angles are computed here.
"""

import torch
from torch import Tensor

THETA = 10_000.0


def rotary(
    head_dim: int,
    references: int,
    grid: tuple[int, int, int],
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Cosines and sines as diffusers' Wan attention takes them, each (1, (references + f) · h · w, 1, head_dim).

    The k-th pair of an axis with d channels turns by position · θ^(−2k/d) (Su et al., RoFormer, arXiv 2104.09864); both of a
    pair's channels hold the same value. Angles are in double precision.

    Args:
        grid: of the target: f latent frames of h × w tokens.
    """
    frames, height, width = grid
    side = 2 * (head_dim // 6)
    times = torch.arange(-references, frames, device=device)
    rows = torch.arange(height, device=device) + height * (times < 0)[:, None]  # (F, h)
    shape = (references + frames, height, width, -1)
    angles = torch.cat(
        [
            _angles(times, head_dim - 2 * side)[:, None, None].expand(shape),
            _angles(rows, side)[:, :, None].expand(shape),
            _angles(torch.arange(width, device=device), side)[None, None].expand(shape),
        ],
        dim=-1,
    )
    pairs = angles.reshape(1, -1, 1, head_dim // 2).repeat_interleave(2, dim=-1)
    return pairs.cos().to(dtype), pairs.sin().to(dtype)


def _angles(positions: Tensor, channels: int) -> Tensor:
    """float64 (…, channels / 2)."""
    exponents = torch.arange(0, channels, 2, dtype=torch.float64, device=positions.device) / channels
    return positions[..., None] * THETA**-exponents
