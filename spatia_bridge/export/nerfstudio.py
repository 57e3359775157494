"""A training set in nerfstudio's format: `transforms.json`, images, depth, masks and the points to begin with.

The world has z up, as nerfstudio's viewer, and x forward, in metres; a camera looks along its −z with y up (OpenGL). Pixel
centres are at half integers there as here. Depth is in millimetres, its default `depth_unit_scale_factor`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from spatia_bridge.export.base import Progress, silent
from spatia_bridge.export.ply import write_ply
from spatia_bridge.export.views import DEPTH, IMAGES, MASKS, NamedView, write_views
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.conventions import Z_UP
from spatia_bridge.memory import Snapshot

POINTS = "points.ply"
_OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0])  # a camera's own axes


def write_nerfstudio(folder: Path, views: Iterable[NamedView], snapshot: Snapshot, progress: Progress = silent) -> int:
    """Write the set to an empty folder, with progress in points; how many views it has.

    Raises:
        InvalidInputError: there are no views, or no points. OSError: the disk refuses.
    """
    frames = [_frame(name, camera) for name, camera in write_views(folder, views)]
    with (folder / POINTS).open("wb") as file:
        write_ply(snapshot, Z_UP, file.write, progress)
    content = {"camera_model": "OPENCV", "ply_file_path": POINTS, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return len(frames)


def _frame(name: str, camera: Camera) -> dict[str, Any]:
    k = camera.intrinsics
    matrix = np.eye(4)
    matrix[:3, :3] = Z_UP.axes @ camera.world_from_camera[:3, :3] @ _OPENCV_FROM_OPENGL
    matrix[:3, 3] = Z_UP.points_from_world(camera.position_world)
    return {
        "file_path": f"{IMAGES}/{name}.png",
        "depth_file_path": f"{DEPTH}/{name}.png",
        "mask_path": f"{MASKS}/{name}.png",
        "transform_matrix": matrix.tolist(),
        "fl_x": k.fx,
        "fl_y": k.fy,
        "cx": k.cx,
        "cy": k.cy,
        "w": k.width,
        "h": k.height,
    }
