"""Moving, copying, recolouring, inserting, setting upright and to size."""

import numpy as np
import pytest

from spatia_bridge.errors import ConflictError, InvalidInputError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory import (
    Box,
    ChunkIndex,
    InsertPoints,
    LockRegion,
    Memory,
    MoveRegion,
    Realign,
    RecolourRegion,
    RemoveRegion,
    Sphere,
    Update,
)
from tests.memory.test_memory import HERE, VOXEL_M, box, chunk, content, seeded

CLUMP = [(x, y, z) for x in (8, 9, 10) for y in (8, 9) for z in (8, 9, 10)]


def positions(snapshot):
    found = [one.points_world(snapshot.voxel_size_m) for one in snapshot.chunks.values()]
    every = np.concatenate(found) if found else np.empty((0, 3))
    return every[np.lexsort(every.T)]


def shift(*metres):
    return se3.from_parts(np.eye(3), metres)


def test_a_move_by_whole_voxels_keeps_the_shape_and_leaves_a_tombstone():
    memory = seeded(*CLUMP, (40, 40, 40))
    before = positions(memory.snapshot())
    step = 70 * VOXEL_M  # into the next chunk
    memory.edit(MoveRegion(box((8, 8, 8), (10, 10, 10)), shift(step, 0, 0)))
    expected = before.copy()
    expected[(before < 12 * VOXEL_M).all(axis=1), 0] += step
    np.testing.assert_allclose(positions(memory.snapshot()), expected[np.lexsort(expected.T)])
    assert len(memory.snapshot().tombstones) == 1
    memory.undo()
    np.testing.assert_array_equal(positions(memory.snapshot()), before)


def test_a_copy_leaves_everything_and_no_tombstone():
    memory = seeded(*CLUMP)
    memory.edit(MoveRegion(box((8, 8, 8), (10, 10, 10)), shift(0, 4 * VOXEL_M, 0), copy=True))
    assert memory.snapshot().points == 2 * len(CLUMP)
    assert not memory.snapshot().tombstones


def test_a_turn_keeps_points_within_a_quantum_and_turns_normals():
    memory = seeded(*CLUMP)
    centre = np.array([9.5, 9, 9.5]) * VOXEL_M
    quarter = se3.rotation_from_quaternion([0, np.sqrt(0.5), 0, np.sqrt(0.5)])
    motion = se3.from_parts(quarter, centre - quarter @ centre)
    expected = se3.transform(motion, positions(memory.snapshot()))
    memory.edit(MoveRegion(box((8, 8, 8), (10, 10, 10)), motion))
    found = positions(memory.snapshot())
    gaps = np.linalg.norm(found[:, None] - expected[None], axis=2).min(axis=1)
    assert len(found) == len(CLUMP)
    assert gaps.max() < VOXEL_M / 4


def test_locked_points_neither_move_nor_give_way():
    memory = seeded(*CLUMP, (20, 8, 8))
    memory.edit(LockRegion(box((20, 8, 8), (20, 8, 8))))
    memory.edit(LockRegion(box((8, 8, 8), (8, 8, 8))))
    before = content(memory.snapshot())
    memory.edit(RecolourRegion(box((0, 0, 0), (63, 63, 63)), (255, 0, 0)))
    memory.edit(MoveRegion(box((8, 8, 8), (10, 10, 10)), shift(12 * VOXEL_M, 0, 0)))
    after = content(memory.snapshot())
    for voxel in [(20, 8, 8), (8, 8, 8)]:
        assert after[HERE, voxel] == before[HERE, voxel]
    with pytest.raises(InvalidInputError):
        memory.edit(MoveRegion(box((8, 8, 8), (8, 8, 8)), shift(1, 0, 0)))


def test_recolouring_keeps_light_and_dark():
    memory = seeded(*CLUMP)
    memory.edit(RecolourRegion(box((8, 8, 8), (8, 10, 10)), (0, 0, 255), 1.0))
    records = memory.snapshot().chunks[HERE].records
    inside = (records["xyz"] >> 2)[:, 0] == 8
    assert (records["rgb"][inside][:, 2] > records["rgb"][inside][:, 0]).all()
    assert (records["rgb"][~inside] == 100).all()
    before = memory.snapshot().record_digest
    memory.edit(RecolourRegion(box((8, 8, 8), (10, 10, 10)), (9, 9, 9), 0.0))
    assert memory.snapshot().record_digest == before


def test_inserted_points_are_where_they_were_put():
    memory = seeded((0, 0, 0))
    rng = np.random.default_rng(2)
    points = rng.uniform(-30, 30, (500, 3))
    memory.edit(InsertPoints(points, np.full((500, 3), 9, np.uint8), np.repeat([VOXEL_M, 8 * VOXEL_M], 250)))
    snapshot = memory.snapshot()
    assert snapshot.levels() == {0, 3}
    found = positions(snapshot)
    gaps = np.linalg.norm(points[:, None] - found[None], axis=2).min(axis=1)
    assert gaps[:250].max() < VOXEL_M / 4
    assert gaps[250:].max() < 2 * VOXEL_M


def test_a_scene_may_begin_with_inserted_points():
    memory = Memory()
    memory.edit(InsertPoints(np.zeros((1, 3)), np.zeros((1, 3), np.uint8), np.array(0.05)))
    assert memory.snapshot().points == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: InsertPoints(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.ones(0)),
        lambda: InsertPoints(np.full((1, 3), np.nan), np.zeros((1, 3), np.uint8), np.ones(1)),
        lambda: InsertPoints(np.full((1, 3), 1e9), np.zeros((1, 3), np.uint8), np.ones(1)),
        lambda: InsertPoints(np.zeros((2, 3)), np.zeros((1, 3), np.uint8), np.ones(2)),
        lambda: InsertPoints(np.zeros((1, 3)), np.zeros((1, 3), np.uint8), np.array([np.inf])),
        lambda: RecolourRegion(box((0, 0, 0), (1, 1, 1)), (0, 0, 300)),
        lambda: RecolourRegion(box((0, 0, 0), (1, 1, 1)), (0, 0, 30), float("nan")),
        lambda: MoveRegion(box((0, 0, 0), (1, 1, 1)), np.eye(4) * 3),
        lambda: Realign(Similarity(0.0)),
        lambda: Similarity.upright((0, 0, 0)),
    ],
)
def test_impossible_edits_are_refused(make):
    with pytest.raises(InvalidInputError):
        make()


def test_scaling_changes_no_chunk_but_every_length():
    memory = seeded(*CLUMP)
    memory.edit(LockRegion(Sphere(np.zeros(3), 1.0)))
    memory.edit(RemoveRegion(box((40, 40, 40), (41, 41, 41))))
    before, digest = positions(memory.snapshot()), memory.snapshot().record_digest
    memory.edit(Realign(Similarity(2.5)))
    snapshot = memory.snapshot()
    assert snapshot.record_digest == digest
    np.testing.assert_allclose(positions(snapshot), 2.5 * before)
    assert snapshot.locks[0].radius_m == 2.5
    memory.undo()
    np.testing.assert_array_equal(positions(memory.snapshot()), before)


def test_setting_upright_turns_points_about_the_origin():
    memory = seeded(*CLUMP)
    before = positions(memory.snapshot())
    change = Similarity.upright((1.0, 1.0, 0.0))
    memory.edit(Realign(change))
    np.testing.assert_allclose(change.points(np.array([1.0, 1, 0])), [0, np.sqrt(2), 0], atol=1e-12)
    gaps = np.linalg.norm(positions(memory.snapshot())[:, None] - change.points(before)[None], axis=2)
    assert gaps.min(axis=1).max() < VOXEL_M / 4
    np.testing.assert_allclose(memory.snapshot().alignment.rotation, change.rotation)


@pytest.mark.parametrize("down", [(0, 1, 0), (0, -1, 0), (1, 0, 0), (0.1, 0.9, -0.3), (0, -1, 1e-15)])
def test_upright_points_down(down):
    change = Similarity.upright(down)
    np.testing.assert_allclose(change.points(np.array(down) / np.linalg.norm(down)), [0, 1, 0], atol=1e-9)
    back = change.inverse() @ change
    np.testing.assert_allclose(back.rotation, np.eye(3), atol=1e-12)


def test_what_was_made_before_a_realignment_is_not_committed_after_it():
    memory = seeded(*CLUMP)
    base = memory.snapshot()
    memory.edit(Realign(Similarity(2.0)))
    with pytest.raises(ConflictError):
        memory.commit(Update({HERE: chunk([(1, 1, 1)])}), base)


def test_points_that_meet_in_a_voxel_become_one():
    memory = seeded(*CLUMP)
    memory.edit(MoveRegion(box((8, 8, 8), (8, 9, 10)), shift(VOXEL_M, 0, 0)))
    assert memory.snapshot().points == len(CLUMP) - 6
    assert set(memory.snapshot().chunks) == {ChunkIndex(0, 0, 0, 0)}
    assert Box.from_bounds((0, 0, 0), (1, 1, 1)).contains(np.array([[0.5, 0.5, 0.5]])).all()
