"""What a point file gives, whatever its format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.geometry.conventions import Engine

BATCH_POINTS = 1_000_000  # what memory takes in one edit (memory.edits.MAX_INSERTED)
GREY = 200  # of points without a colour


@dataclass(frozen=True, eq=False, slots=True)
class PointBatch:
    """Some of a file's points.

    Attributes:
        points_world: float64 (N, 3), metres, OpenCV axes; finite.
        rgb: uint8 (N, 3), sRGB.
        diameters_m: float64 (N,) where the file states sizes, as splats do; else None.
    """

    points_world: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.uint8]
    diameters_m: npt.NDArray[np.float64] | None = None


Reader = Callable[[BinaryIO, int, Engine], Iterator[PointBatch]]  # the file, its size in bytes, whose axes a PLY is in


def _readers() -> dict[bytes, Reader]:
    from spatia_bridge.importing.glb import read_glb  # here, since they need this module
    from spatia_bridge.importing.las import read_las
    from spatia_bridge.importing.ply import read_ply

    return {b"ply": read_ply, b"LASF": read_las, b"glTF": read_glb}


def read_points(path: Path, engine: Engine = Engine.OPENCV) -> Iterator[PointBatch]:
    """The points of a PLY, LAS or GLB file, known by its first bytes, at most BATCH_POINTS at a time.

    Args:
        engine: whose axes and units a PLY is in; LAS (x forward, y left, z up, metres) and glTF state their own.
    Raises:
        NotFoundError: there is no such file. StoreError: it cannot be read.
        CodecError: it is cut, corrupt, or of another format. InvalidInputError: it has no points, or more than this program reads
            of its format, and what to do.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            magic = file.read(4)
            reader = next((each for start, each in _readers().items() if magic.startswith(start)), None)
            if reader is None:
                raise CodecError(f"{path} is no PLY, LAS or GLB file", "convert it to one of these first")
            file.seek(0)
            empty = True
            for batch in reader(file, size, engine):
                kept = _finite(batch)
                if len(kept.points_world):
                    empty = False
                    yield kept
            if empty:
                raise InvalidInputError(f"{path} has no points with a place", "export it again with points")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}", "give a PLY, LAS or GLB file") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}", "give a file that can be read") from error


def _finite(batch: PointBatch) -> PointBatch:
    """Without the points that scanners write where they saw nothing."""
    fine = np.isfinite(batch.points_world).all(axis=1)
    if batch.diameters_m is not None:
        fine &= np.isfinite(batch.diameters_m) & (batch.diameters_m > 0)
    if fine.all():
        return batch
    sizes = None if batch.diameters_m is None else batch.diameters_m[fine]
    return PointBatch(batch.points_world[fine], batch.rgb[fine], sizes)


def spacing_m(points_world: npt.NDArray[np.float64]) -> float:
    """The median distance from a point to its nearest neighbour, metres: how large the points of a file that states no sizes are.

    Raises:
        InvalidInputError: fewer than two points, or all in one place.
    """
    import open3d as o3d  # heavy: not until it is needed

    places = np.unique(points_world, axis=0)
    if len(places) < 2:
        raise InvalidInputError("the points do not say how far apart they are", "give it with --diameter METRES")
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(places))
    return float(np.median(np.asarray(cloud.compute_nearest_neighbor_distance())))


def read_exactly(file: BinaryIO, count: int) -> bytes:
    """So many bytes. Raises CodecError: the file ends before."""
    data = file.read(count)
    if len(data) != count:
        raise CodecError("the file ends too early", "copy or export it again")
    return data


def colours_of(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """sRGB uint8 of sRGB in another type: whole numbers over their range, floats over 0…1."""
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    top = float(2 ** (8 * values.dtype.itemsize - (values.dtype.kind == "i")) - 1) if values.dtype.kind in "iu" else 1.0
    return np.asarray(np.clip(np.rint(np.nan_to_num(values.astype(np.float64)) / top * 255), 0, 255), np.uint8)
