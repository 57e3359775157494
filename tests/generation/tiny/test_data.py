"""Clips to train on: what they claim to show they show; what is dropped is gone; the same seed gives the same batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.codec.walks import QUIET
from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.generation.tiny import data
from spatia_bridge.generation.tiny.conditions import PRECEDING, log_depth, metres
from spatia_bridge.generation.tiny.data import CROWDED, FRAMES, footage_of, load_footage, make_clips, mirrored, plan, without
from spatia_bridge.generation.tiny.vocabulary import WORDS
from tests.generation.tiny.walks import room_footage, room_walk


@pytest.fixture(scope="module")
def footage():
    return room_footage()


def batch(footage, seed=0, drop=0.0, corrupt=False, clips=6):
    chosen = plan(footage, clips, np.random.default_rng(seed), drop)
    return chosen, *make_clips(footage, chosen, seed, corrupt=corrupt)


def test_memory_shows_what_the_clip_shows(footage):
    """Without corruption, what earlier frames project into a clip is what the clip has there: same colour, same depth."""
    _, conditions, target = batch(footage, seed=3)
    there = conditions.coverage.bool() & (target[:, :, 4:] < 0)
    assert 0.3 < conditions.coverage.mean() < 1
    off = (conditions.fill[:, :, 3:] - target[:, :, 3:4]).abs()[there]
    assert (off < 0.02).float().mean() > 0.95  # the rest: far points seen between near ones, at edges
    colour = ((conditions.fill[:, :, :3] - target[:, :, :3]) ** 2).mean(dim=2, keepdim=True)[there].mean()
    assert 10 * np.log10(4 / colour.item()) > 25


def test_the_same_seed_gives_the_same_batch_and_another_does_not(footage):
    first, again, other = (batch(footage, seed, corrupt=True)[1] for seed in (1, 1, 2))
    assert torch.equal(first.fill, again.fill) and torch.equal(first.given.state, again.given.state)
    assert not torch.equal(first.fill, other.fill)


def test_clips_stay_within_their_walk():
    footage = footage_of([room_walk(20, "a"), room_walk(25, "b")], 96)
    for seed in range(20):
        chosen = plan(footage, 8, np.random.default_rng(seed))
        begin = chosen.target[:, :1]
        for numbers in (chosen.target, chosen.sources, chosen.references, chosen.preceding):
            assert (numbers >= footage.first[begin]).all() and (numbers <= footage.last[begin]).all()
        assert (np.diff(chosen.target, axis=1) >= 0).all()
        assert (chosen.preceding[chosen.preceding_there] < np.repeat(begin, PRECEDING, 1)[chosen.preceding_there]).all()


def test_what_is_dropped_is_dropped(footage):
    chosen, conditions, _ = batch(footage, drop=1.0)
    assert not chosen.source_there.any() and not chosen.prompt_there.any()
    assert not conditions.coverage.any() and not conditions.fill.any() and not conditions.confidence.any()
    assert not conditions.given.valid.any() and not conditions.words.any()


def test_without_takes_away_one_condition_and_no_other(footage):
    whole = plan(footage, 6, np.random.default_rng(3), 0.0)
    parts = {
        "memory": lambda c: c.coverage.any(),
        "references": lambda c: c.given.valid[:, :-PRECEDING].any(),
        "preceding": lambda c: c.given.valid[:, -PRECEDING:].any(),
        "prompt": lambda c: c.words.any(),
    }
    assert all(shown(make_clips(footage, whole, 3)[0]) for shown in parts.values())
    for name in parts:
        less, _ = make_clips(footage, without(whole, name), 3)
        assert {part for part, shown in parts.items() if not shown(less)} == {name}
    with pytest.raises(InvalidInputError, match="weather"):
        without(whole, "weather")


def test_holes_are_filled_from_references_and_structure(footage):
    """What references see is in the fill, about as it truly is, though memory does not cover it."""
    whole = plan(footage, 6, np.random.default_rng(3), 0.0)
    whole = without(replace(whole, references=whole.target[:, :1].repeat(whole.references.shape[1], axis=1)), "memory")
    there = replace(whole, reference_there=np.ones_like(whole.reference_there))
    conditions, target = make_clips(footage, there, 3, corrupt=False)
    assert not conditions.coverage.any() and conditions.confidence.mean() > 0.3
    off = (conditions.fill[:, :, 3:] - target[:, :, 3:4]).abs()[target[:, :, 4:] < 0]
    assert (off < 0.05).float().mean() > 0.8
    assert not make_clips(footage, without(there, "references"), 3)[0].fill.any()


def test_corruption_spoils_memory_alone(footage):
    chosen, clean, target = batch(footage, seed=5)
    spoilt, same = make_clips(footage, chosen, 5, corrupt=True)
    assert torch.equal(target, same) and torch.equal(clean.given.state, spoilt.given.state)
    assert not torch.equal(clean.fill, spoilt.fill) and spoilt.confidence.max() <= 1
    assert spoilt.coverage.mean() <= clean.coverage.mean() + 0.02


def test_creatures_are_named_and_kept_out_of_memory(footage):
    chosen = plan(footage, 1, np.random.default_rng(0), 0.0)
    last = len(footage) - 1
    at = replace(
        chosen,
        target=np.arange(last - FRAMES + 1, last + 1)[None],
        sources=np.full_like(chosen.sources, last),
        source_there=np.ones_like(chosen.source_there),
    )
    conditions, target = make_clips(footage, at, 0, corrupt=False)
    assert conditions.words[0, WORDS.index("imp")] == 1
    moving = target[0, -1, 4] > 0
    assert moving.sum() > 50 and not conditions.coverage[0, -1, 0][moving].any()
    at = replace(at, target=np.arange(FRAMES)[None])
    assert make_clips(footage, at, 0, corrupt=False)[0].words[0, WORDS.index("imp")] == 0


def test_memory_knows_what_is_behind_creatures():
    """From frames that show a creature all the time, though not in the creature's like without it."""
    walk = room_walk()
    walk = replace(walk, actors=walk.actors[-1:].repeat(len(walk), axis=0))
    quiet = replace(walk, actors=np.zeros_like(walk.actors), name=walk.name + QUIET)
    alone, both = footage_of([walk], 96), footage_of([quiet, walk], 96)
    assert np.array_equal(alone.quiet, np.arange(40)) and np.array_equal(both.quiet, [*range(40), *range(40)])
    chosen = plan(both, 4, np.random.default_rng(1), 0.0)
    assert (chosen.sources < 40).all() and (chosen.target >= 40).any()
    assert plan(alone, 4, np.random.default_rng(1), 0.0).sources.max() < 40


def test_some_clips_are_chosen_for_what_moves_in_them_and_few_are_crowded(monkeypatch):
    walk = room_walk()
    actors = np.zeros_like(walk.actors)
    actors[20, :3], actors[30:] = 1, 1  # a frame with a little, then nothing but creatures
    footage = footage_of([replace(walk, actors=actors)], 96)

    def shares(part: float):
        monkeypatch.setattr(data, "PEOPLED", part)
        chosen = plan(footage, 200, np.random.default_rng(0)).target
        return (footage.crowd[chosen] > 0).any(axis=1).mean(), (footage.crowd[chosen[:, -1]] > CROWDED).mean()

    assert shares(1.0)[0] > 0.9 > 0.5 > shares(0.0)[0] > 0
    monkeypatch.setattr(data, "TURNS", 1)
    crowded = shares(0.0)[1]
    monkeypatch.undo()
    assert shares(0.0)[1] < crowded / 4


def test_a_mirrored_clip_is_that_of_a_mirrored_world(footage):
    """Rays, which the network tells places by, are those of the mirrored cameras; twice mirrored is as before."""
    _, conditions, target = batch(footage)
    other, flipped = mirrored(conditions, target)
    mirror = torch.tensor([-1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0])  # directions; moments, which are cross products; the way down
    assert torch.allclose(other.rays, conditions.rays.flip(-1) * mirror[:, None, None], atol=1e-6)
    assert torch.equal(other.given.rays, conditions.given.rays.flip(-1) * mirror[:, None, None])
    assert torch.equal(flipped, target.flip(-1)) and torch.equal(other.fill, conditions.fill.flip(-1))
    again, same = mirrored(other, flipped)
    assert torch.equal(same, target) and torch.allclose(again.anchor_from_camera, conditions.anchor_from_camera)
    assert torch.allclose(again.lenses.values, conditions.lenses.values)


def test_half_size_is_the_same_place():
    walk = room_walk(2)
    small = footage_of([walk], 48)
    assert small.size == (48, 32)
    assert np.allclose(small.lens[0], np.array([86.4, 86.4, 48, 32]) / 2)
    means = walk.colour.reshape(2, 32, 2, 48, 2, 3).mean(axis=(2, 4))
    assert np.abs(small.colour.numpy() - means).max() <= 1
    assert np.allclose(metres(small.depth.float())[0].numpy(), walk.depth_m[0, ::2, ::2], rtol=5e-3)
    with pytest.raises(InvalidInputError, match="96 pixels"):
        footage_of([walk], 32)


def test_log_depth_comes_back_and_the_sky_is_none():
    depth = torch.tensor([0.0, 0.5, 5.0, 80.0, 1000.0])
    assert torch.allclose(metres(log_depth(depth)), torch.tensor([0.0, 0.5, 5.0, 80.0, 0.0]), rtol=1e-5)
    assert log_depth(torch.tensor(5.0)) == 0


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(NotFoundError, match="no walks"):
        load_footage(tmp_path, 128)
