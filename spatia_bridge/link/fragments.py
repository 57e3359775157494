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
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, fragment: Fragment) -> bytes | None:
        """The serialised message once its last fragment is in, else None.

        Raises:
            InvalidInputError: a fragment out of order.
            LimitExceededError: the message grows too large. After an error the message begun is forgotten.
        """
        if fragment.part == 0:
            self._id, self._parts, self._pieces, self._size = fragment.id, fragment.parts, [], 0
        expected = (self._id, len(self._pieces), self._parts)
        if (fragment.id, fragment.part, fragment.parts) != expected or fragment.part >= fragment.parts:
            self._pieces, self._parts = [], 0
            raise InvalidInputError(
                f"fragment {fragment.part} of {fragment.parts} of message {fragment.id} is out of order",
                "send fragments in order",
            )
        self._pieces.append(fragment.data)
        self._size += len(fragment.data)
        if self._size > self._limit_bytes:
            self._pieces, self._parts = [], 0
            raise LimitExceededError(f"a fragmented message exceeds {self._limit_bytes} bytes", "send smaller images")
        if len(self._pieces) < self._parts:
            return None
        data, self._pieces, self._parts = b"".join(self._pieces), [], 0
        return data
