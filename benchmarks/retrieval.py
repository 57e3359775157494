"""Choosing reference frames: how much of the new views they show, against other ways to choose, and what it costs.

    python benchmarks/retrieval.py [--quick]

Coverage: walks through levels of Freedoom (phase 2, ray-cast depth) and the sample's walk. At moments spread over each walk, the
frames before it are the past and the next 25 are new. Memory is built from the past by the real update and projected along 7 of the
new cameras; every way to choose gets these projections. What the choices show is then measured without our index or memory: each
pixel of the new frames, by its exact depth, is carried into each chosen frame and counts as shown if that frame's exact depth there
agrees within 3 %. Cost: a synthetic hall of a million points, 24 past and 7 new cameras of 832×480; and 10,000 frames of one walk.
The last line is JSON.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
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

CLIP = 25
NEW_VIEWS = 7
PAST_STRIDE = 4  # candidates, as a session indexes its keyframes
TOLERANCE = 0.03
OURS = "covisibility"
Depth = npt.NDArray[np.float32]


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
        """Take in every PAST_STRIDE-th frame before `end`."""
        for number in range(self._next, end, PAST_STRIDE):
            frame, key = self._walk.frames[number], FrameKey(number // CLIP, number % CLIP)
            update = self._slam.seed(self.snapshot, [frame], key.clip)
            if update.voxel_size_m is not None:
                self.snapshot = replace(self.snapshot, voxel_size_m=update.voxel_size_m)
            self.snapshot = self.snapshot.with_changes(update.changes, revision=number + 1)
            if self.index is None:
                self.index = CovisibilityIndex(VOXELS_A_CELL * self.snapshot.voxel_size_m)
            self.index.add(key, frame.camera, frame.depth_m)
            self.cameras[key], self.depths[key] = frame.camera, frame.depth_m
            self._next = number + PAST_STRIDE
        assert self.index is not None
        return self.index


def shown(targets: Sequence[RgbdFrame], cameras: Iterable[Camera], depths: Iterable[Depth]) -> npt.NDArray[np.bool_]:
    """Which pixels with depth of the targets, every third in each direction, one of the other views shows (N,)."""
    points, covered = [], []
    for target in targets:
        depth = target.depth_m[1::3, 1::3]
        points.append(target.camera.back_project(target.depth_m)[1::3, 1::3][depth > 0])
    world = np.concatenate(points)
    covered = np.zeros(len(world), bool)
    for camera, depth in zip(cameras, depths, strict=True):
        left = np.flatnonzero(~covered)
        pixels, z = camera.project(world[left])
        k = camera.intrinsics
        with np.errstate(invalid="ignore"):
            inside = (z > 1e-3) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < k.width) & (pixels[:, 1] < k.height)
        left, z, (u, v) = left[inside], z[inside], pixels[inside].astype(int).T
        covered[left[np.abs(depth[v, u] - z) <= TOLERANCE * z]] = True
    return covered


def points_of(snapshot: Snapshot) -> npt.NDArray[np.float64]:
    return np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in snapshot.chunks.values()])


def coverage_on(walk: Walk, moments: int) -> dict[tuple[str, int], list[float]]:
    """Fraction shown, by (way to choose, K), one value a moment."""
    results: dict[tuple[str, int], list[float]] = defaultdict(list)
    memory, total = PastMemory(walk), len(walk.frames)
    for end in np.linspace(total * 0.3, total - CLIP, moments).astype(int) // PAST_STRIDE * PAST_STRIDE:
        index = memory.advance(int(end))
        new = walk.frames[end : end + CLIP]
        views = [new[n].camera for n in np.linspace(0, len(new) - 1, NEW_VIEWS).round().astype(int)]
        wanted = Wanted(tuple(memory.renderer.project(memory.snapshot, views)))
        # the visibility of points is counted on a quarter of the pixels a side, where memory's points leave no holes
        small = {key: camera.resized(camera.intrinsics.width // 2, camera.intrinsics.height // 2)
                 for key, camera in memory.cameras.items()}  # fmt: skip
        ways: dict[str, ReferenceSelector] = {
            OURS: CovisibilitySelector(index),
            "recent": MostRecent(memory.cameras, stride=2),
            "frustum": FrustumOverlap(memory.cameras),
            "hungarian": HungarianVisiblePoints(points_of(memory.snapshot), small),
        }
        for name, way in ways.items():
            for count in (4, 7):
                keys = [choice.key for choice in way.select(wanted, count)]
                seen = shown(new, [memory.cameras[key] for key in keys], [memory.depths[key] for key in keys])
                results[name, count].append(float(seen.mean()))
                results[name + " frames", count].append(len(keys))
        everything = shown(new, memory.cameras.values(), memory.depths.values())
        for count in (4, 7):
            results["all past frames", count].append(float(everything.mean()))
    return results
