"""The loop: memory steers a clip, the clip becomes a take, the accepted take becomes memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame, RgbdFrame, Take
from spatia_bridge.generation.base import CancelToken, ClipRequest, Event, Generator, Step
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Cause, Memory, Revision, Snapshot
from spatia_bridge.perception.segment import Movers, Track
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.session.carry import carried_take
from spatia_bridge.slam.update import CheckPoint, Slam

Publish = Callable[[Event], None]
Select = Callable[[Sequence[Projection]], tuple[ReferenceFrame, ...]]


@dataclass(frozen=True, eq=False)
class Stages:
    """The parts that every session shares.

    Attributes:
        movers: mask what moves in generated frames; None = only generators and what contradicts memory tell.
    """

    renderer: Renderer
    slam: Slam
    movers: Movers | None = None


@dataclass(frozen=True, eq=False)
class ClipPlan:
    """One clip to make: its number, its cameras, what steers it. Cameras and preceding frames are of the base's alignment."""

    number: int
    cameras: tuple[Camera, ...]
    preceding: tuple[RgbdFrame, ...]
    prompt: str
    seed: int
    fps: float


def no_references(_projection: Sequence[Projection]) -> tuple[ReferenceFrame, ...]:
    """Memory alone."""
    return ()


def make_take(
    stages: Stages,
    generator: Generator,
    base: Snapshot,
    plan: ClipPlan,
    publish: Publish,
    cancel: CancelToken,
    select: Select = no_references,
) -> Take:
    """Steer a clip by the base's projection along the plan's cameras; publish its steps and frames as they are done.

    Args:
        select: chooses the references for a scene projection video.

    Raises:
        CancelledError: within one step of the cancel.
        InvalidInputError: the generator broke its contract (frames missing or out of order).
    """
    projection = stages.renderer.project(base, plan.cameras)
    references = select(projection)
    request = ClipRequest(projection, references, plan.preceding, plan.prompt, plan.seed)
    frames: list[GeneratedFrame] = []
    track = stages.movers.track(plan.prompt) if stages.movers else None
    for event in generator.generate(request, cancel):
        cancel.raise_if_cancelled()
        made = event if isinstance(event, Step) else storable(_masked(event, track))
        publish(made)
        if isinstance(made, GeneratedFrame):
            frames.append(made)
    cancel.raise_if_cancelled()
    _check_complete(generator.name, frames, plan.cameras)
    return Take(
        plan.number,
        base.revision,
        plan.cameras,
        tuple(frames),
        plan.prompt,
        plan.seed,
        generator.name,
        plan.fps,
        alignment=base.alignment,
    )


def fold_in(stages: Stages, memory: Memory, take: Take, check: CheckPoint) -> Revision:
    """Make an accepted take part of memory. Edits made meanwhile win; if the scene was scaled or turned, the take follows.

    Raises:
        RejectedUpdateError: the take failed its health check; memory is as before.
        InvalidInputError: the scene was scaled so far that the take cannot follow.
    """
    base = memory.snapshot()  # not the one it was generated from: edits since then count
    take = carried_take(take, base.alignment)
    update = stages.slam.update(base, take, check)
    note = f"take {take.number}: {take.prompt}" if take.prompt else f"take {take.number}"
    note = f"{note} ({update.note})" if update.note else note
    return memory.commit(update, base, Cause.TAKE, note, _viewpoints(take.cameras))


def plant(stages: Stages, memory: Memory, frames: Sequence[RgbdFrame], clip: int, note: str, check: CheckPoint) -> Revision:
    """Make an engine's views part of memory."""
    base = memory.snapshot()
    update = stages.slam.seed(base, frames, clip, check)
    note = note or f"seed of {len(frames)} view{'s' * (len(frames) > 1)}"
    return memory.commit(update, base, Cause.SEED, note, _viewpoints([frame.camera for frame in frames]))


def _viewpoints(cameras: Sequence[Camera]) -> npt.NDArray[np.float64]:
    """(N, 3) where they stand, metres."""
    return np.array([camera.position_world for camera in cameras]).reshape(-1, 3)


def _masked(frame: GeneratedFrame, track: Track | None) -> GeneratedFrame:
    """The frame with what a segmenter says moves added to what its generator says."""
    if track is None:
        return frame
    moves = track(frame.colour)
    return replace(frame, dynamic=moves if frame.dynamic is None else frame.dynamic | moves)


def storable(frame: GeneratedFrame) -> GeneratedFrame:
    """The frame as the store will give it back: depth rounded to float16, confidence to 255ths."""
    depth, confidence = frame.depth_m, frame.confidence
    if depth is not None:
        with np.errstate(over="ignore"):  # what float16 cannot hold is backdrop: infinite
            depth = np.maximum(np.nan_to_num(depth, nan=0.0, posinf=np.inf), 0).astype(np.float16).astype(np.float32)
    if confidence is not None:
        confidence = np.rint(np.clip(confidence, 0, 1) * 255).astype(np.uint8).astype(np.float32) / np.float32(255)
    return replace(frame, depth_m=depth, confidence=confidence)


def _check_complete(name: str, frames: Sequence[GeneratedFrame], cameras: Sequence[Camera]) -> None:
    if [frame.number for frame in frames] != list(range(len(cameras))):
        raise InvalidInputError(
            f"generator {name} gave frames {[frame.number for frame in frames]} for {len(cameras)} cameras",
            "every new frame must come once and in order; report this to the generator's author",
        )
