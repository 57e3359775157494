"""Who is let in: subprotocol, origin, and what is said to the rest."""

import asyncio

import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import InvalidInputError, UnauthenticatedError, UnavailableError, VersionMismatchError
from spatia_bridge.gateway import GatewayServer
from spatia_bridge.gateway.handshake import check_origin, refusal
from spatia_bridge.wire.packets import SUBPROTOCOL
from tests.gateway.raw import ask, opened

OFFER = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"
FROM_HERE = [
    "http://localhost",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://[::1]:80",
    "HTTP://LocalHost:1",
]
FROM_ELSEWHERE = [
    "https://evil.example",
    "http://localhost.evil.example",
    "http://evil.example/localhost",
    "http://localhost@evil.example",
    "http://localhost:80.evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.2",
    "http://[::2]",
    "file://",
    "null",
    "",
    "ws://localhost\t",
    "http://localhost:123456",
]


async def test_the_subprotocol_is_chosen_among_several_on_any_path(server):
    status, head = await ask(
        server.port, f"Sec-WebSocket-Protocol: chat, {SUBPROTOCOL}, spatia.v9.msgpack", request="GET /a/b?c HTTP/1.1"
    )
    assert status == 101 and f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" in head


async def test_compression_of_the_socket_is_declined(server):
    status, head = await ask(server.port, OFFER, "Sec-WebSocket-Extensions: permessage-deflate")
    assert status == 101 and "permessage-deflate" not in head


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([], "offers no subprotocol"),
        (["Sec-WebSocket-Protocol: chat"], "not chat"),
        (["Sec-WebSocket-Protocol: spatia.v2.msgpack, spatia.v1"], "not spatia.v2.msgpack, spatia.v1"),
        ([f"Sec-WebSocket-Protocol: {SUBPROTOCOL.upper()}"], "not SPATIA"),
    ],
)
async def test_another_subprotocol_is_refused_with_what_the_server_speaks(server, headers, said):
    status, text = await ask(server.port, *headers)
    assert status == 400 and f"speaks the WebSocket subprotocol {SUBPROTOCOL}" in text and said in text


@pytest.mark.parametrize("origin", FROM_HERE)
async def test_pages_from_this_machine_may_connect(server, origin):
    assert (await ask(server.port, OFFER, f"Origin: {origin}"))[0] == 101


@pytest.mark.parametrize("origin", FROM_ELSEWHERE)
async def test_pages_from_elsewhere_may_not(server, origin):
    status, text = await ask(server.port, OFFER, f"Origin: {origin}")
    assert status == 403 and "--allow-origin" in text


async def test_pages_from_elsewhere_may_if_that_is_allowed(host):
    async with GatewayServer(host, "127.0.0.1:0", allowed_origins=[check_origin("https://Levels.example:8080/")]) as server:
        for origin, status in (
            ("https://levels.example:8080", 101),
            ("https://LEVELS.example:8080", 101),
            ("https://levels.example", 403),
            ("http://levels.example:8080", 403),
            ("http://localhost", 101),
        ):
            assert (await ask(server.port, OFFER, f"Origin: {origin}"))[0] == status


def test_two_origins_are_none():
    assert refusal(["http://localhost", "http://localhost"], [SUBPROTOCOL], ())[0] == 400
    assert refusal([], [SUBPROTOCOL], ()) is None


@pytest.mark.parametrize("text", ["", "levels.example", "https://", "https://a/b", "https://a:b", "https://a?b", "*"])
def test_what_is_no_origin(text):
    with pytest.raises(InvalidInputError) as caught:
        check_origin(text)
    assert caught.value.remedy


async def test_who_does_not_speak_websocket_is_told(server):
    status, text = await ask(server.port, upgrade=False)
    assert status == 426 and SUBPROTOCOL in text
    assert (await ask(server.port, OFFER, "Sec-WebSocket-Version: 12", request="GET / HTTP/1.1"))[0] == 400
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01\x02\x00" + bytes(300))
    await writer.drain()
    writer.transport.abort()
    async with opened(f"ws://127.0.0.1:{server.port}"):
        pass


async def test_the_client_says_why_it_was_not_let_in(host, monkeypatch):
    async with GatewayServer(host, "127.0.0.1:0") as server:
        address = f"ws://127.0.0.1:{server.port}"
        for status, error in ((400, VersionMismatchError), (403, UnauthenticatedError), (503, UnavailableError)):
            monkeypatch.setattr("spatia_bridge.gateway.server.refusal", lambda *_, status=status: (status, f"because {status}"))
            with pytest.raises(error, match=f"because {status}"):
                await BridgeClient.connect(address, "s")
    for nonsense in ("ws://", "ws://127.0.0.1:port"):
        with pytest.raises(InvalidInputError):
            await BridgeClient.connect(nonsense, "s")
