"""Every point format, read by programs that are not ours: the same points, within the format's own step."""

import io
import itertools
from dataclasses import replace

import gsply
import laspy
import numpy as np
import open3d as o3d
import pygltflib
import pytest
import trimesh
from plyfile import PlyData

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.export import export_file, exporter, exporter_names, format_of
from spatia_bridge.export.gltf import LINEAR16_FROM_SRGB
from spatia_bridge.export.spz import fraction_bits
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot
from tests.engines.lettered_room import CUBE_HIGH, CUBE_LOW, HIGH, LOW
from tests.export.scenes import AXES, VOXEL, lettered_room, points_of, random_snapshot, written

pytestmark = pytest.mark.filterwarnings("ignore:The TBB threading layer")  # gsply asks numba for one; it is not ours
SH_C0 = 0.5 / np.sqrt(np.pi)
POINT_FORMATS = ("ply", "glb", "las", "pcache", "splat", "spz")
FIXED_AXES = {"glb": "gltf", "las": "z_up", "pcache": "unity", "spz": "gltf"}


def read_ply(path):
    rows = PlyData.read(path)["vertex"]
    return np.stack([rows[a] for a in "xyz"], axis=1), np.stack([rows[c] for c in ("red", "green", "blue")], axis=1)


def read_open3d(path):
    cloud = o3d.io.read_point_cloud(str(path))
    return np.asarray(cloud.points), np.rint(np.asarray(cloud.colors) * 255)


def read_glb(path):
    cloud = next(iter(trimesh.load(path).geometry.values()))
    document = pygltflib.GLTF2().load(str(path))
    view, blob = document.bufferViews[0], document.binary_blob()
    linear = np.ndarray((len(cloud.vertices), 4), "<u2", blob, document.accessors[1].byteOffset, (view.byteStride, 2))
    assert (linear[:, 3] == 65535).all()
    return cloud.vertices, np.searchsorted(LINEAR16_FROM_SRGB, linear[:, :3])


def read_las(path):
    las = laspy.read(path)
    return las.xyz, np.stack([las.red, las.green, las.blue], axis=1) / 257


def read_pcache(path):
    """By the rules of PCache.FromFile in Unity's Visual Effect Graph, of which the exporter uses one type; colours are linear."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    magic, form, elements, *properties = head.decode().splitlines()
    assert (magic, form) == ("pcache", "format binary 1.0")
    kinds = {"byte": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4", "float": "<f4", "double": "<f8"}
    rows = np.frombuffer(body, [(line.split()[2], kinds[line.split()[1]]) for line in properties])
    assert len(rows) == int(elements.split()[1])
    assert (rows["color.a"] == 1).all()
    linear = np.stack([rows[f"color.{c}"] for c in "rgb"], axis=1).astype(float)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.stack([rows[f"position.{a}"] for a in "xyz"], axis=1), srgb * 255


def of_splats(splats):
    return splats.means, (0.5 + SH_C0 * splats.sh0) * 255


READERS = {
    "ply": [read_ply, read_open3d],
    "glb": [read_glb],
    "las": [read_las],
    "pcache": [read_pcache],
    "splat": [lambda path: of_splats(gsply.plyread(str(path)))],
    "spz": [lambda path: of_splats(gsply.read_spz(str(path)))],
}
WALLS = [(0, LOW, (60, 150, 70)), (0, HIGH, (60, 80, 190)), (2, LOW, (180, 170, 60)), (2, HIGH, (180, 60, 50))]
CASES = [(name, reader, engine) for name in POINT_FORMATS for reader in READERS[name] for engine in ("opencv", "unity", "unreal")]


@pytest.mark.parametrize(("name", "reader", "engine"), CASES)
def test_others_read_every_point_where_it_is_and_in_its_colour(tmp_path, name, reader, engine):
    snapshot = random_snapshot()
    path = tmp_path / f"memory{exporter(name).suffix}"
    size = export_file(path, exporter(name), snapshot, Engine(engine))
    places, colours = reader(path)
    expected, rgb = points_of(snapshot)
    axes = AXES[FIXED_AXES.get(name, engine)]
    assert size == path.stat().st_size
    step = np.abs(axes).max() * VOXEL / 4
    np.testing.assert_allclose(places, expected @ axes.T, atol=step / 20)
    np.testing.assert_allclose(colours, rgb, atol=1.01 if name == "spz" else 0.01)


@pytest.mark.parametrize("name", POINT_FORMATS)
def test_the_lettered_room_stands_as_its_importer_wants_it(tmp_path, name):
    """Where the cube is, and which colour is on which side: no axis can be swapped or mirrored unseen."""
    path = tmp_path / f"room{exporter(name).suffix}"
    export_file(path, exporter(name), lettered_room(), Engine.UNITY)
    places, colours = READERS[name][0](path)
    axes = AXES[FIXED_AXES.get(name, "unity")]
    slack = 0.12 * np.abs(axes).max()
    hue = [np.abs(colours - colour).max(axis=1) < 25 for colour in ((230, 160, 40), (240, 230, 120), (60, 200, 200))]
    cube = places[np.logical_or.reduce(hue)]
    corners = np.stack([CUBE_LOW, CUBE_HIGH]) @ axes.T
    low, high = np.percentile(cube, [1, 99], axis=0)
    assert (low > corners.min(axis=0) - slack).all() and (high < corners.max(axis=0) + slack).all()
    assert (high - low)[np.argmax(np.abs(axes[:, 0]))] > 0.7 * (CUBE_HIGH - CUBE_LOW)[0] * np.abs(axes).max()
    for axis, end, colour in WALLS:
        direction = np.argmax(np.abs(axes[:, axis]))
        at = end[axis] * axes[direction, axis]
        mean = np.median(colours[np.abs(places[:, direction] - at) < slack], axis=0)
        assert np.linalg.norm(mean - colour) < 45, (axis, at, mean)


def test_the_same_memory_gives_the_same_bytes_whatever_the_order_of_chunks():
    snapshot = random_snapshot(500)
    backwards = Snapshot(VOXEL).with_changes(dict(reversed(list(snapshot.chunks.items()))))
    for name in POINT_FORMATS:
        assert written(name, snapshot) == written(name, backwards), name


def test_a_format_with_axes_of_its_own_asks_no_engine():
    snapshot = random_snapshot(200)
    for name in exporter_names():
        if name not in ("mesh", "collider"):
            same = written(name, snapshot) == written(name, snapshot, Engine.UNREAL)
            assert same == bool(exporter(name).axes), name


def test_pieces_are_small_and_progress_runs_from_nothing_to_all():
    snapshot = random_snapshot(60_000)
    for name in POINT_FORMATS:
        pieces, seen = [], []
        exporter(name).write(snapshot, Engine.OPENCV, pieces.append, lambda *at, seen=seen: seen.append(at))
        assert max(map(len, pieces)) <= 4 << 20
        assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] and all(a <= b for (a, _), (b, _) in itertools.pairwise(seen))


@pytest.mark.parametrize("name", exporter_names())
def test_an_empty_memory_is_refused_before_anything_is_written(name):
    pieces = []
    with pytest.raises(InvalidInputError, match="empty"):
        exporter(name).write(Snapshot(VOXEL), Engine.OPENCV, pieces.append)
    assert not pieces


@pytest.mark.parametrize("name", exporter_names())
def test_whoever_watches_can_stop_it(name):
    def cancel(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporter(name).write(random_snapshot(50), Engine.OPENCV, lambda data: None, cancel)


def test_a_suffix_names_its_format():
    assert [format_of(f"a.b{exporter(name).suffix.upper()}") for name in exporter_names()] == list(exporter_names())
    assert format_of("hall") == format_of("hall.xyz") == "ply" and format_of("", "las") == "las"


def test_las_says_its_bounds_and_its_confidence():
    las = laspy.read(io.BytesIO(written("las", random_snapshot())))
    assert (las.header.version.major, las.header.version.minor, las.header.point_format.id) == (1, 2, 2)
    np.testing.assert_allclose(las.header.mins, las.xyz.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(las.header.maxs, las.xyz.max(axis=0), atol=1e-9)
    assert las.header.number_of_points_by_return[0] == len(las.xyz) and (las.intensity == 65535).all()
    assert las.red.max() > 65000 and (np.asarray(las.red) % 257 == 0).all()


def test_las_takes_a_coarser_step_for_what_lies_too_far_for_the_finest():
    far = written("las", replace(random_snapshot(100), voxel_size_m=90.0))
    fine = written("las", replace(random_snapshot(100), voxel_size_m=1e-4))
    assert laspy.read(io.BytesIO(far)).header.scales[0] == pytest.approx(1.0)
    assert laspy.read(io.BytesIO(fine)).header.scales[0] == pytest.approx(1e-6)


def test_glb_is_as_the_specification_says():
    data = written("glb", random_snapshot())
    document = pygltflib.GLTF2().load_from_bytes(data)
    assert int.from_bytes(data[8:12], "little") == len(data) and len(data) % 4 == 0
    places = np.ndarray((document.accessors[0].count, 3), "<f4", document.binary_blob(), 0, (20, 4))
    assert document.accessors[0].min == places.min(axis=0).tolist() and document.accessors[0].max == places.max(axis=0).tolist()
    assert document.meshes[0].primitives[0].mode == pygltflib.POINTS and document.accessors[1].normalized
    assert document.bufferViews[0].byteStride % 4 == 0 and document.buffers[0].byteLength == len(document.binary_blob())


def test_every_srgb_code_has_its_own_linear_one():
    assert (np.diff(LINEAR16_FROM_SRGB.astype(int)) > 0).all() and LINEAR16_FROM_SRGB[[0, 255]].tolist() == [0, 65535]


def test_more_than_a_format_holds_is_refused():
    many = replace(random_snapshot(10), points=300_000_000)
    for name, what in (("glb", "4 GiB"), ("spz", "SPZ readers"), ("las", None)):
        points = replace(many, points=1 << 32) if what is None else many
        with pytest.raises(LimitExceededError, match=what or "LAS 1.2"):
            written(name, points)
    assert fraction_bits(1.0) == 16 and fraction_bits(2000.0) == 12
    with pytest.raises(LimitExceededError, match="far"):
        fraction_bits(5e6)
