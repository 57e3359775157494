"""The management calls: messages in, the host's methods, messages out."""

from collections.abc import AsyncIterator

from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory_io import read_trajectory, write_trajectory
from spatia_bridge.link import management as mgmt
from spatia_bridge.link.outgoing import revision_message, take_message
from spatia_bridge.session.carry import carried_trajectory
from spatia_bridge.session.host import SessionHost
from spatia_bridge.store.library import SessionInfo
from spatia_bridge.store.trajectories import TrajectoryInfo

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

    async def fork_session(self, request: mgmt.ForkSessionRequest) -> mgmt.ForkSessionResponse:
        info = await self._host.fork(request.id, request.new_id, request.revision, request.title)
        return mgmt.ForkSessionResponse(_info(info))

    async def prune_session(self, request: mgmt.PruneSessionRequest) -> mgmt.PruneSessionResponse:
        info, freed_bytes = await self._host.prune(request.id, request.keep_revisions)
        return mgmt.PruneSessionResponse(_info(info), freed_bytes)

    async def save_trajectory(self, request: mgmt.SaveTrajectoryRequest) -> mgmt.SaveTrajectoryResponse:
        session, trajectory = await self._host.open(request.id), None
        if request.data:
            k = request.intrinsics
            intrinsics = None if k is None else Intrinsics(k.fx, k.fy, k.cx, k.cy, k.width, k.height)
            trajectory = await self._host.workers.run(read_trajectory, request.data, request.format, intrinsics)
        return mgmt.SaveTrajectoryResponse(_trajectory(await session.save_trajectory(request.name, trajectory)))

    async def list_trajectories(self, request: mgmt.ListTrajectoriesRequest) -> mgmt.ListTrajectoriesResponse:
        session = await self._host.open(request.id)
        return mgmt.ListTrajectoriesResponse(tuple(map(_trajectory, await session.trajectories())))

    async def get_trajectory(self, request: mgmt.GetTrajectoryRequest) -> mgmt.GetTrajectoryResponse:
        session = await self._host.open(request.id)
        info, trajectory, alignment = await session.saved_trajectory(request.name)
        now, engine = session.memory.snapshot().alignment, request.engine or Engine.OPENCV

        def write() -> bytes:
            return write_trajectory(carried_trajectory(trajectory, alignment, now), request.format, engine)

        return mgmt.GetTrajectoryResponse(_trajectory(info), await self._host.workers.run(write))

    async def delete_trajectory(self, request: mgmt.DeleteTrajectoryRequest) -> mgmt.DeleteTrajectoryResponse:
        await (await self._host.open(request.id)).delete_trajectory(request.name)
        return mgmt.DeleteTrajectoryResponse()


def _trajectory(info: TrajectoryInfo) -> mgmt.TrajectoryInfo:
    return mgmt.TrajectoryInfo(info.name, info.poses, info.duration_secs, info.saved_secs)


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
        info.oldest_revision,
    )
