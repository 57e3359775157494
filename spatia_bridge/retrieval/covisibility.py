"""The covisibility index: what every frame saw, kept up frame by frame, searched without looking at a point of memory.

It is an inverted index: for every cell the frames that show it. It lies in segments of up to SEGMENT_FRAMES frames, which
are immutable: a search holds on to those it began with, whatever is added or removed meanwhile. New frames form small segments,
and two neighbours of about the same size become one, so that there are few and an entry is moved a handful of times in all.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import DepthImage, Mask
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.retrieval.cells import NATIVE, Bytes, FrameCells, Integers, Keys, frame_cells, shown_cells

SEGMENT_FRAMES = 1024  # at most 65536: frames are 16 bits within a segment


class FrameKey(NamedTuple):
    """Which frame: the clip (seed or take) it belongs to, and its 0-based number there."""

    clip: int
    number: int

    def __str__(self) -> str:
        return f"frame {self.number} of clip {self.clip}"


@dataclass(frozen=True, eq=False)
class Segment:
    """Some frames, by the cells that they show.

    Attributes:
        keys: of the F frames, in order.
        cells: uint64 (U,), all cells that one of them shows, in order.
        starts: int64 (U + 1,): cell u has the entries starts[u] … starts[u + 1] − 1.
        natives: int64 (U,), where the entries of u end whose values have the bit NATIVE; they come first.
        frames: uint16 (N,), of each entry: which of the frames; in order within a cell's native and other entries.
        values, normals: uint8 (N,), of each entry, as in FrameCells.
    """

    keys: tuple[FrameKey, ...]
    cells: Keys
    starts: Integers
    natives: Integers
    frames: npt.NDArray[np.uint16]
    values: Bytes
    normals: Bytes

    @classmethod
    def of(cls, shown: Sequence[tuple[FrameKey, FrameCells]]) -> "Segment":
        """The segment of one frame or more, each with a key of its own."""
        shown = sorted(shown, key=lambda frame: frame[0])
        parts = [cells for _, cells in shown]
        frames = np.repeat(np.arange(len(parts)), [len(cells) for cells in parts]).astype(np.uint16)
        flat, values, normals = (
            np.concatenate([getattr(cells, name) for cells in parts]) for name in ("keys", "values", "normals")
        )
        other = (values & NATIVE) == 0
        order = np.lexsort((other, flat))
        cells, starts = np.unique(flat[order], return_index=True)
        starts = np.append(starts, len(flat))
        natives = starts[1:] - (np.add.reduceat(other[order], starts[:-1], dtype=np.int64) if len(cells) else 0)
        keys = tuple(key for key, _ in shown)
        return cls(keys, cells, starts, natives, frames[order], values[order], normals[order])

    def shown(self) -> Iterator[tuple[FrameKey, FrameCells]]:
        """What went into `of`."""
        order = np.argsort(self.frames, kind="stable")
        cells = np.repeat(self.cells, np.diff(self.starts))[order]
        ends = np.searchsorted(self.frames[order], np.arange(len(self.keys) + 1))
        for n, key in enumerate(self.keys):
            span = slice(int(ends[n]), int(ends[n + 1]))
            yield key, FrameCells(cells[span], self.values[order[span]], self.normals[order[span]])

    @cached_property
    def clips(self) -> Integers:
        """int64 (F,), of the frames."""
        return np.array([key.clip for key in self.keys], np.int64)

    @property
    def nbytes(self) -> int:
        arrays = (self.cells, self.starts, self.natives, self.frames, self.values, self.normals)
        return sum(array.nbytes for array in arrays)


class CovisibilityIndex:
    """Which frames saw which cells. Safe across threads.

    Args:
        cell_side_m: of the cells of level 0; `cells.VOXELS_A_CELL` voxels of the memory is a good one. What was made with one
            side says nothing to an index with another.
    Raises:
        InvalidInputError: not a positive, finite side.
    """

    def __init__(self, cell_side_m: float) -> None:
        if not (np.isfinite(cell_side_m) and cell_side_m > 0):
            raise InvalidInputError(f"cell side is {cell_side_m} m", "use a positive number of metres")
        self.cell_side_m = float(cell_side_m)
        self._segments: tuple[Segment, ...] = ()
        self._keys: frozenset[FrameKey] = frozenset()
        self._lock = threading.Lock()

    def add(self, key: FrameKey, camera: Camera, depth_m: DepthImage, usable: Mask | None = None) -> FrameCells:
        """Take in a frame by its own depth; what the index had of this key before is forgotten. About a millisecond.

        Args:
            depth_m: float32 (H, W), planar metres; +inf is backdrop; 0, negative and NaN are nothing.
            usable: bool (H, W), False where something moves or depth is not to be believed; None = all usable.
        Returns:
            What `put` takes, and a store can keep by its `to_bytes`.
        Raises:
            InvalidInputError: an image of another size than the camera's.
        """
        cells = frame_cells(shown_cells(camera, depth_m, usable, self.cell_side_m))
        self.put([(key, cells)])
        return cells

    def put(self, frames: Sequence[tuple[FrameKey, FrameCells]]) -> None:
        """Take in frames whose cells are known already, as when a session is opened again; all at once is fastest.

        Raises:
            InvalidInputError: a key comes twice.
        """
        keys = frozenset(key for key, _ in frames)
        if len(keys) != len(frames):
            raise InvalidInputError("a frame comes twice", "give every frame once")
        with self._lock:
            self._replace(keys & self._keys, frames)

    def remove(self, clip: int) -> None:
        """Forget all frames of a clip, if there are any."""
        with self._lock:
            self._replace(frozenset(key for key in self._keys if key.clip == clip), ())

    def cells(self, key: FrameKey) -> FrameCells:
        """What a frame shows.

        Raises:
            NotFoundError: it was never added, or is removed.
        """
        for segment in self._segments:
            if key in segment.keys:
                return next(cells for other, cells in segment.shown() if other == key)
        raise NotFoundError(f"{key} is not in the covisibility index", "add it first")

    @property
    def keys(self) -> frozenset[FrameKey]:
        """Of all frames."""
        return self._keys

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All frames, as they are now."""
        return self._segments

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def state_bytes(self) -> int:
        """What the arrays take: 4 bytes a cell of a frame and 24 a cell of a segment, so at most 28 · MAX_CELLS a frame;
        0.7 KiB a frame is usual."""
        return sum(segment.nbytes for segment in self._segments)

    def _without(self, gone: frozenset[FrameKey]) -> tuple[list[Segment], list[tuple[FrameKey, FrameCells]]]:
        """The segments that lose no frame, and what is left of the others."""
        whole, left = [], []
        for segment in self._segments:
            if gone.isdisjoint(segment.keys):
                whole.append(segment)
            else:
                left += [(key, cells) for key, cells in segment.shown() if key not in gone]
        return whole, left

    def _replace(self, gone: frozenset[FrameKey], frames: Sequence[tuple[FrameKey, FrameCells]]) -> None:
        """Both at once, so that no search ever sees one without the other. The caller holds the lock."""
        segments, pending = self._without(gone)
        pending += frames
        for first in range(0, len(pending), SEGMENT_FRAMES):
            part = pending[first : first + SEGMENT_FRAMES]
            while segments and len(segments[-1].keys) <= min(2 * len(part), SEGMENT_FRAMES - len(part)):
                part = [*segments.pop().shown(), *part]
            segments.append(Segment.of(part))
        self._keys = (self._keys - gone).union(key for key, _ in frames)
        self._segments = tuple(segments)
