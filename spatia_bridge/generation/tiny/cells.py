"""What the model draws, in cells of 4×4 pixels: how the fill is off, and what moves in front of it.

A state has 24 channels a cell. 0 to 3: the error of the fill's colour (as lightness, red against blue, both against green) and
log depth, the mean over the cell's holes; 4: the share of the cell that moves, from −1 to 1; 5 to 8: colour and log depth of what
moves; 9 to 23: detail, what is left of the lightness's error within the cell, as a discrete cosine transform without its mean. So
what memory covers stays as it is unless something moves in front of it, and what the structure carried on stays at any size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.generation.tiny.conditions import CELL, Conditions

STATE_CHANNELS = 9 + CELL**2 - 1
ERROR, SHARE, MOVER, DETAIL = slice(0, 4), slice(4, 5), slice(5, 9), slice(9, STATE_CHANNELS)
MOVES = slice(SHARE.start, MOVER.stop)
COLOUR_ERROR, DEPTH_ERROR = slice(0, 3), slice(3, 4)
# what the fill's lightness is off by, by its confidence, root mean square over the training clips, between them along a line; and
# how much of that each axis of colour is
CONFIDENCES, COLOUR_OFF = (0.0, 0.03, 0.4, 0.5), (0.99, 0.33, 0.3, 0.1)
COLOUR_SHARES = (1.0, 0.38, 0.22)
OPPONENT = ((3**-0.5, 3**-0.5, 3**-0.5), (2**-0.5, 0.0, -(2**-0.5)), (6**-0.5, -2 * 6**-0.5, 6**-0.5))  # orthonormal
DEPTH_OFF = 0.25  # log depth
DETAIL_OFF = (0.65, 0.65, 0.95, 0.7)  # at the same confidences, of the following, by frequency: down, then across
DETAIL_SHARES = (0.33, 0.22, 0.16, 0.40, 0.19, 0.12, 0.09, 0.26, 0.14, 0.10, 0.07, 0.18, 0.11, 0.08, 0.06)
TEXTURE = 0.07  # root mean square of the detail that memory shows in a clip, at least, in nine training clips of ten
LEAST_SHARE = 0.5  # of what moves, at a pixel, to be seen


@dataclass(frozen=True, eq=False)
class Cells:
    """B clips of N frames as states, with H and W the pixels that they are about.

    Attributes:
        state: float32 (B, N, 24, H / 4, W / 4), rounded up; 0 where it says nothing.
        weight: the same shape, how much each number counts: the share of the cell that it is about.
    """

    state: Tensor
    weight: Tensor


def cells_of(frames: Tensor, conditions: Conditions) -> Cells:
    """The states of true frames, float32 (B, N, 5, H, W)."""
    moves = (frames[:, :, 4:5] > 0).float()
    hole = (1 - conditions.coverage) * (1 - moves)
    holes, moving = _means(hole), _means(moves)
    off = (frames[:, :, :4] - conditions.fill) * hole
    off = torch.cat([_turned(off[:, :, COLOUR_ERROR], off.new_tensor(OPPONENT)), off[:, :, DEPTH_ERROR]], dim=2)
    error = _means(off) / holes.clamp_min(1e-6)
    smooth = _enlarged(error[:, :, :1].flatten(0, 1))[..., : off.shape[-2], : off.shape[-1]]
    detail = cosines(off[:, :, :1] - smooth.view_as(hole) * hole)[:, :, 1:]
    mover = _means(frames[:, :, :4] * moves) / moving.clamp_min(1e-6)
    state = torch.cat([error, 2 * moving - 1, mover, detail], dim=2)
    weights = holes.expand_as(error), torch.ones_like(moving), moving.expand_as(mover), holes.expand_as(detail)
    return Cells(state, torch.cat(weights, dim=2))


def open_cells(conditions: Conditions) -> Tensor:
    """Float32 (B, N, 24, H / 4, W / 4), 0 for errors of the fill in cells that memory covers wholly: there are none."""
    holes = (_means(1 - conditions.coverage) > 0).float().expand(-1, -1, STATE_CHANNELS, -1, -1).clone()
    holes[:, :, MOVES] = 1.0
    return holes


def units(conditions: Conditions) -> Tensor:
    """About how large each number of a state is, float32 (B, N, 24, H / 4, W / 4); more where the fill is less to be trusted."""
    hole = 1 - conditions.coverage
    confidence = _means(conditions.confidence * hole) / _means(hole).clamp_min(1e-6)

    def by_confidence(values: Sequence[float], shares: Sequence[float]) -> Tensor:
        off = torch.full_like(confidence, values[0])
        for (low, high), (before, after) in zip(pairwise(CONFIDENCES), pairwise(values), strict=True):
            off = off + (after - before) * ((confidence - low) / (high - low)).clamp(0, 1)
        return off * off.new_tensor(shares)[:, None, None]

    depth = torch.full_like(confidence, DEPTH_OFF)
    moves = torch.ones_like(confidence).expand(-1, -1, MOVES.stop - MOVES.start, -1, -1)
    return torch.cat([by_confidence(COLOUR_OFF, COLOUR_SHARES), depth, moves, by_confidence(DETAIL_OFF, DETAIL_SHARES)], dim=2)


def textured(conditions: Conditions) -> Tensor:
    """How much detail there is in what memory shows, float32 (B,): 1 as in levels, or nothing to go by; 0 in flat colours."""
    lightness = _turned(conditions.fill[:, :, COLOUR_ERROR], conditions.fill.new_tensor(OPPONENT))[:, :, :1]
    whole = (_means(conditions.coverage) >= 1).float()
    count = (CELL**2 - 1) * whole.sum(dim=(1, 2, 3, 4))
    squares = (cosines(lightness)[:, :, 1:].square() * whole).sum(dim=(1, 2, 3, 4)) / count.clamp_min(1.0)
    return torch.where(count > 0, (squares.sqrt() / TEXTURE).clamp_max(1.0), 1.0)


def cosines(planes: Tensor) -> Tensor:
    """Cells of one plane (B, N, 1, H, W) by frequency, float32 (B, N, 16, H / 4, W / 4): an orthonormal transform, mean first."""
    height, width = planes.shape[-2:]
    padded = F.pad(planes.flatten(0, 1), (0, -width % CELL, 0, -height % CELL), mode="replicate")
    pixels = F.pixel_unshuffle(padded, CELL)
    return torch.einsum("kp,bphw->bkhw", _waves(planes), pixels).view(*planes.shape[:2], CELL**2, *pixels.shape[-2:])


def frames_of(state: Tensor, fill: Tensor, covered: Tensor, scale: tuple[float, float]) -> Tensor:
    """Frames, float32 (N, 5, H, W), from states (N, 24, h, w).

    Args:
        fill: float32 (N, 4, H, W), at any size; covered: float32 (N, 1, H, W), 1 where memory is.
        scale: pixels of the fill a pixel that the states are about, down and across.
    """
    height, width = fill.shape[-2:]
    size = [max(round(cells * CELL * each), least) for cells, each, least in
            zip(state.shape[-2:], scale, (height, width), strict=True)]  # fmt: skip
    share = ((state[:, SHARE] + 1) / 2).clamp(0, 1)
    parts = torch.cat([state[:, ERROR], share, state[:, MOVER] * share], dim=1)
    smooth = F.interpolate(parts, size=size, mode="bilinear")[..., :height, :width]
    error, share, mover = smooth[:, :4], smooth[:, 4:5], smooth[:, 5:]
    pixels = F.pixel_shuffle(torch.einsum("kp,nkhw->nphw", _waves(state)[1:], state[:, DETAIL]), CELL)
    detail = F.interpolate(pixels, size=size, mode="bilinear")[..., :height, :width]
    colour = torch.cat([error[:, :1] + detail, error[:, 1:3]], dim=1)
    still = fill + torch.cat([_turned(colour, state.new_tensor(OPPONENT).T), error[:, 3:]], dim=1) * (1 - covered)
    moves = share > LEAST_SHARE
    picture = torch.where(moves, mover / share.clamp_min(LEAST_SHARE), still)
    return torch.cat([picture, torch.where(moves, 1.0, -1.0)], dim=1)


def _waves(like: Tensor) -> Tensor:
    """The orthonormal cosines of a cell, float32 (16, 16), by frequency and pixel."""
    at = torch.arange(CELL, device=like.device, dtype=torch.float32)
    line = torch.cos(math.pi / CELL * at[:, None] * (at + 0.5)) * math.sqrt(2 / CELL)
    line[0] *= math.sqrt(0.5)
    return torch.einsum("ai,bj->abij", line, line).reshape(CELL**2, CELL**2)


def _enlarged(cells: Tensor) -> Tensor:
    """(N, C, h, w) a pixel each, as `frames_of` has them at the size they are about."""
    return F.interpolate(cells, scale_factor=CELL, mode="bilinear")


def _turned(colour: Tensor, axes: Tensor) -> Tensor:
    """Colours (…, 3, H, W) in other axes (3, 3)."""
    return (axes[:, :, None, None] * colour[..., None, :, :, :]).sum(dim=-3)


def _means(planes: Tensor) -> Tensor:
    """Over cells of (B, N, C, H, W), the image's border repeated where cells reach beyond it."""
    height, width = planes.shape[-2:]
    padded = F.pad(planes.flatten(0, 1), (0, -width % CELL, 0, -height % CELL), mode="replicate")
    means = F.avg_pool2d(padded, CELL)
    return means.view(*planes.shape[:2], *means.shape[1:])
