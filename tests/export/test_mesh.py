"""The surface of the lettered room: where its walls are, facing into it, coloured as they are."""

import io
from dataclasses import replace

import numpy as np
import pygltflib
import pytest
import trimesh

from spatia_bridge.export import gltf
from spatia_bridge.export.mesh import ColliderExporter, MeshExporter
from spatia_bridge.export.surface import extract_surface
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory.record import FLAG_BACKDROP
from tests.clouds import snapshot_of
from tests.engines.lettered_room import CUBE_HIGH, CUBE_LOW, HIGH, LOW
from tests.export.scenes import AXES, lettered_room

GLTF = AXES["gltf"]


def load(data):
    return next(iter(trimesh.load(io.BytesIO(data), file_type="glb", process=False).geometry.values()))


def small(exporter):
    pieces = []
    exporter.write(lettered_room(), Engine.OPENCV, pieces.append)
    return b"".join(pieces)


def distance_to_room(points):
    """How far points (N, 3), OpenCV axes, are from the room's walls or the cube's faces."""
    walls = np.minimum(np.abs(points - LOW), np.abs(points - HIGH)).min(axis=1)
    outside = np.maximum(np.maximum(CUBE_LOW - points, points - CUBE_HIGH), 0)
    inside = np.minimum(points - CUBE_LOW, CUBE_HIGH - points).min(axis=1)
    cube = np.where(inside > 0, inside, np.linalg.norm(outside, axis=1))
    return np.minimum(walls, cube)


@pytest.fixture(scope="module")
def mesh():
    return load(small(MeshExporter(20_000, 40_000)))


def test_the_surface_is_where_the_walls_are(mesh):
    away = distance_to_room(mesh.vertices @ GLTF)
    assert np.percentile(away, 90) < 0.05 and np.percentile(away, 99) < 0.2
    floor_m2 = (HIGH - LOW)[0] * (HIGH - LOW)[2]
    assert mesh.area > 2 * floor_m2  # floor and ceiling and what was seen of the walls


def test_it_faces_the_cameras(mesh):
    """From a place within, most of what is seen is seen from its front."""
    centre = np.array([0.2, -0.8, -1.0]) @ GLTF.T
    towards = centre - mesh.triangles_center
    facing = (mesh.face_normals * towards).sum(axis=1) > 0
    walls = np.abs(mesh.triangles_center @ GLTF - np.array([0.95, 0.5, 1.85])).max(axis=1) > 0.7  # the cube has a far side
    assert np.average(facing[walls], weights=mesh.area_faces[walls]) > 0.97


def test_colours_are_linear_ones_of_the_walls():
    document = pygltflib.GLTF2().load_from_bytes(small(MeshExporter(20_000, 40_000)))
    colour, blob = document.accessors[2], document.binary_blob()
    places = np.ndarray((colour.count, 3), "<f4", blob, 0, (20, 4)) @ GLTF
    linear = np.ndarray((colour.count, 3), "<u2", blob, colour.byteOffset, (20, 2))
    for axis, end, rgb in ((0, LOW, (60, 150, 70)), (0, HIGH, (60, 80, 190)), (2, HIGH, (180, 60, 50))):
        near = np.abs(places[:, axis] - end[axis]) < 0.06
        srgb = np.searchsorted(gltf.LINEAR16_FROM_SRGB, np.median(linear[near], axis=0))
        assert np.linalg.norm(srgb - rgb) < 50, (axis, srgb)


def test_the_collider_is_the_same_surface_in_few_triangles(mesh):
    data = small(ColliderExporter(2_000, 20_000))
    collider = load(data)
    assert b'"memory-colonly"' in data and b"COLOR_0" not in data
    assert len(collider.faces) <= 2_000 < len(mesh.faces) <= 20_000
    assert np.percentile(distance_to_room(collider.vertices @ GLTF), 90) < 0.1
    np.testing.assert_allclose(collider.bounds, mesh.bounds, atol=0.1)


def test_the_same_memory_gives_the_same_mesh():
    assert small(ColliderExporter(2_000, 5_000)) == small(ColliderExporter(2_000, 5_000))


def test_fewer_cells_give_larger_triangles_of_the_same_surface():
    fine, coarse = (extract_surface(lettered_room(), cells) for cells in (40_000, 4_000))
    assert len(coarse.triangles) < len(fine.triangles) / 4
    assert np.percentile(distance_to_room(coarse.points_world), 80) < 0.2


def test_the_backdrop_is_no_surface():
    u, v = np.meshgrid(np.arange(0, 3, 0.05), np.arange(0, 3, 0.05))
    wall = np.stack([u.ravel(), v.ravel(), np.full(u.size, 1.01)], axis=1)
    near = snapshot_of(wall, np.full((len(wall), 3), 90))
    far = snapshot_of(wall + (0, 0, 32 * 3.2), np.full((len(wall), 3), 90))
    flagged = {}
    for index, chunk in far.chunks.items():
        records = chunk.records.copy()
        records["flags"] |= FLAG_BACKDROP
        flagged[index] = type(chunk)(index, records)
    both = replace(near).with_changes(flagged)
    assert extract_surface(both, 10_000).points_world[:, 2].max() < 2
