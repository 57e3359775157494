"""Whatever the order of revisions, credits, pulls, moves of the camera and reconnects: once drained, the mirror is memory."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.errors import SpatiaError
from spatia_bridge.link import messages as msg
from spatia_bridge.link.limits import PART_POINTS
from spatia_bridge.memory import Box, ChunkIndex, LockRegion, Memory, RemoveRegion
from tests.link.scenes import chunk, commit, event_of, hello, opened, same
from tests.worlds import camera

INDEXES = [ChunkIndex(level, x, 0, z) for level in (0, 2) for x in (-1, 0, 1) for z in (0, 1)]
SIZES = (1, 100, 512, 513, 700, 6000)


class Sync(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        self.mirror = PointMirror()
        self.now = 0.0
        self.connect(0, tables=False)

    def connect(self, credit: int, tables: bool) -> None:
        self.credit = credit
        resume = self.mirror.resume()
        self.link = opened(self.memory, hello(credit, resume, compressions=(msg.Compression.NONE,), chunk_tables=tables))

    @rule(at=st.sampled_from(INDEXES), points=st.sampled_from(SIZES), seed=st.integers(0, 3))
    def commit(self, at: ChunkIndex, points: int, seed: int) -> None:
        commit(self.memory, (at, chunk(at, points, seed)), voxel_size_m=None if self.memory.snapshot().revision else 0.05)
        self.link.notify(event_of(self.memory))

    @rule(indexes=st.lists(st.sampled_from(INDEXES), min_size=1, unique=True), seed=st.integers(0, 3))
    def commit_many(self, indexes: list[ChunkIndex], seed: int) -> None:
        changes = [(at, chunk(at, 600, seed) if i % 3 else None) for i, at in enumerate(indexes)]
        commit(self.memory, *changes)
        self.link.notify(event_of(self.memory))

    @rule(kind=st.sampled_from(["undo", "redo", "remove", "lock"]), x=st.integers(-4, 4))
    def edit(self, kind: str, x: int) -> None:
        box = Box.from_bounds([x, -1, -1], [x + 2, 2, 3])
        edits = {"remove": RemoveRegion, "lock": LockRegion}
        try:
            self.memory.edit(edits[kind](box)) if kind in edits else getattr(self.memory, kind)()
        except SpatiaError:
            return
        self.link.notify(event_of(self.memory))

    @rule(at=st.sampled_from(INDEXES))
    def two_commits_at_once(self, at: ChunkIndex) -> None:
        """The client's link hears of the second only: a gap in the numbers."""
        commit(self.memory, (at, chunk(at, 300, 7)))
        commit(self.memory, (at, chunk(at, 300, 8)))
        self.link.notify(event_of(self.memory))

    @rule(credit=st.sampled_from([8, 100, 1024, 5000, 100_000]))
    def grant(self, credit: int) -> None:
        self.credit += credit
        self.link.receive(msg.ClientMessage(0, msg.Credit(credit)), self.now)

    @rule(x=st.floats(-10, 10), step=st.floats(0, 0.3))
    def look(self, x: float, step: float) -> None:
        self.now += step
        (self.link._opening.chunks).look(camera(eye=(x, 0.0, -3.0)))

    @rule(count=st.integers(1, 12))
    def pull(self, count: int) -> None:
        for _ in range(count):
            message = self.link.next_message(self.now)
            if message is None:
                return
            self.take(message)

    @rule(credit=st.sampled_from([0, 3000, 200_000]), tables=st.booleans())
    def reconnect(self, credit: int, tables: bool) -> None:
        self.connect(credit, tables)

    @precondition(lambda self: self.memory.snapshot().revision > 0)
    @rule()
    def drain(self) -> None:
        self.grant(10_000_000)
        while (message := self.link.next_message(self.now)) is not None:
            self.take(message)
        assert self.mirror.clean
        assert self.mirror.synced.revision == self.memory.snapshot().revision
        assert same(self.mirror, self.memory)
        if self.memory.snapshot().chunks:  # nothing lies anywhere in an empty scene
            assert self.mirror.space.voxel_size_m == self.memory.snapshot().voxel_size_m

    def take(self, message: msg.ServerMessage) -> None:
        if isinstance(message.body, msg.ChunkPart):
            part = message.body
            self.credit -= len(part.data)
            assert part.count <= PART_POINTS
            assert len(part.data) <= part.raw_size == 8 * part.count
        if isinstance(message.body, msg.ChunkTable):
            self.credit -= len(message.body.data)
        self.mirror.apply(message.body)

    @invariant()
    def credit_is_never_exceeded(self) -> None:
        assert self.credit >= 0
        assert self.link._opening.chunks.credit_bytes == self.credit

    def teardown(self) -> None:
        if self.memory.snapshot().revision:
            self.drain()


Sync.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSync = Sync.TestCase
