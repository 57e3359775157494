"""Files that are either whole or not there: written beside their place, synced, then renamed over it."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from spatia_bridge.errors import ConflictError, StoreError
from spatia_bridge.export.base import Exporter, Progress, silent
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder (which is made if need be), renamed to `path` when the block ends well.

    The name keeps the suffix, since some writers choose the format by it. When the block raises, nothing is left behind and an
    older file at `path` is as it was.

    Raises:
        StoreError: the folder cannot be written, or there is no space left.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot write {path}: {reason}", "free some space or choose another place with --out") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path`, renamed to it when the block ends well; nothing is left behind when it raises.

    Raises:
        ConflictError: there is something at `path` already, but for an empty folder.
        StoreError: the place cannot be written, or there is no space left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise ConflictError(f"there already is something at {path}", "remove it, or choose another folder with --out")
        temporary.mkdir(parents=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"cannot write {path}: {reason}", "free some space or choose another place with --out") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def export_file(path: Path, exporter: Exporter, snapshot: Snapshot, engine: Engine, progress: Progress = silent) -> int:
    """Write a snapshot to `path`, atomically, and return the file's size in bytes.

    Raises:
        InvalidInputError: the snapshot has no points.
        StoreError: the file cannot be written.
    """
    with atomic_file(path) as temporary:
        with temporary.open("wb") as file:
            exporter.write(snapshot, engine, file.write, progress)
        return temporary.stat().st_size
