"""Pipelines that run from start to end in one call, as generators of steps that can be cancelled between them."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

from spatia_bridge.errors import CancelledError
from spatia_bridge.generation.base import CancelToken, Step

T = TypeVar("T")
Report = Callable[[Step], None]  # raises CancelledError where the work should end


def stepping(work: Callable[[Report], T], cancel: CancelToken) -> Generator[Step, None, T]:
    """Run `work(report)` in a thread of its own; yield the steps that it reports, return what it returned.

    When the token is cancelled, or nobody listens any more, the work's next report raises; this generator ends when the work has.

    Raises:
        CancelledError: within one step of the cancel; whatever else the work raises.
    """
    left = threading.Event()
    news: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def report(step: Step) -> None:
        if left.is_set():
            raise CancelledError("nobody waits for the clip any more")
        cancel.raise_if_cancelled()
        news.put(step)

    def run() -> None:
        try:
            outcome.append(work(report))
        except BaseException as error:  # handed to whoever listens
            failure.append(error)
        finally:
            news.put(None)

    thread = threading.Thread(target=run, name="spatia-pipeline", daemon=True)
    thread.start()
    try:
        while (step := news.get()) is not None:
            cancel.raise_if_cancelled()
            yield step
    finally:
        left.set()
        thread.join()
    if failure:
        raise failure[0]
    cancel.raise_if_cancelled()
    return outcome[0]
