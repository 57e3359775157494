"""A snapshot's points in the order of its chunks' indexes, some tens of thousands at a time: what point formats are made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.export.base import Progress, Sink
from spatia_bridge.memory import Chunk, Snapshot
from spatia_bridge.memory.record import QUARTERS, FloatArray, Records, decode_footprint

BATCH_POINTS = 1 << 15  # a batch ends with the chunk that reaches this, so it has at most a chunk's 2^18 more
PIECE_BYTES = 1 << 20

Rows = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Some chunks' points, one after the other.

    Attributes:
        chunks: whose points they are, in order.
        points_world: float64 (N, 3) metres.
        records: RECORD (N,).
        voxel_sizes_m: float32 (N,), of each point's own chunk.
    """

    chunks: tuple[Chunk, ...]
    points_world: npt.NDArray[np.float64]
    records: Records
    voxel_sizes_m: FloatArray

    def __len__(self) -> int:
        return len(self.records)

    @property
    def diameters_m(self) -> FloatArray:
        """Footprints float32 (N,) in metres."""
        return np.asarray(decode_footprint(self.records["footprint"]) * self.voxel_sizes_m)


def check_points(snapshot: Snapshot) -> int:
    """How many points there are. Raises InvalidInputError: none."""
    if not snapshot.points:
        raise InvalidInputError("the memory is empty, there is nothing to export", "seed the session first")
    return snapshot.points


def batches(snapshot: Snapshot) -> Iterator[Batch]:
    """All points, chunks in the order of their indexes: equal memory gives equal batches."""
    chunks: list[Chunk] = []
    count = 0
    for index in sorted(snapshot.chunks):
        chunks.append(snapshot.chunks[index])
        count += len(chunks[-1])
        if count >= BATCH_POINTS:
            yield _batch(chunks, snapshot.voxel_size_m)
            chunks, count = [], 0
    if chunks:
        yield _batch(chunks, snapshot.voxel_size_m)


def _batch(chunks: list[Chunk], base_m: float) -> Batch:
    lengths = [len(chunk) for chunk in chunks]
    records = np.concatenate([chunk.records for chunk in chunks])
    sizes = np.repeat([chunk.voxel_size_m(base_m) for chunk in chunks], lengths)
    points = np.repeat([chunk.origin_world(base_m) for chunk in chunks], lengths, axis=0)
    points += (records["xyz"] + 0.5) * (sizes / QUARTERS)[:, None]
    return Batch(tuple(chunks), points, records, sizes.astype(np.float32))


def bounds_world(snapshot: Snapshot) -> npt.NDArray[np.float64]:
    """The low and the high corner (2, 3) in metres of the points' own bounds: exactly the least and greatest of each axis."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for chunk in snapshot.chunks.values():
        origin, quarter = chunk.origin_world(snapshot.voxel_size_m), chunk.voxel_size_m(snapshot.voxel_size_m) / QUARTERS
        xyz = chunk.records["xyz"]
        low = np.minimum(low, origin + (xyz.min(axis=0) + 0.5) * quarter)
        high = np.maximum(high, origin + (xyz.max(axis=0) + 0.5) * quarter)
    return np.array([low, high])


def write_rows(
    snapshot: Snapshot,
    rows_of: Callable[[Batch], Rows],
    sink: Sink,
    progress: Progress,
    done: int = 0,
    total: int = 0,
) -> int:
    """Give the bytes of each batch's rows (N, …) to `sink`, in pieces; how many points are done then.

    Args:
        done, total: where progress begins and ends, for a file that goes over the points several times; total 0 = the points.
    """
    total = total or snapshot.points
    progress(done, total)
    for batch in batches(snapshot):
        rows = rows_of(batch)
        step = max(PIECE_BYTES // (rows.nbytes // len(rows)), 1)
        for start in range(0, len(rows), step):
            sink(rows[start : start + step].tobytes())
        done += len(batch)
        progress(done, total)
    return done
