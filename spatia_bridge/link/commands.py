"""What the link asks its driver to do. World frame, metres, domain types; axes, units and images were checked by the link.

A command that came with a request is answered by `Link.answer` or `Link.fail` with its request_id, also when that is 0.
"""

from dataclasses import dataclass

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.link.axes import PendingTrajectory
from spatia_bridge.link.messages import Compression, Resume
from spatia_bridge.link.views import PendingView
from spatia_bridge.memory.edits import Edit


@dataclass(frozen=True)
class Attach:
    """Open the session and call `Link.attach`, or `Link.fail(…, fatal=True)`, before the next message is received."""

    request_id: int
    session: str
    create: bool
    resume: Resume | None
    compression: Compression
    credit_bytes: int
    batch_bytes: int = 0
    tables: bool = False


@dataclass(frozen=True, eq=False)
class PoseReceived:
    """The client's camera moved. time_secs is on the client's clock; it did increase if the client is sane."""

    request_id: int
    camera: Camera
    time_secs: float


@dataclass(frozen=True)
class SetRecording:
    """Switch recording on (forget what was recorded) or off."""

    request_id: int
    on: bool


@dataclass(frozen=True, eq=False)
class SeedViews:
    """Views that become one revision. `decode` is heavy: run it off the loop."""

    request_id: int
    views: tuple[PendingView, ...]

    def decode(self) -> list[RgbdFrame]:
        """Decode all images.

        Raises:
            CodecError, InvalidInputError: an image is corrupt or not what its view states.
        """
        return [view.decode() for view in self.views]


@dataclass(frozen=True, eq=False)
class GenerateClips:
    """Start a job.

    trajectory None = the saved one of that name, or if there is no name what is recorded now; to decode it is heavy: run it off
    the loop. generator "" = the default; clips 0 = by the trajectory's length.
    """

    request_id: int
    prompt: str
    seed: int
    generator: str
    trajectory: PendingTrajectory | None
    clips: int
    auto_accept: bool
    width: int
    height: int
    trajectory_name: str = ""


@dataclass(frozen=True)
class CancelJobs:
    """Stop one job, running or queued; job 0 = all. Must not wait behind other commands."""

    request_id: int
    job: int = 0


@dataclass(frozen=True)
class AcceptTake:
    request_id: int
    take: int


@dataclass(frozen=True)
class DiscardTake:
    request_id: int
    take: int


@dataclass(frozen=True, eq=False)
class ApplyEdit:
    request_id: int
    edit: Edit


@dataclass(frozen=True)
class UndoEdit:
    request_id: int


@dataclass(frozen=True)
class RedoEdit:
    request_id: int


@dataclass(frozen=True)
class ListFrames:
    """Find out how many frames a take has and call `Link.queue_frames` with those of first … first + count − 1 (0 = all)."""

    request_id: int
    take: int
    first: int
    count: int
    depth: bool


@dataclass(frozen=True)
class EncodeFrame:
    """Fetch a take's frame, encode it off the loop, call `Link.frame_ready(ticket, …)`."""

    ticket: int
    take: int
    number: int
    depth: bool


@dataclass(frozen=True, eq=False)
class RenderProjection:
    """Render memory under the camera off the loop, encode it, call `Link.projection_ready(ticket, …)`."""

    ticket: int
    camera: Camera
    time_secs: float
    depth: bool


Command = (
    Attach
    | PoseReceived
    | SetRecording
    | SeedViews
    | GenerateClips
    | CancelJobs
    | AcceptTake
    | DiscardTake
    | ApplyEdit
    | UndoEdit
    | RedoEdit
    | ListFrames
)
Work = EncodeFrame | RenderProjection
