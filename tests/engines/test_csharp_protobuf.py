"""The C# core's protobuf against the generated code, for the gRPC transport."""

import numpy as np
import pytest

from spatia_bridge.link import messages as msg
from spatia_bridge.wire.convert import parser, serialise
from spatia_bridge.wire.maps import pack, unpacker
from tests.engines.cores import Core, NoToolsError
from tests.engines.test_core_protocol import FULL

MORE = [
    msg.ClientMessage(
        1, msg.Hello(1, "c", session="s", compressions=(msg.Compression.GZIP, msg.Compression.NONE), batch_chunks=True)
    ),
    msg.ClientMessage(1 << 63, msg.Edit(unlock=0)),
    msg.ServerMessage(0, msg.Space((0.1,) * 12, 0.05, True)),
    msg.ServerMessage(7, msg.Error("CODE", "größe ☃ 𝄞", details={"a": -1.5, "": 0.0, "b": 0.0})),
    msg.ServerMessage(0, msg.Progress(3, remaining_secs=-0.0)),
    msg.ServerMessage(0, msg.Progress(3, take=4, preview=msg.Image(msg.ImageFormat.JPEG, 2, 1, b"\xff\xd8"))),
]
MESSAGES = [*FULL, *MORE]


@pytest.fixture(scope="module")
def csharp():
    try:
        core = Core("csharp")
    except NoToolsError as error:
        pytest.skip(str(error))
    yield core
    core.close()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message.body).__name__)
def test_protobuf_and_msgpack_say_the_same(csharp, message):
    kind = type(message).__name__
    assert parser(type(message))(csharp.call("protobuf", text=kind, data=pack(message), flag=True)["data"]) == message
    assert unpacker(type(message))(csharp.call("protobuf", text=kind, data=serialise(message))["data"]) == message


def test_fields_of_a_later_version_are_passed_over(csharp):
    later = b"\xa0\x3f\x05" + b"\xa1\x3f" + bytes(8) + b"\xa2\x3f\x03abc" + b"\xa5\x3f" + bytes(4)  # number 1012, four wire types
    message = msg.ServerMessage(7, msg.Done(job=3))
    assert csharp.call("protobuf", text="ServerMessage", data=later + serialise(message) + later)["data"] == pack(message)


def test_numbers_may_come_unpacked_and_names_unknown(csharp):
    numbers = b"\x09" + np.float64(0.5).tobytes() + b"\x09" + np.float64(2.0).tobytes()
    space = serialise(msg.ServerMessage(0, msg.Space((0.5, 2.0))))
    unpacked = space[:1] + bytes([len(numbers)]) + numbers
    assert csharp.call("protobuf", text="ServerMessage", data=unpacked)["data"] == pack(
        msg.ServerMessage(0, msg.Space((0.5, 2.0)))
    )
    strange = b"\x12\x04\x08\x01\x18\x63"  # hello: protocol 1, an engine that there is not
    assert csharp.call("protobuf", text="ClientMessage", data=strange)["data"] == pack(msg.ClientMessage(0, msg.Hello(1)))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message.body).__name__)
def test_cut_protobuf_is_refused_or_is_another_message_and_never_a_fault(csharp, message):
    kind, whole = type(message).__name__, serialise(message)
    for end in range(0, len(whole), max(1, len(whole) // 60)):
        answer = csharp.call("protobuf", text=kind, data=whole[:end])
        assert "ok" in answer or answer["fault"]
    for bad in (
        b"\x08",
        b"\x12\x7f",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x00\x01",
        b"\x0b",
        b"\x08" + b"\xff" * 11,
    ):
        assert csharp.call("protobuf", text=kind, data=bad)["fault"]
