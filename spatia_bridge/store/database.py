"""The session's SQLite database: its schema, its one connection, and rows that notice when they are damaged.

    session    one row: title, times, how many revisions and clips there must be, the oldest revision that was not pruned
    revisions  number → cause, note, digest, voxel size, ids of locks and tombstones, … (one sealed value)
    places     every chunk index that ever held a chunk
    chunk_at   (place, revision) → the blob that the place holds from that revision on; NULL = no chunk
    blobs      record hash → `codec.compact.encode_compact`; equal chunks share one, wherever and whenever they are
    regions    hash → box or sphere
    clips      number → kind, state, what made it; frames  (clip, number) → camera and the hashes of the frame's files
    settings   key → value
    trajectories  name → what it is, the poses

SQLite checks no content, so values that are not otherwise hashed are sealed: msgpack, then 8 bytes of their SHA-256.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack

from spatia_bridge.errors import ConflictError, InvalidInputError, VersionMismatchError
from spatia_bridge.store.faults import damaged, parsed, translated

APPLICATION_ID = 0x53504252  # "SPBR"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECS = 5.0
_WAL_LIMIT_BYTES = 64 << 20  # what the log shrinks to again after a large commit
_SEAL_BYTES = 8

_SCHEMA = """
CREATE TABLE session (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE revisions (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE places (
    id INTEGER PRIMARY KEY, level INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL, z INTEGER NOT NULL,
    UNIQUE (level, x, y, z)
) STRICT;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, data BLOB NOT NULL) STRICT;
CREATE TABLE chunk_at (
    place INTEGER NOT NULL REFERENCES places, revision INTEGER NOT NULL REFERENCES revisions, blob INTEGER REFERENCES blobs,
    PRIMARY KEY (place, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX chunk_at_revision ON chunk_at (revision);
CREATE INDEX chunk_at_blob ON chunk_at (blob);
CREATE TABLE regions (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
CREATE TABLE clips (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('seed', 'take')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'accepted', 'discarded')), body BLOB NOT NULL
) STRICT;
CREATE TABLE frames (
    clip INTEGER NOT NULL REFERENCES clips, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (clip, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
# Tables that came later: made when a session is opened for writing, so that older folders get them. Older programs ignore them.
_ADDED = """
CREATE TABLE IF NOT EXISTS trajectories (name TEXT PRIMARY KEY, info BLOB NOT NULL, poses BLOB NOT NULL) STRICT;
"""


def seal(value: object) -> bytes:
    """A value of None, booleans, 64-bit integers, floats, text, bytes, lists and maps, as bytes that notice damage.

    Raises:
        InvalidInputError: it holds something else.
    """
    try:
        body: bytes = msgpack.packb(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"a value cannot be stored: {error}", "use numbers, text, bytes, lists and maps") from error
    return body + hashlib.sha256(body).digest()[:_SEAL_BYTES]


def unseal(data: bytes, what: str) -> Any:
    """The value again.

    Raises:
        StoreError: the bytes are not what was sealed.
    """
    with parsed(what):
        body, check = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if hashlib.sha256(body).digest()[:_SEAL_BYTES] != check:
            raise ValueError("its checksum is wrong")
        return msgpack.unpackb(body, strict_map_key=False)


class Database:
    """One connection, used by one thread at a time. Every method raises StoreError for what SQLite and the system refuse."""

    def __init__(self, path: Path, name: str, *, read_only: bool = False, create: bool = False) -> None:
        """Open a session's database.

        Raises:
            StoreError: it is missing, unreadable, or not a session's.
            VersionMismatchError: a newer program wrote it.
        """
        self.what = f"session {name!r}"
        self.lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        mode = "ro" if read_only else "rwc" if create else "rw"
        with translated(self.what):
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_TIMEOUT_SECS,
                isolation_level=None,  # transactions are begun and ended here, not guessed by the driver
                check_same_thread=False,
            )
            try:
                self._prepare(connection, read_only, create)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection, read_only: bool, create: bool) -> None:
        if create:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID or version < 1:
            raise damaged(f"{self.what}: the database was not made by this program")
        if version > SCHEMA_VERSION:
            raise VersionMismatchError(
                f"{self.what} has format {version}, this program knows {SCHEMA_VERSION}", "open it with a newer spatia-bridge"
            )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cell_size_check = ON")
        if not read_only:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise damaged(f"{self.what}: the folder's file system gives journal mode {mode!r}, not a write-ahead log")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
            connection.executescript(_ADDED)

    def _live(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ConflictError(f"{self.what} is closed", "open it again")
        return self._connection

    def rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.lock, translated(self.what):
            return self._live().execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several queries that see one state, though other threads write."""
        with self.lock:
            self._live()
            yield

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on the disk when the block ends without an error."""
        with self.lock, translated(self.what):
            connection = self._live()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to tell; SQLite may have rolled back already
                    connection.execute("ROLLBACK")
                raise

    def compact(self) -> None:
        """Give the space of deleted rows back to the file system: writes the whole database anew, all or nothing."""
        with self.lock, translated(self.what):
            connection = self._live()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Fold the log into the database file and close. Again is nothing."""
        with self.lock, translated(self.what):
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def session_row(self) -> dict[str, Any]:
        """Title, created_secs, modified_secs, revisions, points, clips; once something was pruned, oldest."""
        found = self.row("SELECT body FROM session")
        if found is None:
            raise damaged(f"{self.what} has lost its first row")
        row = unseal(found[0], f"{self.what}: the session's row")
        if not isinstance(row, dict):
            raise damaged(f"{self.what}: the session's row is no map")
        return row

    def start_session_row(self, title: str) -> None:
        """Write the first row of a new session."""
        now = time.time()
        row = {"title": title, "created_secs": now, "modified_secs": now, "revisions": 0, "points": 0, "clips": 0}
        with self.transaction() as connection:
            connection.execute("INSERT INTO session VALUES (1, ?)", (seal(row),))

    def touch_session_row(self, connection: sqlite3.Connection, **changes: int) -> None:
        """Note, within a transaction, that the session changed now, and what about it."""
        row = self.session_row() | {"modified_secs": time.time()} | changes
        connection.execute("UPDATE session SET body = ?", (seal(row),))
