"""Memory, takes and paths out to other programs' files and points in, by the command line."""

import asyncio
import json

import numpy as np
import pycolmap
import pygltflib
import pytest

from spatia_bridge.export import exporter_names
from spatia_bridge.export.credentials import UNTRAINED
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.geometry.trajectory_io import write_json
from spatia_bridge.importing import read_points
from tests.cli.places import run, seed
from tests.worlds import camera

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)], 16.0)


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    """A folder with `hall`, one view and one accepted take in it."""
    folder = tmp_path_factory.mktemp("flown")
    asyncio.run(seed(folder))
    (folder / "walk.json").write_bytes(write_json(PATH))
    from spatia_bridge.cli.main import main

    assert main(["trajectories", "import", "hall", str(folder / "walk.json"), "--data", str(folder)]) == 0
    fly = ["trajectories", "fly", "hall", "walk", "--generator", "reproject", "--clips", "1", "--size", "96x64"]
    assert main([*fly, "--data", str(folder)]) == 0
    return folder


def test_a_format_is_known_by_the_files_name(place, tmp_path, capsys):
    for name, says in (
        ("a.glb", "glTF"),
        ("a.las", "z up"),
        ("a.spz", "glTF"),
        ("a.splat.ply", "unity"),
        ("a.collider.glb", "glTF"),
    ):
        assert says in run(capsys, "export", "hall", "--engine", "unity", "--out", tmp_path / name, *place)
        assert (tmp_path / name).stat().st_size > 1000
    assert b"f_dc_0" in (tmp_path / "a.splat.ply").read_bytes()[:2000]
    line = run(capsys, "export", "hall", "--format", "fbx", "--out", tmp_path / "x", *place, status=1)
    assert all(name in line for name in exporter_names())
    (tmp_path / "file").write_text("in the way")
    assert "cannot write" in run(capsys, "export", "hall", "--out", tmp_path / "file" / "a.las", *place, status=1)


def test_what_goes_out_comes_in_elsewhere(place, tmp_path, capsys):
    run(capsys, "export", "hall", "--engine", "unreal", "--out", tmp_path / "a.ply", *place)
    made = run(capsys, "insert", "annex", tmp_path / "a.ply", "--engine", "unreal", "--json", *place)
    assert made["points_in_memory"] > 0.3 * made["points"] and made["revisions"] == 1
    assert "revision" in run(capsys, "insert", "annex", tmp_path / "a.ply", "--engine", "unreal", "--diameter", "0.1", *place)
    run(capsys, "export", "annex", "--revision", made["revision"], "--out", tmp_path / "b.ply", *place)
    before, after = (next(read_points(tmp_path / name)).points_world for name in ("a.ply", "b.ply"))
    before = before[:, [1, 2, 0]] * (0.01, -0.01, 0.01)  # out of Unreal's axes
    np.testing.assert_allclose([after.min(axis=0), after.max(axis=0)], [before.min(axis=0), before.max(axis=0)], atol=0.1)
    (tmp_path / "no.ply").write_bytes(b"ply\nnonsense\n")
    assert "header" in run(capsys, "insert", "void", tmp_path / "no.ply", *place, status=1)
    assert "no file" in run(capsys, "insert", "void", tmp_path / "ghost.ply", *place, status=1)
    assert [each["id"] for each in run(capsys, "sessions", "list", "--json", *place)] == ["annex", "hall"]


def test_a_path_becomes_an_animated_camera(place, tmp_path, capsys):
    (tmp_path / "walk.json").write_bytes(write_json(PATH))
    run(capsys, "trajectories", "import", "hall", tmp_path / "walk.json", *place)
    assert "glTF" in run(capsys, "trajectories", "export", "hall", "walk", "--out", tmp_path / "walk.glb", *place)
    document = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    assert document.accessors[0].count == 6 and document.accessors[0].max == [pytest.approx(5 / 16)]
    line = run(capsys, "trajectories", "export", "hall", "walk", "--format", "glb", "--engine", "unity", *place, status=1)
    assert "glTF states its own axes" in line


def test_takes_become_training_sets_and_a_video_that_says_what_it_is(flown, tmp_path, capsys):
    data = ["--data", flown]
    made = run(capsys, "takes", "export", "hall", "--out", tmp_path / "nerf", "--json", *data)
    frames = json.loads((tmp_path / "nerf" / "transforms.json").read_text())["frames"]
    assert made["format"] == "nerfstudio" and made["frames"] == len(frames) == 25
    run(capsys, "takes", "export", "hall", "--format", "colmap", "--seeds", "--out", tmp_path / "colmap", *data)
    assert pycolmap.Reconstruction(str(tmp_path / "colmap" / "sparse" / "0")).num_images() == 26
    assert "25 frames of 1 clip, mp4" in run(capsys, "takes", "export", "hall", "--out", tmp_path / "a.mp4", *data)
    assert UNTRAINED.encode() in (tmp_path / "a.mp4").read_bytes()
    for extra, says in (
        (["--out", tmp_path / "nerf"], "already"),
        (["--out", tmp_path / "x", "--take", 99], "no take 99"),
        (["--out", tmp_path / "x.mp4", "--seeds"], "--seeds"),
    ):
        assert says in run(capsys, "takes", "export", "hall", *extra, *data, status=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "colmap", "nerf"]


def test_a_session_without_takes_has_none_to_export(tmp_path, capsys):
    asyncio.run(seed(tmp_path))
    line = run(capsys, "takes", "export", "hall", "--out", tmp_path / "x", "--data", tmp_path, status=1)
    assert "no accepted take" in line and not (tmp_path / "x").exists()
    assert "no folder" in run(capsys, "takes", "export", "hall", "--out", tmp_path / "x", "--data", tmp_path / "y", status=1)
