"""One session's folder, open for writing: journal and archive of its memory, its clips, its settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import RgbdFrame, Take
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.memory.history import Cause, Memory, Revision
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.store.clips import ClipKind, ClipShelf, ClipState, TakeInfo
from spatia_bridge.store.database import Database, seal, unseal
from spatia_bridge.store.durable import FileLock
from spatia_bridge.store.faults import translated
from spatia_bridge.store.revisions import UNUSED_BLOBS, RevisionLog
from spatia_bridge.store.trajectories import TrajectoryInfo, TrajectoryShelf

DATABASE_NAME = "session.db"
LOCK_NAME = "lock"
CLIPS_NAME = "clips"
MAX_SETTING_BYTES = 1 << 20


@dataclass(frozen=True)
class Garbage:
    """What was collected: entries of the clips folder, blobs, regions."""

    files: int
    blobs: int
    regions: int


class SessionStore:
    """A session that this process writes. Every method may be called from any thread.

    What a method wrote is on the disk when it returns. When it raises, nothing changed: StoreError says what the disk refused and
    what to do, ConflictError that the store is closed or the request contradicts what it holds.
    """

    def __init__(self, folder: Path) -> None:
        """Lock and open a session's folder, and collect what a crash left in it.

        Raises:
            NotFoundError: there is no such session.
            ConflictError: it is open for writing already, here or in another process.
            StoreError, VersionMismatchError: it cannot be read, or a newer program wrote it.
        """
        self.folder = folder
        self.session_id = folder.name
        if not (folder / DATABASE_NAME).is_file():
            raise NotFoundError(f"there is no session {folder.name!r}", "create it, or ask for one that is listed")
        with translated(f"session {folder.name!r}"):
            self._lock = FileLock(folder / LOCK_NAME)
        try:
            if not self._lock.is_of(folder / LOCK_NAME):
                raise NotFoundError(f"session {folder.name!r} was just deleted", "create it again")
            self._database = Database(folder / DATABASE_NAME, folder.name)
            try:
                self._revisions = RevisionLog(self._database)
                self._clips = ClipShelf(self._database, folder / CLIPS_NAME)
                self._trajectories = TrajectoryShelf(self._database)
                self.collect_garbage()
            except BaseException:
                self._database.close()
                raise
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Give the session back; every later call raises ConflictError. Again is nothing."""
        try:
            self._database.close()
        finally:
            self._lock.release()

    def __enter__(self) -> "SessionStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def title(self) -> str:
        return str(self._database.session_row()["title"])

    # memory

    def open_memory(self, max_points: int = 0) -> Memory:
        """The session's memory as it was, journalled here from now on. Reads and verifies every chunk of the head.

        Args:
            max_points: its budget from now on; 0 = none. See `memory.budget`.
        """
        revisions, head = self.load()
        oldest = self._revisions.oldest
        return Memory.restore(revisions, head, journal=self.journal, archive=self.archive, oldest=oldest, max_points=max_points)

    def journal(self, revision: Revision, snapshot: Snapshot) -> None:
        """Keep a revision; memory's `Journal`. See `RevisionLog.journal`."""
        self._revisions.journal(revision, snapshot)

    def load(self) -> tuple[list[Revision], Snapshot]:
        """Revisions 1…n and the last one's content, verified. See `RevisionLog.load`."""
        return self._revisions.load()

    def archive(self, number: int) -> Snapshot:
        """The content of a past revision, verified; memory's `Archive`. See `RevisionLog.archive`."""
        return self._revisions.archive(number)

    # clips

    def put_take(self, take: Take) -> None:
        """Keep a take, pending. See `ClipShelf.put_take`."""
        self._clips.put_take(take)

    def put_seed(self, number: int, frames: Sequence[RgbdFrame], alignment: Similarity | None = None) -> None:
        """Keep the frames that seed the session, pending. See `ClipShelf.put_seed`."""
        self._clips.put_seed(number, frames, alignment)

    def load_take(self, number: int) -> Take:
        """A take with its frames. See `ClipShelf.load_take`."""
        return self._clips.load_take(number)

    def load_seed(self, number: int) -> tuple[RgbdFrame, ...]:
        """A seed's frames. See `ClipShelf.load_seed`."""
        return self._clips.load_seed(number)

    def load_frame(self, clip: int, number: int) -> RgbdFrame:
        """One frame of a seed or a take, without reading the others. See `ClipShelf.load_frame`."""
        return self._clips.load_frame(clip, number)

    def colour_png(self, clip: int, number: int) -> bytes:
        """One frame's PNG as it is stored. See `ClipShelf.colour_png`."""
        return self._clips.colour_png(clip, number)

    def take_info(self, number: int) -> TakeInfo:
        """What is known of a seed or a take. See `ClipShelf.take_info`."""
        return self._clips.take_info(number)

    def takes(self) -> list[TakeInfo]:
        """All takes, by number, whatever their state."""
        return self._clips.infos(ClipKind.TAKE)

    def seeds(self) -> list[TakeInfo]:
        """All seeds, by number, whatever their state."""
        return self._clips.infos(ClipKind.SEED)

    def set_take_state(self, number: int, state: ClipState) -> None:
        """Decide a pending take or seed. See `ClipShelf.set_state`."""
        self._clips.set_state(number, state)

    def next_clip_number(self) -> int:
        """The number for the next seed or take. See `ClipShelf.next_number`."""
        return self._clips.next_number()

    # trajectories

    def put_trajectory(self, name: str, trajectory: Trajectory, alignment: Similarity) -> TrajectoryInfo:
        """Keep a camera path under a name. See `TrajectoryShelf.put`."""
        return self._trajectories.put(name, trajectory, alignment)

    def trajectories(self) -> list[TrajectoryInfo]:
        """All saved paths, by name."""
        return self._trajectories.infos()

    def load_trajectory(self, name: str) -> tuple[TrajectoryInfo, Trajectory, Similarity]:
        """A saved path and the alignment of the scene that it is a path through. See `TrajectoryShelf.load`."""
        return self._trajectories.load(name)

    def delete_trajectory(self, name: str) -> None:
        """Forget a saved path. See `TrajectoryShelf.delete`."""
        self._trajectories.delete(name)

    # forks

    def copy_to(
        self,
        other: "SessionStore",
        snapshot: Snapshot,
        clips: Sequence[int],
        last_take: int,
        note: str,
        keeps_setting: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """Make another store, new and empty, begin with a revision of this one.

        Its revision 1 (cause `fork`, clip = last_take) has the snapshot's content, locks, tombstones and alignment. It gets the
        given accepted clips under their own numbers, the settings kept and the trajectories. Its files are shared with this
        session where the file system can, which changes neither. Revision 0 makes none. May be called while this store is in use.
        """
        self._clips.copy_to(other._clips, clips)
        self._trajectories.copy_to(other._trajectories)
        settings = [row for row in self._database.rows("SELECT key, body FROM settings") if keeps_setting(row[0])]
        with other._database.transaction() as connection:
            connection.executemany("INSERT INTO settings VALUES (?, ?)", settings)
        if not snapshot.revision:  # nothing was ever in it
            return
        points, digest = snapshot.points, f"{snapshot.record_digest:064x}"
        changed = frozenset(snapshot.chunks)
        revision = Revision(1, Cause.FORK, 1, note, last_take, points, len(changed), digest, changed)
        other.journal(revision, snapshot)

    # settings and housekeeping

    def put_setting(self, key: str, value: object) -> None:
        """Keep a value that msgpack can carry, up to 1 MiB, under a name.

        Raises:
            InvalidInputError: it cannot be carried, or is too large.
        """
        body = seal([key, value])
        if not 1 <= len(key) <= 200 or len(body) > MAX_SETTING_BYTES:
            raise InvalidInputError(f"setting {key[:200]!r} has {len(body)} bytes", "use 1 to 200 letters and at most 1 MiB")
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, body))
            self._database.touch_session_row(connection)

    def get_setting(self, key: str, default: Any = None) -> Any:
        """The value under a name (tuples come back as lists), or the default."""
        row = self._database.row("SELECT body FROM settings WHERE key = ?", (key,))
        if row is None:
            return default
        return unseal(row[0], f"session {self.session_id!r}: setting {key!r}")[1]

    def prune(self, oldest: int, clips: Sequence[int], keeps_setting: Callable[[str], bool] = lambda name: True) -> None:
        """Forget the content of the revisions before `oldest`, these clips' frames and the settings not kept, for good.

        All or nothing. For `Memory.prune`, whose memory then agrees. What was forgotten lies on the disk until `shrink`.

        Args:
            clips: that none of the revisions kept rests on.
        Raises:
            ConflictError: there is no such revision. StoreError: disk full, no permission.
        """
        with self._revisions.pruning(oldest) as connection:
            self._clips.forget(connection, clips)
            for (name,) in connection.execute("SELECT key FROM settings").fetchall():
                if not keeps_setting(name):
                    connection.execute("DELETE FROM settings WHERE key = ?", (name,))

    def shrink(self, *, compact: bool = True) -> None:
        """Remove the files that `prune` left; a crash before leaves them to the next open.

        Args:
            compact: make the database's file smaller, too, which takes as long as writing it; otherwise what is written next
                goes where the old was.
        Raises:
            StoreError: disk full: compacting needs room for a second copy.
        """
        with translated(f"session {self.session_id!r}"):
            self._clips.collect_garbage()
        if compact:
            self._database.compact()

    def collect_garbage(self) -> Garbage:
        """Remove what nothing refers to. Runs at open.

        The policy: in the clips folder, whatever is not the folder of a clip that is pending or accepted (so: what a crash left
        half written or half removed). In the database, blobs that no place holds in any revision, and regions when there is no
        revision at all. The rows of revisions and of discarded clips are kept for ever, the content of revisions and settings
        until `prune`. Files elsewhere in the session's folder are not ours and stay.
        """
        with translated(f"session {self.session_id!r}"):
            files = self._clips.collect_garbage()
        with self._database.transaction() as connection:
            blobs = connection.execute(UNUSED_BLOBS)
            regions = connection.execute("DELETE FROM regions WHERE NOT EXISTS (SELECT 1 FROM revisions)")
            return Garbage(files, blobs.rowcount, regions.rowcount)
