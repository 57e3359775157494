"""The cores against a live server: sync, deltas, edits, takes, resume; and the example programs."""

import asyncio
import subprocess

import cv2
import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from tests.engines.chunk_messages import rows
from tests.engines.cores import example_of
from tests.engines.scene import head, seeded

BALL = msg.Region(msg.Sphere(msg.Vector3(0.0, 0.6, 1.0), 0.7))


@pytest.fixture(scope="module")
def session(core, bridge):
    """A session of this core's own with the lettered room in it."""
    name = f"core-{core.language}"
    seeded(bridge, name)
    return name


def opened(core, bridge, session, engine="ENGINE_OPENCV", **more):
    """A new link, once it was told that it has everything; what the driver held from an earlier one it says in its hello."""
    core.open(bridge.websocket, session, engine, **more)
    return core.wait(
        lambda s: s["state"] == "live" and any(event.startswith("synced") for event in core.events), "the first sync"
    )


def elsewhere(bridge, session, body):
    """A request of another client; the revision it made."""

    async def ask():
        async with await BridgeClient.connect(bridge.websocket, session, create=False) as client:
            return (await client.request(body)).revision

    return asyncio.run(ask())


def python_points(bridge, session, engine):
    async def sync():
        async with await BridgeClient.connect(bridge.websocket, session, engine=engine, create=False) as client:
            await client.synced()
            return client.mirror.points_client()

    return asyncio.run(sync())


@pytest.mark.parametrize("engine", [Engine.OPENCV, Engine.UNITY, Engine.GODOT, Engine.UNREAL], ids=lambda engine: engine.name)
def test_everything_arrives_by_hash_and_in_the_engines_axes(core, bridge, session, engine):
    state = opened(core, bridge, session, f"ENGINE_{engine.name}")
    number, digest, points = head(bridge, session)
    assert (state["digest"], state["points"], state["synced"]) == (digest, points, number.number) and points > 10_000
    found = np.frombuffer(core.call("positions")["data"], np.float64).reshape(-1, 3)
    want = python_points(bridge, session, engine)
    np.testing.assert_allclose(rows(found), rows(want), rtol=1e-9, atol=1e-9)


def test_an_edit_elsewhere_brings_what_changed_and_no_more(core, bridge, session):
    before = opened(core, bridge, session)
    made = elsewhere(bridge, session, msg.Edit(remove=BALL))
    changed = [core.state()]
    core.wait(lambda s: changed.append(s) or (s.get("clean") and s.get("synced", 0) >= made), "the delta")
    _, digest, points = head(bridge, session)
    assert (changed[-1]["digest"], changed[-1]["points"]) == (digest, points) and points < before["points"]
    assert 0 < sum(state.get("changed", 0) for state in changed) < before["chunks"]


def test_an_edit_of_its_own_and_its_undo(core, bridge, session):
    before = opened(core, bridge, session)
    reply = core.ask(msg.Edit(recolour=msg.Recolour(msg.Region(msg.Sphere(msg.Vector3(1.0, 0.5, 2.0), 1.0)), 0xFF0000)))
    assert reply["ok"], reply
    after = core.wait_synced(reply["revision"])
    assert after["digest"] != before["digest"] and after["points"] == before["points"]
    undone = core.ask(msg.Undo())
    assert core.wait_synced(undone["revision"])["digest"] == before["digest"]
    refused = core.ask(msg.Accept(99))
    assert not refused["ok"] and refused["code"] == "NOT_FOUND"


def test_a_take_is_generated_its_frames_fetched_by_number_and_kept(core, bridge, session):
    opened(core, bridge, session)
    pose = [msg.Pose(msg.Vector3(x, 0.0, -1.0), msg.Quaternion(w=1.0)) for x in (-0.3, 0.3)]
    intrinsics = msg.Intrinsics(60.0, 60.0, 48.0, 32.0, 96, 64)
    path = msg.Trajectory(tuple(msg.Camera(each, intrinsics, time) for each, time in zip(pose, (0.0, 1.5), strict=True)))
    begun = core.ask(msg.Generate("the room", 3, trajectory=path, clips=1, width=96, height=64))
    assert begun["ok"], begun
    state = core.wait(lambda s: any(take["state"] == "TAKE_STATE_PENDING" for take in s.get("takes", [])), "the take")
    take = next(take for take in state["takes"] if take["state"] == "TAKE_STATE_PENDING")
    assert any(job["job"] == begun["job"] and job["take"] == take["number"] for job in state["jobs"])
    assert not core.frames  # nobody asked for them to be pushed
    assert core.ask(msg.FetchFrames(take["number"], 2, 3, True))["ok"]
    assert [frame["number"] for frame in core.frames] == [2, 3, 4] and all(frame["request"] for frame in core.frames)
    for frame in core.frames:
        colour = cv2.imdecode(np.frombuffer(frame["colour"], np.uint8), cv2.IMREAD_COLOR)
        assert colour.shape == (64, 96, 3) and colour.std() > 10
        depth = core.call("png", data=frame["depth"])
        millimetres = np.frombuffer(depth["data"], "<u2")
        assert (depth["width"], depth["height"], depth["bits"]) == (96, 64, 16)
        assert 300 < np.median(millimetres[millimetres > 0]) < 6000
    kept = core.ask(msg.Accept(take["number"]))
    assert kept["ok"], kept
    state = core.wait_synced(kept["revision"])
    assert state["digest"] == head(bridge, session)[1]


def test_frames_are_pushed_to_who_wants_them(core, bridge, session):
    opened(core, bridge, session, push_frames=True)
    camera = msg.Camera(msg.Pose(msg.Vector3(), msg.Quaternion(w=1.0)), msg.Intrinsics(60.0, 60.0, 48.0, 32.0, 96, 64))
    path = msg.Trajectory((camera, msg.Camera(camera.pose, camera.intrinsics, 1.5)))
    begun = core.ask(msg.Generate("", trajectory=path, clips=1, width=96, height=64))
    assert begun["ok"], begun
    state = core.wait(lambda s: any(take["state"] == "TAKE_STATE_PENDING" for take in s.get("takes", [])), "the take")
    take = next(take for take in state["takes"] if take["state"] == "TAKE_STATE_PENDING")
    core.wait(lambda _: len(core.frames) == take["frames_total"], "all frames")
    assert [frame.get("number", 0) for frame in core.frames] == list(range(take["frames_total"]))
    assert core.ask(msg.Discard(take["number"]))["ok"]


def test_after_a_crash_of_the_server_only_what_differs_comes(core, bridge, session):
    before = opened(core, bridge, session)
    bridge.kill()
    core.wait(lambda s: s["state"] in ("waiting", "connecting"), "the broken link")
    bridge.start()
    core.events.clear()
    core.wait(lambda s: s["state"] == "live", "the link")
    state = core.wait_synced(before["synced"])
    assert core.events.count("resumed") == 1 and "cleared" not in core.events
    assert state["resumed"] and state.get("changed", 0) == 0 and state["digest"] == before["digest"]
    assert core.wait_synced(elsewhere(bridge, session, msg.Undo()))["digest"] == head(bridge, session)[1]


def test_who_is_not_let_in_is_told_why(core, bridge):
    core.open("ws://127.0.0.1:1", "nowhere")
    core.wait(lambda s: s["state"] == "waiting", "nobody there")
    core.open(bridge.websocket, "no such / name")
    core.wait(lambda s: s["state"] == "idle", "the refusal")
    assert core.events[-1] == "refused: INVALID_INPUT"


def test_the_example_program_runs_to_its_end(core, bridge, tmp_path):
    command = [*example_of(core.language), bridge.websocket, f"example-{core.language}"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
    assert done.returncode == 0, done.stdout
    assert cv2.imread(str(tmp_path / "frame.jpg")).shape == (96, 160, 3)
    assert head(bridge, f"example-{core.language}")[2] == 0  # it took its pillar back out
