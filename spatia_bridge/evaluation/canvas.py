"""Text and panels on uint8 (H, W, 3) RGB canvases, with the typeface that OpenCV carries."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, Mask

Colour = tuple[int, int, int]  # sRGB

BACKGROUND: Colour = (22, 23, 27)
TEXT: Colour = (236, 236, 240)
QUIET: Colour = (150, 152, 162)
ACCENT: Colour = (255, 176, 64)
UNKNOWN: Colour = (46, 38, 62)  # where memory has nothing: no picture of a level has just this violet
UNKNOWN_STRIPE: Colour = (64, 54, 86)
REGULAR, BOLD = 400, 650


@lru_cache(maxsize=1)
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def blank(width: int, height: int, colour: Colour = BACKGROUND) -> ColourImage:
    """A canvas (height, width, 3) of one colour."""
    return np.full((height, width, 3), colour, np.uint8)


def text_width(text: str, size: int, weight: int = REGULAR) -> int:
    """How many pixels wide `text` would be."""
    return int(cv2.getTextSize((1, 1), text, (0, 0), _font(), size, weight)[2])


def write(image: ColourImage, text: str, at: tuple[int, int], size: int, colour: Colour = TEXT, weight: int = REGULAR) -> int:
    """Write on the baseline that starts at (x, y); what does not fit is cut. Returns the x after the text."""
    if not text:
        return at[0]
    # PUT_TEXT_ALIGN_LEFT with a wrap as wide as can be: a caption is one line
    end: Any = cv2.putText(image, text, at, colour, _font(), size, weight, 0, (0, 1 << 20))[0]
    return int(np.ravel(end)[0])


def write_right(image: ColourImage, text: str, at: tuple[int, int], size: int, colour: Colour = QUIET) -> None:
    """Write so that the text ends at x."""
    write(image, text, (at[0] - text_width(text, size), at[1]), size, colour)


def fitted(image: ColourImage, width: int, height: int) -> ColourImage:
    """The picture at another size: areas averaged when it shrinks, pixels kept crisp when it grows by a whole number."""
    if image.shape[:2] == (height, width):
        return image
    larger = cv2.INTER_NEAREST if width % image.shape[1] == 0 else cv2.INTER_LINEAR
    way = cv2.INTER_AREA if width < image.shape[1] else larger
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def mark_unknown(colour: ColourImage, coverage: Mask) -> ColourImage:
    """A projection with striped violet where memory has nothing, so that it is not mistaken for a dark wall."""
    height, width = coverage.shape
    stripes: npt.NDArray[np.bool_] = (np.arange(height)[:, None] + np.arange(width)) // 6 % 3 == 0
    unknown = np.where(stripes[..., None], np.array(UNKNOWN_STRIPE, np.uint8), np.array(UNKNOWN, np.uint8))
    return np.where(coverage[..., None], colour, unknown)
