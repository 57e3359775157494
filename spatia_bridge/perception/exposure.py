"""Gain and bias between two pictures of one surface, channel by channel, robust against what changed between them."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.perception.robust import TUKEY, biweight, sigma

Floats = npt.NDArray[np.float64]


def fit_line(seen: Floats, known: Floats, *, max_gain: float, max_bias: float, min_pixels: int) -> tuple[float, float]:
    """Gain and bias with known = gain · seen + bias: from the median ratio, five steps of reweighted least squares.

    Args:
        seen, known: (N,) values of one channel in 0…255.
        max_gain: gains from 1 / this to this; beyond it is no exposure.
        max_bias: of 255; larger ones are cut.
        min_pixels: that are not clipped.
    Returns:
        (1, 0) where too few pixels say something, or the two differ by no exposure.
    """
    usable = (seen > 8) & (seen < 247) & (known > 8) & (known < 247)  # clipped values say nothing
    if usable.sum() < min_pixels:
        return 1.0, 0.0
    x, y = seen[usable], known[usable]
    gain, bias = float(np.median(y / x)), 0.0
    for _ in range(5):
        residual = y - gain * x - bias
        weight = biweight(residual, TUKEY * sigma(np.abs(residual), 1.0))
        total = weight.sum()
        if total < 1:
            break
        mx, my = (weight @ x) / total, (weight @ y) / total
        spread = weight @ (x - mx) ** 2
        ridge = 100.0 * total  # a plain wall says nothing about gain and bias apart: then the last gain stays
        gain = float((weight @ ((x - mx) * (y - my)) + ridge * gain) / (spread + ridge))
        bias = float(np.clip(my - gain * mx, -max_bias, max_bias))
    if not 1 / max_gain <= gain <= max_gain:
        return 1.0, 0.0
    return gain, bias
