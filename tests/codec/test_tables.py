"""Chunk tables: what was written is read, byte for byte; what does not fit together is refused."""

import random
import struct

import pytest

from spatia_bridge.codec.tables import ROW_BYTES, read_table, write_table
from spatia_bridge.errors import CodecError
from spatia_bridge.memory import ChunkIndex
from tests.link.scenes import chunk

PARTS = [
    (chunk(ChunkIndex(0, -1, 2, 1 << 17), 700), 0, 512),
    (chunk(ChunkIndex(15, 0, 0, -7), 1), 0, 1),
    (chunk(ChunkIndex(0, -1, 2, 1 << 17), 700), 512, 188),
]


def test_round_trip():
    read = list(read_table(*write_table(PARTS)))
    assert [(each.chunk_index, each.total_points, each.first, each.packed_hash) for each in read] == [
        (part.index, len(part), first, part.packed_hash) for part, first, _ in PARTS
    ]
    assert [bytes(each.points) for each in read] == [part.packed(first, count) for part, first, count in PARTS]
    assert list(read_table(b"", b"")) == []


def test_the_layout_is_what_the_proto_says():
    rows, data = write_table(PARTS[:1])
    held = PARTS[0][0]
    assert rows == struct.pack("<iiiiIIII", 0, -1, 2, 1 << 17, 700, 0, 512, 0) + held.packed_hash
    assert len(rows) == ROW_BYTES == 64 and data == held.packed()[: 8 * 512]


@pytest.mark.parametrize(
    "damage",
    [
        lambda rows, data: (rows[:-1], data),
        lambda rows, data: (rows, data[:-1]),
        lambda rows, data: (rows, data + bytes(8)),
        lambda rows, data: (rows[:-ROW_BYTES], data),
        lambda rows, data: (rows + rows[:ROW_BYTES], data),
        lambda rows, data: (rows[:24] + bytes(4) + rows[28:], data),  # a part of no points
        lambda rows, data: (rows[:24] + b"\xff" * 4 + rows[28:], data),
        lambda rows, data: (rows[:28] + b"\1" + rows[29:], data),
    ],
)
def test_what_does_not_fit_together_is_refused(damage):
    with pytest.raises(CodecError):
        list(read_table(*damage(*write_table(PARTS))))


def test_any_bytes_are_read_or_refused():
    rng = random.Random(5)
    rows, data = write_table(PARTS)
    for _ in range(2000):
        torn = bytearray(rows)
        for _ in range(rng.randrange(1, 4)):
            torn[rng.randrange(len(torn))] = rng.randrange(256)
        try:
            read = list(read_table(bytes(torn), data))
        except CodecError:
            continue
        assert sum(len(each.points) for each in read) == len(data)
