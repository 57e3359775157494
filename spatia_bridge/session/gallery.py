"""The gallery: every frame that memory rests on, and the choice of those that see what the next cameras will see.

The index is kept in the scene's first alignment, so that scaling or turning the scene leaves it as it is.

A frame that its generator gave no depth gets the depth that memory has there once the frame is part of it: without one it would
see nothing, and what is removed later could not be found in it.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spatia_bridge.codec.images import decode_depth, encode_depth
from spatia_bridge.frames import DepthImage, Projection, ReferenceFrame, RgbdFrame, Take
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory import Region, Snapshot
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.retrieval import (
    VOXELS_A_CELL,
    CovisibilityIndex,
    CovisibilitySelector,
    FrameCells,
    FrameKey,
    Wanted,
    removed_pixels,
)
from spatia_bridge.session.carry import carried_frame, carried_take
from spatia_bridge.slam.observe import usable_pixels
from spatia_bridge.store import SessionStore

FRAME_STRIDE = 4  # of a clip's frames, and its last: neighbours see the same
CAMERAS_ASKED = 7  # spread over the new clip: they say nearly as much as all
MASKED_GREY = 128
TAIL = 16  # of a clip's last frames: no generator takes more for preceding frames
DEPTH_SIDE = 512  # at most, of a depth that is kept: enough to know what a frame sees
_SEEN = "seen"  # settings: this, the clip, the cells' side
_DEPTH = "depth"  # settings: this, the clip, the frame


def setting_holds(name: str, clips: Sequence[int]) -> bool:
    """Whether a setting of a session also holds in another that has these of its clips, and will give other numbers again."""
    parts = name.split("/")
    return parts[0] not in (_SEEN, _DEPTH) or parts[1] in map(str, clips)


class Gallery:
    """The frames of one session's clips. Safe across threads; what it learns is kept in the store."""

    def __init__(self, store: SessionStore, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
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

    def give_depth(self, take: Take, after: Snapshot) -> None:
        """Keep, for the frames of an accepted take that came without depth, what memory shows there after it.

        Raises:
            StoreError: there is no room.
        """
        count = len(take.frames)
        moved = carried_take(take, after.alignment).cameras
        for number in sorted({*_spread(count), *range(max(count - TAIL, 0), count)}):
            if take.frames[number].depth_m is None:
                shown = self._renderer.render(after, moved[number])
                scale = np.float32(take.alignment.scale / after.alignment.scale)
                depth_m = np.where(shown.coverage, shown.depth_m * scale, np.float32(0))
                step = -(-max(depth_m.shape) // DEPTH_SIDE)
                small = np.ascontiguousarray(depth_m[::step, ::step])
                self._store.put_setting(f"{_DEPTH}/{take.number}/{number}", [step, *small.shape, encode_depth(small)])

    def frame(self, base: Snapshot, key: FrameKey) -> RgbdFrame:
        """A stored frame as it fits base: carried along with the scene, without what was removed from it."""
        frame = self._load(key.clip, key.number)
        then = self._store.take_info(key.clip).alignment
        return without(carried_frame(frame, then, base.alignment), base.tombstones)

    def _load(self, clip: int, number: int) -> RgbdFrame:
        frame = self._store.load_frame(clip, number)
        if frame.depth_m.any() or (kept := self._store.get_setting(f"{_DEPTH}/{clip}/{number}")) is None:
            return frame
        return replace(frame, depth_m=_grown(kept, frame.depth_m.shape))

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
            scratch = CovisibilityIndex(index.cell_side_m)
            kept = []
            for number in _spread(info.frames):
                frame = carried_frame(self._load(clip, number), info.alignment, Similarity())
                cells = scratch.add(FrameKey(clip, number), frame.camera, frame.depth_m, usable_pixels(frame))
                kept.append([number, cells.to_bytes()])
            self._store.put_setting(name, kept)
        return [(FrameKey(clip, number), FrameCells.from_bytes(data)) for number, data in kept]


def _spread(frames: int) -> list[int]:
    """The numbers of a clip's frames that are asked for as references."""
    return sorted({*range(0, frames, FRAME_STRIDE), frames - 1})


def _grown(kept: list[Any], shape: tuple[int, ...]) -> DepthImage:
    """A depth image (H, W) in metres from what `give_depth` kept of it."""
    step, height, width, data = kept
    depth_m = decode_depth(data, width, height)
    return np.repeat(np.repeat(depth_m, step, axis=0), step, axis=1)[: shape[0], : shape[1]]


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
