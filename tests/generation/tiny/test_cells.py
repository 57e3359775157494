"""States of cells: true frames come back from theirs, what memory covers is never touched, movers stand in front."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.generation.tiny.cells import (
    DETAIL,
    ERROR,
    SHARE,
    STATE_CHANNELS,
    cells_of,
    cosines,
    frames_of,
    open_cells,
    textured,
)
from spatia_bridge.generation.tiny.conditions import CELL
from spatia_bridge.generation.tiny.data import FRAMES, make_clips, plan, without
from tests.generation.tiny.walks import room_footage

FOOTAGE = room_footage()


@pytest.fixture(scope="module")
def clip():
    return make_clips(FOOTAGE, plan(FOOTAGE, 2, np.random.default_rng(4), 0.0), 4)


def back(state, conditions):
    return frames_of(state[0], conditions.fill[0], conditions.coverage[0], (1.0, 1.0))


def test_true_states_bring_the_fill_nearer_to_the_truth_and_leave_what_is_covered(clip):
    conditions, target = clip
    made = back(cells_of(target, conditions).state, conditions)
    still = (made[:, 4:] < 0) & (target[0, :, 4:] < 0)
    hole = still & (conditions.coverage[0] == 0)
    fill = conditions.fill[0]
    off, off_fill = ((each[:, :4] - target[0, :, :4]).abs().mean(dim=1, keepdim=True)[hole].mean() for each in (made, fill))
    assert off < 0.6 * off_fill
    covered = (conditions.coverage[0] == 1).expand(-1, 4, -1, -1) & (made[:, 4:] < 0)
    assert torch.equal(made[:, :4][covered], fill[covered])


def test_a_flat_error_is_taken_back_whole(clip):
    """The fill a colour off everywhere: away from what is covered, the truth comes back to the bit almost."""
    conditions, target = clip
    truth = conditions.fill + torch.tensor([0.2, -0.1, 0.05, 0.3])[:, None, None]
    frames = torch.cat([truth, -torch.ones_like(target[:, :, :1])], dim=2)
    nothing = type(conditions)(**{**vars(conditions), "coverage": torch.zeros_like(conditions.coverage)})
    made = back(cells_of(frames, nothing).state, nothing)
    assert torch.allclose(made, frames[0], atol=1e-5)


def test_what_is_lighter_or_darker_within_a_cell_comes_back_too(clip):
    """An error of lightness, whatever its detail, is taken back nearly whole; without the detail most of it stays."""
    conditions, _ = clip
    nothing = type(conditions)(**{**vars(conditions), "coverage": torch.zeros_like(conditions.coverage)})
    grain = 0.2 * torch.randn(conditions.fill[:, :, :1].shape, generator=torch.Generator().manual_seed(0)).expand(
        -1, -1, 3, -1, -1
    )
    truth = torch.cat([conditions.fill[:, :, :3] + grain, conditions.fill[:, :, 3:]], dim=2)
    state = cells_of(torch.cat([truth, -torch.ones_like(grain[:, :, :1])], dim=2), nothing).state
    flat = state.clone()
    flat[:, :, DETAIL] = 0.0
    whole, coarse = ((back(each, nothing)[:, :3] - truth[0, :, :3]).square().mean().sqrt() for each in (state, flat))
    assert whole < 0.25 * coarse and coarse > 0.15


def test_cells_by_frequency_have_the_same_energy_and_what_is_flat_has_only_a_mean():
    planes = torch.randn(1, 2, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(cosines(planes).square().sum(), planes.square().sum(), rtol=1e-5)
    flat = cosines(torch.full((1, 1, 1, 8, 8), 0.5))
    assert torch.allclose(flat[:, :, 0], torch.tensor(2.0)) and flat[:, :, 1:].abs().max() < 1e-6
    across = torch.linspace(0, 1, 8).expand(1, 1, 1, 4, 8)
    changing = cosines(across).abs().amax(dim=(0, 1, 3, 4)) > 1e-6
    assert changing[1] and not changing[4::4].any(), "across comes before down"


def test_a_grey_error_is_one_of_lightness_alone(clip):
    conditions, target = clip
    frames = torch.cat(
        [conditions.fill + torch.tensor([0.2, 0.2, 0.2, 0.0])[:, None, None], -torch.ones_like(target[:, :, :1])], dim=2
    )
    cells = cells_of(frames, conditions)
    known = cells.weight[:, :, 0] > 0
    assert known.any() and torch.allclose(cells.state[:, :, 0][known], torch.tensor(0.2 * 3**0.5), atol=1e-5)
    assert cells.state[:, :, 1:4].abs().max() < 1e-5


def test_texture_is_that_of_what_memory_shows(clip):
    conditions, _ = clip
    flat = conditions.fill.mul(0.0).add(0.3)
    speckled = flat + torch.randn(flat.shape, generator=torch.Generator().manual_seed(0))

    def found(fill, coverage):
        return textured(replace(conditions, fill=fill, coverage=coverage.expand_as(conditions.coverage))).tolist()

    covered = torch.ones_like(conditions.coverage)
    right = covered.clone()
    right[..., : right.shape[-1] // 2] = 0.0
    assert found(speckled, covered) == [1.0, 1.0] == found(flat, covered * 0)
    assert max(found(flat, covered)) < 1e-3
    assert max(found(torch.where(right.bool(), flat, speckled), right)) < 1e-3
    half = textured(replace(conditions, fill=flat + 0.02 * (speckled - flat), coverage=covered))
    assert (half > 0.1).all() and (half < 0.9).all()


def test_what_moves_is_where_it_is(clip):
    conditions, target = clip
    frames = target.clone()
    frames[:, :, 4], frames[:, :, 4, 16:40, 24:60] = -1.0, 1.0
    frames[:, :, :4, 16:40, 24:60] = torch.tensor([0.9, -0.8, 0.7, 0.1])[:, None, None]
    made = back(cells_of(frames, conditions).state, conditions)
    inside = made[:, 4, 16:40, 24:60] > 0
    assert inside.float().mean() > 0.95  # corners are rounded
    assert torch.allclose(made[:, :4, 20:36, 28:56], frames[0, :, :4, 20:36, 28:56], atol=1e-5)
    outside = made[:, 4] > 0
    outside[:, 14:42, 22:62] = False
    assert not outside.any()


def test_at_another_size_the_same_is_said_of_the_same_places(clip):
    conditions, target = clip
    state = cells_of(target, conditions).state[0]
    one = frames_of(state, conditions.fill[0], conditions.coverage[0], (1.0, 1.0))
    fill, covered = (torch.repeat_interleave(torch.repeat_interleave(p, 3, -1), 3, -2)
                     for p in (conditions.fill[0], conditions.coverage[0]))  # fmt: skip
    three = frames_of(state, fill, covered, (3.0, 3.0))
    assert three.shape[-2:] == tuple(3 * side for side in one.shape[-2:])
    middle = three[..., 1::3, 1::3]
    same = (middle[:, 4:] > 0) == (one[:, 4:] > 0)  # a pixel right on a mover's edge may fall to either side
    assert same.float().mean() > 0.999
    assert ((middle[:, :4] - one[:, :4]).abs() * same).max() < 1e-4


def test_weights_count_what_the_cell_knows(clip):
    conditions, target = clip
    cells, opened = cells_of(target, conditions), open_cells(conditions)
    assert cells.state.shape == opened.shape == (2, FRAMES, STATE_CHANNELS, 64 // CELL, 96 // CELL)
    for part in (ERROR, DETAIL):
        assert not (cells.weight[:, :, part] * (1 - opened[:, :, part])).any()
    assert (opened[:, :, SHARE] == 1).all() and (cells.weight[:, :, SHARE] == 1).all()
    nothing, target = make_clips(FOOTAGE, without(plan(FOOTAGE, 2, np.random.default_rng(5), 0.0), "memory"), 4)
    assert open_cells(nothing).all()
    cells = cells_of(target, nothing)
    assert torch.allclose(cells.weight[:, :, :1], (1 - cells.state[:, :, SHARE]) / 2) and cells.weight[:, :, ERROR].mean() > 0.9
