import struct

import av
import numpy as np
import pygltflib
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.video import write_video
from spatia_bridge.export.camera_path import write_camera_path
from spatia_bridge.export.credentials import TRAINED, UNTRAINED, mark_generated, xmp_packet
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.trajectory import Trajectory, trajectory_of
from tests.export.scenes import AXES
from tests.worlds import camera, intrinsics


def turning(steps=9):
    """All round about the vertical, so that quaternions change their sign on the way."""
    angles = np.linspace(0, 2 * np.pi, steps)
    cameras = [camera((np.sin(a), -0.4, np.cos(a)), (0, 0.2 * np.cos(a), 0)) for a in angles]
    return Trajectory(tuple(cameras), tuple(5.0 + np.cumsum(np.arange(steps) + 1) / 10))


def read(data):
    document = pygltflib.GLTF2().load_from_bytes(data)
    blob = document.binary_blob()
    widths = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}

    def values(number):
        accessor = document.accessors[number]
        view = document.bufferViews[accessor.bufferView]
        return np.frombuffer(blob, "<f4", accessor.count * widths[accessor.type], view.byteOffset).reshape(accessor.count, -1)

    animation = document.animations[0]
    targets = {channel.target.path: animation.samplers[channel.sampler] for channel in animation.channels}
    assert targets["translation"].input == targets["rotation"].input
    sampler = targets["translation"]
    return document, values(sampler.input)[:, 0], values(sampler.output), values(targets["rotation"].output)


def test_a_camera_path_is_an_animated_gltf_camera():
    path = turning()
    document, times, places, turns = read(write_camera_path(path))
    np.testing.assert_allclose(times, np.array(path.times_secs) - path.times_secs[0], atol=1e-6)
    assert document.accessors[0].min == [0.0] and document.accessors[0].max == [float(times[-1])]
    m = AXES["gltf"]
    for place, turn, each in zip(places, turns, path.cameras, strict=True):
        np.testing.assert_allclose(place, m @ each.position_world, atol=1e-6)
        rotation = se3.rotation_from_quaternion(turn)
        forward, down = each.world_from_camera[:3, 2], each.world_from_camera[:3, 1]
        np.testing.assert_allclose(-rotation[:, 2], m @ forward, atol=1e-6)  # glTF looks along −z with y up
        np.testing.assert_allclose(rotation[:, 1], -m @ down, atol=1e-6)
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0).all()  # a linear sampler goes the short way
    lens = document.cameras[0].perspective
    assert lens.yfov == pytest.approx(2 * np.arctan(32 / 86.4)) and lens.aspectRatio == pytest.approx(1.5)
    assert document.cameras[0].extras["fx"] == intrinsics().fx


def test_one_pose_is_a_camera_that_stands_still():
    _, times, places, turns = read(write_camera_path(trajectory_of([camera()])))
    assert times.tolist() == [0.0] and len(places) == len(turns) == 1


def test_a_camera_that_is_not_finite_never_becomes_a_path():
    pose = np.eye(4)
    pose[0, 3] = np.nan
    with pytest.raises(InvalidInputError):
        Camera(intrinsics(), pose)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "take.mp4"
    rng = np.random.default_rng(0)
    write_video(path, [rng.integers(0, 255, (32, 48, 3), np.uint8) for _ in range(5)], 16)
    return path


def boxes(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size
    assert at == len(data)


@pytest.mark.parametrize(("generator", "source"), [("tiny", TRAINED), ("reproject", UNTRAINED)])
def test_the_statement_is_in_the_box_for_xmp_and_the_video_plays(video, generator, source):
    before = video.read_bytes()
    mark_generated(video, generator)
    data = video.read_bytes()
    assert data.startswith(before)
    (packet,) = [body for kind, body in boxes(data) if kind == b"uuid"]
    assert packet[:16].hex() == "be7acfcb97a942e89c71999491e3afac" and packet[16:] == xmp_packet(generator)
    assert source.encode() in packet and generator.encode() in packet
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_what_is_no_mp4_is_not_touched(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"RIFF....AVI ")
    with pytest.raises(InvalidInputError, match="no MP4"):
        mark_generated(path, "tiny")
    assert path.read_bytes() == b"RIFF....AVI "
