"""Synthetic rooms as snapshots, built straight from records: surfaces sampled at voxel density, textured, deterministic."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.memory.chunk import Chunk, ChunkIndex
from spatia_bridge.memory.record import CHUNK_SIDE, QUARTERS, RECORD, encode_footprint, encode_normals
from spatia_bridge.memory.snapshot import Snapshot

Floats = npt.NDArray[np.float64]
Texture = Callable[[Floats, Floats], npt.NDArray[np.uint8]]


def bricks(a: Floats, b: Floats) -> npt.NDArray[np.uint8]:
    """uint8 (N, 3): bricks of 24 × 10 cm with light joints and some grain, of surface coordinates in metres."""
    row = np.floor(b / 0.1)
    along = a / 0.24 + 0.5 * (row % 2)
    joint = ((b / 0.1) % 1 < 0.12) | (along % 1 < 0.06)
    tone = 0.8 + 0.2 * np.sin(12.9898 * np.floor(along) + 78.233 * row) + 0.08 * np.sin(31 * a + 17 * b)
    colour = np.where(joint[:, None], (205, 200, 190), tone[:, None] * (176, 84, 62))
    return np.asarray(np.clip(colour, 0, 255), np.uint8)


def checks(a: Floats, b: Floats) -> npt.NDArray[np.uint8]:
    """uint8 (N, 3): a chessboard of 25 cm squares that darkens with distance."""
    odd = (np.floor(a / 0.25) + np.floor(b / 0.25)) % 2
    shade = 0.75 + 0.25 * np.cos(0.7 * a) * np.cos(0.5 * b)
    return np.asarray(np.where(odd[:, None] > 0, (225, 220, 205), (70, 80, 95)) * shade[:, None], np.uint8)


def plaster(a: Floats, b: Floats) -> npt.NDArray[np.uint8]:
    """uint8 (N, 3): soft, nearly plain."""
    tone = 200 + 14 * np.sin(3 * a + np.sin(5 * b)) + 8 * np.sin(23 * a) * np.sin(19 * b)
    return np.asarray(np.clip(tone[:, None] * (1.0, 0.98, 0.92), 0, 255), np.uint8)


@dataclass(frozen=True, eq=False)
class Patch:
    """A parallelogram: corner and the two sides (3,) in metres, seen from the side of side_a × side_b."""

    corner: tuple[float, float, float]
    side_a: tuple[float, float, float]
    side_b: tuple[float, float, float]
    texture: Texture

    def sample(self, step_m: float, rows: int = 1 << 11) -> Iterator[tuple[Floats, npt.NDArray[np.uint8]]]:
        """Points (N, 3) and colours on a grid of about step_m, some rows at a time."""
        a, b = np.array(self.side_a), np.array(self.side_b)
        lengths = np.linalg.norm(a), np.linalg.norm(b)
        counts = [max(int(np.ceil(length / step_m)), 1) for length in lengths]
        s = (np.arange(counts[0]) + 0.5) / counts[0]
        for first in range(0, counts[1], rows):
            t = (np.arange(first, min(first + rows, counts[1])) + 0.5) / counts[1]
            u, v = (grid.ravel() for grid in np.meshgrid(s, t))
            yield np.array(self.corner) + u[:, None] * a + v[:, None] * b, self.texture(u * lengths[0], v * lengths[1])

    @property
    def normal(self) -> Floats:
        n = np.cross(self.side_a, self.side_b)
        return np.asarray(n / np.linalg.norm(n))


def box(low: tuple[float, float, float], high: tuple[float, float, float], texture: Texture, inside: bool = False) -> list[Patch]:
    """The six faces of an axis-aligned box, seen from outside or from inside."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    dx, dy, dz = (x1 - x0, 0, 0), (0, y1 - y0, 0), (0, 0, z1 - z0)
    faces = [(low, dy, dx), (low, dx, dz), (low, dz, dy), (high, dx, dy), (high, dz, dx), (high, dy, dz)]
    patches = []
    for corner, a, b in faces:
        sign = 1 if corner is low else -1
        first, second = (tuple(sign * c for c in side) for side in (a, b))
        patches.append(Patch(corner, *((second, first) if inside else (first, second)), texture))  # type: ignore[arg-type]
    return patches


def room(size_m: tuple[float, float, float] = (12.0, 3.2, 9.0), columns: int = 8) -> list[Patch]:
    """A hall with brick walls, a chequered floor, a plaster ceiling and columns in two rows; y down, floor at 0."""
    width, height, depth = size_m
    shell = box((-width / 2, -height, 0), (width / 2, 0, depth), bricks, inside=True)
    shell[1] = Patch(shell[1].corner, shell[1].side_a, shell[1].side_b, plaster)
    shell[4] = Patch(shell[4].corner, shell[4].side_a, shell[4].side_b, checks)
    for i in range(columns):
        x, z = width * (0.25 if i % 2 else -0.25), depth * (i // 2 + 0.8) / (columns / 2 + 0.6)
        shell += box((x - 0.25, -height, z - 0.25), (x + 0.25, 0, z + 0.25), plaster if i % 4 < 2 else bricks)
    return shell


def snapshot(patches: list[Patch], voxel_size_m: float, footprint_voxels: float = 1.0, level: int = 0) -> Snapshot:
    """The patches sampled once a voxel of the level, the first patch winning a shared voxel."""
    size = voxel_size_m * (1 << level)
    keys, records = [], []
    for patch in patches:
        for points, colours in patch.sample(size):
            key, record = _encode(points, colours, patch.normal, size, footprint_voxels)
            keys.append(key)
            records.append(record)
    key, record = np.concatenate(keys), np.concatenate(records)
    key, first = np.unique(key, return_index=True)
    cubes, starts = np.unique(key >> np.uint64(18), return_index=True)
    chunks = {}
    for cube, members in zip(cubes, np.split(first, starts[1:]), strict=True):
        index = ChunkIndex(level, *(int((int(cube) >> shift & 0x7FFF) - 0x4000) for shift in (30, 15, 0)))
        chunks[index] = Chunk(index, record[members])
    return Snapshot(voxel_size_m, chunks, points=len(key))


def _encode(
    points: Floats, colours: npt.NDArray[np.uint8], normal: Floats, voxel_m: float, footprint_voxels: float
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.void]]:
    quarters = np.floor(points * (QUARTERS / voxel_m)).astype(np.int64)
    cube, inner = np.divmod(quarters, CHUNK_SIDE * QUARTERS)
    voxel = inner // QUARTERS
    parts = ((cube + 0x4000) << (30, 15, 0)).sum(axis=1) << 18 | (voxel << (12, 6, 0)).sum(axis=1)
    records = np.zeros(len(points), RECORD)
    records["xyz"] = inner
    records["footprint"] = encode_footprint(footprint_voxels)
    records["rgb"] = colours
    records["confidence"] = 128 + (voxel.sum(axis=1) % 128)
    records["normal"] = encode_normals(normal[None])
    records["weight"] = 8
    return parts.astype(np.uint64), records
