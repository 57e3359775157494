"""The fast path: compiled splatting over bands of rows, on all cores."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import kernels, splat
from spatia_bridge.render.cores import core_count, for_all
from spatia_bridge.render.cull import Selection, TableCache, batches, select
from spatia_bridge.render.renderer import ProjectionVideo

PIXEL_ROW_WORK = 100  # clearing a row of pixels, in points
MIN_BAND_ROWS = 16
EVEN_BANDS = 2  # a worker: cheap to cut, and no core waits long for a slower one
SCRATCH_KEPT = 2


class CpuRenderer:
    """A Renderer that draws a few million points in some milliseconds.

    Any number of threads may call it at once; each call owns its buffers. The first call of all compiles the kernels (seconds;
    kept on disk), the first call with a snapshot looks once at each chunk that it has not met.
    """

    def __init__(self) -> None:
        self._tables = TableCache()
        self._scratch: list[tuple[kernels.Words, kernels.Words]] = []
        self._lock = threading.Lock()

    def project(self, base: Snapshot, cameras: Sequence[Camera]) -> ProjectionVideo:
        return ProjectionVideo(partial(self.render, base), cameras)

    def render(self, base: Snapshot, camera: Camera) -> Projection:
        k, canvas = camera.intrinsics, splat.canvas(camera)
        table = self._tables.get(base)
        seen = select(table, canvas)
        lens = splat.Lens.of(canvas.intrinsics).as_array()
        colour = np.empty((k.height, k.width, 3), np.uint8)
        depth = np.empty((k.height, k.width), np.float32)
        coverage = np.empty((k.height, k.width), np.bool_)
        confidence = np.empty((k.height, k.width), np.uint8)
        addresses, height, width = table.addresses[seen.rows], canvas.intrinsics.height, canvas.intrinsics.width
        with self._canvas(height * width) as (cells, homes):
            for batch in batches(seen):

                def draw(band: tuple[int, int], batch: slice = batch) -> None:
                    if not batch.start:
                        kernels.clear_band(*band, width, cells)
                    kernels.splat_band(
                        addresses[batch],
                        seen.takes[batch],
                        seen.widest_px[batch],
                        seen.radius_m[batch],
                        seen.camera_from_quarters[batch],
                        seen.bounds_px[batch],
                        seen.max_key[batch],
                        seen.camera_from_world,
                        lens,
                        splat.FOOTPRINT_VOXELS,
                        *band,
                        width,
                        cells,
                        homes,
                    )

                def gather(band: tuple[int, int]) -> None:
                    kernels.gather_band(homes, *band, width, seen.camera_from_world, lens, cells)

                for_all(draw, _bands(seen, batch, height))
                if seen.widest_px[batch].any():
                    for_all(gather, _even_bands(height))

            def resolve(band: tuple[int, int]) -> None:
                kernels.resolve_band(cells, *band, splat.gap_step(k), colour, depth, coverage, confidence)

            for_all(resolve, _even_bands(height))
        return Projection(camera, colour, depth, coverage, confidence)

    @contextmanager
    def _canvas(self, count: int) -> Iterator[tuple[kernels.Words, kernels.Words]]:
        """Cells and homes for one call, reused by later ones: fresh pages would cost more than drawing into them."""
        with self._lock:
            fitting = [i for i, (cells, _) in enumerate(self._scratch) if len(cells) == count * kernels.CELL_WORDS]
            scratch = self._scratch.pop(fitting[-1]) if fitting else None
        if scratch is None:
            scratch = np.zeros(count * kernels.CELL_WORDS, np.uint32), np.zeros(count * kernels.CELL_WORDS, np.uint32)
        try:
            yield scratch
        finally:
            with self._lock:
                self._scratch = [*self._scratch, scratch][-SCRATCH_KEPT:]


def _bands(seen: Selection, batch: slice, height: int) -> list[tuple[int, int]]:
    """Bands of rows with about the same number of points to draw, one a worker; where they lie changes no pixel."""
    tops, bottoms = seen.bounds_px[batch, 1], seen.bounds_px[batch, 3]
    a_row = seen.work[batch] / np.maximum(bottoms - tops, 1)
    change = np.bincount(tops, a_row, height + 1) - np.bincount(bottoms, a_row, height + 1)
    return _cut(np.cumsum(change[:height]) + PIXEL_ROW_WORK, 1)


def _even_bands(height: int) -> list[tuple[int, int]]:
    return _cut(np.ones(height), EVEN_BANDS)


def _cut(work: npt.NDArray[np.float64], a_worker: int) -> list[tuple[int, int]]:
    """So many bands a worker, with about the same work, given the work of every row."""
    height, done = len(work), np.cumsum(work)
    count = max(1, min(core_count() * a_worker, height // MIN_BAND_ROWS))
    inner = np.searchsorted(done, done[-1] * np.arange(1, count) / count)
    edges = [0, *(int(edge) for edge in inner), height]
    return [(low, high) for low, high in pairwise(edges) if low < high]
