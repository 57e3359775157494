"""What we wrote comes back; what others wrote is read; what is absurd is refused before anything is made of it."""

import io
import json
import struct

import laspy
import numpy as np
import open3d as o3d
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData, PlyElement

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError, NotFoundError, SpatiaError, StoreError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.importing import points as points_module
from spatia_bridge.importing import read_points, spacing_m
from spatia_bridge.memory import Snapshot
from spatia_bridge.memory.edits import InsertPoints
from tests.engines.lettered_room import CUBE_HIGH, CUBE_LOW
from tests.export.scenes import AXES, VOXEL, lettered_room, points_of, random_snapshot, written


def read(tmp_path, data, engine=Engine.OPENCV):
    path = tmp_path / "file"
    path.write_bytes(data)
    found = list(read_points(path, engine))
    return np.concatenate([b.points_world for b in found]), np.concatenate([b.rgb for b in found]), found


@pytest.mark.parametrize(
    ("name", "engine"), [("ply", "unity"), ("ply", "unreal"), ("las", "unity"), ("glb", "unity"), ("splat", "godot")]
)
def test_what_was_exported_comes_back(tmp_path, name, engine):
    snapshot = random_snapshot()
    places, rgb, found = read(tmp_path, written(name, snapshot, Engine(engine)), Engine(engine))
    expected, colours = points_of(snapshot)
    np.testing.assert_allclose(places, expected, atol=VOXEL / 80)
    np.testing.assert_array_equal(rgb, colours)
    if name == "splat":
        np.testing.assert_allclose(np.concatenate([b.diameters_m for b in found]), VOXEL, rtol=1e-4)


@pytest.mark.parametrize("name", ["ply", "las", "glb"])
def test_the_lettered_room_is_inserted_where_it_was(tmp_path, name):
    """Out to a file for Unreal, in again as memory: the cube and its colours stand where they stood."""
    (batch,) = read(tmp_path, written(name, lettered_room(), Engine.UNREAL), Engine.UNREAL)[2]
    inserted = InsertPoints(batch.points_world, batch.rgb, np.array(spacing_m(batch.points_world))).apply(Snapshot(0.5))
    assert inserted.voxel_size_m == pytest.approx(spacing_m(batch.points_world))  # an empty scene takes the points' own size
    places, colours = points_of(inserted)
    before, was = points_of(lettered_room())
    assert len(places) > 0.5 * len(before)
    tree = o3d.geometry.KDTreeFlann(before.T)
    step = 0.87 * inserted.voxel_size_m / 4 + 1e-3
    for place, colour in zip(places[::97], colours[::97], strict=True):
        _, near, squared = tree.search_knn_vector_3d(place, 4)
        assert squared[0] ** 0.5 < step
        assert min(np.abs(was[i].astype(int) - colour).max() for i, s in zip(near, squared, strict=True) if s**0.5 < step) == 0
    cube = places[np.abs(colours.astype(int) - (240, 230, 120)).max(axis=1) < 20]
    assert (cube > CUBE_LOW - 0.1).all() and (cube < CUBE_HIGH + 0.1).all() and len(cube) > 50


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_ply_of_other_makers(tmp_path, text, order):
    rng = np.random.default_rng(0)
    rows = np.zeros(50, [("nx", "f4"), ("y", "f8"), ("z", "f8"), ("x", "f8"), ("red", "u2"), ("green", "u2"), ("blue", "u2")])
    for axis in "xyz":
        rows[axis] = rng.normal(size=50)
    rows["red"], rows["blue"] = 65535, rng.integers(0, 65535, 50)
    faces = np.array([([0, 1, 2],)], [("vertex_indices", "O")])
    out = io.BytesIO()
    elements = [PlyElement.describe(rows, "vertex"), PlyElement.describe(faces, "face")]
    PlyData(elements, text=text, byte_order=order, comments=["made elsewhere"]).write(out)
    places, rgb, _ = read(tmp_path, out.getvalue(), Engine.UNITY)
    np.testing.assert_allclose(places, np.stack([rows["x"], -rows["y"], rows["z"]], axis=1), rtol=1e-9)
    np.testing.assert_allclose(rgb, np.stack([rows["red"], rows["green"], rows["blue"]], axis=1) / 257, atol=0.5)


@pytest.mark.parametrize(("form", "version"), [(0, "1.2"), (2, "1.2"), (3, "1.3"), (7, "1.4"), (8, "1.4")])
def test_las_of_other_makers(tmp_path, form, version):
    las = laspy.LasData(laspy.LasHeader(point_format=form, version=version))
    las.header.offsets, las.header.scales = (100.0, -20.0, 3.0), (0.01, 0.02, 0.005)
    rng = np.random.default_rng(0)
    las.x, las.y, las.z = (rng.uniform(-30, 30, 40) for _ in range(3))
    las.intensity = rng.integers(0, 256, 40)
    if form >= 2:
        las.red, las.green, las.blue = (rng.integers(0, 65536, 40) for _ in range(3))
    out = io.BytesIO()
    las.write(out)
    places, rgb, _ = read(tmp_path, out.getvalue())
    np.testing.assert_allclose(places @ AXES["z_up"].T, las.xyz, atol=1e-9)
    expected = (
        np.stack([las.red, las.green, las.blue], axis=1) >> 8 if form >= 2 else np.repeat(las.intensity[:, None], 3, axis=1)
    )
    np.testing.assert_array_equal(rgb, expected)


def test_a_gltf_scene_of_other_makers(tmp_path):
    """A box and a cloud in nodes that turn, shift and scale; triangles become points evenly over them."""
    box = trimesh.creation.box((2.0, 1.0, 0.5))
    box.visual = trimesh.visual.TextureVisuals(material=trimesh.visual.material.PBRMaterial(baseColorFactor=(255, 0, 0, 255)))
    turned = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0))
    turned[:3, 3] = (10, 0, 0)
    scene = trimesh.Scene()
    scene.add_geometry(box, transform=turned)
    cloud = np.array([[0.0, 1, 2], [3, 4, 5]])
    scene.add_geometry(trimesh.PointCloud(cloud, colors=[[255, 255, 255, 255]] * 2))
    _, _, found = read(tmp_path, scene.export(file_type="glb"))
    points = next(b for b in found if len(b.points_world) == 2)
    np.testing.assert_allclose(points.points_world @ AXES["gltf"].T, cloud, atol=1e-6)
    sampled = next(b for b in found if len(b.points_world) > 2)
    places = sampled.points_world @ AXES["gltf"].T
    np.testing.assert_allclose([places.min(axis=0), places.max(axis=0)], [(9.75, -0.5, -1), (10.25, 0.5, 1)], atol=0.02)
    on_top = np.isclose(places[:, 1], 0.5, atol=1e-6).mean()
    assert on_top == pytest.approx(1.0 / 7.0, rel=0.02)  # 0.5 · 2 of 2 · (2·1 + 2·0.5 + 1·0.5) square metres
    assert (sampled.rgb == (255, 0, 0)).all()


def test_points_that_are_nowhere_are_left_out(tmp_path):
    data = bytearray(written("ply", random_snapshot(10)))
    data[-16:-12] = struct.pack("<f", np.nan)
    data[-32:-28] = struct.pack("<f", np.inf)
    assert len(read(tmp_path, bytes(data))[0]) == 8


def test_a_large_file_comes_in_batches(tmp_path, monkeypatch):
    for module in ("ply", "las", "glb"):
        monkeypatch.setattr(f"spatia_bridge.importing.{module}.BATCH_POINTS", 300)
    for name in ("ply", "las", "glb"):
        places, _, found = read(tmp_path, written(name, random_snapshot(1000)))
        assert [len(b.points_world) for b in found] == [300, 300, 300, len(places) - 900]
        np.testing.assert_allclose(places, points_of(random_snapshot(1000))[0], atol=VOXEL / 80)
    assert points_module.BATCH_POINTS == 1_000_000


def test_spacing_is_how_far_apart_points_are():
    grid = np.stack(np.meshgrid(*[np.arange(6) * 0.04] * 3), axis=-1).reshape(-1, 3)
    assert spacing_m(grid) == spacing_m(np.vstack([grid, grid])) == pytest.approx(0.04)
    for nothing in (grid[:1], np.zeros((9, 3))):
        with pytest.raises(InvalidInputError, match="--diameter"):
            spacing_m(nothing)


def ply(body=b"", count=1, form="binary_little_endian", extra=""):
    places = "".join(f"property float {axis}\n" for axis in "xyz")
    return f"ply\nformat {form} 1.0\nelement vertex {count}\n{places}{extra}end_header\n".encode() + body


def glb(content, data=b"", says=None):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4s4I", b"glTF", 2, 0, len(text), 0x4E4F534A)
    return head + text + struct.pack("<2I", len(data) if says is None else says, 0x004E4942) + data


def scene(**accessor):
    return {
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"mode": 0, "attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 1, **accessor}],
        "bufferViews": [{"buffer": 0, "byteLength": 12}],
        "buffers": [{"byteLength": 12}],
    }


def las(**changes):
    data = bytearray(written("las", random_snapshot(3)))
    for at, (form, value) in {int(k[1:]): v for k, v in changes.items()}.items():
        struct.pack_into(form, data, at, value)
    return bytes(data)


ABSURD = {
    "no such format": b"OFF\n1 2 3",
    "empty": b"",
    "ply, a thousand billion points": ply(count=10**12),
    "ply, text, a thousand billion points": ply(count=10**12, form="ascii"),
    "ply, no points": ply(count=0),
    "ply, fewer than none": ply(count=-5),
    "ply, endless header": b"ply\n" + b"comment x\n" * 10_000,
    "ply, a list": ply(bytes(40), extra="property list uchar int x\n"),
    "ply, twice x": ply(bytes(40), extra="property float x\n"),
    "ply, unknown type": ply(bytes(40), extra="property quad w\n"),
    "ply, no numbers": ply(b"1 2 x\n", form="ascii"),
    "ply, too few numbers": ply(b"1 2\n    ", form="ascii"),
    "las, cut": las()[:-1],
    "las, header alone": las()[:100],
    "las, four billion points": las(b107=("<I", 2**32 - 1)),
    "las, records of 0 bytes": las(b105=("<H", 0)),
    "las, points inside the header": las(b96=("<I", 10)),
    "las, compressed": las(b104=("<B", 0x82)),
    "las, format 77": las(b104=("<B", 13)),
    "las, scale of nothing": las(b131=("<d", float("nan"))),
    "glb, text": glb(b"{]"),
    "glb, deep": glb(b"[" * 100_000),
    "glb, a list": glb([]),
    "glb, JSON of 4 GB": struct.pack("<4s4I", b"glTF", 2, 0, 2**32 - 1, 0x4E4F534A),
    "glb, no data": glb(scene(), bytes(12), says=2**31),
    "glb, values outside": glb(scene(count=2**40), bytes(12)),
    "glb, values before": glb(scene(byteOffset=-12), bytes(12)),
    "glb, no such type": glb(scene(componentType=99), bytes(12)),
    "glb, count of text": glb(scene(count="many"), bytes(12)),
    "glb, sparse": glb(scene(sparse={}), bytes(12)),
    "glb, a ring of nodes": glb(
        scene() | {"nodes": [{"children": [1]}, {"children": [0]}], "scenes": [{"nodes": [0]}]}, bytes(12)
    ),
    "glb, compressed": glb(scene() | {"extensionsRequired": ["KHR_draco_mesh_compression"]}, bytes(12)),
    "glb, no geometry": glb({"nodes": []}, bytes(12)),
    "glb, a corner that is not there": glb(
        scene()
        | {
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
            "accessors": [*scene()["accessors"], {"bufferView": 0, "componentType": 5121, "type": "SCALAR", "count": 3}],
        },
        bytes([0, 0, 9, *range(9)]),
    ),
}


@pytest.mark.parametrize("what", ABSURD)
def test_the_absurd_is_refused_with_a_remedy(tmp_path, what):
    with pytest.raises((CodecError, InvalidInputError, LimitExceededError)) as found:
        read(tmp_path, ABSURD[what])
    assert found.value.remedy


CHANGE = st.tuples(st.integers(0, 900), st.integers(0, 255))  # of a byte


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["ply", "las", "glb"]),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=6),
    st.data(),
)
def test_damage_ends_in_points_or_in_a_domain_error(tmp_path_factory, name, changes, data):
    damaged = bytearray(written(name, random_snapshot(20)))
    for at, value in changes:
        damaged[at % len(damaged)] = value
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        places, rgb, _ = read(tmp_path_factory.mktemp("fuzz"), bytes(damaged))
        assert len(places) == len(rgb) and np.isfinite(places).all()
    except SpatiaError as error:
        assert error.remedy


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(NotFoundError):
        next(read_points(tmp_path / "ghost.ply"))
    with pytest.raises(StoreError):
        next(read_points(tmp_path))
