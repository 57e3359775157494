"""How messages get to a server and back: a stream of gRPC, or a WebSocket. The client above knows neither."""

import asyncio
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

import grpc

from spatia_bridge.client.faults import from_rpc
from spatia_bridge.client.sessions import open_channel
from spatia_bridge.link.messages import ClientMessage, ServerMessage
from spatia_bridge.wire.rpc import BRIDGE, methods

_EOF: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it


class BrokenLinkError(Exception):
    """A write to a link that has ended; reading on tells why."""


class Transport(Protocol):
    """One open link. `write` may be called while another `write` or a `read` waits."""

    async def write(self, message: ClientMessage) -> None:
        """Returns when the transport has taken it. Raises BrokenLinkError; InvalidInputError: a value that cannot be sent."""

    async def read(self) -> ServerMessage | None:
        """The next message; None = the server ended the link. Raises the domain error that ended it, if one did."""

    async def close(self) -> None:
        """Leave."""


async def open_transport(address: str, authorities_pem: bytes | None = None) -> Transport:
    """`ws://…` opens a WebSocket, `wss://…` one with TLS; `host:port` gRPC, `grpcs://…` with TLS.

    Raises what opening the WebSocket raises; gRPC connects when it is first written to.
    """
    if address.startswith(("ws://", "wss://")):
        from spatia_bridge.client.websocket import WebSocketTransport  # who speaks gRPC does not need it

        return await WebSocketTransport.open(address, authorities_pem)
    return GrpcTransport(open_channel(address, authorities_pem))


def is_local(address: str) -> bool:
    """Whether an address says by itself that it is of this machine: large messages, uncompressed, are the soonest there."""
    return is_loopback(urlsplit(address if "://" in address else f"//{address}").hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own; other names are not looked up."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        return False


class GrpcTransport:
    """`Bridge.Connect` on a channel that is this transport's own."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        method = methods(BRIDGE)["Connect"]
        self._channel = channel
        self._parse, self._serialise = method.parse_response, method.serialise
        self._sending = asyncio.Lock()
        self._ahead: asyncio.Task[Any] | None = None
        self._stream: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(method.path, bytes, bytes)(None)

    async def write(self, message: ClientMessage) -> None:
        data = self._serialise(message)
        try:
            async with self._sending:  # gRPC takes one write at a time
                await self._stream.write(data)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:  # what gRPC raises once a stream has ended
            raise BrokenLinkError from error

    async def read(self) -> ServerMessage | None:
        try:
            data: Any = await (self._ahead or self._stream.read())
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error
        if data is _EOF:
            return None
        self._ahead = asyncio.create_task(self._stream.read())  # comes in while this one is worked on
        await asyncio.sleep(0)  # begin it
        message: ServerMessage = self._parse(data)
        return message

    async def close(self) -> None:
        self._stream.cancel()
        if self._ahead is not None:
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._channel.close(None)
