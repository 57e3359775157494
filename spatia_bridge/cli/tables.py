"""What commands print for people: tables, times; and the question before something is gone for good."""

import sys
import time

from rich.console import Console
from rich.table import Table

_NUMBERS = {"revisions", "points", "on disk", "chunks", "frames", "from revision", "poses", "seconds"}


def make_table(*columns: str) -> Table:
    """An empty table; columns of numbers are set flush right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Fitted to the terminal; in a pipe, which has no width, one row stays one line."""
    console = Console(highlight=False, markup=False)
    console.print(table, width=None if console.is_terminal else 1000, crop=False)


def time_text(seconds: float) -> str:
    """Unix time as local date and minute; empty for 0."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else ""


def confirmed(question: str) -> bool:
    """Ask on a terminal; without one the answer is no."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
