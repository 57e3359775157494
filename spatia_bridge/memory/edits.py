"""What a designer does to memory by hand. An edit takes a snapshot and gives the next one; it never touches chunks in place."""

from dataclasses import dataclass

from spatia_bridge.errors import InvalidInputError, LimitExceededError, NotFoundError
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.regions import Region, contained_in_any
from spatia_bridge.memory.snapshot import Snapshot

MAX_REGIONS = 1024  # locks and tombstones each: every update tests its points against all of them


def _check_room(regions: tuple[Region, ...], name: str) -> None:
    if len(regions) >= MAX_REGIONS:
        raise LimitExceededError(f"this session already has {MAX_REGIONS} {name}", "undo or unlock some first")


@dataclass(frozen=True, eq=False)
class RemoveRegion:
    """Delete the points inside a region, except locked ones, and leave a tombstone: no update writes there again."""

    region: Region

    def apply(self, base: Snapshot) -> Snapshot:
        _check_room(base.tombstones, "removed regions")
        changes: dict[ChunkIndex, Chunk | None] = {}
        for index in base.chunks_in(self.region):
            chunk = base.chunks[index]
            points = chunk.points_world(base.voxel_size_m)
            gone = self.region.contains(points) & ~contained_in_any(base.locks, points)
            if gone.all():
                changes[index] = None
            elif gone.any():
                changes[index] = Chunk(index, chunk.records[~gone])
        return base.with_changes(changes, tombstones=(*base.tombstones, self.region))

    def describe(self) -> str:
        return f"remove {type(self.region).__name__.lower()}"


@dataclass(frozen=True, eq=False)
class LockRegion:
    """Protect what is inside a region from every later update and removal."""

    region: Region

    def apply(self, base: Snapshot) -> Snapshot:
        _check_room(base.locks, "locks")
        return base.with_changes({}, locks=(*base.locks, self.region))

    def describe(self) -> str:
        return f"lock {type(self.region).__name__.lower()}"


@dataclass(frozen=True, eq=False)
class UnlockRegion:
    """Lift a lock; `number` is its 0-based place among the snapshot's locks."""

    number: int

    def apply(self, base: Snapshot) -> Snapshot:
        if not 0 <= self.number < len(base.locks):
            raise NotFoundError(f"there is no lock {self.number}", f"this scene has {len(base.locks)} locks")
        return base.with_changes({}, locks=base.locks[: self.number] + base.locks[self.number + 1 :])

    def describe(self) -> str:
        return f"unlock region {self.number}"


Edit = RemoveRegion | LockRegion | UnlockRegion


def apply_edit(base: Snapshot, edit: Edit) -> Snapshot:
    """The snapshot after one edit.

    Raises:
        InvalidInputError: memory is empty; NotFoundError, LimitExceededError: by the edit.
    """
    if not base.chunks and isinstance(edit, RemoveRegion):
        raise InvalidInputError("memory is empty, there is nothing to remove", "seed the session first")
    return edit.apply(base)
