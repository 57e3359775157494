"""Trajectory files: what is written is read, in any engine's axes; what is not as documented is an error that says where."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError, SpatiaError
from spatia_bridge.geometry import trajectory_io as io
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import Trajectory
from tests.worlds import camera, intrinsics

PATH = Trajectory(
    tuple(camera(eye=(x, -0.5 - x / 9, -3), target=(0.3, x, 1)) for x in np.linspace(-1, 2, 7)),
    (0.0, 0.1, 0.25, 1 / 3, 2.0, 100.0, 1e6 + 1e-3),
)
K = intrinsics()


def assert_same(found, expected):
    assert found.times_secs == expected.times_secs
    for one, other in zip(found.cameras, expected.cameras, strict=True):
        np.testing.assert_allclose(one.world_from_camera, other.world_from_camera, atol=1e-12)
        assert one.intrinsics == other.intrinsics


@pytest.mark.parametrize("engine", Engine)
def test_json_comes_back_from_every_engine(engine):
    data = io.write_trajectory(PATH, "json", engine)
    assert_same(io.read_trajectory(data, "json"), PATH)
    plain = json.loads(data)
    assert (plain["engine"], plain["intrinsics"]["width"]) == (engine.value, 96)
    np.testing.assert_allclose(plain["poses"][0][1:4], engine.convention.points_from_world(PATH.cameras[0].position_world))


def test_tum_comes_back():
    data = io.write_trajectory(PATH, "tum")
    assert_same(io.read_trajectory(data, "tum", K), PATH)
    assert data.startswith(b"# timestamp tx ty tz qx qy qz qw")


def test_a_tum_file_of_others():
    data = b"\xef\xbb\xbf# made elsewhere\r\n\r\n1305031102.1758 1.3405 0.6266 1.6575 0.6574 0.6126 -0.2949 -0.3248\r\n"
    data += b"  1305031102.2113\t1.3303 0.6256 1.6464 0.6579 0.6161 -0.2932 -0.3189  \r\n"
    found = io.read_tum(data, K)
    assert found.duration_secs == pytest.approx(0.0355, abs=1e-6)
    np.testing.assert_allclose(found.cameras[0].position_world, [1.3405, 0.6266, 1.6575])


GOOD = "0 0 0 0 0 0 0 1"


@pytest.mark.parametrize(
    ("text", "error", "where"),
    [
        ("", InvalidInputError, "0 poses"),
        ("# nothing\n", InvalidInputError, "0 poses"),
        ("0 0 0 0 0 0 1", CodecError, "line 1"),
        (f"{GOOD}\n1 0 0 0 0 0 0 1 5", CodecError, "line 2"),
        ("zero 0 0 0 0 0 0 1", CodecError, "line 1"),
        ("0,0,0,0,0,0,0,1", CodecError, "line 1"),
        (f"#\n{GOOD}\n1 nan 0 0 0 0 0 1", CodecError, "line 3"),
        ("inf 0 0 0 0 0 0 1", CodecError, "line 1"),
        (f"{GOOD}\n{GOOD}", InvalidInputError, "line 2"),
        (f"{GOOD}\n-1 0 0 0 0 0 0 1", InvalidInputError, "line 2"),
        ("0 0 0 0 0 0 0 0", InvalidInputError, "line 1"),
        ("0 0 0 0 1 1 1 1", InvalidInputError, "line 1"),
        ("0 1e9 0 0 0 0 0 1", InvalidInputError, "line 1"),
    ],
)
def test_bad_tum_files_say_which_line(text, error, where):
    with pytest.raises(error, match=where) as caught:
        io.read_tum(text.encode(), K)
    assert caught.value.remedy


def changed(**fields):
    return {**json.loads(io.write_json(PATH)), **fields}


@pytest.mark.parametrize(
    ("plain", "error"),
    [
        ([], CodecError),
        ({}, CodecError),
        (changed(more=1), CodecError),
        (changed(format="other"), CodecError),
        (changed(version=2), CodecError),
        (changed(engine="maya"), InvalidInputError),
        (changed(engine=["unity"]), InvalidInputError),
        (changed(intrinsics=None), CodecError),
        (changed(intrinsics={**changed()["intrinsics"], "fx": "9"}), CodecError),
        (changed(intrinsics={**changed()["intrinsics"], "width": 9.5}), CodecError),
        (changed(intrinsics={**changed()["intrinsics"], "fx": -9}), InvalidInputError),
        (changed(intrinsics={**changed()["intrinsics"], "width": 10**9}), InvalidInputError),
        (changed(poses={}), CodecError),
        (changed(poses=[]), InvalidInputError),
        (changed(poses=[[0] * 8]), InvalidInputError),
        (changed(poses=[[0, 0, 0, 0, 0, 0, True, 1]]), CodecError),
        (changed(poses=[[0, 0, 0, 0, 0, 0, None, 1]]), CodecError),
        (changed(poses=["00000001"]), CodecError),
        (changed(poses=[[10**400, 0, 0, 0, 0, 0, 0, 1]]), CodecError),
    ],
)
def test_bad_json_files(plain, error):
    with pytest.raises(error) as caught:
        io.read_json(json.dumps(plain).encode())
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["[" * 100_000, '{"poses": NaN}', "9" * 10_000, "null", "\ud800"])
def test_hostile_json(text):
    with pytest.raises(CodecError):
        io.read_json(text.encode(errors="surrogatepass"))


def test_bounds(monkeypatch):
    monkeypatch.setattr(io, "MAX_POSES", 3)
    for data, format in ((io.write_tum(PATH), "tum"), (io.write_json(PATH), "json")):
        with pytest.raises(LimitExceededError, match="more than 3"):
            io.read_trajectory(data, format, K)
    monkeypatch.setattr(io, "MAX_FILE_BYTES", 10)
    with pytest.raises(LimitExceededError, match="bytes"):
        io.read_json(bytes(11))


def test_formats():
    with pytest.raises(InvalidInputError, match="csv"):
        io.read_trajectory(b"", "csv")
    with pytest.raises(InvalidInputError, match="csv"):
        io.write_trajectory(PATH, "csv")
    with pytest.raises(InvalidInputError, match="intrinsics"):
        io.read_trajectory(b"", "tum")


@given(st.binary(max_size=200) | st.text().map(str.encode), st.sampled_from(io.FORMATS))
def test_any_bytes_are_a_trajectory_or_a_documented_error(data, format):
    try:
        io.read_trajectory(data, format, K)
    except SpatiaError as error:
        assert isinstance(error, InvalidInputError | LimitExceededError) and error.remedy
