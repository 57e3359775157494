"""Any client, any driver, any order: nothing is raised out of the link, every answer is documented, every bound holds."""

import random
from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge import errors
from spatia_bridge.codec.tables import read_table
from spatia_bridge.errors import SpatiaError
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import commands, limits
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import FrameMade, JobFailed, JobProgress, Stage, TakeChanged, TakeInfo, TakeState
from spatia_bridge.link.link import Attachment, Link, State
from spatia_bridge.link.resume import open_chunks
from spatia_bridge.memory import ChunkIndex, Memory
from spatia_bridge.wire.convert import parser, serialise
from tests.link.bodies import any_body, made_strange
from tests.link.scenes import chunk, commit, event_of
from tests.worlds import camera

parse = parser(msg.ClientMessage)
STEPS = 400


def codes(base=SpatiaError):
    return {base.code, *(code for child in base.__subclasses__() for code in codes(child))}


CODES = codes(errors.SpatiaError) - {"INTERNAL"}


class Walk:
    """One link with a client and a driver that do whatever comes to their minds."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.engine = self.rng.choice(list(Engine))
        self.memory = Memory()
        for x in range(3):
            commit(self.memory, (ChunkIndex(0, x, 0, 0), chunk(ChunkIndex(0, x, 0, 0), 400)), voxel_size_m=None if x else 0.05)
        self.link = Link(token=self.rng.choice(["", "", "t"]))
        self.credit = 0
        self.now = 0.0
        self.pulled: list[msg.ServerMessage] = []

    def step(self) -> None:
        act = self.rng.choice([self.speak, self.speak, self.speak, self.pull, self.pull, self.happen, self.work])
        act()
        self.now += self.rng.choice([0.0, 0.001, 0.3])
        self.check()

    # the client

    def speak(self) -> None:
        body = any_body(self.rng, self.engine.convention)
        if self.link.state is State.NEW or self.rng.random() < 0.005:
            body = self.hello()
        message = parse(serialise(msg.ClientMessage(self.rng.choice([0, 1, 5, 2**64 - 1]), body)))
        closed = self.link.state is State.CLOSED
        for command in self.link.receive(message, self.now):
            assert not closed
            self.obey(command)
        if self.link.state is State.OPEN and isinstance(body, msg.Credit):
            self.credit = min(self.credit + body.bytes, limits.MAX_CREDIT_BYTES)

    def hello(self) -> msg.Hello:
        credit = self.rng.choice([0, 5000, 1 << 30])
        hello = msg.Hello(1, "fuzz", self.engine, "s", True, "t", credit_bytes=credit, push_frames=self.rng.random() < 0.5)
        hello = replace(hello, batch_chunks=self.rng.random() < 0.5, batch_bytes=self.rng.choice([0, 0, 60_000, 1 << 30]))
        hello = replace(hello, chunk_tables=self.rng.random() < 0.5)
        return made_strange(self.rng, hello) if self.rng.random() < 0.2 else hello

    def pull(self) -> None:
        for _ in range(self.rng.randrange(30)):
            message = self.link.next_message(self.now)
            if message is None:
                return
            serialise(message)  # all of it fits the wire
            self.pulled.append(message)
            self.judge(message.body)

    def judge(self, body) -> None:
        if isinstance(body, msg.Error):
            assert body.code in CODES or body.job, body
            assert body.message and (body.remedy or body.job)
            assert not body.fatal or self.link.state is State.CLOSED
        elif isinstance(body, msg.ChunkParts):
            assert 1 < len(body.parts) <= limits.BATCH_PARTS
            assert sum(len(part.data) for part in body.parts) <= limits.MAX_BATCH_BYTES
            for part in body.parts:
                self.judge(part)
        elif isinstance(body, msg.ChunkTable):
            table = list(read_table(body.rows, body.data))
            assert 1 <= len(table) <= limits.TABLE_PARTS and len(body.data) <= limits.MAX_BATCH_BYTES
            self.credit -= len(body.data)
            assert self.credit >= 0
        elif isinstance(body, msg.ChunkPart):
            self.credit -= len(body.data)
            assert self.credit >= 0
            assert len(body.data) <= body.raw_size <= limits.MAX_BATCH_BYTES

    # the driver

    def obey(self, command) -> None:
        link, request = self.link, command.request_id
        try:
            if isinstance(command, commands.Attach):
                self.attach(command)
            elif isinstance(command, commands.ApplyEdit):
                link.answer(request, revision=self.memory.edit(command.edit).number)
            elif isinstance(command, commands.UndoEdit | commands.RedoEdit):
                act = self.memory.undo if isinstance(command, commands.UndoEdit) else self.memory.redo
                link.answer(request, revision=act().number)
            elif isinstance(command, commands.SeedViews):
                assert 1 <= len(command.decode()) <= limits.MAX_VIEWS_PER_SEED
                link.answer(request)
            elif isinstance(command, commands.ListFrames):
                link.queue_frames(command, range(self.rng.choice([0, 3, limits.MAX_FRAMES])))
            else:
                if isinstance(command, commands.GenerateClips) and command.trajectory is not None:
                    command.trajectory.decode()
                link.answer(request, job=1)
        except SpatiaError as error:
            link.fail(request, error)
        if self.rng.random() < 0.8:  # sometimes the link hears of two revisions at once
            link.notify(event_of(self.memory))

    def attach(self, command: commands.Attach) -> None:
        if self.rng.random() < 0.1:
            self.link.fail(command.request_id, errors.NotFoundError("there is no such session", "create it"), fatal=True)
            return
        self.credit = min(command.credit_bytes, limits.MAX_CREDIT_BYTES)
        jobs = tuple(JobProgress(number, Stage.QUEUED) for number in range(self.rng.randrange(4)))
        self.link.attach(Attachment(command.session, open_chunks(self.memory, command), jobs=jobs))

    def happen(self) -> None:
        number = self.rng.randrange(1, 100)
        picture = GeneratedFrame(number, np.zeros((16, 24, 3), np.uint8))
        event = self.rng.choice(
            [
                event_of(self.memory),
                TakeChanged(TakeInfo(number, TakeState.PENDING)),
                FrameMade(number, picture, camera(size=(24, 16))),
                JobProgress(number, Stage.GENERATING, 1, 2, self.rng.choice([None, 3.0])),
                JobFailed(number, "REJECTED_UPDATE", "it drifted", "", {"drift_m": 0.5}),
            ]
        )
        for _ in range(self.rng.choice([1, 1, 1, 200])):
            self.link.notify(event)
        self.link.record(msg.Recording(self.rng.random() < 0.5, number), self.now)

    def work(self) -> None:
        for work in self.link.work(self.now):
            ticket = work.ticket + self.rng.choice([0, 0, 0, 1])
            failed = self.rng.random() < 0.3
            if isinstance(work, commands.EncodeFrame):
                error = msg.Error("NOT_FOUND", "no such frame", "ask for another")
                self.link.frame_ready(ticket, error if failed else msg.TakeFrame(work.take, work.number))
            else:
                self.link.projection_ready(ticket, None if failed else msg.LiveProjection(work.time_secs))

    # the invariants

    def check(self) -> None:
        link = self.link
        assert len(link._control) <= limits.MAX_CONTROL
        assert len(link._progress) <= limits.MAX_JOBS
        assert len(link._frames) <= limits.MAX_FRAMES
        assert (link.wake_at() is None) or link.state is State.OPEN
        if link.state is State.OPEN:
            assert link._opening.chunks.credit_bytes == self.credit
            assert len(link._sweep._views) <= limits.MAX_VIEWS_PER_SEED


@pytest.mark.parametrize("seed", range(24))
def test_walk(seed):
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
        if walk.link.state is State.CLOSED and not walk.link._control:
            assert walk.pulled[-1].body.fatal
            fresh = Walk(seed + 1000)
            fresh.rng = walk.rng
            walk = fresh
