"""Line charts on a canvas: a few series over one quantity, panels side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.canvas import ACCENT, BOLD, QUIET, TEXT, Colour, blank, text_width, write, write_right
from spatia_bridge.frames import ColourImage

# told apart by those who see red and green alike, too (Okabe and Ito, 2008)
SERIES: tuple[Colour, ...] = (ACCENT, (86, 180, 233), (0, 190, 140), (240, 228, 66), (204, 121, 167))
GRID: Colour = (52, 54, 62)

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 62, 58
_FINE = 4  # bits of a pixel that OpenCV draws with


@dataclass(frozen=True)
class Line:
    """One series: x ascending; where y is not finite the line is broken."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One pair of axes; from_zero: the y axis starts there; least_span: of the y axis, so that trifles look like it."""

    title: str
    x_label: str
    lines: Sequence[Line]
    from_zero: bool = False
    least_span: float = 0.0


def chart(title: str, panels: Sequence[Panel], width: int = 1120, height: int = 400) -> ColourImage:
    """The panels beside each other (height, width, 3), with one legend: their lines have the same names, in the same order.

    Raises:
        InvalidInputError: no panel, or one with no finite value.
    """
    if not panels or not all(_finite(panel) for panel in panels):
        raise InvalidInputError(f"there is nothing to draw in {title!r}", "give every panel one finite value or more")
    image = blank(width, height)
    write(image, title, (20, 32), 20, TEXT, BOLD)
    _legend(image, [line.name for line in panels[0].lines], width - 20)
    share = width // len(panels)
    for number, panel in enumerate(panels):
        _draw(image, panel, number * share, share)
    return image


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span low…high: multiples of 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _finite(panel: Panel) -> list[float]:
    return [value for line in panel.lines for value in line.y if math.isfinite(value)]


def _legend(image: ColourImage, names: Sequence[str], right: int) -> None:
    if len(names) < 2:
        return
    x = right - sum(text_width(name, 14) + 44 for name in names)
    for number, name in enumerate(names):
        cv2.line(image, (x + 14, 27), (x + 34, 27), SERIES[number % len(SERIES)], 3, cv2.LINE_AA)
        x = write(image, name, (x + 40, 32), 14, TEXT) + 4


def _draw(image: ColourImage, panel: Panel, left: int, width: int) -> None:
    x0, x1, y0, y1 = left + _LEFT, left + width - _RIGHT, image.shape[0] - _BOTTOM, _TOP + 24
    xs = [value for line in panel.lines for value in line.x]
    values = _finite(panel)
    low = min(min(values), max(values) - panel.least_span)
    y_ticks = ticks(0.0 if panel.from_zero else low, max(values))
    low, high = y_ticks[0], y_ticks[-1]
    margin = 0.04 * ((max(xs) - min(xs)) or 1.0)
    first, last = min(xs) - margin, max(xs) + margin

    def place(x: float, y: float) -> tuple[int, int]:
        u = x0 + (x - first) / (last - first) * (x1 - x0)
        v = y0 - (y - low) / (high - low) * (y0 - y1)
        return round(u * 2**_FINE), round(v * 2**_FINE)

    write(image, panel.title, (x0, _TOP + 10), 15, TEXT)
    for value in y_ticks:
        v = place(first, value)[1] >> _FINE
        cv2.line(image, (x0, v), (x1, v), GRID, 1)
        write_right(image, f"{value:.6g}", (x0 - 8, v + 5), 13)
    for value in sorted(set(xs)):
        text = f"{value:.4g}"
        write(image, text, ((place(value, low)[0] >> _FINE) - text_width(text, 13) // 2, y0 + 20), 13, QUIET)
    write(image, panel.x_label, ((x0 + x1 - text_width(panel.x_label, 14)) // 2, y0 + 44), 14, QUIET)
    for number, line in enumerate(panel.lines):
        colour = SERIES[number % len(SERIES)]
        points = [place(x, y) if math.isfinite(y) else None for x, y in zip(line.x, line.y, strict=True)]
        for a, b in pairwise(points):
            if a and b:
                cv2.line(image, a, b, colour, 2, cv2.LINE_AA, _FINE)
        for point in points:
            if point:
                cv2.circle(image, point, 4 << _FINE, colour, -1, cv2.LINE_AA, _FINE)
