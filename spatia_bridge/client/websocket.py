"""The live link over WebSocket, for this client: what an engine's client does, in Python."""

import asyncio
import contextlib
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from spatia_bridge.client.transport import BrokenLinkError
from spatia_bridge.errors import (
    InvalidInputError,
    LimitExceededError,
    ProtocolError,
    SpatiaError,
    UnauthenticatedError,
    UnavailableError,
    VersionMismatchError,
)
from spatia_bridge.link.messages import ClientMessage, ServerMessage
from spatia_bridge.tls import client_context
from spatia_bridge.wire.packets import LARGEST_PACKET_BYTES, SUBPROTOCOL, PacketReader, PacketWriter, UnreadableError

LARGE_BYTES = 64 << 10  # what takes more than a few milliseconds to read is read off the loop: chunk data is quick
PING_SECS, PONG_SECS = 30.0, 60.0
CLOSE_SECS = 2.0
TOO_BIG = 1009


class WebSocketTransport:
    """A `client.transport.Transport`; made by `open`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._writer = PacketWriter(ClientMessage)
        self._reader = PacketReader(ServerMessage)
        self._fragments = asyncio.Lock()  # those of two messages must not be mixed

    @classmethod
    async def open(cls, address: str, authorities_pem: bytes | None = None) -> "WebSocketTransport":
        """Connect.

        Args:
            authorities_pem: whose certificates are believed; None = those that this machine believes.
        Raises:
            UnavailableError: no server there; VersionMismatchError, ProtocolError: one that speaks otherwise;
            UnauthenticatedError: it does not let this client in; InvalidInputError: not a WebSocket address.
        """
        try:
            socket = await connect(
                address,
                ssl=client_context(authorities_pem) if address.startswith("wss://") else None,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                proxy=None,
                max_size=LARGEST_PACKET_BYTES,
                ping_interval=PING_SECS,
                ping_timeout=PONG_SECS,
                close_timeout=CLOSE_SECS,
            )
        except ssl.SSLError as error:  # a ValueError, too, where the certificate is not believed
            raise UnavailableError(f"no TLS with {address}: {error}", "check its certificate, and whom you believe") from error
        except (InvalidURI, ValueError) as error:
            raise InvalidInputError(f"{address} is no WebSocket address", "write ws://HOST:PORT") from error
        except InvalidStatus as error:
            raise _refused(error) from error
        except InvalidHandshake as error:
            raise ProtocolError(f"{address} does not speak WebSocket: {error}", "check the address and the port") from error
        except (OSError, TimeoutError) as error:
            raise UnavailableError(f"cannot reach {address}: {error}", "check the server's address, and that it runs") from error
        if socket.subprotocol != SUBPROTOCOL:
            await socket.close()
            raise VersionMismatchError(f"{address} does not speak {SUBPROTOCOL}", "is this a spatia-bridge server?")
        return cls(socket)

    async def write(self, message: ClientMessage) -> None:
        packets = self._writer.packets(message)
        try:
            async with self._fragments if len(packets) > 1 else contextlib.nullcontext():
                for packet in packets:
                    await self._socket.send(packet)
        except ConnectionClosed as error:
            raise BrokenLinkError from error

    async def read(self) -> ServerMessage | None:
        try:
            while True:
                packet = await self._socket.recv()
                if isinstance(packet, str):
                    raise ProtocolError("the server sent a text message", "is this a spatia-bridge server?")
                large = len(packet) + self._reader.pending_bytes > LARGE_BYTES
                message = await asyncio.to_thread(self._reader.add, packet) if large else self._reader.add(packet)
                if message is not None:
                    return message
        except UnreadableError as unreadable:
            raise unreadable.error from unreadable
        except ConnectionClosed as error:
            _raise_unless_orderly(error)
            return None

    async def close(self) -> None:
        await self._socket.close()


def _refused(error: InvalidStatus) -> SpatiaError:
    """The server's answer was no WebSocket but a status with a reason."""
    said = (error.response.body or b"").decode(errors="replace").strip()[:500] or error.response.reason_phrase
    if error.response.status_code in (401, 403):
        return UnauthenticatedError(said, "ask whoever runs the server to let you in")
    if error.response.status_code in (400, 426):
        return VersionMismatchError(said, "update the older one of the two")
    return UnavailableError(f"the server answers {error.response.status_code}: {said}", "check the server's address and its log")


def _raise_unless_orderly(error: ConnectionClosed) -> None:
    """The domain error of a link that did not just end."""
    if error.rcvd is None:
        raise UnavailableError("the link broke off", "connect again and resume") from error
    if error.rcvd.code == TOO_BIG:
        raise LimitExceededError(f"a message was too large: {error.rcvd.reason}", "send less at once") from error
    if error.rcvd.code not in (1000, 1001):
        said = f"the server closed the link: {error.rcvd.reason or error.rcvd.code}"
        raise UnavailableError(said, "connect again and resume") from error
