"""Generate requests as jobs: one at a time a session, in order, each a row of clips, cancellable, with an honest time left."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.images import encode_jpeg
from spatia_bridge.errors import (
    CancelledError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    RejectedUpdateError,
    SpatiaError,
)
from spatia_bridge.generation.base import MAX_PREVIEW, CancelToken, Step
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.link.events import JobFailed, JobProgress, Preview, SessionEvent, Stage
from spatia_bridge.session.carry import carried_cameras

MAX_QUEUED_JOBS = 16
ENDED_KEPT = 16  # jobs whose end is told to who comes later
PREVIEW_QUALITY = 90
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """A generate request under way.

    Attributes:
        trajectory: the path, through the scene as it was when the job was asked for, see alignment.
        intrinsics: of the frames.
        times_secs: float64 (frames,) a clip, when on the path each frame is.
        alignment: `now_from_first` of the scene then.
        clip: 0-based, the one being made.
        take: its number, 0 before it has one.
    """

    number: int
    generator: str
    prompt: str
    seed: int
    fps: float
    trajectory: Trajectory
    intrinsics: Intrinsics
    times_secs: tuple[npt.NDArray[np.float64], ...]
    auto_accept: bool
    alignment: Similarity = field(default_factory=Similarity)
    cancel: CancelToken = field(default_factory=CancelToken)
    clip: int = 0
    take: int = 0
    _worked_secs: float = 0.0
    _since: float | None = None

    @property
    def clips(self) -> int:
        """How many clips the row has."""
        return len(self.times_secs)

    def cameras(self, now: Similarity) -> tuple[Camera, ...]:
        """Those of the clip being made, in the scene as it is now. Takes milliseconds: for a worker's thread.

        Raises:
            InvalidInputError: the scene was scaled so far that they cannot follow.
        """
        return carried_cameras(self.trajectory.along(self.times_secs[self.clip], self.intrinsics), self.alignment, now)

    def progress(
        self, stage: Stage, done: int = 0, total: int = 0, failure: JobFailed | None = None, preview: Preview | None = None
    ) -> JobProgress:
        """A progress event; the time left is extrapolated from the time worked so far (waiting for people is not work)."""
        now = time.monotonic()
        if self._since is not None:
            self._worked_secs += now - self._since
        working = stage in (Stage.PROJECTING, Stage.GENERATING, Stage.UPDATING)
        self._since = now if working else None
        within = done / total if stage is Stage.GENERATING and total else float(stage is Stage.UPDATING)
        finished = (self.clip + within) / self.clips
        remaining = self._worked_secs * (1 - finished) / finished if finished > 0 else None
        if stage in (Stage.DONE, Stage.CANCELLED, Stage.FAILED):
            remaining = 0.0
        return JobProgress(self.number, stage, done, total, remaining, self.clip + 1, self.clips, self.take, failure, preview)


def preview_of(step: Step) -> Preview | None:
    """A step's preview, written once for all clients. Takes a fraction of a millisecond: for the thread that made it.

    None as well where a generator gives what is no picture: no clip fails for its preview.
    """
    if step.preview is None:
        return None
    try:
        colour = np.asarray(step.preview)
        stride = -(-max(colour.shape[:2]) // MAX_PREVIEW)
        small = colour[::stride, ::stride]
        return Preview(small.shape[1], small.shape[0], encode_jpeg(small, PREVIEW_QUALITY))
    except (InvalidInputError, ValueError, IndexError) as error:
        _log.warning("a step's preview is left out: %s", error)
        return None


class JobQueue:
    """Runs jobs in the background. All methods belong to the event loop's thread."""

    def __init__(self, run: Callable[[Job], Awaitable[None]], publish: Callable[[SessionEvent], None]) -> None:
        self._run = run
        self._tell = publish
        self._news: dict[int, JobProgress] = {}  # the newest of every job that is not over, and of the last that are
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._task: asyncio.Task[None] | None = None
        self._last = 0

    @property
    def current(self) -> Job | None:
        return self._current

    def news(self) -> tuple[JobProgress, ...]:
        """The newest progress of every job under way or queued, and of the last ENDED_KEPT that ended, by number."""
        return tuple(self._news[number] for number in sorted(self._news))

    def publish(self, progress: JobProgress) -> None:
        """Tell everyone, and remember it for who comes later."""
        self._news[progress.job] = progress
        if progress.ended:
            over = [number for number, news in self._news.items() if news.ended]
            for number in sorted(over)[:-ENDED_KEPT]:
                del self._news[number]
        self._tell(progress)

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
        self.publish(job.progress(Stage.QUEUED))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    def cancel(self, number: int = 0) -> None:
        """Cancel one job, or with 0 the running one and all that wait.

        Raises:
            NotFoundError: no such job runs or waits.
        """
        chosen = [job for job in self._waiting if number in (0, job.number)]
        running = self._current is not None and number in (0, self._current.number)
        if number and not chosen and not running:
            raise NotFoundError(f"job {number} neither runs nor waits", "cancel one whose progress has not ended, or all with 0")
        for job in chosen:
            self._waiting.remove(job)
            self.publish(job.progress(Stage.CANCELLED))
        if running and self._current is not None:
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
                self.publish(job.progress(Stage.DONE, 1, 1))
            except CancelledError:
                self.publish(job.progress(Stage.CANCELLED))
            except SpatiaError as error:
                details = error.details if isinstance(error, RejectedUpdateError) else {}
                self._fail(job, JobFailed(job.number, error.code, error.message, error.remedy, details))
            except Exception as error:  # a generator is someone else's code: whatever it throws, the session lives
                _log.exception("job %d failed", job.number)
                self._fail(job, JobFailed(job.number, "INTERNAL", f"{type(error).__name__}: {error}", "see the server's log"))
            finally:
                self._current = None
        self._task = None

    def _fail(self, job: Job, failure: JobFailed) -> None:
        self._tell(failure)
        self.publish(job.progress(Stage.FAILED, failure=failure))
