"""What was made before the scene was scaled or turned, as it is now: cameras move with the scene, depths grow with it.

`then` and `now` are alignments (`now_from_first`) of the scene at two moments. Where they are equal nothing is touched.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spatia_bridge.frames import DepthImage, GeneratedFrame, RgbdFrame, Take
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Trajectory


def now_from_then(then: Similarity, now: Similarity) -> Similarity:
    """What happened to the scene in between.

    Raises:
        InvalidInputError: it was scaled by more than Similarity holds.
    """
    return Similarity() if now.same_as(then) else now @ then.inverse()


def carried_cameras(cameras: Sequence[Camera], then: Similarity, now: Similarity) -> tuple[Camera, ...]:
    """The cameras after. Raises InvalidInputError as `now_from_then`, or because one ends too far out."""
    change = now_from_then(then, now)
    return tuple(cameras) if change.is_identity else tuple(change.camera(camera) for camera in cameras)


def carried_frame(frame: RgbdFrame, then: Similarity, now: Similarity) -> RgbdFrame:
    """The view after, its picture as it was; errors as `carried_cameras`."""
    change = now_from_then(then, now)
    if change.is_identity:
        return frame
    return replace(frame, camera=change.camera(frame.camera), depth_m=_scaled(frame.depth_m, change))


def carried_made(frame: GeneratedFrame, camera: Camera, then: Similarity, now: Similarity) -> tuple[GeneratedFrame, Camera]:
    """One frame of a take and its camera after; errors as `carried_cameras`."""
    change = now_from_then(then, now)
    if change.is_identity:
        return frame, camera
    depth_m = None if frame.depth_m is None else _scaled(frame.depth_m, change)
    return replace(frame, depth_m=depth_m), change.camera(camera)


def carried_take(take: Take, now: Similarity) -> Take:
    """The take as if it had been made of the scene as it is now; errors as `carried_cameras`."""
    if now.same_as(take.alignment):
        return take
    made = [carried_made(f, c, take.alignment, now) for f, c in zip(take.frames, take.cameras, strict=True)]
    return replace(take, frames=tuple(f for f, _ in made), cameras=tuple(c for _, c in made), alignment=now)


def carried_trajectory(trajectory: Trajectory, then: Similarity, now: Similarity) -> Trajectory:
    """The path after, its times as they were; errors as `carried_cameras`."""
    return Trajectory(carried_cameras(trajectory.cameras, then, now), trajectory.times_secs)


def _scaled(depth_m: DepthImage, change: Similarity) -> DepthImage:
    return np.asarray(depth_m * np.float32(change.scale), np.float32)
