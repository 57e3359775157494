"""What the gateway adds to the link: packets, closing with a reason, clients that do not read. The link's own behaviour over
WebSocket is tested with the client (`tests/client`), which runs over both transports."""

import asyncio
import dataclasses
import socket

import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.client.views import view_of
from spatia_bridge.errors import UnavailableError
from spatia_bridge.gateway import GatewayServer
from spatia_bridge.gateway import server as gateway
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.packets import PACKET_BYTES, PacketWriter
from tests.gateway.raw import HELLO, opened
from tests.worlds import camera, look

OPENCV = Engine.OPENCV.convention


def seed(size=(96, 64)):
    return msg.Seed(view_of(look(camera(size=size)), OPENCV))


async def test_large_messages_go_both_ways_in_small_packets(address):
    writer = PacketWriter(msg.ClientMessage)
    async with opened(address) as raw:
        packets = writer.packets(msg.ClientMessage(2, seed((320, 240))))
        assert len(packets) > 5
        for packet in packets:
            await raw.say(packet)
        await raw.hear_until(msg.Done)
        await raw.say(msg.LiveView(True, 1280, 720, depth=True))
        view = camera(size=(1280, 720))
        await raw.say(msg.PoseUpdate(msg.Camera(seed().view.camera.pose, view_of(look(view), OPENCV).camera.intrinsics, 1.0)))
        live = (await raw.hear_until(msg.LiveProjection)).body
        assert len(live.colour.data) + len(live.depth.data) > PACKET_BYTES
        assert PACKET_BYTES - 200 < max(raw.sizes) <= PACKET_BYTES


async def test_who_reads_large_packets_gets_them(address):
    hello = dataclasses.replace(HELLO, chunk_tables=True, batch_bytes=1 << 20, packet_bytes=1 << 20)
    async with opened(address, hello, max_size=1 << 20) as raw, opened(address) as other:
        for packet in PacketWriter(msg.ClientMessage).packets(msg.ClientMessage(2, seed((320, 240)))):
            await raw.say(packet)
        tables = [(await raw.hear_until(msg.ChunkTable)).body]
        while tables[-1].synced is None:
            tables.append((await raw.hear_until(msg.ChunkTable)).body)
        assert len(tables[0].data) > 2 * PACKET_BYTES
        assert tables[-1].synced == (await other.hear_until(msg.Synced, revision=1)).body
        assert max(raw.sizes) > len(tables[0].data) and max(other.sizes) <= PACKET_BYTES


@pytest.mark.parametrize("compression", [msg.Compression.ZSTD, msg.Compression.GZIP, msg.Compression.NONE])
async def test_compression_is_negotiated(address, compression):
    hello = dataclasses.replace(HELLO, compressions=() if compression is msg.Compression.NONE else (compression,))
    async with opened(address, hello) as raw, await BridgeClient.connect(address, "s", compressions=[compression]) as client:
        await client.seed([look(camera())])
        part = (await raw.hear_until(msg.ChunkPart)).body
        assert part.compression in (compression, None if compression is msg.Compression.NONE else compression)
        assert part.raw_size == 8 * part.count
        synced = await client.synced()
        assert (await raw.hear_until(msg.Synced, revision=1)).body.digest == synced.digest


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (msg.Undo(), "PROTOCOL"),
        (msg.Fragment(1, 0, 2, b"abc"), "PROTOCOL"),
        (dataclasses.replace(HELLO, protocol_version=2), "VERSION_MISMATCH"),
        (dataclasses.replace(HELLO, engine=None), "INVALID_INPUT"),
        (dataclasses.replace(HELLO, session="nowhere", create=False), "NOT_FOUND"),
        ("hello", "PROTOCOL"),
        (b"\xc1", "CORRUPT_DATA"),
        (b"\x81\xa5hello\x05", "INVALID_INPUT"),
    ],
)
async def test_a_bad_beginning_is_answered_and_the_socket_closed_with_the_reason(address, first, code):
    async with opened(address, None) as raw:
        await raw.say(first if isinstance(first, bytes | str) else msg.ClientMessage(7, first))
        answer = await raw.hear()
        assert (answer.body.code, answer.body.fatal) == (code, True) and answer.body.remedy
        assert answer.request_id == (7 if not isinstance(first, bytes | str) else 0)
        assert await raw.hear() is None
        assert raw.end == (1008, gateway._cut(answer.body.message))


def test_a_reason_is_cut_between_letters():
    assert gateway._cut("ä" * 200) == "ä" * 61
    assert gateway._cut("short") == "short"


async def test_the_token(host):
    async with GatewayServer(host, "127.0.0.1:0", token="gé heim") as server:
        address = f"ws://127.0.0.1:{server.port}"
        async with opened(address, dataclasses.replace(HELLO, token="gé heim")):
            pass
        for token in ("", "geheim", "gé heim "):
            async with opened(address, None) as raw:
                await raw.say(msg.ClientMessage(1, dataclasses.replace(HELLO, token=token)))
                assert (await raw.hear()).body.code == "UNAUTHENTICATED"
                assert await raw.hear() is None
                assert raw.end == (1008, "the token is not this server's")


async def test_who_was_told_why_may_close_first(server, address, monkeypatch):
    """The close does not come with the reason: an engine may lose what comes in one frame with it."""
    monkeypatch.setattr(gateway, "FAREWELL_SECS", 60.0)
    async with opened(address, None) as raw:
        await raw.say(msg.Undo())
        assert (await raw.hear()).body.fatal
        await (await raw.socket.ping())  # still there
        await raw.socket.close(1000)
        assert raw.end[0] == 1000
    async with asyncio.timeout(20):
        await server.stop(20.0)


async def test_a_client_that_is_writing_when_it_is_refused_hears_why(address):
    """All the way through: what it still sends is dropped, unread, and takes no memory."""
    async with opened(address, None) as raw:
        packets = PacketWriter(msg.ClientMessage).packets(msg.ClientMessage(7, seed((640, 480))))
        for packet in [*packets, *packets]:
            await raw.say(packet)
        assert (await raw.hear()).body.code == "PROTOCOL"
        assert await raw.hear() is None
        assert raw.end[0] == 1008


async def test_the_server_says_why_it_goes(server, address):
    async with opened(address) as raw:
        stopping = asyncio.create_task(server.stop(20.0))
        error = (await raw.hear_until(msg.Error)).body
        assert (error.code, error.fatal) == ("UNAVAILABLE", True)
        assert await raw.hear() is None
        assert raw.end == (1000, "the server is shutting down")
        await stopping
        await server.stop()


async def test_an_address_that_is_taken(host, server):
    with pytest.raises(UnavailableError, match="cannot listen"):
        await GatewayServer(host, f"127.0.0.1:{server.port}").start()


async def test_ipv6(host):
    async with GatewayServer(host, "[::1]:0") as server, opened(f"ws://[::1]:{server.port}") as raw:
        await raw.say(msg.Ping(3))
        await raw.hear_until(msg.Pong, nonce=3)


async def test_who_closes_is_done_with(host, address):
    session = await host.open("s", create=True)
    async with opened(address) as raw:
        await raw.say(msg.Record(True))
        await raw.hear_until(msg.Recording, on=True)
    async with await BridgeClient.connect(address, "s") as client:
        await client.until(lambda: session.recorder.on is False)


@pytest.fixture
def stuck(server, address):
    """Opens a client that reads nothing after its welcome, behind buffers as small as the system makes them."""
    server._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def open():
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        own.connect(("127.0.0.1", server.port))
        own.setblocking(False)
        return opened(address, sock=own, max_queue=1, ping_interval=None, close_timeout=0.1)

    return open


async def test_a_client_that_does_not_read_hinders_nobody_and_loses_nothing(address, stuck):
    async with stuck() as raw, await BridgeClient.connect(address, "s") as client:
        for number in range(4):
            await client.seed([look(camera(eye=(number / 5, -0.5, -3)))])
        synced = await client.synced()
        assert synced.revision == 4
        assert (await raw.hear_until(msg.Synced, revision=4)).body.digest == synced.digest


async def test_a_client_that_takes_nothing_is_cut_off(server, address, stuck, monkeypatch):
    monkeypatch.setattr(gateway, "WRITE_SECS", 0.3)
    async with stuck(), await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.synced()
        async with asyncio.timeout(20):
            while len(server._links) > 1:
                await client.ping()
        await client.ping()


async def test_a_client_that_takes_nothing_does_not_hold_up_the_end(server, address, stuck):
    async with stuck(), await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.synced()
        async with asyncio.timeout(20):
            await server.stop(0.2)
        assert not server._links
