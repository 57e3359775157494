"""Several views of known cameras at once: how a clip is cut up, and what scale a network's own cameras say its depth is at."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.depth import DepthEstimator, DepthMap, check_clip, no_check

MIN_BASELINE_M = 1e-3  # cameras that stand closer together tell no scale
MAX_RESIDUAL = 0.5  # of the cameras' spread, that a scale leaves unexplained; more, and the network ignored the cameras


def windows(count: int, views: int) -> Iterator[slice]:
    """The clip in runs of at most `views` pictures, as even as can be."""
    runs = -(-count // views)
    for run in range(runs):
        yield slice(count * run // runs, count * (run + 1) // runs)


def centres(world_from_cameras: npt.ArrayLike) -> se3.Array:
    """Where cameras (N, 4, 4) or (N, 3, 4) stand, (N, 3)."""
    return np.asarray(world_from_cameras, np.float64)[:, :3, 3]


def matrix(intrinsics: Intrinsics) -> se3.Array:
    """K (3, 3) in pixels."""
    k = intrinsics
    return np.array([[k.fx, 0, k.cx], [0, k.fy, k.cy], [0, 0, 1]])


def pose_scale(found: se3.Array, given: se3.Array) -> float | None:
    """By what to multiply the found world so that its cameras stand as far apart as the given ones.

    The scale of the least-squares similarity between the centres (Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", 1991).

    Args:
        found, given: (N, 3), in the same order.
    Returns:
        None where cameras stand too close together to tell, or no similarity explains them.
    """
    a, b = found - found.mean(axis=0), given - given.mean(axis=0)
    spread_a, spread_b = (float(np.sqrt((x**2).sum() / max(len(x), 1))) for x in (a, b))
    if spread_b < MIN_BASELINE_M or spread_a < 1e-9 or not np.isfinite(spread_a):
        return None
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((singular * sign).sum() / (a**2).sum())
    residual = float(np.sqrt(((b - scale * a @ ((u * sign) @ vt).T) ** 2).sum() / (b**2).sum()))
    return scale if scale > 0 and residual <= MAX_RESIDUAL else None


def relative_to_first(cameras: Sequence[Camera]) -> se3.Array:
    """float64 (N, 4, 4): each camera's pose in the first one's frame, near the origin, where float32 keeps it sharp."""
    first_from_world = se3.inverse(cameras[0].world_from_camera)
    return np.stack([first_from_world @ camera.world_from_camera for camera in cameras])


class ManyViews(DepthEstimator):
    """An estimator that looks at several views at once.

    Attributes:
        views: so many at a time, as fit a device's memory.
    """

    views: int

    @abstractmethod
    def _window(self, colours: Sequence[ColourImage], cameras: Sequence[Camera]) -> tuple[list[DepthMap], float | None]:
        """Depth at the network's own scale, and by what to multiply it, if the cameras tell."""

    def estimate_clip(
        self, colours: Sequence[ColourImage], cameras: Sequence[Camera], check: Callable[[], None] = no_check
    ) -> Sequence[DepthMap]:
        """See DepthEstimator: group by group, each at its cameras' scale; one whose cameras tell none has the others'."""
        check_clip(colours, cameras)
        groups: list[list[DepthMap]] = []
        scales: list[float | None] = []
        for some in windows(len(colours), self.views):
            check()
            maps, scale = self._window(colours[some], cameras[some])
            groups.append(maps)
            scales.append(scale)
        return at_scale(groups, scales)


def at_scale(groups: Sequence[Sequence[DepthMap]], scales: Sequence[float | None]) -> list[DepthMap]:
    """All maps of all groups, each multiplied by its group's scale; without one, by the median of the others', or 1."""
    known = [scale for scale in scales if scale is not None]
    common = float(np.median(known)) if known else 1.0
    return [
        DepthMap((found.depth_m * np.float32(common if scale is None else scale)).astype(np.float32), found.confidence)
        for maps, scale in zip(groups, scales, strict=True)
        for found in maps
    ]
