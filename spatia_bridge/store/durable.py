"""Files that are on the disk once they have a name, and folders that one process at a time may write."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from spatia_bridge.errors import ConflictError, StoreError
from spatia_bridge.store.faults import translated


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(temporary: Path, final: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Make the folder `final` with these files, all or nothing: after a crash it is there and whole, or not there.

    The files are written and synced under `temporary` (same parent), then the folder is renamed and its parent synced. Whatever
    stood under either name is removed first: the caller knows that it is garbage.
    """
    for folder in (temporary, final):
        remove(folder)
    try:
        temporary.mkdir()
        names = []
        for name, data in files:
            (temporary / name).write_bytes(data)
            names.append(name)
        for name in names:  # not one by one while writing: file systems sync many at little more than the cost of one
            sync(temporary / name)
        sync(temporary)
        temporary.rename(final)
        sync(final.parent)
    except BaseException:
        remove(temporary)
        raise


def link_folder(source: Path, final: Path) -> None:
    """Make the folder `final` (in a folder that nobody uses yet) with the files of another, which are never written again.

    The files are shared by hard links where the file system has them, else copied; they and their names are on the disk then.
    """
    final.mkdir()
    for path in sorted(source.iterdir()):
        try:
            os.link(path, final / path.name)
        except OSError:
            shutil.copyfile(path, final / path.name)
            sync(final / path.name)
    sync(final)


def remove(path: Path) -> None:
    """Delete a file or a folder with all in it, as far as that can be done; what stays is garbage for the next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return


def bytes_on_disk(folder: Path) -> int:
    """The sizes of all files below a folder; what vanishes meanwhile counts nothing. Opens no file.

    (Opening and closing a database that this process also has open through SQLite would drop SQLite's locks.)
    """
    total = 0
    for where, _folders, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(where) / name).st_size
            except OSError:
                continue
    return total


def read_checked(path: Path, sha256: bytes) -> bytes:
    """A file's bytes.

    Raises:
        StoreError: it is missing, or not what was written.
    """
    with translated(f"frame file {path}"):
        data = path.read_bytes()
    if hashlib.sha256(data).digest() != sha256:
        raise StoreError(f"frame file {path} is damaged", "restore it from a backup, or discard the take")
    return data


class FileLock:
    """An exclusive lock on a file, held by this process until released or until it ends, however it ends."""

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        """Take the lock.

        Args:
            wait: block until it is free; otherwise a held lock is an error.
        Raises:
            ConflictError: another store has it.
        """
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())  # for people who wonder
        except BlockingIOError as error:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace")
            self.release()
            raise ConflictError(
                f"{path.parent.name!r} is already open for writing (process {owner})", "close it there first"
            ) from error
        except BaseException:
            self.release()
            raise

    def is_of(self, path: Path) -> bool:
        """Whether the path still names the locked file: a folder may have been deleted between opening and locking."""
        try:
            return self._descriptor is not None and os.path.samestat(os.fstat(self._descriptor), path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
