"""How much of the wanted cells a frame shows: the gain that selection is greedy for.

Wanted cells q have weights w (samples of the new views that fall into them). A frame f shows q with a value v(f, q) in 0 … 1: the value
of the same cell, or of a larger cell that f saw from further away, less DECAY a level; the best of them, times how far the two
look at the same side. A set of frames S covers Σ w(q) · max over f in S of v(f, q). That is monotone and submodular (facility
location), so greedy choice reaches at least 1 − 1/e of the best set (Nemhauser, Wolsey and Fisher 1978). All sums are of
integers: results depend on no order.
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
    NATIVE,
    VALUE_UNIT,
    Bytes,
    Keys,
    Shown,
    encode_facing,
    parents,
)

DECAY = 0.8  # of the value, for each octave by which the frame saw the place from further away
SLACK = 1.25  # a frame that shows this much less surface than is wanted still shows it all: samples are few
UNIT = 1 << 12  # an entirely shown cell
_DECAY_256 = np.rint(256 * DECAY ** np.arange(LEVELS_UP + 1)).astype(np.int64)
_SLACK_UNITS = round(SLACK * UNIT * AREA_UNIT / VALUE_UNIT)
_HASH = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing

Gains = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int32]

_jit = numba.njit(cache=True, nogil=True)


@_jit
def _build_table(keys, bits):  # type: ignore[no-untyped-def]
    """An open-addressing table (2^bits,) of the keys' positions, −1 = free."""
    table = np.full(1 << bits, -1, np.int32)
    for n in range(len(keys)):
        at = np.int64((keys[n] * _HASH) >> np.uint64(64 - bits))
        while table[at] >= 0:
            at = (at + 1) & ((1 << bits) - 1)
        table[at] = n
    return table


@_jit
def _find(keys, known, table, bits):  # type: ignore[no-untyped-def]
    """Positions int32 (N,) of keys among the known ones, −1 where they are not."""
    found = np.full(len(keys), -1, np.int32)
    for n in range(len(keys)):
        at = np.int64((keys[n] * _HASH) >> np.uint64(64 - bits))
        while table[at] >= 0:
            if known[table[at]] == keys[n]:
                found[n] = table[at]
                break
            at = (at + 1) & ((1 << bits) - 1)
    return found


@_jit
def _collect(slots, values, normals, lists, decay, facing, best, touched):  # type: ignore[no-untyped-def]
    """Put max v(f, q) · UNIT into best (Q,), which is zero before; returns how many q were touched. No normals = all face alike."""
    starts, members, ups, areas, wanted_normals = lists
    count = 0
    for n in range(len(slots)):
        slot = slots[n]
        if slot < 0:
            continue
        value = np.int64(values[n] & FULL_VALUE)
        for m in range(starts[slot], starts[slot + 1]):
            up = ups[m]
            if up > 0 and not values[n] & NATIVE:
                continue  # it only contains cells that the frame saw; those speak for themselves
            q = members[m]
            shown = (min(value * _SLACK_UNITS // areas[m], UNIT) * decay[up]) >> 8
            if len(normals):
                shown = (shown * facing[normals[n], wanted_normals[q]]) >> 8
            if shown > best[q]:
                if best[q] == 0:
                    touched[count] = q
                    count += 1
                best[q] = shown
    return count


@_jit
def _gains(slots, rows, starts, values, normals, lists, weights, covered, decay, facing):  # type: ignore[no-untyped-def]
    """int64 (F,): what each frame of a block adds to what is covered. Frame f has the entries starts[f] … starts[f + 1]."""
    gains = np.zeros(len(starts) - 1, np.int64)
    best, touched = np.zeros(len(weights), np.int32), np.empty(len(weights), np.int32)
    for f in range(len(gains)):
        span = slice(starts[f], starts[f + 1])
        facings = normals[span] if len(normals) else normals
        count = _collect(slots[rows[span]], values[span], facings, lists, decay, facing, best, touched)
        for n in range(count):
            q = touched[n]
            gains[f] += weights[q] * max(best[q] - covered[q], 0)
            best[q] = 0
    return gains


@dataclass(frozen=True, eq=False)
class Entries:
    """Frames that share a list of cells: frame f shows cell rows[n] with value values[n] for n in starts[f] … starts[f + 1] − 1.

    Attributes:
        rows: uint16 (N,).
        values, normals: uint8 (N,), as in FrameCells.
        starts: int64 (F + 1,).
    """

    rows: npt.NDArray[np.uint16]
    values: Bytes
    normals: Bytes
    starts: npt.NDArray[np.int64]


class Cover:
    """The wanted cells and how much of each is covered so far.

    Attributes:
        total: the weight of all wanted cells times UNIT: the gain of a frame that shows them all.
    """

    def __init__(self, wanted: Shown) -> None:
        self._weights = wanted.samples
        self._covered = np.zeros(len(wanted.keys), np.int32)
        self.total = int(wanted.samples.sum()) * UNIT
        keys, members, ups, areas = [], [], [], []
        above = wanted.keys
        for up in range(LEVELS_UP + 1):
            kept = np.flatnonzero(above)
            _, group = np.unique(above[kept], return_inverse=True)
            surface = np.bincount(group, wanted.areas[kept].astype(np.float64)).astype(np.int64)  # whole numbers: exact
            keys.append(above[kept])
            members.append(kept)
            ups.append(np.full(len(kept), up, np.int8))
            areas.append(np.maximum(surface >> (2 * up), 1)[group])
            above = parents(above)
        flat = np.concatenate(keys)
        order = np.argsort(flat, kind="stable")
        self._known, starts = np.unique(flat[order], return_index=True)
        self._lists = (
            np.append(starts, len(flat)).astype(np.int32),
            np.concatenate(members)[order].astype(np.int32),
            np.concatenate(ups)[order],
            np.concatenate(areas)[order],
            encode_facing(wanted.normals),
        )
        self._bits = max(4, (2 * len(self._known)).bit_length())
        self._table = _build_table(self._known, self._bits)

    def find(self, keys: Keys) -> Slots:
        """int32 (N,): where the cells with these keys (N,) matter here, −1 = nowhere."""
        return np.asarray(_find(keys, self._known, self._table, self._bits))

    def bound(self, slots: Slots, best_values: Bytes) -> int:
        """At least the gain of any frame that shows these cells with these values (N,) or lower ones, from whichever side."""
        rows, starts = np.arange(len(slots)), np.array([0, len(slots)])
        none = np.empty(0, np.uint8)
        gains = _gains(slots, rows, starts, best_values, none, self._lists, self._weights, self._covered, _DECAY_256, FACING)
        return int(gains[0])

    def gains(self, slots: Slots, entries: Entries) -> Gains:
        """int64 (F,): what each frame adds to what is covered so far, of `total`; slots (U,) are of the shared list of cells."""
        e = entries
        return np.asarray(
            _gains(slots, e.rows, e.starts, e.values, e.normals, self._lists, self._weights, self._covered, _DECAY_256, FACING)
        )

    def cover(self, slots: Slots, entries: Entries, frame: int) -> None:
        """Count what one of the frames shows as covered."""
        span = slice(int(entries.starts[frame]), int(entries.starts[frame + 1]))
        best = np.zeros_like(self._covered)
        touched = np.empty(len(best), np.int32)
        rows = slots[entries.rows[span]]
        _collect(rows, entries.values[span], entries.normals[span], self._lists, _DECAY_256, FACING, best, touched)
        np.maximum(self._covered, best, out=self._covered)
