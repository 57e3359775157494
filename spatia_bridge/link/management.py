"""The messages of the management calls (`protos/spatia/v1/sessions.proto`), by the rules of `link.messages`."""

from dataclasses import dataclass

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link.messages import Intrinsics, Revision, Take


@dataclass(frozen=True, slots=True)
class SessionInfo:
    id: str = ""
    title: str = ""
    created_secs: float = 0.0
    modified_secs: float = 0.0
    revisions: int = 0
    points: int = 0
    bytes_on_disk: int = 0
    problem: str = ""
    oldest_revision: int = 0


@dataclass(frozen=True, slots=True)
class ListSessionsRequest:
    pass


@dataclass(frozen=True, slots=True)
class ListSessionsResponse:
    sessions: tuple[SessionInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateSessionRequest:
    id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class CreateSessionResponse:
    session: SessionInfo | None = None


@dataclass(frozen=True, slots=True)
class GetSessionRequest:
    id: str = ""


@dataclass(frozen=True, slots=True)
class GetSessionResponse:
    session: SessionInfo | None = None
    revisions: tuple[Revision, ...] = ()
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteSessionRequest:
    id: str = ""


@dataclass(frozen=True, slots=True)
class DeleteSessionResponse:
    pass


@dataclass(frozen=True, slots=True)
class ExportSessionRequest:
    id: str = ""
    format: str = ""
    engine: Engine | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class ExportSessionResponse:
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ForkSessionRequest:
    id: str = ""
    new_id: str = ""
    revision: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class ForkSessionResponse:
    session: SessionInfo | None = None


@dataclass(frozen=True, slots=True)
class PruneSessionRequest:
    id: str = ""
    keep_revisions: int = 0


@dataclass(frozen=True, slots=True)
class PruneSessionResponse:
    session: SessionInfo | None = None
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TrajectoryInfo:
    name: str = ""
    poses: int = 0
    duration_secs: float = 0.0
    saved_secs: float = 0.0


@dataclass(frozen=True, slots=True)
class SaveTrajectoryRequest:
    id: str = ""
    name: str = ""
    data: bytes = b""
    format: str = ""
    intrinsics: Intrinsics | None = None


@dataclass(frozen=True, slots=True)
class SaveTrajectoryResponse:
    trajectory: TrajectoryInfo | None = None


@dataclass(frozen=True, slots=True)
class ListTrajectoriesRequest:
    id: str = ""


@dataclass(frozen=True, slots=True)
class ListTrajectoriesResponse:
    trajectories: tuple[TrajectoryInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class GetTrajectoryRequest:
    id: str = ""
    name: str = ""
    format: str = ""
    engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class GetTrajectoryResponse:
    trajectory: TrajectoryInfo | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class DeleteTrajectoryRequest:
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class DeleteTrajectoryResponse:
    pass
