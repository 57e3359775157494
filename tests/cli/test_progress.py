import io

import pytest

from spatia_bridge.cli import progress
from spatia_bridge.cli.progress import Reporter, bytes_text, seconds_text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (812, "812 B"), (3400, "3.4 kB"), (12_000_000, "12.0 MB"), (1.2e9, "1.2 GB"), (5e12, "5000.0 GB")],
)
def test_sizes_are_for_people(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(("secs", "text"), [(0.42, "0.4 s"), (9.99, "10 s"), (75, "75 s"), (200, "3 min 20 s")])
def test_times_are_for_people(secs, text):
    assert seconds_text(secs) == text


def test_plain_lines_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_PAUSE_SECS", 0.0)
    out = io.StringIO()
    reporter = Reporter(out)
    with reporter.stage("baking") as stage:
        stage.update(0.5, "loaf 1", remaining_secs=12)
        stage.result = "two loaves"
    halfway, end = out.getvalue().splitlines()
    assert halfway.split() == ["baking", "50%", "loaf", "1,", "12", "s", "left"]
    assert end.startswith("baking") and end.endswith("two loaves")
    assert "\x1b" not in out.getvalue() and reporter.seconds.keys() == {"baking"}


def test_a_stage_that_fails_leaves_the_telling_to_the_error():
    out = io.StringIO()
    with pytest.raises(ValueError, match="burnt"), Reporter(out).stage("baking"):
        raise ValueError("burnt")
    assert out.getvalue() == ""


def test_bars_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    reporter = Reporter(out)
    with reporter.stage("baking") as stage:
        stage.update(0.25, "loaf 1")
        stage.result = "two [red]loaves"
    assert "\x1b" in out.getvalue() and "two [red]loaves" in out.getvalue()
