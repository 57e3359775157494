"""The management calls: messages in, the host's methods, messages out."""

from collections.abc import AsyncIterator

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import management as mgmt
from spatia_bridge.link.outgoing import revision_message, take_message
from spatia_bridge.session.host import SessionHost
from spatia_bridge.store.library import SessionInfo

EXPORT_PIECE_BYTES = 1 << 20


class SessionsService:
    """Methods by their proto names in lower case; they raise domain errors."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host

    async def list_sessions(self, _request: mgmt.ListSessionsRequest) -> mgmt.ListSessionsResponse:
        return mgmt.ListSessionsResponse(tuple(map(_info, await self._host.list())))

    async def create_session(self, request: mgmt.CreateSessionRequest) -> mgmt.CreateSessionResponse:
        return mgmt.CreateSessionResponse(_info(await self._host.create(request.id, request.title)))

    async def get_session(self, request: mgmt.GetSessionRequest) -> mgmt.GetSessionResponse:
        info = await self._host.info(request.id)
        revisions, takes = await self._host.history(request.id)
        return mgmt.GetSessionResponse(_info(info), tuple(map(revision_message, revisions)), tuple(map(take_message, takes)))

    async def delete_session(self, request: mgmt.DeleteSessionRequest) -> mgmt.DeleteSessionResponse:
        await self._host.delete(request.id)
        return mgmt.DeleteSessionResponse()

    async def export_session(self, request: mgmt.ExportSessionRequest) -> AsyncIterator[mgmt.ExportSessionResponse]:
        engine = request.engine or Engine.OPENCV
        async for data in self._host.export(request.id, request.format, engine, request.revision):
            for at in range(0, len(data), EXPORT_PIECE_BYTES):
                yield mgmt.ExportSessionResponse(bytes(data[at : at + EXPORT_PIECE_BYTES]))


def _info(info: SessionInfo) -> mgmt.SessionInfo:
    return mgmt.SessionInfo(
        info.session_id,
        info.title,
        info.created_secs,
        info.modified_secs,
        info.revisions,
        info.points,
        info.bytes_on_disk,
        info.problem,
    )
