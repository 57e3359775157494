"""`Bridge.Connect`: bytes of the stream ↔ messages of a `Connection`."""

import asyncio
import logging
from collections.abc import AsyncIterator

import grpc

from spatia_bridge.errors import SpatiaError, UnavailableError
from spatia_bridge.link.messages import ClientMessage, Error
from spatia_bridge.service import status
from spatia_bridge.session.connection import Connection, domain_error
from spatia_bridge.session.host import SessionHost
from spatia_bridge.wire.convert import parser, request_id_of, serialise
from spatia_bridge.wire.rpc import MAX_MESSAGE_BYTES

Context = grpc.aio.ServicerContext[bytes, bytes]
_parse = parser(ClientMessage)
_log = logging.getLogger(__name__)
LINGER_SECS = 1.0
LARGE_BYTES = 32 << 10  # messages that take more than a few milliseconds to read are read off the loop


class BridgeService:
    """Serves the live link of all clients of a host."""

    def __init__(self, host: SessionHost, token: str = "", linger_secs: float = LINGER_SECS) -> None:
        self._host = host
        self._linger_secs = linger_secs
        self._token = token
        self._connections: set[Connection] = set()

    async def connect(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """One client, from its first message to the end of its stream."""
        connection = Connection(self._host, token=self._token, max_message_bytes=MAX_MESSAGE_BYTES)
        self._connections.add(connection)
        reader = asyncio.create_task(_read(requests, connection))
        try:
            await _write(connection, context)
            # A client that is writing when its stream is torn away loses what it has not read yet, and with it the reason. What
            # it still sends is dropped for a while, until it has read the reason and ends its side.
            await asyncio.wait({reader}, timeout=self._linger_secs)
        finally:
            reader.cancel()
            connection.close()
            self._connections.discard(connection)

    def end_all(self) -> None:
        """Tell every client that the server goes."""
        for connection in tuple(self._connections):
            connection.end(UnavailableError("the server is shutting down", "connect again when it is back, and resume"))


async def _write(connection: Connection, context: Context) -> None:
    """Write until the link ends. A write waits for flow control; the message after it is made meanwhile, no more is buffered."""
    writing: asyncio.Future[None] | None = None
    try:
        while (message := await connection.next_message()) is not None:
            data = serialise(message)
            if writing is not None:
                await writing
            writing = asyncio.ensure_future(context.write(data))
            await asyncio.sleep(0)  # it begins
            if isinstance(message.body, Error) and message.body.fatal:
                _set_status(context, message.body)
        if writing is not None:
            await writing
    finally:
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


async def _read(requests: AsyncIterator[bytes], connection: Connection) -> None:
    """Feed the connection until the client half-closes or breaks off."""
    try:
        async for data in requests:
            try:
                message = await asyncio.to_thread(_parse, data) if len(data) > LARGE_BYTES else _parse(data)
            except SpatiaError as error:
                connection.refuse(request_id_of(data), error)
            else:
                await connection.receive(message)
        await connection.finish()
    except (grpc.aio.UsageError, grpc.RpcError):
        connection.close()
    except Exception as error:
        connection.end(domain_error(error))


def _set_status(context: Context, error: Error) -> None:
    """The stream's status repeats its last message, for clients that only look at that."""
    raised = SpatiaError(error.message, error.remedy)
    raised.code = error.code
    context.set_trailing_metadata(status.trailing_metadata(raised))
    context.set_code(status.status_code(error.code))
    context.set_details(error.message)
