"""Other ways to choose references, to compare with. Same interface; none is used by a session."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.retrieval.assignment import assign
from spatia_bridge.retrieval.covisibility import FrameKey
from spatia_bridge.retrieval.selector import Choice, Wanted, check_count

Bools = npt.NDArray[np.bool_]


class MostRecent:
    """The latest frames, every `stride`-th: what a generator without memory goes by.

    Args:
        keys: of all earlier frames.
    """

    def __init__(self, keys: Iterable[FrameKey], stride: int = 1) -> None:
        self._keys = sorted(keys, reverse=True)
        self._stride = stride

    def select(self, wanted: Wanted, count: int) -> tuple[Choice, ...]:
        check_count(count)
        allowed = [key for key in self._keys if wanted.allows(key)]
        return tuple(Choice(key, 0.0, f"{key} is among the latest") for key in allowed[:: self._stride][:count])


class FrustumOverlap:
    """Fields of view that overlap with the new ones, as in Context as Memory (Yu et al. 2025, arXiv 2506.03141); occlusion-blind.

    They filter by overlap and then draw at random among what is not redundant. Here the new cameras' frusta are filled with
    sample points, and frames are chosen greedily by the points that they add: as good as frusta alone allow.

    Args:
        cameras: of all earlier frames.
        range_m: how far a frustum reaches; None = to the 95th percentile of the depth that the new cameras see.
    """

    RAYS = (16, 9)
    STEPS = 8

    def __init__(self, cameras: Mapping[FrameKey, Camera], range_m: float | None = None) -> None:
        self._cameras = dict(sorted(cameras.items()))
        self._range_m = range_m

    def select(self, wanted: Wanted, count: int) -> tuple[Choice, ...]:
        check_count(count)
        keys = [key for key in self._cameras if wanted.allows(key)]
        if not keys or not wanted.projections:
            return ()
        range_m = self._range_m or _seen_range(wanted)
        points = np.concatenate([self._fill(p.camera, range_m) for p in wanted.projections])
        inside = np.stack([_in_view(self._cameras[key], points, range_m) for key in keys])
        open_points = np.ones(len(points), bool)
        for key in wanted.known:
            if key in self._cameras:
                open_points &= ~_in_view(self._cameras[key], points, range_m)
        choices = []
        for _ in range(min(count, len(keys))):
            gains = (inside & open_points).sum(axis=1)
            best = len(keys) - 1 - int(np.argmax(gains[::-1]))
            if not gains[best]:
                break
            gain = float(gains[best] / len(points))
            choices.append(Choice(keys[best], gain, f"{keys[best]} overlaps {gain:.0%} of the new fields of view"))
            open_points &= ~inside[best]
        return tuple(choices)

    def _fill(self, camera: Camera, range_m: float) -> npt.NDArray[np.float64]:
        """Points (N, 3) spread over the frustum."""
        rays = camera.resized(*self.RAYS).rays().reshape(-1, 1, 3)
        depths = (np.arange(self.STEPS) + 0.5) / self.STEPS * range_m
        return se3.transform(camera.world_from_camera, (rays * depths[:, None]).reshape(-1, 3))


def _seen_range(wanted: Wanted) -> float:
    depths = np.concatenate([p.depth_m[p.coverage] for p in wanted.projections])
    return float(np.percentile(depths, 95)) if len(depths) else 10.0


def _in_view(camera: Camera, points: npt.NDArray[np.float64], range_m: float) -> Bools:
    pixels, depth = camera.project(points)
    k = camera.intrinsics
    with np.errstate(invalid="ignore"):
        inside = (pixels >= 0).all(axis=1) & (pixels[:, 0] < k.width) & (pixels[:, 1] < k.height)
    return np.asarray(inside & (depth > 0) & (depth <= range_m))


class HungarianVisiblePoints:
    """What Spatia's released code does (arXiv 2512.15716): for every earlier and every new camera, which points of memory are
    visible; a table of how many two of them share; a different earlier frame for every new one, so that the sum is largest.

    Costs O(points × frames) each time: memory changes between clips, so visibility is counted anew.

    Args:
        points_world: (N, 3) metres, all of memory.
        cameras: of all earlier frames.
        tolerance: relative; a point is visible if it lies this little behind the nearest point of its pixel.
    """

    def __init__(
        self, points_world: npt.NDArray[np.floating], cameras: Mapping[FrameKey, Camera], tolerance: float = 0.01
    ) -> None:
        self._points = np.asarray(points_world, np.float32)
        self._cameras = dict(sorted(cameras.items()))
        self._tolerance = tolerance

    def select(self, wanted: Wanted, count: int) -> tuple[Choice, ...]:
        check_count(count)
        keys = [key for key in self._cameras if wanted.allows(key)]
        chosen = min(count, len(keys), len(wanted.projections))
        if not chosen:
            return ()
        # one earlier frame for each new camera, so with fewer references than cameras some cameras speak for the rest
        spread = np.linspace(0, len(wanted.projections) - 1, chosen).round().astype(int)
        new = np.stack([self.visible(wanted.projections[n].camera) for n in spread])
        past = np.stack([self.visible(self._cameras[key]) for key in keys])
        shared = np.array([np.bitwise_count(past & row).sum(axis=1) for row in new])
        columns = assign(shared)
        shares = shared[np.arange(chosen), columns] / max(int(np.bitwise_count(new).sum()), 1)
        order = np.argsort(-shares, kind="stable")
        return tuple(
            Choice(keys[columns[n]], float(shares[n]), f"{keys[columns[n]]} shares {shared[n, columns[n]]} points with the clip")
            for n in order
        )

    def visible(self, camera: Camera) -> npt.NDArray[np.uint64]:
        """Which points the camera sees, as bits (⌈N / 64⌉,): the nearest of each pixel, and those just behind it."""
        k = camera.intrinsics
        pose = camera.camera_from_world.astype(np.float32)
        x, y, z = pose[:3, :3] @ self._points.T + pose[:3, 3:]
        ahead = np.flatnonzero(z > 1e-3)
        z = z[ahead]
        u, v = x[ahead] * (np.float32(k.fx) / z) + np.float32(k.cx), y[ahead] * (np.float32(k.fy) / z) + np.float32(k.cy)
        inside = np.flatnonzero((u >= 0) & (u < k.width) & (v >= 0) & (v < k.height))
        pixel = v[inside].astype(np.int32) * k.width + u[inside].astype(np.int32)
        nearest = np.full(k.width * k.height, np.inf, np.float32)
        np.minimum.at(nearest, pixel, z[inside])
        seen = z[inside] <= nearest[pixel] * np.float32(1 + self._tolerance)
        bits = np.zeros(-(-len(self._points) // 64) * 64, bool)
        bits[ahead[inside[seen]]] = True
        return np.packbits(bits).view(np.uint64)
