"""RGB-D walks as small files to train on: some 5 KB a frame of 256×144, read with NumPy and the standard library alone.

Colour is lossy as JPEG is (Wallace, "The JPEG still picture compression standard", 1992): YCbCr, chroma at half the size, cosine
transform of 8×8 blocks, quantised; the coefficients of one frequency lie together over the whole walk and are packed with bzip2.
Depth is inverse depth in 14 bits, as differences along rows: on a plane inverse depth is linear, so they hardly change.
"""

import bz2
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry.camera import Intrinsics

FORMAT = "spatia-walk-1"
BLOCK = 8
NEAREST_M = 0.25  # nearer depths are stored as this
DEPTH_STEPS = (1 << 14) - 1
LUMA_STEP, CHROMA_STEP = 5.0, 9.0  # of the lowest frequencies, in colour levels times 8
MAX_FRAMES = 10_000
QUIET = ", without creatures"  # ends the name of a walk that is another one again, without what moves
_KEYS = ("luma_dc", "luma_ac", "chroma_dc", "chroma_ac", "inverse_depth", "actors")
_REMEDY = "prepare the walk again"

_FREQUENCY = np.arange(BLOCK)
_DCT = (
    np.cos(np.pi * (2 * _FREQUENCY[None] + 1) * _FREQUENCY[:, None] / (2 * BLOCK))
    * np.where(_FREQUENCY, 0.5, 0.125**0.5)[:, None]
)
_DCT = _DCT.astype(np.float32)
_ORDER = np.argsort((_FREQUENCY[:, None] + _FREQUENCY[None]).ravel(), kind="stable")  # low frequencies first
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_RGB = np.linalg.inv(_YCC).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Walk:
    """F frames along one path through one scene.

    Attributes:
        colour: uint8 (F, H, W, 3) sRGB; sides are multiples of 16.
        depth_m: float32 (F, H, W), planar depth in metres, 0 = none (the sky, unsure).
        actors: uint8 (F, H, W), 0 the static scene, otherwise 1 + an index into `creatures`.
        world_from_camera: float64 (F, 4, 4).
        intrinsics: of all frames.
        creatures: the kinds of what moves, by name.
        name: where the walk leads.
    """

    colour: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]
    actors: npt.NDArray[np.uint8]
    world_from_camera: npt.NDArray[np.float64]
    intrinsics: Intrinsics
    creatures: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        frames, height, width = self.depth_m.shape
        shapes = (self.colour.shape, self.actors.shape, self.world_from_camera.shape)
        if shapes != ((frames, height, width, 3), (frames, height, width), (frames, 4, 4)):
            raise InvalidInputError(
                f"a walk of {frames} frames has images and poses of shapes {shapes}", "give one of each a frame"
            )
        if height % 16 or width % 16 or not 1 <= frames <= MAX_FRAMES:
            raise InvalidInputError(
                f"a walk of {frames} frames of {width}×{height}", f"use 1 to {MAX_FRAMES}, sides of multiples of 16"
            )

    def __len__(self) -> int:
        return len(self.depth_m)


def save_walk(path: Path, walk: Walk) -> int:
    """Write one file, replaced at once if it exists; returns its size in bytes."""
    luma, chroma = _to_planes(walk.colour)
    packed = {
        **_pack_plane("luma", luma, LUMA_STEP),
        **_pack_plane("chroma", chroma, CHROMA_STEP),
        "inverse_depth": _pack_depth(walk.depth_m),
        "actors": bz2.compress(walk.actors.tobytes()),
    }
    k = walk.intrinsics
    about = {
        "format": FORMAT,
        "name": walk.name,
        "creatures": walk.creatures,
        "frames": len(walk),
        "intrinsics": [k.fx, k.fy, k.cx, k.cy, k.width, k.height],
        "world_from_camera": walk.world_from_camera[:, :3].tolist(),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("walk.json", json.dumps(about))
        for key in _KEYS:
            archive.writestr(zipfile.ZipInfo(key), packed[key])  # packed already: stored
    part = path.with_suffix(".part")
    part.write_bytes(file.getvalue())
    part.replace(path)
    return len(file.getvalue())


def load_walk(path: Path) -> Walk:
    """Read a file of `save_walk`.

    Raises:
        CodecError: not such a file, truncated, or its parts do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("walk.json"))
            if about["format"] != FORMAT:
                raise CodecError(f"{path.name} has format {about['format']!r}, this program reads {FORMAT!r}", _REMEDY)
            packed = {key: archive.read(key) for key in _KEYS}
        frames, k = int(about["frames"]), Intrinsics(*about["intrinsics"])
        poses = np.zeros((frames, 4, 4))
        poses[:, :3], poses[:, 3, 3] = about["world_from_camera"], 1.0
        shape = (frames, int(k.height), int(k.width))
        half = (2 * frames, shape[1] // 2, shape[2] // 2)
        luma = _unpack_plane(packed["luma_dc"], packed["luma_ac"], shape, LUMA_STEP)
        chroma = _unpack_plane(packed["chroma_dc"], packed["chroma_ac"], half, CHROMA_STEP)
        actors = np.frombuffer(bz2.decompress(packed["actors"]), np.uint8).reshape(shape)
        return Walk(
            _from_planes(luma, chroma), _unpack_depth(packed["inverse_depth"], shape), actors, poses, k,
            tuple(map(str, about["creatures"])), str(about["name"]),
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise CodecError(f"{path.name} is not a whole walk: {error}", _REMEDY) from error


def _to_planes(colour: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Luma (F, H, W), and both chromas one after the other (2 F, H / 2, W / 2); zero is mid-grey."""
    values: npt.NDArray[np.float32] = np.asarray((colour.astype(np.float32) - np.float32(128)) @ _YCC.T, np.float32)
    frames, height, width = colour.shape[:3]
    halves = values[..., 1:].reshape(frames, height // 2, 2, width // 2, 2, 2).mean(axis=(2, 4))
    chroma: npt.NDArray[np.float32] = np.concatenate([halves[..., 0], halves[..., 1]]).astype(np.float32)
    return values[..., 0], chroma


def _from_planes(luma: npt.NDArray[np.float32], chroma: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    values = np.empty((*luma.shape, 3), np.float32)
    values[..., 0] = luma
    for channel, plane in enumerate(np.split(chroma, 2), start=1):
        values[..., channel] = plane.repeat(2, axis=1).repeat(2, axis=2)
    values = values @ _RGB.T
    values += 128.5
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _steps(step: float) -> npt.NDArray[np.float32]:
    return (step * (1.0 + 0.6 * (_FREQUENCY[:, None] + _FREQUENCY[None]))).astype(np.float32)


def _pack_plane(name: str, plane: npt.NDArray[np.float32], step: float) -> dict[str, bytes]:
    frames, height, width = plane.shape
    cells = plane.reshape(frames, height // BLOCK, BLOCK, width // BLOCK, BLOCK).swapaxes(2, 3)
    coefficients = np.rint(_DCT @ cells @ _DCT.T / _steps(step)).reshape(*cells.shape[:3], BLOCK**2)[..., _ORDER]
    dc = coefficients[..., 0].astype(np.int16).view(np.uint8).reshape(-1, 2).T.tobytes()  # all low bytes, then all high ones
    ac = np.clip(coefficients[..., 1:], -127, 127).astype(np.int8)
    return {f"{name}_dc": bz2.compress(dc), f"{name}_ac": bz2.compress(np.moveaxis(ac, -1, 0).tobytes())}


def _unpack_plane(dc: bytes, ac: bytes, shape: tuple[int, int, int], step: float) -> npt.NDArray[np.float32]:
    frames, height, width = shape
    grid = (frames, height // BLOCK, width // BLOCK)
    coefficients = np.empty((*grid, BLOCK**2), np.float32)
    low_high = np.frombuffer(bz2.decompress(dc), np.uint8).reshape(2, -1).T.copy()
    coefficients[..., _ORDER[0]] = low_high.view(np.int16).reshape(grid)
    coefficients[..., _ORDER[1:]] = np.moveaxis(np.frombuffer(bz2.decompress(ac), np.int8).reshape(BLOCK**2 - 1, *grid), 0, -1)
    cells = coefficients.reshape(*grid, BLOCK, BLOCK)
    cells *= _steps(step)
    return np.ascontiguousarray((_DCT.T @ cells @ _DCT).swapaxes(2, 3)).reshape(shape)


def _pack_depth(depth_m: npt.NDArray[np.float32]) -> bytes:
    with np.errstate(divide="ignore"):
        inverse = np.where(depth_m > 0, NEAREST_M / np.maximum(depth_m, NEAREST_M), 0.0)
    steps = np.rint(inverse * DEPTH_STEPS).astype(np.int16)
    change = np.diff(steps, axis=2, prepend=np.int16(0))
    return bz2.compress(change.view(np.uint8).reshape(-1, 2).T.tobytes())


def _unpack_depth(data: bytes, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    change: npt.NDArray[Any] = np.frombuffer(bz2.decompress(data), np.uint8).reshape(2, -1).T.copy().view(np.int16).reshape(shape)
    steps = np.cumsum(change, axis=2, dtype=np.int16)
    with np.errstate(divide="ignore"):
        return np.where(steps > 0, np.float32(NEAREST_M * DEPTH_STEPS) / steps, 0.0).astype(np.float32)
