"""Where heavy work runs: off the event loop, behind one interface. Local threads here; a cluster would be another Workers."""

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """Runs functions elsewhere and awaits their results; exceptions come back as they were raised."""

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def run_long(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for what takes seconds: a clip, an update. Nothing short ever waits for it to end."""
        ...

    def close(self) -> None: ...


class LocalWorkers:
    """Threads of this process. The kernels release the interpreter lock, so threads are enough."""

    def __init__(self, threads: int | None = None) -> None:
        count = threads or max(4, (os.cpu_count() or 2) + 2)  # some wait for the disk
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="spatia-worker")
        self._long = ThreadPoolExecutor(count, thread_name_prefix="spatia-job")

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def run_long(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._long, call)

    def close(self) -> None:
        """Wait for what runs; forget what is queued."""
        for pool in (self._long, self._pool):
            pool.shutdown(cancel_futures=True)
