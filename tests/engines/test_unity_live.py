"""The Unity components against a live server: memory in Unity's axes, cameras, seeds, edits, takes, what breaks and what ends."""

import asyncio
import io

import cv2
import numpy as np
import plyfile
import pytest
from scipy.spatial import cKDTree

from spatia_bridge.client import BridgeClient
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack
from tests.engines.cores import NoToolsError
from tests.engines.lettered_room import CUBE_HIGH, CUBE_LOW, HIGH, LOW, camera, look, seed_views
from tests.engines.scene import decode as decode_image
from tests.engines.scene import half, head, save, seeded
from tests.engines.unity_scene import FLIP, decode, matrix, records, transform_of
from tests.engines.unity_shader import PointRenderer

SESSION = "unity"
SIZE = (240, 180)
ALL = [0.0, 1e9]  # every point is drawn
EYE = camera((0.1, -0.7, -2.2), (0.7, 0.2, 3.0), SIZE)
SIDE = camera((-2.0, -1.2, -1.5), (2.4, 0.4, 2.6), SIZE)


@pytest.fixture(scope="module")
def session(bridge):
    seeded(bridge, SESSION)
    return SESSION


@pytest.fixture
def scene(unity, bridge, session):
    """The seeded session, held and shown."""
    unity.start(bridge.websocket, session, EYE)
    unity.synced()
    return unity


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    pytest.importorskip("moderngl", reason="moderngl draws the shader: pip install moderngl")
    try:
        renderer = PointRenderer(tmp_path_factory.mktemp("shader"), SIZE)
    except NoToolsError as error:
        pytest.skip(str(error))
    yield renderer
    renderer.close()


def client_points(bridge, session, engine):
    async def sync():
        async with await BridgeClient.connect(bridge.websocket, session, engine=engine, create=False) as client:
            await client.synced()
            return client.mirror.points_client()

    return asyncio.run(sync())


def assert_same_points(found, want):
    """The same points (N, 3), whatever their order, but for the last bits of float32."""
    assert len(found) == len(want)
    for a, b in ((found, want), (want, found)):
        assert cKDTree(a).query(b)[0].max() < 1e-5


def shown(unity, text="", numbers=ALL):
    """All points that draw calls show (N, 3), in Unity's world, and their records."""
    calls = unity.call("draw", text=text, numbers=numbers).get("calls", [])
    found = [records(call) for call in calls]
    return np.concatenate([points for points, _ in found]), np.concatenate([rows for _, rows in found])


@pytest.mark.parametrize("pipeline", ["", "srp"])
def test_what_is_drawn_is_memory_in_unitys_axes(scene, bridge, session, pipeline):
    state = scene.synced()
    _, digest, points = head(bridge, session)
    assert (state["data"], state["points"], state["shown"]) == (digest, points, points) and points > 10_000
    found, _ = shown(scene, pipeline)
    assert_same_points(found, client_points(bridge, session, Engine.UNITY))


def test_walls_letters_and_cube_are_where_they_are_in_unity(scene):
    """Axis proof by numbers: the room's box, the cube's faces and the colours of three walls, written in Unity's axes by hand."""
    found, points = shown(scene)
    colours = points[:, 4:7].astype(int)
    low, high = np.array((LOW[0], -HIGH[1], LOW[2])), np.array((HIGH[0], -LOW[1], HIGH[2]))
    np.testing.assert_allclose(np.percentile(found, 0.2, axis=0), low, atol=0.1)
    np.testing.assert_allclose(np.percentile(found, 99.8, axis=0), high, atol=0.1)
    cube_low, cube_high = (
        np.array((CUBE_LOW[0], -CUBE_HIGH[1], CUBE_LOW[2])),
        np.array((CUBE_HIGH[0], -CUBE_LOW[1], CUBE_HIGH[2])),
    )
    top = (
        (np.abs(found[:, 1] - cube_high[1]) < 0.04)
        & (found[:, [0, 2]] > cube_low[[0, 2]]).all(1)
        & (found[:, [0, 2]] < cube_high[[0, 2]]).all(1)
    )
    assert top.sum() > 50 and (np.median(colours[top], axis=0) > (180, 180, 80)).all()  # its upper face is yellow
    for axis, place, wanted in ((0, high[0], 2), (0, low[0], 1), (2, high[2], 0)):  # right: blue, left: green, back: red
        wall = np.abs(found[:, axis] - place) < 0.05
        assert wall.sum() > 300 and int(np.median(colours[wall], axis=0).argmax()) == wanted


@pytest.mark.parametrize("view", [EYE, SIDE], ids=["front", "side"])
def test_the_shader_draws_the_room_and_not_its_mirror_image(scene, renderer, artefacts, view):
    scene.place(view)
    calls = scene.call("draw", numbers=ALL)["calls"]
    picture, truth = renderer.draw(calls, view), look(view).colour
    save(artefacts / f"unity_{'front' if view is EYE else 'side'}.png", np.hstack([picture, truth]))
    error = np.abs(half(picture).astype(int) - half(truth)).mean()
    mirrored = np.abs(half(picture[:, ::-1]).astype(int) - half(truth)).mean()
    upside_down = np.abs(half(picture[::-1]).astype(int) - half(truth)).mean()
    assert error < 14 and error < 0.5 * min(mirrored, upside_down), (error, mirrored, upside_down)


def test_fewer_points_are_drawn_wider_and_the_picture_stays(scene, renderer, artefacts):
    every = scene.call("draw", numbers=ALL)
    fewer = scene.call("draw", numbers=[0.0, every["numbers"][0] / 4])
    assert 0.2 < fewer["numbers"][0] / every["numbers"][0] <= 0.25
    assert all(call["spread"] >= 1 for call in fewer["calls"]) and max(call["spread"] for call in fewer["calls"]) > 1.5
    a, b = renderer.draw(every["calls"], EYE), renderer.draw(fewer["calls"], EYE)
    save(artefacts / "unity_detail.png", np.hstack([a, b]))
    assert np.abs(half(a).astype(int) - half(b)).mean() < 14


def test_the_anchor_carries_memory_and_nothing_else(scene, bridge, session):
    before, _ = shown(scene)
    anchor = [3.0, -1.0, 2.0, 0.3, 1.0, 0.2, 50.0, 2.5]
    scene.call("anchor", numbers=anchor)
    moved, _ = shown(scene)
    want = before @ matrix(anchor)[:3, :3].T + matrix(anchor)[:3, 3]
    np.testing.assert_allclose(moved, want, atol=2e-3)


@pytest.mark.parametrize("view", [EYE, SIDE], ids=["front", "side"])
def test_the_server_sees_through_unitys_camera(scene, view):
    """What the server makes of pose and intrinsics: its own projection under the rig is the room from there."""
    scene.place(view)
    scene.request(msg.LiveView(True, *SIZE, 30.0))

    def here():
        answer = scene.call("projection")
        found = decode(answer["data"], msg.LiveProjection) if answer.get("ok") else None
        place = FLIP @ view.position_world
        return (
            found
            if found and np.allclose([getattr(found.camera.pose.position, axis) for axis in "xyz"], place, atol=1e-4)
            else None
        )

    found = []
    scene.until(lambda _: found.append(here()) or found[-1], "the projection")
    scene.request(msg.LiveView())
    projection = found[-1]
    k = projection.camera.intrinsics
    np.testing.assert_allclose(
        (k.fx, k.fy, k.cx, k.cy), (view.intrinsics.fx, view.intrinsics.fy, view.intrinsics.cx, view.intrinsics.cy), rtol=1e-4
    )
    picture, truth = decode_image(projection.colour.data), look(view).colour
    error = np.abs(half(picture).astype(int) - half(truth)).mean()
    assert error < 14 and error < 0.5 * np.abs(half(picture[:, ::-1]).astype(int) - half(truth)).mean()


def test_a_pose_is_sent_when_it_moves_and_not_again(scene):
    scene.until(lambda s: "pose" in s.get("events", []), "the first pose")
    for _ in range(10):
        state = scene.call("state")
    assert state["events"].count("pose") == 1
    scene.place(SIDE)
    scene.until(lambda s: s["events"].count("pose") == 2, "the second pose")


def test_what_a_camera_captures_becomes_the_room(unity, bridge):
    """A PNG, and float32 rows from the bottom as the graphics card gives them: what comes of it lies on the room's surfaces."""
    unity.start(bridge.websocket, "unity-seed", EYE)
    unity.synced()
    for view in (EYE, SIDE):
        unity.place(view)
        frame = look(view)
        png = cv2.imencode(".png", frame.colour[..., ::-1])[1].tobytes()
        unity.call("seed", data=png, more=np.ascontiguousarray(frame.depth_m[::-1], np.float32).tobytes())
        (revision, *_) = unity.answered()
        unity.synced(revision)
    found, _ = shown(unity)
    world = found @ FLIP
    to_walls = np.minimum(np.abs(world - LOW), np.abs(world - HIGH)).min(axis=1)
    outside_cube = np.linalg.norm(np.maximum(np.maximum(CUBE_LOW - world, world - CUBE_HIGH), 0), axis=1)
    to_cube = np.where(outside_cube > 0, outside_cube, np.minimum(world - CUBE_LOW, CUBE_HIGH - world).min(axis=1))
    assert len(found) > 5000 and np.percentile(np.minimum(to_walls, to_cube), 99) < 0.03
    assert (to_cube < 0.03).sum() > 200
    assert head(bridge, "unity-seed")[2] == len(found)


def test_an_edit_is_a_step_of_the_editors_undo(scene, bridge, session):
    before = scene.synced()
    ball = msg.Region(msg.Sphere(msg.Vector3(0.9, -0.5, 1.8), 0.8))
    scene.call("edit", text="Remove", data=pack(msg.Edit(remove=ball)))
    after = scene.until(lambda s: s["synced"] > before["synced"] and s.get("ok") and s.get("up_to_date"), "the edit")
    assert after["points"] < before["points"] - 100 and after["shown"] == after["points"]
    scene.call("undo")
    undone = scene.until(lambda s: s["synced"] > after["synced"] and s.get("ok"), "its undo")
    assert undone["data"] == before["data"]
    scene.call("redo")
    redone = scene.until(lambda s: s["synced"] > undone["synced"] and s.get("ok"), "its redo")
    assert redone["data"] == after["data"]
    scene.request(msg.Undo())  # someone else's step: the editor's undo leaves it alone
    scene.synced(redone["synced"] + 1)
    scene.call("undo")
    state = scene.until(lambda s: any("memory has changed" in event for event in s["events"]), "the note")
    assert state["data"] == before["data"]


def test_a_take_is_made_seen_and_kept(scene, bridge, session):
    k = msg.Intrinsics(60.0, 60.0, 48.0, 32.0, 96, 64)
    path = msg.Trajectory(
        tuple(msg.Camera(msg.Pose(msg.Vector3(x, 0.5, -1.0), msg.Quaternion(w=1.0)), k, t) for x, t in ((-0.3, 0.0), (0.3, 1.5)))
    )
    scene.request(msg.Generate("the room", 3, trajectory=path, clips=1, width=96, height=64))
    state = scene.until(lambda s: any(event.startswith("pending") for event in s["events"]), "the take")
    take = int(next(event for event in state["events"] if event.startswith("pending")).split()[1])
    frames: list[msg.TakeFrame] = []
    scene.until(
        lambda _: (
            frames.extend(decode(data, msg.TakeFrame) for data in scene.call("frames").get("packets", [])) or len(frames) >= 25
        ),
        "frames",
    )
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert decode_image(frames[0].colour.data).shape == (64, 96, 3)
    seen = scene.call("display")
    assert seen["numbers"] == [take, len(frames) - 1] and seen["data"] == frames[-1].colour.data  # the newest, as they come
    scene.call("display", numbers=[float(take)])
    shown_numbers = [(scene.call("state"), scene.call("display")["numbers"][1])[1] for _ in range(100)]
    assert shown_numbers == sorted(shown_numbers) and set(shown_numbers) == set(
        range(len(frames))
    )  # it plays, at the clip's rate
    (revision, *_) = scene.request(msg.Accept(take))
    scene.synced(revision)


def test_a_flight_is_recorded_relative_to_memory_and_played(scene):
    anchor = [3.0, -1.0, 2.0, 0.0, 1.0, 0.0, 90.0, 2.0]
    scene.call("anchor", numbers=anchor)
    flown = [[0.5 * i, 1.0, -0.25 * i, 0.0, 1.0, 0.0, 10.0 * i, 1.0] for i in range(6)]
    answer = scene.call("fly", numbers=[number for each in flown for number in each])
    assert answer["ok"]
    np.testing.assert_allclose(answer["numbers"], flown[-1][:3], atol=1e-4)
    cameras = decode(answer["data"], msg.Trajectory).cameras
    assert [round(recorded.time_secs, 6) for recorded in cameras] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    for recorded, each in zip(cameras, flown, strict=True):
        p = recorded.pose.position
        np.testing.assert_allclose(matrix(anchor)[:3, :3] @ (p.x, p.y, p.z) + anchor[:3], each[:3], atol=1e-4)


def test_baked_memory_is_memory(scene, bridge, session):
    want = client_points(bridge, session, Engine.UNITY)
    ply = plyfile.PlyData.read(io.BytesIO(scene.call("ply")["data"]))["vertex"].data
    assert ply.dtype.names == ("x", "y", "z", "red", "green", "blue", "alpha")
    assert_same_points(np.stack([ply[axis] for axis in "xyz"], axis=1), want)
    numbers = np.frombuffer(scene.call("mesh")["data"], np.float32)
    count = len(want)
    corners = numbers[: 12 * count].reshape(count, 4, 3)
    assert (corners == corners[:, :1]).all()
    assert_same_points(corners[:, 0], want)
    squares = numbers[12 * count : 24 * count].reshape(count, 4, 3)
    assert {tuple(corner) for corner in squares[0, :, :2]} == {(-1, -1), (1, -1), (1, 1), (-1, 1)}
    assert (squares[..., 2] > 0).all() and np.median(squares[..., 2]) < 0.2
    triangles = numbers[24 * count :].astype(int).reshape(-1, 3)
    assert len(triangles) == 2 * count and (triangles // 4 == np.arange(2 * count)[:, None] // 2).all()


def test_after_a_crash_of_the_server_it_waits_ever_longer_and_resumes(scene, bridge):
    before = scene.synced()
    bridge.kill()
    scene.until(lambda s: "waiting 2" in s["events"], "two attempts")
    bridge.start()
    state = scene.until(lambda s: "resumed" in s["events"] and s.get("ok"), "the link")
    assert state["data"] == before["data"] and state["shown"] == before["shown"]


@pytest.mark.parametrize("how", ["play", "reload", "quit"])
def test_whatever_ends_in_the_editor_ends_the_connection_at_once(scene, how):
    scene.call("end", text=how)
    assert "gone" in scene.call("state")["events"]
    assert scene.call("state")["state"] == "idle"


def test_a_connection_that_nobody_answers_ends_at_once_too(unity):
    unity.start("ws://127.0.0.1:1", "nowhere", EYE)
    unity.until(lambda s: "waiting 1" in s.get("events", []), "an attempt")
    unity.call("end", text="reload")
    assert unity.call("state")["state"] == "idle"


def test_the_room_is_no_mirror_image_of_itself():
    """What makes the pictures and numbers above a proof."""
    picture = look(Camera(Intrinsics.from_vertical_fov(1.2, *SIZE), EYE.world_from_camera)).colour
    assert np.abs(picture.astype(int) - picture[:, ::-1]).mean() > 20
    assert transform_of(np.eye(4))[:3] == [0.0, 0.0, 0.0] and len(seed_views()) == 6
