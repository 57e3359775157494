"""Boxes and spheres."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.memory import Box, ChunkIndex, Snapshot, Sphere
from tests.memory.test_memory import VOXEL_M, chunk

RNG = np.random.default_rng(3)
POINTS = RNG.uniform(-4, 4, (2000, 3))


def test_an_oriented_box_turns_with_its_pose():
    pose = se3.look_at((1, 0, -1), (2, 1, 3))
    region = Box(pose, np.array([0.5, 1.0, 2.0]))
    local = se3.transform(se3.inverse(pose), POINTS)
    np.testing.assert_array_equal(region.contains(POINTS), (np.abs(local) <= [0.5, 1, 2]).all(axis=1))
    assert 0 < region.contains(POINTS).sum() < len(POINTS)


@pytest.mark.parametrize(
    "region", [Box(se3.look_at((0.3, 1, 0), (2, 2, 2)), np.array([0.2, 1, 3])), Sphere(np.array([1.0, 0, -1]), 1.3)]
)
def test_bounds_hold_everything_inside_and_touch_it(region):
    low, high = region.bounds_world()
    inside = POINTS[region.contains(POINTS)]
    assert len(inside)
    assert (inside >= low).all()
    assert (inside <= high).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Box(np.eye(4), np.array([1.0, 0, 1])),
        lambda: Box(np.eye(4), np.array([1.0, np.nan, 1])),
        lambda: Box(np.eye(4) * np.nan, np.ones(3)),
        lambda: Box(np.eye(4), np.ones(2)),
        lambda: Sphere(np.zeros(3), -1.0),
        lambda: Sphere(np.zeros(3), np.inf),
        lambda: Sphere(np.array([np.nan, 0, 0]), 1.0),
        lambda: Sphere(np.zeros(2), 1.0),
    ],
)
def test_impossible_regions_are_refused(make):
    with pytest.raises(InvalidInputError):
        make()


@given(st.lists(st.tuples(st.integers(0, 3), *[st.integers(-3, 3)] * 3), max_size=30, unique=True), st.floats(0.1, 40))
def test_the_chunks_in_a_region_are_found_at_every_level(indexes, radius):
    chunks = {ChunkIndex(*i): chunk([(0, 0, 0), (63, 63, 63)], ChunkIndex(*i)) for i in indexes}
    snapshot = Snapshot(VOXEL_M).with_changes(chunks)
    region = Sphere(np.array([1.0, -2.0, 3.0]), radius)
    found = snapshot.chunks_in(region)
    assert len(found) == len(set(found))
    touched = {i for i, one in chunks.items() if region.contains(one.points_world(VOXEL_M)).any()}
    assert touched <= set(found)
