"""A memory that is full: what becomes coarser, what may not, and what it looks like afterwards."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spatia_bridge.memory import RECORD, Box, Chunk, ChunkIndex, InsertPoints, Memory, Snapshot, Update
from spatia_bridge.memory.budget import LOW_WATER, merge_up, within_budget
from spatia_bridge.memory.record import FLAG_GENERATED
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.update import Slam
from tests.worlds import camera, look

VOXEL_M = 0.125
HERE = np.zeros((1, 3))
SIDE_M = 64 * VOXEL_M


def sheet(index=(0, 0, 0, 0), step=1, **values):
    """A chunk whose floor is covered: 4096 points."""
    x, z = (grid.ravel() for grid in np.meshgrid(np.arange(0, 64, step), np.arange(0, 64, step)))
    records = np.zeros(len(x), RECORD)
    records["xyz"] = np.column_stack([x, np.full_like(x, 10), z]) * 4 + 1
    records["footprint"], records["confidence"], records["weight"] = 128, 200, 1
    for name, value in values.items():
        records[name] = value
    return Chunk(ChunkIndex(*index), records)


def scene(*chunks, **regions):
    return Snapshot(VOXEL_M, **regions).with_changes({chunk.index: chunk for chunk in chunks})


def squeezed(after, max_points, viewpoints=HERE, before=None):
    """Nothing in it is new unless `before` says so."""
    return within_budget(before or after, after, max_points, viewpoints)


def test_what_fits_is_left_alone():
    full = scene(sheet())
    assert squeezed(full, 0) is full
    assert squeezed(full, full.points) is full


def test_the_far_goes_first_then_the_old_then_the_unsure():
    far = scene(sheet(), sheet((0, 9, 0, 0)))
    assert squeezed(far, 7000).chunks[ChunkIndex(0, 0, 0, 0)] is far.chunks[ChunkIndex(0, 0, 0, 0)]
    pair = ChunkIndex(0, 0, 0, 0), ChunkIndex(0, -1, 0, 0)
    middle = np.array([[0, SIDE_M / 2, SIDE_M / 2]])
    for worse in ({"last_seen": 1}, {"last_seen": 64, "confidence": 99}):
        for kept, gone in (pair, pair[::-1]):
            known = scene(sheet(kept, last_seen=64), sheet(gone, **worse))
            after = squeezed(known, 7000, middle)
            assert after.chunks[kept] is known.chunks[kept]
            assert gone not in after.chunks


def test_it_is_brought_below_the_mark_so_that_the_next_commit_need_not():
    memory = Memory(max_points=12_000)
    for x in range(4):
        base = memory.snapshot()
        last = memory.commit(Update({sheet((0, x, 0, 0)).index: sheet((0, x, 0, 0))}, voxel_size_m=VOXEL_M), base)
    assert [r.health.get("evicted_points", 0) > 0 for r in memory.revisions()] == [False, False, False, True, True]
    assert last.points <= LOW_WATER * 12_000
    base = memory.snapshot()
    small = Chunk(ChunkIndex(0, 5, 5, 5), sheet().records[:50])
    after = memory.commit(Update({small.index: small}), base)
    assert after.changed == {small.index}
    assert "evicted_points" not in after.health


def test_undo_gives_back_every_byte_and_redo_what_was_left():
    memory = Memory(max_points=6000)
    memory.commit(Update({sheet().index: sheet()}, voxel_size_m=VOXEL_M), memory.snapshot())
    before = memory.snapshot().record_digest
    more = sheet((0, 7, 0, 0))
    revision = memory.commit(Update({more.index: more}), memory.snapshot(), viewpoints_world=np.full((1, 3), 7.5 * SIDE_M))
    assert revision.health["evicted_points"] == 8192 - revision.points > 0
    assert memory.snapshot().chunks[more.index].record_hash == more.record_hash, "what is new stays"
    memory.undo()
    assert memory.snapshot().record_digest == before
    assert memory.redo().digest == revision.digest


def test_what_is_new_goes_only_when_it_alone_is_too_much():
    old, new = sheet(), sheet((0, 50, 0, 0), last_seen=9)
    before = scene(old)
    after = before.with_changes({new.index: new})
    assert squeezed(after, 5000, before=before).chunks[new.index] is new, "though it is far"
    alone = squeezed(after, 3000, before=before)
    assert alone.points <= 3000


def test_new_points_in_a_known_chunk_stay_and_the_known_ones_go():
    known = sheet(step=2, rgb=10)
    both = sheet(rgb=20)
    records = both.records.copy()
    records["rgb"][np.isin(both.codes(), known.codes())] = 10
    before = scene(known)
    after = before.with_changes({known.index: Chunk(known.index, records)})
    left = squeezed(after, 3500, before=before).chunks[known.index]
    assert len(left) == 3 * 1024
    assert (left.records["rgb"] == 20).all()


def test_an_edit_that_adds_too_much_evicts_elsewhere():
    memory = Memory(max_points=5000)
    memory.commit(Update({sheet().index: sheet()}, voxel_size_m=VOXEL_M), memory.snapshot())
    points = np.random.default_rng(1).uniform(-SIDE_M, -0.5 * SIDE_M, (1500, 3))
    revision = memory.edit(InsertPoints(points, np.full((1500, 3), 7, np.uint8), np.array(VOXEL_M)))
    assert revision.points <= 5000
    assert revision.health["evicted_points"] > 0
    inserted = [c for i, c in memory.snapshot().chunks.items() if max(i[1:]) < 0]
    assert sum(map(len, inserted)) == len(np.unique(np.floor(points / VOXEL_M), axis=0))


def test_means_are_by_evidence_and_what_was_seen_stands_above_what_was_made():
    records = sheet().records[:4].copy()
    records["xyz"] = [(1, 1, 1), (5, 1, 1), (1, 5, 1), (5, 5, 5)]
    records["rgb"], records["weight"], records["confidence"] = [[0], [100], [200], [255]], [3, 1, 1, 1], [100, 100, 100, 255]
    records["flags"] = [0, 0, 0, FLAG_GENERATED]
    (merged,) = merge_up(ChunkIndex(0, 1, 0, 0), records, np.empty(0, RECORD))
    assert (merged["rgb"] == (0 * 3 + 100 + 200) / 5).all()
    assert merged["xyz"].tolist() == [129, 1, 0]  # means of 1.8, 1.8 and 1 and half a quarter, halved, in the second octant
    assert merged["flags"] == 0
    assert merged["weight"] == 3
    records["flags"] = FLAG_GENERATED
    (made,) = merge_up(ChunkIndex(0, 0, 0, 0), records, np.empty(0, RECORD))
    assert made["flags"] == FLAG_GENERATED
    assert made["confidence"] == 255


REGIONS = st.lists(
    st.tuples(*[st.integers(0, 70)] * 3, st.integers(1, 20)).map(
        lambda b: Box.from_bounds((np.array(b[:3]) - b[3]) * VOXEL_M, (np.array(b[:3]) + b[3]) * VOXEL_M)
    ),
    max_size=2,
)


def inside(snapshot, regions):
    """[(index, record bytes)] of the points in the regions."""
    return sorted(
        (index, record.tobytes())
        for index, chunk in snapshot.chunks.items()
        for record in chunk.records[contained_in_any(regions, chunk.points_world(snapshot.voxel_size_m))]
    )


def scatter(rng, index, tombstones):
    """A chunk full of noise, some of it coarse points among fine ones, with nothing in the tombstones."""
    voxels = np.unique(rng.integers(0, 64, (int(rng.integers(1, 3000)), 3)), axis=0)
    records = np.zeros(len(voxels), RECORD)
    records["xyz"] = voxels * 4 + rng.integers(0, 4, voxels.shape)
    for name in ("rgb", "confidence", "weight", "flags", "last_seen", "footprint"):
        records[name] = rng.integers(0, 200, records[name].shape)
    chunk = Chunk(index, records)
    free = ~contained_in_any(tombstones, chunk.points_world(VOXEL_M))
    return Chunk(index, chunk.records[free]) if free.any() else None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 20), locks=REGIONS, tombstones=REGIONS, share=st.sampled_from([0.9, 0.5, 0.1, 0.01]))
def test_laws(seed, locks, tombstones, share):
    """Locked points stay to the byte, nothing gets into a region, the budget holds, and it is the same every time."""
    rng = np.random.default_rng(seed)
    places = [(0, 0, 0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (2, -1, 0, 0)]
    chunks = [chunk for place in places if (chunk := scatter(rng, ChunkIndex(*place), tuple(tombstones)))]
    full = scene(*chunks, locks=tuple(locks), tombstones=tuple(tombstones))
    budget, viewpoints = max(int(share * full.points), 1), rng.normal(size=(2, 3)) * 5
    after = squeezed(full, budget, viewpoints)
    locked = inside(full, full.locks)
    assert inside(after, full.locks) == locked
    assert not inside(after, full.tombstones)
    if not full.protected() or budget >= len(locked) + (full.points - len(locked)) / 2:
        assert after.points <= max(budget, len(places))
    assert squeezed(full, budget, viewpoints).record_digest == after.record_digest
    rebuilt = Snapshot(VOXEL_M).with_changes({index: Chunk(index, chunk.records) for index, chunk in after.chunks.items()})
    assert (rebuilt.record_digest, rebuilt.packed_digest) == (after.record_digest, after.packed_digest)
    assert (rebuilt.points, rebuilt.chunks_per_level) == (after.points, after.chunks_per_level)


def test_surfaces_stay_closed_and_near_ones_sharp():
    slam, renderer = Slam(CpuRenderer()), CpuRenderer()
    views = [camera(), camera(eye=(1.5, -0.5, -2.0)), camera(eye=(-2.0, -0.8, -1.0), target=(0, -0.5, 1.2))]
    empty = Memory().snapshot()
    memory = Memory()
    memory.commit(slam.seed(empty, [look(view) for view in views]), empty)
    full = memory.snapshot()
    half = squeezed(full, full.points // 2, views[0].position_world[None])
    assert half.points <= full.points // 2
    for view in views:
        now, then = renderer.render(half, view), renderer.render(full, view)
        assert now.coverage[then.coverage].mean() > 0.999
        wall = now.coverage & then.coverage
        assert np.median(np.abs(now.depth_m - then.depth_m)[wall] / then.depth_m[wall]) < 0.01
