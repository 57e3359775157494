"""What the update makes of walks through held-out levels, monsters included, against what was true.

Tracking: the walk as recorded views (all of them are fused), whose poses are the true ones after a random walk of 2 cm and 0.5°
a frame; memory is empty and begins with the first view, whose pose is exact. `seed_fps` counts all stages of that; `fps` those
of a take of 25 frames. Odometry: the same frames without poses, beside Open3D's RGB-D odometry (hybrid term, frame to frame,
the best of several `depth_diff_max`, since its default loses these walks). In both, object ids and masks are hidden from the
code, so monsters are in the pictures like walls. ATE: root mean square distance of camera centres, with no alignment at all,
since the first pose is given; over the length of the path.

Dynamics: the walks folded in clip by clip under their true poses; `slam_dynamics` says what is counted over what.

    python benchmarks/slam.py [--quick]
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

import numpy as np
import open3d

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.slam_dynamics import measure_dynamics
from benchmarks.slam_walks import LivelyWalk, lively_walk
from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.frames import GeneratedFrame, RgbdFrame, Take
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Cause, Memory
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.slam.odometry import recover_poses
from spatia_bridge.slam.update import Slam

LEVELS = tuple(f"MAP{number}" for number in range(25, 33))
QUICK_LEVELS = ("MAP25", "MAP27", "MAP30")
TAKE_FRAMES = 25
STEP_M, STEP_RAD = 0.02, np.deg2rad(0.5)  # root mean square, of the random walk's step a frame
MAX_JUMP_M, MAX_SEEDS = 1.5, 3
DEPTH_DIFF_MAX = (0.03, 0.1, 0.3)  # of Open3D; the first is its default
DEPTH_MAX_M = 100.0


def held_out_walk(level: str, frames: int) -> LivelyWalk | None:
    """The first walk of a level in which the camera falls off no high ledge: it would be elsewhere from one frame to the next."""
    for seed in range(MAX_SEEDS):
        walk = lively_walk(level, frames, seed)
        places = np.array([frame.camera.position_world for frame in walk.frames])
        if np.linalg.norm(np.diff(places, axis=0), axis=1).max() <= MAX_JUMP_M:
            return walk
    print(f"{level} is left out: in each of {MAX_SEEDS} walks the camera falls by more than {MAX_JUMP_M} m between two frames")
    return None


def ate_m(cameras: Sequence[Camera], true: Sequence[Camera]) -> float:
    """Absolute trajectory error in metres, root mean square, unaligned."""
    gaps = [a.position_world - b.position_world for a, b in zip(cameras, true, strict=True)]
    return float(np.sqrt(np.mean(np.square(gaps).sum(axis=1))))


def path_m(cameras: Sequence[Camera]) -> float:
    places = np.array([camera.position_world for camera in cameras])
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def drifted(cameras: Sequence[Camera], seed: int) -> list[Camera]:
    """The cameras, each step of the path with a random error; the first is exact."""
    rng, made = np.random.default_rng(seed), [cameras[0]]
    for before, now in pairwise(cameras):
        twist = np.concatenate([rng.normal(0, STEP_M / np.sqrt(3), 3), rng.normal(0, STEP_RAD / np.sqrt(3), 3)])
        step = before.camera_from_world @ now.world_from_camera @ se3.exp(twist)
        made.append(Camera(now.intrinsics, se3.orthonormal(made[-1].world_from_camera @ step)))
    return made


def tracking(walks: Sequence[LivelyWalk]) -> dict[str, float]:
    """ATE of drifted poses before and after the update, and how fast that is."""
    renderer = CpuRenderer()
    slam = Slam(renderer)
    before, after, fps, seed_fps, inliers = [], [], [], [], []
    for seed, walk in enumerate(walks):
        true = [frame.camera for frame in walk.frames]
        commanded = drifted(true, seed)
        views = [RgbdFrame(camera, f.colour, f.depth_m) for camera, f in zip(commanded, walk.frames, strict=True)]
        empty = Memory().snapshot()
        slam.seed(empty, views[:2], tracked=True)  # compiles
        start = time.perf_counter()
        update = slam.seed(empty, views, tracked=True)
        seed_fps.append(len(views) / (time.perf_counter() - start))
        fps.append(take_fps(slam, walk.frames[:TAKE_FRAMES]))
        length = path_m(true)
        before.append(ate_m(commanded, true) / length)
        after.append(ate_m(update.cameras, true) / length)
        inliers.append(update.health["tracking_inlier_ratio"])
        print(f"{walk.name}: {length:.1f} m, ATE / path {before[-1]:.5f} commanded, {after[-1]:.5f} tracked, {fps[-1]:.1f} fps")
    return {
        "ate_over_path_before": round(mean(before), 6),
        "ate_over_path": round(mean(after), 6),
        "ate_gain": round(mean(before) / mean(after), 2),
        "ate_gain_worst": round(min(b / a for b, a in zip(before, after, strict=True)), 2),
        "tracking_inlier_ratio": round(mean(inliers), 4),
        "fps": round(mean(fps), 2),
        "seed_fps": round(mean(seed_fps), 2),
    }


def dynamics(walks: Sequence[LivelyWalk]) -> dict[str, float]:
    """What stays of things that moved, and of the level, when the walks are folded in clip by clip; see `slam_dynamics`."""
    results = [measure_dynamics(walk) for walk in walks]
    for walk, result in zip(walks, results, strict=True):
        kept, recall = result.dynamic_points_kept, result.static_recall
        print(
            f"{walk.name}: {kept:.4f} of {result.dynamic_points_seen:,} dynamic points kept, {recall:.4f} of the level recalled"
        )
    seen = sum(result.dynamic_points_seen for result in results)
    return {
        "dynamic_points_kept": round(sum(r.dynamic_points_kept * r.dynamic_points_seen for r in results) / max(seen, 1), 5),
        "dynamic_points_kept_worst": round(max(result.dynamic_points_kept for result in results), 5),
        "dynamic_points_seen": seen,
        "static_recall": round(mean(result.static_recall for result in results), 5),
    }


def take_fps(slam: Slam, frames: Sequence[RgbdFrame]) -> float:
    """Frames a second of the update with a take of these frames, where memory has been seeded with every fourth of them."""
    views = [RgbdFrame(frame.camera, frame.colour, frame.depth_m) for frame in frames]
    memory, empty = Memory(), Memory().snapshot()
    memory.commit(slam.seed(empty, views[::4]), empty, Cause.SEED)
    made = tuple(GeneratedFrame(number, frame.colour, frame.depth_m) for number, frame in enumerate(frames))
    take = Take(1, 1, tuple(frame.camera for frame in frames), made)
    with contextlib.suppress(RejectedUpdateError):  # a monster before the lens contradicts memory: told after all the work
        start = time.perf_counter()
        slam.update(memory.snapshot(), take)
    return len(frames) / (time.perf_counter() - start)


def odometry(walks: Sequence[LivelyWalk]) -> dict[str, float]:
    """ATE of poses that are recovered from nothing, ours and Open3D's."""
    ours, theirs, fps, their_fps, closures = [], [], [], [], 0
    for walk in walks:
        true = [frame.camera for frame in walk.frames]
        frames = without_poses(walk.frames)
        recover_poses(frames[:2])  # compiles
        start = time.perf_counter()
        found = recover_poses(frames)
        fps.append(len(frames) / (time.perf_counter() - start))
        closures += len(found.closures)
        start = time.perf_counter()
        others = [ate_m(open3d_odometry(frames, limit), true) for limit in DEPTH_DIFF_MAX]
        their_fps.append(len(frames) * len(DEPTH_DIFF_MAX) / (time.perf_counter() - start))
        length = path_m(true)
        ours.append(ate_m(found.cameras, true) / length)
        theirs.append(min(others) / length)
        text = ", ".join(f"{each:.3f}" for each in others)
        print(
            f"{walk.name}: ATE / path {ours[-1]:.5f} ours, {theirs[-1]:.5f} Open3D's best of {text} m; "
            f"{len(found.keyframes)} keyframes, {len(found.closures)} closures, {len(found.lost)} lost"
        )
    return {
        "odometry_ate_over_path": round(mean(ours), 6),
        "open3d_ate_over_path": round(mean(theirs), 6),
        "ate_vs_open3d": round(mean(ours) / mean(theirs), 4),
        "ate_vs_open3d_worst": round(max(a / b for a, b in zip(ours, theirs, strict=True)), 4),
        "odometry_closures": closures,
        "odometry_fps": round(mean(fps), 2),
        "open3d_fps": round(mean(their_fps), 2),
    }


def without_poses(frames: Sequence[RgbdFrame]) -> list[RgbdFrame]:
    """The frames with no masks, and all with the first one's pose."""
    pose = frames[0].camera.world_from_camera
    return [RgbdFrame(Camera(frame.camera.intrinsics, pose), frame.colour, frame.depth_m) for frame in frames]


def open3d_odometry(frames: Sequence[RgbdFrame], depth_diff_max: float) -> list[Camera]:
    """Frame to frame; each begins with the motion of the one before, and keeps it where Open3D says it failed."""
    module = open3d.pipelines.odometry
    k = frames[0].camera.intrinsics  # Open3D's pixel centres lie at whole numbers
    lens = open3d.camera.PinholeCameraIntrinsic(k.width, k.height, k.fx, k.fy, k.cx - 0.5, k.cy - 0.5)
    option = module.OdometryOption(depth_diff_max=depth_diff_max, depth_max=DEPTH_MAX_M)
    images = [
        open3d.geometry.RGBDImage.create_from_color_and_depth(
            open3d.geometry.Image(frame.colour), open3d.geometry.Image(frame.depth_m), depth_scale=1.0, depth_trunc=DEPTH_MAX_M
        )
        for frame in frames
    ]
    motion, made = np.eye(4), [frames[0].camera]
    for before, now in pairwise(images):
        term = module.RGBDOdometryJacobianFromHybridTerm()
        success, found, _ = module.compute_rgbd_odometry(now, before, lens, motion, term, option)
        motion = np.asarray(found) if success and np.isfinite(found).all() else motion
        made.append(Camera(k, se3.orthonormal(made[-1].world_from_camera @ motion)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three levels, shorter walks")
    arguments = parser.parse_args()
    levels, frames = (QUICK_LEVELS, 100) if arguments.quick else (LEVELS, 200)
    walks = [walk for level in levels if (walk := held_out_walk(level, frames)) is not None]
    figures: dict[str, float] = {"walks": len(walks), "frames_a_walk": frames}
    figures |= tracking(walks)
    figures |= odometry(walks)
    figures |= dynamics(walks)
    for name, value in figures.items():
        print(f"{name:28} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
