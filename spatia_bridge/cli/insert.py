"""`spatia-bridge insert`: the points of a file of another program, into a session's memory, by the live link."""

import argparse
import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatia_bridge.cli.place import open_server
from spatia_bridge.cli.progress import Reporter, Stage
from spatia_bridge.client import BridgeClient
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.importing import PointBatch, read_points, spacing_m


@dataclass(eq=False)
class _Inserted:
    points: int = 0
    revisions: int = 0
    diameter_m: float = 0.0


def run(args: argparse.Namespace) -> None:
    """Insert and say what came of it."""
    asyncio.run(_insert(args))


async def _insert(args: argparse.Namespace) -> None:
    batches = read_points(Path(args.file), Engine(args.engine))
    first = await asyncio.to_thread(next, batches)  # before a session is made for nothing
    async with open_server(args) as (address, entry):
        client = await BridgeClient.connect(address, args.session, name="spatia-bridge insert", credit_bytes=0, **entry)
        async with client:
            with Reporter().stage(f"inserting {Path(args.file).name}") as stage:
                done = await _send(client, itertools.chain([first], batches), args.diameter, stage)
                stage.result = f"{done.points:,} points, {done.diameter_m:.4g} m across"
            head = client.revision
    if args.json:
        made = {"points": done.points, "revisions": done.revisions, "diameter_m": done.diameter_m}
        print(json.dumps({"session": args.session, "revision": head.number, "points_in_memory": head.points, **made}, indent=2))
        return
    print(f"{args.session}: revision {head.number}, {head.points:,} points in memory")


async def _send(client: BridgeClient, batches: Iterator[PointBatch], diameter_m: float | None, stage: Stage) -> _Inserted:
    """One edit a batch; what a file does not say of sizes, its first batch's spacing does."""
    done, spacing = _Inserted(), diameter_m
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        sizes: npt.NDArray[np.float64] | float | None = batch.diameters_m if diameter_m is None else diameter_m
        if sizes is None:
            sizes = spacing = spacing if spacing is not None else await asyncio.to_thread(spacing_m, batch.points_world)
        await client.insert(batch.points_world, batch.rgb, sizes)
        done.points += len(batch.points_world)
        done.revisions += 1
        done.diameter_m = float(np.median(sizes))
        stage.update(0.0, f"{done.points:,} points")
    return done
