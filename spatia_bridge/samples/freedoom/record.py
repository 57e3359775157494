"""From the engine's pictures to frames with exact depth: the level by rays, sprites by their actors' places."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.coarse import through_masked
from spatia_bridge.samples.freedoom.engine import Actor, Engine, View
from spatia_bridge.samples.freedoom.level import Level
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M, MapPose, camera_of
from spatia_bridge.samples.freedoom.raycast import cast_level
from spatia_bridge.samples.freedoom.walk import Waypoint


def record_walk(
    engine: Engine, level: Level, poses: Sequence[Waypoint], times_secs: Sequence[float], shrink: int = 1
) -> Iterator[RgbdFrame]:
    """Yield a frame a pose; for `shrink` see `make_frame`."""
    for pose, time_secs in zip(poses, times_secs, strict=True):
        view = engine.look_from(pose.x, pose.y, pose.angle_deg)
        yield make_frame(view, level, engine.intrinsics, time_secs, shrink)


def make_frame(view: View, level: Level, intrinsics: Intrinsics, time_secs: float, shrink: int = 1) -> RgbdFrame:
    """One frame of the engine's size divided by `shrink`; object ids are the actors' numbers + 1, 0 the static level.

    Colour is averaged over blocks of shrink × shrink of the engine's pixels; depth and ids never are: depth is cast through the
    centre of each small pixel, and a small pixel with any part of a sprite is the sprite's, so that the static ones stay clean.
    """
    small = intrinsics.resized(intrinsics.width // shrink, intrinsics.height // shrink)
    depth = static_depth_m(view, level, intrinsics, shrink)
    ids = np.zeros(depth.shape, np.uint16)
    # Far to near, so that the nearest of the sprites that share a small pixel has it.
    for actor in sorted(view.actors, key=lambda a: -actor_depth_m(a, view.pose)):
        seen = blocks(view.labels == actor.label, shrink).any(axis=(1, 3))
        depth[seen], ids[seen] = max(actor_depth_m(actor, view.pose), 0.0), actor.number + 1
    return RgbdFrame(
        camera=camera_of(view.pose, small),
        colour=np.rint(blocks(view.colour, shrink).mean(axis=(1, 3))).astype(np.uint8),
        depth_m=depth,
        object_ids=ids,
        time_secs=time_secs,
    )


def static_depth_m(view: View, level: Level, intrinsics: Intrinsics, shrink: int = 1) -> npt.NDArray[np.float32]:
    """Depth (H, W) of the level without sprites at the small size, 0 for the sky.

    Through bars and fences the engine's coarse depth says what is seen; a small pixel where that is mixed or unsure gets 0.
    """
    level = level.with_heights(view.floor, view.ceiling)
    small = intrinsics.resized(intrinsics.width // shrink, intrinsics.height // shrink)
    cast = cast_level(level, view.pose, small)
    crossed = cast.masked_depth_m > 0
    if not crossed.any():
        return cast.depth_m
    fine = cast if shrink == 1 else cast_level(level, view.pose, intrinsics)
    bar, behind = through_masked(view, fine, level, intrinsics)
    all_bar, all_behind = (blocks(mask, shrink).all(axis=(1, 3)) for mask in (bar, behind))
    known = np.where(all_bar, cast.masked_depth_m, np.where(all_behind, cast.depth_m, np.float32(0.0)))
    return np.where(crossed, known, cast.depth_m)


def actor_depth_m(actor: Actor, pose: MapPose) -> float:
    """Planar depth of an actor's middle: its sprite faces the camera, so all of it has this depth."""
    ahead = (actor.x - pose.x) * np.cos(pose.angle_rad) + (actor.y - pose.y) * np.sin(pose.angle_rad)
    return float(ahead / UNITS_PER_M)


def brightened(frame: RgbdFrame, gamma: float, levels: int = 256) -> RgbdFrame:
    """The frame with a screen's brightness control turned up, and its colours rounded to fewer levels a channel.

    Args:
        gamma: at least 1, out = 255 (in / 255)^(1 / gamma).
        levels: a power of two up to 256; each colour becomes the middle of its level.
    """
    if gamma < 1.0 or levels not in (32, 64, 128, 256):
        raise InvalidInputError(f"gamma {gamma}, {levels} levels", "use a gamma from 1 and 32, 64, 128 or 256 levels")
    width = 256 // levels
    bright = np.rint(255.0 * (np.arange(256) / 255.0) ** (1.0 / gamma)).astype(np.int64)
    table: npt.NDArray[np.uint8] = (bright // width * width + width // 2).astype(np.uint8)
    return RgbdFrame(
        camera=frame.camera,
        colour=table[frame.colour],
        depth_m=frame.depth_m,
        object_ids=frame.object_ids,
        time_secs=frame.time_secs,
    )


def middle(intrinsics: Intrinsics, size: tuple[int, int]) -> tuple[tuple[slice, slice], Intrinsics]:
    """Rows and columns of the middle (width, height) of a picture, and its intrinsics."""
    columns, rows = (intrinsics.width - size[0]) // 2, (intrinsics.height - size[1]) // 2
    k = Intrinsics(intrinsics.fx, intrinsics.fy, intrinsics.cx - columns, intrinsics.cy - rows, *size)
    return (slice(rows, rows + size[1]), slice(columns, columns + size[0])), k


def blocks(image: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """(H, W, …) as (H / size, size, W / size, size, …)."""
    height, width = image.shape[:2]
    return image.reshape(height // size, size, width // size, size, *image.shape[2:])
