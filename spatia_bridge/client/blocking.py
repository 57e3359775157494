"""The client for scripts without asyncio: its loop runs in a thread, every call waits."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from spatia_bridge.client.bridge import BridgeClient

T = TypeVar("T")


class BlockingClient:
    """A BridgeClient whose coroutines are run by calling this object.

    with BlockingClient("127.0.0.1:50051", "level-1") as run:
        revision = run(run.client.seed([frame]))
    """

    def __init__(self, address: str, session: str, **options: Any) -> None:
        """Options as of `BridgeClient.connect`; raises what that raises."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="spatia-client", daemon=True)
        self._thread.start()
        try:
            self.client = self(BridgeClient.connect(address, session, **options))
        except BaseException:
            self._stop()
            raise

    def __call__(self, coroutine: Coroutine[Any, Any, T], timeout_secs: float | None = None) -> T:
        """The coroutine's result. Raises what it raises, TimeoutError after timeout_secs."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_secs)

    def close(self) -> None:
        if self._loop.is_running():
            self(self.client.close())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> "BlockingClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
