"""Memories to export, and what other programs read of a file: points in rows, whatever their order."""

import functools

import numpy as np

from spatia_bridge.export import exporter
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Memory, Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, plant
from spatia_bridge.slam.update import Slam
from tests.clouds import snapshot_of
from tests.engines.lettered_room import seed_views

VOXEL = 0.05
# what each importer's axes are, written out here so that no module checks itself
AXES = {
    "opencv": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "unity": np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1]]),
    "godot": np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    "gltf": np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    "unreal": 100 * np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    "z_up": np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]),
}


def random_snapshot(count=5000) -> Snapshot:
    rng = np.random.default_rng(3)
    points = rng.uniform((-6, -2, -3), (6, 1, 9), (count, 3))
    return snapshot_of(points, rng.integers(0, 256, (count, 3)), VOXEL)


@functools.cache
def lettered_room() -> Snapshot:
    """The room of the engines' tests as memory: another colour on each wall, a cube off the middle."""
    renderer, memory = CpuRenderer(), Memory()
    plant(Stages(renderer, Slam(renderer)), memory, seed_views(), 0, "", lambda done, total: None)
    return memory.snapshot()


def points_of(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """World points (N, 3) and colours (N, 3), in the order of the chunks' indexes."""
    chunks = [snapshot.chunks[index] for index in sorted(snapshot.chunks)]
    places = [chunk.points_world(snapshot.voxel_size_m) for chunk in chunks]
    return np.concatenate(places), np.concatenate([chunk.records["rgb"] for chunk in chunks])


def written(name: str, snapshot: Snapshot, engine: Engine = Engine.OPENCV) -> bytes:
    pieces: list[bytes] = []
    exporter(name).write(snapshot, engine, pieces.append)
    return b"".join(pieces)
