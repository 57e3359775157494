"""What stays out of memory, what leaves it, and what must stay: laws on a room with things that move."""

from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.frames import GeneratedFrame, Take
from spatia_bridge.memory import Box, Cause, LockRegion, Memory
from spatia_bridge.memory.record import FLAG_GENERATED
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, fold_in
from spatia_bridge.slam import carving
from spatia_bridge.slam.dynamics import find_dynamics
from spatia_bridge.slam.update import Slam
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

RENDERER = CpuRenderer()
SLAM = Slam(RENDERER)
FRONT = camera()
WALK = [camera(eye=(0.1 * n - 0.6, -0.5, -3.0)) for n in range(9)]
ASIDE = np.array([1.4, 0.0, 0.0])
LOCKED = Box.from_bounds(PILLAR_LOW - 0.05, PILLAR_HIGH + 0.05)


def sow(memory, *frames):
    base = memory.snapshot()
    return memory.commit(SLAM.seed(base, frames), base, Cause.SEED)


def accept(memory, take):
    return fold_in(Stages(RENDERER, SLAM), memory, take, lambda _done, _total: None)


def take_of(frames, number=2):
    made = tuple(GeneratedFrame(i, f.colour, f.depth_m, f.dynamic, f.confidence) for i, f in enumerate(frames))
    return Take(number, 1, tuple(f.camera for f in frames), made)


def inside(snapshot, shift=0.0):
    """Records of points of the pillar at its place or shifted, walls, floor and ceiling left out."""
    found = []
    low, high = PILLAR_LOW + shift - 0.03, PILLAR_HIGH + shift + 0.03
    low[1], high[1] = -1.9, 0.9
    for chunk in snapshot.chunks.values():
        points = chunk.points_world(snapshot.voxel_size_m)
        found.append(chunk.records[((points > low) & (points < high)).all(axis=1)])
    return np.concatenate(found)


def test_a_moved_box_leaves_its_old_place_when_that_is_seen_empty():
    memory = Memory()
    sow(memory, look(FRONT))
    before = len(inside(memory.snapshot()))
    revision = sow(memory, look(FRONT, pillar_shift=ASIDE))
    assert before > 100
    assert revision.health["carved_points"] >= before
    assert len(inside(memory.snapshot())) == 0
    assert len(inside(memory.snapshot(), ASIDE)) > 100


def test_carving_is_the_same_in_pieces_of_any_size_and_views_from_nowhere_carve_nothing(monkeypatch):
    memory = Memory()
    sow(memory, look(camera()))
    base, emptied = memory.snapshot(), [replace(look(camera()), depth_m=3 * look(camera()).depth_m) for _ in range(3)]
    masks = [np.ones(frame.depth_m.shape, bool) for frame in emptied]
    changes, points = carving.carve(base, emptied, masks, generated=False)
    assert points > 0
    monkeypatch.setattr(carving, "PIECE", 100)
    again, same = carving.carve(base, emptied, masks, generated=False)
    assert same == points and again.keys() == changes.keys()
    assert all((a and a.record_hash) == (b and b.record_hash) for a, b in zip(changes.values(), again.values(), strict=True))
    far = [replace(frame, camera=camera(eye=(9e5, 0.0, 0.0), target=(9e5, 0.0, 1.0))) for frame in emptied]
    assert carving.carve(base, far, masks, generated=False) == ({}, 0)


def test_a_passer_by_leaves_nothing():
    """A pillar slides through the view, 0.35 m a frame: none of its points stays, and what was behind it is known."""
    frames = [look(view, pillar_shift=np.array([0.35 * n - 1.4, 0, 0])) for n, view in enumerate(WALK)]
    memory = Memory()
    sow(memory, *frames)
    for n in range(len(WALK)):
        assert len(inside(memory.snapshot(), np.array([0.35 * n - 1.4, 0, 0]))) == 0
    for view in WALK:
        seen, truth = RENDERER.render(memory.snapshot(), view), look(view, pillar=False)
        near = np.abs(seen.depth_m - truth.depth_m) < 0.05 * truth.depth_m
        assert seen.coverage.mean() > 0.97
        assert near[seen.coverage].mean() > 0.99


def test_a_still_clip_has_no_dynamics_and_keeps_its_pillar():
    frames = [look(view) for view in WALK]
    masks = find_dynamics(frames, [None] * len(frames))
    assert max(mask.mean() for mask in masks) < 0.01
    memory = Memory()
    sow(memory, *frames)
    assert len(inside(memory.snapshot())) > 100


def test_grazing_views_and_thin_things_survive():
    """Seen from along a wall and past the pillar's edge, nothing that is still there goes."""
    memory = Memory()
    sow(memory, *[look(view) for view in WALK])
    views = [camera(eye=(2.8, -0.5, -3.0 + 0.1 * n), target=(2.9, -0.4, 3.5)) for n in range(5)]
    revision = sow(memory, *[look(view) for view in views])
    assert revision.health["carved_points"] <= 0.001 * memory.snapshot().points


def test_a_locked_region_is_never_carved():
    memory = Memory()
    sow(memory, look(FRONT))
    memory.edit(LockRegion(LOCKED))
    before = sorted(record.tobytes() for record in inside(memory.snapshot()))
    sow(memory, *[look(view, pillar=False) for view in WALK])
    assert before
    assert sorted(record.tobytes() for record in inside(memory.snapshot())) == before


@pytest.mark.parametrize("seen", [True, False])
def test_a_generated_clip_carves_what_was_made_but_not_what_was_seen(seen):
    memory, clip = Memory(), [look(view) for view in WALK]
    if seen:
        sow(memory, *clip)
    else:
        sow(memory, look(camera(eye=(2.0, -0.5, -2.0), target=(2.5, -0.5, -4))))
        accept(memory, take_of(clip))
        assert ((inside(memory.snapshot())["flags"] & FLAG_GENERATED) > 0).all()
    before = len(inside(memory.snapshot()))
    accept(memory, take_of([look(view, pillar=False) for view in WALK], number=3))
    after = len(inside(memory.snapshot()))
    assert before > 100
    assert after == before if seen else after < 0.02 * before


@pytest.mark.parametrize("gain", [1.0, 0.6])
def test_a_view_twice_changes_no_chunk(gain):
    """With carving and a wrong exposure on, and a pillar that is gone: the second time finds what the first one left."""
    memory = Memory()
    sow(memory, look(camera(eye=(-1.5, -0.5, -3.0))))
    view = look(WALK[4], pillar_shift=ASIDE)
    view = replace(view, colour=(view.colour * gain).astype(np.uint8))
    assert sow(memory, view).health["carved_points"] > 0
    assert not sow(memory, view).changed


def test_a_clip_twice_adds_next_to_nothing_and_carves_nothing():
    memory = Memory()
    sow(memory, look(camera(eye=(-1.5, -0.5, -3.0))))
    clip = [look(view, pillar_shift=ASIDE) for view in WALK]
    assert sow(memory, *clip).health["carved_points"] > 0
    again = sow(memory, *clip)
    assert again.health["carved_points"] == 0
    assert again.health["new_points"] < 0.01 * again.points


def test_a_dark_clip_does_not_darken_memory():
    memory = Memory()
    sow(memory, look(FRONT))
    dark = [replace(f, colour=np.rint(0.6 * f.colour).astype(np.uint8)) for f in map(look, WALK)]
    revision = sow(memory, *dark)
    assert revision.health["colour_drift"] > 20
    for view in WALK:
        seen, truth = RENDERER.render(memory.snapshot(), view), look(view)
        assert np.abs(seen.colour.astype(int) - truth.colour)[seen.coverage].mean() < 5


def test_a_repainted_wall_is_no_exposure():
    memory = Memory()
    sow(memory, look(FRONT))
    repainted = look(FRONT)
    painted = repainted.colour.copy()
    painted[:, 48:] = 255 - painted[:, 48:]
    revision = sow(memory, replace(repainted, colour=painted))
    assert revision.health["colour_drift"] < 2


def test_a_clip_half_bad_is_reduced_to_its_good_half():
    frames = [look(view) for view in WALK]
    bad = [replace(f, depth_m=f.depth_m * np.float32(0.6 if n >= 5 else 1)) for n, f in enumerate(frames)]
    memory, part = Memory(), Memory()
    for each in (memory, part):
        sow(each, look(FRONT))
    revision = accept(memory, take_of(bad))
    accept(part, take_of(frames[:5]))
    assert revision.health["dropped_keyframes"] == 1
    assert "8" in revision.note
    assert "contradict" in revision.note
    assert memory.snapshot().record_digest == part.snapshot().record_digest


def test_a_bad_clip_is_refused_with_what_was_measured():
    memory = Memory()
    sow(memory, look(FRONT))
    wrong = [replace(f, depth_m=f.depth_m * np.float32(0.6)) for f in map(look, WALK)]
    with pytest.raises(RejectedUpdateError, match="contradicts") as refused:
        SLAM.update(memory.snapshot(), take_of(wrong))
    assert refused.value.details["conflict_ratio"] > 0.5


def test_declared_masks_count_and_what_of_their_region_they_left_behind():
    frames = [look(view, ids=True) for view in WALK]
    half = [replace(f, object_ids=None, dynamic=(f.object_ids == 7) & (np.arange(96) % 2 == 0)) for f in frames]
    memory = Memory()
    sow(memory, *half)
    assert len(inside(memory.snapshot())) == 0


@pytest.mark.parametrize("ids", [True, False])
def test_a_named_thing_that_moves_at_last_is_out_from_the_first(ids):
    """It comes straight at the camera in the last frames and so hides where it stood; only its name says that it is the same."""
    steps = [0, 0, 0, 0, 0, 0, 0.4, 0.9, 1.4]
    frames = [look(FRONT, ids=ids, pillar_shift=(0, 0, -step)) for step in steps]
    masks = find_dynamics(frames, [None] * len(frames))
    pillar = look(FRONT, ids=True).object_ids == 7
    assert masks[8][look(FRONT, ids=True, pillar_shift=(0, 0, -1.4)).object_ids == 7].mean() > 0.95
    if ids:
        assert masks[0][pillar].all()


def test_large_frames_are_judged_at_a_stride():
    size = (800, 533)
    views = [camera(eye=view.position_world, target=view.position_world + (0, 0, 4), size=size) for view in WALK[::2]]
    shifts = [(0.7 * n - 1.4, 0, 0) for n in range(len(views))]
    frames = [look(view, pillar_shift=shift) for view, shift in zip(views, shifts, strict=True)]
    masks = find_dynamics(frames, [None] * len(frames))
    for view, shift, mask in zip(views, shifts, masks, strict=True):
        pillar = look(view, ids=True, pillar_shift=shift).object_ids == 7
        assert mask.shape == size[::-1]
        assert mask[pillar].mean() > 0.99
        assert mask[~pillar].mean() < 0.08


def test_monsters_of_a_level_are_found_without_their_names(monkeypatch, tmp_path):
    pytest.importorskip("vizdoom")
    walks = pytest.importorskip("benchmarks.slam_walks")
    monkeypatch.chdir(tmp_path)
    walk = walks.lively_walk("MAP28", 40)
    moved = np.array(sorted(walk.displaced()), np.uint16)
    masks = find_dynamics([replace(f, object_ids=None) for f in walk.frames], [None] * 40)
    monsters = np.array([np.isin(f.object_ids, moved) for f in walk.frames])
    level = np.array([(f.object_ids == 0) & f.valid_depth() for f in walk.frames])
    assert monsters.sum() > 50_000
    assert np.array(masks)[monsters].mean() > 0.95
    assert np.array(masks)[level].mean() < 0.05
