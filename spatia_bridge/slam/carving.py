"""Free space is carved: points of memory that a clip sees through, and that nothing in the clip confirms, are gone.

A point is *seen through* by a frame if everything the frame sees around it lies clearly further away: more than two of its voxels
and a share of the depth, in a window as large as its splat and a pixel more, so that grazing views and thin things survive. It is
*confirmed* by a frame that sees a surface there. It goes if frames enough see through it and none confirms it.

    What may go.  Locked regions never. What an engine or a camera saw goes only if one of them sees it gone: a generator
    invents, so what it shows is no evidence against what was there. What a generator made goes by either's word.
    No churn.     What a frame shows as static it confirms: a clip never carves what it writes, and carving twice is carving once.
    Cost.         O(pixels of the clip + points of the chunks that its rays pass), never O(memory).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Mask, RgbdFrame
from spatia_bridge.memory.chunk import MAX_CHUNK_COORDINATE, Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, FLAG_BACKDROP, FLAG_GENERATED
from spatia_bridge.memory.regions import contained_in_any
from spatia_bridge.memory.snapshot import Changes, Snapshot
from spatia_bridge.render.cores import for_all, map_all
from spatia_bridge.slam.dynamics import known_depth

RAY_STRIDE_PX = 8
PIECE = 1 << 15  # points that one thread looks at
MAX_WINDOW = 3  # pixels to each side; a splat that looks larger has neighbours that speak for themselves
_AROUND = np.ones((3, 3), np.uint8)
_jit = numba.njit(cache=True, nogil=True)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CarvingConfig:
    """What is evidence of emptiness.

    Attributes:
        frames: at most so many of a clip's look, evenly spread.
        min_seen_through: frames, or all if there are fewer.
        depth_tolerance: relative, with `voxels` of the point: less than both together in front of a surface is the surface.
        voxels: of the point's own size.
        min_confidence: pixels less certain are no evidence.
        max_pixel_voxels: a view carves what it resolves: points whose voxel is no smaller than 1 / this of its pixels.
    """

    frames: int = 8
    min_seen_through: int = 2
    depth_tolerance: float = 0.02
    voxels: float = 2.0
    min_confidence: float = 0.5
    max_pixel_voxels: float = 8.0


def carve(
    base: Snapshot, frames: Sequence[RgbdFrame], static: Sequence[Mask], *, generated: bool, config: CarvingConfig | None = None
) -> tuple[Changes, int]:
    """The chunks that change, and how many points go.

    Args:
        frames: in the order of time, poses as good as they get.
        static: bool (H, W) a frame, the pixels that the clip holds to be static: only these confirm; all prove space free.
        generated: a generator made the frames.
    """
    config = config or CarvingConfig()
    chosen = sorted({round(at) for at in np.linspace(0, len(frames) - 1, min(config.frames, len(frames)))}) if len(frames) else []
    views = map_all(lambda n: _View(frames[n], static[n], config), chosen)
    indexes = _passed(base, views, config) if views else []
    if not indexes:
        return {}, 0
    needed = min(config.min_seen_through, len(views))
    changes: dict[ChunkIndex, Chunk | None] = {}
    carved = 0
    chunks = [base.chunks[index] for index in indexes]
    sizes = np.repeat([chunk.voxel_size_m(base.voxel_size_m) for chunk in chunks], [len(chunk) for chunk in chunks])
    points = np.concatenate([chunk.points_world(base.voxel_size_m) for chunk in chunks])
    gone = _gone(points, sizes, views, needed, config)
    end = 0
    for index, chunk in zip(indexes, chunks, strict=True):
        start, end = end, end + len(chunk)
        out = gone[start:end]
        if not out.any():
            continue
        flags = chunk.records["flags"]
        out &= (flags & FLAG_BACKDROP) == 0
        if generated:
            out &= (flags & FLAG_GENERATED) > 0
        if base.locks and out.any():
            out &= ~contained_in_any(base.locks, points[start:end])
        if out.any():
            carved += int(out.sum())
            changes[index] = None if out.all() else Chunk(index, chunk.records.compress(~out))
    return changes, carved


class _View:
    """One frame, prepared: where each window's depth is known, its nearest and farthest; its lens and pose."""

    def __init__(self, frame: RgbdFrame, static: Mask, config: CarvingConfig) -> None:
        depth = known_depth(frame)
        if frame.confidence is not None:
            depth = np.where(frame.confidence >= config.min_confidence, depth, np.float32(0))
        self.depth = depth
        surface = np.where(static, depth, np.float32(0))
        self.near = _widened(cv2.erode, depth)  # (W, H, W); 0 where any is unknown
        self.low = _widened(cv2.erode, np.where(surface > 0, surface, np.float32(np.inf)))
        self.high = _widened(cv2.dilate, surface)
        k = frame.camera.intrinsics
        self.lens = np.array([k.fx, k.fy, k.cx, k.cy])
        self.camera_from_world = np.ascontiguousarray(frame.camera.camera_from_world)
        self.world_from_camera = frame.camera.world_from_camera


def _widened(grow: Callable[..., object], image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The image (H, W) eroded or dilated over windows of 3, 5, … pixels a side: (MAX_WINDOW, H, W), each from the one before."""
    wider = np.empty((MAX_WINDOW, *image.shape), np.float32)
    for n in range(MAX_WINDOW):
        grow(wider[n - 1] if n else image, _AROUND, dst=wider[n])
    return wider


def _gone(points: Floats, sizes: Floats, views: Sequence[_View], needed: int, config: CarvingConfig) -> npt.NDArray[np.bool_]:
    """bool (N,): points (N, 3) with voxels of sizes (N,) that so many views see through and none confirms."""
    through, confirmed = np.zeros(len(points), np.uint8), np.zeros(len(points), np.bool_)

    def look(some: slice) -> None:
        for view in views:
            _look(
                points[some], sizes[some], view.near, view.low, view.high, view.lens, view.camera_from_world,
                config.depth_tolerance, config.voxels, config.max_pixel_voxels, through[some], confirmed[some],
            )  # fmt: skip

    for_all(look, [slice(start, start + PIECE) for start in range(0, len(points), PIECE)])
    return np.asarray((through >= needed) & ~confirmed)


@_jit
def _look(points, sizes, near, low, high, lens, pose, tolerance, voxels, max_pixel_voxels, through, confirmed):  # type: ignore[no-untyped-def]
    """Add what one view says: through (N,) counts, confirmed (N,)."""
    windows, height, width = near.shape
    focal = 0.5 * (lens[0] + lens[1])
    for n in range(len(points)):
        if confirmed[n]:
            continue
        x, y, z = points[n]
        w = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * z + pose[2, 3]
        if w <= 1e-3 or w > max_pixel_voxels * sizes[n] * focal:
            continue
        u = (pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * z + pose[0, 3]) / w * lens[0] + lens[2]
        v = (pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * z + pose[1, 3]) / w * lens[1] + lens[3]
        if not (0 <= u < width and 0 <= v < height):
            continue
        i, j = int(u), int(v)
        window = min(int(0.5 * sizes[n] * focal / w + 0.5), windows - 1)
        margin = voxels * sizes[n] + tolerance * w
        if near[window, j, i] > w + margin:
            through[n] += 1
        elif low[window, j, i] - margin <= w <= high[window, j, i] + margin:
            confirmed[n] = True


def _passed(base: Snapshot, views: Sequence[_View], config: CarvingConfig) -> list[ChunkIndex]:
    """The chunks that rays of the views pass through, up to what they see and as far as they resolve a level's points."""
    found: set[ChunkIndex] = set()
    for level in sorted(base.levels()):
        side = CHUNK_SIDE * base.voxel_size_m * (1 << level)
        passed = map_all(partial(_passed_by, side=side, max_pixel_voxels=config.max_pixel_voxels), views)
        for x, y, z in _distinct(np.concatenate(passed)).tolist():
            if (level, x, y, z) in base.chunks:  # an index equals its plain tuple, which is made much faster
                found.add(ChunkIndex(level, x, y, z))
    return sorted(found)


def _passed_by(view: _View, side: float, max_pixel_voxels: float) -> npt.NDArray[np.int64]:
    """The cubes (K, 3) of a level, `side` metres a side, that a view's rays pass."""
    depth = view.depth[RAY_STRIDE_PX // 2 :: RAY_STRIDE_PX, RAY_STRIDE_PX // 2 :: RAY_STRIDE_PX]
    rows, columns = np.nonzero(depth > 0)
    reach = max_pixel_voxels * side / CHUNK_SIDE * 0.5 * (view.lens[0] + view.lens[1])
    ends = np.minimum(depth[rows, columns], reach)
    x = (columns * RAY_STRIDE_PX + RAY_STRIDE_PX // 2 + 0.5 - view.lens[2]) / view.lens[0]
    y = (rows * RAY_STRIDE_PX + RAY_STRIDE_PX // 2 + 0.5 - view.lens[3]) / view.lens[1]
    rays = np.stack([x, y, np.ones(len(x))], axis=1) @ view.world_from_camera[:3, :3].T
    return _march(view.world_from_camera[:3, 3] / side, rays / side, ends.astype(np.float64))


def _distinct(cubes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows (K, 3) once each (views of one clip pass much the same), without those where no chunk can be."""
    x, y, z = cubes[(np.abs(cubes) < MAX_CHUNK_COORDINATE).all(axis=1)].T + MAX_CHUNK_COORDINATE
    codes = np.unique((x << 42) | (y << 21) | z)
    mask = (1 << 21) - 1
    return np.stack([codes >> 42, codes >> 21 & mask, codes & mask], axis=1) - MAX_CHUNK_COORDINATE


def _march(origin: Floats, rays: Floats, ends: Floats) -> npt.NDArray[np.int64]:
    """Distinct cubes (K, 3) of unit side that rays (R, 3) from the origin (3,) pass, to depths ends (R,)."""
    if not len(rays):
        return np.empty((0, 3), np.int64)
    tips = np.vstack([origin, origin + rays * ends[:, None]])
    low = np.floor(tips.min(axis=0)).astype(np.int64)
    passed = np.zeros(np.floor(tips.max(axis=0)).astype(np.int64) - low + 1, np.bool_)
    _pass(origin, rays, ends, low, passed)
    return np.asarray(np.argwhere(passed) + low)


@_jit
def _pass(origin, rays, ends, low, passed):  # type: ignore[no-untyped-def]
    """Mark the cubes of a grid that begins at `low` where a step of half a cube at most along any ray comes by."""
    for r in range(len(rays)):
        x, y, z = rays[r]
        steps = int(np.ceil(2 * ends[r] * np.sqrt(x * x + y * y + z * z))) + 1
        for at in range(steps):
            depth = ends[r] * (at / max(steps - 1, 1))
            i = int(np.floor(origin[0] + x * depth)) - low[0]
            j = int(np.floor(origin[1] + y * depth)) - low[1]
            k = int(np.floor(origin[2] + z * depth)) - low[2]
            passed[i, j, k] = True
