"""How much of the wanted cells a frame shows: the gain that selection is greedy for.

Wanted cells q have weights w, the samples of the new views that fall into them. A frame f shows q with a value v(f, q) in 0 … 1: the
surface it shows there over the surface that is wanted, at most 1; times DECAY for each level if it only shows a larger cell around
q, because it saw the place from further away; times how far both look at the same side. A set S of frames covers
Σ w(q) · max over f in S of v(f, q). That is monotone and submodular (facility location), so greedy choice reaches at least 1 − 1/e
of the best set (Nemhauser, Wolsey and Fisher 1978). All sums are of integers: results depend on no order.
"""

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
    Integers,
    Keys,
    Shown,
    encode_facing,
    parents,
)

DECAY = 0.8
SLACK = 1.25  # a frame that shows this much less surface than is wanted still shows it all: samples are few
UNIT = 255  # v(f, q) = 1
MAX_WANTED = 8192  # cells; the lightest beyond that are noise
_CAPS = np.rint(UNIT * DECAY ** np.arange(LEVELS_UP + 1)).astype(np.int64)  # the largest v(f, q) · UNIT, by levels
_SHIFT = 16  # of the factors that make surfaces to values
_HASH = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing

Slots = npt.NDArray[np.int32]
_NO_NORMALS = np.empty(0, np.uint8)

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
def _fill(slots, starts, values, normals, lists, facing, width):  # type: ignore[no-untyped-def]
    """max v(f, q) · UNIT as uint8 (F, Q) of entries (N,), starts[f] … starts[f + 1] being those of f. No normals = all face alike."""
    list_starts, members, ups, factors, caps, wanted_normals = lists
    filled = np.zeros((len(starts) - 1, width), np.uint8)
    for f in range(len(filled)):
        row = filled[f]
        for n in range(starts[f], starts[f + 1]):
            slot = slots[n]
            if slot < 0:
                continue
            value, native = np.int64(values[n] & FULL_VALUE), values[n] & NATIVE
            for m in range(list_starts[slot], list_starts[slot + 1]):
                if ups[m] > 0 and not native:
                    break  # it only contains cells that the frame saw; those speak for themselves
                q = members[m]
                cap = caps[ups[m]]
                if row[q] >= cap:
                    continue
                shown = min((value * factors[m]) >> _SHIFT, cap)
                if len(normals):
                    shown = (shown * facing[normals[n], wanted_normals[q]]) >> 7
                if shown > row[q]:
                    row[q] = shown
    return filled


@_jit
def _gain(row, weights, covered):  # type: ignore[no-untyped-def]
    """Σ w(q) · max(row(q) − covered(q), 0)."""
    total = np.int64(0)
    for q in range(len(weights)):
        total += weights[q] * max(np.int64(row[q]) - np.int64(covered[q]), 0)
    return total


@_jit
def _gains(rows, weights, covered):  # type: ignore[no-untyped-def]
    gains = np.empty(len(rows), np.int64)
    for f in range(len(rows)):
        gains[f] = _gain(rows[f], weights, covered)
    return gains


@_jit
def _best(rows, gains, weights, covered):  # type: ignore[no-untyped-def]
    """The frame with the largest gain, of equals the last; brings `gains`, which may be too large before, up to date as far as needed.
    Negative ones are left out; −1 if all are."""
    fresh = np.zeros(len(gains), np.bool_)
    while True:
        best = 0
        for f in range(1, len(gains)):
            if gains[f] >= gains[best]:
                best = f
        if gains[best] < 0:
            return -1
        if fresh[best]:
            return best
        gains[best], fresh[best] = _gain(rows[best], weights, covered), True


class Cover:
    """The wanted cells and how much of each is covered so far.

    Attributes:
        total: the weight of all wanted cells times UNIT: the gain of a frame that shows them all.
    """

    def __init__(self, wanted: Shown) -> None:
        self.total = int(wanted.samples.sum()) * UNIT
        if len(wanted.keys) > MAX_WANTED:
            heaviest = np.sort(np.argsort(-wanted.samples, kind="stable")[:MAX_WANTED])
            wanted = Shown(*(part[heaviest] for part in wanted))  # type: ignore[arg-type]
        self._weights = wanted.samples
        self._covered = np.zeros(len(wanted.keys), np.uint8)
        self._known, self._lists = _listed(wanted)
        self._bits = max(4, (2 * len(self._known)).bit_length())
        self._table = _build_table(self._known, self._bits)

    def find(self, keys: Keys) -> Slots:
        """int32 (N,): where the cells with these keys (N,) matter here, −1 = nowhere."""
        return np.asarray(_find(keys, self._known, self._table, self._bits))

    def rows(self, slots: Slots, starts: Integers, values: Bytes, normals: Bytes | None) -> Bytes:
        """What some frames show: v(f, q) · UNIT as uint8 (F, Q).

        Args:
            slots: int32 (N,), of each frame's cells, one frame after the other.
            starts: int64 (F + 1,), where each one's begin, and the end.
            values, normals: uint8 (N,), as in FrameCells; no normals = seen from every side.
        """
        normals = _NO_NORMALS if normals is None else normals
        return np.asarray(_fill(slots, starts, values, normals, self._lists, FACING, len(self._weights)))

    def gains(self, rows: Bytes) -> Integers:
        """int64 (F,): what each row of (F, Q) adds to what is covered so far, of `total`."""
        return np.asarray(_gains(rows, self._weights, self._covered))

    def best(self, rows: Bytes, gains: Integers) -> int:
        """The row with the largest gain, of equals the last.

        Args:
            rows: uint8 (F, Q).
            gains: int64 (F,), what each added at an earlier time; brought up to date as far as needed. Negative = left out.
        Returns:
            Its number, −1 if all are left out.
        """
        return int(_best(rows, gains, self._weights, self._covered))

    def cover(self, row: Bytes) -> None:
        """Count what a row (Q,) shows as covered."""
        np.maximum(self._covered, row, out=self._covered)


def _listed(wanted: Shown) -> tuple[Keys, tuple[npt.NDArray[np.generic], ...]]:
    """The cells that matter, in order: the wanted ones and those around them, and which wanted ones lie in each.

    Of each wanted cell in one that matters: its number, how many levels it lies below, and the factor from a frame's value for the
    cell that matters to v. That counts the surface wanted there on the same level: from another it is the same surface again.
    """
    keys, members, ups, factors = [], [], [], []
    above = wanted.keys
    for up in range(LEVELS_UP + 1):
        kept = np.flatnonzero(above)
        _, group = np.unique(above[kept], return_inverse=True)
        surface = np.bincount(group, wanted.areas[kept].astype(np.float64)).astype(np.int64)  # whole numbers: exact
        surface = np.maximum(surface >> (2 * up), 1)  # a cell a level up has four times the area
        keys.append(above[kept])
        members.append(kept)
        ups.append(np.full(len(kept), up, np.int8))
        factors.append((int(SLACK * _CAPS[up] * AREA_UNIT / VALUE_UNIT) << _SHIFT) // surface[group])
        above = parents(above)
    flat = np.concatenate(keys)
    order = np.argsort(flat, kind="stable")  # in each list the cell itself comes first
    known, starts = np.unique(flat[order], return_index=True)
    lists = (
        np.append(starts, len(flat)).astype(np.int32),
        np.concatenate(members)[order].astype(np.int32),
        np.concatenate(ups)[order],
        np.concatenate(factors)[order],
        _CAPS,
        encode_facing(wanted.normals),
    )
    return known, lists
