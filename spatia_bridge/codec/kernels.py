"""The compiled loops of `codec.compact`, whose docstring states the bytes: points to planes and back, one part at a time.

Every loop runs over indexes that were checked or bounded before, whatever the bytes; nothing here raises. A record is a row of
two words; row 0 stands before the first point, and points are appended part by part, each along the Morton curve. `seen` maps a
cell of the part's size, by its Morton code, to the row of its point, 0 = none; it must come in all zero and is left so.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Whole = Any  # a whole number of the width that the arithmetic around it needs
Counts = npt.NDArray[np.uint32]  # unsigned, so that no index needs a test for being negative

LEVELS = 6  # of the octree: 64 voxels a side
CODES = 1 << (3 * LEVELS)
BASE_BYTES = 13  # of the record: what is not position
FIRST_BYTE = 3
RED, GREEN, BLUE = 4, 5, 6
QUARTERS_BIT = BASE_BYTES
MASK_BYTES = 2
ORDER = np.array([5, 4, 6, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15], np.int64)  # of the planes: green first, the others are told by it
PLANES = 1 + BASE_BYTES

NONE = 0
_X, _Y, _Z = 0o111111, 0o222222, 0o444444  # an axis' bits of a code
_BYTE = np.arange(256)
_KIDS = np.zeros((256, 8), np.uint32)
for _occupied in range(256):
    _found = np.flatnonzero(_occupied >> np.arange(8) & 1)
    _KIDS[_occupied, : len(_found)] = _found
_POPULATION = np.array([bin(_b).count("1") for _b in range(256)], np.uint64)
# 9 bits of a code to 3 bits of each coordinate; 6 bits of quarters to 2 of each: x in byte 0, y in byte 1, z in byte 2
_GATHER = np.array(
    [sum((c >> (3 * bit + axis) & 1) << (bit + 8 * axis) for bit in range(3) for axis in range(3)) for c in range(512)], np.uint32
)
_QUARTERS = np.array([q & 3 | (q >> 2 & 3) << 8 | (q >> 4 & 3) << 16 for q in range(256)], np.uint32)
_SPREAD = np.array([sum((v >> bit & 1) << (3 * bit) for bit in range(6)) for v in range(64)], np.int64)
_LEVEL = np.array([max(d.bit_length() - 1, 0) // 3 for d in range(512)], np.uint8)  # which level's bits are the highest set
_HIGH_LEVEL = np.array([_LEVEL[d] + 3 if d else 0 for d in range(512)], np.uint8)
_SWEEP = np.array([0, 4, 2, 6, 1, 5, 3, 7], np.int32)  # as `geometry.morton.stratified_order`
_STRATA = (LEVELS + 1) * 8


def compiled(function: Function) -> Function:
    """Machine code without the interpreter's lock, cached on disk."""
    return numba.njit(nogil=True, cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]


@compiled
def _zigzag(difference: Whole) -> Whole:
    """A difference modulo 256 as 0, -1, 1, -2, … → 0, 1, 2, 3, …"""
    signed = ((difference + 128) & 255) - 128
    return (signed << 1 if signed >= 0 else ~(signed << 1)) & 255


@compiled
def _unzigzag(code: Whole) -> Whole:
    return (code >> 1) ^ -(code & 1)


def _tell_with(last_step: str) -> Any:
    """An intrinsic of four uint32, taken as four bytes each: what a, b, c tell, then `last_step` with d, modulo 256.

    Told is of a + b - c what lies between a and b: so a colour goes on across a surface and stops at an edge. One vector
    operation a step for all channels, since the next point waits for this one's colour.
    """

    def function(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            small, wide, word = ir.VectorType(ir.IntType(8), 4), ir.VectorType(ir.IntType(16), 4), ir.IntType(32)
            *near, other = (builder.bitcast(value, small) for value in arguments)
            i, j, k = (builder.zext(value, wide) for value in near)
            low = builder.select(builder.icmp_signed("<", i, j), i, j)
            high = builder.select(builder.icmp_signed("<", i, j), j, i)
            told = builder.sub(builder.add(i, j), k)
            told = builder.select(builder.icmp_signed("<", told, low), low, told)
            told = builder.select(builder.icmp_signed("<", high, told), high, told)
            told = builder.trunc(told, small)
            return builder.bitcast(builder.add(told, other) if last_step == "add" else builder.sub(other, told), word)

        return types.uint32(types.uint32, types.uint32, types.uint32, types.uint32), generate

    return intrinsic(function)


_add_told, _less_told = _tell_with("add"), _tell_with("subtract")


@compiled
def _look(cell: Whole, before: Whole, seen: Counts) -> tuple[Whole, Whole, Whole, Whole]:
    """Rows: of the reference of a point, and three that tell its colour (`_tell`); `before` is the row of the point before it.

    The neighbours are one cell lower along x, y and z; at the border a cell is its own neighbour, where nothing is seen yet. All
    loads and no branches: which neighbours there are is hard to predict.
    """
    x, y, z = cell & _X, cell & _Y, cell & _Z
    lower_x, lower_y, lower_z = (x - (x != 0)) & _X, (y - (y != 0)) & _Y, (z - (z != 0)) & _Z
    a, b, c = seen[lower_x | y | z], seen[x | lower_y | z], seen[x | y | lower_z]
    ab, ac, bc = seen[lower_x | lower_y | z], seen[lower_x | y | lower_z], seen[x | lower_y | lower_z]
    newest = max(a, b, c)
    reference = np.uint32(newest) if newest != NONE else np.uint32(before)
    use_ab, use_ac, use_bc = min(a, b, ab) != NONE, min(a, c, ac) != NONE, min(b, c, bc) != NONE
    e = bc if use_bc else reference
    p, q = (b, c) if use_bc else (reference, reference)
    p, q, e = (a, c, ac) if use_ac else (p, q, e)
    p, q, e = (a, b, ab) if use_ab else (p, q, e)
    return reference, p, q, e


@compiled
def sort_rows(records: Words, codes: Counts, words: Words) -> bool:
    """Rows 1 … N ← records (N, 2 words) along the Morton curve, with their codes; whether no two share a voxel."""
    count = len(records)
    bits, before = np.zeros(CODES >> 6, np.uint64), np.empty(CODES >> 6, np.int64)
    for i in range(count):
        code = _code(records[i, 0])
        bits[code >> 6] |= np.uint64(1) << np.uint64(code & 63)
    total = 0
    for word in range(CODES >> 6):
        before[word] = total
        if bits[word]:
            total += _ones(bits[word])
    if total != count:
        return False
    for i in range(count):
        code = _code(records[i, 0])
        rank = before[code >> 6] + _ones(bits[code >> 6] & ((np.uint64(1) << np.uint64(code & 63)) - np.uint64(1)))
        codes[rank] = code
        words[rank + 1, 0], words[rank + 1, 1] = records[i, 0], records[i, 1]
    return True


@compiled
def _code(word: Whole) -> Whole:
    """The Morton code of a record's voxel."""
    place = np.int64(word & np.uint64(0xFFFFFF))
    return _SPREAD[place >> 2 & 63] | _SPREAD[place >> 10 & 63] << 1 | _SPREAD[place >> 18 & 63] << 2


@compiled
def _ones(word: Whole) -> Whole:
    w = np.uint64(word)
    w = w - ((w >> np.uint64(1)) & np.uint64(0x5555555555555555))
    w = (w & np.uint64(0x3333333333333333)) + ((w >> np.uint64(2)) & np.uint64(0x3333333333333333))
    w = (w + (w >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((w * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def stratify(codes: Counts, places: Counts, coarseness: Bytes) -> None:
    """places ← where each of ascending codes comes in the canonical order; coarseness as `geometry.morton.coarseness`."""
    strata, starts = _find_strata(codes)
    for i in range(len(codes)):
        places[i] = _next_place(strata[i], starts)
        coarseness[i] = LEVELS - (strata[i] >> 3)


@compiled
def _next_place(stratum: Whole, starts: Counts) -> Whole:
    """Where in the canonical order the next point of a stratum comes."""
    place = starts[stratum]
    starts[stratum] = place + np.uint32(1)
    return place


@compiled
def _find_strata(codes: Counts) -> tuple[Bytes, Counts]:
    """Which stretch of the canonical order each of ascending codes comes in, as they ascend; where each stretch starts."""
    strata, starts = np.empty(len(codes), np.uint8), np.zeros(_STRATA + 1, np.uint32)
    before = np.uint32(0)
    for i in range(len(codes)):
        differs = codes[i] ^ before
        before = codes[i]
        level = max(_LEVEL[differs & np.uint32(511)], _HIGH_LEVEL[differs >> np.uint32(9)]) if i else np.uint8(LEVELS)
        strata[i] = (LEVELS - level) * 8 + _SWEEP[i & 7]
        starts[strata[i] + np.uint64(1)] += np.uint32(1)
    for stratum in range(_STRATA):
        starts[stratum + 1] += starts[stratum]
    return strata, starts


@compiled
def write_occupancy(codes: Counts, high: Whole, raw: Bytes, at: Whole) -> Whole:
    """The octree's bytes of ascending codes within the cells of 2^high voxels, coarse first; where they end."""
    nodes, starts = codes.copy(), np.zeros(LEVELS + 1, np.int64)
    total: Whole = len(codes)
    occupied = np.empty(LEVELS * total, np.uint8)
    for level in range(high):
        end, parent = starts[level], np.uint32(CODES)
        for i in range(total):
            node = nodes[i]
            if node >> np.uint32(3) != parent:
                parent = node >> np.uint32(3)
                occupied[end] = 0
                end += 1
            occupied[end - 1] |= np.uint8(1 << (np.int64(node) & 7))
            nodes[end - 1 - starts[level]] = parent  # a place that was read already
        starts[level + 1], total = end, end - starts[level]
    for level in range(high - 1, -1, -1):
        for i in range(starts[level], starts[level + 1]):
            raw[at] = occupied[i]
            at += 1
    return at


@compiled
def read_occupancy(raw: Bytes, at: Whole, high: Whole, before: Whole, count: Whole, codes: Counts) -> Whole:
    """codes[:count] ← all of them, ascending, given codes[:before], one of each cell of 2^high voxels; where the octree ends.

    -1: it is damaged. codes has 8 entries more than count: eight children are written, and as many kept as there are.
    """
    nodes, children = np.empty(count + 8, np.uint32), np.empty(count + 8, np.uint32)
    total: Whole = max(before, 1)
    nodes[0] = 0  # the whole chunk, when there are no codes yet
    for i in range(before):
        nodes[i] = codes[i] >> np.uint32(3 * high)
    for level in range(high):
        if at + total > len(raw):
            return -1
        if level == high - 1:
            children = codes
        made = np.uint64(0)
        for i in range(total):
            occupied, node = raw[at + i], nodes[i] << np.uint32(3)
            for k in range(8):
                children[made + np.uint64(k)] = node | _KIDS[occupied, k]
            made += _POPULATION[occupied]
            if occupied == 0 or made > np.uint64(count):
                return -1
        at += total
        nodes, children, total = children, nodes, np.int64(made)
    return at if total == count else -1


@compiled
def _added(codes: Counts, known: Counts, new: Counts) -> bool:
    """new ← what ascending codes have more than ascending known; False if one of these is missing."""
    if not len(known):
        new[:] = codes
        return True
    at, fresh = 0, 0
    for i in range(len(codes)):
        if at < len(known) and codes[i] == known[at]:
            at += 1
        elif fresh == len(new):
            return False
        else:
            new[fresh] = codes[i]
            fresh += 1
    return at == len(known)


@compiled
def write_part(
    all_codes: Counts, codes: Counts, before: Whole, low: Whole, high: Whole, words: Words, last: Bytes, seen: Counts, raw: Bytes
) -> tuple[Whole, Whole, Whole]:
    """raw ← the part that appends rows before + 1 … N, which are of cells of 2^low voxels, to those of cells of 2^high.

    Args:
        all_codes: ascending, of all N points so far. codes: (N,) by row, from row 1.
        last: (3, 64), the quarter last met at each coordinate; kept from part to part.
    Returns:
        Where its places, its colours and the whole of it end.
    """
    count = len(codes) - before
    rows = words.view(np.uint8)
    words[0, 0] = words[0, 1] = 0
    head = 0 if before else BASE_BYTES
    for k in range(head):
        rows[0, FIRST_BYTE + k] = raw[k] = rows[1, FIRST_BYTE + k]
    at = write_occupancy(all_codes, high, raw, head + MASK_BYTES)
    mask, at = _write_quarters(rows[before + 1 :], last, raw, at)
    places_end = at
    references, differences = np.empty(count, np.uint32), np.empty(count, np.uint32)
    shift = np.uint32(3 * low)
    for i in range(before):
        seen[codes[i] >> shift] = i + 1
    for i in range(count):
        row, cell = before + i + 1, np.int64(codes[before + i] >> shift)
        reference, p, q, e = _look(cell, row - 1, seen)
        references[i], seen[cell] = reference, row
        differences[i] = _less_told(_colour(words[p, 0]), _colour(words[q, 0]), _colour(words[e, 0]), _colour(words[row, 0]))
    for i in range(len(codes)):
        seen[codes[i] >> shift] = NONE
    for channel in range(3):
        present = _write_colour(differences, channel, raw, at)
        mask |= present << (ORDER[channel] - FIRST_BYTE)
        at += count * present
    colours_end = at
    for plane in range(3, len(ORDER)):
        byte = ORDER[plane]
        any_bits: Whole = 0
        for i in range(count):
            code = _zigzag(np.int64(rows[before + i + 1, byte]) - np.int64(rows[references[i], byte]))
            raw[at + i] = code
            any_bits |= code
        if any_bits:
            mask |= 1 << (byte - FIRST_BYTE)
            at += count
    raw[head], raw[head + 1] = mask & 255, mask >> 8
    return places_end, colours_end, at


@compiled
def _write_colour(differences: Counts, channel: Whole, raw: Bytes, at: Whole) -> Whole:
    """A plane of `differences`, green or what red or blue have more than green; whether it is anything but zero."""
    shift, less = np.uint32(16 if channel == 2 else 8 if channel == 0 else 0), np.uint32(channel != 0)
    any_bits = np.uint32(0)
    for i in range(len(differences)):
        green = differences[i] >> np.uint32(8)
        difference = (differences[i] >> shift) - green * less & np.uint32(255)
        code = difference << np.uint32(1) ^ (np.uint32(0) - (difference >> np.uint32(7)))
        raw[at + i] = code
        any_bits |= code & np.uint32(255)
    return 1 if any_bits else 0


@compiled
def _write_quarters(rows: Bytes, last: Bytes, raw: Bytes, at: Whole) -> tuple[Whole, Whole]:
    """The plane of where in their voxels the points lie: its bit of the mask, or 0 if it is all zero; where it ends."""
    any_bits: Whole = 0
    for i in range(len(rows)):
        residual: Whole = 0
        for axis in range(3):
            quarter, voxel = np.int64(rows[i, axis] & 3), rows[i, axis] >> 2
            residual |= ((quarter - np.int64(last[axis, voxel])) & 3) << (2 * axis)
            last[axis, voxel] = quarter
        raw[at + i] = residual
        any_bits |= residual
    return (1 << QUARTERS_BIT, at + len(rows)) if any_bits else (0, at)


@compiled
def read_part(
    raw: Bytes, before: Whole, low: Whole, high: Whole, all_codes: Counts, codes: Counts, words: Words, last: Bytes, seen: Counts
) -> bool:
    """The reverse of `write_part`; False if the part is damaged.

    Args:
        all_codes: (N + 8,), ascending those of the points before, then of all. codes: (N,) by row, the part's are filled in.
    """
    count = len(codes) - before
    known = all_codes[:before].copy()
    at, mask = _begin(raw, before, high, len(codes), all_codes, words)
    if at < 0 or not _added(all_codes[: len(codes)], known, codes[before:]):
        return False
    voxels, references, colours = np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty(len(words), np.uint32)
    at = _read_points(raw, at, mask, before, low, codes, words, last, seen, voxels, references, colours)
    _read_rows(raw, at, mask, before, words, voxels, references, colours)
    return True


@compiled
def _begin(raw: Bytes, before: Whole, high: Whole, points: Whole, all_codes: Counts, words: Words) -> tuple[Whole, Whole]:
    """all_codes[:points] ← all, ascending; words[0] ← what stands before the first point. Where the planes begin (-1: the part is
    damaged), and their mask."""
    head = 0 if before else BASE_BYTES
    if len(raw) < head + MASK_BYTES:
        return -1, 0
    at = read_occupancy(raw, head + MASK_BYTES, high, before, points, all_codes)
    mask = np.int64(raw[head]) | np.int64(raw[head + 1]) << 8
    if at < 0 or not _fits(raw, at, mask, points - before):
        return -1, 0
    if head:
        rows = words.view(np.uint8)
        words[0, 0] = words[0, 1] = 0
        for k in range(BASE_BYTES):
            rows[0, FIRST_BYTE + k] = raw[k]
    return at, mask


@compiled
def _read_rows(
    raw: Bytes, at: Whole, mask: Whole, before: Whole, words: Words, voxels: Counts, references: Counts, colours: Counts
) -> None:
    """words[before + 1 :] ← the part's records, of what `_read_points` found and the planes from `at` on."""
    count, rows = len(voxels), words.view(np.uint8)
    own_words, own_rows, own_colours = words[before + 1 :], rows[before + 1 :], colours[before + 1 :]
    for i in range(count):
        own_words[i, 0], own_words[i, 1] = _first_word(words[0, 0], voxels[i], own_colours[i]), words[0, 1]
    for plane in range(3, len(ORDER)):
        byte = ORDER[plane]
        if mask >> (byte - FIRST_BYTE) & 1:
            codes_of_plane = raw[at : at + count]
            for i in range(count):
                own_rows[i, byte] = rows[references[i], byte] + _unzigzag(codes_of_plane[i])
            at += count
        elif before:  # without an earlier part all rows are as row 0 already
            for i in range(count):
                own_rows[i, byte] = rows[references[i], byte]


@compiled
def _first_word(base: Whole, voxel: Whole, colour: Whole) -> Whole:
    """A row's first word: `base` with this place and this colour."""
    kept = base & np.uint64(0xFF000000FF000000)
    return kept | np.uint64(voxel) | np.uint64(colour & np.uint32(0xFFFFFF)) << np.uint64(32)


@compiled
def _fits(raw: Bytes, at: Whole, mask: Whole, count: Whole) -> bool:
    """Whether the planes of the mask, from `at` on, are what is left, and quarters are quarters."""
    planes = 0
    for bit in range(16):
        planes += mask >> bit & 1
    if mask >> (QUARTERS_BIT + 1) or len(raw) != at + planes * count:
        return False
    used: Whole = 0
    if mask >> QUARTERS_BIT & 1:
        for i in range(count):
            used |= raw[at + i]
    return bool(used < 64)


@compiled
def _read_points(
    raw: Bytes,
    at: Whole,
    mask: Whole,
    before: Whole,
    low: Whole,
    codes: Counts,
    words: Words,
    last: Bytes,
    seen: Counts,
    voxels: Counts,
    references: Counts,
    colours: Counts,
) -> Whole:
    """voxels ← x, y, z in quarters, a byte each; colours ← red, green, blue in bytes 0, 1, 2, by row; references; where they end.

    One loop for places and colours: each waits for its own of the point before, but not for the other.
    """
    count, shift = len(references), np.uint32(3 * low)
    present = mask >> QUARTERS_BIT & 1
    quarters = raw[at : at + count * present]
    at = _read_differences(raw, at + count * present, mask, colours[before + 1 :])
    for row in range(before + 1):
        colours[row] = _colour(words[row, 0])
    for i in range(before):
        seen[codes[i] >> shift] = i + 1
    own_codes, own_colours = codes[before:], colours[before + 1 :]  # indexes from 0 need no test for being negative
    for i in range(count):
        voxels[i] = _place(own_codes[i], _QUARTERS[quarters[i]] if present else np.uint32(0), last)
        row, cell = before + i + 1, np.int64(own_codes[i] >> shift)
        reference, p, q, e = _look(cell, row - 1, seen)
        references[i], seen[cell] = reference, row
        own_colours[i] = _add_told(colours[p], colours[q], colours[e], own_colours[i])
    for i in range(len(codes)):
        seen[codes[i] >> shift] = NONE
    return at


@compiled
def _place(code: Whole, difference: Whole, last: Bytes) -> Whole:
    """x, y, z in quarters, a byte each, of a voxel whose quarters differ so from the last at its coordinates."""
    voxel = _GATHER[code & np.uint32(511)] | _GATHER[code >> np.uint32(9)] << np.uint32(3)
    x, y, z = voxel & np.uint32(63), voxel >> np.uint32(8) & np.uint32(63), voxel >> np.uint32(16)
    quarter = np.uint32(last[0, x]) | np.uint32(last[1, y]) << np.uint32(8) | np.uint32(last[2, z]) << np.uint32(16)
    quarter = (quarter + difference) & np.uint32(0x030303)
    last[0, x], last[1, y], last[2, z] = quarter, quarter >> np.uint32(8), quarter >> np.uint32(16)
    return voxel << np.uint32(2) | quarter


@compiled
def _read_differences(raw: Bytes, at: Whole, mask: Whole, differences: Counts) -> Whole:
    """What the colours differ from what was told: red, green, blue in bytes 0, 1, 2; where their planes end."""
    count = len(differences)
    has_green, has_red, has_blue = (
        mask >> (GREEN - FIRST_BYTE) & 1,
        mask >> (RED - FIRST_BYTE) & 1,
        mask >> (BLUE - FIRST_BYTE) & 1,
    )
    if has_green and has_red and has_blue:
        green, red, blue = raw[at : at + count], raw[at + count : at + 2 * count], raw[at + 2 * count : at + 3 * count]
        for i in range(count):
            g = _signed(green[i])
            r, b = g + _signed(red[i]), g + _signed(blue[i])
            differences[i] = r & np.uint32(255) | (g & np.uint32(255)) << np.uint32(8) | (b & np.uint32(255)) << np.uint32(16)
        return at + 3 * count
    differences[:] = np.uint32(0)
    if has_green:
        for i in range(count):
            differences[i] = (_signed(raw[at + i]) & np.uint32(255)) * np.uint32(0x010101)
        at += count
    for has, channel in ((has_red, np.uint32(0)), (has_blue, np.uint32(16))):
        if has:
            for i in range(count):
                kept = differences[i] & ~(np.uint32(255) << channel)
                differences[i] = kept | ((differences[i] >> channel) + _signed(raw[at + i]) & np.uint32(255)) << channel
            at += count
    return at


@compiled
def _signed(code: Whole) -> Whole:
    """`_unzigzag` in 32 bits, so that loops over bytes become vector instructions."""
    value = np.uint32(code)
    return (value >> np.uint32(1)) ^ (np.uint32(0) - (value & np.uint32(1)))


@compiled
def _colour(word: Whole) -> Whole:
    """Red, green, blue, and the confidence, of a row's first word."""
    return np.uint32(word >> np.uint64(32))


@compiled
def sort_chunk(records: Words, codes: Counts, coarseness: Bytes, words: Words) -> tuple[bool, bool]:
    """`sort_rows` and `stratify` of records (N, 2 words): whether no two share a voxel, whether they are in canonical order."""
    if not sort_rows(records, codes, words):
        return False, False
    places = np.empty(len(codes), np.uint32)
    stratify(codes, places, coarseness)
    canonical = True
    for i in range(len(codes)):
        canonical &= records[places[i], 0] == words[i + 1, 0]  # places differ from point to point
    return True, canonical


@compiled
def _place_rows(codes: Counts, words: Words, records: Words) -> None:
    """records (N, 2 words), in canonical order ← rows 1 … N, which ascend along the curve."""
    strata, starts = _find_strata(codes)
    for i in range(len(records)):
        place = _next_place(strata[i], starts)
        records[place, 0], records[place, 1] = words[i + 1, 0], words[i + 1, 1]


@compiled
def read_whole(raw: Bytes, low: Whole, seen: Counts, records: Words) -> bool:
    """records (N, 2 words), in canonical order ← a part that holds all of them; False if it is damaged."""
    count = len(records)
    codes, base = np.empty(count + 8, np.uint32), np.empty((1, 2), np.uint64)
    at, mask = _begin(raw, 0, LEVELS, count, codes, base)
    if at < 0:
        return False
    codes = codes[:count]
    voxels, references, colours = np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty(count + 1, np.uint32)
    at = _read_points(raw, at, mask, 0, low, codes, base, np.zeros((3, 64), np.uint8), seen, voxels, references, colours)
    if at < len(raw):
        words = np.empty((count + 1, 2), np.uint64)
        words[0, 0], words[0, 1] = base[0, 0], base[0, 1]
        _read_rows(raw, at, mask, 0, words, voxels, references, colours)
        _place_rows(codes, words, records)
        return True
    strata, starts = _find_strata(codes)  # all else is as in the first record: no rows are needed to look back at
    first, second = base[0, 0], base[0, 1]
    for i in range(count):
        place = _next_place(strata[i], starts)
        records[place, 0], records[place, 1] = _first_word(first, voxels[i], colours[i + np.int64(1)]), second
    return True


@compiled
def order_records(records: Words, ordered: Words) -> bool:
    """ordered ← records (N, 2 words) in canonical order; whether no two share a voxel."""
    count = len(records)
    codes, words = np.empty(count, np.uint32), np.empty((count + 1, 2), np.uint64)
    if not sort_rows(records, codes, words):
        return False
    _place_rows(codes, words, ordered)
    return True
