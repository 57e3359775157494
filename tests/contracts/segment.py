"""What every DynamicSegmenter must do; a backend's test subclasses this and says how to make one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Mask
from spatia_bridge.memory import Memory
from spatia_bridge.perception.segment import DynamicSegmenter, Movers
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, fold_in, plant
from spatia_bridge.slam.update import Slam
from tests.contracts.loop import take_one, with_depth
from tests.worlds import camera, look

VIEWS = [camera(eye=(0.05 * n, -0.5, -3.0), target=(0.06 * n, -0.5, 1.0)) for n in range(3)]
WORDS = ("person", "dog")


class SegmenterContract:
    finds = True  # whether it finds anything in the room; random weights do

    def make(self) -> DynamicSegmenter:
        raise NotImplementedError

    @pytest.fixture
    def segmenter(self) -> DynamicSegmenter:
        return self.make()

    def masks(self, segmenter: DynamicSegmenter, words: tuple[str, ...] = WORDS) -> list[Mask]:
        track = segmenter.track(words)
        return [track(look(view).colour) for view in VIEWS]

    def test_each_picture_has_a_mask_and_equal_clips_equal_ones(self, segmenter: DynamicSegmenter) -> None:
        assert segmenter.name
        first, again = self.masks(segmenter), self.masks(self.make())
        for mask, other in zip(first, again, strict=True):
            assert mask.shape == (64, 96) and mask.dtype == np.bool_
            assert np.array_equal(mask, other)
        assert any(mask.any() for mask in first) == self.finds

    def test_clips_do_not_know_of_each_other(self, segmenter: DynamicSegmenter) -> None:
        alone = self.masks(segmenter)
        one, two = segmenter.track(WORDS), segmenter.track(WORDS)
        turns = [(one(look(view).colour), two(look(view).colour)) for view in VIEWS]
        for mask, pair in zip(alone, turns, strict=True):
            assert np.array_equal(mask, pair[0]) and np.array_equal(mask, pair[1])
        with ThreadPoolExecutor(2) as pool:
            for masks in pool.map(lambda _: self.masks(segmenter), range(2)):
                assert all((a != b).mean() < 1e-3 for a, b in zip(alone, masks, strict=True))

    def test_what_is_no_picture_is_refused(self, segmenter: DynamicSegmenter) -> None:
        colour = look(VIEWS[0]).colour
        for wrong in (colour[..., 0], colour.astype(np.float32), colour[:0]):
            with pytest.raises(InvalidInputError, match="picture"):
                segmenter.track(WORDS)(wrong)
        track = segmenter.track(WORDS)
        track(colour)
        with pytest.raises(InvalidInputError, match="one size"):
            track(colour[:-2])

    @pytest.mark.parametrize("words", [(), ("",), ("a. b",), ("x" * 41,), ("dog",) * 17])
    def test_words_that_name_nothing_are_refused(self, segmenter: DynamicSegmenter, words: tuple[str, ...]) -> None:
        with pytest.raises(InvalidInputError):
            segmenter.track(words)

    def test_what_it_masks_in_two_takes_stays_out_of_memory(self, segmenter: DynamicSegmenter) -> None:
        grown = []
        for movers in (None, Movers(segmenter)):
            memory = Memory()
            stages = Stages(CpuRenderer(), Slam(CpuRenderer()), movers)
            plant(stages, memory, [look(VIEWS[0])], 0, "", lambda done, total: None)
            for number in (1, 2):
                aside = [camera(eye=(0.3 * number + 0.1 * n, -0.5, -3), target=(0.8 * number, -0.5, 1)) for n in range(3)]
                views = [VIEWS[0], *aside]
                take = take_one(stages, memory, number, views, with_depth, "a person walks a dog")
                declared = [frame.dynamic for frame in take.frames]
                if movers is None:
                    assert declared == [None] * 4
                else:
                    track = segmenter.track(WORDS)
                    for view, mask in zip(views, declared, strict=True):
                        assert mask is not None and np.array_equal(mask, track(look(view).colour))
                fold_in(stages, memory, take, lambda done, total: None)
            grown.append(memory.snapshot().points)
        assert (grown[1] < grown[0]) == self.finds
