"""Saved paths on disk: bit for bit, with the alignment that they are of; damage is noticed; older folders get the table."""

import sqlite3

import numpy as np
import pytest

from spatia_bridge.errors import StoreError
from spatia_bridge.frames import Take
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.store import SessionLibrary
from tests.store.scenes import camera, rgbd, take

PATH = Trajectory(tuple(camera(seed) for seed in range(5)), (0.0, 1 / 3, 0.5, 7.0, 1e9))
TURNED = Similarity(2.5) @ Similarity.upright((0.1, 1, 0))


def execute(library, sql):
    connection = sqlite3.connect(library.root / "s" / "session.db")
    connection.executescript(sql)
    connection.close()


@pytest.fixture
def library(tmp_path):
    library = SessionLibrary(tmp_path)
    with library.create("s") as store:
        store.put_trajectory("walk", PATH, TURNED)
    return library


def test_it_comes_back_bit_for_bit(library):
    with library.open("s") as store:
        info, found, alignment = store.load_trajectory("walk")
        assert store.trajectories() == [info]
    assert found.times_secs == PATH.times_secs
    for one, other in zip(found.cameras, PATH.cameras, strict=True):
        np.testing.assert_array_equal(one.world_from_camera, other.world_from_camera)
        assert one.intrinsics == PATH.cameras[0].intrinsics
    assert alignment.scale == TURNED.scale
    np.testing.assert_array_equal(alignment.rotation, TURNED.rotation)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE trajectories SET poses = x'00';",
        "UPDATE trajectories SET poses = substr(poses, 1, length(poses) - 1);",
        "UPDATE trajectories SET info = poses;",
        "UPDATE trajectories SET poses = info;",
        "UPDATE trajectories SET name = 'other';",
    ],
)
def test_damage_is_noticed(library, sql):
    execute(library, sql)
    with library.open("s") as store, pytest.raises(StoreError, match="trajectory"):
        store.load_trajectory("other" if "name" in sql else "walk")


def test_a_folder_from_before_there_were_trajectories(library):
    execute(library, "DROP TABLE trajectories;")
    with library.open("s") as store:
        assert store.trajectories() == []
        store.put_trajectory("walk", PATH, TURNED)


def test_clips_know_the_alignment_of_their_scene(library):
    with library.open("s") as store:
        plain = take(1, frames=1)
        numbers = (plain.prompt, plain.seed, plain.generator, plain.fps, plain.notes)
        store.put_take(Take(1, 0, plain.cameras, plain.frames, *numbers, TURNED))
        store.put_seed(2, [rgbd(1)], TURNED)
        store.put_seed(3, [rgbd(1)])
    with library.open("s") as store:
        for alignment in (store.load_take(1).alignment, store.take_info(1).alignment, store.take_info(2).alignment):
            assert alignment.scale == TURNED.scale
            np.testing.assert_array_equal(alignment.rotation, TURNED.rotation)
        assert store.take_info(3).alignment.is_identity
