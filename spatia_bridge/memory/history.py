"""Memory: the one mutable thing, a head that moves from snapshot to snapshot and a history that only grows.

Undo and redo are new revisions with old content. A commit is atomic: the journal (the store) is told first, and only when it has
the revision safely does the head move. What a revision was and why stays for ever. So does its content, unless someone
prunes: then the newest so many revisions keep theirs, and undo and redo reach as far as these.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError
from spatia_bridge.memory.budget import Points, within_budget
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.edits import Edit, apply_edit
from spatia_bridge.memory.merge import Update, merge
from spatia_bridge.memory.snapshot import Snapshot, changed_indexes

DEFAULT_VOXEL_SIZE_M = 0.02
SNAPSHOTS_IN_MEMORY = 32  # older ones are read from the archive again
_NOWHERE: Points = np.empty((0, 3))


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
        changed: the chunks that differ from revision `number - 1`; empty for a pruned revision.
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
Forget = Callable[[int, Sequence[Revision]], None]


def _no_journal(_revision: Revision, _snapshot: Snapshot) -> None:
    """A memory that lives in the process only."""


def _no_archive(number: int) -> Snapshot:
    raise NotFoundError(f"revision {number} is no longer in memory", "open the session from its store to go that far back")


def pruned_error(number: int, oldest: int) -> NotFoundError:
    """What asking for a pruned revision gives."""
    return NotFoundError(
        f"the content of revision {number} was pruned", f"the oldest that is kept is {oldest}; ask for a later one"
    )


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

    def __init__(
        self,
        head: Snapshot | None = None,
        *,
        journal: Journal = _no_journal,
        archive: Archive = _no_archive,
        max_points: int = 0,
    ) -> None:
        """max_points: of the head after a commit or an edit (see `memory.budget`); 0 = no limit. Undo brings back what was."""
        self._max_points = max_points
        self._lock = threading.RLock()
        self._journal = journal
        self._archive = archive
        self._head = head or Snapshot(DEFAULT_VOXEL_SIZE_M)
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict({0: self._head})
        self._revisions: list[Revision] = [Revision(0, Cause.EMPTY, 0)]
        self._undo: list[int] = [0]
        self._redo: list[int] = []
        self._oldest = 1

    @classmethod
    def restore(
        cls,
        revisions: Sequence[Revision],
        head: Snapshot,
        *,
        journal: Journal,
        archive: Archive,
        oldest: int = 1,
        max_points: int = 0,
    ) -> "Memory":
        """Memory as it was: revisions 1…n as the journal got them, the snapshot of the last, the oldest whose content is kept."""
        memory = cls(journal=journal, archive=archive, max_points=max_points)
        memory._oldest = oldest
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
        return len(self._undo) > 1 and self._holder(self._undo[-2]) is not None

    @property
    def can_redo(self) -> bool:
        return bool(self._redo) and self._holder(self._redo[-1]) is not None

    @property
    def oldest(self) -> int:
        """The oldest revision whose content is kept; 1 unless something was pruned. (Revision 0 is empty and always there.)"""
        return self._oldest

    def prune(self, keep: int, forget: Forget) -> int:
        """Let go of the content of all revisions but the newest `keep`; the oldest that is kept then.

        The head, the numbers of the revisions and what they were stay as they are.

        Args:
            forget: told first, under memory's lock, the oldest revision to keep and the revisions that made what is kept; it
                makes this permanent. When it raises, memory is as before.
        Raises:
            InvalidInputError: keep is less than 1.
        """
        if keep < 1:
            raise InvalidInputError(f"{keep} revisions to keep", "keep 1 or more: the newest is what the scene is now")
        with self._lock:
            oldest = max(self._oldest, len(self._revisions) - keep)
            forget(oldest, self._makers_since(oldest))
            for number in range(self._oldest, oldest):
                self._revisions[number] = replace(self._revisions[number], changed=frozenset())
            self._oldest = oldest
            for content in [content for content in self._snapshots if self._holder(content) is None]:
                del self._snapshots[content]
            return oldest

    def _makers_since(self, oldest: int) -> tuple[Revision, ...]:
        """All revisions that are in the lineage of any revision from `oldest` on."""
        undo: list[int] = []
        redo: list[int] = []
        makers: set[int] = set()
        for revision in self._revisions:
            _step(undo, redo, revision)
            if revision.number >= oldest:
                makers.update(undo if revision.number == oldest else undo[-1:])  # nothing but the top is new to a lineage
        return tuple(self._revisions[number] for number in sorted(makers))

    def _holder(self, content: int) -> int | None:
        """A revision from which that content can be had; None = it was pruned."""
        if content == 0 or content >= self._oldest:
            return content
        kept = self._revisions[self._oldest :]
        return next((revision.number for revision in kept if revision.content_of == content), None)

    def at(self, number: int) -> Snapshot:
        """The snapshot of a revision, from this process or from the archive.

        Raises:
            NotFoundError: there is no such revision, or it was pruned.
        """
        with self._lock:
            self._check_exists(number)
            if 0 < number < self._oldest:
                raise pruned_error(number, self._oldest)
            return replace(self._content(self._revisions[number].content_of), revision=number)

    def _content(self, content: int) -> Snapshot:
        """What the revision of that number first had, be it from another that has it still."""
        snapshot = self._snapshots.get(content)
        if snapshot is None:
            holder = self._holder(content)
            if holder is None:
                raise pruned_error(content, self._oldest)
            snapshot = self._archive(holder)
            self._keep(content, snapshot)
        return snapshot

    def commit(
        self,
        update: Update,
        base: Snapshot,
        cause: Cause = Cause.TAKE,
        note: str = "",
        viewpoints_world: Points = _NOWHERE,
    ) -> Revision:
        """Apply an update that was computed from `base`; edits and locks made since then win.

        Args:
            viewpoints_world: (N, 3) where its cameras stood, metres: what is near them is the last to go when memory is full.
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
            health = dict(update.health)
            return self._advance(self._squeezed(snapshot, viewpoints_world, health), cause, note, clip=update.clip, health=health)

    def edit(self, edit: Edit) -> Revision:
        """Apply a designer's edit to the head."""
        with self._lock:
            snapshot = replace(apply_edit(self._head, edit), revision=len(self._revisions))
            health: dict[str, float] = {}
            return self._advance(self._squeezed(snapshot, _NOWHERE, health), Cause.EDIT, edit.describe(), health=health)

    def _squeezed(self, snapshot: Snapshot, viewpoints_world: Points, health: dict[str, float]) -> Snapshot:
        """The snapshot within the budget; if that cost points, health says how many."""
        fits = within_budget(self._head, snapshot, self._max_points, viewpoints_world)
        if fits is not snapshot:
            health["evicted_points"] = float(snapshot.points - fits.points)
        return fits

    def undo(self) -> Revision:
        """A new revision with the content before the last change.

        Raises:
            ConflictError: nothing to undo, or it was pruned.
        """
        with self._lock:
            if not self.can_undo:
                pruned = len(self._undo) > 1
                remedy = "what was before was pruned" if pruned else "this is the beginning of the session"
                raise ConflictError("there is nothing to undo", remedy)
            return self._travel(self._undo[-2], Cause.UNDO)

    def redo(self) -> Revision:
        """A new revision with the content that the last undo took away.

        Raises:
            ConflictError: nothing to redo, or it was pruned.
        """
        with self._lock:
            if not self.can_redo:
                raise ConflictError("there is nothing to redo", "redo is only possible right after undo")
            return self._travel(self._redo[-1], Cause.REDO)

    def _travel(self, content: int, cause: Cause) -> Revision:
        target = replace(self._content(content), revision=len(self._revisions))
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
