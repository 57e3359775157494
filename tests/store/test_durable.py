"""Power loss: nothing is named before it is on the disk. Checked on the real calls, in the order in which they are made."""

import os
from pathlib import Path

import pytest

from spatia_bridge.memory import Cause
from spatia_bridge.store import ClipState, SessionLibrary, database
from tests.store.scenes import commit, rgbd, take


class Disk:
    """What a power failure at this moment would leave: content that was synced, names whose folder was synced since.

    Attributes:
        log: the calls, as (what, path).
    """

    def __init__(self, monkeypatch) -> None:
        self.log: list[tuple[str, str]] = []
        self.synced_content: set[Path] = set()
        self.synced_names: set[Path] = set()
        for name, replacement in (("write_bytes", self._write), ("rename", self._rename), ("mkdir", self._mkdir)):
            monkeypatch.setattr(Path, name, replacement(getattr(Path, name)))
        real_sync = os.fsync

        def fsync(descriptor: int) -> None:
            real_sync(descriptor)
            self._sync(Path(f"/proc/self/fd/{descriptor}").readlink())

        monkeypatch.setattr(os, "fsync", fsync)

    def _sync(self, path: Path) -> None:
        self.log.append(("sync", str(path)))
        if path.is_dir():
            self.synced_names |= set(path.iterdir())
        else:
            self.synced_content.add(path)

    def _write(self, real):
        def write_bytes(path, data):
            self.log.append(("write", str(path)))
            self.synced_content.discard(path)
            return real(path, data)

        return write_bytes

    def _mkdir(self, real):
        def mkdir(path, *args, **more):
            self.log.append(("mkdir", str(path)))
            return real(path, *args, **more)

        return mkdir

    def _rename(self, real):
        def rename(path, target):
            self.log.append(("rename", str(target)))
            for known in (self.synced_content, self.synced_names):
                below = {known_path for known_path in known if path in known_path.parents}
                known -= below
                known |= {Path(target) / known_path.relative_to(path) for known_path in below}
            self.synced_names.discard(path)
            return real(path, target)

        return rename

    def survives(self, path: Path, root: Path) -> bool:
        """Whether a file would be there and whole, and every folder above it up to the root too."""
        names = [path, *(parent for parent in path.parents if root in parent.parents)]
        return path in self.synced_content and self.synced_names.issuperset(names)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def test_frame_files_survive_before_the_commit_that_names_them(tmp_path, disk):
    root = tmp_path / "library"
    with SessionLibrary(root).create("s") as store:
        named = []

        def at_commit(sql: str) -> None:
            if sql.startswith("INSERT INTO clips") or sql == "COMMIT":
                files = [path for path in (root / "s" / "clips").rglob("*") if path.is_file()]
                named.append(len(files))
                assert all(disk.survives(path, root) for path in files), disk.log

        store._database._connection.set_trace_callback(at_commit)
        store.put_take(take(1))
        store.put_seed(2, [rgbd(1)])
        commit(store.open_memory(), 1, Cause.TAKE, clip=1)
        assert named == [6, 6, 8, 8, 8]


def test_the_order_of_a_put(tmp_path, disk):
    with SessionLibrary(tmp_path).create("s") as store:
        disk.log.clear()
        store.put_take(take(1, frames=1))
        clips = str(tmp_path / "s" / "clips")
        new, final = f"{clips}/.new-000001", f"{clips}/000001"
        assert disk.log == [
            ("mkdir", new),
            ("write", f"{new}/0000.png"),
            ("write", f"{new}/0000.planes"),
            ("sync", f"{new}/0000.png"),
            ("sync", f"{new}/0000.planes"),
            ("sync", new),
            ("rename", final),
            ("sync", clips),
        ]


def test_a_session_is_on_the_disk_before_it_has_its_name(tmp_path, disk):
    SessionLibrary(tmp_path).create("s").close()
    calls = [call for call in disk.log if call[0] != "mkdir"]
    new = tmp_path / ".new-s"
    assert calls == [
        ("sync", f"{new}/session.db"),
        ("sync", str(new)),
        ("rename", str(tmp_path / "s")),
        ("sync", str(tmp_path)),
    ]
    assert disk.survives(tmp_path / "s" / "session.db", tmp_path)


def test_sqlite_syncs_its_log_at_every_commit(tmp_path):
    with SessionLibrary(tmp_path).create("s") as store:
        row = store._database.row
        assert row("PRAGMA journal_mode") == ("wal",)
        assert row("PRAGMA synchronous") == (2,)
        assert row("PRAGMA foreign_keys") == (1,)
        assert row("PRAGMA application_id") == (database.APPLICATION_ID,)


def test_frames_go_after_the_commit_that_forgets_them(tmp_path, monkeypatch):
    with SessionLibrary(tmp_path).create("s") as store:
        store.put_take(take(1))
        folder = tmp_path / "s" / "clips" / "000001"
        there = []
        store._database._connection.set_trace_callback(lambda sql: there.append((sql, folder.exists())))
        store.set_take_state(1, ClipState.DISCARDED)
        assert ("COMMIT", True) in there and not folder.exists()
