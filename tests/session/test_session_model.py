"""A session on a real store against a plain model: whatever was done, undone, forked and restarted, the past stays what it was.

The model knows what each revision held when it was made, the stacks of undo and redo, and what became of every take. It is told
the outcome of what adds content, and predicts the rest: undo, redo, time travel, forks, restarts, errors that change nothing.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spatia_bridge.errors import ConflictError, RejectedUpdateError, SpatiaError
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import ClipShape
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link.events import Stage, TakeState
from spatia_bridge.memory import (
    Cause,
    InsertPoints,
    Realign,
    Snapshot,
    UnlockRegion,
)
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.carry import carried_frame
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.session.session import GenerateSpec
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from tests.session.edits import boxed
from tests.worlds import camera, look

SIZE = (24, 16)
PLACES = st.tuples(*[st.integers(-4, 4).map(lambda i: i / 2)] * 3)
CHANGES = {"double": Similarity(2.0), "halve": Similarity(0.5), "turn": Similarity.upright((0.2, 1.0, 0.1))}


class Tiny:
    """Continues what memory shows; open pixels get a depth and a colour that follow from the seed alone."""

    name = "tiny"
    shape = ClipShape(*SIZE, new_frames=3, preceding_frames=1, fps=8.0, references=1)

    def generate(self, request, cancel):
        rng = np.random.default_rng(request.seed)
        rgb, far = rng.integers(0, 256, 3).astype(np.uint8), np.float32(rng.uniform(2, 5))
        for number, shown in enumerate(request.projection):
            cancel.raise_if_cancelled()
            colour = np.where(shown.coverage[..., None], shown.colour, rgb)
            yield GeneratedFrame(number, colour, np.where(shown.coverage, shown.depth_m, far).astype(np.float32))


@dataclass(frozen=True)
class Content:
    """What a revision holds."""

    digest: int
    points: int
    voxel_size_m: float
    alignment: tuple[float, bytes]
    locks: tuple[bytes, ...]
    tombstones: tuple[bytes, ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Content":
        return cls(
            snapshot.record_digest,
            snapshot.points,
            snapshot.voxel_size_m,
            (snapshot.alignment.scale, snapshot.alignment.rotation.tobytes()),
            tuple(np.concatenate(region.bounds_world()).tobytes() for region in snapshot.locks),
            tuple(np.concatenate(region.bounds_world()).tobytes() for region in snapshot.tombstones),
        )


@dataclass
class Model:
    """One session as it should be."""

    revisions: dict[int, Content] = field(default_factory=dict)
    undo: list[int] = field(default_factory=lambda: [0])
    redo: list[int] = field(default_factory=list)
    takes: dict[int, TakeState] = field(default_factory=dict)

    @property
    def head(self) -> Content:
        return self.revisions[max(self.revisions)]

    def add(self, content: Content) -> None:
        self.revisions[len(self.revisions)] = content
        self.undo.append(len(self.revisions) - 1)
        self.redo.clear()

    def travel(self, content_of: int) -> None:
        """What undo and redo make: old content anew."""
        self.revisions[len(self.revisions)] = self.revisions[content_of]


class SessionMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.names = 0
        self.host = self.new_host()
        self.session = self.run(self.host.open("s0", create=True))
        self.model = Model({0: Content.of(self.session.memory.snapshot())})
        self.seed(0, -3, 1.0)  # an empty scene can be had by undo

    def teardown(self):
        if hasattr(self, "runner"):
            self.run(self.host.close())
            self.runner.close()
            self.folder.cleanup()

    def new_host(self):
        renderer = CpuRenderer()
        stages = Stages(renderer, Slam(renderer))
        return SessionHost(SessionLibrary(Path(self.folder.name)), stages, {"tiny": Tiny}, "tiny")

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def changed(self, coroutine):
        """Something that adds a revision, or is refused with a documented error and then changes nothing."""
        try:
            revision = self.run(coroutine)
        except SpatiaError as error:
            assert error.remedy, error
            return error
        assert revision.number == len(self.model.revisions)
        self.model.add(Content.of(self.session.memory.at(revision.number)))
        return None

    # content

    @rule(x=st.integers(-2, 2), z=st.integers(-3, -1), unit_m=st.sampled_from([1.0, 1.0, 10.0]))
    def seed(self, x, z, unit_m):
        """A view; sometimes by an engine that has the wrong units."""
        empty = not self.model.head.points
        view = look(camera(eye=(x / 2, -0.5, z), size=SIZE))
        view = carried_frame(view, Similarity(), Similarity(unit_m))
        assert self.changed(self.session.seed([view])) is None
        if empty and self.model.head.points:
            assert 0.02 * unit_m < self.model.head.voxel_size_m < 0.2 * unit_m

    @rule(
        kind=st.sampled_from(["remove", "lock", "move", "copy", "recolour"]), place=PLACES, size=st.sampled_from([0.3, 1.0, 3.0])
    )
    def edit(self, kind, place, size):
        self.changed(self.session.edit(boxed(kind, place, size)))

    @precondition(lambda self: self.model.head.locks)
    @rule(number=st.integers(0, 2))
    def unlock(self, number):
        locks = self.model.head.locks
        error = self.changed(self.session.edit(UnlockRegion(number)))
        assert (error is None) == (number < len(locks))
        if error is None:
            assert self.model.head.locks == locks[:number] + locks[number + 1 :]

    @rule(place=PLACES)
    def insert(self, place):
        self.changed(self.session.edit(InsertPoints(np.array([place]), np.full((1, 3), 7, np.uint8), np.array(0.1))))

    @rule(change=st.sampled_from(sorted(CHANGES)))
    def realign(self, change):
        self.changed(self.session.edit(Realign(CHANGES[change])))

    # time

    @rule()
    def undo(self):
        if len(self.model.undo) == 1:
            self.refused(self.session.undo())
            return
        assert self.run(self.session.undo()).cause is Cause.UNDO
        self.model.redo.append(self.model.undo.pop())
        self.model.travel(self.model.undo[-1])

    @rule()
    def redo(self):
        if not self.model.redo:
            self.refused(self.session.redo())
            return
        assert self.run(self.session.redo()).cause is Cause.REDO
        self.model.undo.append(self.model.redo.pop())
        self.model.travel(self.model.undo[-1])

    def refused(self, coroutine):
        try:
            self.run(coroutine)
        except ConflictError:
            return
        raise AssertionError("this must be refused")

    # takes

    @rule(seed=st.integers(0, 3), x=st.integers(-2, 2))
    def generate_and_accept(self, seed, x):
        self.generate(seed, x, auto_accept=True)

    @rule(seed=st.integers(0, 3), x=st.integers(-2, 2))
    def generate_to_decide(self, seed, x):
        self.generate(seed, x, auto_accept=False)

    def generate(self, seed, x, auto_accept):
        path = trajectory_of([camera(eye=(x / 4, -0.5, -2 + i / 8), size=SIZE) for i in range(3)])
        try:
            ended = self.run(self.flown(GenerateSpec("p", seed, trajectory=path, clips=1, auto_accept=auto_accept)))
        except ConflictError:
            assert not self.model.head.points
            return
        accepted = len(self.session.memory.revisions()) > len(self.model.revisions)
        assert ended.stage is (Stage.DONE if accepted or not auto_accept else Stage.FAILED)
        assert ended.failure is None or ended.failure.code == RejectedUpdateError.code
        state = TakeState.ACCEPTED if accepted else TakeState.REJECTED if auto_accept else TakeState.PENDING
        self.model.takes[self.session.takes()[-1].number] = state
        if accepted:
            self.model.add(Content.of(self.session.memory.snapshot()))

    async def flown(self, spec):
        """The last progress of the job."""
        over = asyncio.Event()
        number = self.session.generate(spec)
        unsubscribe = self.session.subscribe(lambda event: over.set())
        try:
            while not (news := {job.job: job for job in self.session.jobs()}[number]).ended:
                over.clear()
                await over.wait()
        finally:
            unsubscribe()
        return news

    @precondition(lambda self: TakeState.PENDING in self.model.takes.values())
    @rule()
    def accept(self):
        take = self.pending()[-1]
        error = self.changed(self.session.accept(take))
        assert error is None or isinstance(error, RejectedUpdateError)
        self.model.takes[take] = TakeState.ACCEPTED if error is None else TakeState.REJECTED

    @precondition(lambda self: TakeState.PENDING in self.model.takes.values())
    @rule()
    def discard(self):
        take = self.pending()[0]
        self.run(self.session.discard(take))
        self.model.takes[take] = TakeState.DISCARDED

    @rule(take=st.integers(1, 4))
    def decide_what_is_not_pending(self, take):
        if self.model.takes.get(take) is not TakeState.PENDING:
            for act in (self.session.accept, self.session.discard):
                assert self.changed(act(take)) is not None

    def pending(self):
        return [number for number, state in self.model.takes.items() if state is TakeState.PENDING]

    # the world outside

    @rule()
    def restart(self):
        self.run(self.host.close())
        self.host = self.new_host()
        self.session = self.run(self.host.open(self.session.id))
        for number, state in self.model.takes.items():  # the store knows no difference between those
            if state is TakeState.REJECTED:
                self.model.takes[number] = TakeState.DISCARDED

    @rule(back=st.integers(0, 5), stay=st.booleans())
    def fork(self, back, stay):
        number = max(len(self.model.revisions) - 1 - back, 0)
        self.names += 1
        name = f"s{self.names}"
        self.run(self.host.fork(self.session.id, name, number))
        forked = self.run(self.host.open(name))
        content = self.model.revisions[number or len(self.model.revisions) - 1]
        assert Content.of(forked.memory.snapshot()) == content
        if stay:
            return
        began = {0: Content.of(forked.memory.at(0))}
        takes = {info.number: info.state for info in forked.takes()}
        assert set(takes.values()) <= {TakeState.ACCEPTED}
        assert takes.keys() <= {n for n, state in self.model.takes.items() if state is TakeState.ACCEPTED}
        self.session, self.model = forked, Model(began, takes=takes)
        if len(forked.memory.revisions()) > 1:
            self.model.add(content)

    @rule(number=st.integers(0, 60))
    def look_back(self, number):
        number %= len(self.model.revisions)
        assert Content.of(self.session.memory.at(number)) == self.model.revisions[number]

    @invariant()
    def same(self):
        if not hasattr(self, "session"):
            return
        memory = self.session.memory
        assert Content.of(memory.snapshot()) == self.model.head
        assert [r.points for r in memory.revisions()] == [c.points for c in self.model.revisions.values()]
        assert (memory.can_undo, memory.can_redo) == (len(self.model.undo) > 1, bool(self.model.redo))
        assert [r.number for r in memory.lineage()] == self.model.undo
        assert {info.number: info.state for info in self.session.takes()} == self.model.takes


TestSessionModel = SessionMachine.TestCase
TestSessionModel.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
