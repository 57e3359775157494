"""Pieces of compiled work on all cores: one pool of threads for the process, whoever calls."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_all(work: Callable[[Piece], None], pieces: Iterable[Piece]) -> None:
    """Do all pieces, each thread the next one when it is free, this thread too: others then wake on cores of their own."""
    listed = list(pieces)
    waiting = iter(listed)  # next() of an iterator over a list is atomic

    def work_off() -> None:
        for piece in waiting:
            work(piece)

    others = [_threads().submit(work_off) for _ in range(min(core_count(), len(listed)) - 1)]
    try:
        work_off()
    finally:
        begun = [other for other in others if not other.cancel()]  # who comes too late to help is not waited for
        wait(begun)
    for other in begun:
        other.result()


def map_all(work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
    """What `work` makes of each piece, in the pieces' order; done as by `for_all`."""
    listed = list(pieces)
    made: dict[int, Result] = {}

    def make(number: int) -> None:
        made[number] = work(listed[number])

    for_all(make, range(len(listed)))
    return [made[number] for number in range(len(listed))]


def map_some(work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
    """As `map_all`, as many pieces at a time as there are cores. The caller's thread draws them: that may take all cores, too."""
    drawn = iter(pieces)
    while some := list(islice(drawn, core_count())):
        yield from map_all(work, some)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(core_count(), thread_name_prefix="render")
