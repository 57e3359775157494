"""Clips good and bad, edits, locks, undo, on a memory with a budget: whatever comes in whatever order, what was promised holds.

The machine keeps a log; at the end it is played again on a fresh memory, which must come to the same hashes.
"""

from dataclasses import replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from spatia_bridge.errors import RejectedUpdateError, SpatiaError
from spatia_bridge.frames import GeneratedFrame, Take
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import (
    Cause,
    Chunk,
    InsertPoints,
    Memory,
    Snapshot,
    UnlockRegion,
)
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, fold_in, plant
from spatia_bridge.slam.update import Slam
from tests.session.edits import boxed
from tests.worlds import camera, look

MAX_POINTS = 1600
STAGES = Stages(CpuRenderer(), Slam(CpuRenderer()))
PLACES = st.tuples(*[st.integers(-4, 4).map(lambda i: i / 2)] * 3)


def never(_done, _total):
    """Nobody cancels."""


def view(x):
    return look(camera(eye=(x / 2, -0.5, -2.5 + abs(x) / 4), target=(-x / 3, -0.5, 1), size=(40, 28)))


def holes(frame):
    depth = frame.depth_m.copy()
    depth[::2], depth[1::4], depth[3::8] = np.nan, -np.inf, np.inf
    return replace(frame, depth_m=depth)


def moved(frame):
    off = se3.from_parts(se3.look_at((0, 0, 0), (0.1, 0.05, 1))[:3, :3], (0.1, -0.05, 0.2))
    return replace(frame, camera=Camera(frame.camera.intrinsics, frame.camera.world_from_camera @ off))


SPOIL = {
    "good": lambda frame: frame,
    "holes in depth": holes,
    "no depth": lambda frame: replace(frame, depth_m=np.full_like(frame.depth_m, np.nan)),
    "half the depth": lambda frame: replace(frame, depth_m=frame.depth_m * np.float32(0.5)),
    "a little too deep": lambda frame: replace(frame, depth_m=frame.depth_m * np.float32(1.04)),
    "other colours": lambda frame: replace(frame, colour=255 - frame.colour),
    "moved": moved,
    "all dynamic": lambda frame: replace(frame, dynamic=np.ones(frame.depth_m.shape, bool)),
    "a wall before it": lambda frame: replace(frame, depth_m=np.full_like(frame.depth_m, 0.4)),
}


def clip(kind, x, number):
    views = [view(x), view(x + 0.5)]
    frames = [SPOIL[kind](each) for each in views]
    made = [GeneratedFrame(n, frame.colour, frame.depth_m, frame.dynamic) for n, frame in enumerate(frames)]
    return Take(number, 0, tuple(frame.camera for frame in frames), tuple(made))


def inside(snapshot, regions):
    """{(index, voxel): record bytes} of the points in the regions."""
    return {
        (index, tuple(int(v) for v in record["xyz"] >> 2)): record.tobytes()
        for index, chunk in snapshot.chunks.items()
        for record in chunk.records[contained_in_any(regions, chunk.points_world(snapshot.voxel_size_m))]
    }


def apply(memory, action, number):
    """One line of the log. Raises what memory raises."""
    kind, *more = action
    if kind == "seed":
        plant(STAGES, memory, [SPOIL[more[0]](view(more[1]))], number, "", never)
    elif kind == "clip":
        fold_in(STAGES, memory, clip(more[0], more[1], number), never)
    elif kind == "edit":
        memory.edit(more[0])
    else:
        {"undo": memory.undo, "redo": memory.redo}[kind]()


class BoundsMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.memory, self.log, self.digests = Memory(max_points=MAX_POINTS), [], []
        self.act("seed", "good", 0)

    def act(self, *action):
        """Do it; compare before and after."""
        before, count = self.memory.snapshot(), len(self.memory.revisions())
        self.log.append(action)
        try:
            apply(self.memory, action, len(self.log))
        except SpatiaError as error:
            assert error.remedy
            assert self.memory.snapshot() is before, "what is refused changes nothing"
            assert len(self.memory.revisions()) == count
            self.digests.append(None)
            return error
        after = self.memory.snapshot()
        self.digests.append(after.record_digest)
        if action[0] not in ("undo", "redo"):
            kept = tuple(lock for lock in before.locks if lock in after.locks)
            assert inside(after, kept) == inside(before, kept)
        if action[0] in ("seed", "clip"):
            assert inside(after, before.tombstones).items() <= inside(before, before.tombstones).items()
        return None

    @rule(kind=st.sampled_from(["good", "good", "holes in depth", "no depth"]), x=st.integers(-3, 3))
    def seed(self, kind, x):
        assert (self.act("seed", kind, x) is None) == (kind != "no depth")

    @rule(kind=st.sampled_from(sorted(SPOIL)), x=st.integers(-3, 3))
    def clip(self, kind, x):
        error = self.act("clip", kind, x)
        assert error is None or isinstance(error, RejectedUpdateError)
        if kind in ("no depth", "all dynamic"):
            assert error is not None

    @rule(
        kind=st.sampled_from(["remove", "lock", "lock", "move", "copy", "recolour"]),
        place=PLACES,
        size=st.sampled_from([0.4, 1.5]),
    )
    def edit(self, kind, place, size):
        self.act("edit", boxed(kind, place, size))

    @rule(number=st.integers(0, 1))
    def unlock(self, number):
        known = len(self.memory.snapshot().locks)
        before = self.memory.snapshot().locks
        lifted = self.memory.snapshot().locks[number : number + 1]
        error = self.act("edit", UnlockRegion(number))
        assert (error is None) == (number < known)
        assert self.memory.snapshot().locks == tuple(lock for lock in before if lock not in lifted)

    @rule(seed=st.integers(0, 3), count=st.sampled_from([1, 800]))
    def insert(self, seed, count):
        points = np.random.default_rng(seed).uniform(-3, 3, (count, 3))
        self.act("edit", InsertPoints(points, np.full((count, 3), 9, np.uint8), np.array(0.05)))

    @rule()
    def undo(self):
        can = self.memory.can_undo
        assert (self.act("undo") is None) == can

    @rule()
    def redo(self):
        can = self.memory.can_redo
        assert (self.act("redo") is None) == can

    @invariant()
    def whole(self):
        """No orphan, no NaN, nothing out of order: what the chunks say is what the snapshot says."""
        if not hasattr(self, "memory"):
            return
        head = self.memory.snapshot()
        rebuilt = Snapshot(head.voxel_size_m).with_changes(
            {index: Chunk(index, chunk.records) for index, chunk in head.chunks.items()}  # refuses two points in one voxel
        )
        assert (rebuilt.points, rebuilt.chunks_per_level) == (head.points, head.chunks_per_level)
        assert (rebuilt.record_digest, rebuilt.packed_digest) == (head.record_digest, head.packed_digest)
        for index, chunk in head.chunks.items():
            assert chunk.index == index
            assert np.isfinite(chunk.points_world(head.voxel_size_m)).all()
            assert (chunk.footprints_m(head.voxel_size_m) > 0).all()

    @invariant()
    def told(self):
        """Numbers grow by one, each revision says what it has, and none but an undo goes beyond the budget."""
        if not hasattr(self, "memory"):
            return
        revisions, head = self.memory.revisions(), self.memory.snapshot()
        assert [revision.number for revision in revisions] == list(range(len(revisions)))
        last = revisions[-1]
        assert (last.points, last.digest) == (head.points, f"{head.record_digest:064x}")
        assert all(np.isfinite(value) for value in last.health.values())
        if last.cause not in (Cause.UNDO, Cause.REDO) and not head.protected():
            assert head.points <= MAX_POINTS

    def teardown(self):
        if hasattr(self, "memory"):
            again = Memory(max_points=MAX_POINTS)
            for number, (action, digest) in enumerate(zip(self.log, self.digests, strict=True), start=1):
                try:
                    apply(again, action, number)
                except SpatiaError:
                    assert digest is None
                else:
                    assert again.snapshot().record_digest == digest


TestBoundsModel = BoundsMachine.TestCase
TestBoundsModel.settings = settings(max_examples=10, stateful_step_count=25, deadline=None, derandomize=True)
