"""The fast path: compiled splatting over bands of rows, on all cores."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise

import numpy as np

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import kernels, splat
from spatia_bridge.render.cull import Selection, TableCache, select
from spatia_bridge.render.renderer import ProjectionVideo

PIXEL_ROW_WORK = 200  # clearing and unpacking a row of pixels, in points
MIN_BAND_ROWS = 16
SCRATCH_KEPT = 4


@cache
def _workers() -> ThreadPoolExecutor:
    """One pool for all renderers of the process: a core a thread, whoever calls."""
    return ThreadPoolExecutor(_worker_count(), thread_name_prefix="render")


def _worker_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CpuRenderer:
    """A Renderer that draws a few million points in some milliseconds.

    Any number of threads may call it at once; each call owns its buffers. The first call of all compiles the kernels (seconds;
    kept on disk), the first call with a snapshot looks once at each chunk that it has not met.
    """

    def __init__(self) -> None:
        self._tables = TableCache()
        self._scratch: list[kernels.Cells] = []
        self._lock = threading.Lock()

    def project(self, base: Snapshot, cameras: Sequence[Camera]) -> ProjectionVideo:
        return ProjectionVideo(partial(self.render, base), cameras)

    def render(self, base: Snapshot, camera: Camera) -> Projection:
        k = camera.intrinsics
        table = self._tables.get(base)
        seen = select(table, camera)
        lens = splat.Lens.of(k).as_array()
        colour = np.empty((k.height, k.width, 3), np.uint8)
        depth = np.empty((k.height, k.width), np.float32)
        coverage = np.empty((k.height, k.width), np.bool_)
        confidence = np.empty((k.height, k.width), np.uint8)
        rows, width = table.addresses[seen.rows], k.width
        with self._cells(kernels.cells_needed(k.height, k.width)) as cells:

            def draw(band: tuple[int, int]) -> None:
                kernels.splat_band(
                    rows,
                    seen.takes,
                    seen.radius_m,
                    seen.camera_from_quarters,
                    seen.bounds_px,
                    seen.max_key,
                    seen.camera_from_world,
                    lens,
                    splat.FOOTPRINT_VOXELS,
                    *band,
                    width,
                    cells,
                )
                kernels.resolve_band(cells, *band, colour, depth, coverage, confidence)

            # list() raises what a band raised; the table, and with it the records, lives until all bands are done
            list(_workers().map(draw, _bands(seen, k.height)))
        return Projection(camera, colour, depth, coverage, confidence)

    @contextmanager
    def _cells(self, count: int) -> Iterator[kernels.Cells]:
        """Scratch for one call, reused by later ones: fresh pages would cost more than drawing into them."""
        with self._lock:
            fitting = [i for i, cells in enumerate(self._scratch) if len(cells) == count]
            cells = self._scratch.pop(fitting[-1]) if fitting else None
        if cells is None:
            cells = np.empty(count, kernels.CELL)
        try:
            yield cells
        finally:
            with self._lock:
                self._scratch = [*self._scratch, cells][-SCRATCH_KEPT:]


def _bands(seen: Selection, height: int) -> list[tuple[int, int]]:
    """Bands of rows with about the same number of points to draw, one a worker; where they lie changes no pixel."""
    tops, bottoms = seen.bounds_px[:, 1], seen.bounds_px[:, 3]
    a_row = seen.takes / np.maximum(bottoms - tops, 1)
    change = np.bincount(tops, a_row, height + 1) - np.bincount(bottoms, a_row, height + 1)
    work = np.cumsum(np.cumsum(change[:height]) + PIXEL_ROW_WORK)
    count = max(1, min(_worker_count(), height // MIN_BAND_ROWS))
    inner = np.searchsorted(work, work[-1] * np.arange(1, count) / count)
    edges = [0, *(int(edge) for edge in inner), height]
    return [(low, high) for low, high in pairwise(edges) if low < high]
