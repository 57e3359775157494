"""Memory in a real Godot: it arrives whole, and looks as the server and the truth say it must."""

import numpy as np
import pytest

from spatia_bridge.evaluation.metrics import ssim
from tests.engines.lettered_room import look
from tests.engines.scene import camera_of, decode, half, head, save, screenshot, seeded, wait, wait_synced

# position, turn in degrees, settings of the camera
VIEWS = {
    "back": ([0.3, 0.7, 2.4], [-4, 8, 0], {"fov": 70.0}),
    "left": ([1.5, 0.4, -0.5], [3, 78, 6], {"fov": 62.0}),
    "right": ([-1.9, 0.8, -0.6], [-12, -63, 0], {"fov": 80.0}),
    "wide": ([0.3, 0.7, 2.4], [-4, 8, 0], {"fov": 90.0, "keep_aspect": 0}),
}


@pytest.fixture(scope="module")
def room(engine, bridge):
    revision = seeded(bridge, "room")
    engine.call("open", bridge.websocket, "room", {})
    engine.call("greybox", False)
    engine.call("overlay", False)
    wait_synced(engine, revision.number)
    return revision


def test_the_handshake_and_every_point(engine, bridge, room):
    revision, digest, points = head(bridge, "room")
    state = wait_synced(engine, revision.number)
    assert state["events"] == ["anew"]
    assert state["digest"] == digest
    assert state["points"] == points == revision.points
    assert state["shown"][0] == points
    assert state["revision"]["number"] == revision.number
    print(f"\n{engine.call('hello')}: {points} points in {state['chunks']} chunks, {state['fps']} frames a second")


@pytest.mark.parametrize("name", VIEWS)
def test_the_picture_is_the_servers_and_the_truth(engine, room, artefacts, name):
    said = engine.call("camera", *VIEWS[name])
    shot = half(screenshot(engine, artefacts / f"godot-{engine.renderer}-{name}.png"))
    server = half(decode(engine.call("live", [640, 480])["colour"]))
    truth = half(look(camera_of(said)).colour)
    save(artefacts / f"compare-{engine.renderer}-{name}.png", np.hstack([shot, server, truth]))
    to_server, to_truth, ceiling = ssim(shot, server), ssim(shot, truth), ssim(server, truth)
    print(f"\n{engine.renderer} {name}: SSIM to the server {to_server:.3f}, to the truth {to_truth:.3f} (server's {ceiling:.3f})")
    assert to_server >= 0.9
    assert to_truth >= ceiling - 0.05


def test_memory_moves_with_its_node(engine, room, artefacts):
    """The anchor turned, shifted and scaled: a camera that goes along sees the same."""
    engine.call("camera", *VIEWS["back"])
    before = screenshot(engine, artefacts / f"godot-{engine.renderer}-anchor-before.png")
    engine.call("anchor", [5.0, 1.0, -2.0], [0, 90, 0], 2.0)
    # 2 · R_y(90°) · (0.3, 0.7, 2.4) + (5, 1, -2)
    moved = engine.call("camera", [5.0 + 4.8, 1.0 + 1.4, -2.0 - 0.6], [-4, 98, 0], {"fov": 70.0})
    after = screenshot(engine, artefacts / f"godot-{engine.renderer}-anchor-after.png")
    engine.call("anchor", [0.0, 0.0, 0.0], [0, 0, 0], 1.0)
    assert np.allclose([moved["pose"]["position"][axis] for axis in "xyz"], [0.3, 0.7, 2.4], atol=1e-5)
    similarity = ssim(before, after)
    print(f"\n{engine.renderer} moved anchor: SSIM {similarity:.3f}")
    assert similarity >= 0.97


def test_quads_look_like_points(engine, room, artefacts):
    engine.call("camera", *VIEWS["left"])
    points = screenshot(engine, artefacts / f"godot-{engine.renderer}-points.png")
    engine.call("memory", {"sprite": 2})
    wait(engine, lambda s: s["up_to_date"] and s["shown"][0] > 0, "quads")
    quads = screenshot(engine, artefacts / f"godot-{engine.renderer}-quads.png")
    engine.call("memory", {"sprite": 0})
    wait(engine, lambda s: s["up_to_date"] and s["shown"][0] > 0, "points again")
    similarity = ssim(points, quads)
    print(f"\n{engine.renderer} quads: SSIM {similarity:.3f}")
    assert similarity >= 0.95


def test_far_away_fewer_points_are_drawn(engine, room, artefacts):
    engine.call("camera", [0.0, 1.0, 40.0], [0, 0, 0], {"fov": 60.0})
    screenshot(engine, artefacts / f"godot-{engine.renderer}-far.png")
    far = wait(engine, lambda s: s["shown"][1] < s["shown"][0] / 2, "fewer points")["shown"]
    engine.call("camera", *VIEWS["back"])
    near = wait(engine, lambda s: s["shown"][1] > far[1] * 1.8, "more points")["shown"]
    print(f"\ndrawn far away {far[1]}, near {near[1]} of {near[0]}")


def test_no_complaints(engine, room):
    assert engine.errors() == []
