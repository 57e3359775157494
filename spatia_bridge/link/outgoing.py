"""Domain values → server messages. The pictures are heavy to encode: `Pictures` is immutable and made to be used by a worker."""

from dataclasses import dataclass

from spatia_bridge.codec.images import DEPTH_UNITS_PER_M, encode_depth, encode_depth_png16, encode_jpeg
from spatia_bridge.errors import SpatiaError
from spatia_bridge.frames import ColourImage, DepthImage, GeneratedFrame, Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.chunks import digest_bytes
from spatia_bridge.link.events import JobFailed, JobProgress, TakeInfo
from spatia_bridge.memory.history import Revision
from spatia_bridge.memory.snapshot import Snapshot

TAKE_FRAME_QUALITY = 92
LIVE_QUALITY = 80


def revision_message(
    revision: Revision, snapshot: Snapshot | None = None, can_undo: bool = False, can_redo: bool = False
) -> msg.Revision:
    """A revision; without its snapshot (old revisions in a list) digest and locks are left out."""
    return msg.Revision(
        number=revision.number,
        cause=revision.cause,
        content_of=revision.content_of,
        note=revision.note,
        take=revision.clip,
        points=revision.points,
        chunks=revision.chunks,
        digest=b"" if snapshot is None else digest_bytes(snapshot.packed_digest),
        health=revision.health,
        can_undo=can_undo,
        can_redo=can_redo,
        locks=0 if snapshot is None else len(snapshot.locks),
    )


def take_message(take: TakeInfo) -> msg.Take:
    return msg.Take(
        take.number,
        take.state,
        take.frames_done,
        take.frames_total,
        take.prompt,
        take.seed,
        take.generator,
        take.base_revision,
        take.fps,
        take.width,
        take.height,
        tuple(msg.Reference(each.clip, each.number, each.reason) for each in take.references),
        take.remark,
    )


def progress_message(event: JobProgress) -> msg.Progress:
    remaining = -1.0 if event.remaining_secs is None else event.remaining_secs
    error = None if event.failure is None else failure_message(event.failure)
    seen = event.preview
    preview = None if seen is None else msg.Image(msg.ImageFormat.JPEG, seen.width, seen.height, seen.jpeg)
    counts = event.done, event.total, remaining, event.clip, event.clips
    return msg.Progress(event.job, event.stage, *counts, event.take, error, preview)


def failure_message(event: JobFailed) -> msg.Error:
    return msg.Error(event.code, event.message, event.remedy, False, event.job, dict(event.details))


def error_message(error: SpatiaError, fatal: bool = False) -> msg.Error:
    return msg.Error(error.code, error.message, error.remedy, fatal)


@dataclass(frozen=True, eq=False)
class Pictures:
    """How pictures are written for one client."""

    convention: Convention
    reads_zstd: bool

    def take_frame(self, take: int, frame: GeneratedFrame, camera: Camera, depth: bool) -> msg.TakeFrame:
        """A frame of a take; depth only where it was asked for and the frame has it."""
        depth_image = self._depth(frame.depth_m) if depth and frame.depth_m is not None else None
        colour = _colour(frame.colour, TAKE_FRAME_QUALITY)
        return msg.TakeFrame(take, frame.number, colour, depth_image, axes.client_camera(camera, self.convention))

    def live_projection(self, projection: Projection, time_secs: float, revision: int, depth: bool) -> msg.LiveProjection:
        """Memory under the client's camera."""
        return msg.LiveProjection(
            time_secs,
            revision,
            _colour(projection.colour, LIVE_QUALITY),
            self._depth(projection.depth_m) if depth else None,
            float(projection.coverage.mean()),
            axes.client_camera(projection.camera, self.convention, time_secs),
        )

    def _depth(self, depth_m: DepthImage) -> msg.Image:
        height, width = depth_m.shape
        if self.reads_zstd:
            return msg.Image(msg.ImageFormat.FLOAT16_ZSTD, width, height, encode_depth(depth_m))
        return msg.Image(msg.ImageFormat.PNG, width, height, encode_depth_png16(depth_m, DEPTH_UNITS_PER_M))


def _colour(colour: ColourImage, quality: int) -> msg.Image:
    height, width, _ = colour.shape
    return msg.Image(msg.ImageFormat.JPEG, width, height, encode_jpeg(colour, quality))
