"""Backends of perception by name: found by entry point, made, and looked at before anything waits for them."""

import inspect
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from spatia_bridge.errors import InvalidInputError, MissingDependencyError, NotFoundError

INSTALL = "pip install 'spatia-bridge[models]'"


def find_backend(group: str, what: str, choice: str, device: str = "") -> Any:
    """A new backend.

    Args:
        group: of entry points.
        what: it is, for messages.
        choice: NAME, or NAME=WEIGHTS: a folder, or "random-tiny".
        device: as torch names it, for those that have one; "" = the best there is.
    Raises:
        NotFoundError: none is installed under the name. InvalidInputError: it has no weights to choose.
        MissingDependencyError: a package that it needs (its `packages`) is not there.
    """
    name, _, weights = choice.partition("=")
    points = {point.name: point for point in entry_points(group=group)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none is installed"
        raise NotFoundError(f"there is no {what} {name!r}", f"use one of: {known}")
    try:
        kind = points[name].load()
    except ImportError as error:
        raise MissingDependencyError(f"{what} {name!r} cannot be loaded: {error}", INSTALL) from error
    missing = [package for package in getattr(kind, "packages", ()) if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(f"{what} {name!r} needs {', '.join(missing)}", getattr(kind, "install", INSTALL))
    takes = inspect.signature(kind).parameters
    if weights and "weights" not in takes:
        raise InvalidInputError(f"{what} {name!r} has no weights to choose", f"give {name} alone")
    told = {"weights": weights, "device": device}
    return kind(**{option: value for option, value in told.items() if value and option in takes})
