"""Messages larger than a transport takes, cut into fragments and put together again. For shells whose transport needs it."""

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.link.messages import Fragment

MAX_FRAGMENTED_BYTES = 64 << 20


def split(data: bytes, id: int, limit_bytes: int) -> list[Fragment]:
    """A serialised message as fragments whose data is at most limit_bytes each."""
    pieces = [data[at : at + limit_bytes] for at in range(0, len(data), limit_bytes)] or [b""]
    return [Fragment(id, part, len(pieces), piece) for part, piece in enumerate(pieces)]


class Reassembler:
    """Puts one fragmented message together at a time; fragments of two messages may not be mixed."""

    def __init__(self, limit_bytes: int = MAX_FRAGMENTED_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._id = 0
        self._parts = 0
        self._next = 0
        self._data = bytearray()
        self._broken: int | None = None  # the id of a message that failed: its rest is dropped without another error

    @property
    def pending_bytes(self) -> int:
        """What is held of a message whose end is still to come."""
        return len(self._data)

    def add(self, fragment: Fragment) -> bytes | None:
        """The serialised message once its last fragment is in, else None.

        Raises:
            InvalidInputError: a fragment out of order.
            LimitExceededError: the message grows too large. After an error the message begun is forgotten, and what still comes
                of it is dropped in silence: one error a message.
        """
        if fragment.part == 0:
            self._begin(fragment.id, fragment.parts)
            self._broken = None
        elif fragment.id == self._broken:
            return None
        if (fragment.id, fragment.part, fragment.parts) != (self._id, self._next, self._parts) or self._next >= self._parts:
            self._fail(fragment.id)
            raise InvalidInputError(
                f"fragment {fragment.part} of {fragment.parts} of message {fragment.id} is out of order",
                "send fragments in order",
            )
        if len(self._data) + len(fragment.data) > self._limit_bytes:
            self._fail(fragment.id)
            raise LimitExceededError(f"a fragmented message exceeds {self._limit_bytes} bytes", "send smaller images")
        self._data += fragment.data
        self._next += 1
        if self._next < self._parts:
            return None
        data = bytes(self._data)
        self._begin(0, 0)
        return data

    def _begin(self, id: int, parts: int) -> None:
        self._id, self._parts, self._next, self._data = id, parts, 0, bytearray()

    def _fail(self, id: int) -> None:
        self._begin(0, 0)
        self._broken = id
