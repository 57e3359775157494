"""Exposure: a clip that is darker or of another tint than memory is brought to memory's, before it is believed.

Where memory shows a surface at the frame's own depth, colours should be equal; a gain and a bias a channel,
out = gain · in + bias, are fitted to them by reweighted least squares (Tukey's biweight), so that what changed or moved has no
say. What the fit does not explain (repainted walls) stays as it is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Mask, Projection, RgbdFrame
from spatia_bridge.perception.exposure import fit_line

SAMPLES = 2000  # pixels that a fit looks at
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ExposureConfig:
    """What may be corrected.

    Attributes:
        min_pixels: that memory covers at the frame's depth; with fewer the clip's median correction is used.
        max_gain: gains from 1 / this to this; beyond it is no exposure.
        max_bias: of 255.
        deadband: of 255, mean change; a smaller one is quantisation, and is not made.
        depth_tolerance: relative, of a surface that frame and memory share.
        min_better: the correction must leave at most this share of the median difference.
    """

    min_pixels: int = 400
    max_gain: float = 2.5
    max_bias: float = 24.0
    deadband: float = 2.0
    depth_tolerance: float = 0.03
    min_better: float = 0.7


Table = npt.NDArray[np.uint8]  # (256, 3), what becomes of each level of each channel


def find_exposure(
    frames: Sequence[RgbdFrame], shown: Sequence[Projection | None], config: ExposureConfig | None = None
) -> tuple[list[Table | None], float]:
    """What brings each frame to memory's exposure (None = nothing is to be done), and the mean drift that was found (of 255).

    Args:
        shown: memory's projection for each frame's camera, or None.
    """
    config = config or ExposureConfig()
    fits = [None if view is None else _fit(frame, view, config) for frame, view in zip(frames, shown, strict=True)]
    known = [fit for fit in fits if fit is not None]
    if not known:
        return [None] * len(frames), 0.0
    clip = np.median(known, axis=0)
    tables: list[Table | None] = []
    drifts = []
    for fit in fits:
        gain, bias = clip if fit is None else fit
        levels = np.clip(np.arange(256)[:, None] * gain + bias, 0, 255)  # (256, 3)
        drifts.append(float(np.abs(levels - np.arange(256)[:, None])[64:192].mean()))
        tables.append(np.rint(levels).astype(np.uint8) if drifts[-1] > config.deadband else None)
    return tables, float(np.mean(drifts))


def exposed(frame: RgbdFrame, table: Table | None) -> RgbdFrame:
    """The frame with its colours looked up in a table; the frame itself without one."""
    return frame if table is None else replace(frame, colour=np.asarray(cv2.LUT(frame.colour, table[:, None]), np.uint8))


def _shared(frame: RgbdFrame, view: Projection, tolerance: float) -> Mask:
    """Pixels (H, W) in which frame and memory show the same surface."""
    with np.errstate(invalid="ignore"):
        near = np.abs(frame.depth_m - view.depth_m) <= tolerance * view.depth_m
    shared = near & view.coverage
    return np.asarray(shared if frame.dynamic is None else shared & ~frame.dynamic)


def _fit(frame: RgbdFrame, view: Projection, config: ExposureConfig) -> Floats | None:
    """Gain and bias (2, 3), or None where too little is shared; (1, 0) where the two differ by no exposure."""
    shared = _shared(frame, view, config.depth_tolerance)
    if shared.sum() < config.min_pixels:
        return None
    stride = max(int(shared.sum()) // SAMPLES, 1)
    seen, known = frame.colour[shared][::stride].astype(float), view.colour[shared][::stride].astype(float)
    bounds = {"max_gain": config.max_gain, "max_bias": config.max_bias}
    fit = np.array([fit_line(seen[:, c], known[:, c], **bounds, min_pixels=config.min_pixels // 4) for c in range(3)]).T
    before, after = np.abs(known - seen), np.abs(known - (seen * fit[0] + fit[1]))
    none = np.array([np.ones(3), np.zeros(3)])
    return fit if np.median(after) <= config.min_better * np.median(before) else none
