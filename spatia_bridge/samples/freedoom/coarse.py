"""The engine's own depth: 8 bits, some 7 map units a step, up to 48 m. A check of our rays, and a judge of bars and gaps."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.engine import FIRST_ACTOR_LABEL, View
from spatia_bridge.samples.freedoom.level import Level
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M
from spatia_bridge.samples.freedoom.raycast import Cast, is_wall

STEP_UNITS = 7.18  # fitted on floors and ceilings
LAST_STEP = 200  # beyond, the 8 bits clip
MIN_GAP_STEPS = 4.0


def wall_step(intrinsics: Intrinsics) -> float:
    """Map units a step on walls, where, unlike on floors, it depends on the field of view."""
    return STEP_UNITS * intrinsics.fx / (intrinsics.height * 2.0 / 3.0)


def coarse_depth_m(view: View, cast: Cast, level: Level, intrinsics: Intrinsics) -> npt.NDArray[np.float32]:
    """The engine's depth in metres, float32 (H, W), read as a wall's or a floor's according to what our rays met.

    Depth at step 0 changes with the size of the picture, so it is fitted here, to the median of all that can be compared.
    """
    comparable = comparable_pixels(view, cast)
    walls = is_wall(cast, level)
    out = np.zeros(walls.shape)
    for kind, step in ((walls, wall_step(intrinsics)), (~walls, STEP_UNITS)):
        near = comparable & kind
        stepped = view.coarse_depth * step
        offset = np.median((cast.depth_m * UNITS_PER_M - stepped)[near]) if near.any() else 0.0
        out[kind] = stepped[kind] + offset
    return (out / UNITS_PER_M).astype(np.float32)


def comparable_pixels(view: View, cast: Cast) -> npt.NDArray[np.bool_]:
    """Pixels (H, W) of the static level, not of the sky, not behind see-through textures, within the 8 bits' range."""
    near = (view.coarse_depth < LAST_STEP) & (cast.depth_m * UNITS_PER_M < LAST_STEP * STEP_UNITS)
    return np.asarray((view.labels < FIRST_ACTOR_LABEL) & (cast.depth_m > 0) & (cast.masked_depth_m == 0) & near)


def agreement(view: View, cast: Cast, level: Level, intrinsics: Intrinsics) -> float:
    """Fraction of the comparable pixels whose ray-cast depth lies within one step of the engine's."""
    counted = comparable_pixels(view, cast)
    step_m = np.where(is_wall(cast, level), wall_step(intrinsics), STEP_UNITS) / UNITS_PER_M
    close = np.abs(cast.depth_m - coarse_depth_m(view, cast, level, intrinsics)) <= step_m
    return float(close[counted].mean()) if counted.any() else 1.0


def through_masked(
    view: View, cast: Cast, level: Level, intrinsics: Intrinsics
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Where see-through textures stand: bool (H, W) twice, pixels that show a bar, pixels that show what is behind.

    Both are false where the bar and what is behind are too close together, or too far away, to tell.
    """
    step_m = wall_step(intrinsics) / UNITS_PER_M
    seen = coarse_depth_m(view, cast, level, intrinsics)
    behind = np.where(cast.depth_m > 0, cast.depth_m, np.inf)
    gap = behind - cast.masked_depth_m
    told = (cast.masked_depth_m > 0) & (gap > MIN_GAP_STEPS * step_m) & (view.coarse_depth < LAST_STEP)
    is_bar = np.abs(seen - cast.masked_depth_m) < 0.5 * gap
    return told & is_bar, told & ~is_bar
