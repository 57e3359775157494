"""LAS 1.2, point format 2 (ASPRS, "LAS Specification Version 1.2", 2008): what surveying tools and Unreal's LiDAR plug-in read.

Metres, x forward, y left, z up, offset 0. Unreal's importer makes (X, −Y, Z) · 100 of it, which are Unreal's own axes and units;
it puts its first point at the origin until `RestoreOriginalCoordinates` is called. Colours are c · 257, in 16 bits; intensity is
the confidence, in the same way. The file names no day, so that equal memory gives an equal file.
"""

import struct

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import LimitExceededError
from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, bounds_world, check_points, write_rows
from spatia_bridge.geometry.conventions import Z_UP, Engine
from spatia_bridge.memory import Snapshot
from spatia_bridge.memory.record import QUARTERS

HEADER = struct.Struct("<4sHH16sBB32s32sHHHIIBHI5I12d")
POINT = np.dtype(
    [
        ("xyz", "<i4", (3,)),
        ("intensity", "<u2"),
        ("returns", "u1"),
        ("classification", "u1"),
        ("scan_angle", "i1"),
        ("user_data", "u1"),
        ("source_id", "<u2"),
        ("rgb", "<u2", (3,)),
    ]
)
assert HEADER.size == 227 and POINT.itemsize == 26
_FIRST_OF_ONE = 1 | 1 << 3
_MAX_POINTS = (1 << 32) - 1


def step_m(snapshot: Snapshot, furthest_m: float) -> float:
    """The scale factor: the power of ten that is a quarter of the finest quantum or less, unless that does not fit 32 bits."""
    step = 10.0 ** np.floor(np.log10(snapshot.voxel_size_m / QUARTERS / 4))
    return float(max(step, 10.0 ** np.ceil(np.log10(max(furthest_m, 1e-9) / (2**31 - 2)))))


def header(points: int, step: float, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> bytes:
    """Of so many points; low and high (3,) are the least and greatest coordinates in steps."""
    bounds = np.stack([high, low], axis=1) * step  # max x, min x, max y, …
    return HEADER.pack(
        b"LASF", 0, 0, bytes(16), 1, 2, b"spatia-bridge", b"spatia-bridge", 0, 0, HEADER.size, HEADER.size, 0, 2,
        POINT.itemsize, points, points, 0, 0, 0, 0, step, step, step, 0.0, 0.0, 0.0, *bounds.ravel(),
    )  # fmt: skip


def _steps(points_world: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    return np.asarray(np.rint(Z_UP.points_from_world(points_world) / step))


def _rows(batch: Batch, step: float) -> npt.NDArray[np.void]:
    rows = np.zeros(len(batch), POINT)
    rows["xyz"] = _steps(batch.points_world, step)
    rows["intensity"] = batch.records["confidence"].astype(np.uint16) * 257
    rows["returns"] = _FIRST_OF_ONE
    rows["rgb"] = batch.records["rgb"].astype(np.uint16) * 257
    return rows


class LasExporter:
    """Points with colours and confidences."""

    name = "las"
    suffix = ".las"
    axes = "x forward, y left, z up, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write."""
        points = check_points(snapshot)
        if points > _MAX_POINTS:
            raise LimitExceededError(f"the memory has {points} points", f"LAS 1.2 holds {_MAX_POINTS}: export as ply")
        bounds = bounds_world(snapshot)
        step = step_m(snapshot, float(np.abs(bounds).max()))
        corners = _steps(bounds, step).astype(np.int64)
        sink(header(points, step, corners.min(axis=0), corners.max(axis=0)))
        write_rows(snapshot, lambda batch: _rows(batch, step), sink, progress)
