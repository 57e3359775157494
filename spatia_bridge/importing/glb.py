"""glTF 2.0 in one binary file: points as they are, triangles as points spread evenly over them.

Vertex colours and the materials' base colours count; textures, skins, morphs and animations do not. What is compressed by an
extension is refused.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.export.gltf import BIN_CHUNK, JSON_CHUNK, POINTS_MODE, TRIANGLES_MODE
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import GLTF, Engine
from spatia_bridge.importing.points import BATCH_POINTS, PointBatch, read_exactly

MAX_JSON_BYTES = 64 << 20
MAX_NODES = 100_000
SAMPLES = 250_000  # of a mesh's triangles in all
_FORMATS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_ALLOWED = {"KHR_materials_unlit", "KHR_mesh_quantization", "KHR_texture_transform", "KHR_lights_punctual"}
_REMEDY = "export it again as one GLB without compression"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Part:
    """A primitive where its node puts it: glTF places float64 (N, 3), linear colours (N, 3), triangles (T, 3) or None."""

    places: Floats
    linear: Floats
    triangles: npt.NDArray[np.int64] | None


def read_glb(file: BinaryIO, size: int, _engine: Engine) -> Iterator[PointBatch]:
    """The default scene's points; see `read_points`. LimitExceededError: absurdly large or deep."""
    try:
        parts = list(_parts(*_chunks(file, size)))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CodecError(f"the glTF is not as its specification says: {type(error).__name__} {error}", _REMEDY) from error
    area = sum(float(_areas(part).sum()) for part in parts if part.triangles is not None)
    if not parts or not np.isfinite(area):
        raise InvalidInputError("the GLB has no points and no triangles", "export a scene that has some")
    for part in parts:
        places, linear = (part.places, part.linear) if part.triangles is None else _sampled(part, area / SAMPLES)
        for start in range(0, len(places), BATCH_POINTS):
            rows = slice(start, start + BATCH_POINTS)
            yield PointBatch(GLTF.world_from_points(places[rows]), _srgb(linear[rows]))


def _chunks(file: BinaryIO, size: int) -> tuple[dict[str, Any], npt.NDArray[np.uint8]]:
    _, version, _, json_bytes, kind = struct.unpack("<4s4I", read_exactly(file, 20))
    if version != 2 or kind != JSON_CHUNK or json_bytes > min(size, MAX_JSON_BYTES):
        raise CodecError(f"the GLB is version {version} and begins with {json_bytes} bytes of {kind:#x}", _REMEDY)
    try:
        content = json.loads(read_exactly(file, json_bytes))
    except (ValueError, RecursionError) as error:
        raise CodecError(f"the GLB's JSON is damaged: {str(error)[:80]}", _REMEDY) from error
    if not isinstance(content, dict) or not set(content.get("extensionsRequired", ())) <= _ALLOWED:
        raise InvalidInputError(f"the GLB needs {content.get('extensionsRequired', '?')}", _REMEDY)
    bin_bytes, kind = struct.unpack("<2I", read_exactly(file, 8))
    if kind != BIN_CHUNK or file.tell() + bin_bytes > size:
        raise CodecError(f"the GLB's data says {bin_bytes} bytes, the file has {size}", _REMEDY)
    return content, np.memmap(file, np.uint8, "r", file.tell(), (bin_bytes,)) if bin_bytes else np.empty(0, np.uint8)


def _parts(content: dict[str, Any], data: npt.NDArray[np.uint8]) -> Iterator[_Part]:
    nodes, meshes = content.get("nodes", []), content.get("meshes", [])
    scenes = content.get("scenes", [])
    roots = scenes[content.get("scene", 0)].get("nodes", []) if scenes else list(range(len(nodes)))
    waiting = [(number, np.eye(4)) for number in roots]
    seen: set[int] = set()
    while waiting:
        number, parent = waiting.pop()
        if number in seen or number < 0 or len(seen) >= MAX_NODES:
            raise LimitExceededError(f"the glTF's nodes are no tree, or more than {MAX_NODES}", _REMEDY)
        seen.add(number)
        placed = parent @ _matrix(nodes[number])
        waiting += [(child, placed) for child in nodes[number].get("children", [])]
        for primitive in meshes[nodes[number]["mesh"]]["primitives"] if "mesh" in nodes[number] else []:
            if primitive.get("mode", TRIANGLES_MODE) in (POINTS_MODE, TRIANGLES_MODE):
                yield _part(content, data, primitive, placed)


def _matrix(node: dict[str, Any]) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    rotation = se3.rotation_from_quaternion(node.get("rotation", (0, 0, 0, 1)))
    return se3.from_parts(rotation * np.array(node.get("scale", (1, 1, 1))), node.get("translation", (0, 0, 0)))


def _part(content: dict[str, Any], data: npt.NDArray[np.uint8], primitive: dict[str, Any], placed: Floats) -> _Part:
    attributes = primitive["attributes"]
    places = se3.transform(placed, _accessor(content, data, attributes["POSITION"]))
    base = np.ones(3)
    if "material" in primitive:
        material = content["materials"][primitive["material"]]
        base = np.array(material.get("pbrMetallicRoughness", {}).get("baseColorFactor", (1, 1, 1, 1))[:3], np.float64)
    linear = np.broadcast_to(base, places.shape)
    if "COLOR_0" in attributes:
        linear = _accessor(content, data, attributes["COLOR_0"])[:, :3] * base
    if linear.shape != places.shape:
        raise CodecError(f"there are {len(places)} positions and {len(linear)} colours", _REMEDY)
    if primitive.get("mode", TRIANGLES_MODE) == POINTS_MODE:
        return _Part(places, linear, None)
    wanted = _accessor(content, data, primitive["indices"]) if "indices" in primitive else np.arange(len(places))[:, None]
    corners = wanted.astype(np.int64)[: len(wanted) // 3 * 3, 0]
    if len(corners) and not 0 <= corners.min() <= corners.max() < len(places):
        raise CodecError("a triangle has a corner that is not there", _REMEDY)
    return _Part(places, linear, corners.reshape(-1, 3))


def _accessor(content: dict[str, Any], data: npt.NDArray[np.uint8], number: int) -> npt.NDArray[Any]:
    """The values (N, width) of an accessor, normalised ones as 0…1; nothing is read that its view does not have."""
    accessor = content["accessors"][number]
    view = content["bufferViews"][accessor["bufferView"]]
    if "sparse" in accessor or view.get("buffer", 0) != 0 or "uri" in content["buffers"][0]:
        raise InvalidInputError("the GLB's data is sparse or lies in another file", _REMEDY)
    kind = np.dtype(_FORMATS[accessor["componentType"]])
    width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
    stride = int(view.get("byteStride", kind.itemsize * width))
    start, inner = int(view.get("byteOffset", 0)), int(accessor.get("byteOffset", 0))
    end = inner + (count - 1) * stride + kind.itemsize * width
    length = int(view["byteLength"])
    if count < 1 or min(start, inner) < 0 or stride < kind.itemsize * width or end > length or start + length > len(data):
        raise CodecError(f"accessor {number} says {count} values that are not there", _REMEDY)
    values = np.ndarray((count, width), kind, data[start + inner : start + end].data, 0, (stride, kind.itemsize))
    return values / np.iinfo(kind).max if accessor.get("normalized") and kind.kind in "iu" else values


def _areas(part: _Part) -> Floats:
    a, b, c = (part.places[part.triangles[:, i]] for i in range(3)) if part.triangles is not None else [np.empty((0, 3))] * 3
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def _sampled(part: _Part, area_a_sample: float) -> tuple[Floats, Floats]:
    """Places and colours of points spread evenly over the triangles: as many as each one's area asks for, in the R2 sequence."""
    if part.triangles is None or not area_a_sample > 0:
        return np.empty((0, 3)), np.empty((0, 3))
    ends = np.floor(np.cumsum(_areas(part)) / area_a_sample + 0.5).astype(np.int64)
    owner = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    uv = (np.arange(len(owner))[:, None] * np.array([0.7548776662466927, 0.5698402909980532]) + 0.5) % 1
    uv = np.where(uv.sum(axis=1, keepdims=True) > 1, 1 - uv, uv)
    weights = np.column_stack([1 - uv.sum(axis=1), uv])[:, :, None]
    corners = part.triangles[owner]
    return (part.places[corners] * weights).sum(axis=1), (part.linear[corners] * weights).sum(axis=1)


def _srgb(linear: Floats) -> npt.NDArray[np.uint8]:
    c = np.clip(np.nan_to_num(linear), 0, 1)
    encoded = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), np.uint8)
