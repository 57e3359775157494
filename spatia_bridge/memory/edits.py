"""What a designer does to memory by hand. An edit takes a snapshot and gives the next one; it never touches chunks in place."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, LimitExceededError, NotFoundError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.placing import by_chunk, gather, level_of, put
from spatia_bridge.memory.record import RECORD, decode_normals, encode_footprint, encode_normals
from spatia_bridge.memory.regions import Region, contained_in_any
from spatia_bridge.memory.snapshot import Snapshot

MAX_REGIONS = 1024  # locks and tombstones each: every update tests its points against all of them
MAX_INSERTED = 1_000_000
VOXEL_SIZE_RANGE_M = (1e-5, 100.0)


def _check_room(regions: tuple[Region, ...], name: str) -> None:
    if len(regions) >= MAX_REGIONS:
        raise LimitExceededError(f"this session already has {MAX_REGIONS} {name}", "undo or unlock some first")


def _inside(base: Snapshot, region: Region) -> dict[ChunkIndex, npt.NDArray[np.bool_]]:
    """For each chunk with any: which of its points lie in the region and are not locked."""
    found = {}
    for index in base.chunks_in(region):
        points = base.chunks[index].points_world(base.voxel_size_m)
        inside = region.contains(points) & ~contained_in_any(base.locks, points)
        if inside.any():
            found[index] = inside
    return found


def _without(base: Snapshot, rows: dict[ChunkIndex, npt.NDArray[np.bool_]]) -> dict[ChunkIndex, Chunk | None]:
    return {index: None if gone.all() else Chunk(index, base.chunks[index].records[~gone]) for index, gone in rows.items()}


@dataclass(frozen=True, eq=False)
class RemoveRegion:
    """Delete the points inside a region, except locked ones, and leave a tombstone: no update writes there again."""

    region: Region

    def apply(self, base: Snapshot) -> Snapshot:
        _check_room(base.tombstones, "removed regions")
        changes = _without(base, _inside(base, self.region))
        return base.with_changes(changes, tombstones=(*base.tombstones, self.region))

    def describe(self) -> str:
        return f"remove {type(self.region).__name__.lower()}"


@dataclass(frozen=True, eq=False)
class MoveRegion:
    """Carry what is inside a region elsewhere by a rigid motion `to_from_here` (4, 4) of the world, or copy it there.

    A move leaves a tombstone, as a removal does; a copy leaves everything. What arrives takes its place from what was there,
    except from locked points.
    """

    region: Region
    to_from_here: se3.Array
    copy: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "to_from_here", se3.as_rigid(self.to_from_here, "motion"))

    def apply(self, base: Snapshot) -> Snapshot:
        rows = _inside(base, self.region)
        if not rows:
            raise InvalidInputError("there are no free points in the region", "put it around something that is not locked")
        points, levels, records = gather(base, rows)
        if not self.copy:
            _check_room(base.tombstones, "removed regions")
            base = base.with_changes(_without(base, rows), tombstones=(*base.tombstones, self.region))
        turned = records.copy()
        turned["normal"] = encode_normals(decode_normals(records["normal"]) @ self.to_from_here[:3, :3].T)
        arriving = by_chunk(se3.transform(self.to_from_here, points), levels, turned, base.voxel_size_m)
        return base.with_changes(put(base, arriving))

    def describe(self) -> str:
        return f"{'duplicate' if self.copy else 'move'} {type(self.region).__name__.lower()}"


@dataclass(frozen=True, eq=False)
class RecolourRegion:
    """Mix the colours inside a region with a colour: 0 leaves them, 1 paints over; light and dark stay as they were.

    Attributes:
        rgb: three numbers 0…255, sRGB.
        strength: 0…1.
    """

    region: Region
    rgb: tuple[int, int, int]
    strength: float = 1.0

    def __post_init__(self) -> None:
        if len(self.rgb) != 3 or not all(0 <= c <= 255 for c in self.rgb) or not 0 <= self.strength <= 1:
            raise InvalidInputError(f"colour {self.rgb} at strength {self.strength}", "use 0…255 and a strength of 0…1")

    def apply(self, base: Snapshot) -> Snapshot:
        changes: dict[ChunkIndex, Chunk | None] = {}
        weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
        for index, inside in _inside(base, self.region).items():
            records = base.chunks[index].records.copy()
            old = records["rgb"][inside].astype(np.float32)
            shade = (old @ weights) / max(float(np.array(self.rgb, np.float32) @ weights), 1.0)
            painted = np.array(self.rgb, np.float32) * shade[:, None]
            records["rgb"][inside] = np.clip(np.rint(old + self.strength * (painted - old)), 0, 255)
            changes[index] = Chunk(index, records, canonical=True)
        return base.with_changes(changes)

    def describe(self) -> str:
        return f"recolour {type(self.region).__name__.lower()}"


@dataclass(frozen=True, eq=False)
class InsertPoints:
    """Put points into memory: points_world (N, 3) metres, rgb uint8 (N, 3) sRGB, diameter_m float (N,) or one for all.

    They are as certain as what an engine showed. Into an empty scene the smaller ones of them bring the voxel size.
    """

    points_world: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.uint8]
    diameter_m: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.points_world)
        if not 1 <= count <= MAX_INSERTED or self.points_world.shape != (count, 3) or self.rgb.shape != (count, 3):
            raise InvalidInputError(
                f"points {self.points_world.shape} with colours {self.rgb.shape}",
                f"send 1 to {MAX_INSERTED} points, a colour each",
            )
        diameter = np.broadcast_to(np.asarray(self.diameter_m, np.float64), (count,))
        if not np.isfinite(self.points_world).all() or np.abs(self.points_world).max() > se3.MAX_COORDINATE_M:
            raise InvalidInputError("inserted points are not finite, or too far out", "send metres near the anchor")
        if not (np.isfinite(diameter).all() and (diameter > 0).all() and (diameter <= 1000).all()):
            raise InvalidInputError("a point's diameter is not positive metres", "send how far apart the points are")
        object.__setattr__(self, "diameter_m", diameter)

    def apply(self, base: Snapshot) -> Snapshot:
        if not base.chunks:
            base = replace(base, voxel_size_m=float(np.clip(np.quantile(self.diameter_m, 0.1), *VOXEL_SIZE_RANGE_M)))
        levels = level_of(self.diameter_m, base.voxel_size_m)
        records = np.zeros(len(levels), RECORD)
        records["footprint"] = encode_footprint(self.diameter_m / (base.voxel_size_m * np.exp2(levels)))
        records["rgb"] = self.rgb
        records["confidence"] = 255
        records["weight"] = 1
        records["normal"] = encode_normals(np.zeros((len(levels), 3)))
        return base.with_changes(put(base, by_chunk(self.points_world, levels, records, base.voxel_size_m)))

    def describe(self) -> str:
        return f"insert {len(self.points_world)} points"


@dataclass(frozen=True, eq=False)
class Realign:
    """Set the scene to size and upright: every point p becomes scale · rotation · p; regions and cameras of the past follow.

    Scale alone changes no chunk, since chunks count in voxels; a rotation finds every point a new voxel (O(memory), once).
    """

    now_from_before: Similarity

    def apply(self, base: Snapshot) -> Snapshot:
        change = self.now_from_before
        changes: dict[ChunkIndex, Chunk | None] = {}
        if change.turns and base.chunks:
            points, levels, records = gather(base, {i: np.ones(len(c), bool) for i, c in base.chunks.items()})
            turned = records.copy()
            turned["normal"] = encode_normals(decode_normals(records["normal"]) @ change.rotation.T)
            changes = {index: None for index in base.chunks}
            arriving = by_chunk(points @ change.rotation.T, levels, turned, base.voxel_size_m)
            changes.update({index: Chunk(index, found) for index, found in arriving.items()})
        snapshot = base.with_changes(
            changes,
            locks=tuple(region.realigned(change) for region in base.locks),
            tombstones=tuple(region.realigned(change) for region in base.tombstones),
        )
        voxel_size_m = base.voxel_size_m * change.scale
        return replace(snapshot, voxel_size_m=voxel_size_m, alignment=change @ base.alignment)

    def describe(self) -> str:
        turn = " and turn" if self.now_from_before.turns else ""
        return f"scale by {self.now_from_before.scale:.4g}{turn}"


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


Edit = RemoveRegion | MoveRegion | RecolourRegion | InsertPoints | LockRegion | UnlockRegion | Realign


def apply_edit(base: Snapshot, edit: Edit) -> Snapshot:
    """The snapshot after one edit.

    Raises:
        InvalidInputError: memory is empty; NotFoundError, LimitExceededError: by the edit.
    """
    if not base.chunks and isinstance(edit, RemoveRegion | MoveRegion | RecolourRegion | Realign):
        raise InvalidInputError("memory is empty, there is nothing to edit", "seed the session first")
    return edit.apply(base)
