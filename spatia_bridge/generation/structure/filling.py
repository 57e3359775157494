"""A frame's holes, structure first.

What references saw there comes first, then the scene's floors, ceilings and walls carried on; what is left is filled smoothly.
The structure is found once a clip, in the world's frame, so that every frame of the clip shows the same place.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask, Projection
from spatia_bridge.generation.fill import fill
from spatia_bridge.generation.structure.paint import Palette
from spatia_bridge.generation.structure.scene import find_surfaces
from spatia_bridge.generation.structure.views import View, view_of_projection
from spatia_bridge.generation.structure.warp import warp

THREADS = 2
VIEWS = 5  # projections that the structure is found in, spread over the clip
MARGIN_PX = 64
SMOOTH_CONFIDENCE = 0.2  # at most
FOG_CONFIDENCE = 0.1  # of smooth filling so far from what is known that its depth would be a wall of fog in memory


@dataclass(frozen=True, eq=False)
class Filled:
    """A projection without holes: covered pixels are as they were.

    Attributes:
        colour: uint8 (H, W, 3); depth_m: float32 (H, W), 0 = infinitely far, or nothing was known at all.
        confidence: float32 (H, W), 0…1.
        fog: bool (H, W), pixels whose depth is no more than a guess, beside others that planes account for.
    """

    colour: ColourImage
    depth_m: DepthImage
    confidence: npt.NDArray[np.float32]
    fog: Mask


@dataclass(frozen=True, eq=False)
class Filling:
    """What a clip's holes are filled with.

    Attributes:
        references: seen before, best first; palette: the planes, None where none shows.
    """

    references: tuple[View, ...]
    palette: Palette | None

    @classmethod
    def of(
        cls,
        projection: Sequence[Projection],
        references: tuple[View, ...],
        check: Callable[[], None],
        pool: ThreadPoolExecutor | None = None,
    ) -> "Filling":
        """Look at projections from all over the clip; `check` and `pool` as of `find_surfaces`."""
        views: list[View] = []
        for number in sorted({round(place) for place in np.linspace(0, len(projection) - 1, VIEWS)} if len(projection) else ()):
            check()
            views.append(view_of_projection(projection[number]))
        surfaces = find_surfaces([*views, *references], check, pool)
        return cls(references, Palette.of(surfaces) if surfaces else None)

    def fill(self, projection: Projection) -> Filled:
        """Covered pixels as they are; then references, planes, and smooth filling, each only where the one before left a hole."""
        colour, depth_m, filled = projection.colour.copy(), projection.depth_m.copy(), projection.coverage.copy()
        confidence = np.asarray(projection.confidence / np.float32(255), np.float32)
        warp(self.references, projection.camera, filled, colour, depth_m, confidence)
        if self.palette is not None:
            self.palette.paint(projection.camera, filled, colour, depth_m, confidence)
        fog = np.zeros_like(filled)
        if not filled.all():
            part = _around(~filled) if self.palette is not None else (slice(None), slice(None))
            known = filled[part]
            colour[part], depth_m[part], smooth = fill(colour[part], depth_m[part], known)
            if self.palette is not None:
                fog[part] = ~known & (smooth < FOG_CONFIDENCE)
            confidence[part] = np.where(known, confidence[part], np.minimum(smooth, np.float32(SMOOTH_CONFIDENCE)))
        return Filled(colour, depth_m, confidence, fog)


def filled_clip(
    projection: Sequence[Projection], references: tuple[View, ...], check: Callable[[], None]
) -> Iterator[tuple[Projection, Filled]]:
    """Every projection of a clip in order, with its holes filled.

    Some projections from all over the clip are looked at before the first frame; after that each is rendered while the one before
    it is being filled. `check` is called before each frame, and as of `find_surfaces`.
    """
    total = len(projection)
    if not total:
        return
    with ThreadPoolExecutor(THREADS, thread_name_prefix="fill") as pool:
        filling = Filling.of(projection, references, check, pool)
        upcoming: Future[Projection] = pool.submit(projection.__getitem__, 0)
        for number in range(total):
            check()
            rendered = upcoming.result()
            if number + 1 < total:
                upcoming = pool.submit(projection.__getitem__, number + 1)
            yield rendered, filling.fill(rendered)


def _around(holes: Mask) -> tuple[slice, slice]:
    """The rectangle around the holes, and as much beyond as filling them looks at: mostly a small part of the picture."""
    rows, columns = np.flatnonzero(holes.any(axis=1)), np.flatnonzero(holes.any(axis=0))
    return (
        slice(max(int(rows[0]) - MARGIN_PX, 0), int(rows[-1]) + MARGIN_PX + 1),
        slice(max(int(columns[0]) - MARGIN_PX, 0), int(columns[-1]) + MARGIN_PX + 1),
    )
