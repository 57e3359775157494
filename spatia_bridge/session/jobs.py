"""Generate requests as jobs: one at a time a session, in order, each a row of clips, cancellable, with an honest time left."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from spatia_bridge.errors import CancelledError, LimitExceededError, RejectedUpdateError, SpatiaError
from spatia_bridge.generation.base import CancelToken
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.link.events import JobFailed, JobProgress, SessionEvent, Stage

MAX_QUEUED_JOBS = 16
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """A generate request under way.

    Attributes:
        clips: the cameras of every clip.
        clip: 0-based, the one being made.
        take: its number, 0 before it has one.
    """

    number: int
    generator: str
    prompt: str
    seed: int
    fps: float
    clips: tuple[tuple[Camera, ...], ...]
    auto_accept: bool
    cancel: CancelToken = field(default_factory=CancelToken)
    clip: int = 0
    take: int = 0
    _worked_secs: float = 0.0
    _since: float | None = None

    def progress(self, stage: Stage, done: int = 0, total: int = 0) -> JobProgress:
        """A progress event; the time left is extrapolated from the time worked so far (waiting for people is not work)."""
        now = time.monotonic()
        if self._since is not None:
            self._worked_secs += now - self._since
        working = stage in (Stage.PROJECTING, Stage.GENERATING, Stage.UPDATING)
        self._since = now if working else None
        within = done / total if stage is Stage.GENERATING and total else float(stage is Stage.UPDATING)
        finished = (self.clip + within) / len(self.clips)
        remaining = self._worked_secs * (1 - finished) / finished if finished > 0 else None
        if stage in (Stage.DONE, Stage.CANCELLED, Stage.FAILED):
            remaining = 0.0
        return JobProgress(self.number, stage, done, total, remaining, self.clip + 1, len(self.clips), self.take)


class JobQueue:
    """Runs jobs in the background. All methods belong to the event loop's thread."""

    def __init__(self, run: Callable[[Job], Awaitable[None]], publish: Callable[[SessionEvent], None]) -> None:
        self._run = run
        self._publish = publish
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._task: asyncio.Task[None] | None = None
        self._last = 0

    @property
    def current(self) -> Job | None:
        return self._current

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def add(self, job: Job) -> None:
        """Queue a job and start it when it is its turn.

        Raises:
            LimitExceededError: the queue is full.
        """
        if len(self._waiting) >= MAX_QUEUED_JOBS:
            raise LimitExceededError(f"{MAX_QUEUED_JOBS} jobs are waiting already", "wait for one, or cancel them")
        self._waiting.append(job)
        self._publish(job.progress(Stage.QUEUED))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def cancel(self) -> None:
        """Cancel the running job and all that wait."""
        while self._waiting:
            self._publish(self._waiting.popleft().progress(Stage.CANCELLED))
        if self._current is not None:
            self._current.cancel.cancel()

    async def close(self) -> None:
        """Cancel everything and wait until it has stopped."""
        self.cancel()
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        while self._waiting:
            job = self._current = self._waiting.popleft()
            try:
                await self._run(job)
                self._publish(job.progress(Stage.DONE, 1, 1))
            except CancelledError:
                self._publish(job.progress(Stage.CANCELLED))
            except SpatiaError as error:
                details = error.details if isinstance(error, RejectedUpdateError) else {}
                self._publish(JobFailed(job.number, error.code, error.message, error.remedy, details))
                self._publish(job.progress(Stage.FAILED))
            except Exception as error:  # a generator is someone else's code: whatever it throws, the session lives
                self._publish(JobFailed(job.number, "INTERNAL", f"{type(error).__name__}: {error}", "see the server's log"))
                self._publish(job.progress(Stage.FAILED))
                _log.exception("job %d failed", job.number)
            finally:
                self._current = None
        self._task = None
