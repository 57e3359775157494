"""Projection: our renderer, with footprints, against Open3D's own, one pixel a point; the twins; growth with the points.

    python benchmarks/projection.py [--quick]

All on CPU, on one synthetic hall (benchmarks/scenes.py) of about 2.5 million points at 832×480; `--quick`
takes fewer runs. Open3D gets the same points and camera through `t.geometry.PointCloud.project_to_rgbd_image`, its fastest
way to colour and depth on CPU; its pixel centres lie at whole numbers, so its principal point is smaller by half a pixel. The
two run in turns, so that both see the same load of the machine, each turn a burst of frames as a live view asks for them, of
which the first, which wakes the cores and fills the caches, does not count; medians are compared. Open3D's time differs from one
process to the next by half and stays what it is within one, so the two meet in several processes: the median of their ratios is
`open3d_speedup`, and `open3d_speedups` has them all. Growth: the same hall and
camera with a tenth of the points, by voxels √10 larger; there Open3D is measured too. The physical limit is to read every
record that is drawn once and to write every pixel once, at the bandwidth of a large copy in the same run. The last line is JSON.
"""

import argparse
import json
import multiprocessing as mp
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import scenes
from spatia_bridge.generation.base import CancelToken, ClipRequest
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.record import RECORD
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.render.cull import ChunkTable, select
from spatia_bridge.render.numpy_renderer import NumpyRenderer

WIDTH, HEIGHT = 832, 480
VOXEL_M = 0.0126
PAUSE_SECS = 0.25  # OpenMP's threads spin for 0.2 s after their work
BURST = 5
PROCESSES = 3
PIXEL_BYTES = 3 + 4 + 1 + 1  # colour, depth, coverage, confidence
Job = Callable[[], object]


def camera_at(fraction: float) -> Camera:
    """A walk through the hall; the benchmark's one view is its start."""
    eye = np.array((-2.0, -1.6, 0.6)) + fraction * np.array((1.5, 0.0, 2.5))
    return Camera(
        Intrinsics.from_vertical_fov(np.radians(60), WIDTH, HEIGHT), se3.look_at(eye, eye + np.array((0.47, 0.06, 0.87)))
    )


def medians_ms(jobs: list[Job], runs: int) -> list[float]:
    """The jobs in turns, after one turn of each to warm up; a turn is a burst of runs after a pause, less the first run."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(runs + 1):
        for job, spent in zip(jobs, times, strict=True):
            time.sleep(PAUSE_SECS)
            burst = [_seconds(job) for _ in range(BURST)]
            if turn:
                spent += burst[1:]
    return [1e3 * statistics.median(spent) for spent in times]


def open3d_job(base: Snapshot, camera: Camera) -> Job:
    """Open3D's projection of the snapshot's points."""
    import open3d as o3d

    points = np.concatenate([chunk.points_world(base.voxel_size_m) for chunk in base.chunks.values()]).astype(np.float32)
    colours = np.concatenate([chunk.records["rgb"] for chunk in base.chunks.values()]).astype(np.float32) / 255
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor(points))
    cloud.point.colors = o3d.core.Tensor(colours)
    k = camera.intrinsics
    intrinsics = o3d.core.Tensor([[k.fx, 0, k.cx - 0.5], [0, k.fy, k.cy - 0.5], [0, 0, 1.0]])
    extrinsics = o3d.core.Tensor(camera.camera_from_world)
    return lambda: cloud.project_to_rgbd_image(k.width, k.height, intrinsics, extrinsics, depth_scale=1.0, depth_max=100.0)


def pair_ms(runs: int) -> tuple[float, float]:
    """Open3D's time and ours on the hall."""
    base, camera, renderer = hall(), camera_at(0), CpuRenderer()
    theirs, ours = medians_ms([open3d_job(base, camera), lambda: renderer.render(base, camera)], runs)
    return theirs, ours


def in_fresh_processes(runs: int) -> list[tuple[float, float]]:
    """The pair, once in each of so many processes, one after the other."""
    pairs = []
    for _ in range(PROCESSES):
        with ProcessPoolExecutor(1, mp.get_context("spawn")) as process:
            pairs.append(process.submit(pair_ms, runs).result())
    return pairs


def hall() -> Snapshot:
    return scenes.snapshot(scenes.room(), VOXEL_M)


def bandwidth_bytes_per_sec(megabytes: int) -> float:
    """Of a copy: bytes read and written, over the best of a few runs."""
    source = np.ones(megabytes << 17)
    target = np.empty_like(source)
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best


def _seconds(job: Job) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def difference(base: Snapshot, camera: Camera) -> dict[str, int | float]:
    """How far the twins are apart: colour in steps of 255, depth in metres, coverage in pixels."""
    fast, plain = CpuRenderer().render(base, camera), NumpyRenderer().render(base, camera)
    colour = np.abs(fast.colour.astype(int) - plain.colour).max()
    return {
        "twin_max_abs_diff_colour": int(colour),
        "twin_max_abs_diff_depth_m": float(np.abs(fast.depth_m - plain.depth_m).max()),
        "twin_coverage_differs_px": int((fast.coverage != plain.coverage).sum()),
    }


def with_a_hole(base: Snapshot) -> Snapshot:
    """Less than half of the hall is left: what the generator has to fill."""
    right = [index for index, chunk in base.chunks.items() if chunk.points_world(base.voxel_size_m)[:, 0].mean() > 1.0]
    return base.with_changes(dict.fromkeys(right))


def reproject_fps(base: Snapshot, frames: int) -> float:
    """Frames a second of the generator along a walk: projection, hole filling and all."""
    cameras = [camera_at(i / frames) for i in range(frames + 1)]
    video = CpuRenderer().project(base, cameras)
    events = Reproject().generate(ClipRequest(video), CancelToken())
    next(events)
    start = time.perf_counter()
    for _ in events:
        pass
    return frames / (time.perf_counter() - start)


def measure(quick: bool) -> dict[str, Any]:
    runs, camera, renderer = 7 if quick else 25, camera_at(0), CpuRenderer()
    base = hall()
    print(f"a hall of {base.points:,} points in {len(base.chunks)} chunks, {WIDTH}×{HEIGHT}")
    pairs = in_fresh_processes(runs)
    for theirs, ours in pairs:
        print(
            f"Open3D {theirs:.1f} ms (a pixel a point), ours {ours:.1f} ms (closed surfaces): {theirs / ours:.1f} times as fast"
        )
    theirs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    speedups = sorted(theirs / ours for theirs, ours in pairs)
    taken = int(select(ChunkTable.of(base), camera).takes.sum())
    twins = difference(base, camera)
    print(f"twins differ by {twins}")
    bandwidth = bandwidth_bytes_per_sec(128)
    limit = 1e3 * (taken * RECORD.itemsize + WIDTH * HEIGHT * PIXEL_BYTES) / bandwidth
    print(
        f"limit {limit:.2f} ms: {taken:,} records and the pixels at {bandwidth / 1e9:.1f} GB/s; we take {ours / limit:.1f} of it"
    )
    holed = with_a_hole(base)
    covered = float(renderer.render(holed, camera_at(0.5)).coverage.mean())
    fps, fps_holes = (reproject_fps(scene, 8 if quick else 40) for scene in (base, holed))
    print(f"reproject {fps:.1f} frames/s, {fps_holes:.1f} where memory fills {covered:.0%}")
    sparse = scenes.snapshot(scenes.room(), VOXEL_M * np.sqrt(10))
    jobs = [lambda: renderer.render(sparse, camera), lambda: renderer.render(base, camera), open3d_job(sparse, camera)]
    before, after, theirs_before = medians_ms(jobs, runs)
    print(f"{sparse.points:,} points: {before:.1f} ms, so ten times the points cost {after / before:.2f} times as much")
    print(f"  there Open3D takes {theirs_before:.1f} ms: its cost goes with the points, ours with the pixels")
    return {
        "open3d_speedup": round(statistics.median(speedups), 2),
        "open3d_speedups": [round(speedup, 2) for speedup in speedups],
        "twin_max_abs_diff": max(twins["twin_max_abs_diff_colour"], twins["twin_max_abs_diff_depth_m"]),
        **twins,
        "cost_ratio_10x_points": round(after / before, 3),
        "ms": round(ours, 2),
        "open3d_ms": round(theirs, 2),
        "ms_tenth_of_points": round(before, 2),
        "open3d_speedup_tenth_of_points": round(theirs_before / before, 2),
        "points": base.points,
        "points_tenth": sparse.points,
        "points_drawn": taken,
        "width": WIDTH,
        "height": HEIGHT,
        "limit_ms": round(limit, 3),
        "over_limit": round(ours / limit, 2),
        "reproject_fps_832x480": round(fps, 1),
        "reproject_fps_832x480_holes": round(fps_holes, 1),
        "reproject_holes_share": round(1 - covered, 3),
        "quick": quick,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    print(json.dumps(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
