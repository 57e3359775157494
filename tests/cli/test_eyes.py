"""What `--depth`, `--segmenter`, `--moving` and profiles come to."""

import pytest

from spatia_bridge.app import Eyes, find_eyes
from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.models.catalogue import CATALOGUE
from spatia_bridge.profiles import PROFILES


def test_without_a_word_it_is_layout_and_no_segmenter():
    depth, movers = find_eyes("laptop", Eyes())
    assert depth.name == "layout" and movers is None


def test_what_is_said_wins_over_the_profile():
    pytest.importorskip("transformers")
    depth, movers = find_eyes("server-80gb", Eyes("layout", "none"))
    assert depth.name == "layout" and movers is None
    depth, movers = find_eyes("laptop", Eyes("transformers_depth=random-tiny", "sam3=random-tiny", " Person,dog "))
    assert depth.name == "transformers_depth" and movers is not None
    assert movers.segmenter.name == "sam3" and movers.words == ("person", "dog")


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_profile_names_is_there_and_its_weights_can_be_fetched(profile):
    pytest.importorskip("transformers")
    chosen = PROFILES[profile]
    depth, movers = find_eyes(profile, Eyes())
    assert depth.name == chosen.estimator and (movers.segmenter.name if movers else "") == chosen.segmenter
    assert set(chosen.models) <= set(CATALOGUE)


def test_what_cannot_be_had_is_said_at_once():
    with pytest.raises(NotFoundError, match="segmenter"):
        find_eyes("laptop", Eyes(segmenter="seer"))
    with pytest.raises(NotFoundError, match="depth estimator"):
        find_eyes("laptop", Eyes(depth="seer"))
    with pytest.raises(InvalidInputError, match="no weights"):
        find_eyes("laptop", Eyes(depth="layout=random-tiny"))
    with pytest.raises(InvalidInputError, match="noun"):
        find_eyes("laptop", Eyes(moving="a. b"))
