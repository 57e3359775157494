"""The command line itself: usage, errors in one line, exit status."""

import io

import pytest

from spatia_bridge.cli import main as entry
from spatia_bridge.cli.main import main
from spatia_bridge.errors import CancelledError, StoreError


def run(capsys, *arguments):
    status = main(arguments)
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["run"],
        ["run", "sample"],
        ["run", "sample", "--out", "x", "--clips", "0"],
        ["run", "sample", "--out", "x", "--clips", "many"],
        ["run", "sample", "--out", "x", "--size", "640"],
        ["run", "sample", "--out", "x", "--size", "8x8"],
        ["serve", "--port", "70000"],
        ["sessions"],
        ["sessions", "fork", "a"],
        ["sessions", "prune", "a"],
        ["sessions", "prune", "a", "--keep", "0"],
        ["serve", "--keep-revisions", "0"],
        ["serve", "--max-points", "999"],
        ["serve", "--ws-port", "70000"],
        ["serve", "--ws-port", "1", "--no-ws"],
        ["trajectories", "list"],
        ["trajectories", "import", "a", "x.txt", "--fov", "0"],
        ["trajectories", "import", "a", "x.txt", "--fov", "60", "--intrinsics", "1", "1", "1", "1"],
        ["trajectories", "export", "a", "b", "--format", "csv"],
        ["trajectories", "fly", "a", "b", "--clips", "1001"],
        ["export", "a", "--engine", "quake"],
        ["export", "a", "--data", "x", "--server", "y"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: spatia-bridge" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["run", "sample", "--out", "{tmp}/out", "--generator", "dreams"], "'dreams'", "use one of: "),
        (["run", "{tmp}/nowhere", "--out", "{tmp}/out"], "{tmp}/nowhere", "sample"),
        (["run", "{tmp}", "--out", "{tmp}/out"], "capture.json", "capture"),
        (["serve", "--data", "{tmp}/data", "--generator", "dreams"], "'dreams'", "use one of: "),
        (["serve", "--data", "{tmp}/file/data"], "{tmp}/file", ""),
        (["serve", "--data", "{tmp}/data", "--allow-origin", "levels.example"], "'levels.example'", "https://"),
        (["sessions", "list", "--data", "{tmp}/nowhere"], "{tmp}/nowhere", "--data"),
        (["sessions", "show", "ghost", "--data", "{tmp}"], "'ghost'", ""),
        (["sessions", "delete", "ghost", "--data", "{tmp}"], "not deleted", "--yes"),
        (["sessions", "delete", "ghost", "--data", "{tmp}", "--yes"], "'ghost'", ""),
        (["export", "ghost", "--data", "{tmp}", "--out", "{tmp}/x.ply"], "'ghost'", ""),
        (["export", "ghost", "--data", "{tmp}", "--format", "fbx"], "'fbx'", "ply"),
        (["export", "a/../b", "--data", "{tmp}", "--out", "{tmp}/x.ply"], "a/../b", "a-z"),
    ],
)
def test_errors_are_one_line_with_what_and_what_to_do(arguments, what, remedy, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, out, err = run(capsys, *[argument.format(tmp=tmp_path) for argument in arguments])
    lines = err.strip().splitlines()
    assert status == 1 and not out
    assert len([line for line in lines if line.startswith("spatia-bridge: ")]) == 1 and "Traceback" not in err
    assert what.format(tmp=tmp_path) in lines[-1] and remedy in lines[-1]
    assert not (tmp_path / "x.ply").exists()


def test_an_unreachable_server_is_said_so(capsys):
    status, _, err = run(capsys, "sessions", "list", "--server", "127.0.0.1:1")
    assert status == 1 and len(err.strip().splitlines()) == 1 and "server" in err


@pytest.mark.parametrize(
    ("raised", "status"), [(KeyboardInterrupt(), 130), (CancelledError("stop"), 130), (StoreError("disk\nfull", "free it"), 1)]
)
def test_what_a_command_raises_becomes_a_status(raised, status, capsys, monkeypatch):
    class Command:
        @staticmethod
        def run(args):
            raise raised

    monkeypatch.setattr(entry, "import_module", lambda name: Command)
    found, _, err = run(capsys, "serve")
    assert found == status
    assert ("cancelled" if status == 130 else "disk full; free it") in err


def test_debug_shows_the_error_itself(monkeypatch):
    class Command:
        @staticmethod
        def run(args):
            raise StoreError("disk full")

    monkeypatch.setattr(entry, "import_module", lambda name: Command)
    with pytest.raises(StoreError):
        main(["--debug", "serve"])
