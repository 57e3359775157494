"""Sessions by the command line, from a folder and from a server that runs: the same words and results."""

import asyncio
import io

from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.geometry.trajectory_io import write_json
from tests.cli.places import run, seed
from tests.worlds import camera

PATH = trajectory_of([camera(), camera(eye=(0.3, -0.5, -2.9))], 16.0)


def test_fork(place, capsys):
    made = run(capsys, "sessions", "fork", "hall", "attic", "--title", "The attic", "--json", *place)
    assert (made["id"], made["title"], made["revisions"]) == ("attic", "The attic", 1) and made["points"] > 0
    assert "begins with revision 1 of attic" in run(capsys, "sessions", "fork", "attic", "loft", "--revision", 1, *place)
    assert [each["id"] for each in run(capsys, "sessions", "list", "--json", *place)] == ["attic", "hall", "loft"]
    shown = run(capsys, "sessions", "show", "loft", "--json", *place)
    assert [each["cause"] for each in shown["history"]] == ["empty", "fork"]
    assert "already" in run(capsys, "sessions", "fork", "hall", "attic", *place, status=1)
    assert "revision 7" in run(capsys, "sessions", "fork", "hall", "new", "--revision", 7, *place, status=1)


def test_prune(place, tmp_path, capsys):
    (tmp_path / "walk.json").write_bytes(write_json(PATH))
    run(capsys, "trajectories", "import", "hall", tmp_path / "walk.json", *place)
    run(capsys, "trajectories", "fly", "hall", "walk", "--clips", 3, "--size", "96x64", *place)
    before = run(capsys, "sessions", "show", "hall", "--json", *place)
    assert before["oldest_revision"] == 1
    pruned = run(capsys, "sessions", "prune", "hall", "--keep", 2, "--yes", "--json", *place)
    assert (pruned["oldest_revision"], pruned["revisions"]) == (3, 4)
    assert pruned["freed_bytes"] > 0
    after = run(capsys, "sessions", "show", "hall", "--json", *place)
    assert after["history"] == before["history"] and after["takes"] == before["takes"]
    assert "before 3 was pruned" in run(capsys, "sessions", "show", "hall", *place)
    assert "revisions 3 to 4 are kept" in run(capsys, "sessions", "prune", "hall", "--keep", 9, "--yes", *place)
    run(capsys, "export", "hall", "--revision", 3, "--out", tmp_path / "kept.ply", *place)
    line = run(capsys, "export", "hall", "--revision", 2, "--out", tmp_path / "gone.ply", *place, status=1)
    assert "revision 2 was pruned" in line and "the oldest that is kept is 3" in line
    assert "revision 2 was pruned" in run(capsys, "sessions", "fork", "hall", "new", "--revision", 2, *place, status=1)
    assert "'ghost'" in run(capsys, "sessions", "prune", "ghost", "--keep", 1, "--yes", *place, status=1)


def test_nothing_is_pruned_unasked(tmp_path, capsys, monkeypatch):
    asyncio.run(seed(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert "--yes" in run(capsys, "sessions", "prune", "hall", "--keep", 1, "--data", tmp_path, status=1)
    assert run(capsys, "sessions", "list", "--json", "--data", tmp_path)[0]["oldest_revision"] == 1
