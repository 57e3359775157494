"""Walks on disk: what comes back is what went in, within stated bounds; damage is an error of ours."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.codec.walks import DEPTH_STEPS, NEAREST_M, load_walk, save_walk
from spatia_bridge.errors import CodecError, InvalidInputError
from tests.generation.tiny.walks import room_walk


def test_a_walk_comes_back(tmp_path):
    walk = room_walk(12)
    depth = walk.depth_m.copy()
    depth[:, :5] = 0
    walk = replace(walk, depth_m=depth)
    size = save_walk(tmp_path / "a.walk", walk)
    assert size == (tmp_path / "a.walk").stat().st_size < walk.colour.nbytes / 8
    again = load_walk(tmp_path / "a.walk")
    assert again.intrinsics == walk.intrinsics and again.creatures == walk.creatures and again.name == walk.name
    assert np.array_equal(again.actors, walk.actors)
    assert np.array_equal(again.world_from_camera, walk.world_from_camera)
    assert (again.depth_m[:, :5] == 0).all()
    step = NEAREST_M * DEPTH_STEPS
    assert np.abs(step / again.depth_m[:, 5:] - step / walk.depth_m[:, 5:]).max() <= 0.51
    error = again.colour.astype(float) - walk.colour
    luma = error @ (0.299, 0.587, 0.114)
    assert 10 * np.log10(255**2 / np.mean(luma**2)) > 38
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 27  # the room's edges are edges of hue, and chroma is halved


def test_damage_is_named(tmp_path):
    path = tmp_path / "a.walk"
    save_walk(path, room_walk(4))
    whole = path.read_bytes()
    for broken in (whole[:-40], whole[: len(whole) // 2], b"", b"PK" + whole[40:]):
        path.write_bytes(broken)
        with pytest.raises(CodecError):
            load_walk(path)
    with pytest.raises(CodecError):
        load_walk(tmp_path / "none.walk")


def test_images_and_poses_must_fit():
    walk = room_walk(4)
    with pytest.raises(InvalidInputError, match="shapes"):
        replace(walk, actors=walk.actors[:3])
    with pytest.raises(InvalidInputError, match="multiples of 16"):
        replace(walk, colour=walk.colour[:, :60], depth_m=walk.depth_m[:, :60], actors=walk.actors[:, :60])
