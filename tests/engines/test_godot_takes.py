"""Generation from Godot: a path is recorded, a take's frames arrive, it becomes memory, and memory an asset."""

import numpy as np
import pytest

from spatia_bridge.evaluation.metrics import ssim
from tests.engines.scene import decode, half, save, screenshot, seeded, wait, wait_synced

PATH = [
    [0.0, [0.3, 0.7, 2.4], [-4, 8, 0]],
    [0.8, [0.1, 0.8, 1.9], [-4, 20, 0]],
    [1.6, [-0.4, 0.7, 1.5], [-2, 38, 0]],
]


@pytest.fixture(scope="module")
def room(engine, bridge):
    session = f"takes-{engine.renderer}"
    revision = seeded(bridge, session)
    engine.call("open", bridge.websocket, session, {})
    engine.call("greybox", False)
    engine.call("camera", *PATH[0][1:], {"fov": 70.0})
    wait_synced(engine, revision.number)
    return revision


def test_a_flight_is_recorded_here_and_there(engine, room):
    flown = engine.call("fly", PATH)
    assert flown["ok"]
    assert np.allclose(flown["end"], PATH[-1][1], atol=0.02)
    assert len(flown["cameras"]) == 26  # 1.6 s at 16 a second, both ends
    first, last = flown["cameras"][0], flown["cameras"][-1]
    assert np.allclose([first["pose"]["position"][axis] for axis in "xyz"], PATH[0][1], atol=1e-4)
    assert np.allclose([last["pose"]["position"][axis] for axis in "xyz"], PATH[-1][1], atol=0.05)
    recording = wait(engine, lambda s: not s["recording"].get("on", False), "the recording to end")["recording"]
    assert recording["poses"] >= 3 and recording["duration_secs"] > 0.5


def test_a_take_arrives_is_shown_and_becomes_memory(engine, room, artefacts):
    before = wait(engine, lambda s: s["synced"] >= 0, "memory")
    engine.call("memory", {"visible": False})  # to draw it in software would take what the server needs
    asked = engine.call("request", {"generate": {"prompt": "the room", "clips": 1, "width": 96, "height": 64}})
    assert asked["ok"], asked
    state = wait(engine, lambda s: any(t["state"] == "TAKE_STATE_PENDING" for t in s["takes"]), "the take")
    take = next(t for t in state["takes"] if t["state"] == "TAKE_STATE_PENDING")
    state = wait(engine, lambda s: len(s["frames"].get(take["number"], [])) == take["frames_total"], "all frames")
    assert sorted(state["frames"][take["number"]]) == list(range(take["frames_total"]))
    assert any(job["job"] == asked["job"] and job["take"] == take["number"] for job in state["jobs"])
    engine.call("memory", {"visible": True})
    screen = engine.call("screen")
    assert (screen["width"], screen["height"]) == (take["width"], take["height"])
    save(artefacts / f"godot-{engine.renderer}-frame.png", decode(screen["png"]))
    assert decode(screen["png"]).std() > 20
    shown = screenshot(engine, artefacts / f"godot-{engine.renderer}-take.png")
    assert shown[:150, 440:].std() > 20
    answer = engine.call("request", {"accept": {"take": take["number"]}})
    assert answer["ok"], answer
    after = wait_synced(engine, answer["revision"])
    assert after["revision"]["number"] > before["revision"]["number"]
    print(f"\n{engine.renderer}: {take['frames_total']} frames; {before['points']} points before, {after['points']} after")


def test_frames_are_fetched_again(engine, room):
    state = wait(engine, lambda s: s["frames"], "frames")
    take, numbers = next(iter(state["frames"].items()))
    assert engine.call("request", {"fetch_frames": {"take": take, "first": 1, "count": 2}})["ok"]
    again = wait(engine, lambda s: len(s["frames"][take]) == len(numbers) + 2, "two frames more")
    assert again["frames"][take][-2:] == [1, 2]


def test_memory_becomes_an_asset(engine, room, artefacts):
    engine.call("overlay", False)
    engine.call("camera", *PATH[0][1:], {"fov": 70.0})
    points = wait(engine, lambda s: s["synced"] >= 0, "memory")["points"]
    live = screenshot(engine, artefacts / f"godot-{engine.renderer}-live.png")
    path = str(engine.folder / f"memory-{engine.renderer}.res")
    baked = engine.call("bake", path)
    assert baked["error"] == 0 and baked["points"] == points
    assert np.allclose(baked["low"], [-3, -1, -4], atol=0.2) and np.allclose(baked["high"], [3.5, 2, 3.5], atol=0.2)
    engine.call("show_baked", path)
    shown = screenshot(engine, artefacts / f"godot-{engine.renderer}-baked.png")
    engine.call("unbake")
    similarity = ssim(half(live), half(shown))
    print(f"\n{engine.renderer} baked: SSIM {similarity:.3f}")
    assert similarity >= 0.95


def test_no_complaints(engine, room):
    assert engine.errors() == []
