"""The messages of the management calls (`protos/spatia/v1/sessions.proto`), by the rules of `link.messages`."""

from dataclasses import dataclass

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link.messages import Revision, Take


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
