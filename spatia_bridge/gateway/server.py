"""The WebSocket server: packets ↔ messages of a `Connection`.

Whatever goes wrong, the client is told by an `error` message first. Unless it closes then, the WebSocket is closed FAREWELL_SECS
later, with a code and a reason:

    1000    the server stops (the error before it is UNAVAILABLE)
    1008    the hello was refused, or another fatal error; the reason is its message, cut to what a close frame holds
    1009    a packet above MAX_PACKET_BYTES; there is no error message
    1002, 1007, 1011   the WebSocket protocol itself is violated, or pings stay unanswered; there is no error message

A client that reads slowly is written to slowly: nothing but its own link waits, and what waits is bounded by the link's queues.
One that takes nothing for WRITE_SECS is cut off. One that closes is done with: what it asked for and was not begun is dropped.
"""

import asyncio
import logging
from collections.abc import Collection

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from spatia_bridge.errors import LimitExceededError, ProtocolError, UnavailableError
from spatia_bridge.gateway.handshake import refusal
from spatia_bridge.link.messages import ClientMessage, Error, ServerMessage
from spatia_bridge.session.connection import Connection, domain_error
from spatia_bridge.session.host import SessionHost
from spatia_bridge.tls import Certificate
from spatia_bridge.wire.packets import MAX_PACKET_BYTES, SUBPROTOCOL, PacketReader, PacketWriter, UnreadableError
from spatia_bridge.wire.rpc import MAX_MESSAGE_BYTES

MAX_FRAMES = 1024  # of one WebSocket message: they may be empty, so that their size alone bounds nothing
LARGE_BYTES = 8 << 10  # messages that take more than a few milliseconds to read are read off the loop
WRITE_SECS = 60.0
# Godot drops the messages that it has not handed out when a close comes in the same frame: the reason must come earlier
FAREWELL_SECS = 0.5
LINGER_SECS = 2.0  # for a client to answer a close
PING_SECS, PONG_SECS = 30.0, 60.0  # an editor that loads a level answers nothing for a while
REASON_BYTES = 123  # what a close frame holds
STOPPED, REFUSED = 1000, 1008
_log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.websockets")  # of what strangers send; not worth the server's log
_quiet.setLevel(logging.CRITICAL)


class GatewayServer:
    """Serves the live link of a host over WebSocket; the host stays the caller's, who closes it after `stop`.

    Args:
        host: the sessions.
        address: `host:port`; port 0 picks a free one, see `port`.
        token: if not empty, clients must show it in hello.
        allowed_origins: of pages, besides those from this machine, that may connect (`handshake.check_origin`).
        certificate: for TLS (`wss://`); None = plain text.

        async with GatewayServer(host, "127.0.0.1:0") as server: …
    """

    def __init__(
        self,
        host: SessionHost,
        address: str,
        *,
        token: str = "",
        allowed_origins: Collection[str] = (),
        certificate: Certificate | None = None,
    ) -> None:
        self._host = host
        self._address = address
        self._token = token
        self._allowed = frozenset(allowed_origins)
        self._certificate = certificate
        self._server: Server | None = None
        self._links: dict[ServerConnection, Connection] = {}
        self._stopping = False
        self.port = 0

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            UnavailableError: the address cannot be had.
        """
        name, _, port = self._address.rpartition(":")
        try:
            self._server = await serve(
                self._serve,
                name.removeprefix("[").removesuffix("]"),
                int(port),
                ssl=None if self._certificate is None else self._certificate.context,
                process_request=self._check,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,  # what is large is compressed already
                server_header=None,
                max_size=MAX_PACKET_BYTES,
                ping_interval=PING_SECS,
                ping_timeout=PONG_SECS,
                close_timeout=LINGER_SECS,
                logger=_quiet,
            )
        except OSError as error:
            raise UnavailableError(f"cannot listen on {self._address}", "choose a free port of this machine") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, grace_secs: float = 5.0) -> None:
        """Tell every client why, and end once they have read it or the grace is over."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._stopping = True
        server.close(close_connections=False)
        for link in tuple(self._links.values()):
            link.end(UnavailableError("the server is shutting down", "connect again when it is back, and resume"))
        try:
            async with asyncio.timeout(grace_secs):
                await server.wait_closed()
        except TimeoutError:
            for socket in tuple(self._links):
                socket.transport.abort()
            await server.wait_closed()

    async def __aenter__(self) -> "GatewayServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return socket.respond(426, f"this port speaks WebSocket, subprotocol {SUBPROTOCOL}\n")
        headers = request.headers
        refused = refusal(headers.get_all("Origin"), headers.get_all("Sec-WebSocket-Protocol"), self._allowed)
        if refused is None:
            return None
        status, reason = refused
        _log.info("refused a WebSocket: %s", reason)
        return socket.respond(status, reason + "\n")

    async def _serve(self, socket: ServerConnection) -> None:
        """One client, from its first message to the end of its link."""
        link = Connection(self._host, token=self._token, max_message_bytes=MAX_MESSAGE_BYTES)
        self._links[socket] = link
        if self._stopping:
            link.end(UnavailableError("the server is shutting down", "connect again when it is back, and resume"))
        reader = asyncio.create_task(_read(socket, link))
        try:
            last = await _write(socket, link)
            await asyncio.wait({reader}, timeout=FAREWELL_SECS)
            code = STOPPED if last is None or self._stopping else REFUSED
            async with asyncio.timeout(LINGER_SECS + 1):  # closing waits for the client to read, without end
                await socket.close(code, _cut(last.message) if last is not None else "")
        except TimeoutError:
            _log.info("a client that reads nothing is cut off")
        except ConnectionClosed:
            pass
        finally:
            link.close()
            reader.cancel()
            socket.transport.abort()  # closed by now, unless the client does not answer
            del self._links[socket]


async def _write(socket: ServerConnection, link: Connection) -> Error | None:
    """Write until the link ends; the fatal error that ended it, if one did.

    Raises ConnectionClosed: the client is gone. TimeoutError: it takes nothing.
    """
    writer, last = PacketWriter(ServerMessage), None
    while (message := await link.next_message()) is not None:
        for packet in writer.packets(message, link.packet_bytes):
            async with asyncio.timeout(WRITE_SECS):
                await socket.send(packet)  # waits for flow control: nothing is buffered here
        if isinstance(message.body, Error) and message.body.fatal:
            last = message.body
    return last


async def _read(socket: ServerConnection, link: Connection) -> None:
    """Feed the link until the client closes or breaks off. What comes after the link's end is read and dropped: a client that is
    writing when its socket is torn away loses what it has not read yet, and with it the reason."""
    reader = PacketReader(ClientMessage, MAX_MESSAGE_BYTES)
    try:
        while True:
            packet = await _receive(socket, link)
            if link.ended:
                continue
            if isinstance(packet, str):
                link.end(ProtocolError("a text message", f"send binary messages, as {SUBPROTOCOL} says"))
                continue
            try:
                large = len(packet) + reader.pending_bytes > LARGE_BYTES
                message = await asyncio.to_thread(reader.add, packet) if large else reader.add(packet)
            except UnreadableError as unreadable:
                link.refuse(unreadable.request_id, unreadable.error)
            else:
                if message is not None:
                    await link.receive(message)
    except ConnectionClosed:
        link.close()
    except Exception as error:
        link.end(domain_error(error))


async def _receive(socket: ServerConnection, link: Connection) -> bytes | str:
    """The next packet. Raises ConnectionClosed."""
    pieces: list[bytes | str] = []
    async for piece in socket.recv_streaming():
        if len(pieces) < MAX_FRAMES:
            pieces.append(piece)
        else:
            link.end(LimitExceededError(f"a message comes in more than {MAX_FRAMES} frames", "send a message in one frame"))
    if isinstance(pieces[0], str):
        return "".join(str(piece) for piece in pieces)
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def _cut(reason: str) -> str:
    """As much of it as a close frame holds."""
    return reason.encode()[:REASON_BYTES].decode(errors="ignore")
