"""The host keeps sessions open: one Session object for all who watch it, opened on first use, closed with the server."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from spatia_bridge.errors import ConflictError, NotFoundError, UnavailableError
from spatia_bridge.export.base import Exporter, exporter
from spatia_bridge.generation.base import CancelToken, ClipShape, Generator
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link.events import TakeInfo
from spatia_bridge.memory import Revision, Snapshot
from spatia_bridge.session.loop import Stages
from spatia_bridge.session.session import Session
from spatia_bridge.session.workers import LocalWorkers, Workers
from spatia_bridge.store.library import SessionInfo, SessionLibrary

# A render has all cores to itself and is done sooner than several side by side; whoever waits is aimed when its turn comes. So
# live projections of any number of clients leave the other workers to edits and takes.
LIVE_AT_ONCE = 1
EXPORT_PIECES = 8  # pieces of an export that may wait for a slow reader


@dataclass(frozen=True)
class GeneratorInfo:
    """A generator that clients may name."""

    name: str
    shape: ClipShape


class SessionHost:
    """All sessions of one server. Methods belong to the event loop's thread.

    Attributes:
        workers: where heavy work runs.
        live_turns: held by whoever renders a live projection.
    """

    def __init__(
        self,
        library: SessionLibrary,
        stages: Stages,
        generators: Mapping[str, Callable[[], Generator]],
        default_generator: str,
        workers: Workers | None = None,
        keep_revisions: int = 0,
        max_points: int = 0,
    ) -> None:
        """Bounds of every session; 0 = none.

        Args:
            keep_revisions: so many and a quarter at most (see `Session.prune`).
            max_points: of memory as it is now (see `memory.budget`).
        """
        self._library = library
        self._stages = stages
        self._makers = generators
        self._default = default_generator
        self._keep_revisions = keep_revisions
        self._max_points = max_points
        self.workers = workers or LocalWorkers()
        self.live_turns = asyncio.Semaphore(LIVE_AT_ONCE)  # first come, first served
        self._open: dict[str, Session] = {}
        self._opening = asyncio.Lock()
        self._making = threading.Lock()
        self._instances: dict[str, Generator] = {}
        self._closed = False

    async def open(self, session_id: str, create: bool = False) -> Session:
        """The session, opened if it is not yet; it stays open until the host closes or it is deleted.

        Raises:
            NotFoundError: there is none and create is false; ConflictError: another process has it; StoreError: it is damaged.
        """
        async with self._opening:
            if self._closed:
                raise UnavailableError("the server is shutting down", "connect again when it is back")
            session = self._open.get(session_id)
            if session is None:
                session = self._open[session_id] = await self._load(session_id, create)
            return session

    async def _load(self, session_id: str, create: bool) -> Session:
        try:
            store = await self.workers.run(self._library.open, session_id)
        except NotFoundError:
            if not create:
                raise
            store = await self.workers.run(self._library.create, session_id)
        try:
            memory = await self.workers.run(store.open_memory, self._max_points)
            return Session(store, memory, self._stages, self.make_generator, self.workers, self._keep_revisions)
        except BaseException:
            await self.workers.run(store.close)
            raise

    def make_generator(self, name: str) -> Generator:
        """The generator of that name ("" = the default); one instance serves the whole process.

        Raises:
            NotFoundError: there is none; it lists those there are.
        """
        name = name or self._default
        if name not in self._makers:
            raise NotFoundError(f"there is no generator {name!r}", f"use one of: {', '.join(sorted(self._makers))}")
        with self._making:  # workers ask too
            if name not in self._instances:
                self._instances[name] = self._makers[name]()
            return self._instances[name]

    def generators(self) -> list[GeneratorInfo]:
        """What clients may name, the default first."""
        names = sorted(self._makers, key=lambda name: (name != self._default, name))
        return [GeneratorInfo(name, self.make_generator(name).shape) for name in names]

    async def create(self, session_id: str, title: str = "") -> SessionInfo:
        """Raises ConflictError when it exists, InvalidInputError for a bad id."""
        store = await self.workers.run(self._library.create, session_id, title)
        await self.workers.run(store.close)
        return await self.info(session_id)

    async def list(self) -> list[SessionInfo]:
        return await self.workers.run(self._library.list)

    async def info(self, session_id: str) -> SessionInfo:
        """Raises NotFoundError."""
        for info in await self.list():
            if info.session_id == session_id:
                return info
        raise NotFoundError(f"there is no session {session_id!r}", "list the sessions to see which there are")

    async def history(self, session_id: str) -> tuple[tuple[Revision, ...], tuple[TakeInfo, ...]]:
        """All revisions and takes of a session."""
        session = await self.open(session_id)
        return session.memory.revisions(), tuple(session.takes())

    async def delete(self, session_id: str) -> None:
        """Remove a session and its folder for good.

        Raises:
            NotFoundError; ConflictError: clients are connected to it.
        """
        async with self._opening:
            session = self._open.get(session_id)
            if session is not None:
                if session.watched:
                    raise ConflictError(f"clients are connected to session {session_id!r}", "disconnect them first")
                del self._open[session_id]
                await session.close()
            await self.workers.run(self._library.delete, session_id)

    async def fork(self, session_id: str, new_id: str, revision: int = 0, title: str = "") -> SessionInfo:
        """A new session that begins with a revision (0 = the head) of another, which may be in use; see `SessionStore.copy_to`.

        Raises:
            NotFoundError: no such session or revision; ConflictError: new_id exists; InvalidInputError: it cannot be an id.
        """
        session = await self.open(session_id)
        await self.workers.run(session.fork_into, self._library, new_id, revision, title)
        return await self.info(new_id)

    async def prune(self, session_id: str, keep: int) -> tuple[SessionInfo, int]:
        """Forget the content of all but the newest `keep` revisions of a session, which may be in use; see `Session.prune`.

        Returns:
            The session as it is then, and how many bytes smaller it is on the disk.
        Raises:
            NotFoundError: no such session; InvalidInputError: keep is less than 1; StoreError: disk full.
        """
        session = await self.open(session_id)
        before = await self.info(session_id)
        await session.prune(keep)
        after = await self.info(session_id)
        return after, max(before.bytes_on_disk - after.bytes_on_disk, 0)

    async def export(
        self, session_id: str, format_name: str, engine: Engine = Engine.OPENCV, revision: int = 0
    ) -> AsyncIterator[bytes]:
        """A file's bytes in order, made while they are read.

        Raises:
            NotFoundError: no such format, session or revision, or it was pruned.
        """
        writer = exporter(format_name)
        session = await self.open(session_id)
        snapshot = session.memory.at(revision) if revision else session.memory.snapshot()
        async for piece in _stream(writer, snapshot, engine, self.workers):
            yield piece

    async def close(self) -> None:
        """Close every session; what is pending stays in the store."""
        async with self._opening:
            self._closed = True
            for session in self._open.values():
                await session.close()
            self._open.clear()
        self.workers.close()


async def _stream(exporter: Exporter, snapshot: Snapshot, engine: Engine, workers: Workers) -> AsyncIterator[bytes]:
    """Run the exporter in a worker and hand over what it writes; it waits for a slow reader, and stops if the reader leaves."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(EXPORT_PIECES)
    left = CancelToken()

    def sink(data: bytes) -> None:
        left.raise_if_cancelled()
        asyncio.run_coroutine_threadsafe(pieces.put(data), loop).result()

    async def write() -> None:
        try:
            await workers.run(exporter.write, snapshot, engine, sink)
        finally:
            await pieces.put(None)

    task = asyncio.create_task(write())
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        await task
    finally:
        left.cancel()
        while not task.done():  # a writer that waits for room gets it, and then sees that nobody reads
            while not pieces.empty():
                pieces.get_nowait()
            await asyncio.wait({task}, timeout=0.01)
        if not task.cancelled():
            task.exception()
