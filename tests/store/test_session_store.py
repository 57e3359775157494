import sqlite3
import threading

import numpy as np
import pytest

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.memory import Box, Cause, LockRegion, Memory, RemoveRegion, Sphere, UnlockRegion, Update
from spatia_bridge.store import ClipState, SessionLibrary
from tests.store.scenes import commit, rgbd, same_snapshot, take

BOX = Box.from_bounds([-1, -1, -1], [0.5, 0.4, 0.3])
SPHERE = Sphere(np.array([0.1, 0.2, 0.3]), 0.7)


@pytest.fixture
def library(tmp_path):
    return SessionLibrary(tmp_path)


def reopened(library, session_id="s"):
    store = library.open(session_id)
    return store, store.open_memory()


def busy_memory(store) -> Memory:
    """Seven revisions: commits, a lock, a removal, undo, undo, redo."""
    memory = store.open_memory()
    memory.commit(Update({}, voxel_size_m=0.05), memory.snapshot(), Cause.SEED)
    commit(memory, 1, count=8)
    memory.edit(LockRegion(BOX))
    memory.edit(RemoveRegion(SPHERE))
    commit(memory, 2)
    memory.undo()
    memory.undo()
    memory.redo()
    return memory


def test_what_was_committed_is_there_after_reopening(library):
    with library.create("s", "The cave") as store:
        memory = busy_memory(store)
        assert store.title == "The cave"
    store, again = reopened(library)
    with store:
        assert again.revisions() == memory.revisions()
        assert same_snapshot(again.snapshot(), memory.snapshot())
        assert (again.can_undo, again.can_redo) == (memory.can_undo, memory.can_redo)
        assert again.snapshot().locks and again.snapshot().tombstones


def test_every_past_revision_is_what_it_was(library):
    with library.create("s") as store:
        memory = busy_memory(store)
        was = [memory.at(number) for number in range(len(memory.revisions()))]
        for number in range(1, len(was)):
            assert same_snapshot(store.archive(number), was[number])
    store, again = reopened(library)
    with store:
        for number in reversed(range(1, len(was))):
            assert same_snapshot(again.at(number), was[number])
        assert not again.at(0).chunks


def test_undo_and_redo_go_on_after_reopening(library):
    with library.create("s") as store:
        memory = busy_memory(store)
        twin = Memory.restore(memory.revisions()[1:], memory.snapshot(), journal=lambda *_: None, archive=store.archive)
        steps = [twin.redo, twin.undo, twin.undo, twin.undo]
        expected = [(step(), twin.snapshot())[1] for step in steps]
    store, again = reopened(library)
    with store:
        for name, snapshot in zip(["redo", "undo", "undo", "undo"], expected, strict=True):
            getattr(again, name)()
            assert same_snapshot(again.snapshot(), snapshot)


def test_chunks_and_regions_are_shared_with_what_lives(library):
    with library.create("s") as store:
        memory = busy_memory(store)
        old, head = store.archive(4), memory.snapshot()
        assert old.protected() and all(a is b for a, b in zip(old.protected(), head.protected(), strict=True))
        shared = [i for i in old.chunks.keys() & head.chunks.keys() if old.chunks[i].record_hash == head.chunks[i].record_hash]
        assert shared and all(old.chunks[i] is head.chunks[i] for i in shared)


def test_equal_chunks_are_stored_once_and_undo_stores_none(library, tmp_path):
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 1)
        commit(memory, 2)
        blobs = count(tmp_path, "blobs")
        memory.undo()
        memory.redo()
        memory.edit(LockRegion(BOX))
        memory.edit(UnlockRegion(0))
        memory.edit(LockRegion(BOX))
        assert count(tmp_path, "blobs") == blobs
        assert count(tmp_path, "regions") == 1


def count(root, table: str, session_id: str = "s") -> int:
    with sqlite3.connect(f"file:{root / session_id / 'session.db'}?mode=ro", uri=True) as connection:
        found = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    connection.close()
    return found


def test_an_accepted_take_is_accepted_with_its_revision(library):
    with library.create("s") as store:
        memory = store.open_memory()
        store.put_seed(1, [rgbd(1)])
        store.put_take(take(2))
        store.put_take(take(3))
        commit(memory, 1, Cause.SEED, clip=1)
        commit(memory, 2, Cause.TAKE, clip=2)
        assert [store.take_info(n).state for n in (1, 2, 3)] == [ClipState.ACCEPTED, ClipState.ACCEPTED, ClipState.PENDING]
        with pytest.raises(NotFoundError):
            commit(memory, 3, Cause.TAKE, clip=9)
        store.set_take_state(3, ClipState.DISCARDED)
        with pytest.raises(ConflictError):
            commit(memory, 3, Cause.TAKE, clip=3)
        assert len(memory.revisions()) == 3
        commit(memory, 3, Cause.SEED, clip=70)  # a seed that is no frames


def test_a_revision_out_of_turn_is_refused(library):
    with library.create("s") as store:
        memory, stale = store.open_memory(), store.open_memory()
        commit(memory, 1)
        with pytest.raises(ConflictError, match="does not follow"):
            commit(stale, 2)
        assert len(stale.revisions()) == 1 and not stale.snapshot().chunks
        with pytest.raises(NotFoundError):
            store.archive(2)


def test_a_full_disk_leaves_memory_and_store_as_they_were(library):
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 1)
        before = memory.snapshot()
        pages = store._database.row("PRAGMA page_count")[0]
        store._database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="free some disk space"):
            commit(memory, 2, count=400)
        assert memory.snapshot() is before and len(memory.revisions()) == 2
        store._database.rows("PRAGMA max_page_count = 1000000")
        commit(memory, 2, count=400)
        expected = memory.snapshot()
    store, again = reopened(library)
    with store:
        assert same_snapshot(again.snapshot(), expected)


def test_failing_before_the_commit_changes_nothing(library, monkeypatch):
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 1)

        def fail(*_args, **_more):
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(store._database, "touch_session_row", fail)
            with pytest.raises(StoreError, match="check the disk"):
                memory.edit(LockRegion(BOX))
            with pytest.raises(StoreError):
                commit(memory, 2)
        assert len(memory.revisions()) == 2
        memory.edit(LockRegion(BOX))
        assert len(store.archive(2).locks) == 1, "the region is stored, though its first journal failed"


def test_settings(library):
    with library.create("s") as store:
        assert store.get_setting("fps") is None and store.get_setting("fps", 16) == 16
        store.put_setting("fps", {"tiny": [16, 24.5], "auto": True, "bytes": b"\0\xff", "none": None, 3: "x"})
        store.put_setting("fps", store.get_setting("fps"))
        for key, value in (("a", object()), ("a", 2**70), ("", 1), ("a" * 201, 1), ("a", bytes(2 << 20))):
            with pytest.raises(InvalidInputError):
                store.put_setting(key, value)
    with library.open("s") as store:
        assert store.get_setting("fps") == {"tiny": [16, 24.5], "auto": True, "bytes": b"\0\xff", "none": None, 3: "x"}


def test_a_closed_store_says_so(library):
    store = library.create("s")
    memory = store.open_memory()
    commit(memory, 1)
    store.close()
    store.close()
    for call in (lambda: commit(memory, 2), lambda: store.archive(1), store.takes, lambda: store.put_take(take(1)), store.load):
        with pytest.raises(ConflictError, match="closed"):
            call()
    assert len(memory.revisions()) == 2


def test_threads_may_use_one_store(library):
    failures = []
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 0)

        def work(number: int) -> None:
            try:
                for i in range(6):
                    commit(memory, 100 * number + i + 1)
                    store.put_take(take(10 * number + i + 1, frames=1))
                    assert len(store.load_take(10 * number + i + 1).frames) == 1
                    assert store.archive(1).points == memory.at(1).points
                    store.put_setting(f"t{number}", i)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        expected, revisions = memory.snapshot(), memory.revisions()
        assert len(store.takes()) == 24
    store, again = reopened(library)
    with store:
        assert len(revisions) == 26 and again.revisions() == revisions and same_snapshot(again.snapshot(), expected)


def test_garbage_is_collected_and_the_rest_stays(library, tmp_path):
    with library.create("s") as store:
        store.put_take(take(1))
        store.put_take(take(2))
        store.set_take_state(2, ClipState.DISCARDED)
        memory = store.open_memory()
        commit(memory, 1)
    folder = tmp_path / "s"
    (folder / "clips" / "000002").mkdir()
    (folder / "clips" / ".new-000003").mkdir()
    (folder / "clips" / ".new-000003" / "0000.png").write_bytes(b"half")
    (folder / "clips" / "stray.png").write_bytes(b"x")
    (folder / "clips" / "link").symlink_to(tmp_path)
    (folder / "notes.txt").write_text("mine")
    with sqlite3.connect(folder / "session.db") as connection:
        connection.execute("INSERT INTO blobs (hash, data) VALUES (x'00', x'00')")
    connection.close()
    with library.open("s") as store:
        assert sorted(path.name for path in (folder / "clips").iterdir()) == ["000001"]
        assert (folder / "notes.txt").read_text() == "mine"
        assert store.collect_garbage() == type(store.collect_garbage())(0, 0, 0)
        assert len(store.load_take(1).frames) == 3
        assert same_snapshot(store.open_memory().snapshot(), memory.snapshot())
