"""The live link from the client's side: typed requests, the mirror of memory, what the session is doing."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from spatia_bridge.client import views
from spatia_bridge.client.editing import EditRequests
from spatia_bridge.client.faults import from_message
from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.client.transport import BrokenLinkError, Transport, is_local, open_transport
from spatia_bridge.errors import CancelledError, ProtocolError, SpatiaError, UnavailableError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import Stage
from spatia_bridge.link.limits import MAX_BATCH_BYTES
from spatia_bridge.wire.packets import LARGEST_PACKET_BYTES

DEFAULT_CREDIT_BYTES = 4 << 20
CREDIT_STEP_BYTES = 2 << 20  # of chunk data that may be applied before credit for it is given back
MAX_EVENTS = 10_000  # that an `events` iterator nobody reads keeps; then the oldest go
_Listener = tuple[deque[msg.ServerBody], asyncio.Event]  # what came and was not read yet; set when something came
_CHUNK_BODIES = (msg.ChunkPart, msg.ChunkParts, msg.ChunkTable, msg.ChunksRemoved, msg.Synced)


class BridgeClient(EditRequests):
    """One live link, over gRPC or, at a `ws://` address, over WebSocket. Geometry goes in and out in the server's frame (OpenCV
    axes, metres); on the wire it is the engine's.

        async with await BridgeClient.connect("127.0.0.1:50051", "level-1") as client:
            await client.seed([frame])
            await client.synced()

    Every request raises the server's domain error; every method raises UnavailableError once the link is gone.

    Attributes:
        welcome: what the server said at first.
        mirror: the points, complete and verified at every `synced`; hand it to the next `connect` to resume.
        revision: the newest that the server told of.
        takes, progress: the newest news by take and by job.
        recording: how the camera path stands.
        live: the newest live projection.
    """

    def __init__(
        self, transport: Transport, engine: Engine, mirror: PointMirror, auto_credit: bool, credit_bytes: int = 0
    ) -> None:
        self._transport = transport
        self._convention = engine.convention
        self._auto_credit = auto_credit
        self._credit_step_bytes = min(credit_bytes // 8, CREDIT_STEP_BYTES)
        self._owed_bytes = 0
        self.mirror = mirror
        self.welcome = msg.Welcome()
        self.revision = msg.Revision()
        self.takes: dict[int, msg.Take] = {}
        self.progress: dict[int, msg.Progress] = {}
        self.recording = msg.Recording()
        self.live: msg.LiveProjection | None = None
        self.pongs = 0
        self._failures: dict[int, SpatiaError] = {}
        self._frames: dict[int, list[msg.TakeFrame]] = {}
        self._answers: dict[int, asyncio.Future[msg.Done]] = {}
        self._listeners: list[_Listener] = []
        self._changed = asyncio.Condition()
        self._requests = 1
        self._ended: SpatiaError | None = None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        address: str,
        session: str,
        *,
        engine: Engine = Engine.OPENCV,
        create: bool = True,
        mirror: PointMirror | None = None,
        token: str = "",
        credit_bytes: int = DEFAULT_CREDIT_BYTES,
        auto_credit: bool = True,
        push_frames: bool = False,
        compressions: Sequence[msg.Compression] | None = None,
        name: str = "python",
        protocol_version: int = msg.PROTOCOL_VERSION,
        authorities_pem: bytes | None = None,
    ) -> "BridgeClient":
        """Open the stream, say hello, return once welcome.

        Args:
            address: `host:port` for gRPC, `ws://host:port` for WebSocket; `grpcs://…` and `wss://…` with TLS.
            authorities_pem: whose certificates are believed; None = the usual ones.
            mirror: of an earlier link to the same session: only what changed since comes.
            compressions: of chunks that it reads, best first. With NONE as the best they also come in large messages, which
                nothing passes: for where no network is between. None = NONE to an address of this machine, else ZSTD, then GZIP;
                so state them where a tunnel begins on this machine.
            auto_credit: give credit back as chunk parts are applied; otherwise call `grant`.
        Raises:
            UnavailableError: no server there; any domain error: the server refuses.
        """
        mirror = mirror or PointMirror()
        client = cls(await open_transport(address, authorities_pem), engine, mirror, auto_credit, credit_bytes)
        if compressions is None:
            network = (msg.Compression.ZSTD, msg.Compression.GZIP)
            compressions = (msg.Compression.NONE, *network) if is_local(address) else network
        plain = tuple(compressions[:1]) == (msg.Compression.NONE,)
        hello = msg.Hello(
            protocol_version,
            name,
            engine,
            session,
            create,
            token,
            mirror.resume(),
            tuple(compressions),
            credit_bytes,
            push_frames,
            batch_chunks=True,
            batch_bytes=MAX_BATCH_BYTES if plain else 0,
            chunk_tables=True,
            packet_bytes=LARGEST_PACKET_BYTES if plain else 0,
        )
        try:
            await client._send(msg.ClientMessage(1, hello))
            await client._read_welcome()
        except BaseException:
            await client.close()
            raise
        client._reader = asyncio.create_task(client._read())
        return client

    # ------------------------------------------------------------------------------------------------------- requests

    async def pose(self, camera: Camera, time_secs: float) -> None:
        """The camera is here; not answered."""
        await self._send(msg.ClientMessage(0, msg.PoseUpdate(axes.client_camera(camera, self._convention, time_secs))))

    async def replay(self, trajectory: Trajectory, speed: float = 1.0) -> None:
        """Fly along a path as if it were flown now: its poses at their own times, `speed` times as fast; inf = all at once.

        What the camera of an engine does on the way happens: live projections, a recording if it is on. The server leaves out
        poses that come faster than the welcome's limit.
        """
        clock = asyncio.get_running_loop().time
        start_secs = clock()
        for camera, time_secs in zip(trajectory.cameras, trajectory.times_secs, strict=True):
            due_secs = (time_secs - trajectory.times_secs[0]) / speed
            if due_secs > 0:
                await asyncio.sleep(max(start_secs + due_secs - clock(), 0.0))
            await self.pose(camera, time_secs)

    async def record(self, on: bool) -> None:
        await self.request(msg.Record(on))

    async def seed(self, frames: Sequence[RgbdFrame]) -> int:
        """Make these views part of memory; the revision made. Colour and depth arrive bit for bit."""
        sent = [await asyncio.to_thread(views.view_of, frame, self._convention) for frame in frames]
        return await self.seed_views(sent)

    async def seed_views(self, sent: Sequence[msg.View]) -> int:
        """As `seed`, with views as an engine would send them."""
        for view in sent[:-1]:
            await self._send(msg.ClientMessage(0, msg.Seed(view, more=True)))
        return (await self.request(msg.Seed(sent[-1] if sent else None))).revision

    async def generate(
        self,
        prompt: str = "",
        *,
        seed: int = 0,
        generator: str = "",
        trajectory: Trajectory | None = None,
        clips: int = 0,
        auto_accept: bool = False,
        size: tuple[int, int] = (0, 0),
        trajectory_name: str = "",
    ) -> int:
        """Start a job along the trajectory, or the saved one of that name, or else along what was recorded; its number."""
        sent = None
        if trajectory is not None:
            timed = zip(trajectory.cameras, trajectory.times_secs, strict=True)
            sent = msg.Trajectory(tuple(axes.client_camera(camera, self._convention, time) for camera, time in timed))
        body = msg.Generate(prompt, seed, generator, sent, clips, auto_accept, *size, trajectory_name)
        return (await self.request(body)).job

    async def wait_job(self, job: int) -> msg.Progress:
        """Until the job is done; its last progress.

        Raises:
            CancelledError: it was cancelled; any domain error: it failed by that.
        """

        def over() -> bool:
            return job in self._failures or self._stage(job) in (Stage.DONE, Stage.CANCELLED, Stage.FAILED)

        await self.until(over)
        if job in self._failures:
            raise self._failures[job]
        if self._stage(job) is Stage.FAILED:  # before this client came
            raise from_message(self.progress[job].error or msg.Error("INTERNAL", f"job {job} failed"))
        if self._stage(job) is Stage.CANCELLED:
            raise CancelledError(f"job {job} was cancelled")
        return self.progress[job]

    async def cancel(self, job: int = 0) -> None:
        """Stop a job, running or queued; 0 = all of them. Raises NotFoundError: no such job runs or waits."""
        await self.request(msg.Cancel(job))

    async def accept(self, take: int) -> int:
        """Fold a take into memory; the revision made."""
        return (await self.request(msg.Accept(take))).revision

    async def discard(self, take: int) -> None:
        await self.request(msg.Discard(take))

    async def live_view(self, on: bool, size: tuple[int, int] = (0, 0), max_rate_hz: float = 0.0, depth: bool = False) -> None:
        """Ask for memory under this client's camera as it moves; projections come as events and in `live`."""
        await self.request(msg.LiveView(on, *size, max_rate_hz, depth))

    async def fetch_frames(self, take: int, first: int = 0, count: int = 0, depth: bool = False) -> list[msg.TakeFrame]:
        """The frames of a take that are done, from `first` on, count 0 = all; encoded (see `views.colour_of`)."""
        request_id = self._next_request()
        self._frames[request_id] = []
        try:
            await self.request(msg.FetchFrames(take, first, count, depth), request_id)
            return self._frames[request_id]
        finally:
            del self._frames[request_id]

    async def grant(self, credit_bytes: int) -> None:
        """Let the server send so many bytes of chunk data more."""
        await self._send(msg.ClientMessage(0, msg.Credit(credit_bytes)))

    async def ping(self) -> None:
        """There and back."""
        before = self.pongs
        await self._send(msg.ClientMessage(0, msg.Ping(before + 1)))
        await self.until(lambda: self.pongs > before)

    async def request(self, body: msg.ClientBody, request_id: int = 0) -> msg.Done:
        """Send any request and wait for its answer; raises what the server answers."""
        request_id = request_id or self._next_request()
        answer: asyncio.Future[msg.Done] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        try:
            await self._send(msg.ClientMessage(request_id, body))
            return await answer
        finally:
            del self._answers[request_id]

    # ----------------------------------------------------------------------------------------------------------- news

    async def synced(self, revision: int | None = None) -> msg.Synced:
        """Until the mirror holds that revision or a later one (None = the newest told of), verified."""
        wanted = self.revision.number if revision is None else revision

        def reached() -> bool:
            return self.mirror.clean and self.mirror.synced is not None and self.mirror.synced.revision >= wanted

        await self.until(reached)
        assert self.mirror.synced is not None
        return self.mirror.synced

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds; it is looked at after every message."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition() or self._ended is not None)
        if not condition():
            raise self._gone()

    def events(self) -> AsyncIterator[msg.ServerBody]:
        """Everything the server tells from this call on, chunks left out, until the link ends."""
        listener: _Listener = (deque(maxlen=MAX_EVENTS), asyncio.Event())
        self._listeners.append(listener)
        return self._listen(listener)

    async def _listen(self, listener: _Listener) -> AsyncIterator[msg.ServerBody]:
        queue, something = listener
        try:
            while True:
                while queue:
                    yield queue.popleft()
                if self._ended is not None:
                    return
                something.clear()
                await something.wait()
        finally:
            self._listeners.remove(listener)

    # ------------------------------------------------------------------------------------------------------------ end

    async def close(self) -> None:
        """Leave. The session goes on; what was asked for but not answered may or may not be done."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._transport.close()
        await self._end(UnavailableError("the link was closed", "connect again"))

    async def __aenter__(self) -> "BridgeClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --------------------------------------------------------------------------------------------------------- inside

    def _next_request(self) -> int:
        self._requests += 1
        return self._requests

    def _stage(self, job: int) -> Stage | None:
        return self.progress[job].stage if job in self.progress else None

    def _gone(self) -> SpatiaError:
        assert self._ended is not None
        return type(self._ended)(self._ended.message, self._ended.remedy)

    async def _send(self, message: msg.ClientMessage) -> None:
        if self._ended is not None:
            raise self._gone()
        try:
            await self._transport.write(message)
        except BrokenLinkError as error:
            raise await self._why() from error

    async def _why(self) -> SpatiaError:
        """What ended the stream: its last message if that is still to be read, else its status."""
        if self._reader is not None:
            await asyncio.wait([self._reader])
            return self._gone()
        try:
            await self._read_welcome()
        except SpatiaError as error:
            return error
        return UnavailableError("the stream ended", "connect again")

    async def _read_welcome(self) -> None:
        message = await self._transport.read()
        if message is None:
            raise UnavailableError("the server ended the stream before its welcome", "check the server's log")
        if isinstance(message.body, msg.Error):
            raise from_message(message.body)
        if not isinstance(message.body, msg.Welcome):
            raise ProtocolError("the server's first message is no welcome", "is this a spatia-bridge server?")
        self.welcome = message.body
        self.revision = message.body.revision or msg.Revision()
        self.recording = message.body.recording or msg.Recording()
        self.takes.update({take.number: take for take in message.body.takes})
        self.mirror.apply(message.body)

    async def _read(self) -> None:
        ended: SpatiaError = UnavailableError("the server ended the stream", "connect again and resume")
        try:
            while (message := await self._transport.read()) is not None:
                await self._take(message)
                async with self._changed:
                    self._changed.notify_all()
        except SpatiaError as error:
            ended = error
        finally:
            await self._end(ended)

    async def _end(self, error: SpatiaError) -> None:
        if self._ended is None:
            self._ended = error
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._gone())
        for _, something in self._listeners:
            something.set()
        async with self._changed:
            self._changed.notify_all()

    async def _take(self, message: msg.ServerMessage) -> None:
        body, request_id = message.body, message.request_id
        if isinstance(body, _CHUNK_BODIES):
            self.mirror.apply(body)
            if self._auto_credit:
                await self._give_credit(_data_bytes(body))
            return
        answer = self._answers.get(request_id)
        if isinstance(body, msg.Done):
            if answer is not None and not answer.done():
                answer.set_result(body)
        elif isinstance(body, msg.Error):
            error = from_message(body)
            if body.fatal:
                raise error
            if body.job:
                self._failures[body.job] = error
            if answer is not None and not answer.done():
                answer.set_exception(error)
        elif isinstance(body, msg.TakeFrame) and request_id in self._frames:
            self._frames[request_id].append(body)
        self._note(body)

    async def _give_credit(self, credit_bytes: int) -> None:
        """Give credit back, in few messages."""
        self._owed_bytes += credit_bytes
        if self._owed_bytes >= self._credit_step_bytes:
            owed, self._owed_bytes = self._owed_bytes, 0
            with contextlib.suppress(BrokenLinkError):  # reading on tells why
                await self._transport.write(msg.ClientMessage(0, msg.Credit(owed)))

    def _note(self, body: msg.ServerBody | None) -> None:
        """Keep the newest news and pass it on."""
        if body is None:
            return
        if isinstance(body, msg.Revision):
            self.revision = body
        elif isinstance(body, msg.Space):
            self.mirror.apply(body)
        elif isinstance(body, msg.Take):
            self.takes[body.number] = body
        elif isinstance(body, msg.Progress):
            self.progress[body.job] = body
        elif isinstance(body, msg.Recording):
            self.recording = body
        elif isinstance(body, msg.LiveProjection):
            self.live = body
        elif isinstance(body, msg.Pong):
            self.pongs = body.nonce
        for queue, something in self._listeners:
            queue.append(body)
            something.set()


def _data_bytes(body: msg.ServerBody) -> int:
    """Of chunk data in a message, as credit counts it."""
    if isinstance(body, msg.ChunkParts):
        return sum(len(part.data) for part in body.parts)
    return len(body.data) if isinstance(body, msg.ChunkPart | msg.ChunkTable) else 0
