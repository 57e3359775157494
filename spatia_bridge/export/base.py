"""What every exporter is: a snapshot in, pieces of one file out, in bounded memory."""

from collections.abc import Callable
from typing import Protocol

from spatia_bridge.errors import NotFoundError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot

Sink = Callable[[bytes], object]
Progress = Callable[[int, int], object]  # points done, points in all


def silent(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Exporter(Protocol):
    """One file format.

    Attributes:
        name: what users ask for, lower case.
        suffix: of files of this format, with the dot.
        axes: for a format that states its own axes and units, which those are, for people; empty = it takes the engine's.
    """

    name: str
    suffix: str
    axes: str

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """Give the file to `sink`, in order, in pieces of at most some megabytes.

        The points are in the axes and units of `engine`, unless the format states its own, which every importer then turns into
        its engine's. Chunks go in the order of their indexes: the same snapshot and engine give the same bytes. Whatever `sink`
        or `progress` raises goes through, which is how a caller cancels.

        Raises:
            InvalidInputError: the snapshot has no points.
            LimitExceededError: more than the format holds.
        """
        ...


def _exporters() -> dict[str, Exporter]:
    # here, since they need this module
    from spatia_bridge.export.glb import GlbExporter
    from spatia_bridge.export.las import LasExporter
    from spatia_bridge.export.mesh import ColliderExporter, MeshExporter
    from spatia_bridge.export.pcache import PcacheExporter
    from spatia_bridge.export.ply import PlyExporter
    from spatia_bridge.export.splat import SplatExporter
    from spatia_bridge.export.spz import SpzExporter

    every: list[Exporter] = [
        PlyExporter(),
        GlbExporter(),
        LasExporter(),
        PcacheExporter(),
        SplatExporter(),
        SpzExporter(),
        MeshExporter(),
        ColliderExporter(),
    ]
    return {one.name: one for one in every}


def exporter_names() -> tuple[str, ...]:
    """The formats that `exporter` knows."""
    return tuple(sorted(_exporters()))


def exporter(name: str) -> Exporter:
    """The exporter of a format.

    Raises:
        NotFoundError: there is none of that name.
    """
    try:
        return _exporters()[name.lower()]
    except KeyError:
        raise NotFoundError(f"there is no export format {name!r}", f"use one of: {', '.join(exporter_names())}") from None


def format_of(file_name: str, default: str = "ply") -> str:
    """The format whose suffix a file's name has, the longest that fits (`hall.splat.ply` is a splat); else the default."""
    fitting = [one for one in _exporters().values() if file_name.lower().endswith(one.suffix)]
    return max(fitting, key=lambda one: len(one.suffix)).name if fitting else default
