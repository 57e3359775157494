"""The other ways to choose keep the same contract, and their parts are right."""

import itertools

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.retrieval import CovisibilitySelector, FrameKey, ReferenceSelector, Wanted
from spatia_bridge.retrieval.assignment import assign
from spatia_bridge.retrieval.baselines import FrustumOverlap, HungarianVisiblePoints, MostRecent
from tests.retrieval.views import indexed, look, random_views, view, wanted

CAMERAS = {FrameKey(n // 10, n % 10): c for n, c in enumerate(random_views(30))}
POINTS = np.concatenate([c.back_project(look(c).depth_m)[::3, ::3].reshape(-1, 3) for c in CAMERAS.values()])
WAYS: dict[str, ReferenceSelector] = {
    "covisibility": CovisibilitySelector(indexed(CAMERAS.values()), 0.0),
    "recent": MostRecent(CAMERAS),
    "frustum": FrustumOverlap(CAMERAS),
    "hungarian": HungarianVisiblePoints(POINTS, {key: c.resized(53, 30) for key, c in CAMERAS.items()}),
}


@pytest.mark.parametrize("name", WAYS)
class TestContract:
    def test_best_first_and_no_frame_twice(self, name: str):
        choices = WAYS[name].select(wanted(*random_views(7, 3)), 5)
        assert 0 < len(choices) <= 5 and len({choice.key for choice in choices}) == len(choices)
        assert [c.gain for c in choices] == sorted((c.gain for c in choices), reverse=True)
        assert all(0 <= choice.gain <= 1 and str(choice.key) in choice.reason for choice in choices)

    def test_repeatable(self, name: str):
        want = wanted(*random_views(7, 3))
        assert WAYS[name].select(want, 5) == WAYS[name].select(want, 5)

    def test_known_and_undone_are_left_out(self, name: str):
        want = wanted(*random_views(7, 3))
        first = WAYS[name].select(want, 1)[0].key
        clips = frozenset(range(3)) - {(first.clip + 1) % 3}
        chosen = {c.key for c in WAYS[name].select(Wanted(want.projections, (first,), clips), 30)}
        assert first not in chosen and {key.clip for key in chosen} <= clips

    def test_counts(self, name: str):
        want = wanted(*random_views(3, 3))
        assert WAYS[name].select(want, 0) == ()
        with pytest.raises(InvalidInputError):
            WAYS[name].select(want, -1)
        assert WAYS[name].select(Wanted(want.projections, clips=frozenset()), 4) == ()

    def test_nothing_wanted(self, name: str):
        assert len(WAYS[name].select(Wanted(()), 4)) == (4 if name == "recent" else 0)


def test_covisibility_shows_more_than_frusta_where_a_pillar_stands():
    """Two past cameras whose frusta hold the wall; the pillar hides it from one of them."""
    hidden, open_view = view((0, -0.5, 0.6), (0, -0.5, 4)), view((-1.5, -0.5, 0.6), (0, -0.5, 4))
    cameras = {FrameKey(0, 0): open_view, FrameKey(0, 1): hidden}
    want = wanted(view((0, -0.5, 2.2), (0, -0.5, 4)))
    assert CovisibilitySelector(indexed(cameras.values())).select(want, 1)[0].key == FrameKey(0, 0)
    assert FrustumOverlap(cameras).select(want, 1)[0].key == FrameKey(0, 1)


def test_visible_points_are_those_in_front():
    front = np.array([[0, 0, 2.0], [0, 0, 4.0], [0, 0, -2.0], [90, 0, 1.0], [0.5, 0, 3.0]])
    c = Camera(view((0, 0, 0), (0, 0, 1)).intrinsics, np.eye(4))
    bits = np.unpackbits(HungarianVisiblePoints(front, {}).visible(c).view(np.uint8))
    assert bits[:5].tolist() == [1, 0, 0, 0, 1] and not bits[5:].any()


@pytest.mark.parametrize("seed", range(30))
def test_assignment_is_the_best_one(seed: int):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 6))
    columns = int(rng.integers(rows, 7))
    scores = rng.integers(-5, 6, (rows, columns)) if seed % 2 else rng.normal(size=(rows, columns))
    chosen = assign(scores)
    assert len(set(chosen.tolist())) == rows
    best = max(sum(scores[r, c] for r, c in enumerate(p)) for p in itertools.permutations(range(columns), rows))
    assert scores[np.arange(rows), chosen].sum() == pytest.approx(best)


def test_assignment_refuses_what_it_cannot_solve():
    for bad in (np.zeros((3, 2)), np.zeros(4), np.array([[1.0, np.nan]])):
        with pytest.raises(InvalidInputError):
            assign(bad)
