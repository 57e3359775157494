"""`reproject`, the generator with no model: memory's projection, and its holes filled structure first (`structure.filling`)."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from spatia_bridge.frames import GeneratedFrame, Projection
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.structure.filling import Filling
from spatia_bridge.generation.structure.views import view_of_frame

MAX_REFERENCES = 4  # the best of those given
THREADS = 2


class Reproject:
    """What memory knows, and its structure carried on. Deterministic: prompt and seed change nothing."""

    name = "reproject"

    def __init__(self, shape: ClipShape | None = None) -> None:
        self.shape = shape or ClipShape(width=832, height=480)

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step and a frame for each projection, in order; see `Generator.generate`.

        Some projections from all over the clip are looked at before the first frame; after that each is rendered while the one
        before it is being filled.
        """
        total = len(request.projection)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="reproject") as pool:
            references = tuple(view_of_frame(reference.frame) for reference in request.references[:MAX_REFERENCES])
            filling = Filling.of(request.projection, references, cancel.raise_if_cancelled, pool)
            upcoming: Future[Projection] = pool.submit(request.projection.__getitem__, 0)
            for number in range(total):
                cancel.raise_if_cancelled()
                projection = upcoming.result()
                if number + 1 < total:
                    upcoming = pool.submit(request.projection.__getitem__, number + 1)
                filled = filling.fill(projection)
                depth_m = np.where(filled.fog, np.float32(0), filled.depth_m)
                yield GeneratedFrame(number, filled.colour, depth_m, None, filled.confidence)
                yield Step(number + 1, total)
