"""Clients that say anything, in any order, to a real host on a real store: each request gets one answer, and nothing breaks."""

import asyncio
import logging
import random

import pytest

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.generation.base import ClipShape
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import limits
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import TakeState
from spatia_bridge.session.connection import MAX_WAITING_REQUESTS, Connection
from spatia_bridge.wire.convert import parser, serialise
from tests.link.bodies import any_body
from tests.link.test_fuzz import CODES
from tests.service.hosts import Painter, make_host

parse_client, parse_server = parser(msg.ClientMessage), parser(msg.ServerMessage)
MESSAGES = 100


class Miniaturist(Painter):
    """Paints stamps: what is fuzzed is the talk, not the painting."""

    shape = ClipShape(24, 16, new_frames=3, preceding_frames=1, fps=8.0, references=1)


class Talker:
    """One client over one connection, as bytes; remembers what it asked and what it was told."""

    def __init__(self, host, rng) -> None:
        self.host = host
        self.rng = rng
        self.engine = rng.choice(list(Engine))
        self.connection = Connection(host)
        self.mirror = PointMirror()
        self.asked: dict[int, msg.ClientBody] = {}
        self.answers: dict[int, list[msg.ServerBody]] = {}
        self.told: list[msg.ServerBody] = []

    async def listen(self) -> None:
        while (message := await self.connection.next_message()) is not None:
            message = parse_server(serialise(message))
            self.mirror.apply(message.body)  # raises if chunks, hashes or digests do not fit
            self.told.append(message.body)
            if message.request_id and not isinstance(message.body, msg.TakeFrame):
                self.answers.setdefault(message.request_id, []).append(message.body)

    async def say(self, body) -> None:
        request_id = len(self.asked) + 1
        self.asked[request_id] = body
        await self.connection.receive(parse_client(serialise(msg.ClientMessage(request_id, body))))
        assert self.connection._requests.qsize() <= MAX_WAITING_REQUESTS + 1
        assert len(self.connection._link._control) <= limits.MAX_CONTROL

    def about_a_take(self) -> msg.ClientBody | None:
        """Now and then: something that is to be done with a take that it was told of."""
        takes = [body.number for body in self.told if isinstance(body, msg.Take)]
        if self.rng.random() < 0.8 or not takes:
            return None
        take = self.rng.choice(takes)
        return self.rng.choice([msg.Accept(take), msg.Accept(take), msg.Discard(take), msg.FetchFrames(take, depth=True)])

    async def talk(self) -> None:
        listening = asyncio.create_task(self.listen())
        push = self.rng.random() < 0.5
        await self.say(msg.Hello(1, "fuzz", self.engine, "s", True, credit_bytes=1 << 30, push_frames=push))
        for _ in range(MESSAGES):
            await self.say(self.about_a_take() or any_body(self.rng, self.engine.convention))
            for _ in range(self.rng.choice([0, 0, 1, 5, 50])):
                await self.host.workers.run(int)  # lets the others run, and the workers
        await self.say(msg.Cancel())
        await self.connection.finish()
        await listening
        self.connection.close()

    def judge(self) -> None:
        for request_id, body in self.asked.items():
            answers = self.answers.get(request_id, [])
            if isinstance(body, msg.Seed) and body.more:
                assert len(answers) <= 1, body  # the last view's request is answered, and a view that is refused
            else:
                assert len(answers) == 1, (body, answers)
        for body in self.told:
            if isinstance(body, msg.Error):
                assert body.code in CODES, body
                assert body.message and not body.fatal


def to_be_had(session) -> dict[int, TakeState]:
    return {take.number: take.state for take in session.takes() if take.state in (TakeState.PENDING, TakeState.ACCEPTED)}


@pytest.mark.parametrize("seed", range(5))
async def test_walk(seed, tmp_path, caplog):
    host = make_host(tmp_path, Miniaturist())
    talkers = [Talker(host, random.Random(f"{seed}/{number}")) for number in range(2)]
    await asyncio.gather(*(talker.talk() for talker in talkers))
    for talker in talkers:
        talker.judge()
    session = await host.open("s")
    await host.close()  # what was asked for before goes on without an audience until then
    assert all(job.ended for job in session.jobs())
    again = make_host(tmp_path, Miniaturist())
    reopened = await again.open("s")
    assert reopened.memory.revisions() == session.memory.revisions()
    assert reopened.memory.snapshot().record_digest == session.memory.snapshot().record_digest
    assert to_be_had(reopened) == to_be_had(session)
    await again.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
