"""PLY as point importers want it: binary little endian, the vertex element first and alone, line feeds, no comments.

The layout is Pcx's (Unity), which is also what open3d, MeshLab and CloudCompare read. Pcx changes no axes, so the points are
written in the engine's own.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Chunk, Snapshot

_VERTEX = np.dtype([("xyz", "<f4", (3,)), ("rgba", "u1", (4,))])  # 16 bytes
_POINTS_A_PIECE = 1 << 16


def header(points: int) -> bytes:
    """The PLY header for so many vertices."""
    properties = [f"property float {axis}" for axis in "xyz"]
    properties += [f"property uchar {channel}" for channel in ("red", "green", "blue", "alpha")]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points}", *properties, "end_header", ""]
    return "\n".join(lines).encode("ascii")


def vertices(chunk: Chunk, base_m: float, engine: Engine) -> npt.NDArray[np.void]:
    """The chunk's points as PLY rows (N,): float32 positions in the engine's axes and units, colours, alpha 255."""
    rows = np.empty(len(chunk), _VERTEX)
    rows["xyz"] = engine.convention.points_from_world(chunk.points_world(base_m))
    rows["rgba"][:, :3] = chunk.records["rgb"]
    rows["rgba"][:, 3] = 255
    return rows


def _pieces(rows: npt.NDArray[np.void]) -> Iterator[npt.NDArray[np.void]]:
    for start in range(0, len(rows), _POINTS_A_PIECE):
        yield rows[start : start + _POINTS_A_PIECE]


class PlyExporter:
    """Points with colours. Locks, tombstones, normals and confidences stay behind."""

    name = "ply"
    suffix = ".ply"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write. Chunks go in the order of their indexes, so equal memory gives an equal file."""
        if not snapshot.points:
            raise InvalidInputError("the memory is empty, there is nothing to export", "seed the session first")
        sink(header(snapshot.points))
        done = 0
        progress(done, snapshot.points)
        for index in sorted(snapshot.chunks):
            for piece in _pieces(vertices(snapshot.chunks[index], snapshot.voxel_size_m, engine)):
                sink(piece.tobytes())
                done += len(piece)
            progress(done, snapshot.points)
