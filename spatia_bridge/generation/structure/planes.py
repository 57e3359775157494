"""Planes of a scene, in the world's frame: the floors, ceilings and walls that several views together show.

Efficient RANSAC on oriented points (Schnabel, Wahl and Klein, 2007) with two changes: hypotheses come from evenly spread samples
instead of drawn ones, so that nothing is random, and normals within a few degrees of gravity or of the horizon are put there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.generation.structure.views import Floats, Samples

TOLERANCE = 0.012  # of the depth: how far a sample may lie off its plane
MIN_COSINE = 0.90  # between the normals of a sample and its plane
LEVEL_COSINE = float(np.cos(np.radians(10.0)))  # a normal this near to gravity is a floor's or a ceiling's
UPRIGHT_SINE = float(np.sin(np.radians(8.0)))  # and one this near to the horizon a wall's
MAX_PLANES = 28
MIN_SHARE = 0.004  # of all samples
MIN_SAMPLES = 24
HYPOTHESES = 500
SCORED = 6000
REFINEMENTS = 3

_jit = numba.njit(cache=True, nogil=True)
Labels = npt.NDArray[np.int16]  # (h, w) of a view's samples: number of the plane, -1 = none


class Kind(Enum):
    """What a plane is to gravity."""

    FLOOR = "floor"
    CEILING = "ceiling"
    WALL = "wall"
    SLOPE = "slope"


@dataclass(frozen=True, eq=False)
class Plane:
    """n · X = offset in the world's frame, with axes for its texture.

    Attributes:
        normal_world: float64 (3,), unit, towards the side it was seen from.
        offset_m: float64.
        u_world, v_world: float64 (3,), orthonormal axes in the plane; v is down on a wall. Plane coordinates are u · X, v · X.
        samples: how many lie on it.
    """

    normal_world: Floats
    offset_m: float
    u_world: Floats
    v_world: Floats
    kind: Kind
    samples: int

    def point(self, u: float, v: float) -> Floats:
        """The world point (3,) at plane coordinates."""
        return np.asarray(self.offset_m * self.normal_world + u * self.u_world + v * self.v_world)


def find_planes(views: Sequence[Samples], check: Callable[[], None]) -> tuple[tuple[Plane, ...], tuple[Labels, ...]]:
    """The planes that the views show together, those of most samples first, and for each view which sample lies on which.

    Args:
        check: called between planes; what it raises ends the search.
    """
    points = np.concatenate([v.points_world.reshape(-1, 3) for v in views] or [np.zeros((0, 3))])
    normals = np.concatenate([v.normals_world.reshape(-1, 3) for v in views] or [np.zeros((0, 3))])
    depth = np.concatenate([v.depth_m.ravel() for v in views] or [np.zeros(0)])
    usable = np.flatnonzero((depth > 0) & (np.abs(normals).sum(axis=1) > 0))
    labels = np.full(len(depth), -1, np.int16)
    planes = _search(points[usable], normals[usable], depth[usable], check) if len(usable) >= MIN_SAMPLES else []
    if planes:
        stacked = np.array([(*normal, offset) for normal, offset in planes])
        labels[usable] = _label(points[usable], normals[usable], depth[usable], stacked, TOLERANCE, MIN_COSINE)
    counts = np.bincount(labels[labels >= 0], minlength=len(planes))
    azimuth = _azimuth(planes, counts)
    found = tuple(_plane(normal, offset, azimuth, int(count)) for (normal, offset), count in zip(planes, counts, strict=True))
    ends = np.cumsum([v.depth_m.size for v in views])
    parts = np.split(labels, ends[:-1]) if len(ends) else []
    return found, tuple(part.reshape(v.depth_m.shape) for part, v in zip(parts, views, strict=True))


def _search(points: Floats, normals: Floats, depth: Floats, check: Callable[[], None]) -> list[tuple[Floats, float]]:
    """Greedy: the hypothesis that most samples without a plane agree with, refined; until too few agree."""
    chosen = np.linspace(0, len(depth) - 1, min(SCORED, len(depth))).astype(np.int64)
    few = (np.ascontiguousarray(points[chosen]), np.ascontiguousarray(normals[chosen]), depth[chosen])
    tried = np.linspace(0, len(chosen) - 1, min(HYPOTHESES, len(chosen))).astype(np.int64)
    facing = _snap(few[1][tried])
    offsets = (facing * few[0][tried]).sum(axis=1)
    agree = _agree(*few, facing, offsets, TOLERANCE, MIN_COSINE)
    scores = agree.sum(axis=1)
    least = max(MIN_SHARE * len(chosen), MIN_SAMPLES * len(chosen) / len(depth), 6.0)
    planes: list[tuple[Floats, float]] = []
    while len(planes) < MAX_PLANES:
        check()
        best = int(scores.argmax())
        if scores[best] < least:
            break
        normal, offset = _refine(*few, facing[best], float(offsets[best]))
        gone = np.flatnonzero(
            _inliers(*few, normal, offset) | (agree[best] > 0)
        )  # the hypothesis's own too, or it would win again
        scores = scores - agree[:, gone].sum(axis=1)
        agree[:, gone] = 0
        planes.append((normal, offset))
    return planes


def _snap(normals: Floats) -> Floats:
    """Normals (N, 3), put on gravity or the horizon where they are near."""
    level, upright = np.abs(normals[:, 1]) > LEVEL_COSINE, np.abs(normals[:, 1]) < UPRIGHT_SINE
    snapped = normals.copy()
    snapped[level] = np.sign(normals[level, 1])[:, None] * np.array([0.0, 1.0, 0.0])
    snapped[upright, 1] = 0.0
    return np.asarray(snapped / np.linalg.norm(snapped, axis=1, keepdims=True))


def _inliers(points: Floats, normals: Floats, depth: Floats, normal: Floats, offset: float) -> npt.NDArray[np.bool_]:
    return np.asarray((np.abs(points @ normal - offset) < TOLERANCE * depth) & (normals @ normal > MIN_COSINE))


def _refine(points: Floats, normals: Floats, depth: Floats, normal: Floats, offset: float) -> tuple[Floats, float]:
    """Least squares over the samples that agree, near ones counting more; level and upright planes stay so."""
    for _ in range(REFINEMENTS):
        mine = _inliers(points, normals, depth, normal, offset)
        if mine.sum() < 3:
            break
        p, weight = points[mine], 1.0 / depth[mine] ** 2
        centre = weight @ p / weight.sum()
        if abs(normal[1]) < 1 - 1e-9:
            q = p - centre
            if abs(normal[1]) < 1e-9:
                q = q * np.array([1.0, 0.0, 1.0])
            _, vectors = np.linalg.eigh((q * weight[:, None]).T @ q + np.diag([0.0, 1e12 * (abs(normal[1]) < 1e-9), 0.0]))
            fitted = vectors[:, 0] * np.sign(vectors[:, 0] @ normal)
            normal = fitted if fitted @ normal > MIN_COSINE else normal
        offset = float(normal @ centre)
    return normal, offset


@_jit
def _agree(points, normals, depth, facing, offsets, tolerance, min_cosine):  # type: ignore[no-untyped-def]
    """Which samples agree with which hypothesis: uint8 (K, N)."""
    agree = np.zeros((len(offsets), len(depth)), np.uint8)
    for k in range(len(offsets)):
        a, b, c, d = facing[k, 0], facing[k, 1], facing[k, 2], offsets[k]
        for n in range(len(depth)):
            if abs(a * points[n, 0] + b * points[n, 1] + c * points[n, 2] - d) < tolerance * depth[n]:
                agree[k, n] = a * normals[n, 0] + b * normals[n, 1] + c * normals[n, 2] > min_cosine
    return agree


@_jit
def _label(points, normals, depth, planes, tolerance, min_cosine):  # type: ignore[no-untyped-def]
    """The nearest plane (N,) that each sample agrees with, -1 if none."""
    labels = np.full(len(depth), -1, np.int16)
    for n in range(len(depth)):
        nearest = tolerance * depth[n]
        for k in range(len(planes)):
            a, b, c, d = planes[k, 0], planes[k, 1], planes[k, 2], planes[k, 3]
            away = abs(a * points[n, 0] + b * points[n, 1] + c * points[n, 2] - d)
            if away < nearest and a * normals[n, 0] + b * normals[n, 1] + c * normals[n, 2] > min_cosine:
                nearest, labels[n] = away, k
    return labels


def _azimuth(planes: Sequence[tuple[Floats, float]], counts: npt.NDArray[np.int64]) -> float:
    """The direction of most walls in radians, modulo a right angle: textures on the floor run along it."""
    best, votes = 0.0, 0.0
    walls = [(np.arctan2(n[2], n[0]), count) for (n, _), count in zip(planes, counts, strict=True) if abs(n[1]) < 1e-6]
    for angle, _ in walls:
        agree = sum(float(count) for other, count in walls if abs(np.sin(2 * (other - angle))) < 0.07)
        if agree > votes:
            best, votes = float(angle), agree
    turned = float(best % (np.pi / 2))
    return 0.0 if min(turned, np.pi / 2 - turned) < np.radians(1.0) else turned


def _plane(normal: Floats, offset: float, azimuth: float, samples: int) -> Plane:
    if abs(normal[1]) > 1 - 1e-9:
        u = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])
        kind, v = (Kind.FLOOR if normal[1] < 0 else Kind.CEILING), np.array([-u[2], 0.0, u[0]])
        return Plane(normal, offset, u, v, kind, samples)
    u = np.array([-normal[2], 0.0, normal[0]])
    u = u / np.linalg.norm(u)
    v = np.cross(normal, u)
    v = v if v[1] > 0 else -v
    return Plane(normal, offset, u, v, Kind.WALL if abs(normal[1]) < 1e-6 else Kind.SLOPE, samples)
