"""Views as the picture files of a training set: colour, depth and mask of each, under the same name."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from spatia_bridge.codec.images import FAR_16, encode_depth_png16, encode_png
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import Mask, RgbdFrame
from spatia_bridge.geometry.camera import Camera

IMAGES, DEPTH, MASKS = "images", "depth", "masks"
_FAR_M = (FAR_16 - 1) / 1000  # what 16 bits of millimetres hold; there is no way to say further


class NamedView(NamedTuple):
    """A view and the name of its files, without suffix."""

    name: str
    frame: RgbdFrame


def write_views(folder: Path, views: Iterable[NamedView], mask_suffix: str = ".png") -> Iterator[tuple[str, Camera]]:
    """Write each view's files and give its name and camera, one at a time.

    `images/NAME.png` is lossless, `depth/NAME.png` has 16 bits of millimetres along the optical axis with 0 for none (also beyond
    65 m), `masks/NAME` + mask_suffix is white where the scene stands still and black on what moves.

    Raises:
        InvalidInputError: there is no view. OSError: the disk refuses.
    """
    for part in (IMAGES, DEPTH, MASKS):
        (folder / part).mkdir()
    empty = True
    for name, frame in views:
        empty = False
        (folder / IMAGES / f"{name}.png").write_bytes(encode_png(frame.colour))
        near = np.where(frame.valid_depth() & (frame.depth_m <= _FAR_M), frame.depth_m, np.float32(0))
        (folder / DEPTH / f"{name}.png").write_bytes(encode_depth_png16(near))
        (folder / MASKS / f"{name}{mask_suffix}").write_bytes(_mask_png(frame.dynamic, near.shape))
        yield name, frame.camera
    if empty:
        raise InvalidInputError("there is no frame to export", "generate and accept a clip first, or add --seeds")


def _mask_png(dynamic: Mask | None, shape: tuple[int, ...]) -> bytes:
    still = np.full(shape, 255, np.uint8) if dynamic is None else np.where(dynamic, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".png", still)
    return data.tobytes()
