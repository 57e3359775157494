import sqlite3
import subprocess
import sys

import pytest

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError, VersionMismatchError
from spatia_bridge.store import SessionLibrary, SessionStore, durable
from tests.store.scenes import commit, take

SECOND_WRITER = """
import pathlib, sys
from spatia_bridge.errors import ConflictError
from spatia_bridge.store import SessionLibrary
try:
    SessionLibrary(pathlib.Path(sys.argv[1])).open("s")
except ConflictError as error:
    print(error)
"""
CREATOR = """
import pathlib, sys
from spatia_bridge.errors import ConflictError
from spatia_bridge.store import SessionLibrary
print("ready", flush=True)
sys.stdin.readline()
try:
    SessionLibrary(pathlib.Path(sys.argv[1])).create("s").close()
    print("made")
except ConflictError:
    print("refused")
"""
BAD_IDS = ["", ".", "..", "../x", "a/b", "A", "-a", "_a", "a b", "ä", "a" * 65, "a\n", "a\0", ".new-x", "/tmp/x", "a\\b"]


@pytest.fixture
def library(tmp_path):
    return SessionLibrary(tmp_path / "sessions")


@pytest.mark.parametrize("session_id", BAD_IDS)
def test_ids_that_could_leave_the_folder_are_refused(library, session_id):
    for call in (library.create, library.open, library.delete):
        with pytest.raises(InvalidInputError):
            call(session_id)


def test_create_open_list_delete(library):
    assert library.list() == []
    with library.create("b-2", "Second") as store:
        commit(store.open_memory(), 1)
        store.put_take(take(1))
        with pytest.raises(ConflictError, match="already is a session"):
            library.create("b-2")
    library.create("a_1").close()
    first, second = library.list()
    assert (first.session_id, first.title, first.revisions, first.points, first.problem) == ("a_1", "", 0, 0, "")
    assert (second.session_id, second.title, second.revisions, second.problem) == ("b-2", "Second", 1, "")
    assert second.points > 0 and second.modified_secs >= second.created_secs > 1e9
    assert second.bytes_on_disk > first.bytes_on_disk > 0
    library.delete("b-2")
    assert [info.session_id for info in library.list()] == ["a_1"]
    for call in (library.open, library.delete):
        with pytest.raises(NotFoundError):
            call("b-2")
    library.create("b-2").close()
    with pytest.raises(InvalidInputError):
        library.create("c", "x" * 201)


def test_listing_does_not_disturb_an_open_session(library):
    with library.create("s") as store:
        memory = store.open_memory()
        for seed in range(5):
            commit(memory, seed)
            (info,) = SessionLibrary(library.root).list()
            assert (info.revisions, info.points, info.problem) == (seed + 1, memory.snapshot().points, "")
        with pytest.raises(ConflictError):
            library.open("s")


def test_two_writers_are_refused_in_one_process_and_in_two(library):
    with library.create("s"):
        with pytest.raises(ConflictError, match="already open"):
            library.open("s")
        with pytest.raises(ConflictError, match="already open"):
            library.delete("s")
        other = subprocess.run(
            [sys.executable, "-c", SECOND_WRITER, str(library.root)], capture_output=True, text=True, check=True
        )
        assert "already open for writing" in other.stdout
    library.open("s").close()


def test_of_many_processes_that_create_a_session_one_does(library):
    command = [sys.executable, "-c", CREATOR, str(library.root)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sorted(racer.communicate()[0] for racer in racers) == ["made\n", "refused\n", "refused\n"]
    assert not library.list()[0].problem


def test_broken_folders_are_listed_with_their_problem(library):
    (library.root / "empty").mkdir()
    (library.root / "text").mkdir()
    (library.root / "text" / "session.db").write_text("this is no database, however long it is " * 20)
    other = library.root / "other"
    other.mkdir()
    connection = sqlite3.connect(other / "session.db")
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    library.create("good").close()
    (library.root / "no id at all").mkdir()
    (library.root / "file").write_text("x")
    listed = {info.session_id: info for info in library.list()}
    assert set(listed) == {"empty", "text", "other", "good"}
    assert not listed["good"].problem
    assert all(listed[name].problem for name in ("empty", "text", "other")) and listed["text"].bytes_on_disk == 800
    for name, error in (("empty", NotFoundError), ("text", StoreError), ("other", StoreError)):
        with pytest.raises(error):
            library.open(name)
    library.delete("text")


def test_a_newer_format_is_refused(library):
    library.create("s").close()
    connection = sqlite3.connect(library.root / "s" / "session.db")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    with pytest.raises(VersionMismatchError, match="newer"):
        library.open("s")
    assert "newer" in library.list()[0].problem
    with pytest.raises(VersionMismatchError):
        library.open("s")  # and the lock was given back, or this would be a ConflictError


def test_what_a_crash_left_is_swept(library):
    library.create("s").close()
    for name in (".new-half", ".gone-s-1"):
        (library.root / name).mkdir()
        (library.root / name / "session.db").write_bytes(b"x")
    library.create("half").close()
    assert sorted(path.name for path in library.root.iterdir()) == [".lock", "half", "s"]


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        SessionLibrary(tmp_path / "file" / "below")


def test_a_session_deleted_while_it_is_opened_is_not_found(library, monkeypatch):
    library.create("s").close()
    real = durable.fcntl.flock

    def late(descriptor, how):
        monkeypatch.setattr(durable.fcntl, "flock", real)
        library.delete("s")
        return real(descriptor, how)

    monkeypatch.setattr(durable.fcntl, "flock", late)
    with pytest.raises(NotFoundError, match="deleted"):
        SessionStore(library.root / "s")
