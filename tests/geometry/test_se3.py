"""Laws of rigid transforms and quaternions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry import se3

unit = st.floats(-1, 1, allow_nan=False)


@st.composite
def poses(draw):
    q = np.array([draw(unit) for _ in range(4)])
    if np.linalg.norm(q) < 0.1:
        q = np.array([0.0, 0, 0, 1])
    return se3.from_parts(se3.rotation_from_quaternion(q), [10 * draw(unit) for _ in range(3)])


@given(poses(), poses())
def test_inverse_and_composition(a_from_b, b_from_c):
    np.testing.assert_allclose(se3.inverse(a_from_b) @ a_from_b, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(se3.inverse(a_from_b @ b_from_c), se3.inverse(b_from_c) @ se3.inverse(a_from_b), atol=1e-12)
    points = np.arange(12.0).reshape(4, 3)
    together = se3.transform(a_from_b @ b_from_c, points)
    np.testing.assert_allclose(together, se3.transform(a_from_b, se3.transform(b_from_c, points)), atol=1e-9)


@given(poses())
def test_quaternion_round_trip(pose):
    q = se3.quaternion_from_rotation(pose[:3, :3])
    assert q[3] >= 0
    assert np.linalg.norm(q) == pytest.approx(1)
    np.testing.assert_allclose(se3.rotation_from_quaternion(q), pose[:3, :3], atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_survive_the_round_trip(axis):
    rotation = -np.eye(3)
    rotation[axis, axis] = 1
    np.testing.assert_allclose(se3.rotation_from_quaternion(se3.quaternion_from_rotation(rotation)), rotation, atol=1e-12)


@given(poses(), poses(), st.floats(0, 1))
def test_interpolation_meets_its_ends_and_stays_rigid(start, end, fraction):
    np.testing.assert_allclose(se3.interpolate(start, end, 0.0), start, atol=1e-9)
    np.testing.assert_allclose(se3.interpolate(start, end, 1.0), end, atol=1e-9)
    se3.as_rigid(se3.interpolate(start, end, fraction))


@given(poses(), poses(), st.floats(0.01, 0.99))
def test_slerp_goes_at_constant_speed(start, end, fraction):
    middle = se3.interpolate(start, end, fraction)

    def angle(a, b):
        cosine = (np.trace(a[:3, :3].T @ b[:3, :3]) - 1) / 2
        return np.arccos(np.clip(cosine, -1, 1))

    if 1e-3 < angle(start, end) < 3.1:
        assert angle(start, middle) == pytest.approx(fraction * angle(start, end), abs=1e-5)


@settings(max_examples=50)
@given(poses())
def test_look_at_looks_there(pose):
    eye, target = pose[:3, 3], pose[:3, 3] + pose[:3, 2] * 3
    found = se3.look_at(eye, target)
    np.testing.assert_allclose(found[:3, 2], pose[:3, 2], atol=1e-9)
    se3.as_rigid(found)


@pytest.mark.parametrize(
    "matrix",
    [
        np.full((4, 4), np.nan),
        np.eye(4) * 2,
        np.diag([1.0, 1, -1, 1]),
        np.eye(3),
        np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 0, 0, 1e9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1.0]]),
        "no pose",
        None,
    ],
)
def test_what_is_not_a_pose_is_refused(matrix):
    with pytest.raises(InvalidInputError) as caught:
        se3.as_rigid(matrix)
    assert caught.value.remedy


def test_float32_poses_are_mended():
    pose = se3.look_at((1, 2, 3), (4, 3, 9)).astype(np.float32)
    mended = se3.as_rigid(pose)
    np.testing.assert_allclose(mended[:3, :3] @ mended[:3, :3].T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(mended, pose, atol=1e-6)
