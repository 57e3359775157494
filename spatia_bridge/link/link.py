"""The live link of one client as a state machine: messages and events in, commands and messages out.

    NEW ──hello──▶ ATTACHING ──attach()──▶ OPEN
     └───────────────┴──── a fatal error ────┴──▶ CLOSED

It touches no socket and no clock: the driver passes the time, pulls `next_message` whenever it can write, and does `work`. All
methods are cheap (`next_message` compresses at most a part of 40 KiB, or copies a table of 1 MiB) and must be called from one
thread.
The bounds of its queues stand in `link.limits`.
"""

import hmac
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from spatia_bridge import __version__
from spatia_bridge.errors import (
    InvalidInputError,
    LimitExceededError,
    ProtocolError,
    SpatiaError,
    UnauthenticatedError,
    VersionMismatchError,
)
from spatia_bridge.geometry.conventions import Convention, Engine
from spatia_bridge.link import axes, commands, limits, outgoing
from spatia_bridge.link import messages as msg
from spatia_bridge.link.chunks import choose_compression
from spatia_bridge.link.events import FrameMade, JobFailed, JobProgress, RevisionMade, SessionEvent, TakeChanged, TakeInfo
from spatia_bridge.link.live import LiveQueue
from spatia_bridge.link.rates import Rate
from spatia_bridge.link.requests import check_text, command_of
from spatia_bridge.link.resume import Opening
from spatia_bridge.link.sweep import Sweep
from spatia_bridge.link.take_frames import FrameQueue


class State(Enum):
    NEW = "new"
    ATTACHING = "attaching"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, eq=False)
class Attachment:
    """What the driver found when it opened the session that a client asked for."""

    session: str
    opening: Opening
    generators: tuple[msg.GeneratorInfo, ...] = ()
    takes: tuple[TakeInfo, ...] = ()
    jobs: tuple[JobProgress, ...] = ()
    recording: msg.Recording = field(default_factory=msg.Recording)


class Link:
    """One client.

    Args:
        token: if not empty, hello must carry the same.
        max_message_bytes: what the transport takes, told in the welcome.
    """

    def __init__(self, *, token: str = "", max_message_bytes: int = 64 << 20) -> None:
        self.state = State.NEW
        self._token = token
        self._max_message_bytes = max_message_bytes
        self._convention: Convention = Engine.OPENCV.convention
        self._hello = msg.Hello()
        self._hello_request = 0
        self._head: RevisionMade | None = None
        self._voxel_size_m = 0.0  # as the client was told
        self._opening: Opening | None = None
        self._sweep = Sweep()
        self._pose_rate = Rate(limits.MAX_POSE_RATE_HZ)
        self._pose_errors = Rate(1)
        self._control: deque[msg.ServerMessage] = deque()
        self._news: msg.ServerMessage | None = None  # of the head: what it changed goes first where it is little
        self._progress: dict[int, msg.Progress] = {}
        self._recording: msg.Recording | None = None
        self._recording_rate = Rate(limits.RECORDING_RATE_HZ, burst=1)
        self._recording_on = False
        self._live = LiveQueue()
        self._frames = FrameQueue()
        self._turn = 0
        self.pictures = outgoing.Pictures(self._convention, False)

    # ------------------------------------------------------------------------------------------------- from the client

    def receive(self, message: msg.ClientMessage, now: float) -> list[commands.Command]:
        """Take one message; what the driver must do about it comes back.

        Errors are answered here and never raised. They end the link (state CLOSED once the error is pulled) if they violate the
        protocol: no hello first, a second hello, another version, anything wrong with the hello itself.
        """
        if self.state is State.CLOSED:
            return []
        try:
            command = self._handle(message, now)
        except SpatiaError as error:
            self.fail(message.request_id, error, fatal=isinstance(error, ProtocolError) or self.state is not State.OPEN)
            return []
        return [] if command is None else [command]

    def _handle(self, message: msg.ClientMessage, now: float) -> commands.Command | None:
        body = message.body
        if self.state is State.NEW:
            return self._greet(message)
        if self.state is State.ATTACHING:
            raise ProtocolError("a message came before the welcome", "wait for the welcome")
        if body is None:
            raise InvalidInputError("the message says nothing that protocol version 1 knows", "send one of its bodies")
        if isinstance(body, msg.Hello):
            raise ProtocolError("a second hello", "say hello once, as the first message")
        if isinstance(body, msg.Fragment):
            raise InvalidInputError("this transport takes whole messages", "send the message unfragmented")
        if isinstance(body, msg.Seed):
            return self._sweep.add(message.request_id, body, self._convention)
        if isinstance(body, msg.Credit | msg.LiveView | msg.Ping):
            self._handle_own(message.request_id, body)
            return None
        command = command_of(message.request_id, body, self._convention)
        if isinstance(command, commands.PoseReceived):
            return self._look(command, now)
        return command

    def _greet(self, message: msg.ClientMessage) -> commands.Attach:
        hello = message.body
        if not isinstance(hello, msg.Hello):
            raise ProtocolError("the first message is no hello", "say hello first")
        if hello.protocol_version != msg.PROTOCOL_VERSION:
            raise VersionMismatchError(
                f"the client speaks protocol version {hello.protocol_version}, this server {msg.PROTOCOL_VERSION}",
                "update the older one of the two",
            )
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()) and self._token:
            raise UnauthenticatedError("the token is not this server's", "set the token that the server was started with")
        if hello.engine is None:
            raise InvalidInputError("the hello names no engine", "state whose axes and units the client speaks")
        if not hello.session:
            raise InvalidInputError("the hello names no session", "name the session to open")
        for text in (hello.session, hello.client_name):
            check_text(text, limits.MAX_NAME_CHARACTERS, "a name in the hello")
        if hello.resume is not None and len(hello.resume.digest) != 32:
            raise InvalidInputError(f"the digest to resume from has {len(hello.resume.digest)} bytes", "send the 32 of `synced`")
        self.state = State.ATTACHING
        self._hello, self._hello_request = hello, message.request_id
        self._convention = hello.engine.convention
        self.pictures = outgoing.Pictures(self._convention, msg.Compression.ZSTD in hello.compressions)
        compression = choose_compression(hello.compressions)
        return commands.Attach(
            message.request_id,
            hello.session,
            hello.create,
            hello.resume,
            compression,
            hello.credit_bytes,
            max(hello.batch_bytes, limits.BATCH_BYTES) if hello.batch_chunks or hello.chunk_tables else 0,
            hello.chunk_tables,
        )

    def _handle_own(self, request_id: int, body: msg.Credit | msg.LiveView | msg.Ping) -> None:
        if isinstance(body, msg.Ping):
            self._say(msg.Pong(body.nonce), request_id)
            return
        if isinstance(body, msg.Credit):
            assert self._opening is not None
            self._opening.chunks.grant(body.bytes)
        else:
            self._live.configure(body)
        self.answer(request_id)

    def _look(self, command: commands.PoseReceived, now: float) -> commands.PoseReceived | None:
        if not self._pose_rate.allows(now):
            if self._pose_errors.allows(now) or command.request_id:  # a request is always answered
                raise LimitExceededError(
                    "poses come too fast and are left out", f"send at most {limits.MAX_POSE_RATE_HZ} a second"
                )
            return None
        assert self._opening is not None
        self._opening.chunks.look(command.camera)
        self._live.look(command.camera, command.time_secs)
        return command

    # ------------------------------------------------------------------------------------------------- from the driver

    def attach(self, found: Attachment) -> None:
        """The session is open: welcome the client. Events of the session may be notified from now on, older ones too."""
        if self.state is not State.ATTACHING:
            return
        self.state = State.OPEN
        self._opening = found.opening
        self._head = found.opening.head
        self._recording_on = found.recording.on
        snapshot = self._head.snapshot
        self._voxel_size_m = snapshot.voxel_size_m
        welcome = msg.Welcome(
            msg.PROTOCOL_VERSION,
            __version__,
            found.session,
            axes.space(self._convention, snapshot.voxel_size_m),
            self._revision(self._head),
            found.generators,
            tuple(map(outgoing.take_message, found.takes)),
            choose_compression(self._hello.compressions),
            msg.Limits(self._max_message_bytes, limits.MAX_POSE_RATE_HZ, limits.MAX_VIEWS_PER_SEED),
            found.opening.resumed,
            found.recording,
        )
        self._say(welcome, self._hello_request)
        for job in found.jobs:  # so that who comes late sees how far the work is
            self.notify(job)

    def notify(self, event: SessionEvent) -> None:
        """Something happened in the session. Before `attach` and after the end it is of no interest."""
        if self.state is not State.OPEN:
            return
        if isinstance(event, RevisionMade):
            self._advance(event)
        elif isinstance(event, TakeChanged):
            self._say(outgoing.take_message(event.take))
        elif isinstance(event, FrameMade):
            if self._hello.push_frames:
                self._frames.push(event.take, event.frame.number)
        elif isinstance(event, JobProgress):
            self._progress[event.job] = outgoing.progress_message(event)
            if len(self._progress) > limits.MAX_JOBS:
                del self._progress[next(iter(self._progress))]
        elif isinstance(event, JobFailed):
            self._say(outgoing.failure_message(event))

    def _advance(self, event: RevisionMade) -> None:
        assert self._head is not None and self._opening is not None
        before, number = self._head, event.revision.number
        if number <= before.revision.number:
            return
        self._head = event
        voxel_size_m = event.snapshot.voxel_size_m
        if event.snapshot.chunks and voxel_size_m != self._voxel_size_m:  # while it is empty, what is on its way out stays put
            self._voxel_size_m = voxel_size_m
            self._say(axes.space(self._convention, voxel_size_m))
        self._tell_news()
        self._news = msg.ServerMessage(0, self._revision(event))
        follows = number == before.revision.number + 1
        self._opening.chunks.move_to(event.snapshot, event.revision.changed if follows else None)
        self._live.memory_changed()

    def answer(self, request_id: int, *, revision: int | None = None, take: int = 0, job: int = 0) -> None:
        """A request was done; revision None = the head. Says nothing to request 0."""
        if request_id:
            self._say(self._done(revision, take, job), request_id)

    def fail(self, request_id: int, error: SpatiaError, *, fatal: bool = False) -> None:
        """A request failed; fatal = the link ends with this message."""
        if self.state is State.CLOSED:
            return
        body = outgoing.error_message(error, fatal)
        if fatal:
            self._end(msg.ServerMessage(request_id, body))
        else:
            self._say(body, request_id)

    def record(self, recording: msg.Recording, now: float) -> None:
        """How the recording stands; latest wins, at most RECORDING_RATE_HZ unless it went on or off."""
        if recording.on != self._recording_on or self._recording_rate.allows(now):
            self._recording_on = recording.on
            self._recording = recording

    def queue_frames(self, command: commands.ListFrames, numbers: Iterable[int]) -> None:
        """The frames that the take has of those asked for."""
        try:
            done = self._done(None, command.take, 0)
            self._frames.fetch(command.request_id, command.take, numbers, command.depth, done)
        except LimitExceededError as error:
            self.fail(command.request_id, error)

    def frame_ready(self, ticket: int, body: msg.TakeFrame | msg.Error) -> None:
        """An `EncodeFrame` has ended."""
        self._frames.ready(ticket, body)

    def aim(self, render: commands.RenderProjection, now: float) -> commands.RenderProjection | None:
        """The same render under the newest pose, to be asked for when it begins; None = it is wanted no more."""
        return self._live.aim(render, now)

    def projection_ready(self, ticket: int, body: msg.LiveProjection | None) -> None:
        """A `RenderProjection` has ended; None = it failed, which is not worth telling, the next pose tries again."""
        self._live.ready(ticket, body)

    # ------------------------------------------------------------------------------------------------------ to the driver

    def work(self, now: float) -> list[commands.Work]:
        """What to render or encode now. Ask after every other call, and at `wake_at`."""
        if self.state is not State.OPEN:
            return []
        work: list[commands.Work] = list(self._frames.wanted())
        render = self._live.due(now)
        return work if render is None else [*work, render]

    def wake_at(self) -> float | None:
        """When `work` will have something without any other call; None = not before one."""
        return self._live.due_at() if self.state is State.OPEN else None

    def next_message(self, now: float) -> msg.ServerMessage | None:
        """The next message to write, None if there is none at present."""
        if self._control:
            return self._control.popleft()
        if self.state is not State.OPEN:
            return None
        if self._recording is not None:
            recording, self._recording = self._recording, None
            return msg.ServerMessage(0, recording)
        if self._progress:
            return msg.ServerMessage(0, self._progress.pop(next(iter(self._progress))))
        if self._news is not None:
            assert self._opening is not None
            table = self._opening.chunks.whole_table()
            if table is not None:
                return msg.ServerMessage(0, table)
            news, self._news = self._news, None
            return news
        for _ in range(3):
            message = self._next_bulk(now)
            if message is not None:
                return message
        return None

    @property
    def packet_bytes(self) -> int:
        """The largest packet that the client said it reads, for shells that cut messages into such; 0 = it said nothing."""
        return self._hello.packet_bytes

    @property
    def settled(self) -> bool:
        """All answers, news and fetched frames are pulled; only chunks and live projections may be left."""
        return not (self._control or self._news or self._progress or self._recording or len(self._frames))

    def _next_bulk(self, now: float) -> msg.ServerMessage | None:
        """From whichever bulk queue has its turn, so that none starves another."""
        assert self._opening is not None
        turn, self._turn = self._turn, (self._turn + 1) % 3
        if turn == 0:
            return self._frames.next_message()
        body = self._live.next_body() if turn == 1 else self._opening.chunks.next_body(now)
        return None if body is None else msg.ServerMessage(0, body)

    # ------------------------------------------------------------------------------------------------------------- inside

    def _tell_news(self) -> None:
        """The revision that is still to be told of goes before whatever is said next."""
        if self._news is not None:
            self._control.append(self._news)
            self._news = None

    def _say(self, body: msg.ServerBody, request_id: int = 0) -> None:
        if self.state is State.CLOSED:
            return
        self._tell_news()
        self._control.append(msg.ServerMessage(request_id, body))
        if len(self._control) > limits.MAX_CONTROL:
            error = LimitExceededError(
                f"more than {limits.MAX_CONTROL} messages wait for this client", "read faster, and reconnect to resume"
            )
            self._end(msg.ServerMessage(0, outgoing.error_message(error, fatal=True)))

    def _end(self, last: msg.ServerMessage) -> None:
        self.state = State.CLOSED
        self._control.clear()
        self._control.append(last)

    def _done(self, revision: int | None, take: int, job: int) -> msg.Done:
        head = self._head.revision.number if self._head is not None else 0
        return msg.Done(head if revision is None else revision, take, job)

    @staticmethod
    def _revision(event: RevisionMade) -> msg.Revision:
        return outgoing.revision_message(event.revision, event.snapshot, event.can_undo, event.can_redo)
