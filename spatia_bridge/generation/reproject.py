"""`reproject`, the generator with no model: memory's projection, its holes filled smoothly with depth."""

from collections.abc import Iterator

import numpy as np

from spatia_bridge.frames import GeneratedFrame, Projection
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.fill import fill


class Reproject:
    """What memory knows, and nothing invented. Deterministic: prompt and seed change nothing."""

    name = "reproject"

    def __init__(self, shape: ClipShape | None = None) -> None:
        self.shape = shape or ClipShape(width=832, height=480)

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step and a frame for each projection, in order; see `Generator.generate`."""
        total = len(request.projection)
        for number in range(total):
            cancel.raise_if_cancelled()
            yield _frame(number, request.projection[number])
            yield Step(number + 1, total)


def _frame(number: int, projection: Projection) -> GeneratedFrame:
    colour, depth_m, confidence = fill(projection.colour, projection.depth_m, projection.coverage)
    confidence = np.where(projection.coverage, projection.confidence / np.float32(255), confidence).astype(np.float32)
    return GeneratedFrame(number, colour, depth_m, None, confidence)
