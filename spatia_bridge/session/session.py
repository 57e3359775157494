"""A session: one scene with its memory, takes, jobs and watchers. It lives on the event loop; heavy work goes to the workers."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from spatia_bridge.errors import (
    CancelledError,
    ConflictError,
    NotFoundError,
    RejectedUpdateError,
    SpatiaError,
    StoreError,
    UnavailableError,
)
from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame, RgbdFrame, Take
from spatia_bridge.generation.base import ClipShape, Event, Generator, Step
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Recorder, Trajectory
from spatia_bridge.link.events import (
    FrameMade,
    JobProgress,
    Preview,
    ReferenceInfo,
    RevisionMade,
    SessionEvent,
    Stage,
    TakeChanged,
    TakeInfo,
    TakeState,
)
from spatia_bridge.memory import Cause, Edit, Memory, Revision, Snapshot
from spatia_bridge.retrieval import FrameKey
from spatia_bridge.session.calm import Calm
from spatia_bridge.session.carry import carried_made, now_from_then
from spatia_bridge.session.gallery import Gallery, setting_holds
from spatia_bridge.session.jobs import Job, JobQueue, preview_of
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.session.workers import Workers
from spatia_bridge.store.clips import ClipKind, ClipState
from spatia_bridge.store.clips import TakeInfo as StoredInfo
from spatia_bridge.store.library import SessionLibrary
from spatia_bridge.store.session_store import SessionStore
from spatia_bridge.store.trajectories import TrajectoryInfo

MAX_CLIP_FRAMES = 512
Subscriber = Callable[[SessionEvent], None]
MakeGenerator = Callable[[str], Generator]  # raises NotFoundError for a name it does not know
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class GenerateSpec:
    """What a client asks for.

    Attributes:
        generator: "" = the default.
        trajectory: None = what was recorded.
        clips: 0 = as many as the trajectory's time is long.
        width, height: 0 = the generator's own size.
        alignment: of the scene that the trajectory is a path through; None = as it is now.
    """

    prompt: str = ""
    seed: int = 0
    generator: str = ""
    trajectory: Trajectory | None = None
    clips: int = 0
    auto_accept: bool = False
    width: int = 0
    height: int = 0
    alignment: Similarity | None = None


@dataclass(eq=False)
class _Making:
    """The frames so far of the take being generated, and the alignment of the scene that they show."""

    alignment: Similarity
    frames: list[tuple[GeneratedFrame, Camera]] = field(default_factory=list)


class Session:
    """One open session. All methods belong to the event loop's thread; subscribers are called on it."""

    def __init__(
        self,
        store: SessionStore,
        memory: Memory,
        stages: Stages,
        make_generator: MakeGenerator,
        workers: Workers,
        keep_revisions: int = 0,
    ) -> None:
        """keep_revisions: prune of itself once there are a quarter more than so many; 0 = never."""
        self.id = store.session_id
        self.memory = memory
        self.recorder = Recorder()
        self.calm = Calm()
        self.recording_by: object | None = None  # the one client whose poses are recorded: clocks differ
        self._store = store
        self._gallery = Gallery(store, stages.renderer)
        self._stages = stages
        self._make_generator = make_generator
        self._workers = workers
        self._keep_revisions = keep_revisions
        self._subscribers: list[Subscriber] = []
        self._jobs = JobQueue(self._run_job, self._publish)
        self._writing = asyncio.Lock()  # revisions are made and told in one order
        self._next_clip = store.next_clip_number()  # counted here: the store only knows finished clips
        self._takes: dict[int, Take] = {}  # undecided ones that this process made
        self._infos: dict[int, TakeInfo] = {}
        self._made: dict[int, _Making] = {}  # the take being generated
        self._decisions: dict[int, asyncio.Future[bool]] = {}
        self._deciding: set[int] = set()
        self._closed = False
        for info in store.takes():
            self._infos[info.number] = _from_stored(info)

    # ------------------------------------------------------------------------------------------------ watching

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back for every event from now on; the result ends it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    @property
    def watched(self) -> bool:
        """Someone is subscribed."""
        return bool(self._subscribers)

    def open_takes(self) -> list[TakeInfo]:
        """Being generated or waiting for a decision."""
        return [info for info in self._infos.values() if info.state in (TakeState.GENERATING, TakeState.PENDING)]

    def jobs(self) -> tuple[JobProgress, ...]:
        """The newest progress of the jobs under way, queued, or ended lately, by number: what who comes late must be told."""
        return self._jobs.news()

    def takes(self) -> list[TakeInfo]:
        """All takes of this session, oldest first."""
        return sorted(self._infos.values(), key=lambda info: info.number)

    def take_info(self, take: int) -> TakeInfo:
        if take not in self._infos:
            raise NotFoundError(f"there is no take {take}", "ask for one that the session told of")
        return self._infos[take]

    async def take_frame(self, take: int, number: int) -> tuple[GeneratedFrame, Camera]:
        """A frame of a take, from the process or from the store, as the scene lies now.

        Raises:
            NotFoundError: no such take or frame, or it is not made yet.
        """
        info = self.take_info(take)
        if take not in self._made and take not in self._takes:
            if not 0 <= number < info.frames_total:
                raise NotFoundError(f"take {take} has no frame {number}", f"it has {info.frames_total}")
            return await self._workers.run(self._stored_frame, take, number)
        if take in self._made:
            making = self._made[take]
            alignment, made = making.alignment, making.frames
        else:
            kept = self._takes[take]
            alignment, made = kept.alignment, list(zip(kept.frames, kept.cameras, strict=True))
        if not 0 <= number < len(made):
            raise NotFoundError(f"take {take} has no frame {number} yet", f"{len(made)} are done")
        return carried_made(*made[number], alignment, self.memory.snapshot().alignment)

    def _stored_frame(self, take: int, number: int) -> tuple[GeneratedFrame, Camera]:
        frame, camera = _as_generated(number, self._store.load_frame(take, number))
        return carried_made(frame, camera, self._store.take_info(take).alignment, self.memory.snapshot().alignment)

    # ------------------------------------------------------------------------------------------------- changing

    async def seed(self, frames: Sequence[RgbdFrame], note: str = "") -> Revision:
        """Make an engine's views part of memory.

        Raises:
            InvalidInputError: no view with depth.
        """
        self._check_open()
        async with self._writing:
            clip = self._new_clip_number()
            await self._workers.run(self._store.put_seed, clip, frames, self.memory.snapshot().alignment)
            return await self._make_revision(plant, self._stages, self.memory, frames, clip, note, _never, long=True)

    async def edit(self, edit: Edit) -> Revision:
        self._check_open()
        return await self._make_edit(self.memory.edit, edit)

    async def undo(self) -> Revision:
        """Raises ConflictError when there is nothing to undo."""
        self._check_open()
        return await self._make_edit(self.memory.undo)

    async def redo(self) -> Revision:
        """Raises ConflictError when there is nothing to redo."""
        self._check_open()
        return await self._make_edit(self.memory.redo)

    async def _make_edit(self, make: Callable[..., Revision], *args: object) -> Revision:
        async with self._writing:
            self.calm.begin(self)
            try:
                return await self._make_revision(make, *args)
            finally:
                self.calm.end(self)

    def generate(self, spec: GenerateSpec) -> int:
        """Queue a job; its number. What is wrong with the request is said at once.

        Raises:
            NotFoundError: no such generator; InvalidInputError: no path, or memory is empty; LimitExceededError.
        """
        self._check_open()
        if not self.memory.snapshot().chunks:
            raise ConflictError("memory is empty, there is nothing to steer a clip by", "seed the session first")
        generator = self._make_generator(spec.generator)
        shape = _shape(generator.shape, spec)
        trajectory = spec.trajectory or self.recorder.trajectory()
        intrinsics = trajectory.cameras[0].intrinsics.cropped_to_aspect(shape.width, shape.height)
        job = Job(
            self._jobs.next_number(),
            generator.name,
            spec.prompt,
            spec.seed,
            shape.fps,
            trajectory,
            intrinsics,
            trajectory.clip_times(shape.fps, shape.new_frames, spec.clips, 0 if self._taken() else shape.first_frames),
            spec.auto_accept,
            spec.alignment or self.memory.snapshot().alignment,
        )
        self._jobs.add(job)
        return job.number

    def cancel(self, job: int = 0) -> None:
        """Stop a job: the running one within one step, one that waits at once; 0 = all of them.

        Raises:
            NotFoundError: no such job runs or waits.
        """
        self._jobs.cancel(job)
        running = self._jobs.current
        if running is not None and job in (0, running.number):  # only the running job can wait for a decision
            self._decide(running.take, False)

    async def accept(self, take: int) -> Revision:
        """Fold a pending take into memory.

        Raises:
            NotFoundError, ConflictError: no such take, or it is not pending; RejectedUpdateError: it failed its health check.
        """
        self._check_open()
        kept = await self._claim(take)
        try:
            async with self._writing:
                revision = await self._make_revision(fold_in, self._stages, self.memory, kept, _never, long=True)
        except RejectedUpdateError:
            await self._drop(take, TakeState.REJECTED)
            self._decide(take, False)
            raise
        finally:
            self._deciding.discard(take)
        if any(frame.depth_m is None for frame in kept.frames):
            with contextlib.suppress(StoreError, NotFoundError):  # the take is in memory; its frames are of less use then
                await self._workers.run_long(lambda: self._gallery.give_depth(kept, self.memory.at(revision.number)))
        self._takes.pop(take, None)
        self._tell_take(replace(self._infos[take], state=TakeState.ACCEPTED))
        self._decide(take, True)
        return revision

    async def discard(self, take: int) -> None:
        """Forget a pending take; memory is as if it had never been made."""
        self._check_open()
        await self._claim(take, load=False)
        try:
            await self._drop(take, TakeState.DISCARDED)
        finally:
            self._deciding.discard(take)
        self._decide(take, False)

    # -------------------------------------------------------------------------------------- trajectories and forks

    async def save_trajectory(self, name: str, trajectory: Trajectory | None = None) -> TrajectoryInfo:
        """Keep a camera path through the scene as it is now, or what was recorded, under a name.

        Raises:
            InvalidInputError: not a name, or nothing was recorded; LimitExceededError: too many.
        """
        self._check_open()
        recorded, alignment = self.recorder.copy(), self.memory.snapshot().alignment

        def save() -> TrajectoryInfo:
            return self._store.put_trajectory(name, trajectory or recorded.trajectory(), alignment)

        return await self._workers.run(save)

    async def trajectories(self) -> list[TrajectoryInfo]:
        """The saved paths, by name."""
        return await self._workers.run(self._store.trajectories)

    async def saved_trajectory(self, name: str) -> tuple[TrajectoryInfo, Trajectory, Similarity]:
        """A saved path, and the alignment of the scene that it is a path through. Raises NotFoundError."""
        return await self._workers.run(self._store.load_trajectory, name)

    async def delete_trajectory(self, name: str) -> None:
        """Raises NotFoundError."""
        await self._workers.run(self._store.delete_trajectory, name)

    def fork_into(self, library: SessionLibrary, new_id: str, revision: int, title: str) -> None:
        """Make another session begin with a revision of this one (0 = the head). Heavy; for a worker's thread.

        It gets the frames of the seeds and takes that made that revision.
        """
        number = revision or self.memory.head_revision().number
        snapshot = self.memory.at(number)
        lineage = self.memory.lineage(number)
        clips = self._clips_of(lineage)
        takes = [r.clip for r in lineage if r.cause in (Cause.TAKE, Cause.FORK) and r.clip]
        note = f"fork of {self.id} at revision {number}"

        def fill(store: SessionStore) -> None:
            last = takes[-1] if takes else 0
            self._store.copy_to(store, snapshot, clips, last, note, lambda name: setting_holds(name, clips))

        library.fork(new_id, title or self._store.title, fill)

    def _clips_of(self, lineage: Sequence[Revision]) -> list[int]:
        """The accepted clips whose points a lineage has. Those without a revision came with the fork that a session began as."""
        clips = [*self._store.seeds(), *self._store.takes()]
        makers = (Cause.SEED, Cause.TAKE)
        kept = {revision.clip for revision in lineage if revision.cause in makers}
        if any(revision.cause is Cause.FORK for revision in lineage):
            made = {revision.clip for revision in self.memory.revisions() if revision.cause in makers}
            kept |= {info.number for info in clips} - made
        return sorted(info.number for info in clips if info.state is ClipState.ACCEPTED and info.number in kept)

    # -------------------------------------------------------------------------------------------------- retention

    async def prune(self, keep: int) -> int:
        """Forget the content of all revisions but the newest `keep`, and compact the store; the oldest kept then.

        The head is as it was. Undo and redo reach what is kept. Takes and seeds that nothing kept rests on (they were undone
        before) lose their frames and count as discarded.

        Raises:
            InvalidInputError: keep is less than 1; StoreError: disk full.
        """
        self._check_open()
        async with self._writing:
            return await self._prune(keep, compact=True)

    async def _prune(self, keep: int, *, compact: bool) -> int:
        """The caller holds `_writing`, so no seed is between its frames and its revision."""
        gone: list[int] = []

        def forget(oldest: int, makers: Sequence[Revision]) -> None:
            needed = set(self._clips_of(makers))
            for info in (*self._store.seeds(), *self._store.takes()):
                stray = info.kind is ClipKind.SEED and info.state is ClipState.PENDING  # its revision was refused
                if stray or (info.state is ClipState.ACCEPTED and info.number not in needed):
                    gone.append(info.number)
            kept = [info.number for info in self._store.takes() if info.state is ClipState.PENDING] + sorted(needed)
            self._store.prune(oldest, gone, lambda name: setting_holds(name, kept))

        oldest = await self._workers.run(self.memory.prune, keep, forget)
        for number in gone:
            if number in self._infos:
                self._tell_take(replace(self._infos[number], state=TakeState.DISCARDED))
        # not under memory's lock, since it takes a while; when the disk refuses it, what was pruned is pruned and told
        await self._workers.run(self._store.shrink, compact=compact)
        return oldest

    async def _prune_if_due(self) -> None:
        """After a revision that was made and told: what fails here is no failure of that."""
        keep = self._keep_revisions
        if keep and self.memory.head_revision().number - self.memory.oldest >= keep + keep // 4:
            try:
                await self._prune(keep, compact=False)
            except SpatiaError as error:
                _log.warning("session %s could not be pruned: %s", self.id, error)

    def project(self, base: Snapshot, camera: Camera) -> Projection:
        """A snapshot as this camera sees it. Heavy; for a worker's thread."""
        return self._stages.renderer.render(base, camera)

    async def close(self) -> None:
        """Stop what runs and give the folder back. Pending takes stay in the store."""
        if not self._closed:
            self._closed = True
            self.cancel()
            await self._jobs.close()
            async with self._writing:
                await self._workers.run(self._store.close)

    # ---------------------------------------------------------------------------------------------------- jobs

    async def _run_job(self, job: Job) -> None:
        for clip in range(job.clips):
            job.clip, job.take = clip, 0
            job.cancel.raise_if_cancelled()
            take = await self._make_clip(job)
            job.cancel.raise_if_cancelled()  # it may have come while the take was being kept
            if job.auto_accept:
                self._jobs.publish(job.progress(Stage.UPDATING))
                await self.accept(take.number)
            elif clip + 1 < job.clips and not await self._wait_for_decision(job, take.number):
                raise CancelledError("a take of the row was discarded")

    async def _make_clip(self, job: Job) -> Take:
        generator = self._make_generator(job.generator)
        number = job.take = self._new_clip_number()
        base = self.memory.snapshot()
        cameras = await self._workers.run(job.cameras, base.alignment)
        self._made[number] = _Making(base.alignment)
        info = _begun(number, job, generator.name, base, cameras)
        self._tell_take(info)
        self._jobs.publish(job.progress(Stage.PROJECTING))
        loop = asyncio.get_running_loop()

        def publish(event: Event) -> None:
            if isinstance(event, Step):
                loop.call_soon_threadsafe(self._on_step, job, event, preview_of(event))
            else:
                loop.call_soon_threadsafe(self._on_frame, number, cameras, event)

        def make() -> Take:
            shown, preceding = self._preceding(base, generator.shape.preceding_frames)

            def select(projection: Sequence[Projection]) -> tuple[ReferenceFrame, ...]:
                clips = self._clips_of(self.memory.lineage(base.revision))
                chosen = self._gallery.select(base, projection, generator.shape.references, clips, shown)
                loop.call_soon_threadsafe(self._on_references, number, chosen)
                return chosen

            plan = ClipPlan(number, cameras, preceding, job.prompt, job.seed + job.clip, job.fps)
            take = make_take(self._stages, generator, base, plan, publish, job.cancel, select)
            self._store.put_take(take)
            return take

        try:
            take = await self._workers.run_long(make)
        except BaseException:
            self._made.pop(number, None)
            self._tell_take(replace(self._infos[number], state=TakeState.CANCELLED))
            raise
        self._takes[number] = take
        self._made.pop(number, None)
        self._tell_take(replace(self._infos[number], state=TakeState.PENDING, frames_done=len(cameras)))
        return take

    def _on_references(self, number: int, references: tuple[ReferenceFrame, ...]) -> None:
        told = tuple(ReferenceInfo(each.clip, each.number, each.reason) for each in references)
        self._tell_take(replace(self._infos[number], references=told))

    def _on_step(self, job: Job, step: Step, preview: Preview | None) -> None:
        if step.remark and job.take in self._made:
            self._tell_take(replace(self._infos[job.take], remark=step.remark))
        self._jobs.publish(job.progress(Stage.GENERATING, step.done, step.total, preview=preview))

    def _on_frame(self, number: int, cameras: Sequence[Camera], frame: GeneratedFrame) -> None:
        making = self._made.get(number)
        if making is not None:  # otherwise it was cancelled in between
            making.frames.append((frame, cameras[frame.number]))
            self._infos[number] = replace(self._infos[number], frames_done=len(making.frames))
            self._publish(FrameMade(number, frame, cameras[frame.number]))

    async def _wait_for_decision(self, job: Job, take: int) -> bool:
        decision: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._decisions[take] = decision
        self._jobs.publish(job.progress(Stage.WAITING))
        try:
            return await decision
        finally:
            del self._decisions[take]

    def _taken(self) -> list[int]:
        """The clips of the takes that memory rests on, oldest first."""
        return [r.clip for r in self.memory.lineage() if r.cause in (Cause.TAKE, Cause.FORK) and r.clip]

    def _preceding(self, base: Snapshot, count: int) -> tuple[tuple[FrameKey, ...], tuple[RgbdFrame, ...]]:
        """The tail of the last take that memory still holds (an undone one no longer precedes anything), oldest first."""
        clips = self._taken()
        if not clips or not count:
            return (), ()
        last = self._store.take_info(clips[-1])
        keys = tuple(FrameKey(last.number, n) for n in range(max(last.frames - count, 0), last.frames))
        return keys, tuple(self._gallery.frame(base, key) for key in keys)

    # -------------------------------------------------------------------------------------------------- helpers

    def _new_clip_number(self) -> int:
        self._next_clip += 1
        return self._next_clip - 1

    def _check_open(self) -> None:
        if self._closed:
            raise UnavailableError(f"session {self.id} is closing", "connect again")

    async def _claim(self, take: int, *, load: bool = True) -> Take:
        """The take, if it is pending and nobody else is deciding it."""
        info = self.take_info(take)
        if info.state is not TakeState.PENDING or take in self._deciding:
            state = "being decided" if take in self._deciding else info.state.value
            raise ConflictError(f"take {take} is {state}", "only a pending take can be accepted or discarded")
        self._deciding.add(take)
        if take in self._takes or not load:
            return self._takes.get(take) or Take(take, 0, (), ())
        try:
            return await self._workers.run(self._store.load_take, take)
        except BaseException:
            self._deciding.discard(take)
            raise

    async def _drop(self, take: int, state: TakeState) -> None:
        await self._workers.run(self._store.set_take_state, take, ClipState.DISCARDED)
        self._takes.pop(take, None)
        self._tell_take(replace(self._infos[take], state=state))

    def _decide(self, take: int, accepted: bool) -> None:
        decision = self._decisions.get(take)
        if decision is not None and not decision.done():
            decision.set_result(accepted)

    async def _make_revision(self, make: Callable[..., Revision], *args: object, long: bool = False) -> Revision:
        """Make a revision off the loop and tell everyone, in one order. The caller holds `_writing`; `long`: it takes seconds."""

        before = self.memory.snapshot().alignment

        def work() -> tuple[Revision, Snapshot]:
            revision = make(*args)
            snapshot = self.memory.at(revision.number)
            for index in revision.changed & snapshot.chunks.keys():
                _ = snapshot.chunks[index].packed_hash  # hashed here, so that the links need not do it on the loop
            return revision, snapshot

        revision, snapshot = await (self._workers.run_long if long else self._workers.run)(work)
        if not snapshot.alignment.same_as(before):
            self.recorder.carry(now_from_then(before, snapshot.alignment))
        self._publish(RevisionMade(revision, snapshot, self.memory.can_undo, self.memory.can_redo))
        await self._prune_if_due()
        return revision

    def _tell_take(self, info: TakeInfo) -> None:
        self._infos[info.number] = info
        self._publish(TakeChanged(info))

    def _publish(self, event: SessionEvent) -> None:
        for subscriber in tuple(self._subscribers):
            subscriber(event)


def _never(_done: int, _total: int) -> None:
    """This update is not watched and cannot be cancelled: it is short, and it was asked for."""


def _as_generated(number: int, frame: RgbdFrame) -> tuple[GeneratedFrame, Camera]:
    made = GeneratedFrame(number, frame.colour, frame.depth_m, frame.dynamic, frame.confidence)
    return made, frame.camera


def _begun(number: int, job: Job, generator: str, base: Snapshot, cameras: Sequence[Camera]) -> TakeInfo:
    k, state = cameras[0].intrinsics, TakeState.GENERATING
    revision, total = base.revision, len(cameras)
    seed = job.seed + job.clip  # as the store keeps it: who asks for this clip alone asks with it
    return TakeInfo(number, state, 0, total, job.prompt, seed, generator, revision, job.fps, k.width, k.height)


def _shape(shape: ClipShape, spec: GenerateSpec) -> ClipShape:
    return replace(shape, width=spec.width or shape.width, height=spec.height or shape.height)


def _from_stored(info: StoredInfo) -> TakeInfo:
    return TakeInfo(
        info.number,
        TakeState(info.state.value),
        info.frames,
        info.frames,
        info.prompt,
        info.seed,
        info.generator,
        info.base_revision,
        info.fps,
        info.width,
        info.height,
    )
