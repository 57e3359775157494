"""What generators are evaluated on: closed paths and clips in levels of freedoom1, the same for the same numbers."""

from collections.abc import Iterator

import numpy as np

from spatia_bridge.evaluation.closed_loop import Path
from spatia_bridge.evaluation.holes import FRAMES, Trial
from spatia_bridge.samples.freedoom.tour import Tour
from spatia_bridge.samples.freedoom.trials import LEVELS, Place

TOUR_FRAMES = 400
SPREAD = 13  # levels that follow each other are this far apart in the list: they look different
WAY_FRAMES = 25  # from A to B, 4 m
TURN_DEG = (60.0, 140.0)  # from A to B: B shows much that A does not
STRIDE = 2
OLDEST = 60  # frames before a clip, at most, that memory is made of
MOST_SOURCES = 2


def closed_paths(count: int, clip_frames: int, size: tuple[int, int]) -> Iterator[Path]:
    """Ways of 4 m and a turn, each in another level while there are some.

    Args:
        clip_frames: from A to B.
        size: width and height in pixels, as `Place` allows.
    """
    for number in range(count):
        with _place(number, size) as place:
            tour = place.tour(TOUR_FRAMES, number)
            begin = _turning(tour, np.random.default_rng(number), WAY_FRAMES)
            numbers = begin + np.linspace(0, WAY_FRAMES, clip_frames + 1).round().astype(int)
            views = tuple(place.frames(tour, numbers.tolist()))
        yield Path(f"{number + 1}: {place.name}", views)


def hole_trials(count: int, size: tuple[int, int]) -> Iterator[Trial]:
    """Clips of nine frames in which the camera turns, 16 a second at twice walking pace, and up to two frames before them."""
    for number in range(count):
        rng = np.random.default_rng(number)
        with _place(number, size) as place:
            tour = place.tour(TOUR_FRAMES, number)
            begin = OLDEST + _turning(tour, rng, STRIDE * FRAMES, OLDEST)
            older = begin - rng.integers(2 * STRIDE, OLDEST, rng.integers(0, MOST_SOURCES))
            sources = tuple(place.frames(tour, [*older.tolist(), begin - STRIDE]))
            truth = tuple(place.frames(tour, range(begin, begin + STRIDE * FRAMES, STRIDE)))
        yield Trial(f"{number + 1}: {place.name}", sources, truth)


def _place(number: int, size: tuple[int, int]) -> Place:
    return Place(LEVELS[number * SPREAD % len(LEVELS)], size)


def _turning(tour: Tour, rng: np.random.Generator, frames: int, after: int = 0) -> int:
    """Where within so many frames the tour turns by about a right angle (counted from `after`), or most, if never so much."""
    angle = tour.angle_rad[after:]
    turn_deg = np.abs(np.degrees(angle[frames:] - angle[:-frames]))
    fitting = np.flatnonzero((turn_deg >= TURN_DEG[0]) & (turn_deg <= TURN_DEG[1]))
    return int(rng.choice(fitting)) if len(fitting) else int(np.argmax(turn_deg))
