"""Edits for the state machines of this package."""

import numpy as np

from spatia_bridge.geometry import se3
from spatia_bridge.memory import Box, LockRegion, MoveRegion, RecolourRegion, RemoveRegion


def boxed(kind, place, size):
    """An edit of what lies within `size` of a place (3,), metres."""
    box = Box.from_bounds(np.array(place) - size, np.array(place) + size)
    step = se3.from_parts(np.eye(3), [0.5, 0, 0])
    return {
        "remove": RemoveRegion(box),
        "lock": LockRegion(box),
        "move": MoveRegion(box, step),
        "copy": MoveRegion(box, step, copy=True),
        "recolour": RecolourRegion(box, (255, 0, 0), 0.5),
    }[kind]
