"""What a designer does in Godot changes memory on the server and the picture, and survives a server that dies."""

import asyncio

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.evaluation.metrics import ssim
from tests.engines.scene import FLIP, decode, half, head, screenshot, seeded, wait, wait_synced

CUBE = [0.95, -0.55, -1.85]  # Godot's axes
VIEW = ([0.3, 0.7, 2.4], [-4, -8, 0], {"fov": 60.0})


@pytest.fixture(scope="module")
def room(engine, bridge):
    session = f"edits-{engine.renderer}"
    revision = seeded(bridge, session)
    engine.call("open", bridge.websocket, session, {})
    engine.call("greybox", False)
    engine.call("overlay", False)
    engine.call("camera", *VIEW)
    wait_synced(engine, revision.number)
    return session


def points_of(bridge, session):
    async def read():
        async with await BridgeClient.connect(bridge.websocket, session, create=False) as client:
            await client.synced()
            return client.mirror.points_client() @ FLIP

    return asyncio.run(read())


def inside(points, half_size):
    return int((np.abs(points - CUBE) < half_size).all(axis=1).sum())


def same_as_server(engine, bridge, session):
    revision, digest, points = head(bridge, session)
    state = wait_synced(engine, revision.number)
    assert (state["digest"], state["points"]) == (digest, points)
    return state


def test_a_region_is_removed_and_comes_back(engine, bridge, room, artefacts):
    before = screenshot(engine, artefacts / f"godot-{engine.renderer}-edit-before.png")
    assert inside(points_of(bridge, room), 0.5) > 500
    answer = engine.call("region", {"size": [1.1, 1.06, 1.1]}, CUBE, [0, 0, 0], "remove_region", [])
    assert answer["ok"], answer
    wait_synced(engine, answer["revision"])
    assert inside(points_of(bridge, room), 0.5) == 0
    same_as_server(engine, bridge, room)
    after = screenshot(engine, artefacts / f"godot-{engine.renderer}-edit-after.png")
    server = decode(engine.call("live", [640, 480])["colour"])
    similarity = ssim(half(after), half(server))
    changed = (np.abs(before.astype(int) - after).max(axis=2) > 40).mean()
    print(f"\n{engine.renderer} after the removal: SSIM to the server {similarity:.3f}, {changed:.1%} of the pixels changed")
    assert similarity >= 0.9 and 0.01 < changed < 0.3
    answer = engine.call("request", {"undo": {}})
    wait_synced(engine, answer["revision"])
    same_as_server(engine, bridge, room)
    again = screenshot(engine, artefacts / f"godot-{engine.renderer}-edit-undone.png")
    assert ssim(before, again) > 0.99
    answer = engine.call("request", {"redo": {}})
    wait_synced(engine, answer["revision"])
    assert inside(points_of(bridge, room), 0.5) == 0
    wait_synced(engine, engine.call("request", {"undo": {}})["revision"])


def test_a_place_is_locked_and_another_recoloured(engine, bridge, room, artefacts):
    answer = engine.call("region", {"shape": 1, "radius": 0.9}, [0.3, 0.5, -3.9], [0, 0, 0], "lock_region", [])
    assert answer["ok"], answer
    assert wait(engine, lambda s: s["revision"].get("locks") == 1, "the lock")
    assert engine.call("request", {"edit": {"unlock": 0}})["ok"]
    ball = {"sphere": {"centre": dict(zip("xyz", CUBE, strict=True)), "radius": 0.9}}
    answer = engine.call("request", {"edit": {"recolour": {"region": ball, "rgb": 0xFF00FF}}})
    assert answer["ok"], answer
    wait_synced(engine, answer["revision"])
    shot = screenshot(engine, artefacts / f"godot-{engine.renderer}-recoloured.png")
    magenta = (shot[..., 0] > 120) & (shot[..., 2] > 120) & (shot[..., 1] < 100)
    assert magenta.mean() > 0.02
    same_as_server(engine, bridge, room)


def test_what_the_server_refuses_is_said(engine, room):
    answer = engine.call("region", {"size": [0.01, 0.01, 0.01]}, [900, 0, 0], [0, 0, 0], "lock_region", [])
    assert answer["ok"] or answer["remedy"]
    answer = engine.call("request", {"accept": {"take": 999}})
    assert not answer["ok"] and answer["code"] and answer["message"] and answer["remedy"]


def test_the_server_dies_and_the_engine_resumes(engine, bridge, room, artefacts):
    before = wait(engine, lambda s: s["synced"] >= 0, "memory")
    bridge.kill()
    wait(engine, lambda s: not s["connected"], "the line to break")
    assert engine.call("request", {"undo": {}})["code"] == "UNAVAILABLE"
    kept = screenshot(engine, artefacts / f"godot-{engine.renderer}-server-gone.png")
    assert (kept.max(axis=2) > 0).mean() > 0.9  # memory stays in view
    bridge.start()
    state = wait(engine, lambda s: s["connected"], "the engine to come back")
    assert state["events"][-2:] == ["gone", "resumed"]
    assert (state["digest"], state["points"]) == (before["digest"], before["points"])
    answer = engine.call("region", {"size": [1.1, 1.06, 1.1]}, CUBE, [0, 0, 0], "remove_region", [])
    assert answer["ok"], answer
    wait_synced(engine, answer["revision"])
    same_as_server(engine, bridge, room)


def test_no_complaints(engine, room):
    assert engine.errors() == []
