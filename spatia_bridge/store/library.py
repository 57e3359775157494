"""All sessions of a server: a folder of folders. A session appears and disappears as a whole, whatever crashes meanwhile."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, SpatiaError
from spatia_bridge.store.database import Database
from spatia_bridge.store.durable import FileLock, bytes_on_disk, remove, sync
from spatia_bridge.store.faults import parsed, translated
from spatia_bridge.store.session_store import CLIPS_NAME, DATABASE_NAME, LOCK_NAME, SessionStore

MAX_TITLE_LETTERS = 200
_SESSION_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NEW, _GONE = ".new-", ".gone-"  # no session id begins with a dot


@dataclass(frozen=True)
class SessionInfo:
    """A session as listed. With a `problem` it cannot be opened, and only id and bytes_on_disk mean something.

    oldest_revision is the oldest whose content was not pruned.
    """

    session_id: str
    title: str = ""
    created_secs: float = 0.0
    modified_secs: float = 0.0
    revisions: int = 0
    points: int = 0
    bytes_on_disk: int = 0
    problem: str = ""
    oldest_revision: int = 1


def check_session_id(session_id: str) -> str:
    """The id, if it can be one.

    Raises:
        InvalidInputError: it is anything but 1 to 64 of a-z, 0-9, _ and -, the first a letter or digit.
    """
    if not _SESSION_ID.fullmatch(session_id):
        raise InvalidInputError(
            f"session id is {session_id[:80]!r}", "use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit"
        )
    return session_id


class SessionLibrary:
    """The sessions below one folder. Safe across threads and processes."""

    def __init__(self, root: Path) -> None:
        """Make the folder if need be, and remove what a crash left of sessions half made or half deleted.

        Raises:
            StoreError: the folder cannot be made or written.
        """
        self.root = root.resolve()
        with translated(f"session library {self.root}"):
            self.root.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._sweep()

    def create(self, session_id: str, title: str = "") -> SessionStore:
        """A new empty session, open for writing.

        Raises:
            InvalidInputError: not an id, or a title of more than 200 letters.
            ConflictError: there is a session of that id.
            StoreError: disk full, no permission.
        """
        return SessionStore(self._make(session_id, title, lambda new: None))

    def fork(self, session_id: str, title: str, fill: Callable[[SessionStore], None]) -> None:
        """A new session that `fill` puts its beginning into; it appears whole, or not at all. Errors as `create`.

        No session is made or deleted meanwhile; those that are open go on.
        """

        def filled(new: Path) -> None:
            with SessionStore(new) as store:
                fill(store)

        self._make(session_id, title, filled)

    def _make(self, session_id: str, title: str, fill: Callable[[Path], None]) -> Path:
        """The folder of a new session, which `fill` was called with before it got its name."""
        folder = self._folder(session_id)
        if len(title) > MAX_TITLE_LETTERS:
            raise InvalidInputError(f"the title has {len(title)} letters", f"use at most {MAX_TITLE_LETTERS}")
        with translated(f"session {session_id!r}"), self._locked():
            self._sweep()
            if folder.exists():
                raise ConflictError(f"there already is a session {session_id!r}", "open it, or choose another id")
            new = self.root / f"{_NEW}{session_id}"
            (new / CLIPS_NAME).mkdir(parents=True)
            database = Database(new / DATABASE_NAME, session_id, create=True)
            try:
                database.start_session_row(title)
            finally:
                database.close()
            try:
                fill(new)
            except BaseException:
                remove(new)
                raise
            sync(new / DATABASE_NAME)
            sync(new)
            new.rename(folder)
            sync(self.root)
        return folder

    def open(self, session_id: str) -> SessionStore:
        """An existing session, open for writing; errors as `SessionStore`."""
        return SessionStore(self._folder(session_id))

    def list(self) -> list[SessionInfo]:
        """All sessions by id, read without locking them; one that cannot be read is listed with its problem."""
        with translated(f"session library {self.root}"):
            names = sorted(path.name for path in self.root.iterdir() if _SESSION_ID.fullmatch(path.name) and path.is_dir())
        return [self._info(name) for name in names]

    def delete(self, session_id: str) -> None:
        """Remove a session and all that belongs to it. From one moment to the next it is not there.

        Raises:
            NotFoundError: there is no such session.
            ConflictError: it is open.
        """
        folder = self._folder(session_id)
        if not folder.is_dir():
            raise NotFoundError(f"there is no session {session_id!r}", "ask for one that is listed")
        gone = self.root / f"{_GONE}{session_id}-{time.time_ns()}"
        with translated(f"session {session_id!r}"), self._locked(), FileLock(folder / LOCK_NAME):
            folder.rename(gone)
            sync(self.root)
            remove(gone)

    def _folder(self, session_id: str) -> Path:
        return self.root / check_session_id(session_id)

    def _locked(self) -> FileLock:
        """Held for moments, while sessions come and go."""
        return FileLock(self.root / ".lock", wait=True)

    def _sweep(self) -> None:
        for path in self.root.iterdir():
            if path.name.startswith((_NEW, _GONE)):
                remove(path)

    def _info(self, session_id: str) -> SessionInfo:
        folder = self.root / session_id
        size = bytes_on_disk(folder)
        try:
            database = Database(folder / DATABASE_NAME, session_id, read_only=True)
            try:
                row = database.session_row()
            finally:
                database.close()
            with parsed(f"session {session_id!r}: the session's row"):
                return SessionInfo(
                    session_id,
                    str(row["title"]),
                    float(row["created_secs"]),
                    float(row["modified_secs"]),
                    int(row["revisions"]),
                    int(row["points"]),
                    size,
                    oldest_revision=int(row.get("oldest", 1)),
                )
        except SpatiaError as error:
            return SessionInfo(session_id, bytes_on_disk=size, problem=str(error))
