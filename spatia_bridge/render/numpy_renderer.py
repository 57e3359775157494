"""The plain twin: the rules of `render.splat`, written down in NumPy with no regard to speed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.record import RECORD, Records
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cull import Selection, TableCache, batches, select
from spatia_bridge.render.renderer import ProjectionVideo
from spatia_bridge.render.splat import FOOTPRINT_VOXELS, POSITION_STEPS, RADIUS_STEPS, WINDOW_PX, Lens, canvas, gap_step

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
        k, view = camera.intrinsics, canvas(camera)
        table = self._tables.get(base)
        selection = select(table, view)
        seen = _Seen.nothing(view.intrinsics.height * view.intrinsics.width)
        for batch in batches(selection):
            homes = _Homes.empty(seen.keys)
            for i in range(batch.start, batch.stop):
                records = table.chunks[selection.rows[i]].records[: selection.takes[i]]
                wide = homes.settle(records, selection, i, view)
                for source, pixel, key, w in _candidates(_splats(records[wide], selection, i, view), view):
                    seen.show(pixel, key, w, records[wide][source])
            homes.gather(seen, selection, view)
        seen.close_gaps(view)
        shape = (view.intrinsics.height, view.intrinsics.width)
        inner = (slice(WINDOW_PX, WINDOW_PX + k.height), slice(WINDOW_PX, WINDOW_PX + k.width))
        covered = seen.keys > -np.inf
        depth = np.divide(np.float32(1), seen.inverse_depth, where=covered, out=np.zeros(len(covered), np.float32))
        return Projection(
            camera,
            np.ascontiguousarray(seen.colour.reshape(*shape, 3)[inner]),
            np.ascontiguousarray(depth.reshape(shape)[inner]),
            np.ascontiguousarray(covered.reshape(shape)[inner]),
            np.ascontiguousarray(seen.confidence.reshape(shape)[inner]),
        )


@dataclass
class _Seen:
    """What every pixel of the canvas, (P,) row by row, shows so far."""

    keys: Floats
    inverse_depth: Floats
    colour: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.uint8]

    @classmethod
    def nothing(cls, size: int) -> "_Seen":
        return cls(
            np.full(size, -np.inf, np.float32),
            np.zeros(size, np.float32),
            np.zeros((size, 3), np.uint8),
            np.zeros(size, np.uint8),
        )

    def show(self, pixel: Integers, key: Floats, w: Floats, records: Records) -> None:
        """Candidates for distinct pixels: those that are nearer win."""
        wins = key > self.keys[pixel]
        pixel, records = pixel[wins], records[wins]
        self.keys[pixel], self.inverse_depth[pixel] = key[wins], w[wins]
        self.colour[pixel], self.confidence[pixel] = records["rgb"], records["confidence"]

    def close_gaps(self, view: Camera) -> None:
        """Pixels between two of one surface, beside or above each other and much nearer, show what the farther of these does."""
        width, height, step = view.intrinsics.width, view.intrinsics.height, gap_step(view.intrinsics)
        row, column = np.mgrid[1 : height - 1, 1 : width - 1].reshape(2, -1)
        pixel = row * width + column
        source = pixel.copy()
        for aside in (width, 1):  # the second wins
            before, after = self.keys[pixel - aside], self.keys[pixel + aside]
            nearer = (before > self.keys[pixel] * step) & (after > self.keys[pixel] * step)
            gap = nearer & (before <= after * step) & (after <= before * step)
            source[gap] = np.where(after < before, pixel + aside, pixel - aside)[gap]
        values = [self.keys[source], self.inverse_depth[source], self.colour[source], self.confidence[source]]
        self.keys[pixel], self.inverse_depth[pixel], self.colour[pixel], self.confidence[pixel] = values


@dataclass
class _Homes:
    """The small splat of a batch, if any, that lives in each pixel of the canvas."""

    keys: Floats  # of who lives there, or what is already seen there
    radius: Floats  # 0: nobody
    u: Floats
    v: Floats
    records: Records

    @classmethod
    def empty(cls, keys: Floats) -> "_Homes":
        size = len(keys)
        radius, u, v = np.zeros((3, size), np.float32)
        return cls(keys.copy(), radius, u, v, np.zeros(size, RECORD))

    def settle(self, records: Records, selection: Selection, i: int, view: Camera) -> Integers:
        """Let a chunk's small splats compete for their homes; returns the numbers of the wide ones."""
        lens = Lens.of(view.intrinsics)
        u, v, w, dx, dy, radius = _pixels(records, selection, i, lens)
        drawn = (w > 0) & (w <= ONE / lens.near) & (w >= ONE / lens.far)
        small = radius * radius * (ONE + dx * dx + dy * dy) <= selection.widest_px[i] ** 2
        inside = (u >= 0) & (u < view.intrinsics.width) & (v >= 0) & (v < view.intrinsics.height)
        here = np.flatnonzero(drawn & small & inside)
        off_u, off_v = u[here] - np.floor(u[here]), v[here] - np.floor(v[here])
        key = w[here] / _sink(off_u, off_v, lens)
        pixel = np.floor(v[here]).astype(np.int64) * view.intrinsics.width + np.floor(u[here]).astype(np.int64)
        best = _first_of_each(pixel, key)
        best = best[key[best] > self.keys[pixel[best]]]
        at = pixel[best]
        self.keys[at], self.records[at] = key[best], records[here[best]]
        self.u[at], self.v[at] = (_whole(each[best], POSITION_STEPS) for each in (off_u, off_v))
        self.radius[at] = np.maximum(_whole(radius[here[best]], RADIUS_STEPS), 1)
        return np.flatnonzero(drawn & ~small)

    def gather(self, seen: _Seen, selection: Selection, view: Camera) -> None:
        """Show every pixel the nearest of the splats that live in the window around it."""
        width, height, lens = view.intrinsics.width, view.intrinsics.height, Lens.of(view.intrinsics)
        at = np.flatnonzero(self.radius)
        row, column = at // width, at % width
        steps = np.float32(POSITION_STEPS)
        off_u, off_v = (self.u[at] + HALF) / steps, (self.v[at] + HALF) / steps
        w = self.keys[at] * _sink(off_u, off_v, lens)
        u, v = column.astype(np.float32) + off_u, row.astype(np.float32) + off_v
        dx, dy = (u - lens.cx) * lens.per_fx, (v - lens.cy) * lens.per_fy
        s = _shapes(self.records[at], u, v, w, dx, dy, self.radius[at] / np.float32(RADIUS_STEPS), selection, lens)
        for step in range(-WINDOW_PX, WINDOW_PX + 1):  # in the order in which pixels look: rows from above, then from the left
            for aside in range(-WINDOW_PX, WINDOW_PX + 1):
                if abs(step) == abs(aside) == WINDOW_PX:
                    continue
                to_row, to_column = row - step, column - aside
                within = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
                of = np.flatnonzero(within)
                rim, here, key = s.at(of, to_column[of], to_row[of])
                of, here, key = of[rim <= ONE], here[rim <= ONE], key[rim <= ONE]
                seen.show(to_row[of] * width + to_column[of], key, here, self.records[at[of]])


def _sink(off_u: Floats, off_v: Floats, lens: Lens) -> Floats:
    """By how much a key at home, which counts the way to the pixel's centre, is below the point's inverse depth."""
    du, dv = off_u - HALF, off_v - HALF
    return np.asarray(ONE + lens.rim_bias / lens.focal * (du * du + dv * dv), np.float32)


def _whole(value: Floats, steps: float) -> Floats:
    return np.asarray(np.floor(value * np.float32(steps)), np.float32)


def _candidates(s: "_Splats", view: Camera) -> Iterator[tuple[Integers, Integers, Floats, Floats]]:
    """Batches of (splat, pixel number, key, inverse depth): the best candidate for each pixel that the batch reaches."""
    reach_u, reach_v = np.sqrt(s.suu), np.sqrt(s.svv)
    columns, rows = np.float32(view.intrinsics.width), np.float32(view.intrinsics.height)
    left = np.clip(np.ceil(s.u - reach_u - HALF), 0, columns).astype(np.int64)
    right = np.clip(np.floor(s.u + reach_u + HALF), 0, columns).astype(np.int64)
    top = np.clip(np.ceil(s.v - reach_v - HALF), 0, rows).astype(np.int64)
    bottom = np.clip(np.floor(s.v + reach_v + HALF), 0, rows).astype(np.int64)
    across = np.maximum(right - left, 0)
    areas = across * np.maximum(bottom - top, 0)
    parts = (np.cumsum(areas) - areas) // MAX_CANDIDATES
    for part in np.unique(parts):
        chosen = np.flatnonzero(parts == part)
        of = np.repeat(chosen, areas[chosen])
        within = np.arange(len(of)) - np.repeat(np.cumsum(areas[chosen]) - areas[chosen], areas[chosen])
        column, row = left[of] + within % across[of], top[of] + within // across[of]
        rim, w, key = s.at(of, column, row)
        pixel = row * view.intrinsics.width + column
        inside = np.flatnonzero(rim <= ONE)
        best = inside[_first_of_each(pixel[inside], key[inside])]
        yield of[best], pixel[best], key[best], w[best]


def _first_of_each(pixel: Integers, key: Floats) -> Integers:
    """For each pixel the candidate with the greatest key; of equal ones the first."""
    order = np.lexsort((np.arange(len(pixel)), -key, pixel))
    return np.asarray(order[np.diff(pixel[order], prepend=-1) != 0])


class _Splats(NamedTuple):
    """Splats, arrays (N,)."""

    u: Floats  # where the point is seen, pixels
    v: Floats
    w: Floats  # inverse depth there, and its growth a pixel
    wu: Floats
    wv: Floats
    suu: Floats  # how far the splat reaches, squared
    svv: Floats
    uu: Floats  # the inverse of Σ: uu · du² + uv · du dv + vv · dv² is 1 at the rim
    uv: Floats
    vv: Floats
    bias: Floats  # how much of its key the rim loses

    def at(self, of: Integers, column: Integers, row: Integers) -> tuple[Floats, Floats, Floats]:
        """What some of the splats (M,) are at pixels (M,): how far to the rim, inverse depth, key."""
        du = (column.astype(np.float32) + HALF) - self.u[of]
        dv = (row.astype(np.float32) + HALF) - self.v[of]
        rim = (self.uu[of] * du + self.uv[of] * dv) * du + self.vv[of] * dv * dv
        w = (self.w[of] + self.wv[of] * dv) + self.wu[of] * du
        return rim, w, w - self.bias[of] * rim


def _pixels(records: Records, selection: Selection, i: int, lens: Lens) -> tuple[Floats, ...]:
    """Of a chunk's points: pixel, inverse depth, ray, radius in pixels."""
    m = selection.camera_from_quarters[i]
    x, y, z = records["xyz"].T.astype(np.float32)
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        w = ONE / depth
        dx = (m[0] * x + m[1] * y + m[2] * z + m[3]) * w
        dy = (m[4] * x + m[5] * y + m[6] * z + m[7]) * w
        radius = FOOTPRINT_VOXELS[records["footprint"]] * selection.radius_m[i] * lens.focal * w
        return lens.fx * dx + lens.cx, lens.fy * dy + lens.cy, w, dx, dy, np.minimum(radius, lens.max_radius_px)


def _splats(records: Records, selection: Selection, i: int, view: Camera) -> _Splats:
    lens = Lens.of(view.intrinsics)
    u, v, w, dx, dy, radius = _pixels(records, selection, i, lens)
    return _shapes(records, u, v, w, dx, dy, radius, selection, lens)


def _shapes(
    records: Records,
    u: Floats,
    v: Floats,
    w: Floats,
    dx: Floats,
    dy: Floats,
    radius: Floats,
    selection: Selection,
    lens: Lens,
) -> _Splats:
    normal = _normals(records["normal"], selection.camera_from_world)
    suu, suv, svv, major, minor = _ellipse(radius, normal, dx, dy, lens)
    facing = normal[0] * dx + normal[1] * dy + normal[2]
    inverse_cosine = ONE / np.maximum(np.abs(facing), lens.min_cosine)
    signed = np.copysign(inverse_cosine, facing)
    spread = np.sqrt(major) / lens.focal * inverse_cosine
    damping = np.where(spread > lens.max_depth_change, lens.max_depth_change / spread, ONE)
    per_determinant = ONE / (major * minor)
    return _Splats(
        u=u,
        v=v,
        w=w,
        wu=w * (normal[0] * signed) * damping * lens.per_fx,
        wv=w * (normal[1] * signed) * damping * lens.per_fy,
        suu=suu,
        svv=svv,
        uu=svv * per_determinant,
        uv=TWO * -suv * per_determinant,
        vv=suu * per_determinant,
        bias=np.asarray(lens.rim_bias * w * spread, np.float32),
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
