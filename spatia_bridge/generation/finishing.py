"""What is done to a video model's frames before they are given: memory's colours, its pixels, its depth, as the settings say.

Colours drift: clip after clip a model's wander, and where memory covers a frame they should be memory's. A gain and a bias a
channel, fitted on covered pixels frame by frame (`perception.exposure`), smoothed by a line through those of the neighbouring
frames so that nothing flickers, are applied to the whole frame.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import cv2
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, GeneratedFrame, Projection
from spatia_bridge.generation.base import CancelToken
from spatia_bridge.generation.fill import fill
from spatia_bridge.perception.exposure import fit_line
from spatia_bridge.render.cores import map_some

SAMPLES = 2000  # pixels a fit looks at
MIN_PIXELS = 200
MAX_GAIN = 1.5
MAX_BIAS = 24.0
REACH = 4  # frames on each side that a frame's correction is smoothed over
FEATHER_PX = 8.0  # from the rim of what memory covers inwards


class Finish(Protocol):
    """The part of a generator's settings that says what is done.

    Attributes:
        correct_colour: each frame is brought to memory's exposure where memory covers it.
        paste_memory: memory's own pixels come back there, which a model keeps but for its VAE's blur.
        carry_depth: depth goes with each frame, memory's where it covers it, carried on smoothly into the holes; otherwise
            there is none, and an estimator finds it in the picture.
    """

    @property
    def correct_colour(self) -> bool: ...
    @property
    def paste_memory(self) -> bool: ...
    @property
    def carry_depth(self) -> bool: ...


def finished(
    frames: Sequence[ColourImage], projection: Sequence[Projection], finish: Finish, cancel: CancelToken
) -> Iterator[GeneratedFrame]:
    """The frames of a clip, in order, as many at a time as there are cores. CancelledError: between two of them."""
    levels = corrections(frames, projection) if finish.correct_colour else None

    def work(piece: tuple[int, Projection]) -> GeneratedFrame:
        number, shown = piece
        colour = frames[number] if levels is None else cv2.LUT(frames[number], levels[number])
        depth_m, confidence = _carried_depth(shown) if finish.carry_depth else (None, None)
        colour = pasted(colour, shown) if finish.paste_memory else colour
        return GeneratedFrame(number, colour, depth_m=depth_m, confidence=confidence)

    for frame in map_some(work, ((number, projection[number]) for number in range(len(frames)))):
        cancel.raise_if_cancelled()
        yield frame


def _carried_depth(shown: Projection) -> tuple[DepthImage, npt.NDArray[np.float32] | None]:
    """Depth (H, W) in metres, and the confidence that it has where it was carried on."""
    if shown.coverage.all() or not shown.coverage.any():
        return shown.depth_m, None
    _, depth_m, confidence = fill(shown.colour, shown.depth_m, shown.coverage)
    return depth_m, confidence


def corrections(frames: Sequence[ColourImage], projection: Sequence[Projection]) -> list[npt.NDArray[np.uint8]]:
    """For each frame what its levels become in memory's colours, uint8 (256, 1, 3), as `cv2.LUT` takes them; what they are where
    memory covers nothing of the clip."""
    fits = {number: fit for number, colour in enumerate(frames) if (fit := _fit(colour, projection[number])) is not None}
    if not fits:
        return [np.tile(np.arange(256, dtype=np.uint8)[:, None, None], 3)] * len(frames)
    known, values = np.array(list(fits)), np.array(list(fits.values()))
    out = []
    for number in range(len(frames)):
        gain, bias = _smoothed(known - number, values)
        levels = np.rint(np.clip(np.arange(256)[:, None] * gain + bias, 0, 255)).astype(np.uint8)
        out.append(levels[:, None])
    return out


def _smoothed(apart: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The line through the values (N, 2, 3) of frames so far apart (N,), at 0; from afar the nearest one."""
    near = np.abs(apart) <= REACH
    if near.sum() < 3:
        return np.asarray(values[np.argmin(np.abs(apart))])
    line = np.polyfit(apart[near], values[near].reshape(near.sum(), -1), 1)
    return np.asarray(line[1].reshape(2, 3))


def pasted(colour: ColourImage, shown: Projection) -> ColourImage:
    """The frame with memory's pixels where memory covers it, passing softly into the frame's own towards the holes."""
    inside_px = cv2.distanceTransform(shown.coverage.view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(_blended(colour, shown.colour, inside_px, np.float32(FEATHER_PX)))


@numba.njit(cache=True, nogil=True)
def _blended(colour, known, inside_px, feather_px):  # type: ignore[no-untyped-def]
    out = colour.copy()
    for j in range(colour.shape[0]):
        for i in range(colour.shape[1]):
            own = min(inside_px[j, i] / feather_px, np.float32(1))
            if own == 1:  # nearly everywhere
                for c in range(3):
                    out[j, i, c] = known[j, i, c]
            elif own > 0:
                for c in range(3):
                    made = np.float32(colour[j, i, c])
                    out[j, i, c] = np.uint8(np.rint(made + own * (np.float32(known[j, i, c]) - made)))
    return out


def _fit(colour: ColourImage, shown: Projection) -> npt.NDArray[np.float64] | None:
    """Gain and bias (2, 3) from a frame to memory, or None where memory covers too little of it."""
    places = np.flatnonzero(shown.coverage)
    if len(places) < MIN_PIXELS:
        return None
    places = places[:: max(len(places) // SAMPLES, 1)]
    seen, known = (image.reshape(-1, 3)[places].astype(float) for image in (colour, shown.colour))
    bounds = {"max_gain": MAX_GAIN, "max_bias": MAX_BIAS}
    return np.array([fit_line(seen[:, c], known[:, c], **bounds, min_pixels=MIN_PIXELS // 4) for c in range(3)]).T
