"""Where sessions are: below a folder of this machine, or with a running server. Both answer in the same words."""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from spatia_bridge.app import build_host, default_data_dir
from spatia_bridge.cli.main import TOKEN_VARIABLE
from spatia_bridge.client import SessionsClient
from spatia_bridge.errors import NotFoundError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import management as mgmt
from spatia_bridge.service.sessions import SessionsService
from spatia_bridge.session.host import SessionHost


class Place(Protocol):
    """The management calls; see SessionsClient, which is one. They raise domain errors."""

    async def list(self) -> tuple[mgmt.SessionInfo, ...]: ...

    async def get(self, session_id: str) -> mgmt.GetSessionResponse: ...

    async def delete(self, session_id: str) -> None: ...

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

    async def export(
        self, session_id: str, format: str, engine: Engine = Engine.OPENCV, revision: int = 0
    ) -> AsyncIterator[bytes]:
        async for piece in self._service.export_session(mgmt.ExportSessionRequest(session_id, format, engine, revision)):
            yield piece.data


@asynccontextmanager
async def open_place(args: argparse.Namespace) -> AsyncIterator[Place]:
    """What --server or --data say.

    Raises:
        NotFoundError: the folder does not exist; commands that look for sessions do not make one.
    """
    if args.server:
        async with SessionsClient(args.server, token=os.environ.get(TOKEN_VARIABLE, "")) as client:
            yield client
        return
    folder = Path(args.data) if args.data else default_data_dir()
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", "give the folder of the sessions with --data, or serve first")
    host = build_host(folder)
    try:
        yield LocalSessions(host)
    finally:
        await host.close()
