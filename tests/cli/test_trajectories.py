"""Saved camera paths by the command line, from a folder and from a server that runs: the same words and results."""

import asyncio

import numpy as np
import pytest

from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.geometry.trajectory_io import read_json, read_tum, write_json, write_tum
from tests.cli.places import run, seed
from tests.worlds import camera, intrinsics

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 0.8, 6)], 16.0)
LENS = ["--size", "96x64", "--intrinsics", "86.4", "86.4", "48", "32"]


def same(found, expected=PATH):
    for one, other in zip(found.cameras, expected.cameras, strict=True):
        np.testing.assert_allclose(one.world_from_camera, other.world_from_camera, atol=1e-9)
    np.testing.assert_allclose(found.times_secs, expected.times_secs, atol=1e-9)


def test_import_list_export_delete(place, tmp_path, capsys):
    tum, unity = tmp_path / "walk.txt", tmp_path / "Round.JSON"
    tum.write_bytes(write_tum(PATH))
    unity.write_bytes(write_json(PATH, Engine.UNITY))
    assert "no saved" in run(capsys, "trajectories", "list", "hall", *place)
    assert "6 poses" in run(capsys, "trajectories", "import", "hall", tum, *LENS, *place)
    made = run(capsys, "trajectories", "import", "hall", unity, "--name", "a/round", "--json", *place)
    assert (made["name"], made["poses"]) == ("a/round", 6)
    listed = run(capsys, "trajectories", "list", "hall", "--json", *place)
    assert [each["name"] for each in listed] == ["a/round", "walk"] and listed[0]["duration_secs"] == pytest.approx(5 / 16)
    assert "walk" in run(capsys, "trajectories", "list", "hall", *place)
    json_out, tum_out = tmp_path / "out.json", tmp_path / "out.tum"
    for name in ("walk", "a/round"):  # whatever the file's axes were, the path is the same
        run(capsys, "trajectories", "export", "hall", name, "--engine", "unreal", "--out", json_out, *place)
        told = run(capsys, "trajectories", "export", "hall", name, "--out", tum_out, "--json", *place)
        assert (told["format"], told["bytes"]) == ("tum", tum_out.stat().st_size)
        same(read_json(json_out.read_bytes()))
        same(read_tum(tum_out.read_bytes(), intrinsics()))
        assert read_json(json_out.read_bytes()).cameras[0].intrinsics == intrinsics()
    assert "is deleted" in run(capsys, "trajectories", "delete", "hall", "walk", "--yes", *place)
    assert [each["name"] for each in run(capsys, "trajectories", "list", "hall", "--json", *place)] == ["a/round"]


def test_a_file_goes_where_its_name_says(place, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "x.json"
    source.write_bytes(write_json(PATH))
    run(capsys, "trajectories", "import", "hall", source, "--name", "../a", *place)
    run(capsys, "trajectories", "export", "hall", "../a", *place)
    same(read_json((tmp_path / "..-a.json").read_bytes()))


def test_fly_along_a_saved_path(place, tmp_path, capsys):
    source = tmp_path / "walk.json"
    source.write_bytes(write_json(PATH))
    run(capsys, "trajectories", "import", "hall", source, *place)
    flags = ["--clips", 2, "--size", "96x64", "--seed", 3]
    made = run(capsys, "trajectories", "fly", "hall", "walk", *flags, "--json", *place)
    assert [(each["revision"], each["take"]) for each in made] == [(2, 2), (3, 3)]
    shown = run(capsys, "sessions", "show", "hall", "--json", *place)
    assert [(take["state"], take["seed"], take["width"]) for take in shown["takes"]] == [("accepted", 3, 96), ("accepted", 4, 96)]
    assert shown["points"] == made[-1]["points"]
    assert "1 clip along walk" in run(capsys, "trajectories", "fly", "hall", "walk", "--clips", 1, "--size", "96x64", *place)


def test_what_cannot_be_done_is_said_in_a_line(tmp_path, capsys):
    asyncio.run(seed(tmp_path / "sessions"))
    place = ["--data", tmp_path / "sessions"]
    (tmp_path / "walk.txt").write_bytes(write_tum(PATH))
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "empty.txt").write_text("")
    for arguments, what in (
        (["import", "hall", tmp_path / "none.txt", *LENS], "none.txt"),
        (["import", "hall", tmp_path, *LENS], "cannot read"),
        (["import", "hall", tmp_path / "empty.txt", *LENS], "is empty"),
        (["import", "hall", tmp_path / "walk.txt"], "--fov"),
        (["import", "hall", tmp_path / "walk.txt", "--size", "96x64"], "--fov"),
        (["import", "hall", tmp_path / "walk.txt", "--size", "96x64", "--intrinsics", "nan", "1", "2", "3"], "nan"),
        (["import", "hall", tmp_path / "bad.json"], "no trajectory"),
        (["import", "ghost", tmp_path / "bad.json"], "'ghost'"),
        (["export", "hall", "ghost"], "'ghost'"),
        (["export", "hall", "ghost", "--format", "tum", "--engine", "unity"], "OpenCV"),
        (["fly", "hall", "ghost"], "'ghost'"),
        (["fly", "ghost", "walk"], "'ghost'"),
        (["delete", "hall", "ghost", "--yes"], "'ghost'"),
        (["list", "ghost"], "'ghost'"),
    ):
        line = run(capsys, "trajectories", *arguments, *place, status=1)
        assert line.startswith("spatia-bridge: ") and what in line and "; " in line, arguments
    assert run(capsys, "trajectories", "list", "hall", "--json", *place) == []


def test_nothing_is_deleted_unasked(tmp_path, capsys, monkeypatch):
    asyncio.run(seed(tmp_path))
    (tmp_path / "walk.json").write_bytes(write_json(PATH))
    place = ["--data", tmp_path]
    run(capsys, "trajectories", "import", "hall", tmp_path / "walk.json", *place)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "--yes" in run(capsys, "trajectories", "delete", "hall", "walk", *place, status=1)
    monkeypatch.setattr("builtins.input", lambda question: "y")
    run(capsys, "trajectories", "delete", "hall", "walk", *place)
    assert run(capsys, "trajectories", "list", "hall", "--json", *place) == []
