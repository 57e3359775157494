"""The real client against a real server: everything a designer's session goes through."""

import asyncio

import numpy as np
import pytest

from spatia_bridge.client import BlockingClient, BridgeClient, PointMirror
from spatia_bridge.client.views import colour_of, depth_of
from spatia_bridge.errors import (
    CancelledError,
    ConflictError,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    SpatiaError,
    UnavailableError,
    VersionMismatchError,
)
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import TakeState
from spatia_bridge.memory import Box, Sphere
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)])
PILLAR = Box.from_bounds(PILLAR_LOW - 0.1, PILLAR_HIGH + 0.1)


async def held_bytes(host, session):
    return {index: chunk.packed() for index, chunk in (await host.open(session)).memory.snapshot().chunks.items()}


async def test_the_welcome_says_what_a_client_must_know(address):
    async with await BridgeClient.connect(address, "s", engine=Engine.UNREAL) as client:
        welcome = client.welcome
        assert welcome.protocol_version == 1
        assert [g.name for g in welcome.generators] == ["painter"]
        assert welcome.compression is msg.Compression.NONE  # no network is between
        assert welcome.space.mirrored
        assert welcome.limits.max_views_per_seed == 64
        assert not welcome.resumed
        assert (await client.synced()).digest == bytes(32)


async def test_another_version_is_refused(address):
    with pytest.raises(VersionMismatchError) as caught:
        await BridgeClient.connect(address, "s", protocol_version=2)
    assert caught.value.remedy


async def test_a_session_that_is_not_there(address):
    with pytest.raises(NotFoundError):
        await BridgeClient.connect(address, "nowhere", create=False)
    with pytest.raises(InvalidInputError):
        await BridgeClient.connect(address, "../up")


async def test_no_server(transport):
    with pytest.raises(UnavailableError):
        await BridgeClient.connect(f"{transport[1]}127.0.0.1:1", "s")


@pytest.mark.parametrize("engine", list(Engine))
async def test_a_seed_from_any_engine_makes_the_same_memory(address, host, engine):
    async with (
        await BridgeClient.connect(address, "reference") as one,
        await BridgeClient.connect(address, "s", engine=engine) as two,
    ):
        frame = look(camera())
        await one.seed([frame])
        await two.seed([frame])
        assert (await one.synced()).digest == (await two.synced()).digest != bytes(32)
        assert dict(two.mirror.chunks) == await held_bytes(host, "s")
        back = engine.convention.world_from_points(two.mirror.points_client())
        assert np.allclose(back, one.mirror.points_client(), atol=1e-6)


async def test_a_sweep_is_one_revision(address):
    async with await BridgeClient.connect(address, "s") as client:
        assert await client.seed([look(camera()), look(camera(eye=(1, -0.5, -3)))]) == 1
        assert (await client.synced()).revision == 1


async def test_a_large_seed_arrives_bit_for_bit(address, host):
    """Larger than a packet of the WebSocket, and than what is read on the loop."""
    frame = look(camera(size=(320, 240)))
    async with (
        await BridgeClient.connect(address, "s") as client,
        await BridgeClient.connect(address, "s", compressions=(msg.Compression.GZIP,)) as other,
    ):
        seeding = asyncio.create_task(client.seed([frame, frame]))
        for _ in range(20):
            await client.ping()  # small messages find their way between
        assert await seeding == 1
        assert (await client.synced()).digest == (await other.synced(1)).digest
        assert dict(client.mirror.chunks) == await held_bytes(host, "s")


async def test_poses_are_recorded_and_a_clip_is_made_along_them(address, painter):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.record(True)
        for number in range(30):
            await client.pose(camera(eye=(number / 40, -0.5, -3)), number / 60)
        await client.record(False)
        await client.until(lambda: not client.recording.on)
        assert client.recording.poses == 30
        assert client.recording.duration_secs == pytest.approx(29 / 60)
        job = await client.generate("a hall", clips=1)
        last = await client.wait_job(job)
        await client.until(lambda: client.takes[last.take].state is TakeState.PENDING)
        frames = await client.fetch_frames(last.take, depth=True)
        assert [frame.number for frame in frames] == list(range(5))
        truth = look(camera(eye=(0, -0.5, -3)))
        assert np.abs(colour_of(frames[0].colour).astype(int) - truth.colour).mean() < 8  # JPEG
        assert np.allclose(depth_of(frames[0].depth), truth.depth_m, rtol=1e-3)
        revision = await client.accept(last.take)
        await client.until(lambda: client.takes[last.take].state is TakeState.ACCEPTED)
        assert (await client.synced(revision)).revision == revision
        with pytest.raises(ConflictError):
            await client.discard(last.take)


async def test_frames_are_pushed_to_those_who_want_them(address):
    async with await BridgeClient.connect(address, "s", push_frames=True) as client:
        await client.seed([look(camera())])
        events = client.events()
        job = await client.generate(trajectory=PATH, clips=1)
        numbers = []
        async for body in events:
            if isinstance(body, msg.TakeFrame):
                numbers.append(body.number)
                if len(numbers) == 5:
                    break
        assert numbers == list(range(5))
        await client.wait_job(job)


async def test_edit_undo_redo(address, host):
    async with await BridgeClient.connect(address, "s", engine=Engine.GODOT) as client:
        await client.seed([look(camera())])
        seeded = await client.synced()
        await client.remove(PILLAR)
        removed = await client.synced()
        assert removed.digest != seeded.digest
        assert dict(client.mirror.chunks) == await held_bytes(host, "s")
        await client.undo()
        assert (await client.synced()).digest == seeded.digest
        await client.redo()
        assert (await client.synced()).digest == removed.digest
        await client.lock(Sphere(np.array([0.0, 0.0, 1.0]), 0.5))
        assert client.revision.locks == 1
        await client.unlock(0)
        with pytest.raises(NotFoundError):
            await client.unlock(3)
        with pytest.raises(ConflictError):
            await client.redo()


async def test_a_client_that_returns_gets_what_differs(address, host):
    mirror = PointMirror()
    async with await BridgeClient.connect(address, "s", mirror=mirror) as client:
        await client.seed([look(camera())])
        await client.synced()
    async with await BridgeClient.connect(address, "s") as other:
        await other.remove(PILLAR)
    async with await BridgeClient.connect(address, "s", mirror=mirror) as client:
        assert client.welcome.resumed
        before = dict(mirror.chunks)
        synced = await client.synced(2)
        assert dict(mirror.chunks) == await held_bytes(host, "s")
        changed = {index for index in before.keys() | mirror.chunks.keys() if before.get(index) != mirror.chunks.get(index)}
        assert 0 < len(changed) < len(before)
    async with await BridgeClient.connect(address, "s") as fresh:
        assert not fresh.welcome.resumed
        assert await fresh.synced() == synced


async def test_a_claim_that_is_wrong_gets_everything(address):
    mirror = PointMirror()
    async with await BridgeClient.connect(address, "a", mirror=mirror) as client:
        await client.seed([look(camera())])
        await client.synced()
    async with await BridgeClient.connect(address, "b", mirror=mirror) as client:
        assert not client.welcome.resumed
        assert (await client.synced()).digest == bytes(32)
        assert not mirror.chunks


async def test_a_client_that_gives_no_credit_hinders_nobody(address):
    stuck = await BridgeClient.connect(address, "s", credit_bytes=0)
    async with stuck, await BridgeClient.connect(address, "s") as client:
        for number in range(3):
            await client.seed([look(camera(eye=(number / 5, -0.5, -3)))])
        await client.synced()
        await stuck.ping()  # all that was said before has come
        assert not stuck.mirror.chunks
        assert stuck.revision.number == 3
        await stuck.grant(10_000_000)
        assert await stuck.synced() == await client.synced()


async def test_the_live_view_follows_the_camera(address):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.live_view(True, (48, 32), max_rate_hz=60, depth=True)
        for time_secs, x in ((1.0, 0.0), (2.0, 0.3)):
            view = camera(eye=(x, -0.5, -3))
            await client.pose(view, time_secs)
            await client.until(lambda t=time_secs: client.live is not None and client.live.pose_time_secs == t)
            assert client.live.coverage > 0.5
            assert client.live.camera.pose.position.x == pytest.approx(x)
            truth = look(view.resized(48, 32))
            depth = depth_of(client.live.depth)
            assert np.median(np.abs(depth - truth.depth_m)[depth > 0]) < 0.1
            assert colour_of(client.live.colour).shape == (32, 48, 3)
        await client.live_view(False)
        with pytest.raises(InvalidInputError):
            await client.live_view(True, (0, 0))


async def test_errors_are_the_servers_and_the_link_goes_on(address, painter):
    async with await BridgeClient.connect(address, "s") as client:
        with pytest.raises(ConflictError, match="seed the session first"):
            await client.generate(trajectory=PATH)
        await client.seed([look(camera())])
        with pytest.raises(InvalidInputError, match="no camera path"):
            await client.generate()
        with pytest.raises(NotFoundError, match="painter"):
            await client.generate(trajectory=PATH, generator="ghost")
        with pytest.raises(NotFoundError):
            await client.accept(99)
        with pytest.raises(NotFoundError):
            await client.fetch_frames(99)
        with pytest.raises(LimitExceededError):
            await client.generate("x" * 20_000, trajectory=PATH)
        with pytest.raises(InvalidInputError):
            await client.seed_views([])
        painter.fail = True
        with pytest.raises(SpatiaError, match="out of paint"):
            await client.wait_job(await client.generate(trajectory=PATH, clips=1))
        await client.ping()


async def test_cancel_does_not_wait(address, painter):
    import threading

    painter.gate = threading.Event()
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        job = await client.generate(trajectory=PATH, clips=1)
        await client.until(lambda: any(p.done for p in client.progress.values()))
        await client.cancel()
        painter.gate.set()
        with pytest.raises(CancelledError):
            await client.wait_job(job)


async def test_a_take_goes_on_while_its_author_is_away(address, painter):
    import threading

    painter.gate = threading.Event()
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.generate(trajectory=PATH, clips=1)
        await client.until(lambda: bool(client.takes))
    async with await BridgeClient.connect(address, "s") as client:
        assert client.welcome.takes[0].state is TakeState.GENERATING
        painter.gate.set()
        await client.until(lambda: all(take.state is TakeState.PENDING for take in client.takes.values()))


async def test_the_server_says_why_it_goes(address, server):
    client = await BridgeClient.connect(address, "s")
    async with client:
        stopping = asyncio.create_task(server.stop(1.0))
        with pytest.raises(UnavailableError, match="shutting down"):
            await client.until(lambda: False)
        await stopping


def test_without_asyncio(tmp_path):
    """The blocking client, its server in a loop of its own."""
    import threading

    from spatia_bridge.service import BridgeServer
    from tests.service.hosts import Painter, make_host

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start():
        host = make_host(tmp_path, Painter())
        server = BridgeServer(host, "127.0.0.1:0")
        await server.start()
        return host, server

    async def stop(host, server):
        await server.stop(1.0)
        await host.close()

    host, server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        with BlockingClient(f"127.0.0.1:{server.port}", "s") as run:
            assert run(run.client.seed([look(camera())])) == 1
            assert run(run.client.synced()).revision == 1
            with pytest.raises(ConflictError):
                run(run.client.redo())
    finally:
        asyncio.run_coroutine_threadsafe(stop(host, server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
