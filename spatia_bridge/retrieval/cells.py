"""What a view shows, as coarse cells: a few hundred numbers that can be compared with those of any other view.

A view's depth is sampled on a grid of some 53 × 30 pixels. A sample at depth z stands for a square of side s = z · (distance
of the samples at depth 1), more if it is seen at an angle. It falls into a cell of side `cell_side_m` · 2^L with the least L at
which that is SAMPLES_ACROSS · s or more, so that a cell holds many samples, and what is far costs no more cells than it has
samples. Only what the depth image itself shows becomes a cell: what is occluded is not seen.

Views from different distances meet on different levels, so a frame's cells also count for the cells that contain them, up to
LEVELS_UP levels. A cell's value is the surface that the frame shows in it, over the side squared: where it is cut off by the
image's edge or half hidden there is less, and a larger one has a quarter of the sum of the cells in it. A mean normal a cell
tells the two sides of a thin wall apart.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.frames import MAX_DEPTH_M, MIN_DEPTH_M, DepthImage, Mask
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.chunk import MAX_LEVEL
from spatia_bridge.memory.record import CHUNK_SIDE

VOXELS_A_CELL = CHUNK_SIDE  # a good side for a memory's cells: a chunk's, 1/8 or less of the depth that set the voxel size
SAMPLES_A_VIEW = 1600
SAMPLES_ACROSS = 5.0
AREA_UNIT = 1024  # of a sample's area: a cell's side squared
VALUE_UNIT = 48  # of a frame's value for a cell: 127 is 2.6 cell sides squared, the surface in a corner
MAX_SLANT = 5.0  # a sample's area grows no further at a more grazing angle
LEVELS_UP = 3
MAX_CELLS = 2048  # a frame; noise must not make it more
FULL_VALUE = 127
NATIVE = 128  # the bit beside the value: samples fell into this very cell, it does not only contain cells that have some
BACKDROP_RANGE_M = 1000.0  # what is further, infinity included, lies on a sphere of this radius, as in memory

_AXIS_BITS = 20
_HALF = 1 << (_AXIS_BITS - 1)
_AXIS_MASK = (1 << _AXIS_BITS) - 1
_LEVEL_SHIFT = 3 * _AXIS_BITS
_HEADER_BYTES = 8
_MAGIC = b"SBCV\x01\x00"
_PLANES = 10  # bytes of a cell: key 8, value 1, normal 1
_REMEDY = "index the frame again"

Keys = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_jit = numba.njit(cache=True, nogil=True)


class Shown(NamedTuple):
    """The cells that a view's samples fall into, in the order of their keys.

    Attributes:
        keys: uint64 (N,): level in the highest 4 bits, then x, y, z in 20 bits each, plus 2^19.
        samples: int64 (N,).
        areas: int64 (N,), of the surface that the samples stand for, in AREA_UNIT-ths of the cell's side squared.
        normals: float32 (N, 3), sums of the samples' unit normals, world frame, towards the camera.
    """

    keys: Keys
    samples: Integers
    areas: Integers
    normals: Floats


@dataclass(frozen=True, eq=False)
class FrameCells:
    """How well a frame shows which cells.

    Attributes:
        keys: uint64 (N,), strictly increasing, N ≤ MAX_CELLS; see `Shown`.
        values: uint8 (N,), 1 … FULL_VALUE, plus NATIVE.
        normals: uint8 (N,), octahedral, 4 bits an axis.
    """

    keys: Keys
    values: Bytes
    normals: Bytes

    def __len__(self) -> int:
        return len(self.keys)

    def to_bytes(self) -> bytes:
        """The header "SBCV", version 1, a zero and N as a little-endian u16; then one zlib stream of ten planes of N bytes: eight
        of the gaps between keys, low byte first, then values and normals as differences modulo 256."""
        planes = np.empty((_PLANES, len(self)), np.uint8)
        gaps = np.diff(self.keys, prepend=np.uint64(0))
        planes[:8] = gaps.astype("<u8").view(np.uint8).reshape(-1, 8).T
        planes[8], planes[9] = self.values, self.normals
        planes[8:, 1:] -= planes[8:, :-1].copy()
        return _MAGIC + len(self).to_bytes(2, "little") + zlib.compress(planes.tobytes(), 6)

    @classmethod
    def from_bytes(cls, data: bytes) -> "FrameCells":
        """Read what `to_bytes` wrote. Nothing larger than MAX_CELLS cells is ever allocated.

        Raises:
            CodecError: truncated, corrupt, or of another version.
        """
        if len(data) < _HEADER_BYTES or data[:6] != _MAGIC:
            raise CodecError(f"cells begin with {data[:8]!r}", _REMEDY)
        count = int.from_bytes(data[6:8], "little")
        if count > MAX_CELLS:
            raise CodecError(f"cells state that they are {count}, at most {MAX_CELLS} are allowed", _REMEDY)
        planes = np.frombuffer(_inflate(data[_HEADER_BYTES:], _PLANES * count), np.uint8).reshape(_PLANES, count)
        gaps = np.ascontiguousarray(planes[:8].T).view("<u8").ravel()
        keys = np.cumsum(gaps, dtype=np.uint64)
        values, normals = (np.cumsum(planes[row], dtype=np.uint8) for row in (8, 9))
        if (keys[1:] <= keys[:-1]).any() or ((values & FULL_VALUE) == 0).any():
            raise CodecError("cells are out of order or empty", _REMEDY)
        return cls(keys, values, normals)


def _inflate(data: bytes, size: int) -> bytes:
    """A zlib stream of exactly this many bytes and nothing after it."""
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise CodecError(f"cells cannot be decompressed: {error}", _REMEDY) from error
    if len(raw) != size or not stream.eof or stream.unused_data:
        raise CodecError(f"cells decompress to {len(raw)} bytes, or not to their end; expected {size}", _REMEDY)
    return raw


def shown_cells(
    camera: Camera, depth_m: DepthImage, usable: Mask | None, cell_side_m: float, thin: int = 1, offset: int = 0
) -> Shown:
    """The cells that a view shows. Cost: O(1), whatever the image's size.

    Args:
        depth_m: float32 (H, W), planar depth in metres; +inf is backdrop; 0, negative and NaN are nothing.
        usable: bool (H, W), the pixels to believe; None = all.
        cell_side_m: of level 0.
        thin, offset: take every thin-th sample of a row only, for thin times the surface; which ones, offset says.
    Raises:
        InvalidInputError: an image of another size than the camera's.
    """
    k = camera.intrinsics
    for name, image in (("depth", depth_m), ("usable mask", usable)):
        if image is not None and image.shape != (k.height, k.width):
            raise InvalidInputError(f"{name} has shape {image.shape}, the camera {(k.height, k.width)}", "make them equal")
    grid = _grid(k)
    picked = depth_m[grid.rows, grid.columns].astype(np.float32, copy=False)
    if usable is not None:
        picked = np.where(usable[grid.rows, grid.columns], picked, np.float32(0))
    pose = np.ascontiguousarray(camera.world_from_camera)
    keys, areas, normals = _sample(_inverse(picked), grid.x, grid.y, grid.step, pose, cell_side_m, thin, offset)
    return _merged(Shown(keys, np.ones(len(keys), np.int64), areas, normals))


class _Grid(NamedTuple):
    """Where an image is sampled: pixel rows (h, 1) and columns (w,); where those rays meet z = 1, and how far apart."""

    rows: Integers
    columns: Integers
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    step: float


@lru_cache(64)
def _grid(k: Intrinsics) -> _Grid:
    scale = min(1.0, (SAMPLES_A_VIEW / (k.width * k.height)) ** 0.5)
    columns, rows = _centres(k.width, scale), _centres(k.height, scale)
    step = (k.width * k.height / (k.fx * k.fy * len(rows) * len(columns))) ** 0.5
    x, y = np.asarray((columns + 0.5 - k.cx) / k.fx, np.float64), np.asarray((rows + 0.5 - k.cy) / k.fy, np.float64)
    return _Grid(rows[:, None], columns, x, y, step)


def _centres(size: int, scale: float) -> Integers:
    """Evenly spread pixel numbers along an axis of this size."""
    count = max(1, round(size * scale))
    return ((np.arange(count) + 0.5) * size / count).astype(np.int64)


@_jit
def _inverse(depth):  # type: ignore[no-untyped-def]
    """float64 (h, w), one over depth in metres; 0 = nothing there, and what is infinitely far is just very far."""
    inverse = np.zeros(depth.shape, np.float64)
    for j in range(depth.shape[0]):
        for i in range(depth.shape[1]):
            if depth[j, i] >= MIN_DEPTH_M:
                inverse[j, i] = 1.0 / min(np.float64(depth[j, i]), MAX_DEPTH_M)
    return inverse


@_jit
def _slope(before, here, after, at_before, at, at_after):  # type: ignore[no-untyped-def]
    """Growth of inverse depth along an axis, towards the more similar neighbour: it is on the same surface. NaN without one."""
    ahead, behind = after - here, here - before
    if after > 0 and (not before > 0 or abs(ahead) <= abs(behind)):
        return ahead / (at_after - at)
    return behind / (at - at_before) if before > 0 else np.nan


@_jit
def _plane(inverse, x, y, j, i):  # type: ignore[no-untyped-def]
    """The plane through a sample as (a, b, c) with 1 / depth = a x + b y + c: along its normal, away from the camera.

    Where neighbours are missing it faces the camera.
    """
    height, width = inverse.shape
    w = inverse[j, i]
    left, right, above, below = max(i - 1, 0), min(i + 1, width - 1), max(j - 1, 0), min(j + 1, height - 1)
    a = _slope(inverse[j, left] * (left < i), w, inverse[j, right] * (right > i), x[left], x[i], x[right])
    b = _slope(inverse[above, i] * (above < j), w, inverse[below, i] * (below > j), y[above], y[j], y[below])
    if np.isnan(a) or np.isnan(b):
        s = w / (x[i] * x[i] + y[j] * y[j] + 1.0)
        return s * x[i], s * y[j], s
    return a, b, w - a * x[i] - b * y[j]


@_jit
def _backdrop_depth(pose, dx, dy, dz, length):  # type: ignore[no-untyped-def]
    """Planar depth at which the ray with direction d (a unit of planar depth long) leaves the sphere of backdrop."""
    ox, oy, oz = pose[0, 3], pose[1, 3], pose[2, 3]
    b, c = (ox * dx + oy * dy + oz * dz) / length, ox * ox + oy * oy + oz * oz - BACKDROP_RANGE_M * BACKDROP_RANGE_M
    return ((-b + np.sqrt(b * b - c)) if c < 0 else BACKDROP_RANGE_M) / length


@_jit
def _sample(inverse, x, y, step, pose, side_m, thin, offset):  # type: ignore[no-untyped-def]
    """For every sample its cell's key, 0 for none, the area that it stands for, and its normal in the world.

    Args:
        inverse: float64 (h, w), of depth in 1/m; 0 = nothing there.
        x, y: float64 (w,) and (h,), of the rays through the samples where z = 1.
    """
    height, width = inverse.shape
    keys, areas = np.zeros(height * width, np.uint64), np.zeros(height * width, np.int64)
    normals = np.zeros((height * width, 3), np.float32)
    for j in range(height):
        for i in range((j + offset) % thin, width, thin):
            w = inverse[j, i]
            if w == 0.0:
                continue
            dx = pose[0, 0] * x[i] + pose[0, 1] * y[j] + pose[0, 2]
            dy = pose[1, 0] * x[i] + pose[1, 1] * y[j] + pose[1, 2]
            dz = pose[2, 0] * x[i] + pose[2, 1] * y[j] + pose[2, 2]
            z, length = 1.0 / w, np.sqrt(x[i] * x[i] + y[j] * y[j] + 1.0)
            a, b, c = _plane(inverse, x, y, j, i)
            if z * length >= BACKDROP_RANGE_M:
                z = _backdrop_depth(pose, dx, dy, dz, length)
                w, a, b, c = 1.0 / z, x[i], y[j], 1.0
            level, size = 0, side_m
            while size < SAMPLES_ACROSS * step * z and level < MAX_LEVEL:
                level, size = level + 1, size * 2.0
            cx = np.floor((pose[0, 3] + dx * z) / size)
            cy = np.floor((pose[1, 3] + dy * z) / size)
            cz = np.floor((pose[2, 3] + dz * z) / size)
            if max(abs(cx), abs(cy), abs(cz)) >= _HALF - 1:
                continue  # further out than memory reaches
            n = j * width + i
            key = ((level << _AXIS_BITS | (int(cx) + _HALF)) << _AXIS_BITS | (int(cy) + _HALF)) << _AXIS_BITS | (int(cz) + _HALF)
            keys[n] = np.uint64(key)
            norm = np.sqrt(a * a + b * b + c * c)
            # a pixel covers step² z² of a plane that faces the image plane, and step² z³ · norm of any other
            slant = min(z * norm, MAX_SLANT)
            areas[n] = max(np.int64(AREA_UNIT * thin * (step * z / size) ** 2 * slant + 0.5), 1)
            for axis in range(3):
                normals[n, axis] = -(pose[axis, 0] * a + pose[axis, 1] * b + pose[axis, 2] * c) / norm
    return keys, areas, normals


@_jit
def _merge(order, keys, samples, areas, normals, most, to_keys, to_samples, to_areas, to_normals):  # type: ignore[no-untyped-def]
    """Sums over runs of equal keys in this order, of areas the largest if `most`; returns how many runs there are."""
    last = -1
    for n in order:
        if last < 0 or keys[n] != to_keys[last]:
            last += 1
            to_keys[last] = keys[n]
        to_samples[last] += samples[n]
        to_areas[last] = max(to_areas[last], areas[n]) if most else to_areas[last] + areas[n]
        for a in range(3):
            to_normals[last, a] += normals[n, a]
    return last + 1


def _merged(shown: Shown, most: bool = False) -> Shown:
    """The cells in order, each once; key 0 is left out."""
    used = np.flatnonzero(shown.keys)
    order = used[np.argsort(shown.keys[used], kind="stable")]
    size = len(order)
    merged = Shown(np.empty(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros((size, 3), np.float32))
    count = _merge(order, *shown, most, *merged)
    return Shown(merged.keys[:count], merged.samples[:count], merged.areas[:count], merged.normals[:count])


def union(views: list[Shown]) -> Shown:
    """The cells that several views show: the sums of their samples, and the largest of their areas, since they see the same."""
    return _merged(_concatenated(views), most=True)


def _concatenated(views: list[Shown]) -> Shown:
    if not views:
        return Shown(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.float32))
    keys, samples, areas, normals = (np.concatenate(parts) for parts in zip(*views, strict=True))
    return Shown(keys, samples, areas, normals)


def parents(keys: Keys) -> Keys:
    """The cells of the next level that contain these; a cell of the last level has none and gives 0."""
    level = keys >> np.uint64(_LEVEL_SHIFT)
    parent = (level + np.uint64(1)) << np.uint64(_LEVEL_SHIFT)
    for shift in (0, _AXIS_BITS, 2 * _AXIS_BITS):
        axis = (keys >> np.uint64(shift)) & np.uint64(_AXIS_MASK)
        parent |= ((axis >> np.uint64(1)) + np.uint64(_HALF // 2)) << np.uint64(shift)
    return np.asarray(np.where((level < MAX_LEVEL) & (keys != 0), parent, np.uint64(0)))


def frame_cells(shown: Shown) -> FrameCells:
    """The cells that a frame shows, and those that contain them, with values and normals."""
    generation = shown
    generations = [generation]
    for _ in range(LEVELS_UP):
        generation = _merged(generation._replace(keys=parents(generation.keys)))
        generation = generation._replace(areas=generation.areas // 4)  # the same surface, in a cell of four times the area
        generations.append(generation)
    total = _merged(_concatenated(generations))
    values = np.clip(total.areas * VALUE_UNIT // AREA_UNIT, 1, FULL_VALUE)
    native = np.isin(total.keys, shown.keys, assume_unique=True)
    packed = (values | np.where(native, NATIVE, 0)).astype(np.uint8)
    best = np.arange(len(values))
    if len(values) > MAX_CELLS:
        best = np.sort(np.argsort(-values, kind="stable")[:MAX_CELLS])
    return FrameCells(total.keys[best], packed[best], encode_facing(total.normals[best]))


def encode_facing(normals: Floats) -> Bytes:
    """uint8 (N,), octahedral with 4 bits an axis, of vectors (N, 3) of any length."""
    length = np.abs(normals).sum(axis=1, keepdims=True)
    n = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), np.array([0, 0, 1], np.float32))
    folded = (1 - np.abs(n[:, 1::-1])) * np.where(n[:, :2] >= 0, 1, -1)
    xy = np.clip(np.rint((np.where(n[:, 2:] < 0, folded, n[:, :2]) * 0.5 + 0.5) * 15), 0, 15).astype(np.uint8)
    return np.asarray(xy[:, 0] | (xy[:, 1] << 4))


def _decode_facing() -> npt.NDArray[np.float64]:
    """Unit vectors (256, 3) of all the codes."""
    codes = np.arange(256)
    xy = np.stack([codes & 15, codes >> 4], axis=1) / 15 * 2 - 1
    z = 1 - np.abs(xy).sum(axis=1)
    t = np.maximum(-z, 0)[:, None]
    n = np.hstack([xy - np.where(xy >= 0, t, -t), z[:, None]])
    return np.asarray(n / np.linalg.norm(n, axis=1, keepdims=True))


_DIRECTIONS = _decode_facing()
# 128ths of a cell's value that are left by two mean normals (a, b): all up to 90 degrees between them, none from 120 degrees on.
FACING = np.rint(128 * np.clip(1 + 2 * (_DIRECTIONS @ _DIRECTIONS.T), 0, 1)).astype(np.uint8)
