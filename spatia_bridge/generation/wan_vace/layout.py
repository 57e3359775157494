"""A clip as the model takes it: 4k + 1 frames with sides divisible by 16, what is kept, what is to be made; and the way back.

Frames in order: preceding (kept), new (the projection, kept where memory covers it), repeats of the last up to 4k + 1. What is to
be made is grey in the video and white in the mask (VACE, arXiv 2503.07598, section 3.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, Mask, Projection, RgbdFrame
from spatia_bridge.generation.base import ClipRequest
from spatia_bridge.generation.fit import GREY, Fit
from spatia_bridge.render.cores import map_some

SIDE = 16  # the VAE's 8 times the transformer's patch of 2
MOST_HOLES = 0.5  # of a frame that still says what the clip looks like
FRAME_STEP = 4  # frames a latent has, but for the first


@dataclass(frozen=True, eq=False)
class Layout:
    """What the pipeline is given.

    Attributes:
        video: uint8 (T, H, W, 3), T = 4k + 1, both sides multiples of 16.
        holes: bool (T, H, W), what is to be made.
        references: uint8 (H, W, 3) each.
        first: the number of the first new frame in it; `new` of them follow.
    """

    video: npt.NDArray[np.uint8]
    holes: npt.NDArray[np.bool_]
    references: tuple[ColourImage, ...]
    first: int
    new: int
    fit: Fit

    def fullest(self) -> ColourImage:
        """The picture in it that shows most: the frame with the fewest holes, or a reference where those are half of it."""
        holes = self.holes[:, ::SIDE, ::SIDE].mean(axis=(1, 2))
        best = int(holes.argmin())
        return self.references[0] if self.references and holes[best] > MOST_HOLES else self.video[best]

    def frames(self, made: npt.NDArray[np.uint8]) -> list[ColourImage]:
        """The new frames, at the request's size, of what the model made (T, H, W, 3)."""
        return [self.fit.back(colour) for colour in made[self.first : self.first + self.new]]


def lay_out(request: ClipRequest, max_pixels: int, check: Callable[[], None]) -> Layout:
    """The request as the model takes it.

    Args:
        check: called with each frame; what it raises ends this.
    Raises:
        InvalidInputError: no frame is asked for, or they are of several sizes.
    """
    if not len(request.projection):
        raise InvalidInputError("a clip of no frames", "ask for one frame or more")
    check()
    k = request.projection[0].camera.intrinsics
    fit = Fit.of(k.width, k.height, max_pixels, SIDE)
    used = -(-(len(request.preceding) + len(request.projection) - 1) // FRAME_STEP) * FRAME_STEP + 1
    video = np.empty((used, fit.outer[1], fit.outer[0], 3), np.uint8)
    holes = np.empty(video.shape[:3], bool)

    def fitted(frame: tuple[ColourImage, Mask | None]) -> tuple[ColourImage, Mask | np.bool_]:
        colour, kept = frame
        return fit.steered(colour, kept) if kept is not None else (fit.picture(colour), np.True_)

    place = 0
    for place, (colour, inside) in enumerate(map_some(fitted, _steering(request.preceding, request.projection, fit.size))):
        check()
        video[place], holes[place] = colour, ~inside
    video[place + 1 :], holes[place + 1 :] = video[place], holes[place]
    references = tuple(fit.picture(reference.frame.colour) for reference in request.references)
    return Layout(video, holes, references, len(request.preceding), len(request.projection), fit)


def _steering(preceding: Sequence[RgbdFrame], projection: Sequence[Projection], size: tuple[int, int]):  # type: ignore[no-untyped-def]
    """Colour, and what of it is kept (None = all), of each frame in order."""
    for frame in preceding:
        gone = _removed(frame)
        yield frame.colour, ~gone if gone.any() else None
    for number in range(len(projection)):
        shown = projection[number]
        if shown.colour.shape[1::-1] != size:
            raise InvalidInputError(
                f"the projection is {size} at first and {shown.colour.shape[1::-1]} at frame {number}",
                "ask for frames of one size",
            )
        yield shown.colour, shown.coverage


def _removed(frame: RgbdFrame) -> Mask:
    """What was removed from the scene since, as `session.gallery` leaves it: grey, dynamic, without depth."""
    if frame.dynamic is None:
        return np.zeros(frame.depth_m.shape, bool)
    return np.asarray(frame.dynamic & (frame.depth_m == 0) & (frame.colour == GREY).all(axis=-1))
