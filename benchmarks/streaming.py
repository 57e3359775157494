"""Streaming: how soon a client holds a memory of five million points, over gRPC and WebSocket, beside viser and rerun.

    python benchmarks/streaming.py [--quick]

Every server is a process of its own that holds the points before the clock starts; the client is this process; both speak over
loopback. Ours: from `connect` to `synced`, with every chunk checked by SHA-256; at an address of this machine our client asks for
no compression, through the relay below for zstd, as it does of any other address. viser: from `connect` until
its message with the point cloud (its float16 positions, 8-bit colours, uncompressed) is received and read as arrays; no browser,
which only makes it faster. rerun has no client without a viewer, so there the clock runs from `log` of the arrays (float32
positions, 8-bit colours) until a blocking flush says that its server holds them. The three take turns; medians.

Loopback is not a network: it moves gigabytes a second, so there only CPU time counts (`viser_ratio`, `rerun_ratio`: the faster of
ours over theirs). The same clients are therefore also measured through a relay that lets through LINK_MBIT megabits a second in
each direction, the bandwidth of a good wireless network (`viser_link_ratio`; rerun's flush does not wait for the far end there).
The limit there is bytes over bandwidth, and stated.
`first_coarse_ms`: until every chunk is there in its coarse form. `delta_bytes_over_full`: chunk data after the removal of a 30 cm
cube, over that of everything. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing as mp
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import scenes
from spatia_bridge.app import build_host, serving
from spatia_bridge.client import BridgeClient
from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.codec.tables import read_table
from spatia_bridge.link.messages import ChunkPart, ChunkTable, Compression
from spatia_bridge.memory import Box, Cause
from spatia_bridge.memory.merge import Update
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.session.host import SessionHost

VOXEL_M = 0.0126 / np.sqrt(2)  # five million points
LINK_MBIT = 200
FAR = (Compression.ZSTD,)  # what a client asks for where the server's address is not this machine's
SESSION = "hall"
CREDIT_BYTES = 64 << 20
CUT = Box.from_bounds(np.array((-0.15, -0.15, 3.0)), np.array((0.15, 0.15, 3.3)))  # of the floor


class Watch(PointMirror):
    """Notes what came and when every chunk had come at least coarsely."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.coarse = self.awaited = 0
        self.coarse_at: float | None = None

    def apply(self, body: object) -> None:
        super().apply(body)
        if isinstance(body, ChunkPart):  # those of a batch come by here one by one
            self._came(len(body.data), body.first == 0)
        elif isinstance(body, ChunkTable):
            self._came(len(body.data), sum(part.first == 0 for part in read_table(body.rows, body.data)))

    def _came(self, data_bytes: int, begun: int) -> None:
        """So many bytes, in which so many chunks begin; in the first synchronisation each does so once."""
        self.bytes += data_bytes
        self.coarse += begun
        if self.coarse_at is None and self.coarse == self.awaited:
            self.coarse_at = time.perf_counter()


# --------------------------------------------------------------------------------------------------------------- servers


def hall() -> Snapshot:
    return scenes.snapshot(scenes.room(), float(VOXEL_M))


def arrays(base: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Positions float32 (N, 3) in metres, colours uint8 (N, 3)."""
    points = np.concatenate([chunk.points_world(base.voxel_size_m) for chunk in base.chunks.values()])
    return points.astype(np.float32), np.concatenate([chunk.records["rgb"] for chunk in base.chunks.values()])


async def open_hall(folder: str) -> tuple[SessionHost, Snapshot]:
    """A host with the hall as its one session."""
    host = build_host(Path(folder))
    session = await host.open(SESSION, create=True)
    base, snapshot = session.memory.snapshot(), hall()
    session.memory.commit(Update(dict(snapshot.chunks), voxel_size_m=snapshot.voxel_size_m), base, Cause.SEED)
    return host, snapshot


def ours(pipe: Pipe, folder: str) -> None:
    """Serve the hall until told to end."""

    async def main() -> None:
        host, snapshot = await open_hall(folder)
        async with serving(host, "127.0.0.1:0", websocket="127.0.0.1:0") as ports:
            pipe.send((ports.port, ports.websocket_port, snapshot.points, len(snapshot.chunks)))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


def viser_server(pipe: Pipe) -> None:
    import viser

    points, colours = arrays(hall())
    server = viser.ViserServer("127.0.0.1", 0, verbose=False)
    server.scene.add_point_cloud("/hall", points, colours, point_size=0.01)
    pipe.send(server.get_port())
    pipe.recv()
    server.stop()


def rerun_server(pipe: Pipe) -> None:
    import rerun

    recording = rerun.RecordingStream("streaming")
    pipe.send(rerun.serve_grpc(grpc_port=free_port(), recording=recording, server_memory_limit="4GiB"))
    pipe.recv()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(target: Callable[..., None], *args: object) -> Any:
    """A server process: what it says once it is up, and a function that asks it something."""
    context = mp.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=target, args=(there, *args), daemon=True)
    child.start()
    try:
        yield here.recv(), lambda question: (here.send(question), here.recv())[1]
    finally:
        with contextlib.suppress(OSError):
            here.send("end")
        child.join(10)
        if child.is_alive():
            child.kill()


# ------------------------------------------------------------------------------------------------------------------ relay


class Relay:
    """A wire of LINK_MBIT between here and a port: bytes go through in order, not faster than that."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to, limit=1 << 20)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    free_at = time.perf_counter()
    try:
        while data := await reader.read(256 << 10):
            free_at = max(free_at, time.perf_counter()) + len(data) * 8 / (LINK_MBIT * 1e6)
            if (ahead := free_at - time.perf_counter()) > 0.002:
                await asyncio.sleep(ahead)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def relay_process(pipe: Pipe, port: int) -> None:
    async def main() -> None:
        async with Relay(port) as relay:
            pipe.send(relay.port)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


# ---------------------------------------------------------------------------------------------------------------- clients


async def hold_ours(
    address: str, chunks: int, points: int, compressions: Sequence[Compression] | None = None
) -> tuple[float, float, Watch]:
    """Seconds until all is held, until all is there coarsely; the mirror."""
    watch = Watch()
    watch.awaited = chunks
    start = time.perf_counter()
    client = await BridgeClient.connect(
        address, SESSION, mirror=watch, credit_bytes=CREDIT_BYTES, create=False, compressions=compressions
    )
    try:
        await client.synced()
        spent = time.perf_counter() - start
    finally:
        await client.close()
    assert watch.points == points and watch.coarse_at is not None
    return spent, watch.coarse_at - start, watch


async def hold_viser(port: int, points: int) -> float:
    """Seconds until a client without a browser has read the point cloud, as viser's own would: zero-copy views."""
    import msgspec
    import viser
    import zstandard
    from websockets.asyncio.client import connect

    start = time.perf_counter()
    protocol: Any = f"viser-v{viser.__version__}"
    async with connect(
        f"ws://127.0.0.1:{port}", subprotocols=[protocol], compression=None, max_size=None, origin=f"http://127.0.0.1:{port}"
    ) as socket:
        async for data in socket:
            assert isinstance(data, bytes)
            size = int.from_bytes(data[8:16], "little")
            inner = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data[16 : 16 + size]))
            lengths = inner["binaryBufferLengths"]
            if points * 6 in lengths:
                at = -(-(16 + size) // 8) * 8
                for length in lengths:
                    np.frombuffer(data, np.uint8, length, at)
                    at += -(-length // 8) * 8
                return time.perf_counter() - start
    raise RuntimeError("viser ended before the points came")


def hold_rerun(url: str, points: np.ndarray, colours: np.ndarray) -> float:
    import rerun

    recording = rerun.RecordingStream("streaming")
    recording.connect_grpc(url)
    recording.flush()
    start = time.perf_counter()
    recording.log("hall", rerun.Points3D(points, colors=colours))
    recording.flush()
    spent = time.perf_counter() - start
    recording.disconnect()
    return spent


async def delta(address: str) -> tuple[int, float]:
    """Bytes of chunk data, and seconds, after the removal of a small cube."""
    watch = Watch()
    async with await BridgeClient.connect(address, SESSION, mirror=watch, credit_bytes=CREDIT_BYTES, compressions=FAR) as client:
        await client.synced()
        before, start = watch.bytes, time.perf_counter()
        await client.remove(CUT)
        await client.synced()
        spent, held = time.perf_counter() - start, watch.bytes - before
        await client.undo()
        return held, spent


# ------------------------------------------------------------------------------------------------------------------- run


def medians(jobs: dict[str, Callable[[], float]], runs: int) -> dict[str, float]:
    """Of each job, taken in turns, after one to warm up."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(runs + 1):
        for name, job in jobs.items():
            seconds = job()
            if turn:
                spent[name].append(seconds)
    return {name: statistics.median(times) for name, times in spent.items()}


def run_one(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def measure(quick: bool) -> dict[str, Any]:
    runs, link_runs = (11, 3) if quick else (21, 7)
    points, colours = arrays(hall())
    count = len(points)
    coarse: list[float] = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (grpc_port, web_port, held, chunks), _ = stack.enter_context(process(ours, folder))
        viser_port, _ = stack.enter_context(process(viser_server))
        rerun_url, _ = stack.enter_context(process(rerun_server))
        assert held == count
        print(f"{count:,} points in {chunks:,} chunks")
        full = 0

        def one(address: str, compressions: Sequence[Compression] | None = None) -> float:
            nonlocal full
            spent, first, watch = run_one(hold_ours(address, chunks, count, compressions))
            coarse.append(first)
            full = watch.bytes
            return float(spent)

        def rerun_job(url: str) -> float:
            return hold_rerun(url, points, colours)

        loop = medians(
            {
                "grpc": lambda: one(f"127.0.0.1:{grpc_port}"),
                "websocket": lambda: one(f"ws://127.0.0.1:{web_port}"),
                "viser": lambda: run_one(hold_viser(viser_port, count)),
                "rerun": lambda: rerun_job(rerun_url),
            },
            runs,
        )
        first_coarse_ms = 1e3 * statistics.median(coarse)
        for name, seconds in loop.items():
            print(f"  {name:10} {1e3 * seconds:7.0f} ms on loopback")
        ports = {"grpc": grpc_port, "websocket": web_port, "viser": viser_port}
        relays = {name: stack.enter_context(process(relay_process, port))[0] for name, port in ports.items()}
        link = medians(
            {
                "grpc": lambda: one(f"127.0.0.1:{relays['grpc']}", FAR),
                "websocket": lambda: one(f"ws://127.0.0.1:{relays['websocket']}", FAR),
                "viser": lambda: run_one(hold_viser(relays["viser"], count)),
            },
            link_runs,
        )
        for name, seconds in link.items():
            print(f"  {name:10} {1e3 * seconds:7.0f} ms over {LINK_MBIT} Mbit/s")
        changed, delta_secs = run_one(delta(f"127.0.0.1:{grpc_port}"))
    limit = full * 8 / (LINK_MBIT * 1e6)
    print(f"{full / count:.2f} bytes a point (viser 9, rerun 16 before its own encoding); limit {1e3 * limit:.0f} ms")
    print(f"a small edit: {changed:,} bytes after {1e3 * delta_secs:.0f} ms")
    best, best_link = min(loop["grpc"], loop["websocket"]), min(link["grpc"], link["websocket"])
    return {
        "viser_ratio": round(best / loop["viser"], 3),
        "rerun_ratio": round(best / loop["rerun"], 3),
        "viser_link_ratio": round(best_link / link["viser"], 3),
        "websocket_viser_link_ratio": round(link["websocket"] / link["viser"], 3),
        "delta_bytes_over_full": round(changed / full, 5),
        "first_coarse_ms": round(first_coarse_ms, 1),
        **{f"{name}_ms": round(1e3 * seconds, 1) for name, seconds in loop.items()},
        **{f"{name}_link_ms": round(1e3 * seconds, 1) for name, seconds in link.items()},
        "link_mbit": LINK_MBIT,
        "link_limit_ms": round(1e3 * limit, 1),
        "bytes_per_point": round(full / count, 3),
        "delta_bytes": changed,
        "edit_to_synced_ms": round(1e3 * delta_secs, 1),
        "points": count,
        "chunks": chunks,
        "quick": quick,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    print(json.dumps(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
