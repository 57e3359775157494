"""The assignment problem: the Hungarian method by shortest augmenting paths, for the small tables of retrieval."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError


def assign(scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """A different column for every row, so that the sum of the scores is largest.

    Jonker and Volgenant 1987, without their initialisation: O(R² C), with potentials that keep reduced costs ≥ 0.

    Args:
        scores: finite (R, C), R ≤ C.
    Returns:
        int64 (R,), a column for each row.
    Raises:
        InvalidInputError: more rows than columns, or a score that is not finite.
    """
    cost = -np.asarray(scores, np.float64)
    if cost.ndim != 2 or cost.shape[0] > cost.shape[1] or not np.isfinite(cost).all():
        raise InvalidInputError(f"scores have shape {cost.shape}", "give finite scores with at least as many columns as rows")
    rows, columns = cost.shape
    row_of = np.full(columns + 1, -1)  # the last column is where a new row starts from
    u, v = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        row_of[columns] = row
        _augment(cost, row_of, u, v)
    taken = np.flatnonzero(row_of[:columns] >= 0)
    result = np.empty(rows, np.int64)
    result[row_of[taken]] = taken
    return result


def _augment(
    cost: npt.NDArray[np.float64],
    row_of: npt.NDArray[np.int64],
    u: npt.NDArray[np.float64],
    v: npt.NDArray[np.float64],
) -> None:
    """Find the cheapest alternating path from the new row to a free column, and turn it over."""
    columns = cost.shape[1]
    distance, came_from = np.full(columns, np.inf), np.full(columns, columns)
    done = np.zeros(columns + 1, bool)
    column = columns
    while row_of[column] >= 0:
        done[column] = True
        row = row_of[column]
        reduced = cost[row] - u[row] - v[:columns]
        better = ~done[:columns] & (reduced < distance)
        distance[better], came_from[better] = reduced[better], column
        nearest = int(np.argmin(np.where(done[:columns], np.inf, distance)))
        step = distance[nearest]
        u[row_of[done]] += step
        v[done] -= step
        distance[~done[:columns]] -= step
        column = nearest
    while column != columns:
        row_of[column] = row_of[came_from[column]]
        column = int(came_from[column])
