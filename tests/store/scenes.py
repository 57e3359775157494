"""Small memories, takes and comparisons for the tests of the store."""

import numpy as np

from spatia_bridge.frames import GeneratedFrame, RgbdFrame, Take
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory import Cause, ChunkIndex, Memory, Revision, Snapshot, Update
from spatia_bridge.memory.regions import Box, Region
from tests.codec.points import any_chunk

WIDTH, HEIGHT = 16, 12


def some_chunks(rng: np.random.Generator, count: int = 3, points: int = 40) -> dict:
    """Changes: that many chunks (some gone) in a small block of places, on two levels."""
    changes = {}
    for _ in range(count):
        index = ChunkIndex(int(rng.integers(0, 2)), *(int(i) for i in rng.integers(-2, 2, 3)))
        gone = rng.random() < 0.2
        changes[index] = None if gone else any_chunk(int(rng.integers(1, points)), int(rng.integers(1 << 30)), index)
    return changes


def commit(memory: Memory, seed: int, cause: Cause = Cause.SEED, clip: int = 0, count: int = 3) -> Revision:
    rng = np.random.default_rng(seed)
    health = {"inlier_fraction": float(rng.random()), "shift_m": np.float32(0.25)}
    return memory.commit(Update(some_chunks(rng, count), clip=clip, health=health), memory.snapshot(), cause, f"number {seed}")


def camera(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Camera:
    rng = np.random.default_rng(seed)
    pose = se3.look_at(rng.normal(size=3), rng.normal(size=3) + np.array([0, 0, 9]))
    return Camera(Intrinsics.from_vertical_fov(1.1, width, height), pose)


def half(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16).astype(np.float32)


def rgbd(seed: int, *, planes: bool = True) -> RgbdFrame:
    rng = np.random.default_rng(seed)
    shape = (HEIGHT, WIDTH)
    depth = half(rng.uniform(0, 30, shape))
    depth[0, 0] = np.inf
    more = {}
    if planes:
        more["object_ids"] = rng.integers(0, 65_536, shape).astype(np.uint16)
        more["dynamic"] = rng.random(shape) < 0.3
        more["confidence"] = rng.integers(0, 256, shape).astype(np.float32) / np.float32(255)
    return RgbdFrame(camera(seed), rng.integers(0, 256, (*shape, 3), np.uint8), depth, time_secs=seed / 16, **more)


def take(number: int, frames: int = 3, base_revision: int = 0) -> Take:
    """Frames with all planes, with none, with depth only, and so on."""
    made = []
    for i in range(frames):
        view = rgbd(number * 100 + i)
        wanted = (
            [view.depth_m, view.dynamic, view.confidence] if i % 3 == 0 else [view.depth_m if i % 3 == 1 else None, None, None]
        )
        made.append(GeneratedFrame(i, view.colour, *wanted))
    cameras = tuple(camera(number * 100 + i) for i in range(frames))
    return Take(
        number, base_revision, cameras, tuple(made), "a red door", 2**63 + number, "tiny", 24.0, {"secs": np.float32(1.5)}
    )


def same_image(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_camera(a: Camera, b: Camera) -> bool:
    return a.intrinsics == b.intrinsics and bool(np.abs(a.world_from_camera - b.world_from_camera).max() < 1e-14)


def same_frame(a: RgbdFrame | GeneratedFrame, b: RgbdFrame | GeneratedFrame) -> bool:
    assert type(a) is type(b)
    names = ["colour", "depth_m", "dynamic", "confidence"] + (["object_ids"] if isinstance(a, RgbdFrame) else [])
    rest = (a.time_secs == b.time_secs and same_camera(a.camera, b.camera)) if isinstance(a, RgbdFrame) else a.number == b.number
    return rest and all(same_image(getattr(a, name), getattr(b, name)) for name in names)


def same_take(a: Take, b: Take) -> bool:
    plain = ("number", "base_revision", "prompt", "seed", "generator", "fps", "notes")
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and all(map(same_camera, a.cameras, b.cameras))
        and len(a.frames) == len(b.frames)
        and all(map(same_frame, a.frames, b.frames))
    )


def same_region(a: Region, b: Region) -> bool:
    if isinstance(a, Box):
        return (
            isinstance(b, Box)
            and np.allclose(a.world_from_box, b.world_from_box, rtol=0, atol=1e-13)
            and (a.half_size_m == b.half_size_m).all()
        )
    return not isinstance(b, Box) and (a.centre_world == b.centre_world).all() and a.radius_m == b.radius_m


def same_snapshot(a: Snapshot, b: Snapshot) -> bool:
    """Content to the byte, regions in order."""
    plain = ("voxel_size_m", "revision", "points", "record_digest", "packed_digest")
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and a.chunks.keys() == b.chunks.keys()
        and all(a.chunks[i].records.tobytes() == b.chunks[i].records.tobytes() for i in a.chunks)
        and len(a.locks) == len(b.locks)
        and len(a.tombstones) == len(b.tombstones)
        and all(map(same_region, a.protected(), b.protected()))
    )
