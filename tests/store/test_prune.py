"""Retention: what is pruned is gone and says so, what is kept is the same to the byte, and the disk gets its room back."""

import shutil
import sqlite3
import subprocess
import sys

import pytest

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory import Box, Cause, LockRegion, Memory, Realign, RemoveRegion, UnlockRegion
from spatia_bridge.store import ClipState, SessionLibrary
from spatia_bridge.store.durable import bytes_on_disk
from tests.store.prune_child import FORGOTTEN, KEEP
from tests.store.scenes import commit, rgbd, same_snapshot, take

BOX = Box.from_bounds([-1, -1, -1], [0.5, 0.4, 0.3])


@pytest.fixture
def library(tmp_path):
    return SessionLibrary(tmp_path)


def long_memory(store) -> Memory:
    """Twelve revisions with a lock, a tombstone, another alignment, chunks that go, undo and redo."""
    memory = store.open_memory()
    for seed in range(1, 5):
        commit(memory, seed, count=8)
    memory.edit(LockRegion(BOX))
    memory.edit(RemoveRegion(Box.from_bounds([0, 0, 0], [0.2, 0.2, 0.2])))
    memory.edit(Realign(Similarity(1.5)))
    commit(memory, 5, count=8)
    memory.undo()
    memory.undo()
    memory.redo()
    commit(memory, 6, count=8)
    return memory


def prune(store, memory, keep, clips=(), **more) -> int:
    oldest = memory.prune(keep, lambda oldest, makers: store.prune(oldest, clips, **more))
    store.shrink()
    return oldest


def number_of(store, table: str) -> int:
    return store._database.row(f"SELECT COUNT(*) FROM {table}")[0]


@pytest.mark.parametrize("keep", range(1, 14))
def test_kept_revisions_are_the_same_before_and_after_reopening(library, keep):
    with library.create("s") as store:
        memory = long_memory(store)
        was = [memory.at(number) for number in range(13)]
        said = memory.revisions()
        oldest = prune(store, memory, keep)
        assert oldest == memory.oldest == max(13 - keep, 1)
        assert memory.snapshot() is not None and same_snapshot(memory.snapshot(), was[12])
    store = library.open("s")
    with store:
        again = store.open_memory()
        assert again.oldest == oldest and again.revisions() == memory.revisions()
        assert again.lineage() == memory.lineage() and len(said) == len(again.revisions())
        for before, after in zip(said, again.revisions(), strict=True):
            names = ("number", "cause", "content_of", "note", "clip", "points", "chunks", "digest", "health")
            assert all(getattr(before, name) == getattr(after, name) for name in names)
            assert after.changed == (before.changed if after.number >= oldest else frozenset())
        assert same_snapshot(again.snapshot(), was[12]) and again.snapshot().alignment.same_as(was[12].alignment)
        for number in range(1, 13):
            for look in (store.archive, again.at, memory.at):
                if number < oldest:
                    with pytest.raises(NotFoundError, match="pruned") as caught:
                        look(number)
                    assert str(oldest) in caught.value.remedy
                elif look is not memory.at:  # whose store is closed
                    assert same_snapshot(look(number), was[number])
        assert not again.at(0).chunks


def test_undo_goes_to_the_oldest_kept_and_no_further(library):
    with library.create("s") as store:
        memory = store.open_memory()
        for seed in range(1, 8):
            commit(memory, seed)
        contents = [memory.at(number).record_digest for number in range(8)]
        assert prune(store, memory, 3) == 5
    with library.open("s") as store:
        memory = store.open_memory()
        for number in (6, 5):
            assert memory.can_undo
            memory.undo()
            assert memory.snapshot().record_digest == contents[number]
        assert not memory.can_undo
        with pytest.raises(ConflictError, match="nothing to undo") as caught:
            memory.undo()
        assert "pruned" in caught.value.remedy
        for number in (6, 7):
            memory.redo()
            assert memory.snapshot().record_digest == contents[number]


def test_a_content_is_had_from_whichever_kept_revision_has_it(library):
    with library.create("s") as store:
        memory = store.open_memory()
        for seed in range(1, 4):
            commit(memory, seed)
        old = memory.at(2)
        memory.undo()  # revision 4 has the content of 2
        memory.redo()
        prune(store, memory, 2)
        assert memory.oldest == 4
    with library.open("s") as store:
        memory = store.open_memory()
        assert memory.undo().content_of == 2 and memory.snapshot().record_digest == old.record_digest
        prune(store, memory, 1)
        assert not memory.can_undo and not memory.can_redo
        with pytest.raises(ConflictError, match="nothing to redo"):
            memory.redo()
    with library.open("s") as store:
        memory = store.open_memory()
        assert (memory.can_undo, memory.can_redo) == (False, False) and memory.snapshot().record_digest == old.record_digest
        commit(memory, 9)
        assert memory.can_undo and memory.undo().content_of == 2


def test_only_what_is_kept_is_stored_and_the_files_shrink(library, tmp_path):
    with library.create("s") as store:
        memory = store.open_memory()
        for seed in range(30):
            commit(memory, seed, count=20)
        head = {chunk.record_hash for chunk in memory.snapshot().chunks.values()}
        before = bytes_on_disk(tmp_path / "s")
        prune(store, memory, 1)
        assert {row[0] for row in store._database.rows("SELECT hash FROM blobs")} == head
        assert number_of(store, "chunk_at") <= number_of(store, "places") + len(memory.revisions()[-1].changed)
        after = bytes_on_disk(tmp_path / "s")
        assert after < before / 2
        assert number_of(store, "revisions") == 30 and library.list()[0].oldest_revision == 30
        prune(store, memory, 40)  # nothing comes back, nothing more goes
        assert memory.oldest == 30 and bytes_on_disk(tmp_path / "s") == after


def test_kept_for_ever_the_disk_grows_pruned_it_does_not(library, tmp_path):
    sizes = {}
    for name, keep in (("all", 0), ("few", 4)):
        with library.create(name) as store:
            memory = store.open_memory()
            found = []
            for seed in range(60):
                commit(memory, seed, count=20)
                if keep and seed % 4 == 3:
                    memory.prune(keep, lambda oldest, makers, store=store: store.prune(oldest, ()))
                if seed in (29, 59):
                    store._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
                    found.append(bytes_on_disk(tmp_path / name))
            sizes[name] = found
    assert sizes["all"][1] > 1.6 * sizes["all"][0]
    assert sizes["few"][1] < 1.25 * sizes["few"][0]  # without compacting: what is freed is written again


def test_clips_and_settings_that_are_forgotten(library, tmp_path):
    with library.create("s") as store:
        memory = store.open_memory()
        store.put_seed(1, [rgbd(1)])
        commit(memory, 1, Cause.SEED, clip=1)
        for number in (2, 3):
            store.put_take(take(number))
            commit(memory, number, Cause.TAKE, clip=number)
        for name in ("seen/2", "seen/3"):
            store.put_setting(name, 1)
        prune(store, memory, 1, [2], keeps_setting=lambda name: name != "seen/2")
        assert store.take_info(2).state is ClipState.DISCARDED
        with pytest.raises(NotFoundError, match="frames are gone"):
            store.load_take(2)
        assert len(store.load_take(3).frames) == 3 and len(store.load_seed(1)) == 1
        assert (store.get_setting("seen/2"), store.get_setting("seen/3")) == (None, 1)
        assert sorted(path.name for path in (tmp_path / "s" / "clips").iterdir()) == ["000001", "000003"]
    with library.open("s") as store:
        assert store.open_memory().revisions() == memory.revisions()


def test_a_pruned_lock_can_be_set_again(library):
    """Its region may live on in the process, and in no revision that is kept."""
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 1)
        memory.edit(LockRegion(BOX))
        memory.edit(UnlockRegion(0))
        prune(store, memory, 1)
        memory.edit(LockRegion(BOX))
        head = memory.snapshot()
    with library.open("s") as store:
        assert same_snapshot(store.open_memory().snapshot(), head)


def test_a_chunk_that_was_pruned_can_come_back(library):
    with library.create("s") as store:
        memory = store.open_memory()
        first = commit(memory, 1)
        chunks = dict(memory.snapshot().chunks)
        memory.edit(RemoveRegion(Box.from_bounds([-99, -99, -99], [99, 99, 99])))
        prune(store, memory, 1)
        assert number_of(store, "blobs") == 0
        fresh = store.open_memory()
        assert fresh.snapshot().chunks == {}
    with library.create("t") as store:
        memory = store.open_memory()
        commit(memory, 1)
        memory.undo()
        prune(store, memory, 1)
        assert number_of(store, "blobs") == 0
        again = commit(memory, 1)
        assert (again.digest, dict(memory.snapshot().chunks).keys()) == (first.digest, chunks.keys())
    with library.open("t") as store:
        assert f"{store.open_memory().snapshot().record_digest:064x}" == first.digest


def test_what_cannot_be_pruned_changes_nothing(library):
    with library.create("s") as store:
        memory = long_memory(store)
        for keep in (0, -1):
            with pytest.raises(InvalidInputError, match="to keep"):
                prune(store, memory, keep)
        for oldest in (0, 13):
            with pytest.raises(ConflictError):
                store.prune(oldest, ())
        blobs = number_of(store, "blobs")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store._database, "touch_session_row", _full_disk)
            with pytest.raises(StoreError):
                prune(store, memory, 1)
        assert memory.oldest == store.open_memory().oldest == 1 and number_of(store, "blobs") == blobs
        assert same_snapshot(store.archive(3), memory.at(3))
    with library.create("empty") as store:
        assert prune(store, store.open_memory(), 1) == 1


def _full_disk(*_args, **_more):
    raise sqlite3.OperationalError("database or disk is full")


# ------------------------------------------------------------------------------------------------------------ kill -9


@pytest.fixture(scope="module")
def nursery():
    command = [sys.executable, "-m", "tests.store.prune_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.stdin.close()


def killed(nursery, folder, where: str, number: int) -> bool:
    """Prune in a process that is killed at that place; False: it was done before it came to that."""
    nursery.stdin.write(f"{folder} {where} {number}\n")
    ended = nursery.stdout.readline().strip()
    assert ended in ("killed", "done")
    return ended == "killed"


@pytest.mark.parametrize("where", ["tick", "statement", "remove"])
def test_killed_while_pruning(nursery, tmp_path, where):
    """At every statement, and at so many moments within them: it is as before, or pruned, and can be pruned again."""
    with SessionLibrary(tmp_path / "origin").create("s") as store:
        store.put_take(take(1))
        store.put_take(take(FORGOTTEN))
        memory = store.open_memory()
        commit(memory, 1, Cause.TAKE, clip=1, count=20)
        commit(memory, 2, Cause.TAKE, clip=FORGOTTEN, count=20)
        memory.undo()
        for seed in range(3, 7):
            commit(memory, seed, count=20)
        was = [memory.at(number) for number in range(8)]
    seen = set()
    number, step, dead = 1, 1, True
    while dead:
        folder = tmp_path / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "origin", folder)
        dead = killed(nursery, folder, where, number)
        with SessionLibrary(folder).open("s") as store:
            again = store.open_memory()
            assert again.oldest in (1, 5)
            for kept in range(again.oldest, 8):
                assert same_snapshot(again.at(kept), was[kept])
            names = sorted(path.name for path in (folder / "s" / "clips").iterdir())
            assert names == (["000001", "000002"] if again.oldest == 1 else ["000001"])
            seen.add(again.oldest)
            prune(store, again, KEEP, [FORGOTTEN])
            assert (again.oldest, store.take_info(FORGOTTEN).state) == (5, ClipState.DISCARDED)
            assert same_snapshot(store.archive(7), was[7])
        number, step = number + step, min(2 * step, 8) if where == "tick" else 1
    assert seen == ({5} if where == "remove" else {1, 5})
