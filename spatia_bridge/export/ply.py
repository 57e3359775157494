"""PLY as point importers want it: binary little endian, the vertex element first and alone, line feeds, no comments.

The layout is Pcx's (Unity), which is also what open3d, MeshLab and CloudCompare read. Pcx changes no axes, so the points are
written in the engine's own.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, check_points, write_rows
from spatia_bridge.geometry.conventions import Convention, Engine
from spatia_bridge.memory import Snapshot

_VERTEX = np.dtype([("xyz", "<f4", (3,)), ("rgba", "u1", (4,))])  # 16 bytes
_PROPERTIES = [f"float {axis}" for axis in "xyz"] + [f"uchar {channel}" for channel in ("red", "green", "blue", "alpha")]


def header(points: int, properties: Iterable[str]) -> bytes:
    """The PLY header for so many vertices with these properties, each its type and its name."""
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points}"]
    lines += [f"property {each}" for each in properties]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def vertices(batch: Batch, convention: Convention) -> npt.NDArray[np.void]:
    """PLY rows (N,): float32 positions in the convention's axes and units, sRGB colours, alpha 255."""
    rows = np.empty(len(batch), _VERTEX)
    rows["xyz"] = convention.points_from_world(batch.points_world)
    rows["rgba"][:, :3] = batch.records["rgb"]
    rows["rgba"][:, 3] = 255
    return rows


def write_ply(snapshot: Snapshot, convention: Convention, sink: Sink, progress: Progress = silent) -> None:
    """The whole file, as Exporter.write gives it, in any axes."""
    sink(header(check_points(snapshot), _PROPERTIES))
    write_rows(snapshot, lambda batch: vertices(batch, convention), sink, progress)


class PlyExporter:
    """Points with colours. Locks, tombstones, normals and confidences stay behind."""

    name = "ply"
    suffix = ".ply"
    axes = ""

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write."""
        write_ply(snapshot, engine.convention, sink, progress)
