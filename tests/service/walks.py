"""A short walk past the pillar of the room in `tests.worlds`, for takes that are made through a server."""

import numpy as np

from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.memory import Box
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)])
PILLAR = Box.from_bounds(PILLAR_LOW - 0.1, PILLAR_HIGH + 0.1)


async def accepted(client):
    """One more take, folded in; its number."""
    return (await client.wait_job(await client.generate(trajectory=PATH, clips=1, auto_accept=True))).take
