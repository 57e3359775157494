"""How far long work is: bars on a terminal, plain lines elsewhere. On stderr, so that stdout holds results only."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

PLAIN_PAUSE_SECS = 5.0  # between two plain lines about one stage
MIN_FRACTION = 0.05  # of a stage, before a time left is told
_NAME_WIDTH = 22


def seconds_text(seconds: float) -> str:
    """For people: 0.4 s, 12 s, 3 min 20 s."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def bytes_text(count: float) -> str:
    """For people: 812 B, 3.4 kB, 12.0 MB, 1.2 GB."""
    units = ("B", "kB", "MB", "GB")
    power = min(max(len(str(int(count))) - 1, 0) // 3, len(units) - 1)
    return f"{count / 1000**power:.{min(power, 1)}f} {units[power]}"


class Stage:
    """One stage under way.

    Attributes:
        result: what it made, shown when it is over.
    """

    def __init__(self, name: str, out: TextIO, progress: Progress | None) -> None:
        self.result = ""
        self._name = name
        self._out = out
        self._progress = progress
        self._began = self._told = time.monotonic()
        self._task: TaskID | None = None
        if progress is not None:
            self._task = progress.add_task(name, total=1.0, note="", left="")

    @property
    def elapsed_secs(self) -> float:
        return time.monotonic() - self._began

    def update(self, fraction: float, note: str = "", remaining_secs: float | None = None) -> None:
        """How much is done (0…1), what is being done, how long it will still take (None: in proportion to what it took)."""
        if remaining_secs is None and fraction > 0:
            remaining_secs = self.elapsed_secs * (1 - fraction) / fraction
        # the first moments pay for compiling and loading: what they promise is far off
        left = f"{seconds_text(remaining_secs)} left" if remaining_secs and fraction >= MIN_FRACTION else ""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=min(fraction, 1.0), note=note, left=left)
        elif time.monotonic() - self._told >= PLAIN_PAUSE_SECS:
            self._told = time.monotonic()
            self._line(f"{fraction:4.0%}  {', '.join(filter(None, (note, left)))}")

    def end(self, failed: bool) -> None:
        """Replace the bar by a line that stays, if there is something to say."""
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
        if not failed:  # what failed is told once, by the error
            self._line(f"{seconds_text(self.elapsed_secs):>6}  {self.result}")

    def _line(self, text: str) -> None:
        line = f"{self._name:<{_NAME_WIDTH}} {text}".rstrip()
        if self._progress is not None:
            self._progress.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=self._out, flush=True)


class Reporter:
    """Stages, one after the other.

    Attributes:
        seconds: how long each finished stage took, by name.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        """Report to `out`; None = what sys.stderr is now."""
        self.seconds: dict[str, float] = {}
        self._out = out or sys.stderr
        console = Console(file=self._out)
        columns = (TextColumn(f"{{task.description:<{_NAME_WIDTH}}}"), BarColumn(24), TextColumn("{task.percentage:>3.0f} %"))
        more = (TextColumn("{task.fields[note]}"), TextColumn("{task.fields[left]}", style="dim"))
        self._progress = Progress(*columns, *more, console=console, transient=True) if console.is_terminal else None

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """A stage that lasts as long as the block."""
        stage = Stage(name, self._out, self._progress)
        if self._progress is not None:
            self._progress.start()
        failed = True
        try:
            yield stage
            failed = False
        finally:
            self.seconds[name] = stage.elapsed_secs
            stage.end(failed)
            if self._progress is not None:
                self._progress.stop()
