"""report.json: what a run made, how long it took, and how well memory holds what it was shown. Plain data, honest gaps."""

import json
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from spatia_bridge import __version__
from spatia_bridge.evaluation.metrics import WINDOW, psnr, ssim
from spatia_bridge.frames import ColourImage, Projection, RgbdFrame
from spatia_bridge.geometry.camera import Camera

FORMAT_VERSION = 1
PACKAGES = ("numpy", "opencv-python-headless", "numba", "grpcio", "protobuf", "av", "open3d")
SAME_PLACE_M, SAME_DIRECTION_RAD = 1e-3, 1e-3


def likeness(a: ColourImage, b: ColourImage) -> dict[str, float | bool]:
    """Two pictures of one size: `equal` bit for bit (PSNR is infinite then, which JSON cannot say), PSNR in dB, SSIM.

    SSIM is nan where they are smaller than its window.
    """
    alike = ssim(a, b) if min(a.shape[:2]) >= WINDOW else math.nan
    return {"equal": bool(np.array_equal(a, b)), "psnr_db": psnr(a, b), "ssim": alike}


def returns(path: Sequence[Camera]) -> bool:
    """The last camera stands where the first did, and looks the same way."""
    if len(path) < 2:
        return False
    first, last = path[0].world_from_camera, path[-1].world_from_camera
    turned = math.acos(float(np.clip((np.trace(first[:3, :3].T @ last[:3, :3]) - 1) / 2, -1, 1)))
    return bool(np.linalg.norm(first[:3, 3] - last[:3, 3]) <= SAME_PLACE_M) and turned <= SAME_DIRECTION_RAD


def returning_view(path: Sequence[Camera], first: ColourImage, last: ColourImage) -> dict[str, float | bool] | None:
    """How like the last frame is the first one, taken from the same place; None where the path does not come back."""
    return likeness(first, last) if returns(path) else None


def recorded_views(views: Sequence[RgbdFrame], look: Callable[[Camera], Projection]) -> dict[str, Any]:
    """Memory's projection against recorded views: means over the views, PSNR only where memory has something.

    Args:
        views: which memory should show; those that it was not seeded with say the most.
        look: memory as a camera sees it.
    """
    seen = [(view, look(view.camera)) for view in views]
    likenesses = [psnr(each.colour, view.colour, each.coverage) for view, each in seen]
    alike = [ssim(each.colour, view.colour) for view, each in seen if min(view.colour.shape[:2]) >= WINDOW]
    return {
        "views": len(seen),
        "coverage": _mean([float(each.coverage.mean()) for _, each in seen]),
        "psnr_db": _mean([value for value in likenesses if math.isfinite(value)]),
        "ssim": _mean(alike),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def versions() -> dict[str, str]:
    """Of this package, Python and what shapes the result; packages that are absent are left out."""
    found = {"spatia-bridge": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What the seconds were measured on."""
    return {"system": platform.system(), "architecture": platform.machine(), "cores": os.cpu_count()}


def to_json(report: Mapping[str, Any]) -> str:
    """The report as JSON: numbers rounded to six digits, what is not a finite number as null."""
    return json.dumps(_plain(report), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
