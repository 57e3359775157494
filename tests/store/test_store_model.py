"""A session that is closed and opened at any time, against the same memory that never leaves the process."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spatia_bridge.errors import NotFoundError
from spatia_bridge.memory import Box, Cause, LockRegion, Memory, RemoveRegion, Sphere, UnlockRegion, Update
from spatia_bridge.store import ClipState, SessionLibrary
from tests.store.scenes import same_snapshot, same_take, some_chunks, take

SEEDS = st.integers(0, 1 << 20)
COORDINATES = st.integers(-8, 8).map(lambda i: i / 4)


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.library = SessionLibrary(Path(self.folder.name))
        self.store = self.library.create("s")
        self.memory, self.twin = self.store.open_memory(), Memory()
        self.states: dict[int, ClipState] = {}

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def both(self, act):
        """The same on either memory; both succeed with equal revisions."""
        assert act(self.memory) == act(self.twin)

    @rule(seed=SEEDS, clip=st.booleans())
    def commit(self, seed, clip):
        pending = [n for n, state in self.states.items() if state is ClipState.PENDING]
        number = pending[0] if clip and pending else 0
        update = Update(some_chunks(np.random.default_rng(seed)), clip=number, health={"seed": seed})
        self.both(lambda memory: memory.commit(update, memory.snapshot(), Cause.TAKE, str(seed)))
        if number:
            self.states[number] = ClipState.ACCEPTED

    @rule(seed=SEEDS, back=st.integers(1, 3))
    def commit_from_an_older_base(self, seed, back):
        number = max(len(self.twin.revisions()) - 1 - back, self.twin.oldest - 1)
        number = 0 if number < self.twin.oldest else number
        update = Update(some_chunks(np.random.default_rng(seed)))
        if self.twin.at(number).voxel_size_m == self.twin.snapshot().voxel_size_m:
            self.both(lambda memory: memory.commit(update, memory.at(number), Cause.SEED))

    @rule(centre=st.tuples(*[COORDINATES] * 3), size=st.sampled_from([0.25, 0.5, 1.5]), box=st.booleans(), lock=st.booleans())
    def edit(self, centre, size, box, lock):
        low = np.array(centre)
        region = Box.from_bounds(low, low + size) if box else Sphere(low, size)
        if lock:
            self.both(lambda memory: memory.edit(LockRegion(region)))
        elif self.twin.snapshot().chunks:
            self.both(lambda memory: memory.edit(RemoveRegion(region)))

    @precondition(lambda self: self.twin.snapshot().locks)
    @rule(number=st.integers(0, 5))
    def unlock(self, number):
        self.both(lambda memory: memory.edit(UnlockRegion(number % len(memory.snapshot().locks))))

    @precondition(lambda self: self.twin.can_undo)
    @rule()
    def undo(self):
        self.both(lambda memory: memory.undo())

    @precondition(lambda self: self.twin.can_redo)
    @rule()
    def redo(self):
        self.both(lambda memory: memory.redo())

    @rule(keep=st.integers(1, 6), compact=st.booleans())
    def prune(self, keep, compact):
        head = self.memory.snapshot()
        self.twin.prune(keep, lambda oldest, makers: None)
        self.memory.prune(keep, lambda oldest, makers: self.store.prune(oldest, ()))
        self.store.shrink(compact=compact)
        assert self.memory.snapshot() is head and self.memory.oldest == self.twin.oldest

    @rule()
    def put_take(self):
        number = self.store.next_clip_number()
        assert number == max(self.states, default=0) + 1
        self.store.put_take(take(number, frames=1))
        self.states[number] = ClipState.PENDING

    @rule(state=st.sampled_from([ClipState.ACCEPTED, ClipState.DISCARDED]))
    def decide(self, state):
        for number in [n for n, known in self.states.items() if known is ClipState.PENDING][:1]:
            self.store.set_take_state(number, state)
            self.states[number] = state

    @rule()
    def reopen(self):
        self.store.close()
        (info,) = self.library.list()
        assert (info.revisions, info.points) == (len(self.twin.revisions()) - 1, self.twin.snapshot().points)
        self.store = self.library.open("s")
        self.memory = self.store.open_memory()

    @rule(number=st.integers(0, 100))
    def look_back(self, number):
        number = number % len(self.twin.revisions())
        if 0 < number < self.twin.oldest:
            for look in (self.store.archive, self.memory.at, self.twin.at):
                with pytest.raises(NotFoundError, match="pruned"):
                    look(number)
        elif number:
            assert same_snapshot(self.store.archive(number), self.twin.at(number))
            assert same_snapshot(self.memory.at(number), self.twin.at(number))

    @rule()
    def look_at_takes(self):
        for number, state in self.states.items():
            if state is not ClipState.DISCARDED:
                assert same_take(self.store.load_take(number), take(number, frames=1))

    @invariant()
    def equal(self):
        if not hasattr(self, "store"):
            return
        assert self.memory.revisions() == self.twin.revisions()
        assert same_snapshot(self.memory.snapshot(), self.twin.snapshot())
        assert (self.memory.can_undo, self.memory.can_redo) == (self.twin.can_undo, self.twin.can_redo)
        assert self.memory.oldest == self.twin.oldest
        assert {info.number: info.state for info in self.store.takes()} == self.states


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
