"""Frames at a model's size, and back: scaled, continued to multiples of what the model divides by, cut again."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, Mask

GREY = 128  # of what is to be made


@dataclass(frozen=True)
class Fit:
    """How frames of one size become the model's: scaled to `inner`, then continued to the right and below up to `outer`.

    Attributes:
        size, inner, outer: (width, height) in pixels.
    """

    size: tuple[int, int]
    inner: tuple[int, int]
    outer: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, max_pixels: int, side: int) -> "Fit":
        """For a model of any size with sides divisible by `side`. Frames of at most max_pixels stay pixel for pixel as they are.

        Raises:
            InvalidInputError: so extreme a shape that no size below max_pixels has its aspect.
        """
        scale = min(1.0, (max_pixels / (width * height)) ** 0.5)
        inner = width, height
        if scale < 1:  # whole multiples, so that nothing need be continued; each side changes by half a step at most
            inner = round(width * scale / side) * side, round(height * scale / side) * side
        if min(inner) < 1:
            raise InvalidInputError(f"frames of {width}×{height} pixels", "ask for a less extreme size")
        return cls((width, height), inner, (-(-inner[0] // side) * side, -(-inner[1] // side) * side))

    @classmethod
    def inside(cls, width: int, height: int, outer: tuple[int, int]) -> "Fit":
        """For a model of one size: as large as fits into it."""
        scale = min(outer[0] / width, outer[1] / height)
        return cls((width, height), (max(round(width * scale), 1), max(round(height * scale), 1)), outer)

    def picture(self, colour: ColourImage) -> ColourImage:
        """A picture of any size at the model's."""
        if colour.shape[1::-1] != self.inner:
            shrinks = colour.shape[1] > self.inner[0]
            colour = cv2.resize(colour, self.inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        return self._continued(colour)

    def steered(self, colour: ColourImage, kept: Mask) -> tuple[ColourImage, Mask]:
        """A picture that is kept in part, at the model's size: grey where nothing is kept; only what is kept is averaged."""
        if kept.shape[::-1] != self.inner:
            share = cv2.resize(kept.astype(np.float32), self.inner, interpolation=cv2.INTER_AREA)
            seen = cv2.copyTo(colour, kept.view(np.uint8)).astype(np.float32)
            sums = cv2.resize(seen, self.inner, interpolation=cv2.INTER_AREA)
            colour = np.rint(sums / np.maximum(share, 1e-6)[..., None]).clip(0, 255).astype(np.uint8)
            kept = share >= 0.5
        shown = cv2.copyTo(colour, kept.view(np.uint8), np.full_like(colour, GREY))
        return self._continued(shown), self._continued(kept.view(np.uint8)).astype(bool)

    def _continued(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        right, below = self.outer[0] - self.inner[0], self.outer[1] - self.inner[1]
        return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE) if right or below else image

    def back(self, colour: ColourImage) -> ColourImage:
        """A picture of the model's size as one of the request's."""
        inside = np.ascontiguousarray(colour[: self.inner[1], : self.inner[0]])
        return inside if self.inner == self.size else cv2.resize(inside, self.size, interpolation=cv2.INTER_CUBIC)
