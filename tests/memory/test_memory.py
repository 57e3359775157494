"""Memory's laws: commits against a base, edits, locks, undo, digests. A plain dict of voxels is the model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.memory import (
    RECORD,
    Box,
    Cause,
    Chunk,
    ChunkIndex,
    LockRegion,
    Memory,
    RemoveRegion,
    Snapshot,
    Sphere,
    UnlockRegion,
    Update,
    changed_indexes,
)
from spatia_bridge.memory.merge import merge_chunk
from spatia_bridge.memory.record import decode_footprint, decode_normals, encode_footprint, encode_normals
from spatia_bridge.memory.snapshot import chunk_digest

HERE = ChunkIndex(0, 0, 0, 0)
VOXEL_M = 0.125


def chunk(voxels, index=HERE, shade=100):
    records = np.zeros(len(voxels), RECORD)
    records["xyz"] = np.array(voxels) * 4 + 1
    records["rgb"] = shade
    records["confidence"] = 200
    records["weight"] = 1
    return Chunk(index, records)


def content(snapshot):
    """The model's view: {(index, voxel): record bytes}."""
    return {
        (index, tuple(int(v) for v in record["xyz"] >> 2)): record.tobytes()
        for index, one in snapshot.chunks.items()
        for record in one.records
    }


def seeded(*voxels):
    memory = Memory()
    memory.commit(
        Update({HERE: chunk(voxels or [(0, 0, 0), (8, 8, 8), (40, 40, 40)])}, voxel_size_m=VOXEL_M), memory.snapshot(), Cause.SEED
    )
    return memory


def box(low, high):
    """Around voxels low…high of the first chunk, inclusive."""
    return Box.from_bounds(np.array(low) * VOXEL_M, (np.array(high) + 1) * VOXEL_M)


def test_chunks_are_canonical_and_immutable():
    voxels = [(i, 3 * i % 64, 7 * i % 64) for i in range(64)]
    one = chunk(voxels)
    other = Chunk(HERE, one.records[np.random.default_rng(1).permutation(64)])
    assert one.record_hash == other.record_hash
    assert one.packed_hash == other.packed_hash
    with pytest.raises(ValueError, match="read-only"):
        one.records["rgb"][0] = 1
    assert one.packed() == b"".join(record.tobytes()[:8] for record in one.records)


def test_a_chunk_refuses_what_it_cannot_hold():
    with pytest.raises(InvalidInputError, match="one voxel"):
        chunk([(1, 1, 1), (1, 1, 1)])
    with pytest.raises(InvalidInputError):
        Chunk(HERE, np.empty(0, RECORD))
    for index in [ChunkIndex(-1, 0, 0, 0), ChunkIndex(16, 0, 0, 0), ChunkIndex(0, 1 << 18, 0, 0)]:
        with pytest.raises(InvalidInputError):
            chunk([(0, 0, 0)], index)


def test_positions_follow_the_level():
    for level in (0, 3):
        one = chunk([(2, 0, 63)], ChunkIndex(level, 1, -1, 0))
        side = VOXEL_M * 2**level
        np.testing.assert_allclose(
            one.points_world(VOXEL_M), [[64 * side + 2.375 * side, -64 * side + 0.375 * side, 63.375 * side]]
        )


@given(st.floats(0.07, 15.0))
def test_footprints_come_back_within_a_step(diameter):
    assert decode_footprint(encode_footprint(np.array([diameter])))[0] == pytest.approx(diameter, rel=0.011)


@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), min_size=1, max_size=20))
def test_normals_come_back_within_two_degrees(vectors):
    vectors = np.array([v for v in vectors if np.linalg.norm(v) > 0.1] or [(0, 0, 1)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = (decode_normals(encode_normals(vectors)) * unit).sum(axis=1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 2


def test_removing_a_box_and_undoing_it_restores_every_hash():
    memory = seeded()
    before = {index: one.record_hash for index, one in memory.snapshot().chunks.items()}
    digests = memory.snapshot().record_digest, memory.snapshot().packed_digest
    removed = memory.edit(RemoveRegion(box((0, 0, 0), (10, 10, 10))))
    assert removed.points == 1
    assert memory.snapshot().tombstones
    memory.undo()
    after = memory.snapshot()
    assert {index: one.record_hash for index, one in after.chunks.items()} == before
    assert (after.record_digest, after.packed_digest) == digests
    assert not after.tombstones
    assert memory.redo().digest == removed.digest


def test_nothing_is_written_into_what_was_removed_or_locked_meanwhile():
    """Both edits come after the update's base: the edit wins."""
    memory = seeded((0, 0, 0), (20, 20, 20))
    base = memory.snapshot()
    new = chunk([(0, 0, 0), (1, 0, 0), (20, 20, 20), (21, 20, 20), (50, 50, 50)], shade=7)
    memory.edit(RemoveRegion(box((0, 0, 0), (3, 3, 3))))
    memory.edit(LockRegion(box((20, 20, 20), (23, 23, 23))))
    memory.commit(Update({HERE: new}), base)
    found = content(memory.snapshot())
    assert {voxel for _, voxel in found} == {(20, 20, 20), (50, 50, 50)}
    assert np.frombuffer(found[HERE, (20, 20, 20)], RECORD)["rgb"][0, 0] == 100


def test_locked_points_outlive_a_removal_and_unlocking_frees_them():
    memory = seeded()
    memory.edit(LockRegion(Sphere(np.full(3, 0.5 * VOXEL_M), 2 * VOXEL_M)))
    memory.edit(RemoveRegion(box((0, 0, 0), (63, 63, 63))))
    assert {voxel for _, voxel in content(memory.snapshot())} == {(0, 0, 0)}
    memory.edit(UnlockRegion(0))
    memory.edit(RemoveRegion(box((0, 0, 0), (63, 63, 63))))
    assert not memory.snapshot().chunks
    with pytest.raises(NotFoundError):
        memory.edit(UnlockRegion(0))


def test_undo_and_redo_end_where_they_must():
    memory = Memory()
    for action in (memory.undo, memory.redo):
        with pytest.raises(ConflictError):
            action()
    with pytest.raises(InvalidInputError):
        memory.edit(RemoveRegion(box((0, 0, 0), (1, 1, 1))))
    memory = seeded()
    memory.undo()
    assert not memory.snapshot().chunks
    assert memory.snapshot().voxel_size_m == memory.at(0).voxel_size_m != VOXEL_M
    memory.redo()
    assert memory.snapshot().voxel_size_m == VOXEL_M
    memory.edit(LockRegion(box((0, 0, 0), (1, 1, 1))))
    with pytest.raises(ConflictError):
        memory.redo()


def test_the_lineage_of_any_revision_is_what_was_not_undone_then():
    memory = seeded((1, 1, 1))
    memory.edit(LockRegion(box((5, 5, 5), (6, 6, 6))))
    memory.undo()
    memory.redo()
    memory.undo()
    memory.edit(LockRegion(box((7, 7, 7), (8, 8, 8))))
    lineages = [[r.number for r in memory.lineage(number)] for number in range(7)]
    assert lineages == [[0], [0, 1], [0, 1, 2], [0, 1], [0, 1, 2], [0, 1], [0, 1, 6]]
    assert memory.lineage() == memory.lineage(6)
    for number in (-1, 7):
        with pytest.raises(NotFoundError):
            memory.lineage(number)


def test_a_second_voxel_size_is_refused():
    memory = seeded()
    with pytest.raises(ConflictError):
        memory.commit(Update({}, voxel_size_m=2 * VOXEL_M), memory.snapshot(), Cause.SEED)


def test_a_scene_that_is_empty_again_takes_another_voxel_size():
    memory = seeded((1, 1, 1))
    base = memory.snapshot()
    memory.undo()
    memory.commit(Update({HERE: chunk([(2, 2, 2)])}, voxel_size_m=2 * VOXEL_M), memory.snapshot(), Cause.SEED)
    assert memory.snapshot().voxel_size_m == 2 * VOXEL_M
    memory.edit(RemoveRegion(box((0, 0, 0), (63, 63, 63))))
    assert not memory.snapshot().chunks
    late = Update({HERE: chunk([(1, 1, 1), (63, 63, 63)])})  # what was undone stays so, what is new comes with its grid
    memory.undo()
    memory.undo()
    memory.commit(late, base)
    assert {voxel for _, voxel in content(memory.snapshot())} == {(63, 63, 63)}
    assert memory.snapshot().voxel_size_m == VOXEL_M


def test_a_journal_that_fails_leaves_memory_as_it_was():
    def full(_revision, _snapshot):
        raise StoreError("the disk is full", "make room")

    memory = Memory(journal=full)
    before = memory.snapshot()
    with pytest.raises(StoreError):
        memory.commit(Update({HERE: chunk([(0, 0, 0)])}), before)
    assert memory.snapshot() is before
    assert len(memory.revisions()) == 1
    assert not memory.can_undo


voxel_sets = st.dictionaries(st.tuples(*[st.integers(0, 2)] * 3), st.integers(0, 3), max_size=12)


@settings(max_examples=100)
@given(voxel_sets, voxel_sets, voxel_sets)
def test_three_way_merge_is_the_rule_voxel_by_voxel(base, new, head):
    def build(cells):
        if not cells:
            return None
        one = chunk(list(cells))
        records = one.records.copy()
        for record in records:
            record["rgb"] = cells[tuple(record["xyz"] >> 2)]
        return Chunk(HERE, records)

    merged = merge_chunk(build(base), build(new), build(head))
    found = {} if merged is None else {tuple(int(v) for v in r["xyz"] >> 2): int(r["rgb"][0]) for r in merged.records}
    expected = {}
    for voxel in {*base, *new, *head}:
        winner = new if base.get(voxel) == head.get(voxel) else head
        if voxel in winner:
            expected[voxel] = winner[voxel]
    assert found == expected


class MemoryMachine(RuleBasedStateMachine):
    """Commits against old bases, edits, undo and redo against a plain model of the visible content and the undo stack."""

    @initialize()
    def start(self):
        self.memory = seeded((0, 0, 0), (30, 30, 30))
        self.bases = [self.memory.snapshot()]
        self.done, self.undone = [content(Memory().snapshot()), content(self.memory.snapshot())], []

    def moved(self):
        self.done.append(content(self.memory.snapshot()))
        self.undone.clear()

    @rule(
        cells=st.sets(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=6),
        shade=st.integers(0, 255),
        pick=st.integers(0, 9),
    )
    def commit(self, cells, shade, pick):
        base = self.bases[pick % len(self.bases)]
        head = self.memory.snapshot()
        new = chunk(sorted(cells), shade=shade)
        self.memory.commit(Update({HERE: new}, clip=3, voxel_size_m=None if base.chunks else VOXEL_M), base)
        after = content(self.memory.snapshot())
        model_base, model_head = content(base), content(head)
        for (index, voxel), record in content(Snapshot(VOXEL_M).with_changes({HERE: new})).items():
            key = (index, voxel)
            centre = (np.array(voxel) * 4 + 1.5)[None] * VOXEL_M / 4
            barred = any(region.contains(centre)[0] for region in head.protected())
            if not barred and model_base.get(key) == model_head.get(key):
                assert after[key] == record
            elif key in model_head:
                assert after[key] == model_head[key]
        self.moved()

    @rule(low=st.tuples(*[st.integers(0, 5)] * 3), size=st.integers(0, 3))
    def remove(self, low, size):
        region = box(low, np.array(low) + size)
        if not self.memory.snapshot().chunks:
            return
        self.memory.edit(RemoveRegion(region))
        locks = self.memory.snapshot().locks
        points = self.points()
        inside = region.contains(points)
        for lock in locks:
            inside &= ~lock.contains(points)
        assert not inside.any()
        self.moved()

    @rule(low=st.tuples(*[st.integers(0, 5)] * 3))
    def lock(self, low):
        self.memory.edit(LockRegion(box(low, low)))
        self.moved()

    @precondition(lambda self: len(self.done) > 1)
    @rule()
    def undo(self):
        self.memory.undo()
        self.undone.append(self.done.pop())

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self):
        self.memory.redo()
        self.done.append(self.undone.pop())

    @rule()
    def remember_base(self):
        self.bases = [*self.bases[-4:], self.memory.snapshot()]

    def points(self):
        snapshot = self.memory.snapshot()
        found = [one.points_world(snapshot.voxel_size_m) for one in snapshot.chunks.values()]
        return np.concatenate(found) if found else np.empty((0, 3))

    @invariant()
    def head_is_the_model(self):
        assert content(self.memory.snapshot()) == self.done[-1]
        assert self.memory.can_undo == (len(self.done) > 1)
        assert self.memory.can_redo == bool(self.undone)

    @invariant()
    def digests_and_counts_are_what_the_chunks_say(self):
        snapshot = self.memory.snapshot()
        record = packed = 0
        for index, one in snapshot.chunks.items():
            record ^= chunk_digest(index, one.record_hash)
            packed ^= chunk_digest(index, one.packed_hash)
        assert (snapshot.record_digest, snapshot.packed_digest) == (record, packed)
        assert snapshot.points == sum(map(len, snapshot.chunks.values()))
        assert sum(snapshot.chunks_per_level) == len(snapshot.chunks)

    @invariant()
    def revisions_only_grow_and_say_what_changed(self):
        revisions = self.memory.revisions()
        assert [r.number for r in revisions] == list(range(len(revisions)))
        last = revisions[-1]
        assert last.digest == f"{self.memory.snapshot().record_digest:064x}"
        before = self.memory.at(last.number - 1)
        assert last.changed == changed_indexes(before, self.memory.snapshot())


MemoryMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
test_memory_machine = MemoryMachine.TestCase
