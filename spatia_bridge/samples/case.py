"""A case: a photo, a camera path and prompts, in the folder format of the paper's released test cases.

    img.jpg          the photo (or img.png)
    w2c.txt          one camera a line, the OpenCV matrix camera_from_world, 3×4 or 4×4, as JSON
    intrinsics.txt   fx fy cx cy as shares of the photo's width, height, width, height
    prompt.txt       one line, or one a round
    mask.png         optional; white where the photo shows what moves

A folder may come from anywhere: sizes are checked before anything is decoded.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.images import decode_colour
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics

MAX_CAMERAS = 100_000
MAX_PROMPTS = 1_000
MAX_PROMPT_CHARS = 20_000
MAX_TEXT_BYTES = 64 * 1024 * 1024
MAX_IMAGE_BYTES = 128 * 1024 * 1024
MAX_LINE_CHARS = 4_096
_REMEDY = "compare the folder with the format in spatia_bridge.samples.case"


@dataclass(frozen=True, eq=False)
class Case:
    """One photo and what to do with it.

    Attributes:
        colour: uint8 (H, W, 3) sRGB.
        intrinsics: in pixels, for the photo's size.
        cameras: rigid `world_from_camera` float64 (4, 4), one a frame of the path, in a world in which the first is the identity:
            the photo's own camera. Its axes are those of that camera, so gravity is +y only as far as the photo was held level.
            `placed` gives them in a levelled world.
        prompts: one, or one a round.
        mask: bool (H, W), dynamic pixels of the photo; or None.
    """

    colour: ColourImage
    intrinsics: Intrinsics
    cameras: tuple[se3.Array, ...]
    prompts: tuple[str, ...]
    mask: Mask | None = None

    def placed(self, world_from_first: npt.ArrayLike) -> tuple[Camera, ...]:
        """The path's cameras, where the photo was taken from this pose (4, 4): a depth estimate's `world_from_camera`, say.

        Raises:
            InvalidInputError: the pose is not rigid.
        """
        first = se3.as_rigid(world_from_first, "the photo's pose")
        return tuple(Camera(self.intrinsics, first @ camera) for camera in self.cameras)


def load_case(folder: Path | str) -> Case:
    """Read a case folder.

    Raises:
        InvalidInputError: a file is missing, too large or truncated, or a number makes no sense.
    """
    folder = Path(folder)
    name = "img.jpg" if (folder / "img.jpg").exists() or not (folder / "img.png").exists() else "img.png"
    colour = _read_image(folder / name)
    height, width = colour.shape[:2]
    mask = None
    if (folder / "mask.png").exists():
        mask = _read_image(folder / "mask.png").max(axis=2) >= 128
        if mask.shape != (height, width):
            raise InvalidInputError(f"mask.png is {mask.shape[1]}×{mask.shape[0]}, the photo {width}×{height}", "make them equal")
    intrinsics = _intrinsics(_read_text(folder / "intrinsics.txt"), width, height)
    return Case(colour, intrinsics, _cameras(_read_text(folder / "w2c.txt")), _prompts(_read_text(folder / "prompt.txt")), mask)


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise InvalidInputError(f"{path.name} is larger than {limit} bytes", _REMEDY)
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error.strerror or error}", _REMEDY) from error


def _read_text(path: Path) -> str:
    try:
        return _read(path, MAX_TEXT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path.name} is not UTF-8 text", _REMEDY) from error


def _read_image(path: Path) -> ColourImage:
    data = _read(path, MAX_IMAGE_BYTES)
    try:
        return decode_colour(data)
    except CodecError as error:
        raise CodecError(f"{path.name}: {error.message}", error.remedy) from error


def _intrinsics(text: str, width: int, height: int) -> Intrinsics:
    """Shares of the photo's sides as pixels; brackets and commas are allowed around the numbers."""
    words = text.replace("[", " ").replace("]", " ").replace(",", " ").split()
    try:
        fx, fy, cx, cy = (float(word) for word in words[:5])
    except ValueError as error:
        raise InvalidInputError("intrinsics.txt does not hold the four numbers fx fy cx cy", _REMEDY) from error
    if not all(0 < value < 100 for value in (fx, fy)) or not all(abs(value) < 100 for value in (cx, cy)):
        raise InvalidInputError(
            f"intrinsics fx={fx} fy={fy} cx={cx} cy={cy} are not shares of the photo's sides",
            "divide fx and cx by its width, fy and cy by its height",
        )
    return Intrinsics(fx * width, fy * height, cx * width, cy * height, width, height)


def _cameras(text: str) -> tuple[se3.Array, ...]:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not 1 <= len(lines) <= MAX_CAMERAS:
        raise InvalidInputError(f"w2c.txt has {len(lines)} cameras", f"give 1 to {MAX_CAMERAS}, one a line")
    poses = [_camera(line, number) for number, line in enumerate(lines, start=1)]
    first_from_world = se3.inverse(poses[0])
    moved = [se3.as_rigid(first_from_world @ pose, f"camera {number}") for number, pose in enumerate(poses, start=1)]
    moved[0] = np.eye(4)
    return tuple(moved)


def _camera(line: str, number: int) -> se3.Array:
    """`world_from_camera` of one line."""
    if len(line) > MAX_LINE_CHARS:
        raise InvalidInputError(f"line {number} of w2c.txt has {len(line)} characters", "write one matrix a line")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"line {number} of w2c.txt is not a JSON matrix", _REMEDY) from error
    if not (isinstance(value, list) and len(value) in (3, 4) and all(_is_row(row) for row in value)):
        raise InvalidInputError(f"line {number} of w2c.txt is not 3×4 or 4×4 numbers", _REMEDY)
    try:
        matrix = np.array([[float(x) for x in row] for row in value])
    except OverflowError as error:
        raise InvalidInputError(f"line {number} of w2c.txt has a number that is too large", _REMEDY) from error
    return se3.inverse(se3.as_rigid(matrix, f"line {number} of w2c.txt"))


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 4 and all(isinstance(x, int | float) and not isinstance(x, bool) for x in row)


def _prompts(text: str) -> tuple[str, ...]:
    prompts = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise InvalidInputError(f"prompt.txt has {len(prompts)} prompts", f"give 1 to {MAX_PROMPTS}, one a line")
    longest = max(len(prompt) for prompt in prompts)
    if longest > MAX_PROMPT_CHARS:
        raise InvalidInputError(f"a prompt has {longest} characters", f"use at most {MAX_PROMPT_CHARS}")
    return prompts
