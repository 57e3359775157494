"""Memory: the one mutable thing, a head that moves from snapshot to snapshot and a history that only grows.

Undo and redo are new revisions with old content. A commit is atomic: the journal (the store) is told first, and only when it has
the revision safely does the head move.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from spatia_bridge.errors import ConflictError, NotFoundError
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.edits import Edit, apply_edit
from spatia_bridge.memory.merge import Update, merge
from spatia_bridge.memory.snapshot import Snapshot, changed_indexes

DEFAULT_VOXEL_SIZE_M = 0.02
SNAPSHOTS_IN_MEMORY = 32  # older ones are read from the archive again


class Cause(Enum):
    """Why a revision exists."""

    EMPTY = "empty"
    SEED = "seed"
    TAKE = "take"
    EDIT = "edit"
    UNDO = "undo"
    REDO = "redo"
    FORK = "fork"  # the first revision of a session that begins with the content of another


@dataclass(frozen=True)
class Revision:
    """A numbered snapshot with a cause.

    Attributes:
        number: 0 for the empty start, then 1, 2, …
        content_of: the revision that first had this content: itself, or an older one after undo and redo.
        note: what happened, for people.
        clip: the take's number, 0 if none.
        points, chunks, digest: of the snapshot (digest = record_digest as 64 hex digits).
        changed: the chunks that differ from revision `number - 1`.
        health: the update's measurements.
    """

    number: int
    cause: Cause
    content_of: int
    note: str = ""
    clip: int = 0
    points: int = 0
    chunks: int = 0
    digest: str = "0" * 64
    changed: frozenset[ChunkIndex] = frozenset()
    health: dict[str, float] = field(default_factory=dict)


Journal = Callable[[Revision, Snapshot], None]
Archive = Callable[[int], Snapshot]


def _no_journal(_revision: Revision, _snapshot: Snapshot) -> None:
    """A memory that lives in the process only."""


def _no_archive(number: int) -> Snapshot:
    raise NotFoundError(f"revision {number} is no longer in memory", "open the session from its store to go that far back")


def _step(undo: list[int], redo: list[int], revision: Revision) -> None:
    """Bring the stacks of what can be undone and redone past a revision."""
    if revision.cause is Cause.UNDO:
        redo.append(undo.pop())
    elif revision.cause is Cause.REDO:
        undo.append(redo.pop())
    else:
        undo.append(revision.number)
        redo.clear()


class Memory:
    """The persistent point memory of one session. Safe across threads; writers take turns."""

    def __init__(self, head: Snapshot | None = None, *, journal: Journal = _no_journal, archive: Archive = _no_archive) -> None:
        self._lock = threading.RLock()
        self._journal = journal
        self._archive = archive
        self._head = head or Snapshot(DEFAULT_VOXEL_SIZE_M)
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict({0: self._head})
        self._revisions: list[Revision] = [Revision(0, Cause.EMPTY, 0)]
        self._undo: list[int] = [0]
        self._redo: list[int] = []

    @classmethod
    def restore(cls, revisions: Sequence[Revision], head: Snapshot, *, journal: Journal, archive: Archive) -> "Memory":
        """Memory as it was: revisions 1…n as the journal got them and the snapshot of the last."""
        memory = cls(journal=journal, archive=archive)
        for revision in revisions:
            memory._remember(revision)
        if revisions:
            memory._snapshots = OrderedDict({revisions[-1].content_of: head})
            memory._head = head
        return memory

    def snapshot(self) -> Snapshot:
        """The head. O(1); it never changes under the caller."""
        return self._head

    def revisions(self) -> tuple[Revision, ...]:
        with self._lock:
            return tuple(self._revisions)

    def head_revision(self) -> Revision:
        with self._lock:
            return self._revisions[-1]

    def lineage(self, number: int | None = None) -> tuple[Revision, ...]:
        """The revisions that made a revision's content (None = the head's), oldest first; what was undone then is not among them.

        Raises:
            NotFoundError: there is no such revision.
        """
        with self._lock:
            if number is None:
                return tuple(self._revisions[n] for n in self._undo)
            self._check_exists(number)
            undo: list[int] = []
            redo: list[int] = []
            for revision in self._revisions[: number + 1]:
                _step(undo, redo, revision)
            return tuple(self._revisions[n] for n in undo)

    def _check_exists(self, number: int) -> None:
        if not 0 <= number < len(self._revisions):
            raise NotFoundError(f"there is no revision {number}", f"the newest is {len(self._revisions) - 1}")

    @property
    def can_undo(self) -> bool:
        return len(self._undo) > 1

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def at(self, number: int) -> Snapshot:
        """The snapshot of a revision, from this process or from the archive.

        Raises:
            NotFoundError: there is no such revision.
        """
        with self._lock:
            self._check_exists(number)
            content = self._revisions[number].content_of
            snapshot = self._snapshots.get(content)
            if snapshot is None:
                snapshot = self._archive(content)
                self._keep(content, snapshot)
        return replace(snapshot, revision=number)

    def commit(self, update: Update, base: Snapshot, cause: Cause = Cause.TAKE, note: str = "") -> Revision:
        """Apply an update that was computed from `base`; edits and locks made since then win.

        Raises:
            ConflictError: the update has another voxel size than memory, or the scene was realigned since `base`.
            StoreError: the journal could not keep it; memory is as before.
        """
        with self._lock:
            head = self._head
            voxel_size_m = base.voxel_size_m if update.voxel_size_m is None else update.voxel_size_m
            if not head.chunks:  # an empty scene has no grid to keep
                head = replace(head, voxel_size_m=voxel_size_m)
            if voxel_size_m != head.voxel_size_m:
                raise ConflictError(f"the scene's voxels are {head.voxel_size_m:g} m, not {voxel_size_m:g} m", "make it again")
            if not head.alignment.same_as(base.alignment):
                raise ConflictError("the scene was scaled or turned while this was made", "make it again")
            snapshot = head.with_changes(merge(update, base, head), revision=len(self._revisions))
            return self._advance(snapshot, cause, note, clip=update.clip, health=dict(update.health))

    def edit(self, edit: Edit) -> Revision:
        """Apply a designer's edit to the head."""
        with self._lock:
            snapshot = apply_edit(self._head, edit)
            return self._advance(replace(snapshot, revision=len(self._revisions)), Cause.EDIT, edit.describe())

    def undo(self) -> Revision:
        """A new revision with the content before the last change.

        Raises:
            ConflictError: nothing to undo.
        """
        with self._lock:
            if not self.can_undo:
                raise ConflictError("there is nothing to undo", "this is the beginning of the session")
            return self._travel(self._undo[-2], Cause.UNDO)

    def redo(self) -> Revision:
        """A new revision with the content that the last undo took away.

        Raises:
            ConflictError: nothing to redo.
        """
        with self._lock:
            if not self._redo:
                raise ConflictError("there is nothing to redo", "redo is only possible right after undo")
            return self._travel(self._redo[-1], Cause.REDO)

    def _travel(self, content: int, cause: Cause) -> Revision:
        target = replace(self.at(content), revision=len(self._revisions))
        note = f"{cause.value} to revision {content}"
        return self._advance(target, cause, note, content_of=content)

    def _advance(
        self,
        snapshot: Snapshot,
        cause: Cause,
        note: str,
        *,
        content_of: int | None = None,
        clip: int = 0,
        health: dict[str, float] | None = None,
    ) -> Revision:
        number = len(self._revisions)
        revision = Revision(
            number,
            cause,
            number if content_of is None else content_of,
            note,
            clip,
            snapshot.points,
            len(snapshot.chunks),
            f"{snapshot.record_digest:064x}",
            frozenset(changed_indexes(self._head, snapshot)),
            health or {},
        )
        self._journal(revision, snapshot)
        self._head = snapshot
        self._keep(revision.content_of, snapshot)
        self._remember(revision)
        return revision

    def _remember(self, revision: Revision) -> None:
        self._revisions.append(revision)
        _step(self._undo, self._redo, revision)

    def _keep(self, content: int, snapshot: Snapshot) -> None:
        self._snapshots[content] = snapshot
        self._snapshots.move_to_end(content)
        while self._archive is not _no_archive and len(self._snapshots) > SNAPSHOTS_IN_MEMORY:
            self._snapshots.popitem(last=False)
