"""From the engine's pictures to frames with exact depth: the level by rays, sprites by their actors' places."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.engine import (
    COARSE_LAST,
    COARSE_OFFSET_UNITS,
    COARSE_STEP_UNITS,
    FIRST_ACTOR_LABEL,
    Actor,
    Engine,
    View,
)
from spatia_bridge.samples.freedoom.level import Level
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M, MapPose, camera_of
from spatia_bridge.samples.freedoom.raycast import Cast, cast_level, is_wall
from spatia_bridge.samples.freedoom.walk import Waypoint

NO_OBJECT = 0


def record_walk(
    engine: Engine, level: Level, poses: Sequence[Waypoint], duration_secs: float, shrink: int = 1
) -> Iterator[RgbdFrame]:
    """Yield a frame a pose, evenly spaced in time.

    Args:
        shrink: colour is averaged over blocks of shrink × shrink of the engine's pixels; depth and ids never are.
    """
    last = max(len(poses) - 1, 1)
    for number, pose in enumerate(poses):
        view = engine.look_from(pose.x, pose.y, pose.angle_deg)
        yield make_frame(view, level, engine.intrinsics, duration_secs * number / last, shrink)


def make_frame(view: View, level: Level, intrinsics: Intrinsics, time_secs: float, shrink: int = 1) -> RgbdFrame:
    """One frame of the engine's size divided by shrink; object ids are the actors' numbers + 1."""
    small = intrinsics.resized(intrinsics.width // shrink, intrinsics.height // shrink)
    cast = cast_level(level.with_heights(view.floor, view.ceiling), view.pose, small)
    depth = behind_masked(cast, view.coarse_depth, coarse_wall_step(intrinsics), shrink)
    ids = np.zeros(depth.shape, np.uint16)
    # Far to near, so that the nearest of the sprites that share a small pixel has it.
    for actor in sorted(view.actors, key=lambda a: -actor_depth_m(a, view.pose)):
        # A pixel with any part of a sprite is the sprite's: the static pixels stay clean.
        seen = _blocks(view.labels == actor.label, shrink).any(axis=(1, 3))
        depth[seen], ids[seen] = max(actor_depth_m(actor, view.pose), 0.0), actor.number + 1
    colour = _blocks(view.colour, shrink).mean(axis=(1, 3))
    return RgbdFrame(
        camera=camera_of(view.pose, small),
        colour=np.rint(colour).astype(np.uint8),
        depth_m=depth,
        object_ids=ids,
        time_secs=time_secs,
    )


def actor_depth_m(actor: Actor, pose: MapPose) -> float:
    """Planar depth of an actor's middle: its sprite faces the camera, so all of it has this depth."""
    ahead = (actor.x - pose.x) * np.cos(pose.angle_rad) + (actor.y - pose.y) * np.sin(pose.angle_rad)
    return float(ahead / UNITS_PER_M)


def behind_masked(
    cast: Cast, coarse_depth: npt.NDArray[np.uint8], wall_step: float, shrink: int = 1
) -> npt.NDArray[np.float32]:
    """Depth (H, W) in metres with see-through textures decided by the engine's coarse depth: bar, gap, or 0 for unknown.

    A pixel is known where all the engine's pixels in it agree and bar and wall are far enough apart to tell.
    """
    crossed = cast.masked_depth_m > 0
    blocks = _blocks((coarse_depth * wall_step + COARSE_OFFSET_UNITS) / UNITS_PER_M, shrink)
    bar = cast.masked_depth_m[:, None, :, None]
    wall = np.where(cast.depth_m > 0, cast.depth_m, np.inf)[:, None, :, None]
    nearer_to_bar = np.abs(blocks - bar) < np.abs(blocks - wall)
    is_bar, is_gap = nearer_to_bar.all(axis=(1, 3)), ~nearer_to_bar.any(axis=(1, 3))
    apart = (wall - bar)[:, 0, :, 0] > 4.0 * wall_step / UNITS_PER_M
    in_range = (_blocks(coarse_depth, shrink) < COARSE_LAST).all(axis=(1, 3))
    known = np.where(is_bar, cast.masked_depth_m, np.where(is_gap, cast.depth_m, 0.0))
    return np.where(crossed, np.where(apart & in_range, known, 0.0), cast.depth_m).astype(np.float32)


def coarse_agreement(view: View, cast: Cast, level: Level, intrinsics: Intrinsics) -> float:
    """Fraction of pixels whose ray-cast depth lies within one step of the engine's own 8-bit depth.

    Counted are pixels of the static level, not the sky, not behind see-through textures, within the 8 bits' range.
    """
    depth = cast.depth_m * UNITS_PER_M
    step = np.where(is_wall(cast, level), coarse_wall_step(intrinsics), COARSE_STEP_UNITS)
    error = np.abs(depth - (view.coarse_depth * step + COARSE_OFFSET_UNITS))
    near = depth < COARSE_LAST * COARSE_STEP_UNITS
    counted = (view.labels < FIRST_ACTOR_LABEL) & (depth > 0) & (cast.masked_depth_m == 0) & near
    return float((error[counted] <= step[counted]).mean()) if counted.any() else 1.0


def coarse_wall_step(intrinsics: Intrinsics) -> float:
    """Map units a step of the engine's coarse depth on walls; there, unlike on floors, it depends on the field of view."""
    return COARSE_STEP_UNITS * intrinsics.fx / (intrinsics.height * 2.0 / 3.0)


def _blocks(image: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    """(H, W, …) as (H / size, size, W / size, size, …)."""
    height, width = image.shape[:2]
    return image.reshape(height // size, size, width // size, size, *image.shape[2:])
