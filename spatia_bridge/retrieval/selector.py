"""Which earlier frames see what the new cameras will see."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Projection
from spatia_bridge.retrieval.cells import Shown, shown_cells, union
from spatia_bridge.retrieval.cover import Cover
from spatia_bridge.retrieval.covisibility import CovisibilityIndex, FrameKey, Segment

MAX_REFERENCES = 64
DEFAULT_MIN_GAIN = 0.005
FULLY_SAMPLED_VIEWS = 16  # of more, each gives half its samples
MAX_VIEWS = 32  # of more, so many evenly spread ones are looked at


@dataclass(frozen=True, eq=False)
class Wanted:
    """What references are wanted for.

    Attributes:
        projections: memory as the new cameras will see it. Some 7 cameras spread over a clip say
            nearly as much as all 25.
        known: frames that the generator gets anyway (the preceding ones). They are not chosen, and what they show is no gain.
        clips: those whose frames may be chosen: the seeds and takes that memory's head rests on, and none that was undone.
            None = all.
    """

    projections: Sequence[Projection]
    known: tuple[FrameKey, ...] = ()
    clips: frozenset[int] | None = None

    def allows(self, key: FrameKey) -> bool:
        return key not in self.known and (self.clips is None or key.clip in self.clips)


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
    """Greedy by the cells that a frame adds to those chosen before it; of frames that add the same, the latest.

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
        candidates = _Candidates(cover, self._index.segments, wanted)
        choices: list[Choice] = []
        for number in range(count):
            gain, key, place = candidates.best()
            if gain < max(self._min_gain * cover.total, 1):
                break
            if number + 1 < count:
                candidates.choose(place)
            share = gain / cover.total
            choices.append(Choice(key, share, _reason(key, share, first=not choices and not wanted.known)))
        return tuple(choices)


def wanted_cells(projections: Sequence[Projection], cell_side_m: float) -> Shown:
    """The cells that the new cameras will see of memory."""
    count = min(len(projections), MAX_VIEWS)
    views = [projections[n] for n in np.linspace(0, len(projections) - 1, count).round().astype(int)]
    thin = 1 if count <= FULLY_SAMPLED_VIEWS else 2
    return union([shown_cells(p.camera, p.depth_m, p.coverage, cell_side_m, thin, n % thin) for n, p in enumerate(views)])


def _reason(key: FrameKey, gain: float, *, first: bool) -> str:
    share = f"{gain:.0%}" if gain >= 0.01 else "less than 1%"
    return f"{key} {'shows' if first else 'adds'} {share} of what the new cameras will see"


class _Candidates:
    """The frames that may still be chosen, and what each would add."""

    def __init__(self, cover: Cover, segments: Sequence[Segment], wanted: Wanted) -> None:
        self._cover, self._segments = cover, segments
        self._matches = [cover.match(s.cells, s.starts, s.natives, s.frames, s.values, s.normals, len(s.keys)) for s in segments]
        self._may = [_allowed(segment, wanted.clips) for segment in segments]
        for n, segment in enumerate(segments):
            for key in wanted.known:
                frame = bisect_left(segment.keys, key)
                if segment.keys[frame : frame + 1] == (key,):
                    self.choose((n, frame))

    def best(self) -> tuple[int, FrameKey, tuple[int, int]]:
        """What the best frame would add, of `cover.total`; its key; and its place, for `choose`. 0 if none adds anything."""
        found = 0, FrameKey(-1, -1), (-1, -1)
        for n, (segment, matches, may) in enumerate(zip(self._segments, self._matches, self._may, strict=True)):
            gains = np.where(may, matches.gains, -1)
            last = len(gains) - 1 - int(np.argmax(gains[::-1]))  # keys are in order, so of equals this is the latest
            found = max(found, (int(gains[last]), segment.keys[last], (n, last)))
        return found

    def choose(self, place: tuple[int, int]) -> None:
        """Count what the frame shows as covered, and leave it out from now on."""
        n, frame = place
        self._may[n][frame] = False
        self._cover.cover(self._matches[n].row(frame))


def _allowed(segment: Segment, clips: frozenset[int] | None) -> npt.NDArray[np.bool_]:
    if clips is None:
        return np.ones(len(segment.keys), bool)
    return np.isin(segment.clips, list(clips))
