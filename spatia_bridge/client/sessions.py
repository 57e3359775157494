"""Management calls of a server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from spatia_bridge.client.faults import from_rpc
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.geometry.trajectory_io import read_json, write_json
from spatia_bridge.link import management as mgmt
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.rpc import MAX_MESSAGE_BYTES, SESSIONS, methods

GRPC_TLS = "grpcs://"
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


def open_channel(address: str, authorities_pem: bytes | None = None) -> grpc.aio.Channel:
    """A channel with this protocol's limits: `host:port` in plain text, `grpcs://host:port` with TLS.

    Args:
        authorities_pem: whose certificates are believed; None = those that gRPC brings along.
    Raises:
        InvalidInputError: the address of a WebSocket, which has the live link only.
    """
    if address.startswith(("ws://", "wss://")):
        raise InvalidInputError(f"{address} is no gRPC address", "give HOST:PORT or grpcs://HOST:PORT, as `serve` announces it")
    if not address.startswith(GRPC_TLS):
        return grpc.aio.insecure_channel(address, CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(authorities_pem)
    return grpc.aio.secure_channel(address.removeprefix(GRPC_TLS), credentials, CHANNEL_OPTIONS)


def sent_intrinsics(k: Intrinsics | None) -> msg.Intrinsics | None:
    """As messages carry them."""
    return None if k is None else msg.Intrinsics(k.fx, k.fy, k.cx, k.cy, k.width, k.height)


class SessionsClient:
    """Lists, makes, forks, prunes, deletes and exports sessions, keeps their trajectories.

    Every method raises the server's domain errors, UnavailableError without a server.

    async with SessionsClient("127.0.0.1:50051") as sessions: print(await sessions.list())
    """

    def __init__(self, address: str, *, token: str = "", authorities_pem: bytes | None = None) -> None:
        """For the address and the authorities see `open_channel`."""
        self._channel = open_channel(address, authorities_pem)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._methods = methods(SESSIONS)

    async def list(self) -> tuple[mgmt.SessionInfo, ...]:
        response: mgmt.ListSessionsResponse = await self._call("ListSessions", mgmt.ListSessionsRequest())
        return response.sessions

    async def create(self, session_id: str, title: str = "") -> mgmt.SessionInfo:
        """Raises ConflictError when it exists, InvalidInputError for a bad id."""
        response: mgmt.CreateSessionResponse = await self._call("CreateSession", mgmt.CreateSessionRequest(session_id, title))
        return response.session or mgmt.SessionInfo()

    async def get(self, session_id: str) -> mgmt.GetSessionResponse:
        """With all revisions and takes. Raises NotFoundError."""
        response: mgmt.GetSessionResponse = await self._call("GetSession", mgmt.GetSessionRequest(session_id))
        return response

    async def delete(self, session_id: str) -> None:
        """For good. Raises NotFoundError, and ConflictError while clients are connected to it."""
        await self._call("DeleteSession", mgmt.DeleteSessionRequest(session_id))

    async def export(
        self, session_id: str, format: str, engine: Engine = Engine.OPENCV, revision: int = 0
    ) -> AsyncIterator[bytes]:
        """The file's bytes in order, in the engine's axes and units; revision 0 = the head. Raises NotFoundError."""
        method = self._methods["ExportSession"]
        call = self._channel.unary_stream(method.path, bytes, bytes)
        request = method.serialise(mgmt.ExportSessionRequest(session_id, format, engine, revision))
        try:
            async for data in call(request, metadata=self._metadata):
                yield method.parse_response(data).data
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error

    async def fork(self, session_id: str, new_id: str, revision: int = 0, title: str = "") -> mgmt.SessionInfo:
        """A new session that begins with a revision (0 = the head) of another, which may be in use.

        Its history is that one revision; it has the frames that made it, the locks and the saved trajectories.
        Raises NotFoundError: no such session or revision; ConflictError: new_id exists; InvalidInputError: it cannot be an id.
        """
        request = mgmt.ForkSessionRequest(session_id, new_id, revision, title)
        response: mgmt.ForkSessionResponse = await self._call("ForkSession", request)
        return response.session or mgmt.SessionInfo()

    async def prune(self, session_id: str, keep: int) -> mgmt.PruneSessionResponse:
        """Forget, for good, the content of all but the newest `keep` revisions of a session, which may be in use.

        The head stays as it is; undo, fork and export reach what is kept; takes that no kept revision rests on lose their frames.
        Raises NotFoundError: no such session; InvalidInputError: keep is less than 1; StoreError: disk full.
        """
        response: mgmt.PruneSessionResponse = await self._call("PruneSession", mgmt.PruneSessionRequest(session_id, keep))
        return response

    async def save_trajectory(self, session_id: str, name: str, trajectory: Trajectory | None = None) -> mgmt.TrajectoryInfo:
        """Keep a path (OpenCV axes, metres), or what the session recorded, under a name for `BridgeClient.generate`.

        Raises InvalidInputError: not a name, or nothing was recorded; LimitExceededError: too many.
        """
        data = b"" if trajectory is None else await asyncio.to_thread(write_json, trajectory)
        return await self.import_trajectory(session_id, name, data, "json")

    async def import_trajectory(
        self, session_id: str, name: str, data: bytes, format: str, intrinsics: Intrinsics | None = None
    ) -> mgmt.TrajectoryInfo:
        """As `save_trajectory`, with a file of `geometry.trajectory_io`: "json", or "tum" with its intrinsics.

        Raises also CodecError: not such a file.
        """
        request = mgmt.SaveTrajectoryRequest(session_id, name, data, format, sent_intrinsics(intrinsics))
        response: mgmt.SaveTrajectoryResponse = await self._call("SaveTrajectory", request)
        return response.trajectory or mgmt.TrajectoryInfo()

    async def trajectories(self, session_id: str) -> tuple[mgmt.TrajectoryInfo, ...]:
        """The saved paths, by name."""
        request = mgmt.ListTrajectoriesRequest(session_id)
        response: mgmt.ListTrajectoriesResponse = await self._call("ListTrajectories", request)
        return response.trajectories

    async def trajectory(self, session_id: str, name: str) -> Trajectory:
        """A saved path through the scene as it is now (OpenCV axes, metres). Raises NotFoundError."""
        return await asyncio.to_thread(read_json, await self.export_trajectory(session_id, name))

    async def export_trajectory(self, session_id: str, name: str, format: str = "json", engine: Engine = Engine.OPENCV) -> bytes:
        """A saved path as a file: "json" in the engine's axes and units, "tum" in the server's. Raises NotFoundError."""
        request = mgmt.GetTrajectoryRequest(session_id, name, format, engine)
        response: mgmt.GetTrajectoryResponse = await self._call("GetTrajectory", request)
        return response.data

    async def delete_trajectory(self, session_id: str, name: str) -> None:
        """Raises NotFoundError."""
        await self._call("DeleteTrajectory", mgmt.DeleteTrajectoryRequest(session_id, name))

    async def close(self) -> None:
        await self._channel.close(None)

    async def __aenter__(self) -> "SessionsClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, name: str, request: Any) -> Any:
        method = self._methods[name]
        call = self._channel.unary_unary(method.path, bytes, bytes)
        try:
            return method.parse_response(await call(method.serialise(request), metadata=self._metadata))
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error) from error
