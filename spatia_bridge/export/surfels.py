"""Which way the surface lies at each point, from the points around it: what splats are shaped by.

The neighbours of a point are those in the 5³ voxels around its own, within its chunk. Where they lie about in a plane (the least
eigenvalue of their covariance well below the next; Hoppe et al. 1992) the surfel lies in it and is as thick as they scatter;
elsewhere it is round.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.kernels import compiled
from spatia_bridge.export.batches import Batch
from spatia_bridge.memory.record import CHUNK_SIDE, QUARTERS, FloatArray, decode_normals

REACH = 2  # voxels
MIN_NEIGHBOURS = 6
FLAT = 0.25  # of the middle eigenvalue the least must be less
SPREAD = np.float32(0.5)  # of a footprint: the standard deviation of its splat, so that neighbours overlap
THINNEST = np.float32(0.05)  # of a footprint

_Three = tuple[float, float, float]


def surfels(batch: Batch) -> tuple[FloatArray, FloatArray]:
    """Unit normals (N, 3) of the world, and standard deviations (N, 2) in metres: within the surface, across it."""
    normals = decode_normals(batch.records["normal"])
    thickness = np.empty(len(batch), np.float32)  # voxels
    start = 0
    for chunk in batch.chunks:
        rows = slice(start, start + len(chunk))
        _fit_planes(np.ascontiguousarray(chunk.records["xyz"]), normals[rows], thickness[rows])
        start += len(chunk)
    footprint = np.maximum(batch.diameters_m, batch.voxel_sizes_m)  # no two points are nearer than about a voxel
    within = SPREAD * footprint
    across = np.clip(thickness * batch.voxel_sizes_m, THINNEST * footprint, within)
    return normals, np.stack([within, across], axis=1)


def turn_z_to(normals: FloatArray) -> FloatArray:
    """Quaternions (N, 4) (x, y, z, w), w ≥ 0, of the shortest turns that take +z to these unit vectors (N, 3)."""
    turns = np.zeros((len(normals), 4), np.float32)
    turns[:, 0], turns[:, 1], turns[:, 3] = -normals[:, 1], normals[:, 0], 1 + normals[:, 2]
    turns[turns[:, 3] < 1e-6] = (1, 0, 0, 0)  # straight down: any half turn
    return np.asarray(turns / np.linalg.norm(turns, axis=1, keepdims=True), np.float32)


@compiled
def _around(cell: int) -> tuple[int, int]:
    """The range of cells within reach of one."""
    return max(cell - REACH, 0), min(cell + REACH, CHUNK_SIDE - 1) + 1


@compiled
def _fit_planes(quarters: npt.NDArray[np.uint8], normals: FloatArray, thickness: FloatArray) -> None:
    """Turns normals (N, 3) into the planes', on the side they were; thickness (N,) in voxels, infinite without a plane."""
    grid = np.full((CHUNK_SIDE, CHUNK_SIDE, CHUNK_SIDE), -1, np.int32)
    for i in range(len(quarters)):
        grid[quarters[i, 0] >> 2, quarters[i, 1] >> 2, quarters[i, 2] >> 2] = i
    for i in range(len(quarters)):
        qx, qy, qz = int(quarters[i, 0]), int(quarters[i, 1]), int(quarters[i, 2])
        (x0, x1), (y0, y1), (z0, z1) = _around(qx >> 2), _around(qy >> 2), _around(qz >> 2)
        count, sx, sy, sz = 0, 0, 0, 0
        sxx, syy, szz, sxy, sxz, syz = 0, 0, 0, 0, 0, 0
        for x in range(x0, x1):
            for y in range(y0, y1):
                for z in range(z0, z1):
                    j = grid[x, y, z]
                    if j >= 0:
                        a, b, c = quarters[j, 0] - qx, quarters[j, 1] - qy, quarters[j, 2] - qz
                        count, sx, sy, sz = count + 1, sx + a, sy + b, sz + c
                        sxx, syy, szz = sxx + a * a, syy + b * b, szz + c * c
                        sxy, sxz, syz = sxy + a * b, sxz + a * c, syz + b * c
        thickness[i] = np.inf
        if count >= MIN_NEIGHBOURS:
            mx, my, mz = sx / count, sy / count, sz / count
            squares = sxx / count - mx * mx, syy / count - my * my, szz / count - mz * mz
            mixed = sxy / count - mx * my, sxz / count - mx * mz, syz / count - my * mz
            least, middle, nx, ny, nz = _least_axis(squares, mixed)
            if least < FLAT * middle:
                sign = 1.0 if nx * normals[i, 0] + ny * normals[i, 1] + nz * normals[i, 2] >= 0 else -1.0
                normals[i, 0], normals[i, 1], normals[i, 2] = sign * nx, sign * ny, sign * nz
                thickness[i] = np.sqrt(max(least, 0.0)) / QUARTERS


@compiled
def _least_axis(squares: _Three, mixed: _Three) -> tuple[float, float, float, float, float]:
    """The least and the middle eigenvalue of a covariance (xx, yy, zz), (xy, xz, yz), and the least one's unit vector.

    Eigenvalues by Smith (1961); the vector is the longest cross product of two rows of the matrix less the eigenvalue.
    """
    (xx, yy, zz), (xy, xz, yz) = squares, mixed
    q = (xx + yy + zz) / 3
    p = np.sqrt(((xx - q) ** 2 + (yy - q) ** 2 + (zz - q) ** 2 + 2 * (xy * xy + xz * xz + yz * yz)) / 6)
    if p < 1e-9:
        return q, q, 0.0, 0.0, 1.0
    a, b, c = (xx - q) / p, (yy - q) / p, (zz - q) / p
    d, e, f = xy / p, xz / p, yz / p
    half_det = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2
    angle = np.arccos(min(max(half_det, -1.0), 1.0)) / 3
    most, least = q + 2 * p * np.cos(angle), q + 2 * p * np.cos(angle + 2 * np.pi / 3)
    middle = 3 * q - most - least
    a, b, c = xx - least, yy - least, zz - least
    crosses = (
        (xy * yz - xz * b, xz * xy - a * yz, a * b - xy * xy),
        (xy * c - xz * yz, xz * xz - a * c, a * yz - xy * xz),
        (b * c - yz * yz, yz * xz - xy * c, xy * yz - b * xz),
    )
    x, y, z, best = 0.0, 0.0, 1.0, 0.0
    for cross in crosses:
        length = np.sqrt(cross[0] ** 2 + cross[1] ** 2 + cross[2] ** 2)
        if length > best:
            x, y, z, best = cross[0] / length, cross[1] / length, cross[2] / length, length
    return least, middle, x, y, z
