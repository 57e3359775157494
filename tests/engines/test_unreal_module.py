"""The Unreal modules' own code, run against stand-ins for the engine: cameras, regions, waits, Sequencer, and a live server.

What the engine itself does (drawing, capturing, its windows) is not looked at here; see the client's README.
"""

import asyncio
import io

import cv2
import laspy
import numpy as np
import pytest
from scipy.spatial import cKDTree

from spatia_bridge.client.sessions import SessionsClient
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Engine
from tests.engines.chunk_messages import rows
from tests.engines.cores import NoToolsError
from tests.engines.lettered_room import CUBE_HIGH, CUBE_LOW, camera, seed_views
from tests.engines.scene import head, seeded
from tests.engines.test_core_live import python_points
from tests.engines.unreal_module import HOME, UnrealModule

M = np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]])  # OpenCV's axes in Unreal's, written out here so that no module checks itself
MAINTAIN_Y, MAINTAIN_X, MAJOR = 0, 1, 2
BOX, SPHERE = 0, 1
REMOVE, LOCK, RECOLOUR = 0, 1, 2
NOT_TURNED = [0, 0, 0, 1]


@pytest.fixture(scope="module")
def module():
    try:
        built = UnrealModule()
    except NoToolsError as error:
        pytest.skip(str(error))
    yield built
    built.close()


def turn(axis, degrees):
    """A quaternion (x, y, z, w)."""
    half = np.radians(degrees) / 2
    return np.append(np.sin(half) * np.array(axis) / np.linalg.norm(axis), np.cos(half))


def pinhole(width_mm, height_mm, focal_mm, width, height):
    """What a sensor seen through a focal length makes of a picture that it fills."""
    return [focal_mm / width_mm * width, focal_mm / height_mm * height, width / 2, height / 2, width, height]


# ---------------------------------------------------------------------------------------------------------------- cameras


def cine(module, viewport, sensor, focal, squeeze=1.0, crop=0.0, constrained=1):
    return module.numbers(
        "camera", viewport, HOME, [0, 0, 0], NOT_TURNED, sensor, focal, squeeze, crop, constrained, text="cine"
    )[7:]


@pytest.mark.parametrize(
    ("viewport", "settings", "want"),
    [
        ((1200, 800), {"sensor": (36, 24), "focal": 35}, pinhole(36, 24, 35, 1200, 800)),
        ((1600, 800), {"sensor": (36, 24), "focal": 35}, pinhole(36, 24, 35, 1200, 800)),  # black bars at the sides
        ((1200, 1000), {"sensor": (36, 24), "focal": 85}, pinhole(36, 24, 85, 1200, 800)),  # above and below
        ((1600, 800), {"sensor": (36, 24), "focal": 35, "crop": 1.0}, pinhole(24, 24, 35, 800, 800)),  # cut at the sides
        ((1200, 800), {"sensor": (36, 24), "focal": 35, "crop": 2.4}, pinhole(36, 15, 35, 1200, 500)),  # cut above and below
        ((1500, 800), {"sensor": (36, 24), "focal": 35, "squeeze": 2.0}, pinhole(72, 24, 35, 1500, 500)),  # anamorphic
        ((1600, 800), {"sensor": (36, 24), "focal": 35, "constrained": 0}, pinhole(36, 18, 35, 1600, 800)),  # the width stays
    ],
    ids=["fits", "wide viewport", "high viewport", "narrow crop", "wide crop", "squeezed", "not constrained"],
)
def test_a_cine_cameras_filmback_in_pixels(module, viewport, settings, want):
    np.testing.assert_allclose(cine(module, viewport, **settings), want, rtol=1e-5)


@pytest.mark.parametrize(
    ("axis", "viewport", "kept"),
    [
        (MAINTAIN_X, (1600, 800), "horizontal"),
        (MAINTAIN_X, (800, 1600), "horizontal"),
        (MAINTAIN_Y, (1600, 800), "vertical"),
        (MAJOR, (1600, 800), "horizontal"),
        (MAJOR, (800, 1600), "vertical"),
    ],
)
def test_the_axis_constraint_says_which_angle_stays(module, axis, viewport, kept):
    fov, aspect = 80.0, 16 / 9
    fx, fy, cx, cy, width, height = module.numbers(
        "camera", viewport, HOME, [0, 0, 0], NOT_TURNED, fov, aspect, axis, 0, text="plain"
    )[7:]
    assert (cx, cy, width, height) == (viewport[0] / 2, viewport[1] / 2, *viewport) and fx == fy
    horizontal, vertical = (np.degrees(2 * np.arctan(size / 2 / fx)) for size in viewport)
    authored = np.degrees(2 * np.arctan(np.tan(np.radians(fov / 2)) / aspect))  # tan(h/2) = aspect · tan(v/2)
    assert {"horizontal": horizontal, "vertical": vertical}[kept] == pytest.approx(
        {"horizontal": fov, "vertical": authored}[kept], 1e-5
    )


def test_an_off_centre_projection_moves_the_optical_centre(module):
    fx, fy, cx, cy, *_ = module.numbers("optics", 90, 2.0, 0, MAINTAIN_X, 0.1, -0.2, 1000, 500)
    assert (fx, fy) == pytest.approx((500, 500)) and (cx, cy) == pytest.approx((450, 200))


@pytest.mark.parametrize(
    "bad", [(0, 1, 640), (180, 1, 640), (90, 0, 640), (90, 1, 0)], ids=["no angle", "half a turn", "no aspect", "no size"]
)
def test_no_picture_has_no_intrinsics(module, bad):
    fov, aspect, width = bad
    assert len(module.numbers("optics", fov, aspect, 0, MAINTAIN_X, 0, 0, width, 360)) == 0


def test_an_orthographic_camera_is_not_followed(module):
    assert not module.numbers("camera", (640, 360), HOME, [0, 0, 0], NOT_TURNED, 90, 16 / 9, -1, 1, text="plain")[7:].any()


def test_poses_are_relative_to_memory(module):
    place, spin, scale = np.array([300.0, -40, 120]), turn([1, 2, 3], 70), 2.5
    eye, look = np.array([10.0, 20, 30]), turn([3, -1, 2], 130)
    found = module.numbers("camera", (640, 360), place, spin, [scale] * 3, eye, look, 90, 16 / 9, -1, 0, text="plain")[:7]
    memory, world = se3.rotation_from_quaternion(spin), se3.rotation_from_quaternion(look)
    np.testing.assert_allclose(found[:3], memory.T @ (eye - place) / scale, atol=1e-9)
    np.testing.assert_allclose(se3.rotation_from_quaternion(found[3:]), memory.T @ world, atol=1e-9)


# ------------------------------------------------------------------------------------------- regions, waits, paths


def test_a_regions_own_scale_counts(module, live):
    found = module.numbers("region", BOX, [100, 0, 0], turn([0, 0, 1], 90), [2, 1, 0.5], [100, 60, 40], 30)
    np.testing.assert_allclose(found, [BOX, 100, 0, 0, *turn([0, 0, 1], 90), 100, 30, 10, 60], atol=1e-9)


def test_it_waits_ever_longer_and_never_too_long(module):
    waits = module.numbers("waits")
    most = np.minimum(0.5 * 2.0 ** np.arange(12), 15.0)
    assert ((waits <= most) & (waits >= 0.7 * most)).all() and len(np.unique(waits[-6:])) == 6


def test_sequencer_gives_back_the_path_that_it_was_given(module):
    memory = [100.0, -50, 20, *turn([0, 0, 1], 37), 2, 2, 2]
    count, rate_hz = 46, 30.0
    poses = [[10.0 * i, 3.0 * i, 50, *turn([0, 0, 1], 8.0 * i)] for i in range(count)]  # all the way round
    answer = module.call("sequencer", numbers=[*memory, *(x for i in range(count) for x in (5.0 + i / rate_hz, *poses[i]))])
    found = np.reshape(answer["numbers"], (-1, 8))
    np.testing.assert_allclose(found[:, 0], np.arange(count) / rate_hz, atol=1e-9)
    np.testing.assert_allclose(found[:, 1:4], [pose[:3] for pose in poses], atol=1e-6)
    turns = np.abs(np.sum(found[:, 4:] * [pose[3:] for pose in poses], axis=1))
    np.testing.assert_allclose(turns, 1.0, atol=1e-9)
    yaw = np.array([float(each) for each in answer["texts"]])
    np.testing.assert_allclose(np.diff(yaw), 8.0, atol=1e-4)  # keys go on beyond half a turn, so nothing spins back between two


def test_a_recorded_flight_is_played_again_in_the_world(module):
    memory = [30.0, 0, 0, *turn([0, 0, 1], 90), 1, 1, 1]
    poses = [[100.0 * i, 0, 7, *turn([0, 0, 1], 20.0 * i)] for i in range(5)]
    answer = module.call("play", numbers=[*memory, *np.ravel(poses)])
    assert answer["flag"]  # it said that it came to its end
    np.testing.assert_allclose(np.reshape(answer["numbers"], (-1, 7))[:, :3], [pose[:3] for pose in poses[1:]], atol=1e-4)


# ------------------------------------------------------------------------------------------------------------------- live


@pytest.fixture(scope="module")
def live(module, bridge):
    """A session with the lettered room, open in the module and shown."""
    seeded(bridge, "unreal")
    module.open(bridge.websocket, "unreal")
    module.wait_shown(0)
    return "unreal"


def sorted_rows(places):
    return places[np.lexsort(np.round(places, 3).T)]


def test_points_lie_where_the_server_says_and_move_with_the_actor(module, bridge, live):
    state = module.state()
    _, digest, points = head(bridge, live)
    assert (state["digest"], state["points"], state["shown"]) == (digest, points, points) and points > 10_000
    want = python_points(bridge, live, Engine.UNREAL)
    places, _, _ = module.points()
    np.testing.assert_allclose(rows(np.round(places, 2)), rows(np.round(want, 2)), atol=0.011)
    spin = turn([1, 1, 0], 50)
    module.numbers("place", [500, 0, 100], spin, [2, 2, 2])
    moved, _, _ = module.points()
    np.testing.assert_allclose(moved, places @ se3.rotation_from_quaternion(spin).T * 2 + [500, 0, 100], atol=1e-6)
    module.numbers("place", HOME)


async def las_of(bridge, session):
    client = SessionsClient(bridge.grpc)
    try:
        return b"".join([data async for data in client.export(session, "las")])
    finally:
        await client.close()


def test_the_exported_asset_lies_over_the_streamed_points(module, bridge, live):
    """The LiDAR importer makes (X, −Y, Z) · 100 of a file, its first point at the origin; restored, it lies over memory."""
    las = laspy.read(io.BytesIO(asyncio.run(las_of(bridge, live))))
    imported = las.xyz * [100.0, -100.0, 100.0]
    recentred = imported - imported[0]
    colours = np.stack([las.red, las.green, las.blue], axis=1) // 257
    places, shown, _ = module.points()
    distance, nearest = cKDTree(places).query(recentred + imported[0])
    assert len(places) == len(imported) and distance.max() < 0.1  # cm; a quarter voxel is more
    np.testing.assert_array_equal(shown[nearest], colours)
    # The cube of a metre stands where it stands: its top is seen at its own height, nothing lies within.
    low, high = np.sort(100 * np.array([M @ CUBE_LOW, M @ CUBE_HIGH]), axis=0)
    inside = ((places > low + 8) & (places < high - 8)).all(axis=1)
    top = (np.abs(places[:, 2] - high[2]) < 4) & (places[:, :2] > low[:2]).all(axis=1) & (places[:, :2] < high[:2]).all(axis=1)
    assert inside.mean() < 1e-3 and top.sum() > 50


def test_walls_with_letters_have_their_own_places(module, live):
    """Each wall's colour where the room has it: left is −y, forward +x, up +z."""
    places, colours, _ = module.points()
    for low, colour in (("left", (60, 150, 70)), ("right", (60, 80, 190)), ("back", (180, 60, 50))):
        at = {"left": places[:, 1] < -295, "right": places[:, 1] > 345, "back": places[:, 0] > 395}[low]
        assert at.sum() > 500
        ratio = np.median(colours[at], axis=0) / np.array(colour)
        assert ratio.max() / ratio.min() < 1.15, low  # a ramp of light lies over each


def test_an_edit_changes_its_own_clouds_alone_and_the_editors_undo_takes_it_back(module, bridge, live):
    before = module.state()
    places, _, insertions = module.points()
    box = [BOX, *(100 * M @ np.array([0.95, 0.55, 1.85])), *NOT_TURNED, 1, 1, 1, 110, 110, 110, 1]
    low, high = np.array(box[1:4]) - 55, np.array(box[1:4]) + 55
    module.numbers("commit", REMOVE, box)
    module.wait_event("said: Remove Region: revision")
    after = module.wait_shown(head(bridge, live)[0].number)
    left, _, now = module.points()
    gone = ((places > low) & (places < high)).all(axis=1)
    assert gone.sum() > 100 and not ((left > low + 2) & (left < high - 2)).all(axis=1).any()
    assert after["shown"] == after["points"] == head(bridge, live)[2] < before["points"]
    assert len(now) == len(insertions) and 0 < (now != insertions).sum() < len(now)
    np.testing.assert_allclose(rows(np.round(left, 2)), rows(np.round(python_points(bridge, live, Engine.UNREAL), 2)), atol=0.011)
    module.events.clear()
    module.call("editor undo")
    module.wait_event("said: Remove Region: taken back")
    assert module.wait_shown(head(bridge, live)[0].number)["digest"] == before["digest"]
    module.events.clear()
    module.call("editor redo")
    module.wait_event("said: Remove Region: revision")
    assert module.wait_shown(head(bridge, live)[0].number)["digest"] == after["digest"]


def test_the_editors_undo_leaves_what_came_after_alone(module, bridge, live):
    far = [SPHERE, *(100 * M @ np.array([-2.0, 0.8, 3.0])), *NOT_TURNED, 1, 1, 1, 1, 1, 1, 60]
    revision, code = module.ask("recolour", far)
    assert not code and revision > 0
    recoloured = module.wait_shown(revision)
    module.events.clear()
    module.call("editor undo")  # of the removal, which is not the newest any more
    module.wait_event("said: memory has changed since")
    assert module.wait_shown(revision)["digest"] == recoloured["digest"]
    undone, _ = module.ask("undo")
    module.wait_shown(undone)


def test_a_bake_lies_over_memory(module, live):
    places, colours, _ = module.points()
    baked, tinted, _ = module.points("bake")
    order, same = np.lexsort(np.round(places, 1).T), np.lexsort(np.round(baked, 1).T)
    distance, nearest = cKDTree(places[order]).query(baked[same])
    assert len(baked) == len(places) and distance.max() < 0.01
    np.testing.assert_array_equal(colours[order][nearest], tinted[same])


def test_a_clip_is_generated_and_its_frames_arrive_as_textures(module, live):
    def at(x):
        return [*(100 * M @ np.array([x, -0.3, -1.0])), *NOT_TURNED]

    before = module.state()["frames"]
    _, code = module.ask("generate", at(-0.3), at(0.3))
    assert not code
    state = module.wait(lambda s: s["frames"] >= before + 25, "the clip's frames")
    frame = cv2.imdecode(np.frombuffer(state["frame"], np.uint8), cv2.IMREAD_COLOR)
    assert frame.shape == (64, 96, 3) and frame.std() > 10
    assert module.ask("accept", 99)[1] == "NOT_FOUND"


def test_after_a_crash_of_the_server_only_what_differs_comes(module, bridge, live):
    before = module.wait_shown(0)
    bridge.kill()
    module.wait_event("disconnected")
    assert module.ask("undo")[1] == "UNAVAILABLE"
    bridge.start()
    module.events.clear()
    module.wait_event("resumed")
    after = module.wait_shown(before["synced"])
    assert (after["digest"], after["shown"]) == (before["digest"], before["shown"])


def test_captured_views_make_the_memory_that_was_seen(module, bridge):
    """The room as a scene capture reads it: BGRA with an alpha that means nothing, depth in centimetres."""
    seeded(bridge, "python-seeded")
    views = seed_views()
    k = camera((0, 0, 0), (0, 0, 1)).intrinsics
    poses, colours, depths = [], b"", b""
    for view in views:
        world = view.camera.world_from_camera
        poses += [*(100 * M @ world[:3, 3]), *se3.quaternion_from_rotation(M @ world[:3, :3] @ M.T)]
        colours += np.dstack([view.colour[..., ::-1], np.zeros_like(view.colour[..., :1])]).tobytes()
        depths += (view.depth_m * 100).astype("<f4").tobytes()
    module.open(bridge.websocket, "unreal-seeded")
    module.wait_shown(0)
    fov = np.degrees(2 * np.arctan(k.width / 2 / k.fx))
    revision, code = module.ask("seed", k.width, k.height, fov, poses, data=colours, more=depths)
    assert not code
    module.wait_shown(revision)
    found, tinted, _ = module.points()
    want = python_points(bridge, "python-seeded", Engine.UNREAL)
    assert len(found) == pytest.approx(len(want), rel=1e-2)  # faces on voxels' borders: 0.1 µm moves 0.6 % over
    distance, _ = cKDTree(want).query(found)
    assert np.quantile(distance, 0.999) < 1.0  # cm: poses went through degrees in single precision
    left = found[:, 1] < -295
    assert np.median(tinted[left], axis=0).argmax() == 1  # green is not blue's or red's neighbour by chance
    assert np.median(tinted[found[:, 1] > 345], axis=0).argmax() == 2
