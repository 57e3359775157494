"""The order in which chunks are sent: coarse parts of everything before the fine rest; in view first, then near ones.

Everything is in arrays, so that a new order for tens of thousands of chunks takes milliseconds; it is made when the view or what
waits has changed, for the best few hundred only, and then popped.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Camera
from spatia_bridge.link.limits import RESORT_SECS
from spatia_bridge.memory.chunk import ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE

_DEAD, _COARSE, _FINE = 0, 1, 2
_BATCH = 512
_OUT_OF_VIEW_M = 1e8  # added to the distance: beyond every distance there is

FloatArray = npt.NDArray[np.float64]


def spheres_in_view(camera: Camera, centres_world: FloatArray, radii_m: FloatArray) -> npt.NDArray[np.bool_]:
    """bool (N,): which spheres, centres (3, N) and radii (N,), meet the camera's pyramid; also some just outside its corners."""
    k = camera.intrinsics
    right, down = (k.width - k.cx) / k.fx, (k.height - k.cy) / k.fy
    left, up = k.cx / k.fx, k.cy / k.fy
    # inward normals of the four sides; the fifth plane is the camera's own, z = 0
    sides = np.array([(1, 0, left), (-1, 0, right), (0, 1, up), (0, -1, down), (0, 0, 1)], np.float64)
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    seen = np.ones(len(radii_m), bool)
    for normal in sides @ camera.world_from_camera[:3, :3].T:  # one product for all five is ten times slower: BLAS hates 5×3
        seen &= normal @ centres_world + radii_m >= normal @ camera.position_world
    return seen


class Backlog:
    """The chunks that wait to be sent, each coarse (nothing of it sent yet) or fine."""

    def __init__(self, voxel_size_m: float) -> None:
        self._voxel_size_m = voxel_size_m
        self._row: dict[ChunkIndex, int] = {}
        self._indexes: list[ChunkIndex] = []
        self._centres = np.empty((3, 0))  # of the first rows: those placed so far
        self._radii = np.empty(0)
        self._state = np.empty(0, np.uint8)
        self._camera: Camera | None = None
        self._ready: list[int] = []  # rows, best last
        self._ready_state = _COARSE
        self._stale = True
        self._view_moved = False
        self._sorted_at = -np.inf

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, index: ChunkIndex) -> bool:
        return index in self._row

    def __iter__(self) -> Iterator[ChunkIndex]:
        """In no order."""
        return iter(self._row)

    def look(self, camera: Camera) -> None:
        """The client's camera is here now."""
        self._camera = camera
        self._view_moved = True

    def rescale(self, voxel_size_m: float) -> None:
        """Chunks lie elsewhere: another voxel size."""
        self._voxel_size_m = voxel_size_m
        self._centres, self._radii = np.empty((3, 0)), np.empty(0)
        self._stale = True

    def add(self, indexes: Sequence[ChunkIndex]) -> None:
        """These chunks wait from their first point on."""
        new: list[ChunkIndex] = []
        for index in indexes:
            row = self._row.get(index)
            if row is None:
                self._row[index] = len(self._indexes) + len(new)
                new.append(index)
            else:
                self._state[row] = _COARSE
        self._indexes += new
        self._state = np.concatenate([self._state, np.full(len(new), _COARSE, np.uint8)])
        self._stale = True

    def discard(self, index: ChunkIndex) -> None:
        """This chunk waits no longer, if it did."""
        row = self._row.pop(index, None)
        if row is not None:
            self._state[row] = _DEAD
            if len(self._indexes) > 2 * len(self._row) + 1024:
                self._compact()

    def refine(self, index: ChunkIndex) -> None:
        """This chunk's coarse part is sent, the rest waits."""
        self._state[self._row[index]] = _FINE

    def first(self, now: float) -> ChunkIndex | None:
        """The chunk to send from next, None if none waits."""
        if not self._row:
            return None
        if self._stale or (self._view_moved and now - self._sorted_at >= RESORT_SECS):
            self._sort(now)
        for _ in range(2):
            while self._ready:
                row = self._ready[-1]
                if self._state[row] == self._ready_state:
                    return self._indexes[row]
                self._ready.pop()
            self._sort(now)  # the batch is used up
        return None

    def upcoming(self, now: float) -> Iterator[ChunkIndex]:
        """The chunks to send from next, in order: `first`, and what is known to follow it.

        Each may be refined or discarded as soon as it is given; nothing may be added meanwhile.
        """
        if self.first(now) is not None:
            for row in reversed(self._ready):
                if self._state[row] == self._ready_state:
                    yield self._indexes[row]

    def _sort(self, now: float) -> None:
        """Fill `_ready` with the best rows of the better state that there is."""
        self._place()
        self._stale = self._view_moved = False
        self._sorted_at = now
        rows = np.flatnonzero(self._state == _COARSE)
        self._ready_state = _COARSE if len(rows) else _FINE
        if not len(rows):
            rows = np.flatnonzero(self._state == _FINE)
        scores = self._scores(rows)
        if len(rows) > _BATCH:
            best = np.argpartition(scores, _BATCH)[:_BATCH]
            rows, scores = rows[best], scores[best]
        self._ready = rows[np.argsort(scores, kind="stable")[::-1]].tolist()

    def _scores(self, rows: npt.NDArray[np.intp]) -> FloatArray:
        centres, radii = np.take(self._centres, rows, axis=1), self._radii[rows]
        eye = np.zeros(3) if self._camera is None else self._camera.position_world
        squared = np.einsum("ij,ij->j", centres, centres) - 2 * (eye @ centres) + eye @ eye
        distances = np.sqrt(np.maximum(squared, 0)) - radii
        if self._camera is not None:
            distances[~spheres_in_view(self._camera, centres, radii)] += _OUT_OF_VIEW_M
        return np.asarray(distances)

    def _place(self) -> None:
        """Compute where the chunks lie that came since it was last done. Not before an order is wanted: mostly none is."""
        first = len(self._radii)
        if first < len(self._indexes):
            index = np.array(self._indexes[first:], np.float64)  # (N, 4): level, x, y, z
            sides = CHUNK_SIDE * self._voxel_size_m * np.exp2(index[:, 0])
            self._centres = np.concatenate([self._centres, (index[:, 1:] + 0.5).T * sides], axis=1)
            self._radii = np.concatenate([self._radii, sides * (np.sqrt(3) / 2)])

    def _compact(self) -> None:
        """Forget the rows of chunks that were sent."""
        self._place()
        alive = np.flatnonzero(self._state)
        self._indexes = [self._indexes[row] for row in alive]
        self._row = {index: row for row, index in enumerate(self._indexes)}
        self._centres, self._radii, self._state = self._centres[:, alive], self._radii[alive], self._state[alive]
        self._ready.clear()
