"""What goes before live projections: edits, and that the clients who wait for news hear of them."""

import asyncio
import contextlib


class Calm:
    """Counts who is busy with what goes first. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._busy: set[object] = set()
        self._none = asyncio.Event()
        self._none.set()

    def begin(self, who: object) -> None:
        """`who` is busy from now on."""
        self._busy.add(who)
        self._none.clear()

    def end(self, who: object) -> None:
        """`who` is done; nothing if it was not busy."""
        self._busy.discard(who)
        if not self._busy:
            self._none.set()

    async def wait(self, at_most_secs: float) -> None:
        """Until nobody is busy, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_secs):
                await self._none.wait()
