"""The protocol in GDScript against Python's msgpack, with no display."""

import math

import msgpack
import pytest

VALUES = [
    None,
    True,
    False,
    *(sign * (1 << bits) + offset for bits in (5, 7, 8, 15, 16, 31, 32, 52) for sign in (1, -1) for offset in (-1, 0, 1)),
    2**63 - 1,
    -(2**63),
    0.0,
    -1.5,
    math.pi,
    math.inf,
    "",
    "a",
    "größe ☃ 𝄞",
    "x" * 31,
    "x" * 32,
    "x" * 255,
    "x" * 256,
    "x" * 65535,
    "x" * 65536,
    b"",
    bytes(range(256)),
    bytes(65536),
    [],
    list(range(15)),
    list(range(16)),
    list(range(70000)),
    {},
    {str(i): i for i in range(15)},
    {str(i): i for i in range(16)},
    {str(i): None for i in range(66000)},
    {"request_id": 7, "hello": {"session": "s", "compressions": ["COMPRESSION_ZSTD"], "resume": {"digest": b"\xff" * 32}}},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}")
def test_godot_writes_the_bytes_that_python_writes(headless, value):
    packed = msgpack.packb(value)
    assert headless.call("decode", packed)["ok"]
    assert headless.call("encode_again", packed) == packed


def test_singles_and_numbers_in_more_bytes_than_needed_are_read(headless):
    for data, value in [(b"\xca\x3f\xc0\x00\x00", 1.5), (b"\xcd\x00\x01", 1), (b"\xd1\xff\xff", -1), (b"\xdf" + bytes(4), {})]:
        assert headless.call("decode", data) == {"ok": True, "value": value}


def test_bytes_that_are_no_message_are_refused(headless):
    whole = msgpack.packb({"chunk_part": {"data": b"12345678", "index": {"x": -3}, "words": ["a", 1.5]}})
    for end in range(len(whole)):
        assert not headless.call("decode", whole[:end])["ok"]
    for bad in (b"\xc1", b"\xd4\x01\x00", whole + b"\x00", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff\x00", b"\x91" * 4000):
        assert not headless.call("decode", bad)["ok"]


@pytest.mark.parametrize("size", [100, 48 << 10, (48 << 10) + 1, 300_001])
def test_large_messages_travel_in_pieces(headless, size):
    data = bytes(i * 7 % 251 for i in range(size))
    found = headless.call("split_and_join", data)
    assert found["bytes"] == data
    assert max(found["sizes"]) <= 48 << 10
