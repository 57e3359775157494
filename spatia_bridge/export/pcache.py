"""Unity's point cache (`.pcache`), which its Visual Effect Graph reads: binary, line feeds, Unity's axes and metres.

Colours are `uchar`, which the importer stores as an sRGB texture: they come out right in linear and in gamma projects. It stores
positions as half floats whatever the file says: at 10 m from the origin a step is 8 mm, at 100 m 6 cm.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, check_points, write_rows
from spatia_bridge.export.ply import vertices
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot

_PROPERTIES = [f"float position.{axis}" for axis in "xyz"] + [f"uchar color.{channel}" for channel in "rgba"]


def header(points: int) -> bytes:
    """Of so many points."""
    lines = ["pcache", "format binary 1.0", f"elements {points}", *(f"property {each}" for each in _PROPERTIES)]
    return "\n".join([*lines, "end_header", ""]).encode("ascii")


def _rows(batch: Batch) -> npt.NDArray[np.void]:
    return vertices(batch, Engine.UNITY.convention)  # the rows of a PLY


class PcacheExporter:
    """Points with colours."""

    name = "pcache"
    suffix = ".pcache"
    axes = "Unity's axes, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write."""
        sink(header(check_points(snapshot)))
        write_rows(snapshot, _rows, sink, progress)
