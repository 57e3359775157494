"""Robust weights for residuals of which many may belong to something else: Tukey's biweight on the scale of their own spread."""

import numpy as np
import numpy.typing as npt

TUKEY = 4.685  # 95 % efficient for Gaussian residuals
MAD_TO_SIGMA = 1.4826

Floats = npt.NDArray[np.floating]


def sigma(magnitudes: Floats, least: float) -> float:
    """The standard deviation that the median of |residuals| (N,) stands for, `least` at least."""
    return max(MAD_TO_SIGMA * float(median(magnitudes)), least)


def median(values: Floats) -> np.floating:
    """Of values (N,), N ≥ 1, without NaN: `np.median` less what that spends on axes, NaN and subclasses, in loops of many."""
    middle = len(values) // 2
    if len(values) % 2:
        return np.partition(values, middle)[middle]  # type: ignore[no-any-return]
    below, above = np.partition(values, (middle - 1, middle))[middle - 1 : middle + 1]
    return (below + above) / 2  # type: ignore[no-any-return]


def biweight(residuals: npt.NDArray[np.float64], cut: float) -> npt.NDArray[np.float64]:
    """Weights (N,) from 1 for no residual to 0 from `cut` on."""
    return np.asarray(np.maximum(1 - (residuals / cut) ** 2, 0) ** 2)
