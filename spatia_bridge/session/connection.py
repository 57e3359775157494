"""One client of the host, whatever the transport: runs the link's commands against the session and forwards its events.

A shell (gRPC, WebSocket) calls `receive` for every message that comes, writes what `next_message` gives until that is None, and
calls `close` at the end. Requests that change memory are carried out in order, one at a time, beside the reading of messages;
poses, recording, cancel and fetches do not wait behind them. Decoding, encoding and rendering are done by the host's workers.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from spatia_bridge.codec.parts import PARTS
from spatia_bridge.errors import LimitExceededError, ProtocolError, SpatiaError
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Recorder, Trajectory
from spatia_bridge.link import commands, outgoing
from spatia_bridge.link import messages as msg
from spatia_bridge.link.chunks import ChunkQueue
from spatia_bridge.link.events import RevisionMade, SessionEvent
from spatia_bridge.link.link import Attachment, Link, State
from spatia_bridge.link.resume import open_chunks
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.session import GenerateSpec, Session

MAX_WAITING_REQUESTS = 64
TURN_SECS = 0.004  # some dozen messages
PARTS_AT_ONCE = 32  # for a worker, so that others come in between
EDIT_FIRST_SECS = 0.05  # so long a live projection lets an edit, and the news of it, have the cores: most take a few milliseconds
MAX_WAITING_SEEDS = 2  # they hold their images
_Recorded = tuple[Recorder, Similarity]  # what was recorded, in the scene of this alignment
_Waiting = tuple[commands.Command, _Recorded | None]
_log = logging.getLogger(__name__)
_background: set[asyncio.Task[None]] = set()  # keeps what outlives its connection from being collected


class Connection:
    """One client.

    Args:
        host: whose sessions the client may open.
        token: if not empty, the client must show it.
        max_message_bytes: what the transport takes.
        hello_secs: how long the client may take to say hello, from the first `next_message` on.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        host: SessionHost,
        *,
        token: str = "",
        max_message_bytes: int = 64 << 20,
        hello_secs: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._clock = clock
        self._link = Link(token=token, max_message_bytes=max_message_bytes)
        self._session: Session | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._early: list[SessionEvent] = []  # events between subscription and welcome
        self._requests: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._seeds = 0
        self._worker: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._something = asyncio.Event()
        self._finished = False
        self._closed = False
        self._idle = False  # nothing is being written
        self._turn_began = self._clock()
        self._hello_secs = hello_secs
        self._patience: asyncio.TimerHandle | None = None  # runs until the hello

    # -------------------------------------------------------------------------------------------------- for the shell

    async def receive(self, message: msg.ClientMessage) -> None:
        """Take one message. Errors are answered, never raised. Returns soon, except for hello: after the welcome is queued."""
        for command in self._link.receive(message, self._clock()):
            try:
                await self._begin(command)
            except Exception as error:
                self._link.fail(command.request_id, domain_error(error), fatal=isinstance(command, commands.Attach))
        self._pump()

    def refuse(self, request_id: int, error: SpatiaError) -> None:
        """A message could not be read at all."""
        self._link.fail(request_id, error, fatal=self._link.state is State.NEW)
        self._pump()

    async def next_message(self) -> msg.ServerMessage | None:
        """The next message to write; waits for one. None = the stream ends here.

        Every TURN_SECS the others on the loop get their turn, even if a shell never has to wait for its client.
        """
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(self._hello_secs, self._give_up)
        if self._clock() - self._turn_began > TURN_SECS:
            await asyncio.sleep(0)
            self._turn_began = self._clock()
        while True:
            message = self._link.next_message(self._clock())
            if message is not None:
                self._pump()  # what was pulled may make room for work
                return message
            if self._closed or self._link.state is State.CLOSED or (self._finished and self._link.settled):
                return None
            self._something.clear()
            self._idle = True
            if self._session is not None:
                self._session.calm.end(self)  # all news is written
            await self._something.wait()
            self._idle = False
            self._turn_began = self._clock()

    def end(self, error: SpatiaError) -> None:
        """The server ends the stream: the client gets this error and nothing after it."""
        self._link.fail(0, error, fatal=True)
        self._pump()

    def _give_up(self) -> None:
        if self._link.state is State.NEW:
            self.end(ProtocolError(f"no hello came within {self._hello_secs:g} s", "say hello as soon as you are connected"))

    async def finish(self) -> None:
        """The client will send no more: carry out what it asked for; then `next_message` comes to its end."""
        self._requests.put_nowait(None)
        if self._worker is not None:
            await asyncio.wait([self._worker])
        self._finished = True
        self._something.set()

    def close(self) -> None:
        """The transport is gone. What is being carried out goes on without an audience, what waits is dropped."""
        if self._closed:
            return
        self._closed = True
        self._unsubscribe()
        if self._session is not None:
            self._session.calm.end(self)
        for timer in (self._timer, self._patience):
            if timer is not None:
                timer.cancel()
        if self._session is not None and self._session.recording_by is self:
            self._session.recorder.stop()  # what was recorded stays
        while not self._requests.empty():
            self._requests.get_nowait()
        self._requests.put_nowait(None)
        self._something.set()

    @property
    def packet_bytes(self) -> int:
        """The largest packet that the client said it reads; 0 = it said nothing."""
        return self._link.packet_bytes

    @property
    def ended(self) -> bool:
        """Nothing that the client still sends has an effect."""
        return self._closed or self._link.state is State.CLOSED

    # ----------------------------------------------------------------------------------------------------- commands

    async def _begin(self, command: commands.Command) -> None:
        """Do at once what is quick, queue the rest."""
        if isinstance(command, commands.Attach):
            await self._attach(command)
            return
        session = self._opened()
        if isinstance(command, commands.PoseReceived):
            self._pose(session, command)
        elif isinstance(command, commands.SetRecording):
            self._record(session, command)
        elif isinstance(command, commands.CancelJobs):
            session.cancel(command.job)
            self._link.answer(command.request_id)
        elif isinstance(command, commands.ListFrames):
            available = range(session.take_info(command.take).frames_done)
            last = command.first + command.count if command.count else None
            self._link.queue_frames(command, available[command.first : last])
        else:
            self._enqueue(session, command)

    def _generators(self) -> list[msg.GeneratorInfo]:
        """What there is to choose from. Makes each, which may import much: to be run off the loop."""
        return [
            msg.GeneratorInfo(g.name, g.shape.width, g.shape.height, g.shape.new_frames, g.shape.preceding_frames, g.shape.fps)
            for g in self._host.generators()
        ]

    def _enqueue(self, session: Session, command: commands.Command) -> None:
        seeds = isinstance(command, commands.SeedViews)
        if self._requests.qsize() >= MAX_WAITING_REQUESTS or (seeds and self._seeds >= MAX_WAITING_SEEDS):
            raise LimitExceededError("too many requests wait", "wait for answers before sending more")
        recorded: _Recorded | None = None
        if isinstance(command, commands.GenerateClips) and command.trajectory is None and not command.trajectory_name:
            # as it is now, not when its turn comes: the client may record again meanwhile, or scale the scene
            recorded = session.recorder.copy(), session.memory.snapshot().alignment
        self._seeds += seeds
        self._requests.put_nowait((command, recorded))

    async def _attach(self, command: commands.Attach) -> None:
        session = await self._host.open(command.session, command.create)
        if self._closed:
            return
        self._session = session
        self._unsubscribe = session.subscribe(self._on_event)  # before memory is read, so that nothing falls between
        generators = tuple(await self._host.workers.run(self._generators))
        opening = await self._host.workers.run(open_chunks, session.memory, command)
        found = Attachment(
            session.id, opening, generators, tuple(session.open_takes()), session.jobs(), self._recording_of(session)
        )
        self._link.attach(found)
        early, self._early = self._early, []
        for event in early:
            self._link.notify(event)
        if not self._closed:
            self._worker = asyncio.create_task(self._work_off(session), name=f"requests of {session.id}")
            _keep(self._worker)
            if command.compression is not msg.Compression.NONE:
                self._start(self._encode_ahead(opening.chunks))

    async def _work_off(self, session: Session) -> None:
        """Carry out queued requests in order until a None comes."""
        while (waiting := await self._requests.get()) is not None:
            command, recorded = waiting
            try:
                await self._carry_out(session, command, recorded)
            except Exception as error:
                self._link.fail(command.request_id, domain_error(error))
            self._seeds -= isinstance(command, commands.SeedViews)
            self._pump()

    async def _carry_out(self, session: Session, command: commands.Command, recorded: _Recorded | None) -> None:
        answer, request = self._link.answer, command.request_id
        if isinstance(command, commands.SeedViews):
            frames = await self._host.workers.run(command.decode)
            answer(request, revision=(await session.seed(frames)).number)
        elif isinstance(command, commands.GenerateClips):
            trajectory, alignment = await self._path(session, command, recorded)
            answer(request, job=session.generate(_spec(command, trajectory, alignment)))
        elif isinstance(command, commands.AcceptTake):
            answer(request, revision=(await session.accept(command.take)).number, take=command.take)
        elif isinstance(command, commands.DiscardTake):
            await session.discard(command.take)
            answer(request, take=command.take)
        elif isinstance(command, commands.ApplyEdit):
            answer(request, revision=(await session.edit(command.edit)).number)
        elif isinstance(command, commands.UndoEdit):
            answer(request, revision=(await session.undo()).number)
        elif isinstance(command, commands.RedoEdit):
            answer(request, revision=(await session.redo()).number)

    async def _path(
        self, session: Session, command: commands.GenerateClips, recorded: _Recorded | None
    ) -> tuple[Trajectory, Similarity | None]:
        """What a job flies along, and the alignment of the scene that this is a path through; None = as it is now."""
        run = self._host.workers.run
        if recorded is not None:
            return await run(recorded[0].trajectory), recorded[1]
        if command.trajectory is not None:
            return await run(command.trajectory.decode), None
        _, trajectory, alignment = await session.saved_trajectory(command.trajectory_name)
        return trajectory, alignment

    def _pose(self, session: Session, command: commands.PoseReceived) -> None:
        if session.recording_by is self:  # the client that switched it on last
            session.recorder.add(command.camera, command.time_secs)
            self._link.record(self._recording_of(session), self._clock())
        self._link.answer(command.request_id)

    def _record(self, session: Session, command: commands.SetRecording) -> None:
        if command.on:
            session.recorder.start()
            session.recording_by = self
        elif session.recording_by is self:
            session.recorder.stop()
            session.recording_by = None
        self._link.record(self._recording_of(session), self._clock())
        self._link.answer(command.request_id)

    # ---------------------------------------------------------------------------------------------- events and work

    def _on_event(self, event: SessionEvent) -> None:
        if self._link.state is State.ATTACHING:
            self._early.append(event)
        else:
            self._link.notify(event)
            if isinstance(event, RevisionMade) and self._session is not None and self._idle:  # a slow reader is not waited for
                self._session.calm.begin(self)
            self._pump()

    def _pump(self) -> None:
        """After anything happened: start the work that the link asks for, wake the writer, set the timer."""
        self._something.set()
        if self._closed or self._session is None:
            return
        for work in self._link.work(self._clock()):
            if isinstance(work, commands.EncodeFrame):
                self._start(self._encode(self._session, work))
            else:
                self._start(self._render(self._session, work))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at = self._link.wake_at()
        if wake_at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(wake_at - self._clock(), 0.0), self._pump)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        _keep(asyncio.create_task(work))

    async def _encode(self, session: Session, work: commands.EncodeFrame) -> None:
        body: msg.TakeFrame | msg.Error
        try:
            frame, camera = await session.take_frame(work.take, work.number)
            body = await self._host.workers.run(self._link.pictures.take_frame, work.take, frame, camera, work.depth)
        except Exception as error:
            body = outgoing.error_message(domain_error(error))
        self._link.frame_ready(work.ticket, body)
        self._pump()

    async def _encode_ahead(self, chunks: ChunkQueue) -> None:
        """Compress beside the loop, which sends what is coarse meanwhile."""
        parts = await self._host.workers.run(chunks.fine_parts, PARTS.limit_bytes // 2)
        for first in range(0, len(parts), PARTS_AT_ONCE):
            if self._closed or not chunks.waiting:
                return
            await self._host.workers.run(PARTS.encode, parts[first : first + PARTS_AT_ONCE], chunks.compression.value)

    async def _render(self, session: Session, work: commands.RenderProjection) -> None:
        async with self._host.live_turns:
            await session.calm.wait(EDIT_FIRST_SECS)
            aimed = None if self._closed else self._link.aim(work, self._clock())
            body = None if aimed is None else await self._live_projection(session, aimed)
        self._link.projection_ready(work.ticket, body)
        self._pump()

    async def _live_projection(self, session: Session, work: commands.RenderProjection) -> msg.LiveProjection | None:
        def make() -> msg.LiveProjection:
            base = session.memory.snapshot()
            projection = session.project(base, work.camera)
            return self._link.pictures.live_projection(projection, work.time_secs, base.revision, work.depth)

        try:
            return await self._host.workers.run(make)
        except SpatiaError as error:
            _log.info("a live projection failed: %s", error)
        except Exception:
            _log.exception("a live projection failed")
        return None

    def _opened(self) -> Session:
        assert self._session is not None, "the link gives no command but Attach before attach()"
        return self._session

    @staticmethod
    def _recording_of(session: Session) -> msg.Recording:
        recorder = session.recorder
        return msg.Recording(recorder.on, len(recorder), recorder.duration_secs)


def domain_error(error: Exception) -> SpatiaError:
    """The error as clients may see it: one of ours as it is, any other logged and hidden behind a plain one."""
    if isinstance(error, SpatiaError):
        return error
    _log.error("unexpected error", exc_info=error)
    return SpatiaError("the server met an error that it did not expect", "try again; the server's log says more")


def _spec(command: commands.GenerateClips, trajectory: Trajectory, alignment: Similarity | None) -> GenerateSpec:
    return GenerateSpec(
        command.prompt,
        command.seed,
        command.generator,
        trajectory,
        command.clips,
        command.auto_accept,
        command.width,
        command.height,
        alignment,
    )


def _keep(task: asyncio.Task[None]) -> None:
    _background.add(task)
    task.add_done_callback(_background.discard)
