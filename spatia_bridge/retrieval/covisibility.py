"""The covisibility index: what every frame saw, kept up frame by frame, searched without looking at a point of memory.

Frames lie in blocks of up to BLOCK_FRAMES, in the order in which they came, so that those of one clip are mostly together. A block
lists each cell once, with the best value any of its frames has for it: an upper bound for all of them at once, which lets a search
pass over most frames. Blocks are immutable; a search holds on to those it began with, whatever is added or removed meanwhile.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import DepthImage, Mask
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.retrieval.cells import (
    FULL_VALUE,
    MAX_CELLS,
    NATIVE,
    Bytes,
    FrameCells,
    Integers,
    Keys,
    frame_cells,
    shown_cells,
)

BLOCK_FRAMES = 32
assert BLOCK_FRAMES * MAX_CELLS <= 1 << 16  # rows of a block are 16 bits


class FrameKey(NamedTuple):
    """Which frame: the clip (seed or take) it belongs to, and its 0-based number there."""

    clip: int
    number: int

    def __str__(self) -> str:
        return f"frame {self.number} of clip {self.clip}"


@dataclass(frozen=True, eq=False)
class Block:
    """Some frames and what they show.

    Attributes:
        keys: of the frames, in order.
        cells: uint64 (U,), all cells that one of them shows, in order.
        best: uint8 (U,), the largest value any of them has, plus NATIVE where it is set for one of them.
        starts: int64 (F + 1,): frame f has the entries starts[f] … starts[f + 1] − 1.
        rows: uint16 (N,), of each entry: which of the cells.
        values, normals: uint8 (N,), of each entry, as in FrameCells.
    """

    keys: tuple[FrameKey, ...]
    cells: Keys
    best: Bytes
    starts: Integers
    rows: npt.NDArray[np.uint16]
    values: Bytes
    normals: Bytes

    @classmethod
    def of(cls, frames: Sequence[tuple[FrameKey, FrameCells]]) -> "Block":
        frames = sorted(frames, key=lambda frame: frame[0])
        shown = [cells for _, cells in frames]
        flat = np.concatenate([cells.keys for cells in shown])
        values = np.concatenate([cells.values for cells in shown])
        cells, rows = np.unique(flat, return_inverse=True)
        best, native = np.zeros(len(cells), np.uint8), np.zeros(len(cells), np.uint8)
        np.maximum.at(best, rows, values & FULL_VALUE)
        np.maximum.at(native, rows, values & NATIVE)
        starts = np.concatenate([[0], np.cumsum([len(cells) for cells in shown])]).astype(np.int64)
        normals = np.concatenate([cells.normals for cells in shown])
        keys = tuple(key for key, _ in frames)
        return cls(keys, cells, best | native, starts, rows.astype(np.uint16), values, normals)

    def frames(self) -> Iterator[tuple[FrameKey, FrameCells]]:
        """What went into `of`."""
        for n, key in enumerate(self.keys):
            span = slice(int(self.starts[n]), int(self.starts[n + 1]))
            yield key, FrameCells(self.cells[self.rows[span]], self.values[span], self.normals[span])

    @property
    def nbytes(self) -> int:
        arrays = (self.cells, self.best, self.starts, self.rows, self.values, self.normals)
        return sum(array.nbytes for array in arrays)


class CovisibilityIndex:
    """Which frames saw which cells. Safe across threads.

    Args:
        cell_side_m: of the cells of level 0; `cells.VOXELS_A_CELL` voxels of the memory is a good one. What was made with one side
            says nothing to an index with another.
    Raises:
        InvalidInputError: not a positive, finite side.
    """

    def __init__(self, cell_side_m: float) -> None:
        if not (np.isfinite(cell_side_m) and cell_side_m > 0):
            raise InvalidInputError(f"cell side is {cell_side_m} m", "use a positive number of metres")
        self.cell_side_m = float(cell_side_m)
        self._blocks: tuple[Block, ...] = ()
        self._keys: frozenset[FrameKey] | set[FrameKey] = set()
        self._lock = threading.Lock()

    def add(self, key: FrameKey, camera: Camera, depth_m: DepthImage, usable: Mask | None = None) -> FrameCells:
        """Take in a frame by its own depth; what the index had of this key before is forgotten. Cost: O(1), about a millisecond.

        Args:
            depth_m: float32 (H, W), planar metres; +inf is backdrop; 0, negative and NaN are nothing.
            usable: bool (H, W), False where something moves or depth is not to be believed; None = all usable.
        Returns:
            What `put` takes, and a store can keep by its `to_bytes`.
        Raises:
            InvalidInputError: an image of another size than the camera's.
        """
        cells = frame_cells(shown_cells(camera, depth_m, usable, self.cell_side_m))
        self.put(key, cells)
        return cells

    def put(self, key: FrameKey, cells: FrameCells) -> None:
        """Take in a frame whose cells are known already."""
        with self._lock:
            if key in self._keys:
                self._remove({key})
            self._append([(key, cells)])

    def put_all(self, frames: Sequence[tuple[FrameKey, FrameCells]]) -> None:
        """As `put` for each, but faster: for a session that is opened again.

        Raises:
            InvalidInputError: a key comes twice.
        """
        keys = {key for key, _ in frames}
        if len(keys) != len(frames):
            raise InvalidInputError("a frame comes twice", "give every frame once")
        with self._lock:
            self._remove(keys & self._keys)
            self._append(frames)

    def remove(self, clip: int) -> None:
        """Forget all frames of a clip, if there are any."""
        with self._lock:
            self._remove({key for key in self._keys if key.clip == clip})

    def cells(self, key: FrameKey) -> FrameCells:
        """What a frame shows.

        Raises:
            NotFoundError: it was never added, or is removed.
        """
        for block in self._blocks:
            if key in block.keys:
                return next(cells for other, cells in block.frames() if other == key)
        raise NotFoundError(f"{key} is not in the covisibility index", "add it first")

    def keys(self) -> frozenset[FrameKey]:
        """Of all frames."""
        with self._lock:
            return frozenset(self._keys)

    def blocks(self) -> tuple[Block, ...]:
        """All frames, as they are now."""
        return self._blocks

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def state_bytes(self) -> int:
        """What the arrays take. At most MAX_CELLS · 13 bytes a frame; 2 to 4 KiB in practice."""
        return sum(block.nbytes for block in self._blocks)

    def _append(self, frames: Sequence[tuple[FrameKey, FrameCells]]) -> None:
        blocks, pending = list(self._blocks), list(frames)
        if blocks and pending and len(blocks[-1].keys) < BLOCK_FRAMES:
            pending = [*blocks.pop().frames(), *pending]
        for first in range(0, len(pending), BLOCK_FRAMES):
            blocks.append(Block.of(pending[first : first + BLOCK_FRAMES]))
        self._keys = self._keys | {key for key, _ in frames}
        self._blocks = tuple(blocks)

    def _remove(self, gone: set[FrameKey]) -> None:
        """Blocks that lose a frame dissolve; what is left of them forms new ones, so that no block stays nearly empty."""
        if not gone:
            return
        untouched = tuple(block for block in self._blocks if gone.isdisjoint(block.keys))
        left = [
            (key, cells)
            for block in self._blocks
            if not gone.isdisjoint(block.keys)
            for key, cells in block.frames()
            if key not in gone
        ]
        self._keys = self._keys - gone
        self._blocks = untouched
        self._append(left)
