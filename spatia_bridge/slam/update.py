"""The update: a seed or a take becomes a change of memory, or is refused with a reason. The stages, in order:

registered     commanded poses are priors, corrected against memory (tracking)
exposed        colours in memory's exposure (exposure)
examined       frames that contradict memory are left out, or the clip is refused (health)
disentangled   what moved or is declared dynamic is masked (dynamics)
carved         what the clip sees through is gone (carving)
fused          statics, frame by frame, so that a later frame only adds what the earlier ones left open (fusion)

Of large frames the first four look at a reduced copy (working); all carve and fuse at full size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Projection, RgbdFrame, Take
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Snapshot, Update
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.perception.depth import DepthEstimator
from spatia_bridge.render.cores import map_all
from spatia_bridge.slam.carving import CarvingConfig, carve
from spatia_bridge.slam.depth_scale import DepthScale, fit_depth_scale
from spatia_bridge.slam.dynamics import DynamicsConfig, find_dynamics
from spatia_bridge.slam.exposure import ExposureConfig, exposed, find_exposure
from spatia_bridge.slam.fusion import FusionCounts, fuse
from spatia_bridge.slam.health import HealthConfig, examine, judge, summary
from spatia_bridge.slam.observe import median_footprint_m, observe, usable_pixels
from spatia_bridge.slam.tracking import Tracker, TrackingConfig
from spatia_bridge.slam.working import at_full_size, at_working_size

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
        tracking, exposure, dynamics, health, carving: of the stages.
    """

    voxel_per_footprint: float = 0.5
    keyframe_stride: int = 4
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    exposure: ExposureConfig = field(default_factory=ExposureConfig)
    dynamics: DynamicsConfig = field(default_factory=DynamicsConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    carving: CarvingConfig = field(default_factory=CarvingConfig)


@dataclass(frozen=True, eq=False)
class _Clip:
    """What the stages hand on: frames with their numbers, the same at working size, and what memory showed to each of those
    before the clip."""

    name: str
    number: int
    generated: bool
    numbers: tuple[int, ...]
    frames: tuple[RgbdFrame, ...]
    small: tuple[RgbdFrame, ...]
    shown: tuple[Projection, ...] = ()
    estimated: frozenset[int] = frozenset()  # numbers of the frames whose depth is an estimator's, at a scale of its own

    def select(self, chosen: Sequence[int]) -> "_Clip":
        """The clip with the frames at these positions only."""
        return replace(
            self,
            numbers=tuple(self.numbers[n] for n in chosen),
            frames=tuple(self.frames[n] for n in chosen),
            small=tuple(self.small[n] for n in chosen),
            shown=tuple(self.shown[n] for n in chosen) if self.shown else (),
        )

    def each(self, change: Callable[[int, RgbdFrame], RgbdFrame]) -> "_Clip":
        """The clip with each frame, at both of its sizes, as `change(position, frame)` makes it."""
        frames = tuple(change(n, frame) for n, frame in enumerate(self.frames))
        small = [frames[n] if frame is self.frames[n] else change(n, frame) for n, frame in enumerate(self.small)]
        return replace(self, frames=frames, small=tuple(small))


def _no_check(_done: int, _total: int) -> None:
    """Nobody watches."""


class Slam:
    """Computes updates; holds no state between them."""

    def __init__(
        self, renderer: SnapshotRenderer, config: UpdateConfig | None = None, estimator: DepthEstimator | None = None
    ) -> None:
        """estimator: gives depth to generated frames that have none; None = they are left out."""
        self._renderer = renderer
        self._estimator = estimator
        self._config = config or UpdateConfig()

    def seed(
        self, base: Snapshot, frames: Sequence[RgbdFrame], clip: int = 0, check: CheckPoint = _no_check, *, tracked: bool = False
    ) -> Update:
        """What an engine's (or a camera's) views add. All of it is true, so it beats what a generator made.

        Args:
            frames: in the order of time: what moves between them, and only what moves, stays out.
            check: called before each step with (done, total); what it raises ends the update.
            tracked: the poses are priors, in the order of time, and each view is registered to what memory shows by then; where
                memory shows nothing, as at the first view of an empty scene, the prior stays. Otherwise the poses are exact.
        Raises:
            InvalidInputError: no view, or none with depth.
        """
        if not frames:
            raise InvalidInputError("a seed has no views", "send one view or more")
        if not any(usable_pixels(frame).any() for frame in frames):
            raise InvalidInputError("the seed has no pixel with depth", "send planar depth in metres, 0 only where unknown")
        seed = _Clip("the seed", clip, False, tuple(range(len(frames))), tuple(frames), _small(frames))
        return self._absorb(base, seed, check, tracked=tracked)

    def update(self, base: Snapshot, take: Take, check: CheckPoint = _no_check) -> Update:
        """What a generated take adds to the snapshot it was made from.

        Args:
            check: called before each step with (done, total); what it raises ends the update.
        Raises:
            RejectedUpdateError: the take failed its health check; nothing of it should be written.
        """
        known = {number: frame for number in range(len(take.frames)) if (frame := _as_rgbd(take, number)) is not None}
        estimated = frozenset(range(len(take.frames))) - known.keys() if self._estimator and base.chunks else frozenset()
        known |= self._estimated(take, sorted(estimated), partial(check, 0, len(take.frames)))
        numbers = tuple(sorted(known))
        frames = tuple(known[number] for number in numbers)
        clip = _Clip(f"take {take.number}", take.number, True, numbers, frames, _small(frames), estimated=estimated)
        return self._absorb(base, clip, check, tracked=True)

    def _estimated(self, take: Take, numbers: Sequence[int], check: Callable[[], None]) -> dict[int, RgbdFrame]:
        """Frames with the depth that an estimator gives them, which nobody believes before it is at memory's scale."""
        if not numbers or self._estimator is None:
            return {}
        frames, cameras = [take.frames[number] for number in numbers], [take.cameras[number] for number in numbers]
        maps = self._estimator.estimate_clip([frame.colour for frame in frames], cameras, check)
        return {
            number: RgbdFrame(camera, frame.colour, found.depth_m, dynamic=frame.dynamic, confidence=found.confidence)
            for number, frame, camera, found in zip(numbers, frames, cameras, maps, strict=True)
        }

    def _absorb(self, base: Snapshot, clip: _Clip, check: CheckPoint, *, tracked: bool) -> Update:
        base, voxel_size_m = self._on_a_grid(base, clip.frames)
        steps = _Steps(check, tracked * len(clip.frames) + 2 * len(self._keyframes(clip)))
        keyframes = self._keyframes(clip)
        cameras, poses = tuple(frame.camera for frame in clip.frames), dict[str, float]()
        if tracked:
            clip, cameras, poses = self._registered(base, clip, keyframes, steps)
        else:
            clip = clip.select(keyframes)
        clip = self._looked_up(base, clip, steps)
        clip, colours = self._exposed(clip)
        clip, verdict, note = self._examined(base, clip)
        clip, motion = self._disentangled(clip)
        working, free = self._carved(base, clip)
        working, fused = self._fused(working, clip, steps)
        health = {**poses, **colours, **motion, **verdict, **free, **fused}
        return Update(_difference(base, working), clip.number, voxel_size_m, health, cameras, note)

    def _keyframes(self, clip: _Clip) -> list[int]:
        """Positions of the frames that are fused: all that were seen; of what a generator made, every so many and the last."""
        stride = self._config.keyframe_stride if clip.generated else 1
        return sorted({*range(0, len(clip.frames), stride), *range(len(clip.frames))[-1:]})

    def _registered(
        self, base: Snapshot, clip: _Clip, keyframes: Sequence[int], steps: "_Steps"
    ) -> tuple[_Clip, tuple[Camera, ...], dict[str, float]]:
        """The keyframes, and all cameras: poses corrected against memory and what earlier frames of the clip add to it for now:
        only where it is open, so that an error does not creep, and only by frames whose pose is sure."""
        tracker, working = Tracker(self._config.tracking), base
        small: list[RgbdFrame] = []
        scales: dict[int, DepthScale] = {}
        for n, frame in enumerate(clip.small):
            steps.next()
            shown = self._renderer.render(working, tracker.prior(frame.camera))
            if clip.numbers[n] in clip.estimated:
                scales[n] = fit_depth_scale(frame.depth_m, shown.depth_m, shown.coverage)
                frame = _at_scale(frame, scales[n])
            frame = tracker.register(frame, shown)
            small.append(frame)
            if n % self._config.keyframe_stride == 0 and tracker.anchored:
                if shown.camera is not frame.camera:
                    shown = self._renderer.render(working, frame.camera)
                seen = observe(frame, working.voxel_size_m, ~shown.coverage)
                working = working.with_changes(fuse(working, seen, clip.number, generated=True, counts=FusionCounts()))

        cameras = tuple(
            Camera(full.camera.intrinsics, found.camera.world_from_camera) for full, found in zip(clip.frames, small, strict=True)
        )
        frames = list(small)
        for n in keyframes:
            if clip.frames[n] is not clip.small[n]:
                full = _at_scale(clip.frames[n], scales[n]) if n in scales else clip.frames[n]
                frames[n] = replace(full, camera=cameras[n])
        health = {**tracker.health(), **_scale_health(list(scales.values()))}
        return replace(clip, frames=tuple(frames), small=tuple(small)).select(keyframes), cameras, health

    def _looked_up(self, base: Snapshot, clip: _Clip, steps: "_Steps") -> _Clip:
        """What memory shows to each frame, at working size."""
        shown = []
        for frame in clip.small:
            steps.next()
            shown.append(self._renderer.render(base, frame.camera))
        return replace(clip, shown=tuple(shown))

    def _exposed(self, clip: _Clip) -> tuple[_Clip, dict[str, float]]:
        tables, drift = find_exposure(clip.small, clip.shown, self._config.exposure)
        return clip.each(lambda n, frame: exposed(frame, tables[n])), {"colour_drift": drift}

    def _examined(self, base: Snapshot, clip: _Clip) -> tuple[_Clip, dict[str, float], str]:
        """The good part of a take. What was really seen is right, even against memory: the world has changed."""
        config = self._config.health
        reports = [examine(f, shown, base.voxel_size_m, config) for f, shown in zip(clip.small, clip.shown, strict=True)]
        good, note = judge(clip.name, clip.numbers, reports, config) if clip.generated else ([True] * len(reports), "")
        chosen = [n for n, fine in enumerate(good) if fine]
        health = summary([reports[n] for n in chosen])
        health |= {"keyframes": float(len(chosen)), "dropped_keyframes": float(len(good) - len(chosen))}
        return clip.select(chosen), health, note

    def _disentangled(self, clip: _Clip) -> tuple[_Clip, dict[str, float]]:
        masks = find_dynamics(clip.small, clip.shown, self._config.dynamics)
        ratio = float(np.mean([mask.mean() for mask in masks])) if masks else 0.0
        clip = clip.each(lambda n, frame: replace(frame, dynamic=at_full_size(masks[n], frame.depth_m.shape)))
        return clip, {"dynamic_ratio": ratio}

    def _carved(self, base: Snapshot, clip: _Clip) -> tuple[Snapshot, dict[str, float]]:
        static = [usable_pixels(frame) for frame in clip.frames]
        changes, points = carve(base, clip.frames, static, generated=clip.generated, config=self._config.carving)
        return base.with_changes(changes), {"carved_points": float(points)}

    def _fused(self, base: Snapshot, clip: _Clip, steps: "_Steps") -> tuple[Snapshot, dict[str, float]]:
        working, counts = base, FusionCounts()
        for frame in clip.frames:
            steps.next()
            working = self._with_frame(working, frame, clip, counts)
        return working, {f"{name}_points": float(count) for name, count in vars(counts).items()}

    def _with_frame(self, working: Snapshot, frame: RgbdFrame, clip: _Clip, counts: FusionCounts) -> Snapshot:
        """Memory with one frame fused in. What memory shows already is no evidence for itself: of what a generator made from
        memory's projection, only what memory left open is written."""
        is_open = ~self._renderer.render(working, frame.camera).coverage if clip.generated else None
        observations = observe(frame, working.voxel_size_m, is_open)
        return working.with_changes(fuse(working, observations, clip.number, generated=clip.generated, counts=counts))

    def _on_a_grid(self, base: Snapshot, frames: Sequence[RgbdFrame]) -> tuple[Snapshot, float | None]:
        """The base, and the voxel size that frames give it if it is empty; whatever an empty scene had is of no use to them."""
        if base.chunks:
            return base, None
        footprint = median_footprint_m(tuple(frames)) or 2 * base.voxel_size_m
        voxel_size_m = float(np.float32(max(self._config.voxel_per_footprint * footprint, MIN_VOXEL_SIZE_M)))
        return replace(base, voxel_size_m=voxel_size_m), voxel_size_m


class _Steps:
    """Counts the update's steps for whoever watches or cancels it."""

    def __init__(self, check: CheckPoint, total: int) -> None:
        self._check, self._done, self._total = check, 0, total

    def next(self) -> None:
        self._check(self._done, self._total)
        self._done += 1


def _as_rgbd(take: Take, number: int) -> RgbdFrame | None:
    frame = take.frames[number]
    if frame.depth_m is None:
        return None
    return RgbdFrame(take.cameras[number], frame.colour, frame.depth_m, dynamic=frame.dynamic, confidence=frame.confidence)


def _small(frames: Sequence[RgbdFrame]) -> tuple[RgbdFrame, ...]:
    return tuple(map_all(at_working_size, frames))


def _at_scale(frame: RgbdFrame, scale: DepthScale) -> RgbdFrame:
    """The frame with its estimated depth at memory's scale; without depth where that cannot be told."""
    depth_m = scale.apply(frame.depth_m) if scale.believed else np.zeros_like(frame.depth_m)
    return replace(frame, depth_m=depth_m)


def _scale_health(scales: Sequence[DepthScale]) -> dict[str, float]:
    """How estimated depths were brought to memory's scale; nothing where none was estimated."""
    if not scales:
        return {}
    believed = [scale for scale in scales if scale.believed]
    return {
        "depth_scale_believed_ratio": len(believed) / len(scales),
        "depth_scale_mean": float(np.mean([scale.scale for scale in believed])) if believed else 0.0,
        "depth_scale_inlier_ratio": float(np.mean([scale.inlier_ratio for scale in scales])),
    }


def _difference(base: Snapshot, working: Snapshot) -> dict[ChunkIndex, Chunk | None]:
    """The chunks that `working` has otherwise than `base`; untouched ones are the same objects, so this is cheap."""
    changed: dict[ChunkIndex, Chunk | None] = {
        index: chunk for index, chunk in working.chunks.items() if base.chunks.get(index) is not chunk
    }
    changed.update({index: None for index in base.chunks if index not in working.chunks})
    return changed
