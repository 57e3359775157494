"""Jobs go on while everyone is away, and who returns finds them: under way, waiting for a decision, done, failed."""

import threading

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.client.views import colour_of
from spatia_bridge.errors import CancelledError, NotFoundError, SpatiaError
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import Stage, TakeState
from spatia_bridge.session import jobs
from tests.worlds import camera, look

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)])


async def connected(address, **options):
    return await BridgeClient.connect(address, "s", **options)


async def begun(address, painter, **request):
    """A job under way behind the painter's gate, its author gone; the job's number."""
    painter.gate = threading.Event()
    async with await connected(address) as client:
        await client.seed([look(camera())])
        job = await client.generate("a hall", trajectory=PATH, **{"clips": 1, **request})
        await client.until(lambda: any(p.done for p in client.progress.values()))
        return job


async def told_at_once(client):
    """What came with the welcome: chunks, and so `synced`, come after all of it."""
    await client.synced()
    return {job: progress.stage for job, progress in client.progress.items()}


async def gone(host):
    """Until the server has noticed that nobody is connected."""
    session = await host.open("s")
    while session.watched:
        await host.workers.run(int)


async def test_a_job_goes_on_and_its_take_is_found_and_accepted(address, host, painter):
    job = await begun(address, painter)
    async with await connected(address) as client:
        assert [take.state for take in client.welcome.takes] == [TakeState.GENERATING]
        assert await told_at_once(client) == {job: Stage.GENERATING}
        now = client.progress[job]
        assert (now.clip, now.clips, now.take, now.total) == (1, 1, client.welcome.takes[0].number, 5)
        assert now.done >= 1 and now.remaining_secs > 0
        frames = await client.fetch_frames(now.take)
        assert [frame.number for frame in frames] == list(range(len(frames))) and frames
    await gone(host)
    painter.gate.set()
    session = await host.open("s")
    while session.open_takes()[0].state is TakeState.GENERATING:
        await host.workers.run(int)
    async with await connected(address) as client:
        (take,) = client.welcome.takes
        assert (take.state, take.frames_done, take.prompt) == (TakeState.PENDING, 5, "a hall")
        assert (await client.wait_job(job)).stage is Stage.DONE
        frames = await client.fetch_frames(take.number)
        truth = look(PATH.cameras[0]).colour
        assert np.abs(colour_of(frames[0].colour).astype(int) - truth).mean() < 8
        revision = await client.accept(take.number)
        assert (await client.synced(revision)).revision == revision


async def test_who_comes_late_sees_the_preview_which_is_encoded_once_and_off_the_loop(address, host, painter, monkeypatch):
    encoded = []
    real = jobs.encode_jpeg
    monkeypatch.setattr(jobs, "encode_jpeg", lambda *arguments: encoded.append(threading.get_ident()) or real(*arguments))
    async with await connected(address) as client:
        job = await begun(address, painter)
        await client.until(lambda: client.progress[job].done)
        assert threading.get_ident() not in encoded and len(encoded) == 1
        async with await connected(address) as late:
            await told_at_once(late)
            shown = late.progress[job].preview
            assert shown == client.progress[job].preview and (shown.width, shown.height) == (24, 16)
            truth = look(PATH.cameras[0]).colour[::4, ::4]
            assert np.abs(colour_of(shown).astype(int) - truth).mean() < 12
            assert len(encoded) == 1
            painter.gate.set()
            assert (await late.wait_job(job)).preview is None
        assert len(encoded) == 5


async def test_a_row_waits_for_its_author(address, host, painter):
    job = await begun(address, painter, clips=2)
    await gone(host)
    painter.gate.set()
    session = await host.open("s")
    while session.jobs()[0].stage is not Stage.WAITING:
        await host.workers.run(int)
    async with await connected(address) as client:
        assert await told_at_once(client) == {job: Stage.WAITING}
        await client.accept(client.welcome.takes[0].number)
        assert (await client.wait_job(job)).clip == 2


async def test_what_failed_meanwhile_says_why(address, host, painter):
    job = await begun(address, painter, clips=2, auto_accept=True)
    await gone(host)
    painter.fail = True
    painter.gate.set()
    session = await host.open("s")
    while not session.jobs()[0].ended:
        await host.workers.run(int)
    async with await connected(address) as client:
        with pytest.raises(SpatiaError, match="out of paint") as caught:
            await client.wait_job(job)
        assert caught.value.remedy
        assert client.progress[job].error.job == job


async def test_a_queue_is_seen_by_all_and_cancelled_one_by_one(address, painter):
    first = await begun(address, painter)
    async with await connected(address) as author:
        queued = [await author.generate(trajectory=PATH, clips=1) for _ in range(3)]
        async with await connected(address) as other:
            stages = await told_at_once(other)
            assert stages == {first: Stage.GENERATING, **dict.fromkeys(queued, Stage.QUEUED)}
            await other.cancel(queued[1])
            for client in (author, other):
                with pytest.raises(CancelledError):
                    await client.wait_job(queued[1])
            for absent in (queued[1], 99):
                with pytest.raises(NotFoundError):
                    await other.cancel(absent)
            await other.cancel(first)
            painter.gate.set()
            with pytest.raises(CancelledError):
                await author.wait_job(first)
            for job in (queued[0], queued[2]):
                assert (await author.wait_job(job)).stage is Stage.DONE
                assert author.progress[job].remaining_secs == 0


async def test_cancelling_one_that_waits_for_a_decision_ends_it_only(address, painter):
    job = await begun(address, painter, clips=2)
    painter.gate.set()
    async with await connected(address) as client:
        next_one = await client.generate(trajectory=PATH, clips=1)
        await client.until(lambda: client.progress[job].stage is Stage.WAITING)
        await client.cancel(job)
        with pytest.raises(CancelledError):
            await client.wait_job(job)
        assert (await client.wait_job(next_one)).stage is Stage.DONE
        states = [take.state for take in client.takes.values()]
        assert states == [TakeState.PENDING, TakeState.PENDING]  # what was made stays to be decided


async def test_old_news_is_bounded(address, painter, monkeypatch):
    monkeypatch.setattr(jobs, "ENDED_KEPT", 2)
    async with await connected(address) as client:
        await client.seed([look(camera())])
        numbers = [await client.generate(trajectory=PATH, clips=1, auto_accept=True) for _ in range(4)]
        for number in numbers:
            await client.wait_job(number)
    async with await connected(address) as late:
        assert await told_at_once(late) == dict.fromkeys(numbers[-2:], Stage.DONE)
        assert all(isinstance(p, msg.Progress) for p in late.progress.values())
