"""A training set in COLMAP's binary format: `sparse/0` with cameras, images and points, and the pictures beside it.

COLMAP's axes are the server's, and so is its pixel centre. A point has no track: memory does not keep which frames saw it.
(colmap.github.io/format.html; masks are named after their image, suffix included, and black pixels are left out.)
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatia_bridge.export.base import Progress, silent
from spatia_bridge.export.batches import Batch, check_points, write_rows
from spatia_bridge.export.views import NamedView, write_views
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory import Snapshot

_PINHOLE = 1
_COUNT = struct.Struct("<Q")
_CAMERA = struct.Struct("<IiQQ4d")
_IMAGE = struct.Struct("<I4d3dI")
_POINT = np.dtype([("id", "<u8"), ("xyz", "<f8", (3,)), ("rgb", "u1", (3,)), ("error", "<f8"), ("track", "<u8")])


def write_colmap(folder: Path, views: Iterable[NamedView], snapshot: Snapshot, progress: Progress = silent) -> int:
    """Write the set to an empty folder, with progress in points; how many views it has.

    Raises:
        InvalidInputError: there are no views, or no points. OSError: the disk refuses.
    """
    model = folder / "sparse" / "0"
    model.mkdir(parents=True)
    lenses: dict[Intrinsics, int] = {}
    images = []
    for number, (name, camera) in enumerate(write_views(folder, views, mask_suffix=".png.png"), 1):
        lens = lenses.setdefault(camera.intrinsics, len(lenses) + 1)
        images.append(_image(number, f"{name}.png", camera, lens))
    cameras = [_CAMERA.pack(i, _PINHOLE, k.width, k.height, k.fx, k.fy, k.cx, k.cy) for k, i in lenses.items()]
    (model / "cameras.bin").write_bytes(_COUNT.pack(len(cameras)) + b"".join(cameras))
    (model / "images.bin").write_bytes(_COUNT.pack(len(images)) + b"".join(images))
    with (model / "points3D.bin").open("wb") as file:
        file.write(_COUNT.pack(check_points(snapshot)))
        write_rows(snapshot, _Points(), file.write, progress)
    return len(images)


def _image(number: int, name: str, camera: Camera, lens: int) -> bytes:
    pose = camera.camera_from_world
    x, y, z, w = se3.quaternion_from_rotation(pose[:3, :3])
    return _IMAGE.pack(number, w, x, y, z, *pose[:3, 3], lens) + name.encode() + b"\0" + _COUNT.pack(0)


class _Points:
    """Rows of points3D.bin, numbered from 1 on."""

    def __init__(self) -> None:
        self._next = 1

    def __call__(self, batch: Batch) -> npt.NDArray[np.void]:
        rows = np.zeros(len(batch), _POINT)
        rows["id"] = np.arange(self._next, self._next + len(batch))
        rows["xyz"], rows["rgb"] = batch.points_world, batch.records["rgb"]
        self._next += len(batch)
        return rows
