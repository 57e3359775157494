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
    """

    name: str
    suffix: str

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """Give the file to `sink`, in order, in pieces of at most some megabytes, in the axes and units of `engine`.

        The same snapshot and engine give the same bytes. Whatever `sink` or `progress` raises goes through, which is how a caller
        cancels.

        Raises:
            InvalidInputError: the snapshot has no points.
        """
        ...


def _exporters() -> dict[str, Exporter]:
    from spatia_bridge.export.ply import PlyExporter  # here, since it needs this module

    every: list[Exporter] = [PlyExporter()]
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
