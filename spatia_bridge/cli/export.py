"""`spatia-bridge export`: a session's memory as a file, from a folder or from a running server, in bounded memory."""

import argparse
import asyncio
from pathlib import Path

from spatia_bridge.cli.place import Place, open_place
from spatia_bridge.cli.progress import Reporter, Stage, bytes_text
from spatia_bridge.export import atomic_file, exporter, format_of
from spatia_bridge.geometry.conventions import Engine


def run(args: argparse.Namespace) -> None:
    """Write the file and say where it is."""
    chosen = exporter(args.format or format_of(args.out or ""))
    out = Path(args.out or f"{args.session}{chosen.suffix}")
    size = asyncio.run(_export(args, chosen.name, out))
    print(f"{out}: {bytes_text(size)}, {chosen.axes or f'axes and units of {args.engine}'}")


async def _export(args: argparse.Namespace, format_name: str, out: Path) -> int:
    reporter = Reporter()
    async with open_place(args) as place:
        with reporter.stage(f"exporting {args.session}") as stage:
            return await save_export(place, args.session, format_name, Engine(args.engine), out, stage, args.revision)


async def save_export(
    place: Place, session: str, format_name: str, engine: Engine, out: Path, stage: Stage, revision: int = 0
) -> int:
    """Stream an export to a file that appears when it is whole; its size in bytes.

    Raises:
        NotFoundError: no such format, session or revision; InvalidInputError: memory is empty; StoreError: the disk refuses.
    """
    size = 0
    with atomic_file(out) as temporary, temporary.open("wb") as file:
        async for piece in place.export(session, format_name, engine, revision):
            file.write(piece)
            size += len(piece)
            stage.update(0.0, bytes_text(size))
    stage.result = bytes_text(size)
    return size
