"""Walks to train on: `python -m spatia_bridge.samples.freedoom.training --levels 1-24 --walks 4 --frames 200 --out DIR`.

Levels of freedoom2 with doors open, each walk from where some thing stands; of all things only monsters are left, put on the path
of every other walk, so that what is labelled as an actor is a creature or its missile. Such a walk comes again without them: what
memory knows is behind them. Levels 25–32 are kept for validation; freedoom1 is for evaluation alone.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.walks import QUIET, Walk, save_walk
from spatia_bridge.errors import InvalidInputError, SpatiaError
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.samples.freedoom.engine import Engine, View, find_wad
from spatia_bridge.samples.freedoom.level import (
    Level,
    only_things,
    parse_level,
    thing_places,
    with_open_doors,
    with_things,
)
from spatia_bridge.samples.freedoom.pose import UNITS_PER_M
from spatia_bridge.samples.freedoom.record import blocks, brightened, make_frame, middle
from spatia_bridge.samples.freedoom.tour import Tour, plan_tour, reachable
from spatia_bridge.samples.freedoom.wad import read_map_lumps

WAD = "freedoom2"
LEVELS = range(1, 33)
ENGINE_SIZE, SHRINK, SIZE = (640, 360), 2, (256, 144)  # averaged down, then the middle of the picture
FOVS_DEG = (75.0, 90.0, 100.0)
GAMMAS = (1.0, 1.2, 1.4)  # a screen's brightness
RADIUS_M = 20.0
MIN_PLACES = 20
TICS = 4  # a frame
MONSTER_EVERY, AHEAD = 40, 10  # frames
PLAYER_START = 1
CREATURES = {  # the engine's names and editor numbers of what a prompt can name
    "zombie": ("Zombieman", 3004),
    "sergeant": ("ShotgunGuy", 9),
    "imp": ("DoomImp", 3001),
    "demon": ("Demon", 3002),
    "cacodemon": ("Cacodemon", 3005),
    "knight": ("HellKnight", 69),
    "skull": ("LostSoul", 3006),
}
OTHER = "missile"


def training_walks(number: int, frames: int, seed: int, wad: str = WAD) -> list[Walk]:
    """One walk through a level, chosen by the seed in every respect; if something moves on it, the same without that as well.

    Raises:
        InvalidInputError: a level that is not there, or a WAD other than freedoom2.
        MissingDependencyError: vizdoom is not installed.
    """
    if wad != WAD or number not in LEVELS:
        raise InvalidInputError(f"level {number} of {wad}", f"use levels 1 to 32 of {WAD}; freedoom1 is for evaluation alone")
    rng = np.random.default_rng((number, seed))
    path, name = find_wad(wad), f"MAP{number:02d}"
    whole = with_open_doors(read_map_lumps(path, name))
    lumps = only_things(whole, (PLAYER_START,))
    level = parse_level(lumps)
    tour = plan_tour(level, _start(level, thing_places(whole), rng), frames, rng, RADIUS_M * UNITS_PER_M)
    lively = bool(rng.random() < 0.5)
    peopled = with_things(lumps, _ambush(tour, rng)) if lively else lumps
    fov_deg, gamma = float(rng.choice(FOVS_DEG)), float(rng.choice(GAMMAS))

    def walk(things: dict[str, bytes], title: str, *, monsters: bool) -> Walk:
        with Engine(path, name, fov_deg, ENGINE_SIZE, things, monsters=monsters, seed=seed + 1) as engine:
            poses = zip(tour.x, tour.y, tour.angle_rad, strict=True)
            views = (engine.look_from(x, y, math.degrees(angle), TICS) for x, y, angle in poses)
            return _record(views, level, engine.intrinsics, gamma, title)

    title = f"{wad} {name} seed {seed}"
    first = walk(peopled, title, monsters=lively)
    return [first, walk(lumps, title + QUIET, monsters=False)] if lively else [first]


def _start(level: Level, places: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """The first of the places, in random order, with enough places around it to walk to."""
    for x, y in rng.permutation(places).tolist():
        if len(reachable(level, (x, y), RADIUS_M * UNITS_PER_M)) >= MIN_PLACES:
            return x, y
    raise InvalidInputError("the level has nowhere to walk to", "use another level")


def _record(views, level: Level, k: Intrinsics, gamma: float, name: str) -> Walk:  # type: ignore[no-untyped-def]
    part, cropped = middle(k.resized(k.width // SHRINK, k.height // SHRINK), SIZE)
    names = [*CREATURES, OTHER]
    colours, depths, actors, poses = [], [], [], []
    for view in views:
        frame = brightened(make_frame(view, level, k, 0.0, SHRINK), gamma)
        colours.append(frame.colour[part])
        depths.append(frame.depth_m[part])
        actors.append(_kinds(view, names)[part])
        poses.append(frame.camera.world_from_camera)
    return Walk(np.stack(colours), np.stack(depths), np.stack(actors), np.stack(poses), cropped, tuple(names), name)


def _kinds(view: View, names: list[str]) -> npt.NDArray[np.uint8]:
    """What moves (H, W): 1 + an index into names."""
    known = {engine_name: names.index(word) for word, (engine_name, _) in CREATURES.items()}
    table = np.zeros(256, np.uint8)
    for actor in view.actors:
        table[actor.label] = 1 + known.get(actor.name, len(names) - 1)
    kinds = table[view.labels]
    return np.asarray(blocks(kinds, SHRINK).max(axis=(1, 3)))


def _ambush(tour: Tour, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Monsters on the path, rows (N, 4) of x, y, angle, kind, facing where the player comes from."""
    kinds = [number for _, number in CREATURES.values()]
    rows = []
    for number in range(MONSTER_EVERY, len(tour.x), MONSTER_EVERY):
        back = math.atan2(tour.y[number - AHEAD] - tour.y[number], tour.x[number - AHEAD] - tour.x[number])
        eighth = round(math.degrees(back) / 45.0) * 45 % 360
        rows.append((round(tour.x[number]), round(tour.y[number]), eighth, rng.choice(kinds)))
    return np.array(rows, np.int64).reshape(-1, 4)


def _prepare(job: tuple[int, int], frames: int, out: Path) -> tuple[str, int, int]:
    level, seed = job
    name = f"MAP{level:02d}_{seed}"
    try:
        walks = training_walks(level, frames, seed)
    except SpatiaError as error:  # a level that ends or kills: the others go on
        return f"{name}: {error}", 0, 0
    sizes = [save_walk(out / f"{name}{'_quiet' if walk.name.endswith(QUIET) else ''}.walk", walk) for walk in walks]
    return name, sum(map(len, walks)), sum(sizes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Render and save; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m spatia_bridge.samples.freedoom.training", description=__doc__)
    parser.add_argument("--levels", default="1-24", help="first-last (default: %(default)s)")
    parser.add_argument("--walks", type=int, default=4, help="a level (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=200, help="a walk (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    first, _, last = options.levels.partition("-")
    jobs = [(level, seed) for seed in range(options.walks) for level in range(int(first), int(last or first) + 1)]
    options.out.mkdir(parents=True, exist_ok=True)
    done = [0, 0]
    with ProcessPoolExecutor(options.workers) as pool:
        for name, frames, size in pool.map(partial(_prepare, frames=options.frames, out=options.out), jobs):
            done[0], done[1] = done[0] + frames, done[1] + size
            print(f"{name}: {frames} frames, {size / 1e6:.2f} MB; so far {done[0]} frames, {done[1] / 1e6:.1f} MB", flush=True)
    return 0 if done[0] else 1


if __name__ == "__main__":
    sys.exit(main())
