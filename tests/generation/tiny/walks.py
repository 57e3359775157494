"""A short walk through the small closed-form room, and the smallest network."""

import numpy as np
import torch

from spatia_bridge.codec.walks import Walk
from spatia_bridge.generation.tiny.data import Footage, footage_of
from spatia_bridge.generation.tiny.network import Network, NetworkConfig
from tests.worlds import camera, look

SMALLEST = NetworkConfig(widths=(32, 32, 32), context_widths=(16, 16, 32), embedding=32)


def small_network(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return Network(SMALLEST)


def room_walk(frames: int = 40, name: str = "room") -> Walk:
    """Sideways past the pillar, which counts as a creature in the last frames."""
    views = [look(camera((-1.5 + 0.06 * i, -0.5, -3.0), (0.3, -0.5, 1.0)), ids=True) for i in range(frames)]
    actors = [(v.object_ids > 0) & (i >= frames - 10) for i, v in enumerate(views)]
    return Walk(
        np.stack([v.colour for v in views]),
        np.stack([v.depth_m for v in views]),
        np.stack(actors).astype(np.uint8),
        np.stack([v.camera.world_from_camera for v in views]),
        views[0].camera.intrinsics,
        ("imp",),
        name,
    )


def room_footage() -> Footage:
    return footage_of([room_walk()], 96)
