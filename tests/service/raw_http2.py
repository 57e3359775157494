"""Just enough HTTP/2 to say to a gRPC server what no gRPC library would."""

import asyncio
import contextlib

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def header(name: str, value: str) -> bytes:
    """A literal header field, not indexed, no Huffman code."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call_headers(path: str) -> bytes:
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(header(name, value) for name, value in fields.items())


def grpc_prefix(length: int, compressed: int = 0) -> bytes:
    """What goes before a gRPC message."""
    return bytes([compressed]) + length.to_bytes(4, "big")


async def say(address: str, data: bytes) -> list[tuple[int, int, bytes]]:
    """Send these bytes on a connection of their own; (kind, flags, payload) of all frames until the stream or connection ends."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    frames: list[tuple[int, int, bytes]] = []
    try:
        writer.write(data)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                frames.append((head[3], head[4], payload))
                ended = head[3] in (RST_STREAM, GOAWAY) or (head[3] in (DATA, HEADERS) and head[4] & END_STREAM)
                if ended:
                    break
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return frames


async def call(address: str, path: str, *data: bytes) -> list[tuple[int, int, bytes]]:
    """Begin a call and send DATA frames with these bytes; the stream stays open on this side."""
    begin = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, call_headers(path))
    return await say(address, begin + b"".join(frame(DATA, 0, 1, each) for each in data))
