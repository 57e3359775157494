"""Every message there is goes through msgpack and comes back the same, as protobuf would have brought it. Nothing else passes."""

import json
import random
import struct
import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire import convert, maps
from tests.golden import make_messages
from tests.link.bodies import any_body
from tests.wire.instances import CLASSES, built

read = maps.unpacker(msg.ClientMessage)


def client(**fields):
    """A ClientMessage from a map that msgpack carries."""
    return read(msgpack.packb(fields))


def assert_same_fields(value, proto):
    """The map has the keys that protobuf would write, at every depth."""
    present = {field.name: (field, item) for field, item in proto.ListFields()}
    assert set(value) == set(present)
    for name, (field, item) in present.items():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        pairs = zip(value[name], item, strict=True) if field.is_repeated else [(value[name], item)]
        for inner, inner_proto in pairs:
            assert_same_fields(inner, inner_proto)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_round_trip(kind, data):
    message = data.draw(built(kind))
    packed = maps.pack(message)
    back = maps.unpacker(kind)(packed)
    assert back == message == convert.parser(kind)(convert.serialise(message))
    assert maps.pack(back) == packed
    assert_same_fields(maps.to_map(message), convert.to_proto(message))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_is_left_out_is_the_default(kind):
    assert maps.from_map(kind, {}) == convert.parser(kind)(b"")
    assert maps.to_map(kind()) == {}


@pytest.mark.parametrize("seed", range(200))
def test_bodies_with_strange_values_survive_as_in_protobuf(seed):
    """Infinities, NaN, −0, the largest integers: the same bits (compared as protobuf, since NaN equals nothing)."""
    rng = random.Random(seed)
    message = msg.ClientMessage(seed, any_body(rng, Engine.UNREAL.convention, 0.7))
    assert convert.serialise(read(maps.pack(message))) == convert.serialise(message)


@pytest.mark.parametrize("entry", json.loads(make_messages.PATH.read_text()), ids=lambda entry: entry["name"])
def test_golden(entry):
    """The bytes of version 1. Other languages read the same file."""
    message = make_messages.MESSAGES[entry["name"]]
    packed = bytes.fromhex(entry["msgpack_hex"])
    assert maps.pack(message) == packed
    assert maps.unpacker(type(message))(packed) == message
    assert convert.parser(type(message))(bytes.fromhex(entry["protobuf_hex"])) == message


def test_the_map_is_what_the_rules_say():
    hello = msg.Hello(1, "x", Engine.GODOT, "hall", compressions=(msg.Compression.GZIP,))
    assert maps.to_map(msg.ClientMessage(1, hello)) == {
        "request_id": 1,
        "hello": {
            "protocol_version": 1,
            "client_name": "x",
            "engine": "ENGINE_GODOT",
            "session": "hall",
            "compressions": ["COMPRESSION_GZIP"],
        },
    }
    assert maps.to_map(msg.ClientMessage(2, msg.Undo())) == {"request_id": 2, "undo": {}}
    assert maps.to_map(msg.Edit(unlock=0)) == {"unlock": 0}
    assert maps.to_map(msg.Seed(msg.View())) == {"view": {}}
    assert maps.to_map(msg.Region(msg.Sphere(radius=2))) == {"sphere": {"radius": 2.0}}
    assert maps.to_map(msg.Vector3(-0.0, 0.0)) == {"x": -0.0}


@pytest.mark.parametrize("number", [0, 1, (1 << 53) - 1, 1 << 53, (1 << 63) + 5, (1 << 64) - 1])
def test_64_bit_integers_in_both_forms(number):
    written = maps.to_map(msg.Ping(number)).get("nonce", 0)
    assert written == (number if number < 1 << 53 else struct.pack(">Q", number))
    assert client(ping={"nonce": number}).body == client(ping={"nonce": struct.pack(">Q", number)}).body == msg.Ping(number)


def test_what_readers_take_besides():
    assert client(request_id=3, hello={"engine": 3}).body.engine is Engine.GODOT
    assert client(hello={"engine": "ENGINE_UNSPECIFIED", "compressions": [2, "COMPRESSION_NONE"]}).body == msg.Hello(
        compressions=(msg.Compression.ZSTD, msg.Compression.NONE)
    )
    assert client(live_view={"max_rate_hz": 15}).body.max_rate_hz == 15.0
    assert read(msgpack.packb({"live_view": {"max_rate_hz": 0.5}}, use_single_float=True)).body.max_rate_hz == 0.5
    assert client(undo={}, pose=None, request_id=None) == msg.ClientMessage(0, msg.Undo())
    future = {"undo": {"gently": True}, "weather": {"rain": [1, {"a": b""}]}, "": msgpack.ExtType(5, b"x")}
    assert client(**future) == msg.ClientMessage(0, msg.Undo())
    assert client(dance={}).body is None


WRONG = {
    "request_id must be an integer, not a string": {"request_id": "1"},
    "request_id must be an integer, not a float": {"request_id": 1.0},
    "request_id must be an integer, not a bool": {"request_id": True},
    "request_id is -1, not from 0": {"request_id": -1},
    "request_id must be 8 bytes if it is bytes, not 7": {"request_id": bytes(7)},
    "undo must be a map, not an array": {"undo": []},
    "undo must be a map, not a bool": {"undo": True},
    "has both undo and redo": {"undo": {}, "redo": {}},
    "edit has both lock and unlock": {"edit": {"lock": {}, "unlock": 0}},
    "accept.take is 4294967296": {"accept": {"take": 1 << 32}},
    "accept.take must be an integer, not bytes": {"accept": {"take": bytes(8)}},
    "hello.engine must be the name of a value of Engine, not a float": {"hello": {"engine": 3.0}},
    "hello.engine is ENGINE_QUAKE, which is no Engine": {"hello": {"engine": "ENGINE_QUAKE"}},
    "hello.engine is 99, which is no Engine": {"hello": {"engine": 99}},
    "hello.compressions must be an array, not a string": {"hello": {"compressions": "COMPRESSION_ZSTD"}},
    "hello.compressions[1] is brotli, which": {"hello": {"compressions": ["COMPRESSION_ZSTD", "brotli"]}},
    "hello.session must be a string, not bytes": {"hello": {"session": b"hall"}},
    "hello.create must be a bool, not an integer": {"hello": {"create": 1}},
    "hello.resume.digest must be bytes, not a string": {"hello": {"resume": {"digest": "x" * 32}}},
    "live_view.max_rate_hz must be a number, not a string": {"live_view": {"max_rate_hz": "15"}},
    "live_view.max_rate_hz must be a number, not a bool": {"live_view": {"max_rate_hz": True}},
    "live_view.max_rate_hz must be a number, not ExtType": {"live_view": {"max_rate_hz": msgpack.ExtType(1, b"")}},
    "generate.trajectory.cameras[2].time_secs must be a number": {
        "generate": {"trajectory": {"cameras": [{}, {}, {"time_secs": "late"}]}}
    },
    "generate.trajectory.cameras[0] must be a map, not nil": {"generate": {"trajectory": {"cameras": [None]}}},
}


@pytest.mark.parametrize("what", list(WRONG))
def test_wrong_types_are_refused_with_their_path(what):
    with pytest.raises(InvalidInputError) as caught:
        client(**WRONG[what])
    assert what in caught.value.message and caught.value.remedy and not isinstance(caught.value, CodecError)


@pytest.mark.parametrize("value", [5, [], None, "hello", b""])
def test_what_is_no_map(value):
    with pytest.raises(InvalidInputError, match="the message must be a map"):
        read(msgpack.packb(value))


def test_maps_of_numbers():
    parse = maps.unpacker(msg.ServerMessage)
    assert parse(msgpack.packb({"error": {"details": {"a": 1, "b": 0.5}}})).body.details == {"a": 1.0, "b": 0.5}
    for wrong, path in (({"a": "1"}, "error.details.a must"), ([1], "error.details must be a map")):
        with pytest.raises(InvalidInputError, match=path):
            parse(msgpack.packb({"error": {"details": wrong}}))


@pytest.mark.parametrize(
    "message",
    [
        msg.Done(revision=-1),
        msg.Ping(2**64),
        msg.Ping("1"),
        msg.Accept(2**32),
        msg.Hello(session=3),
        msg.Hello(session="\ud800"),
        msg.Hello(engine="unity"),
        msg.Vector3("1"),
        msg.Image(data="text"),
        msg.Edit(lock=msg.Region(), unlock=0),
        msg.ClientMessage(1, msg.Vector3()),
    ],
)
def test_values_that_do_not_fit(message):
    with pytest.raises(InvalidInputError):
        maps.pack(message)


# ------------------------------------------------------------------------------------------------------------ hostile


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_documented_error(data):
    try:
        message = read(data)
    except (InvalidInputError, LimitExceededError):
        return
    assert isinstance(message, msg.ClientMessage)


@pytest.mark.parametrize("name", list(make_messages.MESSAGES))
def test_a_cut_message_is_none(name):
    message = make_messages.MESSAGES[name]
    packed = maps.pack(message)
    for end in range(len(packed)):
        with pytest.raises(CodecError):
            maps.unpacker(type(message))(packed[:end])
    with pytest.raises(CodecError, match="ends after"):
        maps.unpacker(type(message))(packed + b"\xc0")


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_byte_is_another_message_or_a_documented_error(seed):
    rng = random.Random(seed)
    packed = maps.pack(make_messages.MESSAGES["hello"])
    for _ in range(200):
        data = bytearray(packed)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            read(bytes(data))
        except (InvalidInputError, LimitExceededError) as error:
            assert error.message and error.remedy
        assert maps.request_id_of(bytes(data)) >= 0


HUGE = {
    "map": b"\xdf\xff\xff\xff\xff",
    "array": b"\x81\xa4undo\xdd\xff\xff\xff\xff",
    "string": b"\x81\xdb\xff\xff\xff\xff",
    "bytes": b"\x81\xa4seed\xc6\xff\xff\xff\xff",
    "extension": b"\x81\xa4seed\xc9\xff\xff\xff\xff\x01",
    "never used": b"\xc1",
    "key that is a number": b"\x81\x01\x02",
    "key that is a map": b"\x81\x80\x02",
    "arrays in arrays": b"\x81\xa1x" + b"\xdd\x00\x00\xff\xff" * 5000 + bytes(65536),
    "arrays without end": b"\x81\xa1x" + b"\x91" * 60_000,
    "maps without end": b"\x81\xa1x" * 20_000,
    "deeper than allowed": b"\x81\xa1x" + b"\x91" * maps.MAX_DEPTH + b"\xc0",
}


@pytest.mark.parametrize("name", list(HUGE))
def test_what_is_announced_is_not_made_room_for(name):
    tracemalloc.start()
    try:
        with pytest.raises((CodecError, LimitExceededError)) as caught:
            read(HUGE[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.remedy and len(caught.value.message) < 200
    assert peak < 2_000_000
    assert maps.request_id_of(HUGE[name]) == 0


def test_the_deepest_and_the_fullest_that_is_read():
    assert client(undo={}, x=eval("[" * (maps.MAX_DEPTH - 1) + "]" * (maps.MAX_DEPTH - 1))).body == msg.Undo()
    full = msgpack.packb({"undo": {}, "x": [0] * (maps.MAX_VALUES - 2)})
    assert read(full).body == msg.Undo()
    with pytest.raises(LimitExceededError):
        read(msgpack.packb({"undo": {}, "x": [0] * (maps.MAX_VALUES - 1)}))
    with pytest.raises(LimitExceededError):
        read(msgpack.packb({"undo": {}, "x": [[0] * 1000] * (maps.MAX_VALUES // 1000)}))


def test_an_error_finds_back_to_its_request():
    assert maps.request_id_of(msgpack.packb({"request_id": 7, "hello": {"engine": 99}})) == 7
    assert maps.request_id_of(msgpack.packb({"request_id": (1 << 64).to_bytes(9, "big")[1:], "hello": 1})) == 0
    for value in ({"request_id": -7}, {"request_id": "7"}, [], 5, {}):
        assert maps.request_id_of(msgpack.packb(value)) == 0
