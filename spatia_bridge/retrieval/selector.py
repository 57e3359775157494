"""Which earlier frames see what the new cameras will see."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Projection
from spatia_bridge.retrieval.cells import Bytes, Integers, Shown, shown_cells, union
from spatia_bridge.retrieval.cover import Cover
from spatia_bridge.retrieval.covisibility import Block, CovisibilityIndex, FrameKey

MAX_REFERENCES = 64
DEFAULT_MIN_GAIN = 0.01


@dataclass(frozen=True, eq=False)
class Wanted:
    """What references are wanted for.

    Attributes:
        projections: memory as the new cameras will see it. Some 7 cameras spread over a clip say nearly as much as all 25.
        known: frames that the generator gets anyway (the preceding ones). They are not chosen, and what they show is no gain.
        active: says of a frame whether it may be chosen: not one of a take that was undone. None = all may.
    """

    projections: Sequence[Projection]
    known: tuple[FrameKey, ...] = ()
    active: Callable[[FrameKey], bool] | None = None

    def allows(self, key: FrameKey) -> bool:
        return key not in self.known and (self.active is None or self.active(key))


@dataclass(frozen=True)
class Choice:
    """One reference.

    Attributes:
        gain: 0 … 1, the share of what the new cameras will see that this frame shows and those chosen before it, and the known
            ones, do not (by the measure of the selector that chose it).
        reason: which frame and why, a sentence for the designer.
    """

    key: FrameKey
    gain: float
    reason: str


class ReferenceSelector(Protocol):
    """Chooses reference frames. The same frames and wishes give the same choices, in whatever order the frames were added."""

    def select(self, wanted: Wanted, count: int) -> tuple[Choice, ...]:
        """Up to `count` different frames, best first; fewer when fewer are worth it.

        Raises:
            InvalidInputError: count is not in 0 … MAX_REFERENCES.
        """
        ...


def check_count(count: int) -> None:
    """Raise InvalidInputError unless 0 ≤ count ≤ MAX_REFERENCES."""
    if not 0 <= count <= MAX_REFERENCES:
        raise InvalidInputError(f"{count} references are wanted", f"ask for 0 to {MAX_REFERENCES}")


class CovisibilitySelector:
    """Greedy by the cells that a frame adds, best blocks first; exactly what looking at every frame in every round would choose.

    Args:
        index: of the earlier frames.
        min_gain: a frame that adds less than this share of what the new cameras will see is not worth a reference.
    """

    def __init__(self, index: CovisibilityIndex, min_gain: float = DEFAULT_MIN_GAIN) -> None:
        self._index = index
        self._min_gain = min_gain

    def select(self, wanted: Wanted, count: int) -> tuple[Choice, ...]:
        check_count(count)
        cover = Cover(wanted_cells(wanted.projections, self._index.cell_side_m))
        search = _Search(cover, self._index.blocks(), wanted)
        choices: list[Choice] = []
        while len(choices) < count:
            found = search.best()
            if found is None or found[1] < max(self._min_gain * cover.total, 1):
                break
            key, gain = found[0], found[1] / cover.total
            choices.append(Choice(key, gain, _reason(key, gain, first=not choices and not wanted.known)))
        return tuple(choices)


def wanted_cells(projections: Sequence[Projection], cell_side_m: float) -> Shown:
    """The cells that the new cameras will see of memory."""
    return union([shown_cells(p.camera, p.depth_m, p.coverage, cell_side_m) for p in projections])


def _reason(key: FrameKey, gain: float, *, first: bool) -> str:
    share = f"{gain:.0%}" if gain >= 0.01 else "less than 1%"
    return f"{key} {'shows' if first else 'adds'} {share} of what the new cameras will see"


class _Search:
    """Lazy greedy (Minoux 1978) over blocks: gains only shrink as more is covered, so a block whose old bound is too low need not
    be looked at again, and the frames of most blocks never are."""

    def __init__(self, cover: Cover, blocks: Sequence[Block], wanted: Wanted) -> None:
        self._cover, self._wanted, self._blocks = cover, wanted, blocks
        self._rows: dict[int, tuple[Bytes, Integers]] = {}  # block -> what its frames show, and their gains when last asked
        if not blocks:
            self._heap: list[tuple[int, int, int, int, int]] = []
            return
        slots = cover.find(np.concatenate([block.cells for block in blocks]))
        starts = np.concatenate([[0], np.cumsum([len(block.cells) for block in blocks])])
        self._slots = np.split(slots, starts[1:-1])
        self._cover_known()
        self._bounds = cover.rows(slots, starts, np.concatenate([block.best for block in blocks]), None)
        # (-bound, 0) as long as nobody looked at a block's frames, then (-gain, 1, -clip, -number) of its best one: of frames with
        # equal gain the latest wins, and no block that may hold one is passed over
        self._heap = [(-gain, 0, 0, 0, n) for n, gain in enumerate(cover.gains(self._bounds).tolist()) if gain]
        heapq.heapify(self._heap)

    def _cover_known(self) -> None:
        known = set(self._wanted.known)
        for n, block in enumerate(self._blocks):
            if not known.isdisjoint(block.keys):
                rows = self._frames_of(n)
                for frame, key in enumerate(block.keys):
                    if key in known:
                        self._cover.cover(rows[frame])

    def _frames_of(self, n: int) -> Bytes:
        block = self._blocks[n]
        return self._cover.rows(self._slots[n][block.rows], block.starts, block.values, block.normals)

    def best(self) -> tuple[FrameKey, int] | None:
        """The frame that adds most, which then counts as chosen, and its gain of `cover.total`; None if none adds anything."""
        up_to_date: dict[int, int] = {}  # block -> its best frame
        while self._heap and self._heap[0][0] < 0:
            bound, *_, n = self._heap[0]
            if n in up_to_date:
                rows, gains = self._rows[n]
                self._cover.cover(rows[up_to_date[n]])
                gains[up_to_date[n]] = -1
                return self._blocks[n].keys[up_to_date[n]], -bound
            if n not in self._rows:
                gain = int(self._cover.gains(self._bounds[n : n + 1])[0])
                if gain < -bound:
                    heapq.heapreplace(self._heap, (-gain, 0, 0, 0, n))
                    continue
                may = np.array([self._wanted.allows(key) for key in self._blocks[n].keys])
                self._rows[n] = self._frames_of(n), np.where(may, np.iinfo(np.int64).max, -1)
            rows, gains = self._rows[n]
            frame = self._cover.best(rows, gains)
            key = self._blocks[n].keys[frame]
            up_to_date[n] = frame
            heapq.heapreplace(self._heap, (-max(int(gains[frame]), 0), 1, -key.clip, -key.number, n))
        return None
