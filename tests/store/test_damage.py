"""Whatever happens to the bytes on the disk: the exact content, or an error that says what is broken. Never something else."""

import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from spatia_bridge.codec.compact import decode_compact
from spatia_bridge.errors import StoreError, VersionMismatchError
from spatia_bridge.memory import ChunkIndex, LockRegion, Sphere
from spatia_bridge.store import SessionLibrary, durable
from tests.codec.version1 import encode_planes
from tests.store.scenes import commit, same_snapshot, same_take, take


@pytest.fixture
def scene(tmp_path):
    """A closed session with a few revisions and a take; its library, its snapshots by number."""
    library = SessionLibrary(tmp_path)
    with library.create("s") as store:
        memory = store.open_memory()
        commit(memory, 1)
        memory.edit(LockRegion(Sphere(np.zeros(3), 0.5)))
        commit(memory, 2)
        memory.undo()
        store.put_take(take(1, frames=1))
        return library, [memory.at(number) for number in range(5)]


def execute(library: SessionLibrary, sql: str) -> None:
    connection = sqlite3.connect(library.root / "s" / "session.db")
    connection.executescript(sql)
    connection.close()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("PRAGMA foreign_keys = OFF; DELETE FROM blobs WHERE id = 1;", "chunks with digest|lost"),
        ("UPDATE blobs SET data = x'00';", "chunk .* is damaged"),
        ("UPDATE blobs SET data = substr(data, 1, length(data) - 3);", "chunk .* is damaged"),
        ("UPDATE blobs SET data = (SELECT data FROM blobs WHERE id = 1);", "chunk .* is damaged"),
        ("UPDATE blobs SET hash = randomblob(32);", "chunk .* is damaged"),
        ("DELETE FROM chunk_at WHERE place = 1;", "revision 4 has"),
        ("UPDATE places SET x = x + 1000 WHERE id = 1;", "revision 4 has"),
        ("UPDATE revisions SET body = (SELECT body FROM revisions WHERE number = 1);", "is damaged"),
        ("UPDATE revisions SET body = CAST(x'80' || substr(body, 2) AS BLOB) WHERE number = 2;", "revision 2 is damaged"),
        (
            "DELETE FROM chunk_at WHERE revision = 4; DELETE FROM revisions WHERE number = 4;",
            "3 revision rows where there must be 4",
        ),
        ("DELETE FROM regions;", "revision 4 is damaged: region 1 is missing"),
        ("UPDATE regions SET body = x'00';", "region 1 is damaged"),
        ("DELETE FROM session;", "lost its first row"),
        ("UPDATE session SET body = x'0000';", "session's row is damaged"),
        ("DROP TABLE chunk_at;", "no such table"),
        ("DELETE FROM frames; DELETE FROM clips;", "0 clip rows where there must be 1"),
    ],
)
def test_what_is_broken_is_named(scene, sql, message):
    library, _ = scene
    execute(library, sql)
    with pytest.raises(StoreError, match=message) as caught, library.open("s") as store:
        store.load()
    assert "restore" in caught.value.remedy


def test_lost_clip_rows_do_not_make_the_collector_delete_the_frames(scene):
    library, _ = scene
    execute(library, "DELETE FROM frames; DELETE FROM clips;")
    with pytest.raises(StoreError):
        library.open("s")
    assert (library.root / "s" / "clips" / "000001" / "0000.png").is_file()


def check_exact_or_refused(library: SessionLibrary, snapshots: list) -> bool:
    """True if everything is there to the byte, False if the damage was noticed; anything else fails."""
    try:
        with library.open("s") as store:
            revisions, head = store.load()
            assert len(revisions) == 4 and same_snapshot(head, snapshots[4])
            assert all(same_snapshot(store.archive(n), snapshots[n]) for n in range(1, 5))
            assert same_take(store.load_take(1), take(1, frames=1))
            return True
    except (StoreError, VersionMismatchError):
        return False


def test_flipped_bytes_are_noticed_or_harmless(scene):
    library, snapshots = scene
    path = library.root / "s" / "session.db"
    good = path.read_bytes()
    clips, kept = library.root / "s" / "clips", library.root / "kept-clips"
    shutil.copytree(clips, kept)
    rng = np.random.default_rng(7)
    outcomes = []
    used = [i for i in range(len(good)) if good[i]]
    for _ in range(250):
        bad = bytearray(good)
        for _ in range(int(rng.integers(1, 4))):
            bad[int(rng.choice(used))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bad)
        outcomes.append(check_exact_or_refused(library, snapshots))
        for left in path.parent.glob("session.db-*"):
            left.unlink()
        if not clips.is_dir() or not any(clips.iterdir()):
            shutil.rmtree(clips, ignore_errors=True)
            shutil.copytree(kept, clips)
    assert outcomes.count(False) > 100
    path.write_bytes(good)
    assert check_exact_or_refused(library, snapshots)


def test_a_database_that_was_cut_is_refused(scene):
    library, snapshots = scene
    path = library.root / "s" / "session.db"
    good = path.read_bytes()
    for length in range(0, len(good), 4096 + 512):
        path.write_bytes(good[:length])
        exact = check_exact_or_refused(library, snapshots)
        assert not exact or length > len(good) - 2 * 4096, "only an empty last page may be lost unnoticed"
        assert library.list()[0].session_id == "s"


def test_a_torn_log_gives_an_earlier_revision_never_a_half_one(tmp_path):
    """The write-ahead log cut or damaged anywhere, as a power failure may leave what was not yet acknowledged."""
    library, copies = SessionLibrary(tmp_path / "live"), SessionLibrary(tmp_path / "copies")
    with library.create("s") as store:
        memory = store.open_memory()
        for seed in range(6):
            commit(memory, seed)
        snapshots = [memory.at(number) for number in range(7)]
        database = (library.root / "s" / "session.db").read_bytes()
        log = (library.root / "s" / "session.db-wal").read_bytes()
    rng, seen = np.random.default_rng(8), set()
    for trial in range(60):
        folder = copies.root / f"t{trial}"
        folder.mkdir()
        (folder / "session.db").write_bytes(database)
        torn = bytearray(log[: int(rng.integers(0, len(log) + 1))] if trial else log)
        if trial % 2 and torn:
            torn[int(rng.integers(0, len(torn)))] ^= 0x10
        (folder / "session.db-wal").write_bytes(torn)
        with copies.open(f"t{trial}") as store:
            revisions, head = store.load()
            assert head.record_digest == snapshots[len(revisions)].record_digest
            assert head.points == snapshots[len(revisions)].points
            seen.add(len(revisions))
        shutil.rmtree(folder)
    assert 6 in seen and len(seen) > 3


def test_a_folder_without_rights_is_refused_with_a_remedy(scene, monkeypatch):
    library, _ = scene

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(durable.os, "open", refuse)
    with pytest.raises(StoreError, match="right to write"):
        library.open("s")


def test_chunks_that_version_1_wrote_are_read(scene):
    """An old session, with its blobs in the old form, has the same content, and goes on in the new form beside it."""
    library, snapshots = scene
    with closing(sqlite3.connect(library.root / "s" / "session.db")) as connection, connection:
        for number, data in connection.execute("SELECT id, data FROM blobs").fetchall():
            chunk = decode_compact(ChunkIndex(0, 0, 0, 0), data)
            connection.execute("UPDATE blobs SET data = ? WHERE id = ?", (encode_planes(chunk), number))
    with library.open("s") as store:
        memory = store.open_memory()
        for number, snapshot in enumerate(snapshots):
            assert same_snapshot(memory.at(number), snapshot)
        commit(memory, 3)
        now = memory.snapshot()
    with library.open("s") as store:
        assert same_snapshot(store.open_memory().snapshot(), now)
    with closing(sqlite3.connect(library.root / "s" / "session.db")) as connection:
        assert {data[4] for (data,) in connection.execute("SELECT data FROM blobs")} == {1, 2}
