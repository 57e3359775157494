"""The fast path: compiled splatting over bands of rows, on all cores."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import kernels, splat
from spatia_bridge.render.cull import TableCache, select
from spatia_bridge.render.renderer import ProjectionVideo

BANDS_PER_WORKER = 4  # so that a busy band (a near wall below, sky above) does not keep the others waiting
MIN_BAND_ROWS = 16
SCRATCH_KEPT = 4

Planes = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.uint32]]


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
        self._scratch: list[Planes] = []
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
        with self._planes(k.height, k.width) as planes:

            def draw(band: tuple[int, int]) -> None:
                kernels.splat_band(
                    table.addresses[seen.rows],
                    seen.takes,
                    seen.radius_m,
                    seen.camera_from_quarters,
                    seen.bounds_px,
                    seen.max_key,
                    seen.camera_from_world,
                    lens,
                    splat.FOOTPRINT_VOXELS,
                    band,
                    *planes,
                )
                kernels.resolve_band(*planes, band, colour, depth, coverage, confidence)

            # list() re-raises what a band raised; the table, and with it the records, lives until all bands are done
            list(_workers().map(draw, _bands(k.height)))
        return Projection(camera, colour, depth, coverage, confidence)

    @contextmanager
    def _planes(self, height: int, width: int) -> Iterator[Planes]:
        """Buffers (H, W) of this size for one call, reused: fresh pages would cost more than drawing into them."""
        with self._lock:
            fitting = [i for i, planes in enumerate(self._scratch) if planes[0].shape == (height, width)]
            planes = self._scratch.pop(fitting[-1]) if fitting else None
        if planes is None:
            shape = (height, width)
            planes = (np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint32))
        try:
            yield planes
        finally:
            with self._lock:
                self._scratch = [*self._scratch, planes][-SCRATCH_KEPT:]


def _bands(height: int) -> list[tuple[int, int]]:
    count = max(1, min(BANDS_PER_WORKER * _worker_count(), height // MIN_BAND_ROWS))
    edges = [height * i // count for i in range(count + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))
