"""Camera paths under names: saved, listed, fetched in any engine's axes, flown again, carried along with the scene."""

import math

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient, SessionsClient
from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError, NotFoundError
from spatia_bridge.geometry import trajectory_io
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.link.events import TakeState
from spatia_bridge.store import trajectories
from tests.worlds import camera, intrinsics, look

PATH = Trajectory(tuple(camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)), (0.0, 0.1, 0.3, 0.4, 0.5, 0.6))


@pytest.fixture
async def sessions(address):
    async with SessionsClient(address) as sessions:
        await sessions.create("s")
        yield sessions


def assert_same(found, expected, scale=1.0):
    assert found.times_secs == expected.times_secs
    for one, other in zip(found.cameras, expected.cameras, strict=True):
        np.testing.assert_allclose(one.position_world, scale * other.position_world, atol=1e-9)
        np.testing.assert_allclose(one.world_from_camera[:3, :3], other.world_from_camera[:3, :3], atol=1e-9)


async def test_save_list_get_delete(sessions, host):
    for name in ("b", "a walk, größer"):
        info = await sessions.save_trajectory("s", name, PATH)
        assert (info.name, info.poses, info.duration_secs) == (name, 6, 0.6) and info.saved_secs > 1e9
    assert [info.name for info in await sessions.trajectories("s")] == ["a walk, größer", "b"]
    assert_same(await sessions.trajectory("s", "b"), PATH)
    await sessions.save_trajectory("s", "b", Trajectory(PATH.cameras[:2], (0.0, 9.0)))
    assert [info.poses for info in await sessions.trajectories("s")] == [6, 2]
    await sessions.delete_trajectory("s", "b")
    for call in (sessions.trajectory("s", "b"), sessions.delete_trajectory("s", "b"), sessions.trajectories("ghost")):
        with pytest.raises(NotFoundError):
            await call
    (session,) = [await host.open("s")]
    await session.close()
    del host._open["s"]
    assert_same(await sessions.trajectory("s", "a walk, größer"), PATH)  # it outlives a restart


async def test_import_and_export(sessions):
    tum = trajectory_io.write_tum(PATH)
    await sessions.import_trajectory("s", "tum", tum, "tum", intrinsics())
    assert_same(await sessions.trajectory("s", "tum"), PATH)
    exported = await sessions.export_trajectory("s", "tum", "tum")
    assert_same(trajectory_io.read_tum(exported, intrinsics()), PATH)
    for engine in Engine:
        data = await sessions.export_trajectory("s", "tum", "json", engine)
        await sessions.import_trajectory("s", engine.value, data, "json")
        assert_same(await sessions.trajectory("s", engine.value), PATH)
    for data, format, error in ((b"x", "json", CodecError), (b"0 0", "tum", CodecError), (tum, "csv", InvalidInputError)):
        with pytest.raises(error):
            await sessions.import_trajectory("s", "bad", data, format, intrinsics())
    with pytest.raises(InvalidInputError, match="intrinsics"):
        await sessions.import_trajectory("s", "bad", tum, "tum")


async def test_names_and_bounds(sessions, monkeypatch):
    for name in ("", "x" * 101, "a\nb", "\0"):
        with pytest.raises(InvalidInputError):
            await sessions.save_trajectory("s", name, PATH)
    with pytest.raises(InvalidInputError, match="recorded"):
        await sessions.save_trajectory("s", "nothing was")
    monkeypatch.setattr(trajectories, "MAX_TRAJECTORIES", 1)
    await sessions.save_trajectory("s", "one", PATH)
    await sessions.save_trajectory("s", "one", PATH)
    with pytest.raises(LimitExceededError):
        await sessions.save_trajectory("s", "two", PATH)


async def test_what_was_recorded_is_saved_and_flown_again(sessions, address):
    async with await BridgeClient.connect(address, "s", engine=Engine.UNREAL) as client:
        await client.seed([look(camera())])
        await client.record(True)
        await client.replay(PATH, speed=math.inf)
        await client.record(False)
        assert (await sessions.save_trajectory("s", "walk")).poses == 6
        assert_same(await sessions.trajectory("s", "walk"), PATH)
        await client.record(True)  # forgets it
        await client.record(False)
        with pytest.raises(InvalidInputError):
            await client.generate(clips=1)
        last = await client.wait_job(await client.generate(trajectory_name="walk", clips=1))
        frames = await client.fetch_frames(last.take)
        first = Engine.UNREAL.convention.points_from_world(PATH.cameras[0].position_world)
        place = frames[0].camera.pose.position
        np.testing.assert_allclose((place.x, place.y, place.z), first, atol=1e-6)
        assert client.takes[last.take].state is TakeState.PENDING
        with pytest.raises(NotFoundError):
            await client.generate(trajectory_name="ghost")
        with pytest.raises(InvalidInputError):
            await client.generate(trajectory_name="walk", trajectory=PATH)


async def test_a_saved_path_follows_the_scene(sessions, address):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await sessions.save_trajectory("s", "walk", PATH)
        await client.set_scale(2.0)
        assert_same(await sessions.trajectory("s", "walk"), PATH, scale=2.0)
        last = await client.wait_job(await client.generate(trajectory_name="walk", clips=1))
        place = (await client.fetch_frames(last.take))[0].camera.pose.position
        np.testing.assert_allclose((place.x, place.y, place.z), 2 * PATH.cameras[0].position_world, atol=1e-6)
        await client.undo()
        assert_same(await sessions.trajectory("s", "walk"), PATH)


async def test_replay_keeps_time(address):
    import asyncio

    async with await BridgeClient.connect(address, "s") as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.replay(PATH, speed=6.0)
        assert loop.time() - began >= 0.1
