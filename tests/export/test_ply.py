import errno

import numpy as np
import open3d as o3d
import pytest

from spatia_bridge.errors import InvalidInputError, NotFoundError, StoreError
from spatia_bridge.export import atomic_file, export_file, exporter, exporter_names
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot
from tests.clouds import snapshot_of
from tests.export.scenes import VOXEL, random_snapshot, written


def ply(snapshot, engine=Engine.OPENCV) -> bytes:
    return written("ply", snapshot, engine)


def rows(data: bytes) -> np.ndarray:
    _, body = data.split(b"end_header\n", 1)
    return np.frombuffer(body, np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)]))


def test_open3d_reads_back_count_places_and_colours(tmp_path):
    snapshot = random_snapshot()
    path = tmp_path / "memory.ply"
    size = export_file(path, exporter("ply"), snapshot, Engine.OPENCV)
    cloud = o3d.io.read_point_cloud(str(path))
    chunks = [snapshot.chunks[index] for index in sorted(snapshot.chunks)]
    places = np.concatenate([chunk.points_world(VOXEL) for chunk in chunks])
    colours = np.concatenate([chunk.records["rgb"] for chunk in chunks])
    assert size == path.stat().st_size and len(cloud.points) == snapshot.points
    np.testing.assert_allclose(np.asarray(cloud.points), places, atol=1e-6)
    np.testing.assert_array_equal(np.rint(np.asarray(cloud.colors) * 255), colours)


def test_points_lie_within_half_a_quantum_of_what_was_remembered():
    points = np.array([[0.1, 0.2, 0.3], [-1.0, -0.5, 2.0]])
    found = rows(ply(snapshot_of(points, np.full((2, 3), 9), VOXEL)))["xyz"]
    away = np.linalg.norm(points[:, None] - found[None], axis=2).min(axis=1)
    assert (away <= np.sqrt(3) * VOXEL / 8 + 1e-6).all()


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (Engine.OPENCV, (1, 2, 3)),
        (Engine.UNITY, (1, -2, 3)),
        (Engine.GODOT, (1, -2, -3)),
        (Engine.UNREAL, (300, 100, -200)),
    ],
)
def test_each_engine_gets_its_axes_and_units(engine, expected):
    snapshot = snapshot_of(np.array([[1.0, 2.0, 3.0]]) + 1e-4, np.array([[10, 20, 30]]), VOXEL)
    row = rows(ply(snapshot, engine))[0]
    tolerance = VOXEL / 4 * engine.convention.units_per_metre
    np.testing.assert_allclose(row["xyz"], expected, atol=tolerance)
    assert row["rgba"].tolist() == [10, 20, 30, 255]


def test_the_header_is_what_importers_ask_for():
    head = ply(random_snapshot(10)).split(b"end_header\n")[0].decode()
    assert "\r" not in head and "comment" not in head
    assert head.splitlines() == [
        "ply",
        "format binary_little_endian 1.0",
        "element vertex 10",
        "property float x",
        "property float y",
        "property float z",
        "property uchar red",
        "property uchar green",
        "property uchar blue",
        "property uchar alpha",
    ]


def test_empty_memory_and_unknown_formats_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="empty"):
        export_file(tmp_path / "x.ply", exporter("ply"), Snapshot(VOXEL), Engine.UNITY)
    with pytest.raises(NotFoundError, match="ply"):
        exporter("fbx")
    assert "ply" in exporter_names()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_older_file_and_no_other(tmp_path):
    path = tmp_path / "memory.ply"
    path.write_bytes(b"older")

    class FullDisk:
        name, suffix = "full", ".ply"

        def write(self, snapshot, engine, sink, progress):
            sink(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        export_file(path, FullDisk(), random_snapshot(5), Engine.UNITY)
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]


def test_a_cancelled_export_leaves_nothing(tmp_path):
    def cancel(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_file(tmp_path / "new" / "memory.ply", exporter("ply"), random_snapshot(50), Engine.UNITY, cancel)
    assert not list((tmp_path / "new").iterdir())


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"), atomic_file(tmp_path / "file" / "x.ply") as path:
        path.write_text("never")
