"""A view with depth becomes observations: one weighted mean a voxel, on the grid level that fits the pixels' footprint.

A pixel at depth z covers z / f metres. It is observed on level round(log2(z / f / voxel size)), so that a voxel is about as large
as the pixel that filled it and what is far costs no more points than it has pixels. From BACKDROP_RANGE_M on, and for infinite
depth, it goes to a shell around the world's origin.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, Mask, RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.chunk import MAX_LEVEL

BACKDROP_RANGE_M = 1000.0
MAX_STRETCH = 4.0  # of a footprint by a grazing view: beyond it the floor's far end would be all blobs
_BITS = 18  # an axis of a packed voxel, relative to the camera's: |voxel − camera voxel| ≤ 2 · focal length in pixels
_HALF = 1 << (_BITS - 1)

_jit = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, eq=False)
class Observations:
    """Weighted means, one a voxel, sorted by level and voxel; at most one per (level, voxel).

    Attributes:
        level: int64 (N,).
        voxel: int64 (N, 3) in the level's grid.
        offset: float32 (N, 3), position within the voxel, 0…1.
        rgb: float32 (N, 3), 0…255 sRGB.
        normal: float32 (N, 3), towards the camera, not normalised.
        footprint: float32 (N,), diameter in voxels of the level.
        confidence: float32 (N,), 0…1.
        object_id: uint16 (N,).
        backdrop: bool (N,).
    """

    level: npt.NDArray[np.int64]
    voxel: npt.NDArray[np.int64]
    offset: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.float32]
    normal: npt.NDArray[np.float32]
    footprint: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    object_id: npt.NDArray[np.uint16]
    backdrop: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.level)

    def select(self, keep: npt.NDArray[np.bool_]) -> "Observations":
        """Those where keep (N,) is true."""
        return Observations(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})

    def points_world(self, voxel_size_m: float) -> npt.NDArray[np.float64]:
        """Positions (N, 3) in metres."""
        return np.asarray((self.voxel + self.offset) * (voxel_size_m * np.exp2(self.level))[:, None])


@_jit
def _normal(depth, i, j, fx, fy, cx, cy):  # type: ignore[no-untyped-def]
    """Unit normal (float32 each) in the camera's frame, facing it, from differences towards the neighbours nearest in depth."""
    height, width = depth.shape
    z = depth[j, i]
    x, y = (i + 0.5 - cx) / fx, (j + 0.5 - cy) / fy
    nx, ny, nz = -x, -y, np.float64(-1.0)
    if z > 0 and np.isfinite(z):
        di, dj, best_i, best_j = 0, 0, np.inf, np.inf
        for s in (-1, 1):
            if 0 <= i + s < width and depth[j, i + s] > 0 and abs(depth[j, i + s] - z) < best_i:
                di, best_i = s, abs(depth[j, i + s] - z)
            if 0 <= j + s < height and depth[j + s, i] > 0 and abs(depth[j + s, i] - z) < best_j:
                dj, best_j = s, abs(depth[j + s, i] - z)
        if best_i < np.inf and best_j < np.inf:
            zi, zj = depth[j, i + di], depth[j + dj, i]
            ax, ay, az = di * (x + di / fx) * zi - di * x * z, di * y * (zi - z), di * (zi - z)
            bx, by, bz = dj * x * (zj - z), dj * (y + dj / fy) * zj - dj * y * z, dj * (zj - z)
            nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            if nx * x + ny * y + nz > 0:
                nx, ny, nz = -nx, -ny, -nz
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    return np.float32(nx / length), np.float32(ny / length), np.float32(nz / length)


@_jit
def _normals(depth, fx, fy, cx, cy):  # type: ignore[no-untyped-def]
    """Of every pixel, (H, W, 3)."""
    height, width = depth.shape
    normals = np.empty((height, width, 3), np.float32)
    for j in range(height):
        for i in range(width):
            normals[j, i, 0], normals[j, i, 1], normals[j, i, 2] = _normal(depth, i, j, fx, fy, cx, cy)
    return normals


@_jit
def _scatter(depth, mask, count, pose, k, voxel_size, backdrop_range, max_level, max_stretch):  # type: ignore[no-untyped-def]
    """For each of the `count` pixels in the mask, row by row: its number, packed voxel key (-1 = none), normal, place within the
    voxel, footprint and cosine, backdrop."""
    height, width = depth.shape
    fx, fy, cx, cy = k
    pixels = np.empty(count, np.int64)
    keys = np.full(count, -1, np.int64)
    normals = np.empty((count, 3), np.float32)
    places = np.zeros((count, 3), np.float32)
    shapes = np.zeros((count, 2), np.float32)
    backdrop = np.zeros(count, np.bool_)
    ox, oy, oz = pose[0, 3], pose[1, 3], pose[2, 3]
    n = -1
    for j in range(height):
        for i in range(width):
            if not mask[j, i]:
                continue
            n += 1
            pixels[n], z = j * width + i, np.float64(depth[j, i])
            normals[n, 0], normals[n, 1], normals[n, 2] = _normal(depth, i, j, fx, fy, cx, cy)
            x, y = (i + 0.5 - cx) / fx, (j + 0.5 - cy) / fy
            length = np.sqrt(x * x + y * y + 1.0)
            cosine = min(max(-(normals[n, 0] * x + normals[n, 1] * y + normals[n, 2]) / length, 0.0), 1.0)
            dx = pose[0, 0] * x + pose[0, 1] * y + pose[0, 2]
            dy = pose[1, 0] * x + pose[1, 1] * y + pose[1, 2]
            dz = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2]
            if not z * length < backdrop_range:  # where the ray meets the shell around the world's origin
                b, c = (ox * dx + oy * dy + oz * dz) / length, ox * ox + oy * oy + oz * oz - backdrop_range * backdrop_range
                z = ((-b + np.sqrt(b * b - c)) if c < 0 else backdrop_range) / length
                backdrop[n], cosine = True, 1.0
            spacing = z * 2.0 / (fx + fy)
            level = min(max(int(np.rint(np.log2(spacing / voxel_size))), 0), max_level)
            side = voxel_size * 2.0**level
            px, py, pz = (ox + dx * z) / side, (oy + dy * z) / side, (oz + dz * z) / side
            vx = np.int64(np.floor(px)) - np.int64(np.floor(ox / side))
            vy = np.int64(np.floor(py)) - np.int64(np.floor(oy / side))
            vz = np.int64(np.floor(pz)) - np.int64(np.floor(oz / side))
            if max(abs(vx), abs(vy), abs(vz)) >= _HALF:
                continue
            keys[n] = (((level << _BITS | (vx + _HALF)) << _BITS) | (vy + _HALF)) << _BITS | (vz + _HALF)
            places[n, 0], places[n, 1], places[n, 2] = px - np.floor(px), py - np.floor(py), pz - np.floor(pz)
            stretch = 1.0 / cosine if cosine * max_stretch > 1.0 else max_stretch
            shapes[n, 0] = max(spacing * stretch / side, 1.0)
            shapes[n, 1] = cosine
    return pixels, keys, normals, places, shapes, backdrop


@_jit
def _reduce(order, pixels, keys, places, shapes, colour, normals, confidence, ids, count):  # type: ignore[no-untyped-def]
    """Means over runs of equal keys, weighted by confidence; the smallest footprint; the best-seen pixel's object id."""
    key = np.empty(count, np.int64)
    means = np.zeros((count, 9), np.float32)  # place 3, rgb 3, normal 3
    footprint = np.empty(count, np.float32)
    trust = np.zeros(count, np.float32)
    object_id = np.zeros(count, np.uint16)
    best = np.zeros(count, np.int64)
    m, total, sums = -1, 0.0, np.zeros(9)
    for n in order:
        if m < 0 or keys[n] != key[m]:
            if m >= 0:
                for a in range(9):
                    means[m, a] = sums[a] / total
            m, total = m + 1, 0.0
            sums[:] = 0
            key[m], footprint[m] = keys[n], shapes[n, 0]
        weight = max(confidence[n], np.float32(1e-3))
        total += weight
        for a in range(3):
            sums[a] += weight * places[n, a]
            sums[3 + a] += weight * colour[pixels[n], a]
            sums[6 + a] += weight * normals[n, a]
        footprint[m] = min(footprint[m], shapes[n, 0])
        if confidence[n] > trust[m]:
            trust[m], object_id[m], best[m] = confidence[n], ids[pixels[n]], n
    if m >= 0:
        for a in range(9):
            means[m, a] = sums[a] / total
    return key, means, footprint, trust, object_id, best


def normals_in_camera(depth: npt.NDArray[np.float32], lens: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Unit normals (H, W, 3) of planar depth (H, W) in the camera's frame, facing it; lens is fx, fy, cx, cy."""
    return np.asarray(_normals(depth, *lens))


def usable_pixels(frame: RgbdFrame) -> Mask:
    """Where a frame says something about the static scene: depth known (infinity included), not dynamic."""
    depth = frame.depth_m
    with np.errstate(invalid="ignore"):
        usable = np.asarray((depth >= MIN_DEPTH_M) & ((depth <= MAX_DEPTH_M) | np.isposinf(depth)))
    return usable if frame.dynamic is None else usable & ~frame.dynamic


def observe(frame: RgbdFrame, voxel_size_m: float, mask: Mask | None = None) -> Observations:
    """What the frame says about the static world, where mask (H, W) allows. Cost: O(pixels).

    Confidence is the frame's own, times 0.2 + 0.8 cos(angle between view and surface normal).
    """
    k, pose = frame.camera.intrinsics, frame.camera.world_from_camera
    allowed = usable_pixels(frame) if mask is None else usable_pixels(frame) & mask
    depth, intrinsics = np.ascontiguousarray(frame.depth_m), np.array([k.fx, k.fy, k.cx, k.cy])
    pixels, keys, normals, places, shapes, backdrop = _scatter(
        depth, allowed, np.count_nonzero(allowed), np.ascontiguousarray(pose), intrinsics,
        voxel_size_m, BACKDROP_RANGE_M, MAX_LEVEL, MAX_STRETCH,
    )  # fmt: skip
    confidence = np.float32(0.2) + np.float32(0.8) * shapes[:, 1]
    if frame.confidence is not None:
        confidence *= np.clip(frame.confidence.ravel()[pixels], 0, 1)
    ids = np.zeros(depth.size, np.uint16) if frame.object_ids is None else np.ascontiguousarray(frame.object_ids).ravel()
    used = np.flatnonzero(keys >= 0)
    order = used[np.argsort(keys[used], kind="stable")]
    count = int((np.diff(keys[order]) != 0).sum()) + 1 if len(order) else 0
    colour = np.ascontiguousarray(frame.colour).reshape(-1, 3)
    key, means, footprint, trust, object_id, best = _reduce(
        order, pixels, keys, places, shapes, colour, normals, confidence, ids, count
    )
    return _unpack(frame.camera, voxel_size_m, key, means, footprint, trust, object_id, backdrop[best])


def _unpack(
    camera: Camera,
    voxel_size_m: float,
    key: npt.NDArray[np.int64],
    means: npt.NDArray[np.float32],
    footprint: npt.NDArray[np.float32],
    trust: npt.NDArray[np.float32],
    object_id: npt.NDArray[np.uint16],
    backdrop: npt.NDArray[np.bool_],
) -> Observations:
    """Packed keys to absolute voxels; normals to the world."""
    cameras_voxel = np.floor(camera.position_world / (voxel_size_m * np.exp2(np.arange(MAX_LEVEL + 1)))[:, None])
    level, voxel = _absolute(key, cameras_voxel.astype(np.int64))
    rotation = camera.world_from_camera[:3, :3].astype(np.float32)
    return Observations(
        level=level,
        voxel=voxel,
        offset=np.minimum(means[:, :3], np.float32(1 - 1e-6)),
        rgb=means[:, 3:6],
        normal=means[:, 6:9] @ rotation.T,
        footprint=footprint,
        confidence=trust,
        object_id=object_id,
        backdrop=backdrop,
    )


@_jit
def _absolute(key, cameras_voxel):  # type: ignore[no-untyped-def]
    """Level (N,) and voxel (N, 3) of packed keys, with the camera's voxel on each level (L, 3)."""
    level, voxel = np.empty(len(key), np.int64), np.empty((len(key), 3), np.int64)
    for n in range(len(key)):
        level[n] = key[n] >> (3 * _BITS)
        for a in range(3):
            voxel[n, a] = ((key[n] >> (_BITS * (2 - a))) & ((1 << _BITS) - 1)) - _HALF + cameras_voxel[level[n], a]
    return level, voxel


def median_footprint_m(frames: tuple[RgbdFrame, ...]) -> float:
    """Median of depth / focal length over all pixels with finite depth, metres; 0 if there is none."""
    sizes = []
    for frame in frames:
        depth, k = frame.depth_m[frame.valid_depth()], frame.camera.intrinsics
        sizes.append(depth[depth < BACKDROP_RANGE_M] / np.float32(0.5 * (k.fx + k.fy)))
    footprints = np.concatenate(sizes) if sizes else np.empty(0)
    return float(np.median(footprints)) if len(footprints) else 0.0
