"""Each segmenter by the contract, the networks' real classes at tiny random sizes; how a clip's state is bounded."""

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError, MissingDependencyError, NotFoundError
from spatia_bridge.perception import backends
from spatia_bridge.perception.learned.sam2 import MAX_THINGS, Sam2
from spatia_bridge.perception.learned.sam3 import Sam3
from spatia_bridge.perception.segment import DEFAULT_WORDS, DynamicSegmenter, find_segmenter, moving_words
from spatia_bridge.samples.capture import Capture, save_capture
from tests.cli.places import run
from tests.contracts.segment import VIEWS, WORDS, SegmenterContract
from tests.worlds import look

pytest.importorskip("transformers")


class TestSam2(SegmenterContract):
    def make(self) -> DynamicSegmenter:
        return Sam2("random-tiny")


class TestSam3(SegmenterContract):
    def make(self) -> DynamicSegmenter:
        return Sam3("random-tiny")


def test_a_long_clip_takes_bounded_memory_and_its_masks_do_not_know(monkeypatch):
    """Pictures and outputs that the tracker does not look at again are dropped, and the masks are those of a session that keeps
    everything."""
    colours = [look(view).colour for view in VIEWS] * 7
    track = Sam2("random-tiny").track(WORDS)
    bounded = [track(colour) for colour in colours]
    session = track._session
    kept = max(len(outputs["non_cond_frame_outputs"]) for outputs in session.output_dict_per_obj.values())
    assert len(session.processed_frames) == 1 and kept == 16 < len(colours)
    assert 0 < session.get_obj_num() <= MAX_THINGS
    monkeypatch.setattr("spatia_bridge.perception.learned.sam2.forget_past", lambda *_: None)
    track = Sam2("random-tiny").track(WORDS)
    assert all(np.array_equal(mask, track(colour)) for mask, colour in zip(bounded, colours, strict=True))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Two soldiers and a dog cross the yard", ("person", "dog")),
        ("Zombies! ZOMBIES chase the cars", ("monster", "car")),
        ("passers-by", ("person",)),
        ("an empty hall, carved doors", DEFAULT_WORDS),  # carved is no car
        ("", DEFAULT_WORDS),
    ],
)
def test_a_prompt_says_what_moves(prompt, words):
    assert moving_words(prompt) == words


def test_segmenters_are_found_by_name_and_told_their_weights(monkeypatch, tmp_path):
    assert find_segmenter("sam2=random-tiny").track(WORDS)(look(VIEWS[0]).colour).dtype == np.bool_
    with pytest.raises(NotFoundError, match=r"'sam9'.*sam2"):
        find_segmenter("sam9")
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="transformers"):
        find_segmenter("sam2")
    with pytest.raises(InvalidInputError, match="no weights"):
        backends.find_backend("spatia_bridge.depth_estimators", "depth estimator", f"layout={tmp_path}")


def test_what_a_segmenter_masks_is_not_imported(tmp_path, capsys):
    data, frames = tmp_path / "sessions", [look(view) for view in VIEWS[:2]]
    timed = tuple(type(f)(f.camera, f.colour, f.depth_m, time_secs=n / 8) for n, f in enumerate(frames))
    save_capture(tmp_path / "cap", Capture(timed))
    whole = run(capsys, "import", tmp_path / "cap", "--session", "a", "--data", data, "--json")
    masking = ["--segmenter", "sam3=random-tiny", "--moving", "person, dog"]
    masked = run(capsys, "import", tmp_path / "cap", "--session", "b", *masking, "--data", data, "--json")
    assert masked["points"] < whole["points"]
    said = run(capsys, "import", tmp_path / "cap", "--session", "c", "--segmenter", "eyes", "--data", data, status=1)
    assert "sam2, sam3" in said
