"""Export: points a second and memory of every format, beside the common library's own writer; is memory flat in the size?

    python benchmarks/export.py [--quick]

The scene is made chunk by chunk as it is asked for, so that it takes no memory itself: a floor of 64³ cubes with one layer and a
half of points each, everyone with its own place and colour. Each measurement is a process of its own. What a file costs in memory
is the growth of the resident set from before the export to its peak, on a warmed-up process; the bytes go to /dev/null, for peers
too where their writer takes a stream, else to a file in a folder in memory.

The peers get their input the way their users have it, whole arrays in memory, made before the clock starts; ours decodes chunks,
turns axes and quantises within the clock. There is no peer for the point cache, the mesh and the collider; the latter two are
measured on half of the points, since they cost tens of seconds a million, and at 20 million only without --quick.
`memory_growth_1m_to_20m` is the worst format's peak at 20 million points over that at 1 million (SPZ, which holds 10 million: at
10).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from spatia_bridge.export import exporter
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import RECORD, Chunk, ChunkIndex, Snapshot

VOXEL_M = 0.02
CHUNK_POINTS = 6144
FORMATS = ("ply", "glb", "las", "pcache", "splat", "spz", "mesh", "collider")
PEERS = ("ply", "glb", "las", "splat", "spz")
MILLION = 1_000_000
SPZ_LIMIT = 10 * MILLION
LEAST_PEAK_BYTES = 1 << 20


class Floor(Mapping[ChunkIndex, Chunk]):
    """Chunks that are made when they are asked for, and forgotten."""

    def __init__(self, count: int) -> None:
        side = int(np.ceil(np.sqrt(count)))
        self._indexes = [ChunkIndex(0, i % side - side // 2, 0, i // side - side // 2) for i in range(count)]
        rng = np.random.default_rng(0)
        x, z = np.meshgrid(np.arange(64), np.arange(64))
        flat = np.stack([x.ravel(), np.full(4096, 20), z.ravel()], axis=1)
        raised = np.stack([x.ravel()[::2], np.full(2048, 40), z.ravel()[::2]], axis=1)
        records = np.zeros(CHUNK_POINTS, RECORD)
        records["xyz"] = 4 * np.concatenate([flat, raised]) + rng.integers(0, 4, (CHUNK_POINTS, 3))
        records["rgb"] = rng.integers(0, 256, (CHUNK_POINTS, 3))
        records["footprint"], records["confidence"], records["normal"] = 128, 255, (128, 0)
        self._records = Chunk(ChunkIndex(0, 0, 0, 0), records).records

    def __getitem__(self, index: ChunkIndex) -> Chunk:
        return Chunk(index, self._records.copy(), canonical=True)

    def __iter__(self) -> Iterator[ChunkIndex]:
        return iter(self._indexes)

    def __len__(self) -> int:
        return len(self._indexes)


def floor_of(points: int) -> Snapshot:
    chunks = max(points // CHUNK_POINTS, 1)
    return Snapshot(VOXEL_M, Floor(chunks), points=chunks * CHUNK_POINTS)


def arrays_of(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """What a peer is given: float32 places (N, 3), uint8 colours (N, 3)."""
    chunks = list(snapshot.chunks.values())
    places = np.concatenate([chunk.points_world(VOXEL_M).astype(np.float32) for chunk in chunks])
    return places, np.concatenate([chunk.records["rgb"] for chunk in chunks])


def peer_of(name: str, snapshot: Snapshot, folder: Path) -> Callable[[], object]:
    """The common library's writer, with its input ready."""
    places, rgb = arrays_of(snapshot)
    if name == "ply":
        import open3d as o3d

        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(places.astype(float)))
        cloud.colors = o3d.utility.Vector3dVector(rgb / 255)
        return lambda: o3d.io.write_point_cloud(str(folder / "a.ply"), cloud)
    if name == "las":
        import laspy

        def write_las() -> None:
            las = laspy.LasData(laspy.LasHeader(point_format=2, version="1.2"))
            las.header.scales = (0.001,) * 3
            las.x, las.y, las.z = places.T
            las.red, las.green, las.blue = rgb.T.astype(np.uint16) * 257
            las.write(str(folder / "a.las"))

        return write_las
    if name == "glb":
        import trimesh

        cloud = trimesh.PointCloud(places, colors=rgb)
        return lambda: cloud.export(file_type="glb")
    import gsply

    count = len(places)
    zeros, unit = np.zeros((count, 3), np.float32), np.tile(np.float32([1, 0, 0, 0]), (count, 1))
    if name == "splat":
        rest = np.zeros((count, 15, 3), np.float32)
        return lambda: gsply.plywrite(str(folder / "a.ply"), places, zeros, unit, zeros[:, 0], zeros, rest)
    data = gsply.GSData(means=places, scales=zeros - 4, quats=unit, opacities=zeros[:, 0], sh0=rgb / np.float32(255), shN=None)
    return lambda: gsply.write_spz(str(folder / "a.spz"), data)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def one(name: str, who: str, points: int) -> dict[str, float]:
    """In a process of its own: what one export costs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, open("/dev/null", "wb") as sink:  # noqa: PTH123

        def job_of(snapshot: Snapshot) -> Callable[[], object]:
            if who == "peer":
                return peer_of(name, snapshot, Path(folder))
            return lambda: exporter(name).write(snapshot, Engine.OPENCV, sink.write)

        job_of(floor_of(CHUNK_POINTS))()  # compiles; leaves next to no memory behind
        snapshot = floor_of(points)
        job = job_of(snapshot)
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        before, start = resident(), time.perf_counter()
        job()
        spent = time.perf_counter() - start
        return {"points_a_second": snapshot.points / spent, "peak_bytes": peak() - before}


def apart(name: str, who: str, points: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", name, who, str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(quick: bool) -> dict[str, Any]:
    figures: dict[str, Any] = {"quick": quick}
    turns = 1 if quick else 3
    growths = {}
    for name in FORMATS:
        surface = name in ("mesh", "collider")
        points = MILLION // 2 if surface else MILLION
        runs = {"ours": [apart(name, "ours", points)]}
        if name in PEERS:
            runs["peer"] = [apart(name, "peer", points)]
        for _ in range(turns - 1):
            for who in runs:
                runs[who].append(apart(name, who, points))
        rates = {who: max(run["points_a_second"] for run in found) for who, found in runs.items()}
        peaks = {who: max(run["peak_bytes"] for run in found) for who, found in runs.items()}
        many = SPZ_LIMIT if name == "spz" else 20 * MILLION
        if not (quick and surface):
            large = apart(name, "ours", many)["peak_bytes"]
            growths[name] = large / apart(name, "ours", MILLION)["peak_bytes"] if surface else large / peaks["ours"]
        told = f"{rates['ours'] / 1e6:6.3f} M points/s, peak {peaks['ours'] / 1e6:6.1f} MB"
        told += f", ×{growths[name]:.2f} at {many // MILLION} M" if name in growths else ""
        if "peer" in rates:
            told += f"; peer {rates['peer'] / 1e6:.2f} M/s, {peaks['peer'] / 1e6:.1f} MB"
            figures[f"{name}_over_peer_speed"] = round(rates["ours"] / rates["peer"], 2)
            if peaks["peer"] >= LEAST_PEAK_BYTES:  # else it wrote from what it had before the clock started
                figures[f"{name}_over_peer_memory"] = round(peaks["ours"] / peaks["peer"], 2)
        print(f"{name:8} {told}", flush=True)
        figures[f"{name}_million_points_a_second"] = round(rates["ours"] / 1e6, 3)
        figures[f"{name}_peak_mb"] = round(peaks["ours"] / 1e6, 1)
    figures |= {f"{name}_memory_growth": round(growth, 2) for name, growth in growths.items()}
    return figures | {"memory_growth_1m_to_20m": round(max(growths.values()), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each once; the surfaces at one size only")
    parser.add_argument("--one", nargs=3, metavar=("FORMAT", "WHO", "POINTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    print(json.dumps(one(args.one[0], args.one[1], int(args.one[2])) if args.one else measure(args.quick)))


if __name__ == "__main__":
    main()
