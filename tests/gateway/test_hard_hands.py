"""What a broken, careless or hostile client can send to the gateway, and what comes of it.

    what is sent                                          what comes back                          the link
    what is refused over gRPC                             the same (`tests/service`)               the same
    bytes that are no msgpack, not one map, too deep      CORRUPT_DATA                             goes on
    fields of wrong types, enums of the future            INVALID_INPUT, with the field's path     goes on
    more values than a message may have                   LIMIT_EXCEEDED                           goes on
    fragments out of order, of two messages, in fragments INVALID_INPUT, once a message            goes on
    fragments of more than 64 MiB                         LIMIT_EXCEEDED, once                     goes on
    text                                                  PROTOCOL                                 ends, 1008
    a packet in thousands of frames                       LIMIT_EXCEEDED                           ends, 1008
    a packet above 64 KiB                                 nothing                                  ends, 1009
    frames that are no WebSocket                          nothing                                  ends, 1002

Whatever it was: memory is byte for byte what it was, other clients notice nothing, and the server serves.
"""

import asyncio
import contextlib
import random

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed

from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import LimitExceededError, SpatiaError
from spatia_bridge.gateway import server as gateway
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import MAX_VALUES, pack
from spatia_bridge.wire.packets import MAX_PACKET_BYTES, SUBPROTOCOL, PacketWriter
from tests.gateway.raw import opened
from tests.link.bodies import any_body
from tests.service.test_hard_hands import REFUSED
from tests.wire.test_maps import HUGE, WRONG
from tests.worlds import camera, look


async def test_every_refusal_is_that_of_grpc(address, guard):
    async with await BridgeClient.connect(address, "s") as client:
        for name, (body, code) in REFUSED.items():
            if isinstance(body, msg.Fragment):  # here it begins a message
                continue
            with pytest.raises(SpatiaError) as caught:
                await client.request(body)
            assert (name, caught.value.code) == (name, code)
        await client.ping()


async def answer(raw, packet, nonce):
    """The errors that come back to a packet."""
    await raw.say(packet)
    await raw.say(msg.Ping(nonce))
    errors = []
    while not isinstance(body := (await raw.hear()).body, msg.Pong):
        if isinstance(body, msg.Error):
            errors.append(body)
    assert body.nonce == nonce
    return errors


async def test_packets_that_are_no_message(address, guard):
    rng = random.Random(4)
    good = pack(msg.ClientMessage(9, msg.Edit(remove=msg.Region(msg.Sphere(msg.Vector3(), 1.0)))))
    garbage = [rng.randbytes(size) for size in (1, 2, 10, 100, 5000, 60_000)]
    garbage += [good[:end] for end in range(len(good))]
    garbage += list(HUGE.values()) + [b"\xff" * 100, msgpack.packb([1]), msgpack.packb({"undo": 5})]
    async with opened(address) as raw:
        for number, data in enumerate(garbage):
            if len(data) <= MAX_PACKET_BYTES:
                errors = await answer(raw, data, number + 1)
                assert len(errors) == 1, data[:40]
                assert errors[0].code in ("CORRUPT_DATA", "INVALID_INPUT", "LIMIT_EXCEEDED")
                assert errors[0].remedy and not errors[0].fatal


async def test_wrong_types_are_answered_with_their_path_to_their_request(address, guard):
    async with opened(address) as raw:
        for number, (what, value) in enumerate(WRONG.items()):
            await raw.say(msgpack.packb({"request_id": 1000 + number, **value}))
            error = await raw.hear_until(msg.Error)
            assert what in error.body.message and error.body.code == "INVALID_INPUT" and not error.body.fatal
            assert error.request_id == (0 if "request_id" in value else 1000 + number)


async def test_more_values_than_a_message_may_have(address, guard):
    data = msgpack.packb({"request_id": 5, "undo": {}, "x": [0] * MAX_VALUES})
    async with opened(address) as raw:
        size = 40_000
        parts = -(-len(data) // size)
        for part in range(parts):
            await raw.say(msg.ClientMessage(5, msg.Fragment(1, part, parts, data[part * size : (part + 1) * size])))
        assert (await raw.hear_until(msg.Error)).body.code == "LIMIT_EXCEEDED"


async def test_fragments_out_of_order(address, guard):
    packets = PacketWriter(msg.ClientMessage).packets(msg.ClientMessage(8, msg.Generate("x" * 200_000)))
    async with opened(address) as raw:
        assert await answer(raw, packets[0], 1) == []
        assert [error.code for error in await answer(raw, packets[2], 2)] == ["INVALID_INPUT"]
        assert await answer(raw, packets[3], 3) == []  # the rest of what failed
        for packet in packets:
            await raw.say(packet)
        error = await raw.hear_until(msg.Error)
        assert (error.request_id, error.body.code) == (8, "LIMIT_EXCEEDED")  # it is whole, and its prompt too long
        nested = pack(msg.ClientMessage(0, msg.Fragment(3, 0, 1, packets[0])))
        assert [error.code for error in await answer(raw, nested, 4)] == ["INVALID_INPUT"]


async def test_fragments_of_too_much(address, guard, monkeypatch):
    monkeypatch.setattr(gateway, "MAX_MESSAGE_BYTES", 300_000)
    async with opened(address) as raw:
        for part in range(20):
            await raw.say(msg.ClientMessage(6, msg.Fragment(1, part, 2**32 - 1, bytes(48_000))))
        await raw.say(msg.Ping(1))
        messages = []
        while not isinstance((message := await raw.hear()).body, msg.Pong):
            messages.append(message)
        errors = [message for message in messages if isinstance(message.body, msg.Error)]
        assert [(error.request_id, error.body.code, error.body.fatal) for error in errors] == [(6, "LIMIT_EXCEEDED", False)]


async def test_text_ends_the_link(address, guard):
    async with opened(address) as raw:
        await raw.say('{"undo": {}}')
        error = (await raw.hear_until(msg.Error)).body
        assert (error.code, error.fatal) == ("PROTOCOL", True) and SUBPROTOCOL in error.remedy
        assert await raw.hear() is None
        assert raw.end == (1008, "a text message")


async def test_a_packet_that_is_too_large(address, guard):
    async with opened(address) as raw:
        assert len(await answer(raw, bytes(MAX_PACKET_BYTES), 1)) == 1
        await raw.say(bytes(MAX_PACKET_BYTES + 1))
        while await raw.hear() is not None:
            pass
        assert raw.end[0] == 1009
    async with await BridgeClient.connect(address, "s") as client:
        socket = client._transport._socket
        await socket.send(bytes(MAX_PACKET_BYTES + 1))
        with pytest.raises(LimitExceededError):
            await client.until(lambda: False)


async def test_a_packet_in_too_many_frames(address, guard):
    async with opened(address) as raw:
        packet = pack(msg.ClientMessage(0, msg.Ping(5)))
        await raw.socket.send(packet[at : at + 1] for at in range(len(packet)))
        await raw.hear_until(msg.Pong, nonce=5)
        with contextlib.suppress(ConnectionClosed):  # the server may close before all is sent
            await raw.socket.send(b"" for _ in range(5000))
        error = (await raw.hear_until(msg.Error)).body
        assert (error.code, error.fatal) == ("LIMIT_EXCEEDED", True)
        assert await raw.hear() is None
        assert raw.end[0] == 1008


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x82\x05hello", 1002),  # not masked
        (b"\xf2\x80\x00\x00\x00\x00", 1002),  # reserved bits
        (b"\x8f\x80\x00\x00\x00\x00", 1002),  # an opcode that is none
        (b"\x80\x80\x00\x00\x00\x00", 1002),  # goes on with what never began
        (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1009),  # 8 EiB follow
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),  # text that is no text
    ],
)
async def test_frames_that_are_no_websocket(address, guard, frame, code):
    async with opened(address) as raw:
        raw.socket.transport.write(frame)
        while await raw.hear() is not None:
            pass
        assert raw.end[0] == code


async def test_who_hangs_up_in_the_middle(address, guard):
    packet = pack(msg.ClientMessage(3, msg.Generate("x" * 40_000)))
    for cut in range(1, len(packet), 9000):
        async with opened(address) as raw:
            raw.socket.transport.write(b"\x82\xfe" + len(packet).to_bytes(2, "big") + bytes(4) + packet[:cut])
            raw.socket.transport.abort()


@pytest.mark.parametrize("seed", range(4))
async def test_anything_a_client_can_say_is_answered(address, seed):
    """Bodies of every kind, plausible and strange."""
    rng = random.Random(seed)
    engine = rng.choice(list(Engine))
    writer, asked, heard = PacketWriter(msg.ClientMessage), set(), set()
    async with await BridgeClient.connect(address, "s") as other, opened(address) as raw:
        await other.seed([look(camera())])
        for number in range(2, 62):
            body = any_body(rng, engine.convention)
            if isinstance(body, msg.Fragment):
                continue
            for packet in writer.packets(msg.ClientMessage(number, body)):
                await raw.say(packet)
            if not (isinstance(body, msg.Seed) and body.more):
                asked.add(number)
        async with asyncio.timeout(60):
            while not asked <= heard:
                heard.add((await raw.hear()).request_id)
        await other.ping()
