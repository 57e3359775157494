"""Choosing reference frames: how much of the new views they show, against other ways to choose, and what it costs.

    python benchmarks/retrieval.py [--quick]

Coverage: walks through levels of Freedoom (phase 2, depth ray-cast from the level, nothing drawn) and the sample's walk. At
moments spread over each walk, the frames before it are the past and those of the next clip are new. Memory is built from the past
by the real update and projected along 7 of the new cameras; every way to choose gets these projections and the same candidates.
What the choices show is then measured without our index and without memory: each pixel of the new frames is carried by its exact
depth into each chosen frame, and counts as shown if that frame's exact depth there agrees within 3 %. Pixels that no past frame
shows count too.
Cost: a synthetic hall of a million points, 24 past and 7 new cameras of 832×480; and 10,000 frames of one walk.
The last line is JSON. Times are medians; the ways to choose take turns.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import scenes
from benchmarks.retrieval_walks import Walk, level_walk
from spatia_bridge.frames import Projection, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.retrieval import VOXELS_A_CELL, CovisibilityIndex, CovisibilitySelector, FrameKey, ReferenceSelector, Wanted
from spatia_bridge.retrieval.baselines import FrustumOverlap, HungarianVisiblePoints, MostRecent
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.slam.update import Slam

NEW_VIEWS = 7
COUNTS = (4, 7)
TOLERANCE = 0.03
POINTS = 150_000  # of memory, at random, that the Hungarian baseline counts with in the coverage part
RECENT_SPACING = 8  # frames between those that "recent" takes: spread over a clip they show more than next to each other
OURS, BEST = "covisibility", "greedy with exact depth"
Depth = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class PastMemory:
    """Memory of a walk's frames up to a moment, built by the real update, and all that the ways to choose need of it."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.renderer = CpuRenderer()
        self._slam = Slam(self.renderer)
        self.snapshot = Snapshot(0.02)
        self._next = 0
        self.cameras: dict[FrameKey, Camera] = {}
        self.depths: dict[FrameKey, Depth] = {}
        self.index: CovisibilityIndex | None = None

    def advance(self, end: int) -> CovisibilityIndex:
        """Take in the candidates before `end`: every `stride`-th frame, as a session indexes its keyframes."""
        walk = self._walk
        for number in range(self._next, end, walk.stride):
            frame, key = walk.frames[number], FrameKey(number // walk.clip, number % walk.clip)
            update = self._slam.seed(self.snapshot, [frame], key.clip)
            if update.voxel_size_m is not None:
                self.snapshot = replace(self.snapshot, voxel_size_m=update.voxel_size_m)
            self.snapshot = self.snapshot.with_changes(update.changes, revision=number + 1)
            if self.index is None:
                self.index = CovisibilityIndex(VOXELS_A_CELL * self.snapshot.voxel_size_m)
            self.index.add(key, frame.camera, frame.depth_m)
            self.cameras[key], self.depths[key] = frame.camera, frame.depth_m
            self._next = number + walk.stride
        assert self.index is not None
        return self.index


class CountedOnce(HungarianVisiblePoints):
    """The baseline, on a memory that stays as it is: what a camera sees is counted once, not for each K again."""

    def __init__(self, points_world: npt.NDArray[np.float64], cameras: dict[FrameKey, Camera]) -> None:
        super().__init__(points_world, cameras)
        self._counted: dict[int, npt.NDArray[np.uint64]] = {}

    def visible(self, camera: Camera) -> npt.NDArray[np.uint64]:
        if id(camera) not in self._counted:
            self._counted[id(camera)] = super().visible(camera)
        return self._counted[id(camera)]


def shown(targets: Sequence[RgbdFrame], camera: Camera, depth: Depth) -> Bools:
    """Which pixels with depth of the targets, every third in each direction, another view shows (N,)."""
    world = np.concatenate([t.camera.back_project(t.depth_m)[1::3, 1::3][t.depth_m[1::3, 1::3] > 0] for t in targets])
    pixels, z = camera.project(world)
    k = camera.intrinsics
    with np.errstate(invalid="ignore"):
        inside = (z > 1e-3) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < k.width) & (pixels[:, 1] < k.height)
    u, v = pixels[inside].astype(int).T
    result = np.zeros(len(world), bool)
    result[inside] = np.abs(depth[v, u] - z[inside]) <= TOLERANCE * z[inside]
    return result


def points_of(snapshot: Snapshot) -> npt.NDArray[np.float64]:
    return np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in snapshot.chunks.values()])


def greedy(seen: Bools, count: int) -> list[int]:
    """Rows of (F, N) that cover most, chosen one after the other."""
    left, rows = np.ones(seen.shape[1], bool), []
    for _ in range(count):
        rows.append(int(np.argmax((seen & left).sum(axis=1))))
        left &= ~seen[rows[-1]]
    return rows


def ways_of(memory: PastMemory, index: CovisibilityIndex, stride: int) -> dict[str, ReferenceSelector]:
    points = points_of(memory.snapshot)
    points = points[np.random.default_rng(0).permutation(len(points))[:POINTS]]
    # visibility is counted on a quarter of the pixels, where these points leave no holes to look through
    small = {
        key: camera.resized(camera.intrinsics.width // 2, camera.intrinsics.height // 2) for key, camera in memory.cameras.items()
    }
    return {
        OURS: CovisibilitySelector(index),
        "recent": MostRecent(memory.cameras, RECENT_SPACING // stride),
        "frustum": FrustumOverlap(memory.cameras),
        "hungarian": CountedOnce(points, small),
    }


def coverage_on(walk: Walk, moments: int) -> dict[tuple[str, int], list[float]]:
    """Fraction shown, by (way to choose, K), one value a moment."""
    results: dict[tuple[str, int], list[float]] = defaultdict(list)
    memory, total = PastMemory(walk), len(walk.frames)
    for end in np.linspace(total * walk.first, total - walk.clip, moments).astype(int) // walk.stride * walk.stride:
        index = memory.advance(int(end))
        new = walk.frames[end : end + walk.clip]
        views = [new[n].camera for n in np.linspace(0, len(new) - 1, NEW_VIEWS).round().astype(int)]
        wanted = Wanted(tuple(memory.renderer.project(memory.snapshot, views)))
        rows = {key: n for n, key in enumerate(memory.cameras)}
        seen = np.stack([shown(new, memory.cameras[key], memory.depths[key]) for key in rows])
        ways = ways_of(memory, index, walk.stride)
        for count in COUNTS:
            for name, way in ways.items():
                chosen = [rows[choice.key] for choice in way.select(wanted, count)]
                results[name, count].append(float(seen[chosen].any(axis=0).mean()))
                results[f"{name}, frames", count].append(len(chosen))
            results[BEST, count].append(float(seen[greedy(seen, count)].any(axis=0).mean()))
            results["all past frames", count].append(float(seen.any(axis=0).mean()))
    return results


def coverage(quick: bool) -> dict[str, float]:
    walks = [("MAP25", 1), ("MAP26", 2), ("MAP29", 2)] if quick else [(f"MAP{m}", s) for m in (25, 26, 27, 29) for s in (1, 2, 3)]
    total: dict[tuple[str, int], list[float]] = defaultdict(list)
    for number in range(len(walks) + 1):
        walk = level_walk(walks[number][0], 600, (160, 90), walks[number][1], 15.0) if number < len(walks) else sample_walk()
        results = coverage_on(walk, 5 if quick else 8)
        for key, values in results.items():
            total[key] += values
        line = ", ".join(
            f"{name} {statistics.mean(results[name, 4]):.3f}" for name in (OURS, "hungarian", "frustum", "recent", BEST)
        )
        print(f"{walk.name}: {len(results[OURS, 4])} moments, share of the new views that 4 references show: {line}")
    means = {key: statistics.mean(values) for key, values in total.items()}
    report: dict[str, float] = {}
    for count in COUNTS:
        suffix = "" if count == 4 else f"_k{count}"
        for name in (OURS, "hungarian", "frustum", "recent", BEST, "all past frames"):
            print(f"K={count}: {name:24} {means[name, count]:.4f}", end="")
            print(f", with {means[f'{name}, frames', count]:.1f} frames" if (f"{name}, frames", count) in means else "")
        report[f"coverage{suffix}"] = means[OURS, count]
        for name in ("recent", "frustum", "hungarian"):
            report[f"coverage_vs_{name}{suffix}"] = means[OURS, count] / means[name, count]
        report[f"coverage_vs_exact_greedy{suffix}"] = means[OURS, count] / means[BEST, count]
    return report


def sample_walk() -> Walk:
    """The sample that ships: few frames of a loop, so all are candidates, and its last part looks back at the first."""
    return Walk("sample", load_capture(sample_path()).frames, clip=8, stride=1, first=0.6)


def timed(repeats: int, *calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call; they take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, spent in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in times]


def speed(quick: bool) -> dict[str, float]:
    """A round of Spatia's size: 1 M points, 24 past and 7 new cameras."""
    snapshot = scenes.snapshot(scenes.room(columns=8), 0.0198)
    intrinsics = Intrinsics(600.0, 600.0, 416.0, 240.0, 832, 480)
    renderer = CpuRenderer()

    def view(turn: float) -> Camera:
        eye = np.array([4.0 * np.cos(turn), -1.6, 4.5 + 3.0 * np.sin(turn)])
        return Camera(intrinsics, se3.look_at(eye, (0.8 * np.cos(turn + 2.4), -1.4, 4.5 + 0.6 * np.sin(turn + 2.4))))

    past = {FrameKey(0, n): view(n / 24 * 2 * np.pi) for n in range(24)}
    new = [view(0.13 + n / 7 * 2) for n in range(7)]
    projections = tuple(renderer.project(snapshot, new))
    depths = {key: renderer.render(snapshot, camera).depth_m for key, camera in past.items()}
    index = CovisibilityIndex(VOXELS_A_CELL * snapshot.voxel_size_m)
    for key, camera in past.items():
        index.add(key, camera, depths[key])
    ours, baseline = CovisibilitySelector(index), HungarianVisiblePoints(points_of(snapshot), past)
    wanted = Wanted(projections)
    ours.select(wanted, 7)
    key, numbers, other = FrameKey(0, 0), itertools.count(), CovisibilityIndex(index.cell_side_m)
    slow, fast, drawn, added = timed(
        5 if quick else 15,
        lambda: baseline.select(wanted, 7),
        lambda: ours.select(wanted, 7),
        lambda: ours.select(Wanted(tuple(renderer.project(snapshot, new))), 7),
        lambda: other.add(FrameKey(1, next(numbers)), past[key], depths[key]),
    )
    points = f"{snapshot.points / 1e6:.2f} M points, 24 past and 7 new views"
    print(f"{points}: Hungarian over visible points {slow:.2f} s, ours {fast * 1e3:.1f} ms, {slow / fast:.0f} times less")
    print(f"  with the projections, which the generator needs anyway, drawn: {drawn * 1e3:.0f} ms, {slow / drawn:.1f} times less")
    print(
        f"  a frame is taken in once, in {added * 1e3:.1f} ms; 25 a round counted in: {slow / (fast + 25 * added):.0f} times less"
    )
    print(f"  if the baseline kept what past views see (but memory changes): {7 / 31 * slow / fast:.0f} times less")
    return {
        "speedup_vs_hungarian": slow / fast,
        "speedup_vs_hungarian_with_drawing": slow / drawn,
        "ms_hungarian": slow * 1e3,
        "ms_with_drawing": drawn * 1e3,
        "ms_to_add_a_frame": added * 1e3,
    }


def growth(quick: bool) -> dict[str, float]:
    """One walk of 10,000 frames that comes by the same places again and again."""
    total = 10_000
    walk = level_walk("MAP26", total + 50, (64, 36), 3, 25.0)
    index = CovisibilityIndex(0.4)
    selector = CovisibilitySelector(index)
    report: dict[str, float] = {}
    size, start = 0, time.perf_counter()
    for step in (100, 1000, 3000, total):
        for number in range(size, step):
            frame = walk.frames[number]
            index.add(FrameKey(number // 25, number % 25), frame.camera, frame.depth_m)
        size = step
        spread = [np.linspace(total, total + 49, views).astype(int) for views in (7, 25)]
        asked = [Wanted(tuple(as_projection(walk.frames[n]) for n in numbers)) for numbers in spread]
        calls = [partial(selector.select, wanted, 7) for wanted in asked]
        for call in calls:
            call()
        few, many = timed(15 if quick else 41, *calls)
        report[f"ms_at_{step}_frames"], report[f"ms_at_{step}_frames_7_views"] = max(few, many) * 1e3, few * 1e3
        line = f"{few * 1e3:.1f} ms for 7 new views, {many * 1e3:.1f} ms for 25"
        print(f"{step} frames: {line}; {index.state_bytes / step:.0f} bytes a frame")
    print(f"  all frames taken in: {(time.perf_counter() - start) / total * 1e3:.1f} ms a frame, with the queries")
    report["bytes_per_frame"] = index.state_bytes / total
    report["stored_bytes_per_frame"] = statistics.mean(
        len(cells.to_bytes()) for _, cells in list(index.segments[0].shown())[:100]
    )
    return report


def as_projection(frame: RgbdFrame) -> Projection:
    covered = frame.valid_depth()
    return Projection(frame.camera, frame.colour, frame.depth_m, covered, covered.astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer walks and repeats")
    quick = parser.parse_args().quick
    report = {**speed(quick), **growth(quick), **coverage(quick)}
    print(json.dumps({name: round(value, 4) for name, value in report.items()}))


if __name__ == "__main__":
    main()
