"""Retention on a session in use: who is connected, who comes back, what is generated and forked afterwards."""

import asyncio

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError
from spatia_bridge.link.events import TakeState
from spatia_bridge.store.clips import ClipState
from tests.service.hosts import make_host
from tests.service.walks import PATH, PILLAR, accepted
from tests.worlds import camera, look


async def test_prune_while_it_is_in_use(address, sessions, host):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        first = await accepted(client)
        undone = await accepted(client)
        await client.undo()
        await client.lock(PILLAR)
        await client.set_scale(1.01)
        pending = (await client.wait_job(await client.generate(trajectory=PATH, clips=1))).take
        there = await client.synced()
        old = client.mirror
        pruned = await sessions.prune("s", 2)
        assert (pruned.session.oldest_revision, pruned.session.revisions) == (5, 6) and pruned.freed_bytes > 0
        # the head, and who holds it, is as before
        assert (await client.synced()).digest == there.digest
        head = (await host.open("s")).memory.snapshot()
        assert len(head.locks) == 1 and head.alignment.scale == pytest.approx(1.01)
        # what was undone longer ago has lost its frames, what memory rests on has not
        await client.until(lambda: client.takes[undone].state is TakeState.DISCARDED)
        with pytest.raises(NotFoundError):
            await client.fetch_frames(undone)
        assert len(await client.fetch_frames(first)) == len(await client.fetch_frames(pending)) == 5
        states = {take.number: take.state for take in (await sessions.get("s")).takes}
        assert states == {first: TakeState.ACCEPTED, undone: TakeState.DISCARDED, pending: TakeState.PENDING}
        # the past ends at 5
        for gone in (sessions.fork("s", "t", revision=4), _all(sessions.export("s", "ply", revision=4))):
            with pytest.raises(NotFoundError, match="pruned"):
                await gone
        assert (await sessions.fork("s", "t", revision=5)).points > 0
        await client.undo()
        with pytest.raises(ConflictError, match="nothing to undo"):
            await client.undo()
        # and it goes on
        await client.accept(pending)
        await accepted(client)
        there = await client.synced()
    session = await host.open("s")
    await session.close()
    del host._open["s"]  # opened again, as after a restart
    async with await BridgeClient.connect(address, "s", mirror=old) as client:
        assert (await client.synced()).digest == there.digest
        await accepted(client)


async def _all(pieces):
    return [piece async for piece in pieces]


async def test_who_resumes_from_a_pruned_revision_gets_everything(address, sessions):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await client.synced()
        mirrors = {1: client.mirror}
    async with await BridgeClient.connect(address, "s") as client:
        for _ in range(3):
            await accepted(client)
        there = await client.synced()
        mirrors[4] = client.mirror
    await sessions.prune("s", 2)
    for revision, resumed in ((4, True), (1, False)):
        async with await BridgeClient.connect(address, "s", mirror=mirrors[revision]) as client:
            assert client.welcome.resumed is resumed
            assert (await client.synced()).digest == there.digest


async def test_what_cannot_be_pruned(sessions):
    await sessions.create("s")
    for arguments, error in ((("ghost", 1), NotFoundError), (("s", 0), InvalidInputError)):
        with pytest.raises(error) as caught:
            await sessions.prune(*arguments)
        assert caught.value.remedy
    assert (await sessions.prune("s", 1)).session.oldest_revision == 1
    assert [info.oldest_revision for info in await sessions.list()] == [1]


async def test_a_session_that_began_as_a_fork_keeps_what_it_began_with(address, sessions, host):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        await accepted(client)
    await sessions.fork("s", "t")
    async with await BridgeClient.connect(address, "t") as client:
        await accepted(client)
        await client.undo()
        await sessions.prune("t", 1)
        store = (await host.open("t"))._store
        found = {info.number: info.state for info in (*store.seeds(), *store.takes())}
        assert found == {1: ClipState.ACCEPTED, 2: ClipState.ACCEPTED, 3: ClipState.DISCARDED}
        await accepted(client)


async def test_a_refused_seed_leaves_no_frames(host):
    session = await host.open("s", create=True)
    await session.seed([look(camera())])
    view = look(camera())
    with pytest.raises(InvalidInputError):
        await session.seed([type(view)(view.camera, view.colour, np.zeros_like(view.depth_m))])
    assert [info.state for info in session._store.seeds()] == [ClipState.ACCEPTED, ClipState.PENDING]
    await session.prune(5)
    assert [info.state for info in session._store.seeds()] == [ClipState.ACCEPTED, ClipState.DISCARDED]


async def test_a_host_may_prune_of_itself(tmp_path, painter):
    host = make_host(tmp_path / "sessions", painter, keep_revisions=4)
    session = await host.open("s", create=True)
    await session.seed([look(camera())])
    oldest = []
    for number in range(2, 14):
        revision = await (session.undo() if number % 5 == 0 else session.seed([look(camera(eye=(number / 20, -0.5, -2.5)))]))
        assert revision.number == number
        oldest.append(session.memory.oldest)
    assert oldest == [1, 1, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9]  # 4 or 5 are kept
    digest = session.memory.snapshot().record_digest
    await host.close()
    again = make_host(tmp_path / "sessions", painter)
    memory = (await again.open("s")).memory
    assert (memory.oldest, memory.snapshot().record_digest) == (9, digest)
    await again.close()


async def test_pruning_and_generating_at_once(address, sessions):
    async with await BridgeClient.connect(address, "s") as client:
        await client.seed([look(camera())])
        job = await client.generate(trajectory=PATH, clips=4, auto_accept=True)
        over = asyncio.create_task(client.wait_job(job))
        while not over.done():
            await sessions.prune("s", 1)
        await over
        digest = (await client.synced()).digest
        await sessions.prune("s", 1)
    async with await BridgeClient.connect(address, "s") as client:
        assert (await client.synced()).digest == digest
