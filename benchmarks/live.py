"""Live: how long a designer waits, and what the server's loop pays, with one client and with sixteen of which four never read.

    python benchmarks/live.py [--quick]

One server process with a hall of five million points; the clients, over WebSocket and gRPC in turns, are in processes of
PER_PROCESS each, as engines have a process of their own each (those that never read are in this one). Each
flies: a pose at 60 Hz, a live projection of 256×144 at 10 Hz; half of that where there are twelve. `pose_to_projection_p95_ms` is
from the sending of a pose to the arrival of the projection that shows it. The first client also edits four times a second (a ball
of 20 cm is recoloured); `edit_to_chunk_p95_ms` is from the sending of the edit to the arrival of the first changed chunk at each
client that reads. Clients that never read ask for everything with a vast credit and leave it in their sockets.

`loop_cpu_max_ms` is the most CPU time of one callback on the server's loop (by its thread's own clock, so that other processes do
not count), `loop_wall_p999_ms` the wall time beside it: of one more run with all sixteen, as that clock takes a twentieth of the
loop. `stuck_ratio`: p95 of the twelve clients that read, with the four that do not over without them, of two
runs each, taken in turns. `server_growth_mb`: what
the four cost in memory. All clients and the server share the machine's cores, so latencies with many clients are mostly those of
waiting for a core. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing as mp
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.streaming import CREDIT_BYTES, SESSION, open_hall, process
from spatia_bridge.app import serving, tune_process
from spatia_bridge.client import BridgeClient
from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.client.transport import open_transport
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.memory import Sphere

SIZE = (256, 144)
EDIT_SECS = 0.25
READING, STUCK, PER_PROCESS = 12, 4, 3
ROUNDS = ((1, 0), (READING, 0), (READING, STUCK), (READING, 0), (READING, STUCK))  # in turns: machines have moods
SETTLE_SECS = 4.0  # until those that never read have been sent what fits on the way to them
POSE_HZ, LIVE_HZ = (
    {1: 60.0, READING: 30.0},
    {1: 10.0, READING: 5.0},
)  # by how many read: all that two cores carry, clients included


# ---------------------------------------------------------------------------------------------------------------- server


def serve(pipe: Pipe, folder: str) -> None:
    """Serve the hall; "clock" what the loop pays from then on; answer "take" with that, and the memory held."""
    cpu: list[float] = []
    wall: list[float] = []
    run, last_cpu = asyncio.Handle._run, 0.0

    def timed(handle: asyncio.Handle) -> None:
        nonlocal last_cpu  # the clock costs some 30 µs: it is asked once, and what the loop itself uses counts, too
        start = time.perf_counter()
        run(handle)
        wall.append(time.perf_counter() - start)
        end_cpu = time.thread_time()
        cpu.append(end_cpu - last_cpu)
        last_cpu = end_cpu

    def taken() -> tuple[float, float, int, int]:
        asyncio.Handle._run = run  # type: ignore[method-assign]
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return max(cpu, default=0.0), float(np.quantile(wall or [0.0], 0.999)), len(cpu), pages * 4096

    async def main() -> None:
        nonlocal last_cpu
        host, snapshot = await open_hall(folder)
        session = await host.open(SESSION)
        session.project(session.memory.snapshot(), camera_at(0.0))  # compiles the kernels, where that was never done here
        tune_process()  # as `spatia-bridge serve`
        async with serving(host, "127.0.0.1:0", websocket="127.0.0.1:0") as ports:
            pipe.send((ports.port, ports.websocket_port, snapshot.points))
            while (asked := await asyncio.to_thread(pipe.recv)) in ("take", "clock"):
                if asked == "clock":
                    last_cpu = time.thread_time()
                    asyncio.Handle._run = timed  # type: ignore[method-assign]
                pipe.send(await asyncio.to_thread(taken) if asked == "take" else None)  # not a callback's work

    asyncio.run(main())


# --------------------------------------------------------------------------------------------------------------- clients


@dataclass
class Times:
    """Seconds, of one scenario."""

    projections: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)

    def __add__(self, other: "Times") -> "Times":
        return Times(self.projections + other.projections, self.edits + other.edits)

    def p95_ms(self) -> tuple[float, float]:
        return (1e3 * float(np.quantile(self.projections, 0.95)), 1e3 * float(np.quantile(self.edits, 0.95)))


class Watch(PointMirror):
    """Tells when a chunk comes after an edit."""

    def __init__(self, on_chunk: Callable[[], None]) -> None:
        super().__init__()
        self._on_chunk = on_chunk

    def apply(self, body: object) -> None:
        super().apply(body)
        if isinstance(body, msg.ChunkPart | msg.ChunkTable):
            self._on_chunk()


class Editing:
    """The last edit, for the clients of all processes: its number, 0 = none yet, and when it was sent, by the machine's clock."""

    def __init__(self) -> None:
        self._state = mp.get_context("spawn").Array("d", 2)

    def begin(self) -> None:
        with self._state:
            self._state[:] = [self._state[0] + 1, time.perf_counter()]

    def last(self) -> tuple[int, float]:
        with self._state:
            number, sent_at = self._state[:]
        return int(number), sent_at


def camera_at(fraction: float) -> Camera:
    eye = np.array((-2.0 + 1.5 * np.sin(6.28 * fraction), -1.6, 0.6 + fraction))
    return Camera(Intrinsics.from_vertical_fov(np.radians(60), *SIZE), se3.look_at(eye, eye + np.array((0.47, 0.06, 0.87))))


async def fly(client: BridgeClient, number: int, reading: int, end_at: float, times: Times) -> None:
    """Poses at their rate; notes when the projection of each that is shown arrives."""
    sent: dict[float, float] = {}

    async def receive() -> None:
        async for body in client.events():
            if isinstance(body, msg.LiveProjection) and body.pose_time_secs in sent:
                times.projections.append(time.perf_counter() - sent.pop(body.pose_time_secs))

    receiving = asyncio.create_task(receive())
    await client.live_view(True, SIZE, LIVE_HZ[reading])
    start, step = time.perf_counter(), 0
    while (now := time.perf_counter()) < end_at:
        moment = float(step)
        sent[moment] = now
        await client.pose(camera_at((number / READING + step / 10 / POSE_HZ[reading]) % 1.0), moment)
        step += 1
        await asyncio.sleep(max(start + step / POSE_HZ[reading] - time.perf_counter(), 0))
    await client.live_view(False)
    receiving.cancel()


async def edit(client: BridgeClient, end_at: float, editing: Editing) -> None:
    """Recolour a ball on the floor now here, now there."""
    step = 0
    while time.perf_counter() + EDIT_SECS < end_at:
        centre = np.array((-1.0 + 0.3 * (step % 10), 0.0, 3.0 + 0.4 * (step // 10 % 5)))
        editing.begin()
        await client.recolour(Sphere(centre, 0.1), ((37 * step) % 256, 80, 200))
        step += 1
        await asyncio.sleep(EDIT_SECS)


def read(pipe: Pipe, addresses: list[str], numbers: range, reading: int, editing: Editing) -> None:
    """These of the clients that read, in this process: "synced"; told how long, they fly; then their times."""

    async def main() -> None:
        times = Times()
        async with contextlib.AsyncExitStack() as stack:
            clients: dict[int, BridgeClient] = {}
            for number in numbers:
                mirror = Watch(_noting(editing, times))
                address = addresses[number % len(addresses)]
                client = await BridgeClient.connect(address, SESSION, mirror=mirror, credit_bytes=CREDIT_BYTES)
                clients[number] = await stack.enter_async_context(client)
            for client in clients.values():
                await client.synced()
            pipe.send("synced")
            secs = await asyncio.to_thread(pipe.recv)
            end_at = time.perf_counter() + secs
            flights = [fly(client, number, reading, end_at, times) for number, client in clients.items()]
            edits = [edit(clients[0], end_at, editing)] if 0 in clients else []
            await asyncio.gather(*edits, *flights)
        pipe.send(times)
        await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


def _noting(editing: Editing, times: Times) -> Callable[[], None]:
    """For one client: how long after each edit its first chunk came."""
    seen = 0

    def on_chunk() -> None:
        nonlocal seen
        number, sent_at = editing.last()
        if number != seen:
            seen = number
            times.edits.append(time.perf_counter() - sent_at)

    return on_chunk


async def scenario(addresses: list[str], reading: int, stuck: int, secs: float) -> Times:
    """Some clients that read and fly, the first of which edits, and some that never read."""
    editing = Editing()
    async with contextlib.AsyncExitStack() as stack:
        groups = [range(first, min(first + PER_PROCESS, reading)) for first in range(0, reading, PER_PROCESS)]
        processes = [process(read, addresses, numbers, reading, editing) for numbers in groups]
        asks = [ask for _, ask in await asyncio.gather(*(asyncio.to_thread(stack.enter_context, each) for each in processes))]
        for number in range(stuck):
            transport = await open_transport(addresses[number % len(addresses)], None)
            stack.push_async_callback(transport.close)
            hello = msg.Hello(1, "stuck", Engine.OPENCV, SESSION, credit_bytes=1 << 40, push_frames=True)
            await transport.write(msg.ClientMessage(1, hello))
        if stuck:
            await asyncio.sleep(SETTLE_SECS)
        found = await asyncio.gather(*(asyncio.to_thread(ask, secs) for ask in asks))
    return Times([s for times in found for s in times.projections], [s for times in found for s in times.edits])


def measure(quick: bool) -> dict[str, Any]:
    secs = 8.0 if quick else 20.0
    with tempfile.TemporaryDirectory() as folder, process(serve, folder) as ((port, web_port, points), ask):
        addresses = [f"ws://127.0.0.1:{web_port}", f"127.0.0.1:{port}"]
        print(f"{points:,} points; live projections of {SIZE[0]}×{SIZE[1]}")
        taken: dict[tuple[int, int], Times] = {}
        held: dict[tuple[int, int], int] = {}
        asyncio.run(scenario(addresses, 1, 0, 2.0))  # warms up
        for reading, stuck in ROUNDS:
            times = asyncio.run(scenario(addresses, reading, stuck, secs))
            held[reading, stuck] = ask("take")[-1]
            taken[reading, stuck] = taken.get((reading, stuck), Times()) + times
            pose, edit = times.p95_ms()
            print(
                f"{reading:3} reading, {stuck} stuck: pose to projection p95 {pose:6.1f} ms ({len(times.projections)}),"
                f" edit to chunk p95 {edit:6.1f} ms ({len(times.edits)}); {held[reading, stuck] / 1e6:.0f} MB"
            )
        found = {who: times.p95_ms() for who, times in taken.items()}
        ask("clock")
        asyncio.run(scenario(addresses, READING, STUCK, secs))
        most, wall, callbacks, _ = ask("take")
        print(f"the loop: CPU at most {1e3 * most:.1f} ms, wall p99.9 {1e3 * wall:.1f} ms of {callbacks:,} callbacks")
    alone, many, all_of_them = (1, 0), (READING, 0), (READING, STUCK)
    return {
        "pose_to_projection_p95_ms": round(found[alone][0], 1),
        "edit_to_chunk_p95_ms": round(found[alone][1], 1),
        "loop_cpu_max_ms": round(1e3 * most, 1),
        "loop_wall_p999_ms": round(1e3 * wall, 1),
        "pose_to_projection_p95_ms_12": round(found[many][0], 1),
        "edit_to_chunk_p95_ms_12": round(found[many][1], 1),
        "pose_to_projection_p95_ms_12_and_4_stuck": round(found[all_of_them][0], 1),
        "edit_to_chunk_p95_ms_12_and_4_stuck": round(found[all_of_them][1], 1),
        "stuck_ratio": round(found[all_of_them][0] / found[many][0], 3),
        "stuck_ratio_edits": round(found[all_of_them][1] / found[many][1], 3),
        "server_growth_mb": round((held[all_of_them] - held[many]) / 1e6, 1),
        "server_mb": round(held[all_of_them] / 1e6),
        "points": points,
        "quick": quick,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    print(json.dumps(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
