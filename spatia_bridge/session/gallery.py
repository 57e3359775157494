"""The gallery: every frame that memory rests on, and the choice of those that see what the next cameras will see.

The index is kept in the scene's first alignment, so that scaling or turning the scene leaves it as it is.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spatia_bridge.frames import Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory import Region, Snapshot
from spatia_bridge.retrieval import (
    VOXELS_A_CELL,
    CovisibilityIndex,
    CovisibilitySelector,
    FrameCells,
    FrameKey,
    Wanted,
    removed_pixels,
)
from spatia_bridge.session.carry import carried_frame
from spatia_bridge.slam.observe import usable_pixels
from spatia_bridge.store import SessionStore

FRAME_STRIDE = 4  # of a clip's frames, and its last: neighbours see the same
CAMERAS_ASKED = 7  # spread over the new clip: they say nearly as much as all
MASKED_GREY = 128
_SEEN = "seen"  # settings: this, the clip, the cells' side


def setting_holds(name: str, clips: Sequence[int]) -> bool:
    """Whether a setting of a session also holds in another that has these of its clips, and will give other numbers again."""
    parts = name.split("/")
    return parts[0] != _SEEN or parts[1] in map(str, clips)


class Gallery:
    """The frames of one session's clips. Safe across threads; what it learns is kept in the store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._index: CovisibilityIndex | None = None
        self._known: set[int] = set()

    def select(
        self,
        base: Snapshot,
        projection: Sequence[Projection],
        count: int,
        clips: Sequence[int],
        preceding: Sequence[FrameKey] = (),
    ) -> tuple[ReferenceFrame, ...]:
        """Up to count references for a clip, best first; fewer where fewer are worth it.

        Args:
            projection: of base, one a new frame.
            clips: those that base rests on; frames of other clips (undone, discarded) are not shown again.
            preceding: the frames that the generator gets anyway.
        """
        if not count or not clips or not base.chunks:
            return ()
        index = self._index_of(base, clips)
        asked = np.unique(np.linspace(0, len(projection) - 1, CAMERAS_ASKED).astype(int))
        first = base.alignment.inverse()
        views = [_realigned(projection[int(n)], first) for n in asked]
        wanted = Wanted(views, tuple(preceding), frozenset(clips))
        choices = CovisibilitySelector(index).select(wanted, count)
        return tuple(
            ReferenceFrame(self.frame(base, choice.key), choice.key.clip, choice.key.number, choice.reason) for choice in choices
        )

    def frame(self, base: Snapshot, key: FrameKey) -> RgbdFrame:
        """A stored frame as it fits base: carried along with the scene, without what was removed from it."""
        frame = self._store.load_frame(key.clip, key.number)
        then = self._store.take_info(key.clip).alignment
        return without(carried_frame(frame, then, base.alignment), base.tombstones)

    def _index_of(self, base: Snapshot, clips: Sequence[int]) -> CovisibilityIndex:
        with self._lock:
            cell_side_m = VOXELS_A_CELL * base.voxel_size_m / base.alignment.scale
            if self._index is None or not math.isclose(cell_side_m, self._index.cell_side_m, rel_tol=1e-3):
                self._index = CovisibilityIndex(cell_side_m)  # anew if the scene was emptied and seeded at another size
                self._known.clear()
            for clip in sorted(set(clips) - self._known):
                self._index.put(self._seen(self._index, clip))
                self._known.add(clip)
            return self._index

    def _seen(self, index: CovisibilityIndex, clip: int) -> list[tuple[FrameKey, FrameCells]]:
        """What a clip's frames saw: from the store, or found now and kept there."""
        name = f"{_SEEN}/{clip}/{index.cell_side_m!r}"
        kept = self._store.get_setting(name)
        if kept is None:
            info = self._store.take_info(clip)
            numbers = sorted({*range(0, info.frames, FRAME_STRIDE), info.frames - 1})
            scratch = CovisibilityIndex(index.cell_side_m)
            kept = []
            for number in numbers:
                frame = carried_frame(self._store.load_frame(clip, number), info.alignment, Similarity())
                cells = scratch.add(FrameKey(clip, number), frame.camera, frame.depth_m, usable_pixels(frame))
                kept.append([number, cells.to_bytes()])
            self._store.put_setting(name, kept)
        return [(FrameKey(clip, number), FrameCells.from_bytes(data)) for number, data in kept]


def without(frame: RgbdFrame, regions: tuple[Region, ...]) -> RgbdFrame:
    """The frame with the pixels that show these regions greyed, without depth and marked dynamic: nothing to paint back from."""
    if not regions:
        return frame
    gone = removed_pixels(frame, regions)
    if not gone.any():
        return frame
    return replace(
        frame,
        colour=np.where(gone[..., None], np.uint8(MASKED_GREY), frame.colour),
        depth_m=np.where(gone, np.float32(0), frame.depth_m),
        dynamic=gone if frame.dynamic is None else frame.dynamic | gone,
    )


def _realigned(projection: Projection, change: Similarity) -> Projection:
    if change.is_identity:
        return projection
    depth_m = (projection.depth_m * np.float32(change.scale)).astype(np.float32)
    return replace(projection, camera=change.camera(projection.camera), depth_m=depth_m)
