import math

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.charts import SERIES, Line, Panel, chart, ticks


@pytest.mark.parametrize(("low", "high"), [(0, 1), (28.4, 31.1), (-3, 1e5), (0.0001, 0.0002), (5, 5), (0, 0)])
def test_ticks_are_round_and_span_the_values(low, high):
    found = ticks(low, high)
    step = found[1] - found[0]
    assert found[0] <= low + 1e-9 * step
    assert found[-1] >= high - 1e-9 * step
    assert 2 <= len(found) <= 9
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - round_one) for round_one in (1, 2, 5, 10)) < 1e-6


def marks(image, colour):
    """Mean place (row, column) of what is drawn in exactly that colour, below the legend."""
    rows, columns = np.nonzero((image[60:] == colour).all(axis=-1))
    return rows.mean(), columns.mean()


def test_what_is_more_is_higher_and_further_right():
    def single(x, y):
        return marks(chart("t", [Panel("p", "x", [Line("a", [0, x, 2], [0, y, 10])])]), SERIES[0])

    assert single(1, 9)[0] < single(1, 1)[0]
    assert single(1.9, 5)[1] > single(0.1, 5)[1]


def test_each_series_has_its_colour_and_gaps_break_the_line():
    lines = [Line("a", [0, 1, 2], [1, math.nan, 1]), Line("b", [0, 1, 2], [2, 2, 2])]
    image = chart("t", [Panel("p", "x", lines)])
    broken, whole = (((image[60:] == colour).all(axis=-1)).sum() for colour in SERIES[:2])
    assert 0 < broken < whole / 3


def test_nothing_to_draw_is_said():
    for panels in ([], [Panel("p", "x", [Line("a", [1.0], [math.nan])])]):
        with pytest.raises(InvalidInputError):
            chart("t", panels)
