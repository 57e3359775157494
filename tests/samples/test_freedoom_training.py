"""Walks to train on: the evaluation's levels are refused; frames show the level with creatures marked."""

import numpy as np
import pytest

from spatia_bridge.codec.walks import QUIET
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.samples.freedoom.training import SIZE, training_walks

pytest.importorskip("vizdoom")


def test_the_evaluations_levels_are_never_rendered() -> None:
    for number, wad in ((1, "freedoom1"), (0, "freedoom2"), (33, "freedoom2")):
        with pytest.raises(InvalidInputError, match="evaluation"):
            training_walks(number, 4, 0, wad)


def test_neighbouring_frames_show_the_same_level(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    walk, *_ = training_walks(1, 10, 0)
    assert walk.colour.shape == (10, SIZE[1], SIZE[0], 3) and (walk.depth_m > 0).mean() > 0.9
    k = walk.intrinsics
    rows, columns = np.mgrid[20:120:10, 20:240:10]
    depth = walk.depth_m[0][rows, columns]
    points = np.stack([(columns + 0.5 - k.cx) / k.fx * depth, (rows + 0.5 - k.cy) / k.fy * depth, depth, np.ones_like(depth)])
    moved = np.linalg.inv(walk.world_from_camera[1]) @ walk.world_from_camera[0] @ points.reshape(4, -1)
    u, v = (k.fx * moved[0] / moved[2] + k.cx).astype(int), (k.fy * moved[1] / moved[2] + k.cy).astype(int)
    inside = (u >= 0) & (u < SIZE[0]) & (v >= 0) & (v < SIZE[1])
    off = np.abs(walk.depth_m[1][v[inside], u[inside]] / moved[2][inside] - 1)
    assert inside.sum() > 100 and np.median(off) < 0.01


def test_what_moves_is_filmed_again_without_it(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(4):
        walk, *rest = training_walks(1, 45, seed)
        assert bool(rest) or not walk.actors.any()
        if walk.actors.any():
            break
    (quiet,) = rest
    assert quiet.name == walk.name + QUIET and not quiet.actors.any()
    assert np.array_equal(quiet.world_from_camera, walk.world_from_camera)
    still = walk.actors == 0
    assert (np.abs(quiet.depth_m - walk.depth_m)[still] < 0.05).mean() > 0.95
    assert (np.abs(quiet.colour.astype(int) - walk.colour)[~still].max(axis=-1) > 20).mean() > 0.5
