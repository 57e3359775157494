"""References through the real session: what was seen is shown again, what was removed or undone is not."""

import numpy as np

from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link.events import TakeChanged
from spatia_bridge.memory import Box, Realign, RemoveRegion
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.retrieval import FrameKey
from spatia_bridge.session.carry import carried_frame
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.session.session import GenerateSpec
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from tests.contracts.generator import KnownDepth
from tests.contracts.loop import RoomPainter, colour_only
from tests.session.test_session import PATH, Dreamer, Watcher, dreamer, host, make_host, seeded  # noqa: F401
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look


async def made(session, watcher, seed=0):
    """References that the next take's generator was shown, as the client is told."""
    job = session.generate(GenerateSpec(trajectory=PATH, clips=1, seed=seed))
    await watcher.finished(job)
    return [e.take for e in watcher.of(TakeChanged)][-1]


async def test_the_client_is_told_which_frames_and_why(host):  # noqa: F811
    session, watcher = await seeded(host)
    take = await made(session, watcher)
    assert [(r.clip, r.number) for r in take.references] == [(1, 0)]
    assert "%" in take.references[0].reason


async def test_frames_of_an_undone_take_are_not_shown_again(host):  # noqa: F811
    session, watcher = await seeded(host)
    first = await made(session, watcher)
    await session.accept(first.number)
    await session.undo()
    assert {r.clip for r in (await made(session, watcher)).references} <= {1}


async def test_what_was_removed_is_hidden_in_references_until_it_is_undone(host):  # noqa: F811
    session, _ = await seeded(host)
    key = FrameKey(1, 0)
    whole = session._gallery.frame(session.memory.snapshot(), key)
    await session.edit(RemoveRegion(Box.from_bounds(PILLAR_LOW - 0.05, PILLAR_HIGH + 0.05)))
    masked = session._gallery.frame(session.memory.snapshot(), key)
    gone = masked.dynamic
    assert 0.02 < gone.mean() < 0.5
    assert (masked.depth_m[gone] == 0).all()
    assert (masked.colour[~gone] == whole.colour[~gone]).all()
    await session.undo()
    np.testing.assert_array_equal(session._gallery.frame(session.memory.snapshot(), key).colour, whole.colour)


async def test_a_seed_in_wrong_units_leaves_nothing_behind_once_undone(host):  # noqa: F811
    plain, plain_watcher = await seeded(host, "plain")
    session = await host.open("scene", create=True)
    watcher = Watcher(session)
    await session.seed([carried_frame(look(camera()), Similarity(), Similarity(100.0))])
    await session.discard((await made(session, watcher)).number)
    await session.undo()
    await session.seed([look(camera())])
    ours, theirs = session.memory.snapshot(), plain.memory.snapshot()
    assert (ours.voxel_size_m, ours.points) == (theirs.voxel_size_m, theirs.points)
    ours, theirs = await made(session, watcher), await made(plain, plain_watcher)
    assert [(r.clip, r.number) for r in ours.references] == [(3, 0)] and [r.clip for r in theirs.references] == [1]
    assert session._gallery._index.cell_side_m == plain._gallery._index.cell_side_m


async def test_references_survive_scaling_and_restarts(tmp_path, dreamer):  # noqa: F811
    host = make_host(tmp_path, dreamer)  # noqa: F811
    session, watcher = await seeded(host)
    before = await made(session, watcher)
    await session.discard(before.number)
    await host.close()
    host = make_host(tmp_path, dreamer)
    session = await host.open("scene")
    again = await made(session, Watcher(session))
    assert [(r.clip, r.number) for r in again.references] == [(r.clip, r.number) for r in before.references]
    await session.discard(again.number)
    depth = session._gallery.frame(session.memory.snapshot(), FrameKey(1, 0)).depth_m
    await session.edit(Realign(Similarity(2.0)))
    np.testing.assert_allclose(session._gallery.frame(session.memory.snapshot(), FrameKey(1, 0)).depth_m, 2 * depth)
    assert isinstance(dreamer, Dreamer)
    await host.close()


async def test_frames_that_came_without_depth_see_what_memory_shows_there(tmp_path):
    """They become references, and what is removed later is hidden in them, also after the scene was scaled and opened again."""
    renderer = CpuRenderer()
    stages = Stages(renderer, Slam(renderer, estimator=KnownDepth()))
    turning = trajectory_of([camera(target=(x, -0.5, -1.0)) for x in np.linspace(0, 2.5, 25)])

    def opened():
        return SessionHost(SessionLibrary(tmp_path), stages, {"room": lambda: RoomPainter(colour_only)}, "room")

    def check_depth(number):
        base = session.memory.snapshot()
        frame = session._gallery.frame(base, FrameKey(number, 24))
        shown = renderer.render(base, frame.camera)
        assert shown.coverage.mean() > 0.8
        np.testing.assert_allclose(frame.depth_m[shown.coverage], shown.depth_m[shown.coverage], rtol=2e-3)

    host = opened()  # noqa: F811
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec(trajectory=turning, clips=1)))
    (first,) = session.open_takes()
    await session.accept(first.number)
    check_depth(first.number)
    await host.close()
    host = opened()
    session = await host.open("scene")
    await Watcher(session).finished(session.generate(GenerateSpec(trajectory=turning, clips=1)))
    (second,) = session.open_takes()
    assert first.number in {r.clip for r in second.references}
    kept = session._takes[second.number]
    await session.edit(Realign(Similarity(2.0)))
    session._gallery.give_depth(kept, session.memory.snapshot())  # a take that was made before the scene was scaled
    for number in (first.number, second.number):
        check_depth(number)
    await session.edit(RemoveRegion(Box.from_bounds(2 * PILLAR_LOW - 0.1, 2 * PILLAR_HIGH + 0.1)))
    assert 0.02 < session._gallery.frame(session.memory.snapshot(), FrameKey(first.number, 0)).dynamic.mean() < 0.5
    await host.close()
