"""Every engine's axes against the table of the engines' own documentation, and the laws they obey."""

import numpy as np
import pytest

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Engine

# engine, where the world's point (1, 2, 3) m lies, what the quaternion (x, y, z, w) of the world becomes, is it mirrored
TABLE = [
    (Engine.OPENCV, (1, 2, 3), lambda x, y, z, w: (x, y, z, w), False),
    (Engine.UNITY, (1, -2, 3), lambda x, y, z, w: (-x, y, -z, w), True),
    (Engine.GODOT, (1, -2, -3), lambda x, y, z, w: (x, -y, -z, w), False),
    (Engine.UNREAL, (300, 100, -200), lambda x, y, z, w: (-z, -x, y, w), True),
]


@pytest.mark.parametrize(("engine", "point", "turn", "mirrored"), TABLE)
def test_points_and_rotations_follow_the_table(engine, point, turn, mirrored):
    convention = engine.convention
    assert convention.mirrored is mirrored
    np.testing.assert_allclose(convention.points_from_world([1, 2, 3]), point)
    world = se3.look_at((1, 2, 3), (-2, 0.5, 7))
    position, quaternion = convention.pose_from_world(world)
    expected = np.array(turn(*se3.quaternion_from_rotation(world[:3, :3])))
    assert abs(quaternion @ expected) == pytest.approx(1)
    np.testing.assert_allclose(position, point)


@pytest.mark.parametrize("engine", Engine)
def test_poses_come_back(engine):
    world = se3.look_at((1, -2, 3), (-2, 0.5, 7))
    np.testing.assert_allclose(engine.convention.world_pose(*engine.convention.pose_from_world(world)), world, atol=1e-12)


@pytest.mark.parametrize("engine", Engine)
def test_a_camera_maps_like_any_point(engine):
    """What lies before the camera lies, for the engine, along the camera's own forward axis."""
    convention = engine.convention
    world = se3.look_at((1, -2, 3), (-2, 0.5, 7))
    ahead_world = se3.transform(world, [0.3, -0.2, 5.0])
    position, quaternion = convention.pose_from_world(world)
    local = convention.points_from_world([0.3, -0.2, 5.0])
    np.testing.assert_allclose(
        position + se3.rotation_from_quaternion(quaternion) @ local, convention.points_from_world(ahead_world), atol=1e-9
    )


@pytest.mark.parametrize("engine", Engine)
def test_chunk_space_is_quarter_voxels(engine):
    affine = engine.convention.client_from_chunk(0.08)
    found = affine @ np.array([4 * 10.0, 4 * 20.0, 4 * 30.0, 1.0])
    np.testing.assert_allclose(found, engine.convention.points_from_world([0.8, 1.6, 2.4]))


@pytest.mark.parametrize("engine", Engine)
def test_a_motion_moves_engine_points_as_it_moves_world_points(engine):
    """p_to = T p in the world is R'p' + t' in the engine's axes and units, whatever the engine."""
    convention = engine.convention
    motion = se3.look_at((0.4, -1.0, 2.0), (-2, 0.5, 7))
    translation, quaternion = convention.motion_from_world(motion)
    points_world = np.random.default_rng(1).normal(size=(20, 3))
    moved = convention.points_from_world(points_world) @ se3.rotation_from_quaternion(quaternion).T + translation
    np.testing.assert_allclose(moved, convention.points_from_world(se3.transform(motion, points_world)), atol=1e-9)
    np.testing.assert_allclose(convention.world_motion(translation, quaternion), motion, atol=1e-12)


@pytest.mark.parametrize("engine", Engine)
def test_directions_have_no_units(engine):
    convention = engine.convention
    direction = np.array([0.3, 0.9, -0.1])
    there = convention.directions_from_world(direction)
    np.testing.assert_allclose(np.linalg.norm(there), np.linalg.norm(direction))
    np.testing.assert_allclose(convention.world_from_directions(there), direction)
    np.testing.assert_allclose(there * convention.units_per_metre, convention.points_from_world(direction))
