"""SIGKILL to the real server, in the middle of takes, updates and commits: what it acknowledged is there, by digest."""

import asyncio
import contextlib
import json
import signal
import sys

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import SpatiaError, UnavailableError
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link.events import Stage, TakeState
from spatia_bridge.memory import Box
from spatia_bridge.store import SessionLibrary
from tests.worlds import camera, look

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 1.5, 12)])


class Server:
    """`spatia-bridge serve` in a process of its own."""

    def __init__(self, process, address):
        self.process, self.address = process, address

    @classmethod
    async def start(cls, data):
        command = [sys.executable, "-m", "spatia_bridge", "serve", "--port", "0", "--data", str(data), "--json"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(120):
            line = await process.stdout.readline()
        return cls(process, json.loads(line)["address"])

    async def kill(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


class Life:
    """One connection; every acknowledged revision goes into the book."""

    def __init__(self, client, book):
        self.client, self.book = client, book

    async def note(self, number):
        await self.client.synced(number)
        if self.client.revision.number == number:
            self.book[number] = int.from_bytes(self.client.revision.digest, "big")

    async def seed(self):
        await self.note(await self.client.seed([look(camera())]))

    async def edit(self, step):
        await self.note(await self.client.remove(Box.from_bounds((-1 + step, -1, -1), (step, 0, 3.9))))

    async def generate(self):
        return await self.client.generate("", seed=3, trajectory=PATH, clips=1, size=(96, 64))


async def die_in_a_take(server, life, step):
    """Killed when the clip's first frames are there."""
    await life.generate()
    await life.client.until(lambda: generating(life) or done(life))
    await server.kill()


async def die_in_a_commit(server, life, step):
    """Killed between an edit and its answer: it may be there as a whole or not at all."""
    await life.edit(step)
    asking = asyncio.create_task(life.client.undo())
    await life.client.ping()  # the server has read the request when this is answered
    await server.kill()
    with contextlib.suppress(SpatiaError):
        await life.note(await asking)


async def die_in_an_update(server, life, step):
    """Killed while an accepted take is folded in."""
    job = await life.generate()
    await life.client.wait_job(job)
    take = max(n for n, t in life.client.takes.items() if t.state is TakeState.PENDING)
    asking = asyncio.create_task(life.client.accept(take))
    await life.client.ping()  # the server has read the request when this is answered
    await server.kill()
    with contextlib.suppress(SpatiaError):
        await life.note(await asking)


async def die_at_rest(server, life, step):
    job = await life.generate()
    await life.client.wait_job(job)
    take = max(n for n, t in life.client.takes.items() if t.state is TakeState.PENDING)
    await life.note(await life.client.accept(take))
    await server.kill()


def generating(life):
    return any(p.stage is Stage.GENERATING and p.done for p in life.client.progress.values())


def done(life):
    return any(p.stage in (Stage.DONE, Stage.FAILED) for p in life.client.progress.values())


def check(data, book):
    """Every acknowledged revision is found again by its number and digest; at most what was under way came on top."""
    with SessionLibrary(data).open("scene") as store:
        revisions, head = store.load()
        assert set(book) <= {revision.number for revision in revisions}
        assert len(revisions) <= max(book, default=0) + 2
        assert head.revision == len(revisions)
        for number, digest in book.items():
            assert store.archive(number).packed_digest == digest, f"revision {number} came back different"


@pytest.mark.timeout(280)
async def test_every_acknowledged_revision_outlives_sigkill(tmp_path):
    book, mirror = {}, None
    deaths = [die_in_a_take, die_in_a_commit, die_in_an_update, die_at_rest, die_in_a_commit, die_in_a_take, die_in_an_update]
    for step, death in enumerate(deaths):
        server = await Server.start(tmp_path)
        try:
            client = await BridgeClient.connect(server.address, "scene", create=True, mirror=mirror)
            life = Life(client, book)
            if not step:
                await life.seed()
            else:
                head = client.welcome.revision
                assert int.from_bytes(head.digest, "big") == book.get(head.number, int.from_bytes(head.digest, "big"))
                assert client.welcome.resumed
                await life.note(head.number)
            await death(server, life, step)
            mirror = client.mirror
            with contextlib.suppress(UnavailableError):
                await client.close()
        finally:
            await server.kill()
        check(tmp_path, book)
    assert len(book) >= 4  # the seed, two removals, one take: these were acknowledged whatever the timing
