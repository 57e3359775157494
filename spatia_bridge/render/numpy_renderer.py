"""The plain twin: the rules of `render.splat`, written down in NumPy with no regard to speed."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.record import Records
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cull import Selection, TableCache, select
from spatia_bridge.render.renderer import ProjectionVideo
from spatia_bridge.render.splat import FOOTPRINT_VOXELS, Lens

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

MAX_CANDIDATES = 1 << 20  # pairs of splat and pixel held at once
ONE, TWO, HALF, TINY = np.float32(1), np.float32(2), np.float32(0.5), np.float32(1e-12)
OCTAHEDRAL = np.float32(2 / 255)


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
    s = _splats(records, selection, i, camera)
    areas = s.width * s.height
    batches = (np.cumsum(areas) - areas) // MAX_CANDIDATES
    for batch in np.unique(batches):
        chosen = np.flatnonzero(batches == batch)
        of = np.repeat(chosen, areas[chosen])
        within = np.arange(len(of)) - np.repeat(np.cumsum(areas[chosen]) - areas[chosen], areas[chosen])
        column, row = s.left[of] + within % s.width[of], s.top[of] + within // s.width[of]
        du = (column.astype(np.float32) + HALF) - s.u[of]
        dv = (row.astype(np.float32) + HALF) - s.v[of]
        rim = s.uu[of] * du * du + s.uv[of] * du * dv + s.vv[of] * dv * dv
        w = s.w[of] + (s.wu[of] * du + s.wv[of] * dv)
        key = w - s.bias[of] * rim
        pixel = row * camera.intrinsics.width + column
        inside = np.flatnonzero(rim <= ONE)
        best = inside[_first_of_each(pixel[inside], key[inside])]
        yield s.source[of[best]], pixel[best], key[best], w[best]


def _first_of_each(pixel: Integers, key: Floats) -> Integers:
    """For each pixel the candidate with the greatest key; of equal ones the first."""
    order = np.lexsort((np.arange(len(pixel)), -key, pixel))
    return np.asarray(order[np.diff(pixel[order], prepend=-1) != 0])


class _Splats(NamedTuple):
    """The splats of one chunk's points, arrays (N,)."""

    source: Integers  # the record's number
    left: Integers  # the box of pixels within reach, clipped to the image
    top: Integers
    width: Integers
    height: Integers
    u: Floats  # where the point is seen, pixels
    v: Floats
    w: Floats  # inverse depth there, and its growth a pixel
    wu: Floats
    wv: Floats
    uu: Floats  # the inverse of Σ: uu · du² + uv · du dv + vv · dv² is 1 at the rim
    uv: Floats
    vv: Floats
    bias: Floats  # how much of its key the rim loses


def _splats(records: Records, selection: Selection, i: int, camera: Camera) -> _Splats:
    lens = Lens.of(camera.intrinsics)
    m = selection.camera_from_quarters[i]
    x, y, z = records["xyz"].T.astype(np.float32)
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    source = np.flatnonzero((depth >= lens.near) & (depth <= lens.far))
    x, y, z, depth, records = x[source], y[source], z[source], depth[source], records[source]
    w = ONE / depth
    dx = (m[0] * x + m[1] * y + m[2] * z + m[3]) * w
    dy = (m[4] * x + m[5] * y + m[6] * z + m[7]) * w
    normal = _normals(records["normal"], selection.camera_from_world)
    radius = FOOTPRINT_VOXELS[records["footprint"]] * selection.radius_m[i] * lens.focal * w
    suu, suv, svv, major, minor = _ellipse(np.minimum(radius, lens.max_radius_px), normal, dx, dy, lens)
    facing = normal[0] * dx + normal[1] * dy + normal[2]
    inverse_cosine = ONE / np.maximum(np.abs(facing), lens.min_cosine)
    signed = np.copysign(inverse_cosine, facing)
    spread = np.sqrt(major) / lens.focal * inverse_cosine
    damping = np.where(spread > lens.max_depth_change, lens.max_depth_change / spread, ONE)
    u, v = lens.fx * dx + lens.cx, lens.fy * dy + lens.cy
    reach_u, reach_v = np.sqrt(suu), np.sqrt(svv)
    columns, rows = np.float32(camera.intrinsics.width), np.float32(camera.intrinsics.height)
    left = np.clip(np.ceil(u - reach_u - HALF), 0, columns).astype(np.int64)
    right = np.clip(np.floor(u + reach_u + HALF), 0, columns).astype(np.int64)
    top = np.clip(np.ceil(v - reach_v - HALF), 0, rows).astype(np.int64)
    bottom = np.clip(np.floor(v + reach_v + HALF), 0, rows).astype(np.int64)
    per_determinant = ONE / (major * minor)
    return _Splats(
        source=source,
        left=left,
        top=top,
        width=np.maximum(right - left, 0),
        height=np.maximum(bottom - top, 0),
        u=u,
        v=v,
        w=w,
        wu=w * (normal[0] * signed) * damping * lens.per_fx,
        wv=w * (normal[1] * signed) * damping * lens.per_fy,
        uu=svv * per_determinant,
        uv=TWO * -suv * per_determinant,
        vv=suu * per_determinant,
        bias=lens.rim_bias * w * spread,
    )


def _normals(codes: npt.NDArray[np.uint8], rotation: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit normals in the camera's frame, of octahedral codes."""
    x, y = codes.T.astype(np.float32) * OCTAHEDRAL - ONE
    z = ONE - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, np.float32(0))
    x, y = x - np.copysign(fold, x), y - np.copysign(fold, y)
    scale = ONE / np.sqrt(x * x + y * y + z * z)
    x, y, z = x * scale, y * scale, z * scale
    r = rotation
    return (
        r[0, 0] * x + r[0, 1] * y + r[0, 2] * z,
        r[1, 0] * x + r[1, 1] * y + r[1, 2] * z,
        r[2, 0] * x + r[2, 1] * y + r[2, 2] * z,
    )


def _ellipse(radius: Floats, n: tuple[Floats, Floats, Floats], dx: Floats, dy: Floats, lens: Lens) -> tuple[Floats, ...]:
    """Σ widened to the smallest radius: its entries uu, uv, vv, then the squares of its longer and shorter half axis."""
    ru, rv = radius * lens.squeeze_x, radius * lens.squeeze_y
    p, q = n[0] - n[2] * dx, n[1] - n[2] * dy
    uu = ru * ru * (ONE + dx * dx - lens.flatness * p * p)
    vv = rv * rv * (ONE + dy * dy - lens.flatness * q * q)
    uv = ru * rv * (dx * dy - lens.flatness * p * q)
    middle, half = (uu + vv) * HALF, (uu - vv) * HALF
    apart = np.sqrt(half * half + uv * uv)
    major, minor = middle + apart, middle - apart
    more_major = np.maximum(lens.min_radius_squared - major, np.float32(0))
    more_minor = np.maximum(lens.min_radius_squared - minor, np.float32(0))
    share = (more_minor - more_major) / np.maximum(TWO * apart, TINY)
    return (
        uu + more_major + share * (major - uu),
        uv - share * uv,
        vv + more_major + share * (major - vv),
        major + more_major,
        minor + more_minor,
    )
