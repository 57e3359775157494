"""The one place where SQLite's and the system's errors become the project's, each with a remedy."""

import errno
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from spatia_bridge.errors import InvalidInputError, StoreError

_RESTORE = "restore the session's folder from a backup, or delete the session"
_FULL = "free some disk space, then try again; nothing was changed"
_PERMISSION = "give the server's user the right to write this folder"
_BUSY = "close the other program that has the session's database open, then try again"
_RETRY = "check the disk, then try again"

_SQLITE_REMEDIES = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _PERMISSION,
    sqlite3.SQLITE_PERM: _PERMISSION,
    sqlite3.SQLITE_CANTOPEN: _PERMISSION,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_CONSTRAINT: _RESTORE,
    sqlite3.SQLITE_ERROR: _RESTORE,  # a table is missing: the schema cannot be read as it was written
}
_OS_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _PERMISSION,
    errno.ENOENT: _RESTORE,
}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn sqlite3.Error and OSError into StoreError; `what` names the thing, as in "session 'cave'"."""
    try:
        yield
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the higher bits only say where it happened
        raise StoreError(f"{what}: {error}", _SQLITE_REMEDIES.get(primary, _RETRY)) from error
    except UnicodeDecodeError as error:  # text in a damaged database, or SQLite's own message about it
        raise StoreError(f"{what}: database disk image is malformed ({error})", _RESTORE) from error
    except OSError as error:
        raise StoreError(f"{what}: {error}", _OS_REMEDIES.get(error.errno or 0, _RETRY)) from error


@contextmanager
def parsed(what: str) -> Iterator[None]:
    """Turn whatever damaged content provokes in a parser into StoreError that names what is damaged."""
    try:
        yield
    except (InvalidInputError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error) as error:
        raise StoreError(f"{what} is damaged: {error}", _RESTORE) from error


def damaged(what: str) -> StoreError:
    """The error for content that contradicts itself."""
    return StoreError(what, _RESTORE)
