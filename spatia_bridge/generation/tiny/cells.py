"""What the model draws, in cells of 4×4 pixels: how the fill is off, and what moves in front of it.

A state has 9 channels a cell. 0 to 3: the error of the fill's colour (as lightness, red against blue, both against green) and log
depth, the mean over the cell's holes; 4: the share of the cell that moves, from −1 to 1; 5 to 8: colour and log depth of what
moves. So what memory covers stays as it is unless something moves in front of it, and the detail of what the structure carried on
stays sharp at any size.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.generation.tiny.conditions import CELL, Conditions

STATE_CHANNELS = 9
ERROR, SHARE, MOVER = slice(0, 4), slice(4, 5), slice(5, 9)
COLOUR_ERROR, DEPTH_ERROR = slice(0, 3), slice(3, 4)
# what the fill's lightness is off by, by its confidence, root mean square over the training clips, between them along a line; and
# how much of that each axis of colour is
CONFIDENCES, COLOUR_OFF = (0.0, 0.03, 0.4, 0.5), (0.99, 0.33, 0.3, 0.1)
COLOUR_SHARES = (1.0, 0.38, 0.22)
OPPONENT = ((3**-0.5, 3**-0.5, 3**-0.5), (2**-0.5, 0.0, -(2**-0.5)), (6**-0.5, -2 * 6**-0.5, 6**-0.5))  # orthonormal
DEPTH_OFF = 0.25  # log depth
LEAST_SHARE = 0.5  # of what moves, at a pixel, to be seen


@dataclass(frozen=True, eq=False)
class Cells:
    """B clips of N frames as states, with H and W the pixels that they are about.

    Attributes:
        state: float32 (B, N, 9, H / 4, W / 4), rounded up; 0 where it says nothing.
        weight: the same shape, how much each number counts: the share of the cell that it is about.
    """

    state: Tensor
    weight: Tensor


def cells_of(frames: Tensor, conditions: Conditions) -> Cells:
    """The states of true frames, float32 (B, N, 5, H, W)."""
    moves = (frames[:, :, 4:5] > 0).float()
    hole = (1 - conditions.coverage) * (1 - moves)
    holes, moving = _means(hole), _means(moves)
    error = _means((frames[:, :, :4] - conditions.fill) * hole) / holes.clamp_min(1e-6)
    error = torch.cat([_turned(error[:, :, COLOUR_ERROR], error.new_tensor(OPPONENT)), error[:, :, DEPTH_ERROR]], dim=2)
    mover = _means(frames[:, :, :4] * moves) / moving.clamp_min(1e-6)
    state = torch.cat([error, 2 * moving - 1, mover], dim=2)
    weight = torch.cat([holes.expand_as(error), torch.ones_like(moving), moving.expand_as(mover)], dim=2)
    return Cells(state, weight)


def open_cells(conditions: Conditions) -> Tensor:
    """Float32 (B, N, 9, H / 4, W / 4), 0 for errors of the fill in cells that memory covers wholly: there are none."""
    holes = (_means(1 - conditions.coverage) > 0).float()
    rest = torch.ones_like(holes).expand(-1, -1, STATE_CHANNELS - 4, -1, -1)
    return torch.cat([holes.expand(-1, -1, 4, -1, -1), rest], dim=2)


def units(conditions: Conditions) -> Tensor:
    """About how large each number of a state is, float32 (B, N, 9, H / 4, W / 4); more where the fill is less to be trusted."""
    hole = 1 - conditions.coverage
    confidence = _means(conditions.confidence * hole) / _means(hole).clamp_min(1e-6)
    off = torch.full_like(confidence, COLOUR_OFF[0])
    for (low, high), (before, after) in zip(pairwise(CONFIDENCES), pairwise(COLOUR_OFF), strict=True):
        off = off + (after - before) * ((confidence - low) / (high - low)).clamp(0, 1)
    colours = [off * share for share in COLOUR_SHARES]
    depth = torch.full_like(off, DEPTH_OFF)
    return torch.cat([*colours, depth, torch.ones_like(off).expand(-1, -1, STATE_CHANNELS - 4, -1, -1)], dim=2)


def frames_of(state: Tensor, fill: Tensor, covered: Tensor, scale: tuple[float, float]) -> Tensor:
    """Frames, float32 (N, 5, H, W), from states (N, 9, h, w).

    Args:
        fill: float32 (N, 4, H, W), at any size; covered: float32 (N, 1, H, W), 1 where memory is.
        scale: pixels of the fill a pixel that the states are about, down and across.
    """
    height, width = fill.shape[-2:]
    size = [max(round(cells * CELL * each), least) for cells, each, least in
            zip(state.shape[-2:], scale, (height, width), strict=True)]  # fmt: skip
    share = ((state[:, SHARE] + 1) / 2).clamp(0, 1)
    colour = _turned(state[:, COLOUR_ERROR], state.new_tensor(OPPONENT).T)
    parts = torch.cat([colour, state[:, DEPTH_ERROR], share, state[:, MOVER] * share], dim=1)
    smooth = F.interpolate(parts, size=size, mode="bilinear")[..., :height, :width]
    error, share, mover = smooth[:, :4], smooth[:, 4:5], smooth[:, 5:]
    still = fill + error * (1 - covered)
    moves = share > LEAST_SHARE
    picture = torch.where(moves, mover / share.clamp_min(LEAST_SHARE), still)
    return torch.cat([picture, torch.where(moves, 1.0, -1.0)], dim=1)


def _turned(colour: Tensor, axes: Tensor) -> Tensor:
    """Colours (…, 3, H, W) in other axes (3, 3)."""
    return (axes[:, :, None, None] * colour[..., None, :, :, :]).sum(dim=-3)


def _means(planes: Tensor) -> Tensor:
    """Over cells of (B, N, C, H, W), the image's border repeated where cells reach beyond it."""
    height, width = planes.shape[-2:]
    padded = F.pad(planes.flatten(0, 1), (0, -width % CELL, 0, -height % CELL), mode="replicate")
    means = F.avg_pool2d(padded, CELL)
    return means.view(*planes.shape[:2], *means.shape[1:])
