"""Unity's point cache (`.pcache`), which its Visual Effect Graph reads: binary, line feeds, Unity's axes and metres.

Everything is `float`: `PCache.cs`, which reads for the importer, refuses the `uchar` that the importer would take. It keeps half
floats: at 10 m from the origin a step is 8 mm, at 100 m 6 cm. Colours are linear, as the graph reckons with them in a linear
project, which HDRP always and URP by default is; a gamma project shows them too dark.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, check_points, write_rows
from spatia_bridge.export.gltf import LINEAR_FROM_SRGB
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot

_PROPERTIES = [*(f"position.{axis}" for axis in "xyz"), *(f"color.{channel}" for channel in "rgba")]


def header(points: int) -> bytes:
    """Of so many points."""
    lines = ["pcache", "format binary 1.0", f"elements {points}", *(f"property float {each}" for each in _PROPERTIES)]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def _rows(batch: Batch) -> npt.NDArray[np.float32]:
    rows = np.ones((len(batch), len(_PROPERTIES)), "<f4")
    rows[:, :3] = Engine.UNITY.convention.points_from_world(batch.points_world)
    rows[:, 3:6] = LINEAR_FROM_SRGB[batch.records["rgb"]]
    return rows


class PcacheExporter:
    """Points with colours."""

    name = "pcache"
    suffix = ".pcache"
    axes = "Unity's axes, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write."""
        sink(header(check_points(snapshot)))
        write_rows(snapshot, _rows, sink, progress)
