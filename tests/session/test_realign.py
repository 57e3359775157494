"""The scene is scaled or turned while something made before it waits: whatever it is, it follows."""

import threading

import numpy as np
import pytest

from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Recorder
from spatia_bridge.link.events import FrameMade, JobProgress, Stage
from spatia_bridge.memory import Realign
from spatia_bridge.session.session import GenerateSpec
from tests.session.test_session import PATH, Dreamer, frames_of, make_host, seeded
from tests.worlds import camera, look

TURN = Similarity.upright((0.3, 1.0, 0.1))


@pytest.fixture
def dreamer():
    return Dreamer()


@pytest.fixture
async def host(tmp_path, dreamer):
    host = make_host(tmp_path, dreamer)
    yield host
    await host.close()


def points(snapshot):
    return np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in snapshot.chunks.values()])


def gap_m(some, others):
    """How far the worst of some points is from its nearest neighbour among others."""
    squared = (others**2).sum(axis=1)
    return max(np.sqrt(np.maximum(squared - 2 * others @ p + p @ p, 0)).min() for p in some)


async def accepted(host, name, change=None, restart=None):
    """Memory after seed, generate, maybe a realignment and a restart, accept."""
    session, watcher = await seeded(host, name)
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    take = session.open_takes()[0].number
    if change is not None:
        await session.edit(Realign(change))
    if restart is not None:
        await host.close()
        host = restart()
        session = await host.open(name)
    await session.accept(take)
    return session, host


@pytest.mark.parametrize("restart", [False, True])
async def test_a_take_made_before_the_scene_was_doubled_lands_right(host, tmp_path, dreamer, restart):
    plain, _ = await accepted(host, "plain")
    expected, digest = points(plain.memory.snapshot()), plain.memory.snapshot().record_digest
    again = (lambda: make_host(tmp_path, dreamer)) if restart else None
    scaled, other = await accepted(host, "scaled", Similarity(2.0), again)
    snapshot = scaled.memory.snapshot()
    assert snapshot.voxel_size_m == pytest.approx(2 * plain.memory.snapshot().voxel_size_m)
    assert snapshot.record_digest == digest  # all is counted in voxels, and 2 is exact
    np.testing.assert_allclose(np.sort(points(snapshot), axis=0), np.sort(2 * expected, axis=0))
    await other.close()


async def test_a_take_made_before_the_scene_was_turned_lands_right(host):
    plain, _ = await accepted(host, "plain")
    turned, _ = await accepted(host, "turned", Similarity(1.7) @ TURN)
    change = turned.memory.snapshot().alignment
    expected = change.points(points(plain.memory.snapshot()))
    found, voxel_m = points(turned.memory.snapshot()), turned.memory.snapshot().voxel_size_m
    assert len(found) == pytest.approx(len(expected), rel=0.1)
    new = turned.memory.head_revision()
    assert new.cause.value == "take" and new.health["conflict_ratio"] < 0.02
    far = 4 * 2 ** max(turned.memory.snapshot().levels())
    assert gap_m(found, expected) < far * voxel_m and gap_m(expected, found) < far * voxel_m


async def test_what_was_undone_lets_a_take_be_as_it_was(host):
    session, watcher = await seeded(host)
    await session.edit(Realign(Similarity(3.0)))
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    take = session.open_takes()[0].number
    await session.undo()
    _, view = await session.take_frame(take, 0)
    np.testing.assert_allclose(view.position_world, PATH.cameras[0].position_world / 3)
    await session.accept(take)
    assert session.memory.head_revision().health["conflict_ratio"] < 0.5


async def test_the_rest_of_a_row_and_its_preceding_frames_follow(host, dreamer):
    session, watcher = await seeded(host)
    job = session.generate(GenerateSpec(trajectory=PATH, clips=2))
    await watcher.until(lambda e: isinstance(e, JobProgress) and e.stage is Stage.WAITING)
    first = session.open_takes()[0].number
    await session.edit(Realign(Similarity(2.0)))
    seen = []
    generate = dreamer.generate

    def spy(request, cancel):
        seen.extend(request.preceding)
        return generate(request, cancel)

    dreamer.generate = spy
    before = await frames_of(session, first)
    await session.accept(first)
    await watcher.finished(job)
    second = session.open_takes()[0].number
    clips = PATH.clips(8.0, 6, camera().intrinsics, 2)
    made = await frames_of(session, second)
    for (_, view), commanded in zip(made, clips[1], strict=True):
        np.testing.assert_allclose(view.position_world, 2 * commanded.position_world)
        np.testing.assert_allclose(view.world_from_camera[:3, :3], commanded.world_from_camera[:3, :3])
    assert len(seen) == 2
    for frame, (tail, view) in zip(seen, before[-2:], strict=True):
        np.testing.assert_allclose(frame.camera.world_from_camera, view.world_from_camera)
        np.testing.assert_array_equal(frame.depth_m, tail.depth_m)


async def test_frames_are_shown_where_the_scene_lies_now(host, dreamer):
    session, watcher = await seeded(host)
    dreamer.gate = threading.Event()
    job = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await watcher.until(lambda e: isinstance(e, FrameMade))
    take = session.open_takes()[0].number
    frame, view = await session.take_frame(take, 0)
    await session.edit(Realign(Similarity(2.0)))
    for state in ("made", "kept", "stored"):
        now, placed = await session.take_frame(take, 0)
        np.testing.assert_array_equal(now.depth_m, 2 * frame.depth_m, err_msg=state)
        np.testing.assert_allclose(placed.position_world, 2 * view.position_world)
        if state == "made":
            dreamer.gate.set()
            await watcher.finished(job)
        else:
            session._takes.pop(take, None)


async def test_a_seed_after_a_realignment_knows_its_scene(host):
    session, _ = await seeded(host)
    await session.edit(Realign(Similarity(2.0)))
    await session.seed([look(camera())])
    first, second = session._store.seeds()
    assert (first.alignment.scale, second.alignment.scale) == (1.0, 2.0)


async def test_what_was_recorded_follows(host):
    session, _ = await seeded(host)
    session.recorder.start()
    session.recorder.add(camera(eye=(1, 0, 0)), 0.0)
    await session.edit(Realign(Similarity(2.0)))
    session.recorder.add(camera(eye=(3, 0, 0)), 1.0)
    await session.edit(Realign(Similarity(5.0)))
    await session.undo()
    np.testing.assert_allclose([c.position_world[0] for c in session.recorder.trajectory().cameras], [2, 3])


def test_a_recorder_carries_each_pose_through_what_happened_after_it():
    recorder, changes = Recorder(), [Similarity(2.0), TURN, Similarity(0.3) @ TURN]
    recorder.start()
    expected = []
    for number, change in enumerate(changes):
        view = camera(eye=(number, -0.5, -3))
        recorder.add(view, float(number))
        expected.append(view)
        recorder.carry(change)
        expected = [change.camera(each) for each in expected]
        if number == 1:  # asking in between changes nothing
            recorder.trajectory()
    for found, wanted in zip(recorder.trajectory().cameras, expected, strict=True):
        np.testing.assert_allclose(found.world_from_camera, wanted.world_from_camera, atol=1e-12)


async def test_a_queued_job_flies_the_path_it_was_asked_for(host, dreamer):
    session, watcher = await seeded(host)
    dreamer.gate = threading.Event()
    session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await watcher.until(lambda e: isinstance(e, FrameMade))
    queued = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await session.edit(Realign(Similarity(2.0)))
    dreamer.gate.set()
    await watcher.finished(queued)
    _, view = await session.take_frame(session.open_takes()[-1].number, 0)
    np.testing.assert_allclose(view.position_world, 2 * PATH.cameras[0].position_world)
