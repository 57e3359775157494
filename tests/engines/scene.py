"""What tests of engines say again and again: open the example, wait until memory is there, compare pictures."""

import asyncio
import time

import cv2
import numpy as np

from spatia_bridge.client import BridgeClient
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from tests.engines.lettered_room import seed_views

WAIT_SECS = 150.0  # software rendering leaves the server little
FLIP = np.diag([1.0, -1.0, -1.0])  # Godot's axes and OpenCV's, written out here so that no module checks itself


def seeded(bridge, session):
    """The lettered room in a session; the newest revision."""
    return asyncio.run(_seed(bridge, session))


async def _seed(bridge, session):
    async with await BridgeClient.connect(bridge.websocket, session) as client:
        await client.seed(seed_views())
        await client.synced()
        return client.revision


def head(bridge, session):
    """(revision, digest as the Python client's mirror computes it, points) of the server's snapshot."""
    return asyncio.run(_head(bridge, session))


async def _head(bridge, session):
    async with await BridgeClient.connect(bridge.websocket, session, create=False) as client:
        synced = await client.synced()
        return client.revision, synced.digest, client.mirror.points


def wait(engine, condition, what):
    """Polls the engine's state, a frame a time, until the condition holds; that state."""
    until = time.monotonic() + WAIT_SECS
    while True:
        state = engine.call("state")
        if condition(state):
            return state
        assert time.monotonic() < until, f"not in {WAIT_SECS:g} s: {what}: {state}"


def wait_synced(engine, revision):
    """Until the engine holds and shows that revision."""
    return wait(engine, lambda s: s["synced"] >= revision and s["up_to_date"], f"revision {revision}")


def camera_of(message):
    """The server's camera for what an engine said of its own, by hand."""
    pose, k = message["pose"], message["intrinsics"]
    place = np.array([pose["position"][axis] for axis in "xyz"])
    rotation = se3.rotation_from_quaternion([pose["rotation"][axis] for axis in "xyzw"])
    world = se3.from_parts(FLIP @ rotation @ FLIP, FLIP @ place)
    return Camera(Intrinsics(k["fx"], k["fy"], k["cx"], k["cy"], k["width"], k["height"]), world)


def screenshot(engine, path):
    """What the engine shows, RGB; kept as a file."""
    shot = engine.folder / "shot.png"
    assert engine.call("screenshot", str(shot))
    image = cv2.imread(str(shot))
    cv2.imwrite(str(path), image)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decode(data):
    """An encoded picture, RGB."""
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def half(image):
    """At half the size: jagged edges, which every way to draw points has others of, count less."""
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def save(path, image):
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
