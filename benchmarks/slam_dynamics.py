"""Dynamics out, statics right: walks among moving monsters, object ids hidden from the update.

The walk is folded in clip by clip as views of an engine. Then every point of memory is held against what was true:

`dynamic_points_kept`: over all places (voxels of memory's grid, at the pixel's own level) at which things displaced by more than
0.5 m were seen, the share at which memory holds a point still: one within 1.5 voxels of such a place that lies off every static
surface seen by more than that. The denominator is what a memory without any test would hold of them.

`static_recall`: over the places of the static level that were seen (not behind an actor), the share with a point of memory within
2 voxels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from benchmarks.slam_walks import LivelyWalk
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.observe import observe
from spatia_bridge.slam.update import Slam

CLIP = 25
DISPLACED_M = 0.5
KEPT_VOXELS, RECALL_VOXELS = 1.5, 2.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DynamicsResult:
    """Figures of one walk, and the memory it left."""

    memory: Snapshot
    dynamic_points_kept: float
    dynamic_points_seen: int
    static_recall: float
    static_points_seen: int
    frames_per_s: float


def hidden(frame: RgbdFrame) -> RgbdFrame:
    """The frame without its object ids."""
    return replace(frame, object_ids=None)


def measure_dynamics(walk: LivelyWalk, slam: Slam | None = None) -> DynamicsResult:
    """Fold the walk in and compare."""
    slam = slam or Slam(CpuRenderer())
    memory, seconds = Snapshot(0.02), 0.0
    for number, first in enumerate(range(0, len(walk.frames), CLIP)):
        clip = [hidden(frame) for frame in walk.frames[first : first + CLIP]]
        start = time.perf_counter()
        update = slam.seed(memory, clip, number)
        if update.voxel_size_m is not None:
            memory = replace(memory, voxel_size_m=update.voxel_size_m)
        memory = memory.with_changes(update.changes)
        seconds += time.perf_counter() - start
    moved = np.array(sorted(walk.displaced(DISPLACED_M)), np.uint16)
    dynamic = _places(walk.frames, [np.isin(f.object_ids, moved) for f in walk.frames], memory.voxel_size_m)
    static = _places(walk.frames, [f.object_ids == 0 for f in walk.frames], memory.voxel_size_m)
    held = np.concatenate([chunk.points_world(memory.voxel_size_m) for chunk in memory.chunks.values()])
    to_held, to_static = cKDTree(held), cKDTree(static[:, :3])
    strange = held[to_static.query(held, distance_upper_bound=1.0)[0] > KEPT_VOXELS * _voxels(memory)]
    kept = cKDTree(strange).query(dynamic[:, :3])[0] <= KEPT_VOXELS * dynamic[:, 3] if len(strange) else np.zeros(len(dynamic))
    recalled = to_held.query(static[:, :3])[0] <= RECALL_VOXELS * static[:, 3]
    return DynamicsResult(
        memory, float(kept.mean()), len(dynamic), float(recalled.mean()), len(static), len(walk.frames) / seconds
    )


def _voxels(memory: Snapshot) -> Floats:
    """The voxel size (N,) of each of memory's points."""
    return np.concatenate([np.full(len(c), c.voxel_size_m(memory.voxel_size_m)) for c in memory.chunks.values()])


def _places(frames: Sequence[RgbdFrame], masks: Sequence[npt.NDArray[np.bool_]], voxel_size_m: float) -> Floats:
    """Distinct voxels that the masked pixels fill, rows (N, 4): position in metres, voxel size."""
    found: dict[int, list[npt.NDArray[np.int64]]] = {}
    points: dict[int, list[Floats]] = {}
    for frame, mask in zip(frames, masks, strict=True):
        seen = observe(frame, voxel_size_m, mask & frame.valid_depth())
        for level in np.unique(seen.level):
            rows = seen.level == level
            found.setdefault(int(level), []).append(seen.voxel[rows])
            points.setdefault(int(level), []).append(seen.points_world(voxel_size_m)[rows])
    out = [np.empty((0, 4))]
    for level, voxels in found.items():
        _, first = np.unique(np.concatenate(voxels), axis=0, return_index=True)
        place = np.concatenate(points[level])[first]
        out.append(np.column_stack([place, np.full(len(place), voxel_size_m * 2.0**level)]))
    return np.concatenate(out)
