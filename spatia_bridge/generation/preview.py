"""What a clip's latents look like without decoding them: a linear map to colours, and what a sampler's state is heading for.

The latents of a video VAE are nearly linear in the colours of the pixels that they stand for. The map is fitted once a clip, by
least squares on one picture of that clip as its VAE encoded it: any VAE will do, and no step costs a pass through it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage
from spatia_bridge.generation.base import MAX_PREVIEW

PIXELS = 8  # of the picture that one of the preview stands for, each way; where a latent stands for more, it becomes several
RIDGE = 1e-4  # of the latents' mean variance: what hardly varies in one picture must not speak loudly in others
LEAST_LEVELS = 2.0  # of 255, the deviation of a picture's colours below which nothing can be learnt from it

Latent = npt.NDArray[np.float32]  # (C, h, w): one latent frame, as the sampler has it
_Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LatentPreview:
    """One VAE's latents as colours.

    Attributes:
        weights: float32 (C, p·p·3), in levels of 255; bias: float32 (p·p·3,).
        cells: p; a latent becomes p×p pixels.
        shown: (width, height), which share of the picture is shown, from its upper left.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    cells: int
    shown: tuple[float, float]

    @classmethod
    def fit(cls, latent: Latent, picture: ColourImage, used: tuple[int, int] | None = None) -> "LatentPreview | None":
        """From a picture (H, W, 3) and its latents; None where nothing can be learnt, for it is of one colour, say.

        Args:
            used: (width, height), the part of such pictures that is shown, from their upper left; None = all.
        """
        channels, height, width = latent.shape
        cells = max(picture.shape[1] // width // PIXELS, 1)
        small = cv2.resize(picture, (width * cells, height * cells), interpolation=cv2.INTER_AREA)
        colours = small.reshape(height, cells, width, cells, 3).swapaxes(1, 2).reshape(height * width, -1).astype(np.float64)
        known = latent.reshape(channels, -1).T.astype(np.float64)  # (h·w, C)
        if colours.std(axis=0).max() < LEAST_LEVELS or not np.isfinite(known).all() or not np.ptp(known, axis=0).any():
            return None
        weights = _ridge(known - known.mean(axis=0), colours - colours.mean(axis=0))
        bias = colours.mean(axis=0) - known.mean(axis=0) @ weights
        wide, high = used or picture.shape[1::-1]
        share = wide / picture.shape[1], high / picture.shape[0]
        return cls(weights.astype(np.float32), bias.astype(np.float32), cells, share)

    def picture(self, latent: Latent) -> ColourImage | None:
        """uint8 (h, w, 3), at most MAX_PREVIEW a side, of a latent frame; None if it is not finite."""
        channels, height, width = latent.shape
        if not np.isfinite(latent).all():
            return None
        levels = latent.reshape(channels, -1).T @ self.weights + self.bias
        cells = self.cells
        whole = levels.reshape(height, width, cells, cells, 3).swapaxes(1, 2).reshape(height * cells, width * cells, 3)
        wide, high = (max(round(side * cells * share), 1) for side, share in zip((width, height), self.shown, strict=True))
        colour = np.asarray(np.rint(whole[:high, :wide]).clip(0, 255), np.uint8)
        scale = MAX_PREVIEW / max(wide, high)
        if scale >= 1:
            return colour
        size = max(round(wide * scale), 1), max(round(high * scale), 1)
        return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ridge(known: _Rows, wanted: _Rows) -> _Rows:
    """The weights (C, N) that make centred rows (M, N) of centred rows (M, C)."""
    gram = known.T @ known
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram, known.T @ wanted))


class CleanEstimate:
    """Where a sampler of a flow is heading, from its latents after each step alone: any scheduler's, whatever network's.

    x = (1 - s)·clean + s·noise moves along v = dx/ds = noise - clean. Two states in a row tell v = (x' - x) / (s' - s), and so
    clean = x' - s'·v: exact for a straight step; what multistep samplers correct in between is small beside it.
    """

    def __init__(self) -> None:
        self._last: tuple[Latent, float] | None = None

    def after(self, latent: Latent, sigma: float) -> Latent | None:
        """The clean latent (C, h, w) that a step led towards; None after the first, unless it was the last too.

        Args:
            latent: after the step; sigma: the noise that is left in it, 1…0.
        """
        before, self._last = self._last, (latent, sigma)
        if sigma == 0:
            return latent
        if before is None or before[1] == sigma:
            return None
        velocity = (latent - before[0]) / np.float32(sigma - before[1])
        return np.asarray(latent - np.float32(sigma) * velocity, np.float32)
