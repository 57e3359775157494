"""Recordings of other programs: RGB-D folders in the layout of the TUM benchmark, and video files without depth.

    rgb/ depth/           PNG: RGB with 8 bits a channel, depth with 16 bits, value / depth_units_per_m = metres, 0 = none
    associations.txt      lines of `time rgb_file time depth_file`; or
    rgb.txt, depth.txt    lines of `time file`: each picture goes with the depth nearest in time, MAX_LAG_SECS apart at most
    intrinsics.txt        optional: fx fy cx cy in pixels

(Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", 2012.) Frames are decoded when they are asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import ColourImage, RgbdFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics, check_image_size

TUM_UNITS_PER_M = 5000.0
MAX_LAG_SECS = 0.02
MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_LIST_BYTES = 16 * 1024 * 1024
MAX_VIDEO_FRAMES = 4096
INTRINSICS_FILE = "intrinsics.txt"
_REMEDY = "compare the folder with the layout of the TUM RGB-D benchmark"


@dataclass(frozen=True)
class RecordedImage:
    """Where one frame of a recording lies."""

    time_secs: float
    colour: Path
    depth: Path


class RgbdRecording(Sequence[RgbdFrame]):
    """The frames of an RGB-D folder in the order of time, without poses: every camera stands at the origin."""

    def __init__(self, images: Sequence[RecordedImage], intrinsics: Intrinsics, depth_units_per_m: float) -> None:
        self._images, self._units_per_m = tuple(images), depth_units_per_m
        self._camera = Camera(intrinsics, np.eye(4))

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, number: int) -> RgbdFrame: ...
    @overload
    def __getitem__(self, number: slice) -> "RgbdRecording": ...
    def __getitem__(self, number: int | slice) -> "RgbdFrame | RgbdRecording":
        """A frame, or the recording thinned out. Raises InvalidInputError: an image that cannot be used."""
        if isinstance(number, slice):
            return RgbdRecording(self._images[number], self._camera.intrinsics, self._units_per_m)
        image, k = self._images[number], self._camera.intrinsics
        colour = cv2.cvtColor(_image(image.colour, k, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        depth = _image(image.depth, k, cv2.IMREAD_UNCHANGED)
        if depth.ndim != 2 or depth.dtype != np.uint16:
            raise InvalidInputError(f"{image.depth.name} is {depth.dtype} {depth.shape}", "save depth as grey PNG of 16 bits")
        metres = depth.astype(np.float32) / np.float32(self._units_per_m)
        return RgbdFrame(self._camera, np.asarray(colour, np.uint8), metres, time_secs=image.time_secs)


def open_rgbd_folder(
    folder: Path, lens: Callable[[int, int], Intrinsics] | None = None, depth_units_per_m: float = TUM_UNITS_PER_M
) -> RgbdRecording:
    """A folder in the layout above.

    Args:
        lens: intrinsics of pictures of a width and height; None = what `intrinsics.txt` says.
    Raises:
        InvalidInputError: no pairs of pictures and depth, no intrinsics, or a line that is none.
    """
    images = list(_pairs(folder))
    if not images:
        raise InvalidInputError(f"{folder} has no picture with depth", _REMEDY)
    height, width = _decoded(images[0].colour, cv2.IMREAD_COLOR).shape[:2]
    return RgbdRecording(images, lens(width, height) if lens else _lens(folder, width, height), depth_units_per_m)


def is_rgbd_folder(folder: Path) -> bool:
    """Whether a folder looks like one."""
    return (folder / "associations.txt").is_file() or ((folder / "rgb.txt").is_file() and (folder / "depth.txt").is_file())


def _pairs(folder: Path) -> Iterator[RecordedImage]:
    listed = folder / "associations.txt"
    if listed.is_file():
        rows = [(float(row[0]), folder / row[1], folder / row[3]) for row in _rows(listed, 4)]
    else:
        depths = sorted((float(time), folder / name) for time, name in _rows(folder / "depth.txt", 2))
        times = np.array([time for time, _ in depths])
        rows = []
        for time, name in _rows(folder / "rgb.txt", 2):
            nearest = int(np.argmin(np.abs(times - float(time)))) if len(times) else -1
            if nearest >= 0 and abs(times[nearest] - float(time)) <= MAX_LAG_SECS:
                rows.append((float(time), folder / name, depths[nearest][1]))
    last = -np.inf
    for time_secs, colour, depth in sorted(rows):
        if time_secs > last:
            last = time_secs
            yield RecordedImage(time_secs, _within(folder, colour), _within(folder, depth))


def _within(folder: Path, path: Path) -> Path:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInputError(f"{path} lies outside {folder}", "list files of the folder only")
    return path


def _rows(path: Path, columns: int) -> list[list[str]]:
    """The fields of a list's lines, the first of which is a time."""
    rows = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        try:
            times = [float(field) for field in fields[:columns:2]]
        except ValueError:
            times = []
        if len(fields) < columns or not np.isfinite(times).all() or not times:
            raise InvalidInputError(f"line {number} of {path.name} is {line[:80]!r}", _REMEDY)
        rows.append(fields[:columns])
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise InvalidInputError(f"{path.name} is larger than {MAX_LIST_BYTES} bytes", _REMEDY)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error}", _REMEDY) from error


def _lens(folder: Path, width: int, height: int) -> Intrinsics:
    path = folder / INTRINSICS_FILE
    if not path.is_file():
        raise InvalidInputError(
            f"{folder} does not say which lens took it", f"give the field of view or intrinsics, or write {INTRINSICS_FILE}"
        )
    try:
        fx, fy, cx, cy = (float(field) for field in _text(path).split()[:4])
    except ValueError as error:
        raise InvalidInputError(f"{INTRINSICS_FILE} is not fx fy cx cy", "write four numbers, in pixels") from error
    return Intrinsics(fx, fy, cx, cy, width, height)


def _image(path: Path, k: Intrinsics, flags: int) -> npt.NDArray[Any]:
    image = _decoded(path, flags)
    if image.shape[:2] != (k.height, k.width):
        raise InvalidInputError(
            f"{path.name} is {image.shape[1]}×{image.shape[0]}, the camera {k.width}×{k.height}", "make all images of one size"
        )
    return image


def _decoded(path: Path, flags: int) -> npt.NDArray[Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInputError(f"{path.name} is larger than {MAX_FILE_BYTES} bytes", "export smaller images")
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error}", _REMEDY) from error
    if image is None:
        raise InvalidInputError(f"{path.name} is no image", _REMEDY)
    check_image_size(image.shape[1], image.shape[0], path.name)
    return np.asarray(image)


def read_video(path: Path, every: int = 1) -> tuple[list[ColourImage], float]:
    """Each `every`-th picture of a video file, uint8 (H, W, 3) sRGB, and how many of those there are a second.

    Raises:
        NotFoundError: no such file. InvalidInputError: no video, or more than MAX_VIDEO_FRAMES pictures.
    """
    import av
    import av.error

    if not path.is_file():
        raise NotFoundError(f"there is no file {path}", "give a video file or a folder with a recording")
    pictures: list[ColourImage] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            check_image_size(stream.codec_context.width, stream.codec_context.height, path.name)
            rate = float(stream.average_rate or 0)
            for number, picture in enumerate(container.decode(stream)):
                if number % every:
                    continue
                if len(pictures) == MAX_VIDEO_FRAMES:
                    raise InvalidInputError(f"{path.name} has more than {MAX_VIDEO_FRAMES} pictures", "take fewer with --every")
                pictures.append(picture.to_ndarray(format="rgb24"))
    except (av.error.FFmpegError, IndexError) as error:
        raise InvalidInputError(f"{path.name} is no video that can be read", "convert it to MP4 with H.264") from error
    if not pictures:
        raise InvalidInputError(f"{path.name} has no pictures", "give a video of one picture or more")
    return pictures, (rate if rate > 0 else 25.0) / every


def at_size(frame: RgbdFrame, width: int, height: int) -> RgbdFrame:
    """The frame at another size: colour averaged, depth of the nearest pixel."""
    size = (width, height)
    colour = cv2.resize(frame.colour, size, interpolation=cv2.INTER_AREA)
    depth = cv2.resize(frame.depth_m, size, interpolation=cv2.INTER_NEAREST)
    return replace(frame, camera=frame.camera.resized(width, height), colour=colour, depth_m=depth)
