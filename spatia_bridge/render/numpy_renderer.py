"""The plain twin: the rules of `render.splat`, written down in NumPy with no regard to speed."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.record import Records
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render import splat
from spatia_bridge.render.cull import Selection, TableCache, select
from spatia_bridge.render.renderer import ProjectionVideo

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

MAX_CANDIDATES = 1 << 20  # pairs of splat and pixel held at once
_OCTAHEDRAL = np.float32(2 / 255)


class NumpyRenderer:
    """A Renderer to check others by."""

    def __init__(self) -> None:
        self._tables = TableCache()

    def project(self, base: Snapshot, cameras: Sequence[Camera]) -> ProjectionVideo:
        return ProjectionVideo(partial(self.render, base), cameras)

    def render(self, base: Snapshot, camera: Camera) -> Projection:
        k = camera.intrinsics
        size = k.height * k.width
        keys = np.full(size, -np.inf, np.float32)
        inverse_depth = np.zeros(size, np.float32)
        colour = np.zeros((size, 3), np.uint8)
        confidence = np.zeros(size, np.uint8)
        table = self._tables.get(base)
        selection = select(table, camera)
        for i, row in enumerate(selection.rows):
            records = table.chunks[row].records[: selection.takes[i]]
            for source, pixel, key, w in _candidates(records, selection, i, camera):
                wins = key > keys[pixel]
                pixel, source = pixel[wins], source[wins]
                keys[pixel], inverse_depth[pixel] = key[wins], w[wins]
                colour[pixel], confidence[pixel] = records["rgb"][source], records["confidence"][source]
        covered = keys > -np.inf
        depth = np.divide(np.float32(1), inverse_depth, where=covered, out=np.zeros(size, np.float32))
        shape = (k.height, k.width)
        return Projection(
            camera, colour.reshape(*shape, 3), depth.reshape(shape), covered.reshape(shape), confidence.reshape(shape)
        )


def _candidates(
    records: Records, selection: Selection, i: int, camera: Camera
) -> Iterator[tuple[Integers, Integers, Floats, Floats]]:
    """Batches of (record number, pixel number, key, inverse depth): the best candidate for each pixel that the batch reaches."""
    splats = _splats(records, selection, i, camera)
    boxes = splats["right"] - splats["left"], splats["bottom"] - splats["top"]
    areas = boxes[0] * boxes[1]
    batches = (np.cumsum(areas) - areas) // MAX_CANDIDATES
    for batch in np.unique(batches):
        chosen = np.flatnonzero(batches == batch)
        pairs = np.repeat(chosen, areas[chosen])
        within = np.arange(len(pairs)) - np.repeat(np.cumsum(areas[chosen]) - areas[chosen], areas[chosen])
        x = splats["left"][pairs] + within % boxes[0][pairs]
        y = splats["top"][pairs] + within // boxes[0][pairs]
        du = (x.astype(np.float32) + np.float32(0.5)) - splats["u"][pairs]
        dv = (y.astype(np.float32) + np.float32(0.5)) - splats["v"][pairs]
        squared = du * du + dv * dv
        w = splats["w"][pairs] + (splats["wu"][pairs] * du + splats["wv"][pairs] * dv)
        key = w - splats["bias"][pairs] * squared
        inside = np.flatnonzero(squared <= splats["radius"][pairs] * splats["radius"][pairs])
        pixel = y[inside] * camera.intrinsics.width + x[inside]
        best = inside[_first_of_each(pixel, key[inside])]
        yield splats["source"][pairs[best]], y[best] * camera.intrinsics.width + x[best], key[best], w[best]


def _first_of_each(pixel: Integers, key: Floats) -> Integers:
    """For each pixel the candidate with the greatest key; of equal ones the first."""
    order = np.lexsort((np.arange(len(pixel)), -key, pixel))
    return order[np.diff(pixel[order], prepend=-1) != 0]


def _splats(records: Records, selection: Selection, i: int, camera: Camera) -> dict[str, npt.NDArray[np.generic]]:
    """The splats of one chunk's points that reach the image, as arrays by name; `source` is the record's number."""
    lens = splat.Lens.of(camera.intrinsics)
    m = selection.camera_from_quarters[i]
    x, y, z = records["xyz"].T.astype(np.float32)
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    source = np.flatnonzero((depth >= np.float32(splat.NEAR_M)) & (depth <= np.float32(splat.FAR_M)))
    x, y, z, depth, records = x[source], y[source], z[source], depth[source], records[source]
    w = np.float32(1) / depth
    dx = (m[0] * x + m[1] * y + m[2] * z + m[3]) * w
    dy = (m[4] * x + m[5] * y + m[6] * z + m[7]) * w
    u, v = lens.fx * dx + lens.cx, lens.fy * dy + lens.cy
    radius = splat.FOOTPRINT_VOXELS[records["footprint"]] * selection.radius_m[i] * lens.focal * w
    radius = np.minimum(np.maximum(radius, np.float32(splat.MIN_RADIUS_PX)), lens.max_radius_px)
    gx, gy, inverse_cosine = _slopes(records["normal"], selection.camera_from_world, dx, dy)
    spread = inverse_cosine * radius / lens.focal
    limit = np.float32(splat.MAX_DEPTH_CHANGE)
    damping = np.where(spread > limit, limit / spread, np.float32(1))
    half = np.float32(0.5)
    width, height = np.float32(camera.intrinsics.width), np.float32(camera.intrinsics.height)
    return {
        "source": source,
        "u": u,
        "v": v,
        "w": w,
        "radius": radius,
        "wu": w * gx * damping * (np.float32(1) / lens.fx),
        "wv": w * gy * damping * (np.float32(1) / lens.fy),
        "bias": np.float32(splat.RIM_BIAS) * w * inverse_cosine / (lens.focal * radius),
        "left": np.clip(np.ceil(u - radius - half), 0, width).astype(np.int64),
        "right": np.clip(np.floor(u + radius + half), 0, width).astype(np.int64),
        "top": np.clip(np.ceil(v - radius - half), 0, height).astype(np.int64),
        "bottom": np.clip(np.floor(v + radius + half), 0, height).astype(np.int64),
    }


def _slopes(codes: npt.NDArray[np.uint8], rotation: Floats, dx: Floats, dy: Floats) -> tuple[Floats, Floats, Floats]:
    """Of octahedral normals: how fast the plane's inverse depth grows along x and y, relative to itself; and 1 / cosine."""
    nx, ny = (codes.T.astype(np.float32)) * _OCTAHEDRAL - np.float32(1)
    nz = np.float32(1) - np.abs(nx) - np.abs(ny)
    fold = np.maximum(-nz, np.float32(0))
    nx, ny = nx - np.copysign(fold, nx), ny - np.copysign(fold, ny)
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    r = rotation
    cx = r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz
    cy = r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz
    cz = r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz
    facing = cx * dx + cy * dy + cz
    inverse = np.float32(1) / np.maximum(np.abs(facing), np.float32(splat.MIN_COSINE) * length)
    signed = np.copysign(inverse, facing)
    return cx * signed, cy * signed, length * inverse
