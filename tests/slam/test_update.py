"""What an update must obey, on a room with exact depth."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import CancelledError, InvalidInputError, RejectedUpdateError
from spatia_bridge.frames import GeneratedFrame, RgbdFrame, Take
from spatia_bridge.memory import Box, Cause, LockRegion, Memory, RemoveRegion, Update
from spatia_bridge.memory.record import FLAG_BACKDROP, FLAG_GENERATED
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.observe import BACKDROP_RANGE_M, observe
from spatia_bridge.slam.update import Slam
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

SLAM = Slam(CpuRenderer())
VIEWS = [camera(), camera(eye=(1.5, -0.5, -2.0)), camera(eye=(-2.0, -0.8, -1.0), target=(0, -0.5, 1.2))]


def sow(memory, *frames):
    base = memory.snapshot()
    return memory.commit(SLAM.seed(base, frames), base, Cause.SEED)


def take_of(frames, number=2, **changes):
    made = [GeneratedFrame(i, f.colour, f.depth_m, f.dynamic) for i, f in enumerate(frames)]
    return Take(number, 1, tuple(f.camera for f in frames), tuple(replace(m, **changes) for m in made))


def points_of(snapshot):
    return np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in snapshot.chunks.values()])


def records_of(snapshot):
    return np.concatenate([chunk.records for chunk in snapshot.chunks.values()])


def test_points_lie_on_the_surfaces():
    memory = Memory()
    sow(memory, *map(look, VIEWS))
    points, voxel = points_of(memory.snapshot()), memory.snapshot().voxel_size_m
    room = np.minimum(np.abs(points - [-3, -2, -4]), np.abs(points - [3, 1, 4])).min(axis=1)
    gap = np.maximum(np.maximum(PILLAR_LOW - points, points - PILLAR_HIGH), 0)
    inside = np.minimum(points - PILLAR_LOW, PILLAR_HIGH - points).min(axis=1)
    pillar = np.where(inside > 0, inside, np.linalg.norm(gap, axis=1))
    assert np.quantile(np.minimum(room, pillar), 0.999) < 2 * voxel


@pytest.mark.parametrize("first", [[], [VIEWS[0]], VIEWS[:2]])
def test_observing_a_view_twice_changes_no_chunk(first):
    memory = Memory()
    for view in first:
        sow(memory, look(view))
    assert sow(memory, look(VIEWS[2])).changed
    again = sow(memory, look(VIEWS[2]))
    assert not again.changed
    assert again.health["new_points"] == 0


def test_order_does_not_make_memory_grow():
    """Seen again from the same places, however often, memory settles: it holds no second sheet beside each wall."""
    memory = Memory()
    sow(memory, *map(look, VIEWS))
    once = memory.snapshot().points
    for _ in range(3):
        last = sow(memory, *map(look, VIEWS))
    assert memory.snapshot().points <= 1.02 * once
    assert last.health["new_points"] == 0


def test_a_take_that_shows_what_memory_shows_adds_nothing():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    base = memory.snapshot()
    frame = look(VIEWS[0])
    revision = memory.commit(SLAM.update(base, take_of([frame])), base)
    assert revision.points <= 1.001 * base.points
    assert revision.health["conflict_ratio"] < 0.01


def test_a_take_adds_what_was_open_and_marks_it_generated():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    base = memory.snapshot()
    revision = memory.commit(SLAM.update(base, take_of(list(map(look, VIEWS)))), base)
    assert revision.points > 1.1 * base.points
    records = records_of(memory.snapshot())
    assert (
        0 < ((records["flags"] & FLAG_GENERATED) > 0).sum() <= revision.points - base.points + revision.health["changed_points"]
    )
    assert set(records["last_seen"][(records["flags"] & FLAG_GENERATED) > 0]) == {2}


def test_the_engine_overrules_a_generator_but_not_the_other_way():
    truth, lie = look(VIEWS[0]), look(VIEWS[0])
    lie = replace(lie, colour=255 - lie.colour)
    memory = Memory()
    sow(memory, truth)
    base, before = memory.snapshot(), memory.snapshot().record_digest
    memory.commit(SLAM.update(base, take_of([lie])), base)
    kept = records_of(memory.snapshot())
    assert memory.snapshot().record_digest == before or ((kept["flags"] & FLAG_GENERATED) == 0).sum() == base.points
    # now the generator first: fused as a take into an empty scene, then seen
    fresh = Memory()
    empty = fresh.snapshot()
    fresh.commit(replace(SLAM.seed(empty, [look(VIEWS[1])])), empty, Cause.SEED)
    base = fresh.snapshot()
    fresh.commit(SLAM.update(base, take_of([lie])), base)
    sow(fresh, truth)
    seen = CpuRenderer().render(fresh.snapshot(), VIEWS[0])
    error = np.abs(seen.colour.astype(int) - truth.colour)[seen.coverage].mean()
    assert error < 6


def test_a_repainted_wall_is_seen_in_its_new_colour():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    repainted = replace(look(VIEWS[0]), colour=255 - look(VIEWS[0]).colour)
    sow(memory, repainted)
    seen = CpuRenderer().render(memory.snapshot(), VIEWS[0])
    strong = np.abs(repainted.colour.astype(int) - look(VIEWS[0]).colour).max(axis=-1) > 80
    error = np.abs(seen.colour.astype(int) - repainted.colour)[seen.coverage & strong].mean()
    assert error < 8


def test_dynamic_pixels_stay_out():
    frame = look(VIEWS[0], ids=True)
    memory = Memory()
    sow(memory, replace(frame, dynamic=frame.object_ids == 7))
    points = points_of(memory.snapshot())
    near = ((points > PILLAR_LOW - 0.02) & (points < PILLAR_HIGH + [0.02, -0.05, 0.02]) & (points[:, 1:2] < 0.9)).all(axis=1)
    assert not near.any()


def test_object_ids_land_on_their_objects():
    memory = Memory()
    sow(memory, look(VIEWS[0], ids=True))
    points, records = points_of(memory.snapshot()), records_of(memory.snapshot())
    mine = points[records["object_id"] == 7]
    assert len(mine) > 100
    assert ((mine > PILLAR_LOW - 0.1) & (mine < PILLAR_HIGH + 0.1)).all()


def test_what_was_removed_stays_away_and_what_was_locked_stays():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    region = Box.from_bounds(PILLAR_LOW - 0.05, PILLAR_HIGH + [0.05, -0.1, 0.05])
    memory.edit(RemoveRegion(region))
    sow(memory, look(VIEWS[1]))
    base = memory.snapshot()
    memory.commit(SLAM.update(base, take_of([look(VIEWS[2])])), base)
    assert not region.contains(points_of(memory.snapshot())).any()
    memory = Memory()
    sow(memory, look(VIEWS[0], pillar=False))
    wall = Box.from_bounds((-3.2, -2.2, 3.8), (3.2, 1.2, 4.2))
    memory.edit(LockRegion(wall))

    def locked():
        found = records_of(memory.snapshot())[wall.contains(points_of(memory.snapshot()))]
        return sorted(record.tobytes() for record in found)

    before = locked()
    sow(memory, look(VIEWS[1]))
    assert locked() == before


def test_coming_closer_replaces_coarse_points_by_finer_ones():
    memory = Memory()
    sow(
        memory,
        look(camera(eye=(0, -0.5, 0.2), target=(0.1, -0.5, 1))),
        look(camera(eye=(2.5, -0.5, -3.8), target=(2.5, -0.5, 4))),
    )
    coarse_before = sum(memory.snapshot().chunks_per_level[1:])
    revision = sow(memory, look(camera(eye=(2.5, -0.5, 3.0), target=(2.5, -0.5, 4), size=(192, 128))))
    assert coarse_before
    assert revision.health["replaced_coarse_points"] > 0


def test_the_sky_is_a_shell_that_costs_what_its_pixels_cost():
    frame = look(VIEWS[0])
    depth = frame.depth_m.copy()
    depth[:20] = np.inf
    depth[20:24] = 5 * BACKDROP_RANGE_M
    depth[24:26] = np.nan
    depth[26:28] = -1
    memory = Memory()
    revision = sow(memory, replace(frame, depth_m=depth))
    records, points = records_of(memory.snapshot()), points_of(memory.snapshot())
    shell = (records["flags"] & FLAG_BACKDROP) > 0
    assert 0.5 * 24 * 96 < shell.sum() <= 24 * 96
    np.testing.assert_allclose(np.linalg.norm(points[shell], axis=1), BACKDROP_RANGE_M, rtol=0.05)
    assert revision.chunks < 200
    rows = CpuRenderer().render(memory.snapshot(), VIEWS[0])
    assert rows.coverage[:24].mean() > 0.99
    assert rows.depth_m[:24][rows.coverage[:24]].min() > 100


def test_a_scene_of_any_depth_has_few_chunks():
    """A plane to the horizon: the number of chunks grows with the logarithm of its depth."""
    view = camera(eye=(0, -1.7, 0), target=(0, -1.7, 10), size=(192, 128))
    rays = view.rays()
    chunks = []
    for reach in (10, 100, 900):
        depth = np.where(rays[..., 1] > 1.7 / reach, 1.7 / np.maximum(rays[..., 1], 1e-9), 0).astype(np.float32)
        memory = Memory()
        chunks.append(sow(memory, RgbdFrame(view, np.full((128, 192, 3), 90, np.uint8), depth)).chunks)
    assert chunks[2] - chunks[1] <= 2 * (chunks[1] - chunks[0]) + 20


def test_bad_seeds_and_bad_takes_are_refused_with_a_reason():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    base = memory.snapshot()
    with pytest.raises(InvalidInputError):
        SLAM.seed(base, [])
    with pytest.raises(InvalidInputError):
        SLAM.seed(base, [replace(look(VIEWS[0]), depth_m=np.zeros((64, 96), np.float32))])
    with pytest.raises(RejectedUpdateError, match="depth"):
        SLAM.update(base, take_of([look(VIEWS[0])], depth_m=None))
    wrong = replace(look(VIEWS[0]), depth_m=look(VIEWS[0]).depth_m * np.float32(0.5))
    with pytest.raises(RejectedUpdateError, match="contradicts"):
        SLAM.update(base, take_of([wrong]))


def test_an_update_can_be_cancelled_between_frames():
    calls = []

    def check(done, total):
        calls.append((done, total))
        if done == 1:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        SLAM.seed(Memory().snapshot(), [look(view) for view in VIEWS], check=check)
    assert calls == [(0, 6), (1, 6)]  # looked up, then fused


def test_observations_are_one_a_voxel_whatever_the_masks():
    frame = look(VIEWS[0])
    mask = np.zeros((64, 96), bool)
    mask[::2] = True
    seen = observe(frame, 0.03, mask)
    keys = np.column_stack([seen.level, seen.voxel])
    assert len(np.unique(keys, axis=0)) == len(seen)
    assert len(seen) <= mask.sum()
    assert len(observe(frame, 0.03, np.zeros_like(mask))) == 0


@pytest.mark.parametrize("emptied", ["undone", "removed", "locked"])
def test_what_comes_into_an_empty_scene_sets_its_voxel_size(emptied):
    memory, plain = Memory(), Memory()
    if emptied == "locked":
        memory.edit(LockRegion(Box.from_bounds(PILLAR_LOW, PILLAR_HIGH)))
    else:
        sow(memory, replace(look(VIEWS[0]), depth_m=100 * look(VIEWS[0]).depth_m))
        if emptied == "undone":
            memory.undo()
        else:
            memory.edit(RemoveRegion(Box.from_bounds(np.full(3, -900.0), np.full(3, 900.0))))
    base = memory.snapshot()
    assert not base.chunks
    sow(plain, look(VIEWS[0]))
    for update in (SLAM.seed(base, [look(VIEWS[0])]), SLAM.update(base, take_of([look(VIEWS[0])]))):
        assert update.voxel_size_m == plain.snapshot().voxel_size_m
    memory.commit(update, base)
    assert memory.snapshot().voxel_size_m == plain.snapshot().voxel_size_m
    assert bool(memory.snapshot().points) == (emptied != "removed")


def test_an_empty_update_is_a_revision_without_changes():
    memory = Memory()
    sow(memory, look(VIEWS[0]))
    revision = memory.commit(Update({}, clip=5), memory.snapshot())
    assert not revision.changed
