"""What every generator over latents must show of them while it works: a contract that its test subclasses with its own."""

from dataclasses import replace

import numpy as np

from spatia_bridge.frames import ColourImage, GeneratedFrame
from spatia_bridge.generation.base import MAX_PREVIEW, CancelToken, ClipRequest, Generator, Step
from tests.contracts.generator import projections
from tests.worlds import camera, look

STEPS = 4


class PreviewContract:
    """Mixed into a GeneratorContract."""

    size: tuple[int, int]

    def make_of(self, steps: int) -> Generator:
        """A generator whose sampler takes so many steps."""
        raise NotImplementedError

    def previews(self, request: ClipRequest) -> list[ColourImage | None]:
        events = list(self.make_of(STEPS).generate(request, CancelToken()))
        steps = [event for event in events if isinstance(event, Step)]
        assert [step.done for step in steps] == list(range(1, STEPS + 1))
        assert sum(isinstance(event, GeneratedFrame) for event in events) == len(request.projection)
        return [step.preview for step in steps]

    def test_from_the_second_step_on_there_is_a_preview(self) -> None:
        request = ClipRequest(projections(size=self.size), prompt="a hall", seed=3)
        for base in (request, replace(request, preceding=(look(camera(size=self.size)),))):
            shown = self.previews(base)[1:]
            for colour in shown:
                assert isinstance(colour, np.ndarray) and colour.dtype == np.uint8 and colour.ndim == 3
                high, wide, channels = colour.shape
                assert channels == 3 and max(high, wide) <= MAX_PREVIEW
                assert abs(wide / high - self.size[0] / self.size[1]) < 0.05 * wide / high
                assert colour.std() > 5

    def test_the_same_clip_has_the_same_previews_and_another_others(self) -> None:
        request = ClipRequest(projections(size=self.size), prompt="a hall", seed=3)
        one, same, other = (self.previews(each)[1:] for each in (request, request, replace(request, seed=4)))
        for first, second, third in zip(one, same, other, strict=True):
            assert first is not None and second is not None and third is not None
            assert np.array_equal(first, second) and not np.array_equal(first, third)
