"""How much of the wanted cells each frame shows: the gain that selection is greedy for, kept exact for all frames at once.

Wanted cells q have weights w, the samples of the new views that fall into them. A frame f shows q with a value v(f, q) in 0 … 1:
the surface it shows there over the surface that is wanted, at most 1; times DECAY for each level if it only shows a larger cell
around q, because it saw the place from further away; times how far both look at the same side. A set S of frames covers
Σ w(q) · max over f in S of v(f, q). That is monotone and submodular (facility location), so greedy choice reaches at least
1 − 1/e of the best set (Nemhauser, Wolsey and Fisher 1978). All sums are of integers: results depend on no order.

The work is that of walking the lists of frames that show a wanted cell: once to add up all gains, and once more, of the cells
that a choice covers, to take away what is no gain any longer.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.retrieval.cells import (
    AREA_UNIT,
    FACING,
    FULL_VALUE,
    LEVELS_UP,
    VALUE_UNIT,
    Bytes,
    Integers,
    Keys,
    Shown,
    encode_facing,
    parents,
)

DECAY = 0.8
SLACK = 1.25  # a frame that shows this much less surface than is wanted still shows it all: samples are few
UNIT = 255  # v(f, q) = 1
KEPT_WEIGHT = 0.97  # of the wanted cells: the lightest are many and matter little
MAX_WANTED = 8192  # cells
_CAPS = np.rint(UNIT * DECAY ** np.arange(LEVELS_UP + 1)).astype(np.int64)  # the largest v(f, q) · UNIT, by levels
_SHIFT = 16  # of the factors that make surfaces to values

_jit = numba.njit(cache=True, nogil=True)


@_jit
def _match(cells, starts, natives, frames, values, normals, wanted, weights, gains):  # type: ignore[no-untyped-def]
    """For each wanted cell the frames that show it: starts int64 (Q + 1,), frames uint16 (M,), v · UNIT uint8 (M,).

    Adds Σ w(q) · v(f, q) · UNIT to the gains (F,).
    """
    keys, factors, caps, wanted_normals, facing = wanted
    levels, width = keys.shape
    at = np.searchsorted(cells, keys.ravel()).reshape(levels, width)
    room = 0
    for up in range(levels):
        for q in range(width):
            n = at[up, q]
            if n == len(cells) or cells[n] != keys[up, q]:
                at[up, q] = -1
            else:
                room += starts[n + 1] - starts[n] if up == 0 else natives[n] - starts[n]
    matched, shown = np.empty(room + 1, np.uint16), np.empty(room + 1, np.uint8)
    spans, best, count = np.zeros(width + 1, np.int64), np.zeros(len(gains), np.int64), 0
    for q in range(width):
        for up in range(levels):
            cell = at[up, q]
            if cell < 0:
                continue
            factor, cap, facing_q = factors[up, q], caps[up], facing[wanted_normals[q]]
            # a frame that only shows cells within a larger one speaks for those alone
            for n in range(starts[cell], starts[cell + 1] if up == 0 else natives[cell]):
                frame = frames[n]
                value = (min((np.int64(values[n] & FULL_VALUE) * factor) >> _SHIFT, cap) * facing_q[normals[n]]) >> 7
                before = best[frame]
                matched[count] = frame  # stays only if it is new and shows something
                count += (before == 0) & (value > 0)
                best[frame] = max(before, value)
        for n in range(spans[q], count):
            frame = matched[n]
            shown[n] = best[frame]
            gains[frame] += weights[q] * best[frame]
            best[frame] = 0
        spans[q + 1] = count
    return spans, matched[:count], shown[:count]


@_jit
def _take_gains(spans, matched, shown, weights, covered, row, gains):  # type: ignore[no-untyped-def]
    """What of the gains is none any longer when max(covered, row) is covered."""
    for q in range(len(weights)):
        if row[q] > covered[q]:
            for n in range(spans[q], spans[q + 1]):
                if shown[n] > covered[q]:
                    gains[matched[n]] -= weights[q] * (np.int64(min(shown[n], row[q])) - np.int64(covered[q]))


@_jit
def _row(spans, matched, shown, frame):  # type: ignore[no-untyped-def]
    """v(frame, q) · UNIT as uint8 (Q,)."""
    row = np.zeros(len(spans) - 1, np.uint8)
    for q in range(len(row)):
        for n in range(spans[q], spans[q + 1]):
            if matched[n] == frame:
                row[q] = shown[n]
    return row


@dataclass(frozen=True, eq=False)
class Matches:
    """Which frames of a segment show which wanted cells, and how well.

    Attributes:
        spans: int64 (Q + 1,): wanted cell q has the entries spans[q] … spans[q + 1] − 1.
        frames: uint16 (M,), of each entry: which frame.
        shown: uint8 (M,), of each entry: v(f, q) · UNIT.
        gains: int64 (F,), what each frame would add now, of `Cover.total`.
    """

    spans: Integers
    frames: npt.NDArray[np.uint16]
    shown: Bytes
    gains: Integers

    def row(self, frame: int) -> Bytes:
        """What one frame shows: v(q) · UNIT as uint8 (Q,)."""
        return np.asarray(_row(self.spans, self.frames, self.shown, frame))


class Cover:
    """The wanted cells, and how much of each is covered so far.

    Attributes:
        weights: int64 (Q,), of the cells that count: the lightest are left out.
        total: their sum times UNIT: the gain of a frame that shows them all.
    """

    def __init__(self, wanted: Shown) -> None:
        wanted = _heaviest(wanted)
        self.weights = wanted.samples
        self.total = int(self.weights.sum()) * UNIT
        self._covered = np.zeros(len(wanted.keys), np.uint8)
        keys, factors = _containing(wanted)
        self._wanted = keys, factors, _CAPS, encode_facing(wanted.normals), FACING
        self._matches: list[Matches] = []

    def match(
        self,
        cells: Keys,
        starts: Integers,
        natives: Integers,
        frames: npt.NDArray[np.uint16],
        values: Bytes,
        normals: Bytes,
        frame_count: int,
    ) -> Matches:
        """Take up a segment's frames (see `covisibility.Segment`), before anything is covered; keeps their gains from now on."""
        gains = np.zeros(frame_count, np.int64)
        spans, matched, shown = _match(cells, starts, natives, frames, values, normals, self._wanted, self.weights, gains)
        self._matches.append(Matches(spans, matched, shown, gains))
        return self._matches[-1]

    def cover(self, row: Bytes) -> None:
        """Count what a row uint8 (Q,) shows as covered."""
        for m in self._matches:
            _take_gains(m.spans, m.frames, m.shown, self.weights, self._covered, row, m.gains)
        self._covered = np.maximum(self._covered, row)


def _heaviest(wanted: Shown) -> Shown:
    """Without the lightest cells, which together have less than 1 − KEPT_WEIGHT of the weight."""
    order = np.argsort(-wanted.samples, kind="stable")
    running = np.cumsum(wanted.samples[order])
    count = int(np.searchsorted(running, KEPT_WEIGHT * running[-1])) + 1 if len(running) else 0
    kept = np.sort(order[: min(count, MAX_WANTED)])
    return Shown(wanted.keys[kept], wanted.samples[kept], wanted.areas[kept], wanted.normals[kept])


def _containing(wanted: Shown) -> tuple[Keys, Integers]:
    """The wanted cells and those around them, uint64 (LEVELS_UP + 1, Q), 0 = none; and factors that make a frame's value for such
    a cell to v · UNIT · 2^_SHIFT. They count the surface wanted there on the same level: on another it is the same one again."""
    keys, factors, above = [], [], wanted.keys
    for up in range(LEVELS_UP + 1):
        _, group = np.unique(above, return_inverse=True)
        surface = np.bincount(group, wanted.areas.astype(np.float64), minlength=1).astype(np.int64)  # whole numbers: exact
        surface = np.maximum(surface >> (2 * up), 1)  # a cell a level up has four times the area
        keys.append(above)
        factors.append((int(SLACK * _CAPS[up] * AREA_UNIT / VALUE_UNIT) << _SHIFT) // surface[group])
        above = parents(above)
    return np.stack(keys), np.stack(factors)
