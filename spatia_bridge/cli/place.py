"""Where sessions are: below a folder of this machine, or with a running server. Both answer in the same words."""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypedDict

from spatia_bridge.app import build_host, default_data_dir, serving
from spatia_bridge.cli.main import AUTHORITIES_VARIABLE, TOKEN_VARIABLE
from spatia_bridge.client import SessionsClient
from spatia_bridge.client.sessions import sent_intrinsics
from spatia_bridge.errors import NotFoundError
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import management as mgmt
from spatia_bridge.service.sessions import SessionsService
from spatia_bridge.session.host import SessionHost
from spatia_bridge.tls import read_pem


class Place(Protocol):
    """The management calls; see SessionsClient, which is one. They raise domain errors."""

    async def list(self) -> tuple[mgmt.SessionInfo, ...]: ...

    async def get(self, session_id: str) -> mgmt.GetSessionResponse: ...

    async def delete(self, session_id: str) -> None: ...

    async def fork(self, session_id: str, new_id: str, revision: int = ..., title: str = ...) -> mgmt.SessionInfo: ...

    async def prune(self, session_id: str, keep: int) -> mgmt.PruneSessionResponse: ...

    async def trajectories(self, session_id: str) -> tuple[mgmt.TrajectoryInfo, ...]: ...

    async def import_trajectory(
        self, session_id: str, name: str, data: bytes, format: str, intrinsics: Intrinsics | None = ...
    ) -> mgmt.TrajectoryInfo: ...

    async def export_trajectory(self, session_id: str, name: str, format: str = ..., engine: Engine = ...) -> bytes: ...

    async def delete_trajectory(self, session_id: str, name: str) -> None: ...

    def export(self, session_id: str, format: str, engine: Engine = ..., revision: int = ...) -> AsyncIterator[bytes]: ...


class LocalSessions:
    """The sessions below a folder, by the code that serves them."""

    def __init__(self, host: SessionHost) -> None:
        self._service = SessionsService(host)

    async def list(self) -> tuple[mgmt.SessionInfo, ...]:
        return (await self._service.list_sessions(mgmt.ListSessionsRequest())).sessions

    async def get(self, session_id: str) -> mgmt.GetSessionResponse:
        return await self._service.get_session(mgmt.GetSessionRequest(session_id))

    async def delete(self, session_id: str) -> None:
        await self._service.delete_session(mgmt.DeleteSessionRequest(session_id))

    async def fork(self, session_id: str, new_id: str, revision: int = 0, title: str = "") -> mgmt.SessionInfo:
        made = await self._service.fork_session(mgmt.ForkSessionRequest(session_id, new_id, revision, title))
        return made.session or mgmt.SessionInfo()

    async def prune(self, session_id: str, keep: int) -> mgmt.PruneSessionResponse:
        return await self._service.prune_session(mgmt.PruneSessionRequest(session_id, keep))

    async def trajectories(self, session_id: str) -> tuple[mgmt.TrajectoryInfo, ...]:
        return (await self._service.list_trajectories(mgmt.ListTrajectoriesRequest(session_id))).trajectories

    async def import_trajectory(
        self, session_id: str, name: str, data: bytes, format: str, intrinsics: Intrinsics | None = None
    ) -> mgmt.TrajectoryInfo:
        request = mgmt.SaveTrajectoryRequest(session_id, name, data, format, sent_intrinsics(intrinsics))
        return (await self._service.save_trajectory(request)).trajectory or mgmt.TrajectoryInfo()

    async def export_trajectory(self, session_id: str, name: str, format: str = "json", engine: Engine = Engine.OPENCV) -> bytes:
        return (await self._service.get_trajectory(mgmt.GetTrajectoryRequest(session_id, name, format, engine))).data

    async def delete_trajectory(self, session_id: str, name: str) -> None:
        await self._service.delete_trajectory(mgmt.DeleteTrajectoryRequest(session_id, name))

    async def export(
        self, session_id: str, format: str, engine: Engine = Engine.OPENCV, revision: int = 0
    ) -> AsyncIterator[bytes]:
        async for piece in self._service.export_session(mgmt.ExportSessionRequest(session_id, format, engine, revision)):
            yield piece.data


class Access(TypedDict):
    """A token, and whose certificates to believe: keywords of both clients."""

    token: str
    authorities_pem: bytes | None


@asynccontextmanager
async def open_place(args: argparse.Namespace) -> AsyncIterator[Place]:
    """What --server or --data say.

    Raises:
        NotFoundError: the folder does not exist; commands that look for sessions do not make one.
    """
    if args.server:
        async with SessionsClient(args.server, **access()) as client:
            yield client
        return
    host = _host_of(args)
    try:
        yield LocalSessions(host)
    finally:
        await host.close()


@asynccontextmanager
async def open_server(args: argparse.Namespace) -> AsyncIterator[tuple[str, Access]]:
    """The server that --server names and how to enter it, or else one on the loopback, as long as the block, for the folder.

    Raises:
        NotFoundError: the folder does not exist.
    """
    if args.server:
        yield args.server, access()
        return
    async with serving(_host_of(args), "127.0.0.1:0") as server:
        yield f"127.0.0.1:{server.port}", Access(token="", authorities_pem=None)


def access() -> Access:
    """What the environment says about how to enter a server.

    Raises:
        InvalidInputError: the file of authorities cannot be read or is no PEM.
    """
    authorities = os.environ.get(AUTHORITIES_VARIABLE, "")
    return Access(token=os.environ.get(TOKEN_VARIABLE, ""), authorities_pem=read_pem(Path(authorities)) if authorities else None)


def _host_of(args: argparse.Namespace) -> SessionHost:
    folder = Path(args.data) if args.data else default_data_dir()
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", "give the folder of the sessions with --data, or serve first")
    return build_host(folder)
