"""Messages ↔ the packets of a WebSocket: each at most PACKET_BYTES, one binary WebSocket message.

A client that reads larger ones, at most of LARGEST_PACKET_BYTES, says so in its hello (`packet_bytes`) and gets such.

A message whose msgpack bytes (`wire.maps`) are at most PACKET_BYTES is one packet. A larger one is cut, in order, into pieces,
and each piece travels as the `fragment` of a message of its own:

    {"fragment": {"id": 7, "part": 0, "parts": 3, "data": …}}        (a `part` of 0 is a default and left out)

`id` tells one large message from the next, `part` counts from 0 to `parts` − 1; the `data` of all parts, one after the other, are
the msgpack bytes of the whole message. Parts come in order and those of two messages are never mixed, but whole messages may come
between them. A client may set the `request_id` of its fragments to that of the whole, so that an error about them finds back.
After such an error the rest of that message is dropped. The first message, hello, travels whole.
"""

from typing import Generic, TypeVar

from spatia_bridge.errors import InvalidInputError, SpatiaError
from spatia_bridge.link.fragments import Reassembler, split
from spatia_bridge.link.messages import ClientMessage, Fragment, ServerMessage
from spatia_bridge.wire.maps import pack, request_id_of, unpacker
from spatia_bridge.wire.rpc import MAX_MESSAGE_BYTES

SUBPROTOCOL = "spatia.v1.msgpack"  # names the protocol's version and how messages are written
PACKET_BYTES = 48 << 10  # engines' default buffers hold 64 KiB
MAX_PACKET_BYTES = 64 << 10  # of what a server reads: others may put their limit elsewhere
LARGEST_PACKET_BYTES = 2 << 20
_FRAGMENT_HEAD_BYTES = 128  # what is around the data of a fragment takes less
_M = TypeVar("_M", ClientMessage, ServerMessage)


class UnreadableError(Exception):
    """A packet that is no message; `request_id` is whose answer the error is, 0 if that cannot be read either."""

    def __init__(self, request_id: int, error: SpatiaError) -> None:
        super().__init__(str(error))
        self.request_id = request_id
        self.error = error


class PacketWriter(Generic[_M]):
    """Cuts the messages of one side of one link into packets."""

    def __init__(self, kind: type[_M]) -> None:
        self._kind: type[_M] = kind
        self._id = 0

    def packets(self, message: _M, packet_bytes: int = 0) -> list[bytes]:
        """In the order in which they must be sent. Raises InvalidInputError: a value that its field cannot hold.

        Args:
            packet_bytes: what the other side said that it reads; 0 = nothing.
        """
        data = pack(message)
        limit_bytes = max(PACKET_BYTES, min(packet_bytes, LARGEST_PACKET_BYTES))
        if len(data) <= limit_bytes:
            return [data]
        self._id += 1
        request_id = message.request_id if self._kind is ClientMessage else 0  # a fragment is no answer
        return [pack(self._kind(request_id, fragment)) for fragment in split(data, self._id, limit_bytes - _FRAGMENT_HEAD_BYTES)]


class PacketReader(Generic[_M]):
    """Puts the messages of the other side together."""

    def __init__(self, kind: type[_M], limit_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._unpack = unpacker(kind)
        self._reassembler = Reassembler(limit_bytes)
        self._begun = False

    @property
    def pending_bytes(self) -> int:
        """What is held of a message whose end is still to come."""
        return self._reassembler.pending_bytes

    def add(self, packet: bytes) -> _M | None:
        """The message that this packet completes, if it completes one.

        Raises:
            UnreadableError: it is no message (CORRUPT_DATA), or not one of this version (INVALID_INPUT); a fragment is out of
                order (INVALID_INPUT), or with it a message is too large (LIMIT_EXCEEDED).
        """
        message = self._read(packet)
        first, self._begun = not self._begun, True
        if not isinstance(message.body, Fragment) or first:  # who begins with a fragment is told so by the link
            return message
        try:
            whole = self._reassembler.add(message.body)
        except SpatiaError as error:
            raise UnreadableError(message.request_id, error) from error
        if whole is None:
            return None
        message = self._read(whole)
        if isinstance(message.body, Fragment):
            raise UnreadableError(message.request_id, InvalidInputError("a fragment within fragments", "cut a message once"))
        return message

    def _read(self, data: bytes) -> _M:
        try:
            message: _M = self._unpack(data)
        except SpatiaError as error:
            raise UnreadableError(request_id_of(data), error) from error
        return message
