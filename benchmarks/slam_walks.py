"""Walks through levels of Freedoom among moving monsters, with everything that was true: poses, depth, who stood where.

The engine draws colour and sprites at 320×180; depth is ray-cast from the level, sprites at their actors' depth. Monsters are put
on the path, see the player and hunt it. The same arguments give the same frames; nothing is kept on disk. Needs `vizdoom`.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import DepthImage, RgbdFrame
from spatia_bridge.samples.freedoom.engine import Engine, find_wad
from spatia_bridge.samples.freedoom.level import parse_level, player_start, with_open_doors, with_things, without_things
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M, world_from_map
from spatia_bridge.samples.freedoom.record import make_frame, static_depth_m
from spatia_bridge.samples.freedoom.sample import GORE
from spatia_bridge.samples.freedoom.tour import Tour, plan_tour
from spatia_bridge.samples.freedoom.wad import read_map_lumps

SIZE = (320, 180)
FOV_DEG = 75.0
TICS = 4  # a frame: 8.75 frames a second for the monsters
MONSTER_EVERY = 25  # frames
KINDS = (3004, 9, 3001, 3002)  # editor numbers: zombie, sergeant, imp, demon
AHEAD = 10  # frames: from there a monster is looked back at
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LivelyWalk:
    """One walk.

    Attributes:
        frames: with object ids, one an actor (monster, item, missile), 0 the level; depth 0 for the sky.
        static_depth_m: float32 (H, W) a frame, the level's alone, also behind the actors.
        places: a frame, object id → where that actor stands, world (3,) metres; actors in view only.
    """

    name: str
    frames: tuple[RgbdFrame, ...]
    static_depth_m: tuple[DepthImage, ...]
    places: tuple[dict[int, Floats], ...]

    def displaced(self, limit_m: float = 0.5) -> frozenset[int]:
        """The ids of actors that were seen in two places more than this far apart."""
        seen: dict[int, list[Floats]] = {}
        for places in self.places:
            for number, place in places.items():
                seen.setdefault(number, []).append(place)
        far = set()
        for number, found in seen.items():
            track = np.array(found)
            if np.linalg.norm(track[:, None] - track[None], axis=-1).max() > limit_m:
                far.add(number)
        return frozenset(far)


def lively_walk(map_name: str, frames: int, seed: int = 0, radius_m: float = 20.0) -> LivelyWalk:
    """A tour from the player's start of one of freedoom2's maps, doors open, solid decorations left out.

    Args:
        radius_m: how far from the start it may lead.
    """
    wad = find_wad("freedoom2")
    lumps = without_things(with_open_doors(read_map_lumps(wad, map_name)), GORE)
    level = parse_level(lumps)
    rng = np.random.default_rng(seed)
    tour = plan_tour(level, player_start(lumps), frames, rng, radius_m * UNITS_PER_M)
    lumps = with_things(lumps, _ambush(tour, rng))
    made, static, places = [], [], []
    with Engine(wad, map_name, FOV_DEG, SIZE, lumps, monsters=True, seed=seed + 1) as engine:
        for number in range(frames):
            view = engine.look_from(tour.x[number], tour.y[number], math.degrees(tour.angle_rad[number]), TICS)
            made.append(make_frame(view, level, engine.intrinsics, number / 16.0))
            static.append(static_depth_m(view, level, engine.intrinsics))
            places.append({a.number + 1: world_from_map((a.x, a.y, a.z)) for a in view.actors})
    return LivelyWalk(f"freedoom2 {map_name} seed {seed}", tuple(made), tuple(static), tuple(places))


def _ambush(tour: Tour, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Monsters on the path, rows (N, 4) of x, y, angle, kind, facing where the player comes from."""
    rows = []
    for number in range(MONSTER_EVERY, len(tour.x), MONSTER_EVERY):
        back = math.atan2(tour.y[number - AHEAD] - tour.y[number], tour.x[number - AHEAD] - tour.x[number])
        eighth = round(math.degrees(back) / 45.0) * 45 % 360
        rows.append((round(tour.x[number]), round(tour.y[number]), eighth, rng.choice(KINDS)))
    return np.array(rows, np.int64).reshape(-1, 4)
