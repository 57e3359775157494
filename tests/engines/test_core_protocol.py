"""The C++ and C# cores against Python's msgpack and packets, without a server."""

import json
import math

import msgpack
import pytest

from spatia_bridge.errors import SpatiaError
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack, unpacker
from spatia_bridge.wire.packets import PACKET_BYTES, PacketReader, PacketWriter
from tests.golden.make_messages import PATH

GOLDEN = json.loads(PATH.read_text())
VALUES = [
    *(
        None,
        True,
        False,
        0.5,
        math.inf,
        "",
        "größe ☃ 𝄞",
        "x" * 32,
        "x" * 256,
        "x" * 65536,
        b"",
        bytes(255),
        bytes(256),
        bytes(65536),
    ),
    *(sign * (1 << bits) + offset for bits in (5, 7, 8, 15, 16, 31, 32, 62) for sign in (1, -1) for offset in (-1, 0, 1)),
    *([], list(range(16)), [[]] * 70_000, {}, {"a": {"b": [1, None]}}, {str(i): i for i in range(66_000)}),
]


def recode(core, data, kind="ServerMessage"):
    return core.call("recode", text=kind, data=data)


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["name"])
def test_golden_messages_are_read_and_written_to_the_byte(core, entry):
    data = bytes.fromhex(entry["msgpack_hex"])
    assert recode(core, data, entry["type"]) == {"ok": True, "data": data}


FULL = [
    msg.ClientMessage(9, msg.Generate("a", 1 << 60, "g", msg.Trajectory((msg.Camera(),) * 3), 2, True, 64, 32, "path")),
    msg.ClientMessage(9, msg.Edit(move=msg.Move(msg.Region(msg.Box(msg.Pose(), msg.Vector3(1, 2, 3))), msg.Pose(), True))),
    msg.ClientMessage(9, msg.Edit(insert=msg.Insert(1, bytes(12), b"abc", bytes(4)))),
    msg.ClientMessage(
        9, msg.Edit(realign=msg.Realign(2.0, msg.Vector3(y=1.0), msg.Ruler(msg.Vector3(), msg.Vector3(x=1.0), 2.0)))
    ),
    msg.ClientMessage(9, msg.Edit(recolour=msg.Recolour(msg.Region(msg.Sphere()), 0xFF8000, 0.5))),
    msg.ClientMessage(0, msg.LiveView(True, 320, 180, 10.0, True)),
    msg.ServerMessage(0, msg.ChunksRemoved((msg.ChunkIndex(1, -(2**31), 2**31 - 1, 0), msg.ChunkIndex()))),
    msg.ServerMessage(
        0, msg.ChunkParts((msg.ChunkPart(msg.ChunkIndex(), 1, 0, 1, msg.Compression.GZIP, 8, b"x", bytes(32)),) * 20)
    ),
    msg.ServerMessage(3, msg.TakeFrame(1, 2, msg.Image(msg.ImageFormat.JPEG, 2, 2, b"x"), None, msg.Camera(time_secs=-0.0))),
    msg.ServerMessage(
        0, msg.Progress(1, msg.Stage.GENERATING, 3, 25, 1.5, 1, 2, 4, None, msg.Image(msg.ImageFormat.JPEG, 2, 1, b"\xff\xd8"))
    ),
    msg.ServerMessage(0, msg.Take(1, msg.TakeState.PENDING, 3, 4, "p", 5, "g", 6, 16.0, 7, 8, (msg.Reference(1, 2, "near"),))),
    msg.ServerMessage(0, msg.LiveProjection(0.5, 3, msg.Image(), msg.Image(), 0.25, msg.Camera())),
]


@pytest.mark.parametrize("message", FULL, ids=lambda message: type(message.body).__name__)
def test_messages_that_python_writes_come_back_to_the_byte(core, message):
    data = pack(message)
    assert recode(core, data, type(message).__name__)["data"] == data


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}")
def test_unknown_fields_are_passed_over(core, value):
    data = msgpack.packb({"later": value, "request_id": 7, "done": {"later": value, "job": 3}, "latest": value})
    assert recode(core, data)["data"] == pack(msg.ServerMessage(7, msg.Done(job=3)))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"\x81\xa8progress\x81\xaeremaining_secs\xca\x3f\xc0\x00\x00", msg.Progress(remaining_secs=1.5)),
        (msgpack.packb({"progress": {"remaining_secs": -3}}), msg.Progress(remaining_secs=-3.0)),
        (msgpack.packb({"progress": {"job": (5).to_bytes(8, "big"), "done": None}}), msg.Progress(job=5)),
        (msgpack.packb({"progress": {"stage": "STAGE_OF_A_LATER_VERSION"}}), msg.Progress()),
        (b"\x81\xa4pong\x81\xa5nonce\xcf" + (9).to_bytes(8, "big"), msg.Pong(9)),
        (b"\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x04pong\xde\x00\x01\xd9\x05nonce\xcd\x00\x09", msg.Pong(9)),
        (msgpack.packb({"pong": None, "done": {}}), msg.Done()),
    ],
)
def test_other_ways_to_say_the_same_are_read(core, sent, read):
    assert recode(core, sent)["data"] == pack(msg.ServerMessage(0, read))


WRONG = [
    *(
        {"done": {"take": -1}},
        {"done": {"take": 1 << 32}},
        {"done": {"take": 1.0}},
        {"done": {"revision": -1}},
        {"done": {"job": b"1"}},
    ),
    *(
        {"chunks_removed": {"indexes": [{"x": 1 << 31}]}},
        {"chunks_removed": {"indexes": {}}},
        {"done": []},
        {"done": 1},
        [],
        1,
        None,
    ),
    *({"error": {"code": b"x"}}, {"error": {"fatal": 1}}, {"error": {"details": {"a": "b"}}}, {"pong": {}, "done": {}}, {1: 2}),
    *({"chunk_part": {"data": "text"}}, {"space": {"client_from_chunk": ["a"]}}, {"welcome": {"takes": [[]]}}),
]


@pytest.mark.parametrize("value", WRONG, ids=str)
def test_what_a_field_cannot_hold_is_refused_by_python_and_by_the_core(core, value):
    with pytest.raises(SpatiaError):
        unpacker(msg.ServerMessage)(msgpack.packb(value))
    answer = recode(core, msgpack.packb(value))
    assert "ok" not in answer and answer["fault"]


def test_bytes_that_are_no_message_are_refused(core):
    whole = msgpack.packb({"chunk_part": {"data": b"12345678", "index": {"x": -300}, "later": [1.5, "a"]}})
    cut = [whole[:end] for end in range(len(whole))]
    claims = [
        b"\xdf\xff\xff\xff\xff\x00",
        b"\x81\xa4done\xdf\x7f\xff\xff\xff",
        b"\x81\xa1x\xdd\xff\xff\xff\xff",
        b"\x81\xa1x\xc6\xff\xff\xff\xff",
    ]
    for bad in (
        *cut,
        *claims,
        whole + b"\x00",
        b"\xc1",
        b"\xd4\x01\x00",
        b"\x81\xa1x\xd4\x01\x00",
        b"\x91" * 4000,
        b"\x81\xa1x" + b"\x91" * 4000,
    ):
        assert "ok" not in recode(core, bad)
    many = {"welcome": {"takes": [{}] * (1 << 18)}, "x": [0]}
    assert "too many" in recode(core, msgpack.packb(many))["fault"]


@pytest.mark.parametrize("size", [100, PACKET_BYTES - 40, PACKET_BYTES, 300_001])
def test_large_messages_travel_in_pieces(core, size):
    data = bytes(i * 7 % 251 for i in range(size))
    sent = msg.ClientMessage(12, msg.Seed(msg.View(colour=msg.Image(msg.ImageFormat.RAW, 1, 1, data))))
    packets = core.call("split", data=pack(sent))["packets"]
    assert max(map(len, packets)) <= PACKET_BYTES
    reader = PacketReader(msg.ClientMessage)
    reader.add(pack(msg.ClientMessage(1, msg.Undo())))  # a link does not begin with a fragment
    assert [message for packet in packets if (message := reader.add(packet))] == [sent]


def test_pieces_are_put_together_with_whole_messages_between_them(core):
    large = msg.ServerMessage(3, msg.TakeFrame(1, 2, msg.Image(msg.ImageFormat.PNG, 9, 9, bytes(200_000))))
    pong = msg.ServerMessage(0, msg.Pong(1))
    writer = PacketWriter(msg.ServerMessage)
    first, *rest = writer.packets(large)
    answer = core.call("join", packets=[first, pack(pong), *rest, *writer.packets(large), pack(pong)])
    assert answer["packets"] == [pack(each) for each in (pong, large, large, pong)]


def piece(id, part, parts, data=b"x"):
    return pack(msg.ServerMessage(0, msg.Fragment(id, part, parts, data)))


@pytest.mark.parametrize(
    "packets",
    [
        [piece(1, 1, 2)],
        [piece(1, 0, 0)],
        [piece(1, 0, 3), piece(1, 2, 3)],
        [piece(1, 0, 2), piece(2, 1, 2)],
        [piece(1, 0, 2), piece(1, 1, 3)],
        [piece(1, 0, 1, piece(2, 0, 1))],
        [piece(1, 0, 1, b"\xc1")],
        [bytes(65 << 10)],
    ],
)
def test_pieces_that_do_not_fit_are_refused(core, packets):
    answer = core.call("join", packets=packets)
    assert answer["fault"] and not answer.get("packets")
