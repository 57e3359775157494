"""A fork begins with a revision of another session, has what that revision rests on, and goes its own way."""

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.client.views import colour_of
from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError
from spatia_bridge.link.events import TakeState
from spatia_bridge.memory import Cause
from spatia_bridge.session.gallery import setting_holds
from spatia_bridge.store.clips import ClipState
from tests.service.walks import PATH, PILLAR, accepted
from tests.worlds import camera, look


async def test_a_fork_of_the_past_while_the_source_is_in_use(address, sessions, host):
    await sessions.create("s", "The hall")
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        first = await accepted(client)
        await client.set_scale(1.01)
        await client.lock(PILLAR)
        there = await client.synced()
        await sessions.save_trajectory("s", "walk", PATH)
        second = await accepted(client)
        await client.wait_job(await client.generate(trajectory=PATH, clips=1))  # stays pending
        await client.undo()
        made = await sessions.fork("s", "t", revision=4)
        assert (made.id, made.title, made.points) == ("t", "The hall", (await host.open("s")).memory.at(4).points)
        with pytest.raises(ConflictError):
            await sessions.fork("s", "t")
        async with await BridgeClient.connect(address, "t", create=False) as forked:
            assert (await forked.synced()).digest == there.digest
            head = forked.revision
            assert (head.number, head.cause, head.locks, head.take) == (1, Cause.FORK, 1, first)
            assert forked.mirror.space == client.mirror.space
            assert not forked.welcome.takes
            found = await sessions.get("t")
            assert [(take.number, take.state) for take in found.takes] == [(first, TakeState.ACCEPTED)]
            frames = await forked.fetch_frames(first)
            assert np.abs(colour_of(frames[0].colour).astype(int) - look(PATH.cameras[0]).colour).mean() < 8
            place = frames[0].camera.pose.position
            np.testing.assert_allclose((place.x, place.y, place.z), 1.01 * PATH.cameras[0].position_world, atol=1e-6)
            assert [info.name for info in await sessions.trajectories("t")] == ["walk"]
            # each goes its own way
            assert await accepted(forked) == second  # numbers go on after those that the fork has
            await forked.unlock(0)
            assert (await client.synced()).digest == there.digest
            await forked.undo()
            await forked.undo()
            assert (await forked.synced()).digest == there.digest


async def test_a_fork_outlives_its_source_and_can_be_forked(address, sessions, host):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await accepted(client)
        digest = (await client.synced()).digest
    await sessions.fork("s", "t")
    await sessions.fork("t", "u", title="Third")
    session = await host.open("s")
    while session.watched:  # the server hears of the client's leaving a moment later
        await host.workers.run(int)
    await sessions.delete("s")
    for name in ("t", "u"):
        forked = await host.open(name)
        stored = forked._store
        assert [info.state for info in (*stored.seeds(), *stored.takes())] == [ClipState.ACCEPTED] * 2
        for info in (*stored.seeds(), *stored.takes()):
            assert stored.load_frame(info.number, 0).colour.any()
        await forked.close()
        del host._open[name]  # opened again, as after a restart: everything is verified
        async with await BridgeClient.connect(address, name) as client:
            assert (await client.synced()).digest == digest
            assert await accepted(client) == 3
    assert [(info.id, info.title) for info in await sessions.list()] == [("t", ""), ("u", "Third")]


async def test_an_undone_take_is_not_forked(address, sessions, host):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await accepted(client)
        await client.undo()
        await sessions.fork("s", "t")
        await client.undo()
        await sessions.fork("s", "u")
    for name, clips in (("t", [1]), ("u", [])):
        store = (await host.open(name))._store
        assert [info.number for info in (*store.seeds(), *store.takes())] == clips
    assert not (await host.open("u")).memory.snapshot().chunks


async def test_an_empty_session_forks_into_an_empty_one(address, sessions, host):
    await sessions.create("s")
    await sessions.fork("s", "t")
    async with await BridgeClient.connect(address, "t", create=False) as client:
        assert client.revision.number == 0
        await client.seed([look(camera())])
        with pytest.raises(ConflictError):
            await client.undo()
            await client.undo()


async def test_what_cannot_be_forked(sessions):
    await sessions.create("s")
    for arguments, error in (
        (("ghost", "t"), NotFoundError),
        (("s", "t", 7), NotFoundError),
        (("s", "../t"), InvalidInputError),
        (("s", "t", 0, "x" * 1000), InvalidInputError),
        (("s", "s"), ConflictError),
    ):
        with pytest.raises(error) as caught:
            await sessions.fork(*arguments)
        assert caught.value.remedy
    assert [info.id for info in await sessions.list()] == ["s"]


def test_what_was_learnt_of_a_clip_goes_only_with_the_clip():
    """A fork gives the numbers of clips that it did not get again, to clips of its own."""
    assert setting_holds("seen/7/0.5", [3, 7])
    assert not setting_holds("seen/7/0.5", [3])
    assert setting_holds("anything else", [])
