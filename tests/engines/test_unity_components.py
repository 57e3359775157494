"""The maths of the Unity components, without a server: lenses, regions, paths, level of detail, transports."""

import itertools

import numpy as np
import pytest

from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.convert import parser, serialise
from spatia_bridge.wire.maps import pack, unpacker
from spatia_bridge.wire.packets import PacketReader, PacketWriter
from tests.engines.unity_scene import FLIP, decode, matrix

NONE, VERTICAL, HORIZONTAL, FILL, OVERSCAN = range(5)
SENSORS = [(36.0, 24.0), (24.0, 24.0), (10.0, 30.0)]
IMAGES = [(640, 480), (1920, 1080), (300, 700)]
BOX_CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))


def lens(unity, image, camera_image=None, fov=60.0, focal=0.0, sensor=(36.0, 24.0), shift=(0.0, 0.0), fit=HORIZONTAL):
    """fx, fy, cx, cy that Unity's side tells of a camera; physical if there is a focal length."""
    drawn = camera_image or image
    numbers = [float(focal > 0), fov, focal or 50.0, *sensor, *shift, float(fit), *map(float, drawn), *map(float, image)]
    answer = unity.call("intrinsics", numbers=numbers)
    assert answer["ok"]  # an orthographic camera has none
    np.testing.assert_allclose(answer["numbers"][4:], answer["numbers"][:4], rtol=1e-5)
    return np.array(answer["numbers"][:4])


def gate(image, sensor, fit):
    """Width and height, in millimetres, of the rectangle at the sensor that becomes the image."""
    aspect = image[0] / image[1]
    wide, high = (sensor[0], sensor[0] / aspect), (sensor[1] * aspect, sensor[1])
    smaller, larger = sorted((wide, high))
    return {NONE: sensor, VERTICAL: high, HORIZONTAL: wide, FILL: smaller, OVERSCAN: larger}[fit]


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("fov", [20.0, 60.0, 110.0])
def test_a_field_of_view_is_the_servers_own(unity, image, fov):
    want = Intrinsics.from_vertical_fov(np.radians(fov), *image)
    for drawn in (image, (500, 500)):
        np.testing.assert_allclose(lens(unity, image, drawn, fov), (want.fx, want.fy, want.cx, want.cy), rtol=1e-5)


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("fit", range(5))
def test_a_physical_camera_projects_as_its_gates_lie(unity, image, sensor, fit):
    """By geometry: a point's place on the sensor, in millimetres, is its place in the gate that becomes the image."""
    focal, shift = 35.0, np.array((0.1, -0.2))
    size = np.array(gate(image, sensor, fit))
    points = np.array([(-0.3, 0.2, 1.0), (0.5, -0.1, 2.0), (0.0, 0.0, 3.0)])  # Unity's: y is up
    at_sensor = focal * points[:, :2] / points[:, 2:] - shift * sensor
    want = (at_sensor / size * (1, -1) + 0.5) * image
    for drawn in (image, (500, 500)):  # by the engine's own matrix, and by the model where the camera draws another shape
        fx, fy, cx, cy = lens(unity, image, drawn, focal=focal, sensor=sensor, shift=tuple(shift), fit=fit)
        found = (points @ FLIP)[:, :2] / points[:, 2:] * (fx, fy) + (cx, cy)
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-2)


ANCHOR = [1.0, 2.0, -0.5, 0.2, 1.0, -0.3, 70.0, 2.0]
PLACED = [0.4, -1.0, 3.0, 1.0, 0.1, 0.4, 130.0, 1.5]
TARGET = [-2.0, 0.5, 1.0, 0.3, -1.0, 0.2, 40.0, 1.5]


def region(unity, sphere, size=(1.0, 2.0, 0.5), radius=0.7):
    answer = unity.call("region", numbers=[*ANCHOR, *PLACED, float(sphere), *size, radius, *TARGET])
    return decode(answer["packets"][0], msg.Region), decode(answer["packets"][1], msg.Pose)


def pose_matrix(pose):
    p, q = pose.position, pose.rotation
    axis = np.array((q.x, q.y, q.z))
    length = np.linalg.norm(axis)
    return matrix([p.x, p.y, p.z, *(axis if length > 0 else (0, 1, 0)), np.degrees(2 * np.arctan2(length, q.w)), 1.0])


def apply(transform, points):
    return points @ transform[:3, :3].T + transform[:3, 3]


def test_a_box_of_the_level_is_the_same_box_of_memory(unity):
    size = np.array((1.0, 2.0, 0.5))
    box = region(unity, False, tuple(size))[0].shape
    half = np.array((box.half_size.x, box.half_size.y, box.half_size.z))
    in_memory = apply(pose_matrix(box.pose), BOX_CORNERS * 2 * half)
    np.testing.assert_allclose(apply(matrix(ANCHOR), in_memory), apply(matrix(PLACED), BOX_CORNERS * size), atol=1e-5)


def test_a_ball_of_the_level_is_the_same_ball_of_memory(unity):
    ball = region(unity, True)[0].shape
    centre = np.array([(ball.centre.x, ball.centre.y, ball.centre.z)])
    np.testing.assert_allclose(apply(matrix(ANCHOR), centre)[0], PLACED[:3], atol=1e-5)
    assert ball.radius * ANCHOR[7] == pytest.approx(0.7 * PLACED[7], rel=1e-5)


def test_a_motion_carries_a_region_onto_its_copy(unity):
    _, motion = region(unity, False)
    here, anchor = BOX_CORNERS, matrix(ANCHOR)
    in_memory = apply(np.linalg.inv(anchor), apply(matrix(PLACED), here))
    moved = apply(anchor, apply(pose_matrix(motion), in_memory))
    np.testing.assert_allclose(moved, apply(matrix(TARGET), here), atol=1e-4)


def test_a_path_survives_a_clip_and_a_timeline(unity):
    turns = [(0.0, 0.0), (0.5, 20.0), (1.0, 55.0), (1.5, 60.0), (2.0, 90.0)]
    keys = [[time, time, 1.5, -0.3 * time, 0.1, 1.0, 0.0, degrees, 1.0] for time, degrees in turns]
    answer = unity.call("path", numbers=[number for key in keys for number in key])
    path, clip, director = (decode(data, msg.Trajectory).cameras for data in answer["packets"])
    assert len(path) == len(clip) == len(director) == 33
    for own, by_clip, by_director in zip(path, clip, director, strict=True):
        assert own.time_secs == by_clip.time_secs == by_director.time_secs
        np.testing.assert_allclose(pose_matrix(by_director.pose), pose_matrix(own.pose), atol=2e-2)  # resampled at 30 a second
        np.testing.assert_allclose(pose_matrix(by_clip.pose), pose_matrix(own.pose), atol=4e-2)  # a clip's curves are smooth
    for time, key in zip((0.0, 0.5, 1.0, 1.5, 2.0), keys, strict=True):
        np.testing.assert_allclose(pose_matrix(clip[round(time * 16)].pose), matrix(key[1:]), atol=1e-4)


def drawn(unity, chunks, detail, budget):
    numbers = unity.call("detail", numbers=[detail, float(budget), *map(float, np.ravel(chunks))])["numbers"]
    return numbers[0], np.array(numbers[1:])


@pytest.mark.parametrize("detail", [0.0, 0.05, 0.9, 8.0])
def test_level_of_detail_keeps_to_its_budget_and_prefers_what_is_near(unity, detail):
    rng = np.random.default_rng(4)
    chunks = np.stack([rng.integers(1, 262_144, 300), np.sort(rng.lognormal(0, 2, 300))], axis=1)
    total = chunks[:, 0].sum()
    for budget in (1000, total // 50, total // 3, 2 * total):
        coarser, counts = drawn(unity, chunks, detail, budget)
        assert counts.sum() <= budget and (counts >= 1).all() and (counts <= chunks[:, 0]).all() and coarser >= 1
        share = counts / chunks[:, 0]
        assert (np.diff(share) >= -1 / chunks[:, 0].min(initial=1)).all()
    if detail == 0:
        assert (counts == chunks[:, 0]).all()


def test_what_a_budget_allows_is_used(unity):
    chunks = [(10_000, 2.0)] * 50
    _, counts = drawn(unity, chunks, 0.9, 100_000)
    assert 99_000 <= counts.sum() <= 100_000


@pytest.mark.parametrize(
    ("address", "told"), [("http://a:1", "no transport for http"), ("what", "no address"), ("", "no address")]
)
def test_an_address_that_nothing_reaches_is_told(unity, address, told):
    (heard,) = unity.call("schemes", text=address)["events"]
    assert told in heard


def test_grpc_carries_what_the_session_says_and_hears(unity):
    large = msg.ClientMessage(9, msg.Seed(msg.View(colour=msg.Image(msg.ImageFormat.RAW, 1, 1, bytes(range(256)) * 1000))))
    client = [msg.ClientMessage(1, msg.Hello(1, "unity")), large, msg.ClientMessage(3, msg.Undo())]
    writer = PacketWriter(msg.ClientMessage)
    packets = [packet for message in client for packet in writer.packets(message)]
    server = [msg.ServerMessage(0, msg.Pong(4)), msg.ServerMessage(3, msg.TakeFrame(1, 2, msg.Image(data=bytes(300_000))))]
    answer = unity.call(
        "grpc", packets=packets + [serialise(each) for each in server], numbers=[float(len(packets)), float(len(client))]
    )
    assert answer["ok"], answer["events"]  # the client's side was completed, the call given back
    assert answer["events"][:3] == ["http://somewhere:1", "DuplexStreaming /spatia.v1.Bridge/Connect", "open"]
    read = [parser(msg.ClientMessage)(data) for data in answer["packets"][: len(client)]]
    assert read == client
    reader = PacketReader(msg.ServerMessage)
    heard = [message for packet in answer["packets"][len(client) :] if (message := reader.add(packet))]
    assert heard == server


def test_messages_of_the_driver_are_the_protocols(unity):
    """The driver hands out what C# writes; Python's own codec reads it, so a name that differs would show."""
    box = region(unity, False)[0]
    assert unpacker(msg.Region)(pack(box)) == box
