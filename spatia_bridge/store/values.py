"""Domain values as plain lists for msgpack, and back. Bit-exact: floats travel as float64."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory.regions import Box, Region, Sphere


def plain_numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Measurements with Python's own floats, whatever NumPy scalars they came as."""
    return {str(key): float(value) for key, value in values.items()}


def plain_region(region: Region) -> list[Any]:
    """["box", 16 numbers of world_from_box, 3 of half size] or ["sphere", 3 of the centre, radius]."""
    if isinstance(region, Box):
        return ["box", region.world_from_box.ravel().tolist(), region.half_size_m.tolist()]
    return ["sphere", region.centre_world.tolist(), float(region.radius_m)]


def region_from_plain(plain: list[Any]) -> Region:
    """The region again; ValueError or InvalidInputError when it is none."""
    kind, place, size = plain
    if kind == "box":
        return Box(np.array(place, np.float64).reshape(4, 4), np.array(size, np.float64))
    if kind == "sphere":
        return Sphere(np.array(place, np.float64), float(size))
    raise ValueError(f"there is no region of kind {kind!r}")


def plain_similarity(similarity: Similarity) -> list[Any]:
    """[scale, 9 numbers of the rotation]."""
    return [float(similarity.scale), similarity.rotation.ravel().tolist()]


def similarity_from_plain(plain: list[Any]) -> Similarity:
    """The similarity again; ValueError or InvalidInputError when it is none."""
    scale, rotation = plain
    return Similarity(float(scale), np.array(rotation, np.float64).reshape(3, 3))


def plain_camera(camera: Camera) -> list[Any]:
    """[fx, fy, cx, cy, width, height, 16 numbers of world_from_camera]."""
    k = camera.intrinsics
    numbers = [float(k.fx), float(k.fy), float(k.cx), float(k.cy), int(k.width), int(k.height)]
    return [*numbers, camera.world_from_camera.ravel().tolist()]


def camera_from_plain(plain: list[Any]) -> Camera:
    """The camera again; ValueError or InvalidInputError when it is none."""
    fx, fy, cx, cy, width, height, pose = plain
    world_from_camera: se3.Array = np.array(pose, np.float64).reshape(4, 4)
    return Camera(Intrinsics(fx, fy, cx, cy, width, height), world_from_camera)
