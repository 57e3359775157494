"""Planned tours: nothing walks through walls, doors are open, monsters move and time passes."""

from pathlib import Path

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.samples.freedoom.engine import Engine, find_wad
from spatia_bridge.samples.freedoom.level import PLAYER_HEIGHT, parse_level, player_start, with_open_doors, with_things
from spatia_bridge.samples.freedoom.tour import STEP_UNITS, floor_height, plan_tour
from spatia_bridge.samples.freedoom.wad import read_map_lumps

pytest.importorskip("vizdoom")
IMP = 3001


def test_a_tour_keeps_to_the_level_and_doors_are_open() -> None:
    lumps = read_map_lumps(find_wad("freedoom2"), "MAP26")
    shut, opened = parse_level(lumps), parse_level(with_open_doors(lumps))
    low = shut.ceiling - shut.floor < PLAYER_HEIGHT
    assert (opened.ceiling >= shut.ceiling).all()
    assert ((opened.ceiling > shut.ceiling) <= low).all()
    assert (opened.ceiling - opened.floor < PLAYER_HEIGHT).sum() < low.sum()
    tour = plan_tour(opened, player_start(lumps), 300, np.random.default_rng(1), 640.0)
    steps = np.hypot(np.diff(tour.x), np.diff(tour.y))
    assert steps.max() < 1.01 * STEP_UNITS
    for x, y in zip(tour.x[::10], tour.y[::10], strict=True):
        floor = floor_height(opened, x, y)
        assert floor in opened.floor
        assert min(np.hypot(x - a, y - b) for a, b in tour.cells.values()) < 32


def test_monsters_hunt_and_the_same_seed_shows_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    wad = find_wad("freedoom2")
    lumps = read_map_lumps(wad, "MAP28")
    x, y = -862.0, -2367.0
    lumps = with_things(lumps, [(x + 160, y, 180, IMP)])
    runs = []
    for _ in range(2):
        with Engine(wad, "MAP28", 75.0, lumps=lumps, monsters=True, seed=5) as engine:
            runs.append([engine.look_from(x, y, 0.0, tics=4) for _ in range(25)])
            with pytest.raises(InvalidInputError, match="tics"):
                engine.look_from(x, y, 0.0, tics=3)
    first, again = runs
    assert all((a.colour == b.colour).all() and a.actors == b.actors for a, b in zip(first, again, strict=True))
    places = np.array([(a.x, a.y) for view in first for a in view.actors if a.name == "DoomImp"])
    assert np.linalg.norm(places - places[0], axis=1).max() > 16
