"""The update: a seed or a take becomes a change of memory, or is refused with a reason.

Poses are commanded and believed (tracking will correct them here); depth is given or generated; what contradicts the memory's own
projection is reported and not written; the rest is fused frame by frame, so that a later frame of a take only adds what the
earlier ones left open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from spatia_bridge.errors import InvalidInputError, RejectedUpdateError
from spatia_bridge.frames import Mask, Projection, RgbdFrame, Take
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Snapshot, Update
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.slam.fusion import FusionCounts, fuse
from spatia_bridge.slam.observe import median_footprint_m, observe, usable_pixels

MIN_VOXEL_SIZE_M = 1e-3
CheckPoint = Callable[[int, int], None]  # (done, total); raises to cancel


class SnapshotRenderer(Protocol):
    """The part of a Renderer that the update needs."""

    def render(self, base: Snapshot, camera: Camera) -> Projection: ...


@dataclass(frozen=True)
class UpdateConfig:
    """How careful the update is.

    Attributes:
        voxel_per_footprint: the seed's voxel size as a share of its median pixel footprint. Half of it keeps what is near
            sharp, and costs nothing far away, since a point's level follows its own footprint.
        keyframe_stride: every so many frames of a take are fused, and the last.
        depth_tolerance: relative; more than this (and 3 voxels) off the memory's depth is a contradiction.
        max_conflict_ratio: above it, among the pixels that memory covers, the take is refused.
        min_usable_ratio: of a take's pixels with depth that is not dynamic; below it there is nothing to learn.
    """

    voxel_per_footprint: float = 0.5
    keyframe_stride: int = 4
    depth_tolerance: float = 0.03
    max_conflict_ratio: float = 0.5
    min_usable_ratio: float = 0.01


def _no_check(_done: int, _total: int) -> None:
    """Nobody watches."""


class Slam:
    """Computes updates; holds no state between them."""

    def __init__(self, renderer: SnapshotRenderer, config: UpdateConfig | None = None) -> None:
        self._renderer = renderer
        self._config = config or UpdateConfig()

    def seed(self, base: Snapshot, frames: Sequence[RgbdFrame], clip: int = 0, check: CheckPoint = _no_check) -> Update:
        """What an engine's (or a camera's) views add. All of it is true, so it beats what a generator made.

        Raises:
            InvalidInputError: no view, or none with depth.
        """
        if not frames:
            raise InvalidInputError("a seed has no views", "send one view or more")
        if not any(usable_pixels(frame).any() for frame in frames):
            raise InvalidInputError("the seed has no pixel with depth", "send planar depth in metres, 0 only where unknown")
        base, voxel_size_m = self._on_a_grid(base, frames)
        counts, working = FusionCounts(), base
        for number, frame in enumerate(frames):
            check(number, len(frames))
            changes = fuse(working, observe(frame, working.voxel_size_m), clip, generated=False, counts=counts)
            working = working.with_changes(changes)
        return Update(_difference(base, working), clip, voxel_size_m, _health(counts, views=len(frames)))

    def update(self, base: Snapshot, take: Take, check: CheckPoint = _no_check) -> Update:
        """What a generated take adds to the snapshot it was made from.

        Args:
            check: called before each frame with (done, total); what it raises ends the update.
        Raises:
            RejectedUpdateError: the take failed its health check; nothing of it should be written.
        """
        keyframes = sorted({*range(0, len(take.frames), self._config.keyframe_stride), len(take.frames) - 1})
        frames = [frame for number in keyframes if (frame := _as_rgbd(take, number)) is not None]
        base, voxel_size_m = self._on_a_grid(base, frames)
        counts, working = FusionCounts(), base
        compared = contradicting = usable = pixels = 0
        for done, frame in enumerate(frames):
            check(done, len(frames))
            projection = self._renderer.render(working, frame.camera)
            able = usable_pixels(frame)
            conflict = able & self._contradicts(frame, projection, working.voxel_size_m)
            usable, pixels = usable + int(able.sum()), pixels + able.size
            compared += int((able & projection.coverage).sum())
            contradicting += int(conflict.sum())
            # what memory shows already is no evidence for itself, so only what it left open is written
            observations = observe(frame, working.voxel_size_m, ~projection.coverage)
            working = working.with_changes(fuse(working, observations, take.number, generated=True, counts=counts))
        ratio = contradicting / max(compared, 1)
        health = _health(counts, conflict_ratio=ratio, usable_ratio=usable / max(pixels, 1), keyframes=len(keyframes))
        self._judge(take, health)
        return Update(_difference(base, working), take.number, voxel_size_m, health)

    def _on_a_grid(self, base: Snapshot, frames: Sequence[RgbdFrame]) -> tuple[Snapshot, float | None]:
        """The base, and the voxel size that frames give it if it is empty; whatever an empty scene had is of no use to them."""
        if base.chunks:
            return base, None
        footprint = median_footprint_m(tuple(frames)) or 2 * base.voxel_size_m
        voxel_size_m = float(np.float32(max(self._config.voxel_per_footprint * footprint, MIN_VOXEL_SIZE_M)))
        return replace(base, voxel_size_m=voxel_size_m), voxel_size_m

    def _contradicts(self, frame: RgbdFrame, projection: Projection, voxel_size_m: float) -> Mask:
        tolerance = np.maximum(3 * voxel_size_m, self._config.depth_tolerance * projection.depth_m)
        with np.errstate(invalid="ignore"):
            return np.asarray(projection.coverage & (np.abs(frame.depth_m - projection.depth_m) > tolerance))

    def _judge(self, take: Take, health: Mapping[str, float]) -> None:
        if health["usable_ratio"] < self._config.min_usable_ratio:
            raise RejectedUpdateError(
                f"take {take.number} has depth for {health['usable_ratio']:.1%} of its pixels",
                "use a generator that gives depth, or a depth estimator",
                health,
            )
        if health["conflict_ratio"] > self._config.max_conflict_ratio:
            raise RejectedUpdateError(
                f"take {take.number} contradicts memory in {health['conflict_ratio']:.0%} of the pixels that memory covers",
                "discard it and generate again with another seed or path",
                health,
            )


def _as_rgbd(take: Take, number: int) -> RgbdFrame | None:
    frame = take.frames[number]
    if frame.depth_m is None:
        return None
    return RgbdFrame(take.cameras[number], frame.colour, frame.depth_m, dynamic=frame.dynamic, confidence=frame.confidence)


def _difference(base: Snapshot, working: Snapshot) -> dict[ChunkIndex, Chunk | None]:
    """The chunks that `working` has otherwise than `base`; untouched ones are the same objects, so this is cheap."""
    changed: dict[ChunkIndex, Chunk | None] = {
        index: chunk for index, chunk in working.chunks.items() if base.chunks.get(index) is not chunk
    }
    changed.update({index: None for index in base.chunks if index not in working.chunks})
    return changed


def _health(counts: FusionCounts, **more: float) -> dict[str, float]:
    return {
        "observed_points": float(counts.observed),
        "new_points": float(counts.new),
        "agreed_points": float(counts.agreed),
        "changed_points": float(counts.changed),
        "conflicting_points": float(counts.conflicting),
        "protected_points": float(counts.protected),
        "replaced_coarse_points": float(counts.replaced_coarse),
        **more,
    }
