"""The take frame queue of one client: references to frames, in order; the few at its front are encoded.

Frames are stored, so a reference left out is no loss: the client fetches it by number. A fetch ends with `done`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from spatia_bridge.errors import LimitExceededError
from spatia_bridge.link import messages as msg
from spatia_bridge.link.commands import EncodeFrame
from spatia_bridge.link.limits import FRAMES_IN_FLIGHT, MAX_FRAMES


@dataclass(eq=False, slots=True)
class _Entry:
    fetch: int  # which fetch it belongs to, 0 = pushed
    request_id: int
    take: int
    number: int
    depth: bool
    ticket: int = 0  # 0 = not asked for yet
    message: msg.ServerMessage | None = None


class FrameQueue:
    """First come, first sent; a pushed frame that waits already is not queued again."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._pushed: set[tuple[int, int]] = set()
        self._tickets = 0
        self._fetches = 0

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, take: int, number: int) -> None:
        """A frame was made. At the bound the oldest pushed reference that nobody encodes yet is left out."""
        if (take, number) in self._pushed:
            return
        if len(self._entries) >= MAX_FRAMES:
            oldest = next((e for e in self._entries if e.fetch == 0 and e.ticket == 0), None)
            if oldest is None:
                return
            self._remove(oldest)
        self._pushed.add((take, number))
        self._entries.append(_Entry(0, 0, take, number, False))

    def fetch(self, request_id: int, take: int, numbers: Iterable[int], depth: bool, done: msg.Done) -> None:
        """Queue these frames for a request, and its answer after them.

        Raises:
            LimitExceededError: more than may wait.
        """
        self._fetches += 1
        entries = [_Entry(self._fetches, request_id, take, number, depth) for number in numbers]
        if len(self._entries) + len(entries) >= MAX_FRAMES:
            raise LimitExceededError(f"{len(self)} frames wait and {len(entries)} more were asked for", "fetch fewer at a time")
        self._entries.extend(entries)
        if request_id:
            self._entries.append(_Entry(self._fetches, request_id, take, -1, False, message=msg.ServerMessage(request_id, done)))

    def wanted(self) -> list[EncodeFrame]:
        """The frames to encode now; each is asked for once."""
        work = []
        for entry, _ in zip(self._entries, range(FRAMES_IN_FLIGHT), strict=False):
            if entry.ticket == 0 and entry.message is None:
                self._tickets += 1
                entry.ticket = self._tickets
                work.append(EncodeFrame(entry.ticket, entry.take, entry.number, entry.depth))
        return work

    def ready(self, ticket: int, body: msg.TakeFrame | msg.Error) -> None:
        """A frame was encoded, or could not be: then a push is left out, and a fetch ends with the error."""
        entry = next((e for e in self._entries if e.ticket == ticket), None)
        if entry is None:
            return
        if isinstance(body, msg.TakeFrame):
            entry.message = msg.ServerMessage(entry.request_id, body)
        elif entry.fetch == 0:
            self._remove(entry)
        else:
            entry.message = msg.ServerMessage(entry.request_id, body)
            for other in [e for e in self._entries if e.fetch == entry.fetch and e is not entry]:
                if other.message is None or other.number < 0:  # what is encoded already still goes
                    self._entries.remove(other)

    def next_message(self) -> msg.ServerMessage | None:
        """The front, once it is encoded."""
        if not self._entries or self._entries[0].message is None:
            return None
        entry = self._entries.popleft()
        self._forget(entry)
        return entry.message

    def _remove(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        self._forget(entry)

    def _forget(self, entry: _Entry) -> None:
        if entry.fetch == 0:
            self._pushed.discard((entry.take, entry.number))
