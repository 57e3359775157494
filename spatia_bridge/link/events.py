"""What a session tells its clients. Domain objects; the link turns them into messages, each under its queue's policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Revision, Snapshot


class TakeState(Enum):
    """Where a take stands."""

    GENERATING = "generating"
    PENDING = "pending"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"
    REJECTED = "rejected"  # failed its health check; memory is as before


class Stage(Enum):
    """Where a job stands."""

    QUEUED = "queued"
    PROJECTING = "projecting"
    GENERATING = "generating"
    WAITING = "waiting"
    UPDATING = "updating"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class ReferenceInfo:
    """An earlier frame that the generator was shown, and why this one."""

    clip: int
    number: int
    reason: str


@dataclass(frozen=True)
class TakeInfo:
    """A take without its frames. `references` and the generator's `remark` are known while the session is open."""

    number: int
    state: TakeState
    frames_done: int = 0
    frames_total: int = 0
    prompt: str = ""
    seed: int = 0
    generator: str = ""
    base_revision: int = 0
    fps: float = 16.0
    width: int = 0
    height: int = 0
    references: tuple[ReferenceInfo, ...] = field(default=(), compare=False)
    remark: str = field(default="", compare=False)


@dataclass(frozen=True, eq=False)
class RevisionMade:
    """Memory moved. Lossless (control queue); the chunks that changed are coalesced by index."""

    revision: Revision
    snapshot: Snapshot
    can_undo: bool
    can_redo: bool


@dataclass(frozen=True)
class TakeChanged:
    """A take began, grew complete or was decided. Control queue."""

    take: TakeInfo


@dataclass(frozen=True, eq=False)
class FrameMade:
    """A take has one more frame. Frames are stored and fetched by number, so this may be coalesced."""

    take: int
    frame: GeneratedFrame
    camera: Camera


@dataclass(frozen=True)
class JobFailed:
    """A job ended by an error. Control queue."""

    job: int
    code: str
    message: str
    remedy: str
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """What a clip's last frame looks like so far: a JPEG of width × height pixels."""

    width: int
    height: int
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class JobProgress:
    """How far a job is; latest wins.

    Attributes:
        remaining_secs: of the whole job, None while not known.
        clip, clips: 1-based.
        failure: of a failed job: why, for those who were not there when it was told.
        preview: of a clip being made, where its generator has one.
    """

    job: int
    stage: Stage
    done: int = 0
    total: int = 0
    remaining_secs: float | None = None
    clip: int = 0
    clips: int = 0
    take: int = 0
    failure: JobFailed | None = None
    preview: Preview | None = None

    @property
    def ended(self) -> bool:
        """The job is over, one way or another."""
        return self.stage in (Stage.DONE, Stage.CANCELLED, Stage.FAILED)


SessionEvent = RevisionMade | TakeChanged | FrameMade | JobProgress | JobFailed
