"""WebSocket clients that say what the real one would not: raw packets, raw HTTP."""

import asyncio
import contextlib

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack
from spatia_bridge.wire.packets import SUBPROTOCOL, PacketReader

HELLO = msg.Hello(1, "raw", Engine.OPENCV, "s", True, credit_bytes=1 << 30)


class Raw:
    """One socket. Attributes: sizes: of all packets that came."""

    def __init__(self, socket):
        self.socket = socket
        self.sizes = []
        self._reader = PacketReader(msg.ServerMessage)

    async def say(self, packet):
        """A packet: bytes as they are, text as text, a message or a body packed."""
        if not isinstance(packet, bytes | str):
            packet = pack(packet if isinstance(packet, msg.ClientMessage) else msg.ClientMessage(0, packet))
        await self.socket.send(packet)

    async def hear(self):
        """The next message, None once the server has closed."""
        while True:
            try:
                packet = await self.socket.recv()
            except ConnectionClosed:
                return None
            assert isinstance(packet, bytes)
            self.sizes.append(len(packet))
            if (message := self._reader.add(packet)) is not None:
                return message

    async def hear_until(self, kind, **fields):
        """The next message whose body is of this kind and has these fields; those before it are dropped."""
        while (message := await self.hear()) is not None:
            body = message.body
            if isinstance(body, kind) and all(getattr(body, name) == value for name, value in fields.items()):
                return message
        raise AssertionError(f"the server closed: {self.end}")

    @property
    def end(self):
        return self.socket.close_code, self.socket.close_reason


@contextlib.asynccontextmanager
async def opened(address, hello=HELLO, **options):
    """A Raw that has said hello (None: it has not) and read the welcome."""
    options = {"max_size": 64 << 10, "compression": None, "proxy": None, "subprotocols": [SUBPROTOCOL], **options}
    async with connect(address, **options) as socket:
        raw = Raw(socket)
        if hello is not None:
            await raw.say(msg.ClientMessage(1, hello))
            assert isinstance((await raw.hear()).body, msg.Welcome)
        yield raw


async def ask(port, *headers, request="GET / HTTP/1.1", upgrade=True):
    """Status and text that the server answers to a request with these headers; then the connection is dropped."""
    lines = [request, f"Host: 127.0.0.1:{port}"]
    if upgrade:
        lines += [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([*lines, *headers, "", ""]).encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split()[1])
        return (status, head) if status == 101 else (status, (await reader.read()).decode())
    finally:
        writer.transport.abort()
