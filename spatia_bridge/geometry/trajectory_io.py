"""Trajectories as files: TUM, which most tools of the trade read, and JSON, which states everything.

TUM: a line a pose, `timestamp tx ty tz qx qy qz qw`, camera-to-world, OpenCV axes, metres, seconds; empty lines and lines that
begin with # are left out. It states no intrinsics.

JSON: one object,

    {"format": "spatia-trajectory", "version": 1,
     "engine": "unity",                                      opencv, unity, godot or unreal: whose axes and units the poses are in
     "intrinsics": {"fx": 460.0, "fy": 460.0, "cx": 320.0, "cy": 240.0, "width": 640, "height": 480},      pixels
     "poses": [[time_secs, x, y, z, qx, qy, qz, qw], …]}     of the camera, times increasing

Either is read strictly: what is not as said here is an error that names the line or the pose.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError, SpatiaError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.conventions import Convention, Engine
from spatia_bridge.geometry.trajectory import MAX_POSES, Trajectory

FORMATS = ("json", "tum")
JSON_FORMAT, JSON_VERSION = "spatia-trajectory", 1
MAX_FILE_BYTES = 32 << 20  # MAX_POSES lines of full precision, with room
_UNIT_TOLERANCE = 1e-3  # of a quaternion's length: files round to a few digits
_INTRINSICS = ("fx", "fy", "cx", "cy", "width", "height")


def read_trajectory(data: bytes, format: str, intrinsics: Intrinsics | None = None) -> Trajectory:
    """A trajectory file's content.

    Args:
        format: one of FORMATS.
        intrinsics: of the cameras of a "tum"; a "json" states its own, and then these are not used.
    Raises:
        InvalidInputError: unknown format, no intrinsics, a pose that is none, times that do not increase.
        CodecError: not such a file. LimitExceededError: too large, or too many poses.
    """
    if format not in FORMATS:
        raise InvalidInputError(f"there is no trajectory format {format!r}", f"use one of {', '.join(FORMATS)}")
    if format == "json":
        return read_json(data)
    if intrinsics is None:
        raise InvalidInputError("a TUM file states no intrinsics", "give those of the camera with it")
    return read_tum(data, intrinsics)


def write_trajectory(trajectory: Trajectory, format: str, engine: Engine = Engine.OPENCV) -> bytes:
    """A trajectory as a file; engine is whose axes and units a "json" is in. Raises InvalidInputError: unknown format."""
    if format not in FORMATS:
        raise InvalidInputError(f"there is no trajectory format {format!r}", f"use one of {', '.join(FORMATS)}")
    return write_json(trajectory, engine) if format == "json" else write_tum(trajectory)


def read_tum(data: bytes, intrinsics: Intrinsics) -> Trajectory:
    """A TUM file's content; errors as `read_trajectory`."""
    rows: list[Sequence[Any]] = []
    places: list[int] = []
    for number, line in enumerate(_text(data).splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        _check_room(len(rows))
        try:
            rows.append([float(field) for field in fields])
        except ValueError as error:
            raise CodecError(f"line {number} is {line[:80]!r}", "write timestamp tx ty tz qx qy qz qw") from error
        places.append(number)
    return _trajectory(rows, intrinsics, Engine.OPENCV.convention, lambda i: f"line {places[i]}")


def write_tum(trajectory: Trajectory) -> bytes:
    """A TUM file; times come back bit for bit, poses to a few parts in 10^16, intrinsics are lost."""
    lines = ["# timestamp tx ty tz qx qy qz qw (camera to world, OpenCV axes, metres)"]
    lines += [" ".join(map(repr, row)) for row in _rows(trajectory, Engine.OPENCV.convention)]
    return ("\n".join(lines) + "\n").encode()


def read_json(data: bytes) -> Trajectory:
    """A JSON trajectory's content; errors as `read_trajectory`."""
    try:
        plain = json.loads(_text(data), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"the trajectory is not JSON: {error}", "write the format of this version") from error
    expected = {"format", "version", "engine", "intrinsics", "poses"}
    if not isinstance(plain, dict) or set(plain) != expected:
        raise CodecError("the JSON is no trajectory", f"write one object of {', '.join(sorted(expected))}")
    if plain["format"] != JSON_FORMAT or plain["version"] != JSON_VERSION:
        found = f"{str(plain['format'])[:80]!r}, version {str(plain['version'])[:20]}"
        raise CodecError(f"the JSON is {found}", f"write {JSON_FORMAT!r}, version {JSON_VERSION}")
    engines = {engine.value: engine for engine in Engine}
    if not isinstance(plain["engine"], str) or plain["engine"] not in engines:
        raise InvalidInputError(f"the engine is {str(plain['engine'])[:80]!r}", f"use one of {', '.join(engines)}")
    if not isinstance(plain["poses"], list):
        raise CodecError("the poses are no list", "write a list of lists of 8 numbers")
    _check_room(len(plain["poses"]) - 1)
    convention = engines[plain["engine"]].convention
    return _trajectory(plain["poses"], _intrinsics(plain["intrinsics"]), convention, lambda i: f"pose {i}")


def write_json(trajectory: Trajectory, engine: Engine = Engine.OPENCV) -> bytes:
    """A JSON trajectory in an engine's axes and units, with the first camera's intrinsics."""
    k = trajectory.cameras[0].intrinsics
    plain = {
        "format": JSON_FORMAT,
        "version": JSON_VERSION,
        "engine": engine.value,
        "intrinsics": {name: getattr(k, name) for name in _INTRINSICS},
        "poses": _rows(trajectory, engine.convention),
    }
    return json.dumps(plain).encode()


def _text(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise LimitExceededError(f"the trajectory has {len(data)} bytes", f"send at most {MAX_FILE_BYTES}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CodecError("the trajectory is not UTF-8 text", "send a TUM or JSON file") from error


def _check_room(poses: int) -> None:
    if poses >= MAX_POSES:
        raise LimitExceededError(f"the trajectory has more than {MAX_POSES} poses", "thin it out, or cut it")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _intrinsics(plain: object) -> Intrinsics:
    if not isinstance(plain, dict) or set(plain) != set(_INTRINSICS):
        raise CodecError("the intrinsics are incomplete", f"write {', '.join(_INTRINSICS)}")
    values = [plain[name] for name in _INTRINSICS]
    if not all(_is_number(value) for value in values) or not all(isinstance(value, int) for value in values[4:]):
        raise CodecError("the intrinsics are no numbers", "write pixels; width and height as whole numbers")
    fx, fy, cx, cy, width, height = values
    return Intrinsics(float(fx), float(fy), float(cx), float(cy), width, height)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _trajectory(rows: Sequence[Any], intrinsics: Intrinsics, convention: Convention, place: Callable[[int], str]) -> Trajectory:
    """Rows of time, position and quaternion in an engine's axes; `place` names a row for its error."""
    cameras: list[Camera] = []
    times: list[float] = []
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 8 or not all(_is_number(value) for value in row):
            raise CodecError(f"{place(i)} is not 8 finite numbers", "write time x y z qx qy qz qw")
        if times and not row[0] > times[-1]:
            raise InvalidInputError(f"{place(i)} is at {row[0]} s, not after {times[-1]} s", "write poses in time order")
        if abs(float(np.linalg.norm(row[4:])) - 1) > _UNIT_TOLERANCE:
            raise InvalidInputError(f"{place(i)} has a quaternion that is not of length 1", "write qx qy qz qw of a rotation")
        try:
            cameras.append(Camera(intrinsics, convention.world_pose(row[1:4], row[4:])))
        except SpatiaError as error:
            raise InvalidInputError(f"{place(i)}: {error.message}", error.remedy) from error
        times.append(float(row[0]))
    return Trajectory(tuple(cameras), tuple(times))


def _rows(trajectory: Trajectory, convention: Convention) -> list[list[float]]:
    """[time, x, y, z, qx, qy, qz, qw] of every pose, Python's own floats."""
    return [
        [float(time), *_plain(convention.pose_from_world(camera.world_from_camera))]
        for camera, time in zip(trajectory.cameras, trajectory.times_secs, strict=True)
    ]


def _plain(pose: tuple[se3.Array, se3.Array]) -> Iterable[float]:
    position, quaternion = pose
    return [*position.tolist(), *quaternion.tolist()]
