"""`reproject`, the generator with no model: memory's projection, and its holes filled structure first (`structure.filling`)."""

from collections.abc import Iterator

import numpy as np

from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.structure.filling import filled_clip
from spatia_bridge.generation.structure.views import view_of_frame

MAX_REFERENCES = 4  # the best of those given


class Reproject:
    """What memory knows, and its structure carried on. Deterministic: prompt and seed change nothing."""

    name = "reproject"

    def __init__(self, shape: ClipShape | None = None) -> None:
        self.shape = shape or ClipShape(width=832, height=480)

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step and a frame for each projection, in order; see `Generator.generate` and `filled_clip`."""
        references = tuple(view_of_frame(reference.frame) for reference in request.references[:MAX_REFERENCES])
        clip = filled_clip(request.projection, references, cancel.raise_if_cancelled)
        for number, (_, filled) in enumerate(clip):
            depth_m = np.where(filled.fog, np.float32(0), filled.depth_m)
            yield GeneratedFrame(number, filled.colour, depth_m, None, filled.confidence)
            yield Step(number + 1, len(request.projection))
