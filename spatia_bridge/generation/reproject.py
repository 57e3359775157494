"""`reproject`, the generator with no model: memory's projection, and its holes filled structure first.

What references saw there comes first, then the scene's floors, ceilings and walls carried on; what is left is filled smoothly.
The structure is found once a clip, in the world's frame, so that every frame of the clip shows the same place.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from spatia_bridge.frames import GeneratedFrame, Mask, Projection
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.fill import fill
from spatia_bridge.generation.structure.paint import Palette
from spatia_bridge.generation.structure.scene import find_surfaces
from spatia_bridge.generation.structure.views import View, view_of_frame, view_of_projection
from spatia_bridge.generation.structure.warp import warp

VIEWS = 5  # projections that the structure is found in, spread over the clip
MAX_REFERENCES = 4  # the best of those given
THREADS = 2
MARGIN_PX = 64
SMOOTH_CONFIDENCE = 0.2  # at most
FOG_CONFIDENCE = 0.1  # of smooth filling so far from what is known that its depth would be a wall of fog in memory


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
            palette = _structure(request.projection, references, cancel, pool)
            upcoming: Future[Projection] = pool.submit(request.projection.__getitem__, 0)
            for number in range(total):
                cancel.raise_if_cancelled()
                projection = upcoming.result()
                if number + 1 < total:
                    upcoming = pool.submit(request.projection.__getitem__, number + 1)
                yield _frame(number, projection, references, palette)
                yield Step(number + 1, total)


def _structure(
    projection: Sequence[Projection], references: tuple[View, ...], cancel: CancelToken, pool: ThreadPoolExecutor
) -> Palette | None:
    """What the clip's projections and references say about the scene's structure; None if they show no plane."""
    views: list[View] = []
    for number in sorted({round(place) for place in np.linspace(0, len(projection) - 1, VIEWS)} if len(projection) else ()):
        cancel.raise_if_cancelled()
        views.append(view_of_projection(projection[number]))
    surfaces = find_surfaces([*views, *references], cancel.raise_if_cancelled, pool)
    return Palette.of(surfaces) if surfaces else None


def _frame(number: int, projection: Projection, references: tuple[View, ...], palette: Palette | None) -> GeneratedFrame:
    """Covered pixels as they are; then references, planes, and smooth filling, each only where the one before left a hole."""
    colour, depth_m, filled = projection.colour.copy(), projection.depth_m.copy(), projection.coverage.copy()
    confidence = np.asarray(projection.confidence / np.float32(255), np.float32)
    warp(references, projection.camera, filled, colour, depth_m, confidence)
    if palette is not None:
        palette.paint(projection.camera, filled, colour, depth_m, confidence)
    if not filled.all():
        part = _around(~filled) if palette is not None else (slice(None), slice(None))
        known = filled[part]
        colour[part], smooth_depth, smooth = fill(colour[part], depth_m[part], known)
        if palette is not None:
            smooth_depth = np.where(known | (smooth >= FOG_CONFIDENCE), smooth_depth, np.float32(0))
        depth_m[part] = smooth_depth
        confidence[part] = np.where(known, confidence[part], np.minimum(smooth, np.float32(SMOOTH_CONFIDENCE)))
    return GeneratedFrame(number, colour, depth_m, None, confidence)


def _around(holes: Mask) -> tuple[slice, slice]:
    """The rectangle around the holes, and as much beyond as filling them looks at: mostly a small part of the picture."""
    rows, columns = np.flatnonzero(holes.any(axis=1)), np.flatnonzero(holes.any(axis=0))
    return (
        slice(max(int(rows[0]) - MARGIN_PX, 0), int(rows[-1]) + MARGIN_PX + 1),
        slice(max(int(columns[0]) - MARGIN_PX, 0), int(columns[-1]) + MARGIN_PX + 1),
    )
