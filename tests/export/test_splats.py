import numpy as np
import pytest
from plyfile import PlyData

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.export.batches import batches
from spatia_bridge.export.surfels import _least_axis, surfels, turn_z_to
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Engine
from tests.clouds import snapshot_of
from tests.export.scenes import AXES, VOXEL, random_snapshot, written


def plane(normal, voxel=VOXEL):
    """A square of 2 m across the origin, sampled about twice a voxel."""
    n = np.array(normal, float) / np.linalg.norm(normal)
    a = np.linalg.svd(n[None])[2][1:]
    u, v = np.meshgrid(*[np.arange(-1, 1, voxel / 2)] * 2)
    points = u.reshape(-1, 1) * a[0] + v.reshape(-1, 1) * a[1]
    return n, snapshot_of(points + 1.6, np.full((len(points), 3), 128), voxel)


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, -2, 3), (-1, -1, -1)])
def test_splats_lie_in_the_surface(normal):
    n, snapshot = plane(normal)
    (batch,) = batches(snapshot)
    found, spread = surfels(batch)
    inner = np.abs(batch.points_world - 1.6).max(axis=1) < 0.6
    # quantised to voxels' quarters, and one-sided at a chunk's border
    assert np.mean(np.abs(found[inner] @ n) > np.cos(np.radians(12))) > 0.97
    assert np.median(spread[inner, 1]) < 0.35 * np.median(spread[inner, 0])
    assert (spread[:, 1] <= spread[:, 0]).all() and np.median(spread[:, 0]) == pytest.approx(VOXEL / 2)


def test_a_lone_point_is_round():
    (batch,) = batches(snapshot_of(np.array([[0.5, 0.5, 0.5]]), np.array([[1, 2, 3]]), VOXEL))
    _, spread = surfels(batch)
    assert spread[0, 0] == spread[0, 1] == np.float32(VOXEL / 2)


def test_the_least_axis_is_the_one_that_lapack_finds():
    rng = np.random.default_rng(0)
    for _ in range(500):
        root = rng.normal(size=(3, 3)) * rng.uniform(0.01, 1, 3)
        c = root.T @ root
        least, middle, *axis = _least_axis((c[0, 0], c[1, 1], c[2, 2]), (c[0, 1], c[0, 2], c[1, 2]))
        values, vectors = np.linalg.eigh(c)
        np.testing.assert_allclose([least, middle], values[:2], atol=1e-10)
        assert abs(np.dot(vectors[:, 0], axis)) == pytest.approx(1, abs=1e-8)


def test_the_turn_takes_z_to_the_normal():
    rng = np.random.default_rng(1)
    normals = rng.normal(size=(200, 3))
    normals = np.vstack([normals / np.linalg.norm(normals, axis=1, keepdims=True), np.eye(3), -np.eye(3)]).astype(np.float32)
    for n, q in zip(normals, turn_z_to(normals), strict=True):
        np.testing.assert_allclose(se3.rotation_from_quaternion(q)[:, 2], n, atol=1e-5)
        assert q[3] >= 0


@pytest.mark.parametrize("engine", ["opencv", "unity", "unreal"])
def test_the_ply_has_the_reference_layout_in_the_engines_axes(tmp_path, engine):
    n, snapshot = plane((1, -2, 3))
    path = tmp_path / "a.ply"
    path.write_bytes(written("splat", snapshot, Engine(engine)))
    rows = PlyData.read(path)["vertex"]
    names = [p.name for p in rows.properties]
    rest = [f"f_rest_{i}" for i in range(45)]
    expected = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity"]
    assert names == [*expected, *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
    unit = np.abs(AXES[engine]).max()
    turned = AXES[engine] @ n / unit
    turns = np.stack([rows[f"rot_{i}"] for i in (1, 2, 3, 0)], axis=1)
    thin = [se3.rotation_from_quaternion(turn)[:, 2] @ turned for turn in turns]
    assert np.median(np.abs(thin)) > np.cos(np.radians(8))
    assert np.median(np.exp(rows["scale_0"])) == pytest.approx(unit * VOXEL / 2, rel=1e-4)
    assert np.exp(rows["scale_2"]).mean() < np.exp(rows["scale_0"]).mean() / 2
    assert 1 / (1 + np.exp(-rows["opacity"][0])) == pytest.approx(0.95) and not any(np.any(rows[name]) for name in rest)


def test_points_without_a_surface_make_no_mesh():
    with pytest.raises(InvalidInputError, match="too far apart"):
        written("mesh", random_snapshot(5))
