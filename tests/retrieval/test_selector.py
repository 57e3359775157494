"""Selection by covisibility: what is chosen, in which order, and what never is."""

import itertools
import threading

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.retrieval import CovisibilityIndex, CovisibilitySelector, FrameKey, Wanted
from spatia_bridge.retrieval import covisibility as covisibility_module
from spatia_bridge.retrieval.cover import Cover
from spatia_bridge.retrieval.selector import wanted_cells
from tests.retrieval.views import SIDE_M, indexed, look, projected, random_views, view, wanted
from tests.worlds import PILLAR_HIGH, PILLAR_LOW
from tests.worlds import look as look_anew

AHEAD = view((0, -0.5, -3), (0, -0.5, 4))
BEHIND = view((0, -0.5, 0), (0, -0.5, -4))


def keys(choices) -> list[FrameKey]:
    return [choice.key for choice in choices]


def total_gain(index: CovisibilityIndex, want: Wanted, count: int) -> float:
    return sum(choice.gain for choice in CovisibilitySelector(index, 0.0).select(want, count))


def values_of(index: CovisibilityIndex, want: Wanted) -> tuple[dict[FrameKey, np.ndarray], np.ndarray, int]:
    """v(f, q) · UNIT by frame, weights, and the largest possible sum: for brute force."""
    cover = Cover(wanted_cells(want.projections, index.cell_side_m))
    rows = {}
    for s in index.segments:
        matches = cover.match(s.cells, s.starts, s.natives, s.frames, s.values, s.normals, len(s.keys))
        rows |= {key: matches.row(frame).astype(np.int64) for frame, key in enumerate(s.keys)}
    return rows, cover.weights, cover.total


def test_the_frame_that_looks_the_same_way_shows_nearly_everything():
    index = indexed([AHEAD, BEHIND])
    (first,) = CovisibilitySelector(index).select(wanted(AHEAD), 4)
    assert first.key == FrameKey(0, 0) and first.gain > 0.99
    assert "frame 0 of clip 0 shows" in first.reason and "100%" in first.reason


def test_seen_from_nearer_counts_fully_and_from_further_nearly():
    near, far = view((0, -0.5, -1.5), (2.9, -0.5, 4)), view((-2.5, -0.5, -3.8), (2.9, -0.5, 4))
    assert total_gain(indexed([far]), wanted(near), 1) > 0.6
    part = view((1.8, -0.5, 2.5), (2.9, -0.5, 4))
    assert 0.005 < total_gain(indexed([part]), wanted(far), 1) < 0.5  # a close-up of a corner is a corner's worth


def test_occluded_surfaces_are_not_seen():
    """A camera right before the pillar has the wall behind it in its frustum, and does not see it."""
    pillar = (PILLAR_LOW + PILLAR_HIGH) / 2
    before = view((pillar[0], -0.5, PILLAR_LOW[2] - 0.3), (pillar[0], -0.5, 4))
    behind = view((pillar[0], -0.5, PILLAR_HIGH[2] + 0.4), (pillar[0], -0.5, 4))
    assert total_gain(indexed([before]), wanted(behind), 1) < 0.05
    index = CovisibilityIndex(SIDE_M)
    index.add(FrameKey(0, 0), before, look_anew(before, pillar=False).depth_m)
    assert total_gain(index, wanted(behind), 1) > 0.5


def test_the_other_side_of_a_thin_wall_is_not_seen():
    def facing_wall(z: float, target: float):
        c = view((0, 0, z), (0, 0, target))
        return c, np.full((90, 160), abs(z), np.float32)

    (front, depth), (back, depth_back) = facing_wall(-3.0, 0.0), facing_wall(3.0, 0.0)
    index = CovisibilityIndex(SIDE_M)
    index.add(FrameKey(0, 0), front, depth)
    frame = look(back)
    seen = projected(type(frame)(back, frame.colour, depth_back))
    assert not CovisibilitySelector(index).select(Wanted((seen,)), 1)


@pytest.mark.parametrize("seed", range(5))
def test_gains_are_those_of_the_definition(seed: int):
    index, want = indexed(random_views(25, seed)), wanted(*random_views(5, 100 + seed))
    rows, weights, total = values_of(index, want)
    covered = np.zeros(len(weights), np.int64)
    for choice in CovisibilitySelector(index, 0.0).select(want, 6):
        gains = {key: int((weights * np.maximum(row - covered, 0)).sum()) for key, row in rows.items()}
        best = max(gains.values())
        assert choice.key == max(key for key, gain in gains.items() if gain == best)
        assert choice.gain == pytest.approx(best / total)
        covered = np.maximum(covered, rows.pop(choice.key))


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_within_its_bound_of_the_best_set(seed: int):
    index, want = indexed(random_views(9, seed)), wanted(*random_views(4, 50 + seed))
    rows, weights, total = values_of(index, want)
    best = max(
        int((weights * np.maximum.reduce([rows[key] for key in chosen])).sum()) for chosen in itertools.combinations(rows, 3)
    )
    greedy = total_gain(index, want, 3)
    assert (1 - 1 / np.e) * best / total <= greedy + 1e-9
    assert greedy <= best / total + 1e-9


def test_more_frames_never_lower_the_best_gain():
    want, cameras = wanted(*random_views(5, 7)), random_views(40)
    index, before = CovisibilityIndex(SIDE_M), 0.0
    for n, c in enumerate(cameras):
        index.add(FrameKey(0, n), c, look(c).depth_m)
        now = total_gain(index, want, 1)
        assert now >= before
        before = now


def test_more_references_never_cover_less_and_gains_fall():
    index, want = indexed(random_views(40)), wanted(*random_views(7, 3))
    choices = CovisibilitySelector(index, 0.0).select(want, 10)
    gains = [choice.gain for choice in choices]
    assert gains == sorted(gains, reverse=True) and sum(gains) <= 1 + 1e-9
    for count in range(10):
        assert CovisibilitySelector(index, 0.0).select(want, count) == choices[:count]
    assert len(set(keys(choices))) == 10


def test_order_of_adding_does_not_matter(monkeypatch):
    want, cells = wanted(*random_views(7, 3)), [(FrameKey(n % 3, n), indexed([c]).cells(FrameKey(0, 0))) for n, c in
                                              enumerate(random_views(50))]  # fmt: skip
    expected = None
    for seed, size in enumerate((1024, 7, 16, 1)):
        monkeypatch.setattr(covisibility_module, "SEGMENT_FRAMES", size)
        index = CovisibilityIndex(SIDE_M)
        for n in np.random.default_rng(seed).permutation(len(cells)):
            index.put([cells[n]])
        expected = expected or CovisibilitySelector(index).select(want, 6)
        assert CovisibilitySelector(index).select(want, 6) == expected
        assert max(len(s.keys) for s in index.segments) <= size


def test_of_equal_frames_the_latest_is_chosen():
    index = indexed([AHEAD] * 25)
    assert keys(CovisibilitySelector(index).select(wanted(AHEAD), 4)) == [FrameKey(2, 4)]


def test_a_frame_that_adds_little_is_not_worth_a_reference():
    index, want = indexed(random_views(60)), wanted(*random_views(7, 3))
    for limit in (0.5, 0.1, 0.02):
        choices = CovisibilitySelector(index, limit).select(want, 30)
        assert all(choice.gain >= limit for choice in choices)
        assert len(choices) < 30
    assert CovisibilitySelector(index, 0.9).select(want, 30) == ()


def test_fewer_candidates_than_wanted():
    assert CovisibilitySelector(CovisibilityIndex(SIDE_M)).select(wanted(AHEAD), 4) == ()
    assert len(CovisibilitySelector(indexed([AHEAD]), 0.0).select(wanted(AHEAD, BEHIND), 7)) == 1
    assert CovisibilitySelector(indexed([AHEAD])).select(Wanted(()), 4) == ()
    assert CovisibilitySelector(indexed([BEHIND])).select(wanted(AHEAD), 4) == ()


@pytest.mark.parametrize("count", [-1, 65])
def test_absurd_counts_are_refused(count: int):
    with pytest.raises(InvalidInputError, match=str(count)):
        CovisibilitySelector(CovisibilityIndex(SIDE_M)).select(wanted(AHEAD), count)


def test_frames_of_undone_clips_are_left_out():
    index, want = indexed(random_views(40)), wanted(*random_views(7, 3))
    for clips in (frozenset({0, 2}), frozenset({3}), frozenset()):
        choices = CovisibilitySelector(index).select(Wanted(want.projections, clips=clips), 7)
        assert {key.clip for key in keys(choices)} <= clips
        smaller = indexed(random_views(40))
        for gone in set(range(4)) - clips:
            smaller.remove(gone)
        assert keys(CovisibilitySelector(smaller).select(want, 7)) == keys(choices)


def test_known_frames_are_not_chosen_and_what_they_show_is_no_gain():
    index, want = indexed(random_views(40)), wanted(*random_views(7, 3))
    first, second, *_ = CovisibilitySelector(index).select(want, 4)
    (then, *_) = CovisibilitySelector(index).select(Wanted(want.projections, known=(first.key, FrameKey(99, 0))), 4)
    assert (then.key, then.gain) == (second.key, second.gain)
    assert "adds" in then.reason


def test_many_views_say_the_same_as_few():
    index = indexed(random_views(40))
    path = [view((x, -0.5, -3), (x + 0.5, -0.5, 4)) for x in np.linspace(-1, 1, 41)]
    few, some, many = (CovisibilitySelector(index).select(wanted(*path[::step]), 4) for step in (5, 2, 1))
    assert few[0].key == some[0].key == many[0].key
    for others in (some, many):
        assert sum(c.gain for c in few) == pytest.approx(sum(c.gain for c in others), abs=0.05)


def test_removal_and_adding_again():
    cameras = random_views(40)
    index, want = indexed(cameras), wanted(*random_views(7, 3))
    before, cells = CovisibilitySelector(index).select(want, 7), index.cells(FrameKey(2, 5))
    index.remove(2)
    assert len(index) == 30 and not any(key.clip == 2 for key in index.keys)
    with pytest.raises(NotFoundError):
        index.cells(FrameKey(2, 5))
    index.remove(2)  # nothing left to remove: no matter
    for n in range(10):
        index.add(FrameKey(2, n), cameras[20 + n], look(cameras[20 + n]).depth_m)
    assert np.array_equal(index.cells(FrameKey(2, 5)).keys, cells.keys)
    assert CovisibilitySelector(index).select(want, 7) == before


def test_a_frame_added_again_replaces_itself():
    index = indexed([AHEAD, AHEAD])
    index.add(FrameKey(0, 1), BEHIND, look(BEHIND).depth_m)
    assert len(index) == 2
    assert keys(CovisibilitySelector(index).select(wanted(AHEAD), 4)) == [FrameKey(0, 0)]
    with pytest.raises(InvalidInputError, match="twice"):
        index.put([(FrameKey(5, 5), index.cells(FrameKey(0, 0)))] * 2)


def test_opening_again_gives_the_same_choices():
    index, want = indexed(random_views(40)), wanted(*random_views(7, 3))
    again = CovisibilityIndex(SIDE_M)
    again.put([(key, type(index.cells(key)).from_bytes(index.cells(key).to_bytes())) for key in sorted(index.keys)])
    assert CovisibilitySelector(again).select(want, 7) == CovisibilitySelector(index).select(want, 7)


def test_frames_without_cells_are_no_trouble():
    index = indexed([AHEAD])
    for n in range(3):
        index.add(FrameKey(7, n), AHEAD, np.zeros((90, 160), np.float32))
    assert len(index.cells(FrameKey(7, 1))) == 0
    assert keys(CovisibilitySelector(index).select(wanted(AHEAD), 4)) == [FrameKey(0, 0)]
    index.remove(0)
    assert CovisibilitySelector(index).select(wanted(AHEAD), 4) == ()


def test_state_is_bounded_and_small():
    index = indexed(random_views(100))
    assert index.state_bytes < 3000 * len(index)
    noisy = CovisibilityIndex(1e-3)
    rng = np.random.default_rng(0)
    for n in range(20):
        noisy.add(FrameKey(0, n), AHEAD, np.exp(rng.uniform(-6, 11, (90, 160))).astype(np.float32))
    assert noisy.state_bytes <= 20 * 2048 * 28 + 8
    assert len(index.segments) <= 8


@pytest.mark.parametrize("side", [0.0, -1.0, np.nan, np.inf])
def test_cell_side_must_make_sense(side: float):
    with pytest.raises(InvalidInputError, match="cell side"):
        CovisibilityIndex(side)


def test_searching_while_frames_come_and_go():
    index, want, failures = indexed(random_views(30)), wanted(AHEAD), []
    extra = [(n, index.cells(FrameKey(n % 3, n % 10))) for n in range(30)]

    def change():
        for n, cells in extra:
            index.put([(FrameKey(10, n), cells)])
            if n % 7 == 6:
                index.remove(10)

    def search():
        for _ in range(20):
            choices = CovisibilitySelector(index).select(want, 3)
            if not choices or sum(choice.gain for choice in choices) > 1 + 1e-9:
                failures.append(choices)

    threads = [threading.Thread(target=target) for target in (change, search, search)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
