"""A capture: a folder of frames with depth and poses, as an engine, a sensor or a script leaves it.

    capture.json       what, from where, under which licence; intrinsics; a time and a pose a frame
    colour_000.png     RGB, 8 bits a channel, sRGB
    depth_000.png      16 bits, value × depth_scale_m = metres along the optical axis; 0 = none (sky, unsure, out of range)
    object_000.png     16 bits, 0 = static level, otherwise the number of an object; all frames have one or none has

Poses are `world_from_camera` in this package's world: metres, x right, y down, z forward, gravity along +y. A folder may come
from anywhere, so sizes are checked in the PNG headers before a pixel is decoded.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics, check_image_size

FORMAT = "spatia-capture"
VERSION = 1
DEPTH_CONVENTION = "planar z along the optical axis"
DEPTH_SCALE_M = 0.001
MAX_FRAMES = 100_000
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 128 * 1024 * 1024

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">I4sIIBB")
_RGB, _GREY = 2, 0
_REMEDY = "export the capture again"


@dataclass(frozen=True, eq=False)
class Capture:
    """Frames of one scene in the order of time.

    Attributes:
        frames: all with the same intrinsics.
        name: the scene's, for people.
        licence: of the pictures.
        notes: where they come from and how they were made.
    """

    frames: tuple[RgbdFrame, ...]
    name: str = ""
    licence: str = ""
    notes: str = ""


def load_capture(folder: Path | str) -> Capture:
    """Read a capture folder.

    Raises:
        InvalidInputError: a file is missing, truncated or of another size or version, or a number makes no sense.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    intrinsics = _intrinsics(_member(manifest, "intrinsics", dict))
    scale_m = _number(manifest, "depth_scale_m")
    if not scale_m > 0:
        raise InvalidInputError(f"depth_scale_m is {scale_m}", "state how many metres one step of depth is")
    entries = _member(manifest, "frames", list)
    if not 1 <= len(entries) <= MAX_FRAMES:
        raise InvalidInputError(f"the capture has {len(entries)} frames", f"give 1 to {MAX_FRAMES}")
    with_objects = (folder / _file("object", 0)).exists()
    frames = tuple(_load_frame(folder, number, entry, intrinsics, scale_m, with_objects) for number, entry in enumerate(entries))
    return Capture(frames, *(str(manifest.get(key, "")) for key in ("name", "licence", "source")))


def save_capture(folder: Path | str, capture: Capture) -> None:
    """Write a capture folder, made if need be; files of the same names are replaced.

    Depth is rounded to millimetres; what is not in 0.5 mm … 65.535 m is written as none.

    Raises:
        InvalidInputError: no frames, frames of different intrinsics, or object ids on some frames only.
    """
    folder = Path(folder)
    if not capture.frames:
        raise InvalidInputError("the capture has no frames", "record at least one")
    intrinsics = capture.frames[0].camera.intrinsics
    with_objects = capture.frames[0].object_ids is not None
    for number, frame in enumerate(capture.frames):
        if frame.camera.intrinsics != intrinsics or (frame.object_ids is not None) != with_objects:
            raise InvalidInputError(
                f"frame {number} differs from frame 0 in its intrinsics or in having object ids", "make all frames alike"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(capture.frames):
        _write_png(folder / _file("colour", number), cv2.cvtColor(frame.colour, cv2.COLOR_RGB2BGR))
        _write_png(folder / _file("depth", number), _depth_steps(frame.depth_m))
        if frame.object_ids is not None:
            _write_png(folder / _file("object", number), frame.object_ids)
    text = json.dumps(_manifest(capture, intrinsics), indent=1, ensure_ascii=False)
    (folder / "capture.json").write_text(text + "\n", encoding="utf-8")


def _manifest(capture: Capture, intrinsics: Intrinsics) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": capture.name,
        "licence": capture.licence,
        "source": capture.notes,
        "colour_space": "sRGB",
        "depth": DEPTH_CONVENTION,
        "depth_scale_m": DEPTH_SCALE_M,
        "intrinsics": {key: getattr(intrinsics, key) for key in ("fx", "fy", "cx", "cy", "width", "height")},
        "frames": [
            {
                "time_secs": round(frame.time_secs, 6),
                "world_from_camera": [[float(value) for value in row] for row in frame.camera.world_from_camera],
            }
            for frame in capture.frames
        ],
    }


def _file(kind: str, number: int) -> str:
    return f"{kind}_{number:03d}.png"


def _depth_steps(depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    steps = np.rint(np.nan_to_num(depth_m.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0) / DEPTH_SCALE_M)
    return np.where((steps > 0) & (steps <= 0xFFFF), steps, 0).astype(np.uint16)


def _write_png(path: Path, image: npt.NDArray[Any]) -> None:
    """The smallest PNG of several ways to compress the same pixels."""
    strategies = (cv2.IMWRITE_PNG_STRATEGY_DEFAULT, cv2.IMWRITE_PNG_STRATEGY_FILTERED, cv2.IMWRITE_PNG_STRATEGY_RLE)
    encoded = []
    for strategy in strategies:
        _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, strategy])
        encoded.append(data.tobytes())
    path.write_bytes(min(encoded, key=len))


def _read_manifest(folder: Path) -> dict[str, Any]:
    data = _read(folder / "capture.json", MAX_MANIFEST_BYTES)
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"capture.json is not JSON: {error}", _REMEDY) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidInputError(f"capture.json does not say format {FORMAT!r}", "give a folder that holds a capture")
    if manifest.get("version") != VERSION or isinstance(manifest["version"], bool):
        raise InvalidInputError(
            f"the capture has version {manifest.get('version')!r}, this program reads {VERSION}",
            "export the capture with a matching version",
        )
    for key, expected in (("colour_space", "sRGB"), ("depth", DEPTH_CONVENTION)):
        if manifest.get(key) != expected:
            raise InvalidInputError(f"{key} is {manifest.get(key)!r}", f"convert it to {expected!r}")
    return manifest


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise InvalidInputError(f"{path.name} is larger than {limit} bytes", "export smaller frames")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{path.name} cannot be read: {error.strerror or error}", "complete the capture folder"
        ) from error


def _member(mapping: Mapping[str, Any], key: str, kind: type) -> Any:
    value = mapping.get(key)
    if not isinstance(value, kind):
        raise InvalidInputError(f"{key} of capture.json is missing or not a {kind.__name__}", _REMEDY)
    return value


def _number(mapping: Mapping[str, Any], key: str) -> float:
    value = mapping.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidInputError(f"{key} of capture.json is {value!r}, not a finite number", _REMEDY)
    return float(value)


def _intrinsics(entry: dict[str, Any]) -> Intrinsics:
    width, height = _number(entry, "width"), _number(entry, "height")
    if width != int(width) or height != int(height):
        raise InvalidInputError(f"the image size is {width}×{height}", "state whole pixels")
    fx, fy, cx, cy = (_number(entry, key) for key in ("fx", "fy", "cx", "cy"))
    return Intrinsics(fx, fy, cx, cy, int(width), int(height))


def _load_frame(
    folder: Path, number: int, entry: object, intrinsics: Intrinsics, scale_m: float, with_objects: bool
) -> RgbdFrame:
    if not isinstance(entry, dict):
        raise InvalidInputError(f"frame {number} of capture.json is not an object", _REMEDY)
    colour = _read_png(folder / _file("colour", number), intrinsics, _RGB, 8)
    depth = _read_png(folder / _file("depth", number), intrinsics, _GREY, 16)
    objects = _read_png(folder / _file("object", number), intrinsics, _GREY, 16) if with_objects else None
    return RgbdFrame(
        camera=Camera(intrinsics, _pose(entry, number)),
        colour=cv2.cvtColor(colour, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False),
        depth_m=(depth * scale_m).astype(np.float32),
        object_ids=None if objects is None else objects.astype(np.uint16, copy=False),
        time_secs=_number(entry, "time_secs"),
    )


def _pose(entry: dict[str, Any], number: int) -> npt.NDArray[np.float64]:
    try:
        pose = np.array(entry.get("world_from_camera"), np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"the pose of frame {number} is not a list of numbers", _REMEDY) from error
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise InvalidInputError(f"the pose of frame {number} is not 4×4 finite numbers", _REMEDY)
    return pose


def _read_png(path: Path, intrinsics: Intrinsics, colour_type: int, bits: int) -> npt.NDArray[Any]:
    """Decode one image (H, W[, 3]) in OpenCV's channel order, after its header has said that it is what it must be."""
    data = _read(path, MAX_FILE_BYTES)
    if len(data) < 8 + _IHDR.size or data[:8] != _PNG_MAGIC or data[12:16] != b"IHDR":
        raise InvalidInputError(f"{path.name} is not a PNG, or it is truncated", _REMEDY)
    _, _, width, height, depth, kind = _IHDR.unpack_from(data, 8)
    check_image_size(width, height, path.name)
    if (width, height) != (intrinsics.width, intrinsics.height):
        raise InvalidInputError(
            f"{path.name} is {width}×{height}, capture.json says {intrinsics.width}×{intrinsics.height}",
            "make the intrinsics and the images agree",
        )
    if (kind, depth) != (colour_type, bits):
        expected = "RGB with 8 bits" if colour_type == _RGB else "grey with 16 bits"
        raise InvalidInputError(f"{path.name} has {depth} bits and colour type {kind}", f"save it as {expected}")
    # OpenCV fills what a truncated file lacks and says nothing, so ask for the end that every PNG has.
    if b"IEND" not in data[-12:]:
        raise InvalidInputError(f"{path.name} is truncated", _REMEDY)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InvalidInputError(f"{path.name} cannot be decoded", _REMEDY) from error
    if image is None or image.shape[:2] != (height, width):
        raise InvalidInputError(f"{path.name} cannot be decoded", _REMEDY)
    return np.asarray(image)
