"""The fast path: compiled splatting over bands of rows, on all cores."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial

import numpy as np

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import kernels, splat
from spatia_bridge.render.cull import TableCache, select
from spatia_bridge.render.renderer import ProjectionVideo

BANDS_PER_WORKER = 2  # so that a busy band (a near wall below, sky above) does not keep the others waiting
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

    Any number of threads may call it at once; each call owns its buffers. The first call of all compiles the kernel (seconds; kept
    on disk), the first call with a snapshot looks once at each chunk that it has not met.
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
            list(_workers().map(draw, _bands(k.height)))
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


def _bands(height: int) -> list[tuple[int, int]]:
    count = max(1, min(BANDS_PER_WORKER * _worker_count(), height // MIN_BAND_ROWS))
    edges = [height * i // count for i in range(count + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))
