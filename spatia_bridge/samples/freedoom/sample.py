"""The walk that ships with the package, as numbers: where it goes, how it is drawn, what it is called."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.samples.freedoom.engine import Engine, find_wad
from spatia_bridge.samples.freedoom.level import parse_level, without_things
from spatia_bridge.samples.freedoom.record import brightened, record_walk
from spatia_bridge.samples.freedoom.wad import read_map_lumps
from spatia_bridge.samples.freedoom.walk import Waypoint, check_walkable, closed_walk

# Editor numbers of corpses, hanging bodies and pools of blood: a sample for everyone does without.
GORE = (10, 12, 15, *range(18, 30), *range(49, 54), *range(59, 64), *range(73, 82))


@dataclass(frozen=True)
class SampleWalk:
    """One walk and how it is drawn.

    Attributes:
        corners: of the closed path, map units and degrees.
        frames, duration_secs: along the whole path, the first pose repeated at the end.
        fov_deg: as on a 4:3 screen.
        engine_size, shrink: drawn at this size, colour averaged down by `shrink`.
        gamma, levels: brightness, and colour levels a channel (64 levels save a third of the bytes, invisibly).
    """

    name: str
    licence: str
    notes: str
    wad: str
    map_name: str
    corners: tuple[Waypoint, ...]
    frames: int = 53
    duration_secs: float = 9.0
    fov_deg: float = 75.0
    engine_size: tuple[int, int] = (1280, 720)
    shrink: int = 4
    gamma: float = 1.4
    levels: int = 64


SAMPLE = SampleWalk(
    name="Freedoom walk",
    licence="BSD-3-Clause, Contributors to the Freedoom project",
    notes="A walk through two halls of MAP28 of Freedoom: Phase 2, drawn by its engine without weapon, monsters and gore, "
    "brightened by gamma 1.4; depth ray-cast from the level's geometry; made by `python -m spatia_bridge.samples.freedoom`.",
    wad="freedoom2",
    map_name="MAP28",
    corners=(
        Waypoint(-862, -2367, 0),
        Waypoint(-790, -2385, 4),
        Waypoint(-700, -2394, 14),
        Waypoint(-610, -2392, 45),
        Waypoint(-565, -2350, 105),
        Waypoint(-615, -2330, 160),
        Waypoint(-700, -2340, 187),
        Waypoint(-790, -2345, 230),
        Waypoint(-850, -2352, 300),
    ),
)


def render_sample(
    wad: str = SAMPLE.wad,
    map_name: str = SAMPLE.map_name,
    frames: int = SAMPLE.frames,
    only: Sequence[int] | None = None,
    walk: SampleWalk = SAMPLE,
) -> Iterator[RgbdFrame]:
    """Draw the walk, or only the frames of these numbers, one at a time.

    Raises:
        MissingDependencyError: vizdoom is not installed.
        InvalidInputError, NotFoundError: no such WAD or map, or a place of the walk where a player does not fit.
    """
    path = find_wad(wad)
    lumps = read_map_lumps(path, map_name)
    level = parse_level(lumps)
    poses = closed_walk(walk.corners, frames)
    check_walkable(level, poses)
    numbers = range(frames) if only is None else sorted(set(only) & set(range(frames)))
    step_secs = walk.duration_secs / max(frames - 1, 1)
    chosen, times = [poses[number] for number in numbers], [step_secs * number for number in numbers]
    with Engine(path, map_name, walk.fov_deg, walk.engine_size, without_things(lumps, GORE)) as engine:
        for frame in record_walk(engine, level, chosen, times, walk.shrink):
            yield brightened(frame, walk.gamma, walk.levels)
