"""The whole product on a small room: run, then look at the session with the other commands, from the folder and from a server."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import av
import cv2
import numpy as np
import open3d as o3d
import pytest

from spatia_bridge.cli import outputs
from spatia_bridge.cli.main import main
from spatia_bridge.samples.capture import Capture, save_capture
from tests.worlds import camera, look

FILES = {"demo.mp4", "contact_sheet.png", "memory.ply", "report.json", "trajectory.txt", "sessions"}


def record(folder, count=9):
    """A walk to the side and back."""
    places = 1.2 * np.sin(np.linspace(0, np.pi, count))
    views = [look(camera(eye=(x, -0.5, -2.5))) for x in places]
    timed = [type(v)(v.camera, v.colour, v.depth_m, time_secs=float(i)) for i, v in enumerate(views)]
    save_capture(folder, Capture(tuple(timed), "Small room", "CC0"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def small_panels():
    """A video that takes less time to encode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "PANEL_WIDTH", 160)
        yield


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    status = main(["run", str(record(folder / "Small Room")), "--out", str(folder / "out"), "--clips", "2", "--views", "1"])
    assert status == 0
    return folder / "out"


def test_everything_is_there_and_nothing_else(flown):
    assert {path.name for path in flown.iterdir()} == FILES


def test_the_report_tells_what_was_made(flown):
    report = json.loads((flown / "report.json").read_text())
    assert report["source"] == {"name": "Small room", "licence": "CC0", "views": 9, "assumed": []}
    assert report["seeded_with_views"] == [0] and report["size"] == [96, 64]
    assert [clip["frames"] for clip in report["clips"]] == [25, 25]
    assert [revision["cause"] for revision in report["revisions"]] == ["seed", "take", "take"]
    points = [revision["points"] for revision in report["revisions"]]
    assert points == sorted(points) and points[-1] == report["memory"]["points"] == report["client_mirror"]["points"]
    assert report["client_mirror"]["revision"] == report["revisions"][-1]["number"]
    for clip in report["clips"]:
        assert 0.5 < clip["memory_fills"] <= 1 and "conflict_ratio" in clip["health"] and clip["seconds"]
    returning = report["returning_view"]
    assert returning["ssim"] > 0.8 and (returning["equal"] or returning["psnr_db"] > 25)
    assert report["recorded_views_not_seeded"]["views"] == 8 and report["recorded_views_not_seeded"]["psnr_db"] > 18
    assert report["seconds"]["total"] > 0 and report["versions"]["spatia-bridge"]


def test_video_sheet_points_and_path_agree_with_it(flown):
    report = json.loads((flown / "report.json").read_text())
    with av.open(str(flown / "demo.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
    assert cv2.imread(str(flown / "contact_sheet.png")).shape[1] > 6 * 288
    assert len(o3d.io.read_point_cloud(str(flown / "memory.ply")).points) == report["memory"]["points"]
    path = np.loadtxt(flown / "trajectory.txt")
    assert path.shape == (50, 8)
    np.testing.assert_allclose(path[0, 1:], path[-1, 1:], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(path[:, 4:], axis=1), 1, atol=1e-5)


def test_the_session_can_be_listed_shown_and_exported_afterwards(flown, capsys, tmp_path):
    place = ["--data", str(flown / "sessions")]
    assert main(["sessions", "list", "--json", *place]) == 0
    (session,) = json.loads(capsys.readouterr().out)
    assert session["id"] == "small-room" and session["problem"] == "" and session["bytes_on_disk"] > 1000
    assert main(["sessions", "show", "small-room", "--json", *place]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [take["state"] for take in shown["takes"]] == ["accepted", "accepted"]
    assert main(["sessions", "list", *place]) == main(["sessions", "show", "small-room", *place]) == 0
    assert "small-room" in capsys.readouterr().out
    unreal, old = tmp_path / "unreal.ply", tmp_path / "old.ply"
    assert main(["export", "small-room", "--engine", "unreal", "--out", str(unreal), *place]) == 0
    assert main(["export", "small-room", "--revision", "1", "--out", str(old), *place]) == 0
    here = np.asarray(o3d.io.read_point_cloud(str(flown / "memory.ply")).points)
    there = np.asarray(o3d.io.read_point_cloud(str(unreal)).points)
    np.testing.assert_allclose(there, here[:, [2, 0, 1]] * (100, 100, -100), atol=1e-3)
    assert len(o3d.io.read_point_cloud(str(old)).points) == shown["history"][1]["points"] < len(here)


def test_running_again_replaces_what_was_there(flown, capsys, tmp_path):
    source = record(tmp_path / "small-room")
    arguments = ["run", str(source), "--out", str(tmp_path / "out"), "--clips", "2", "--size", "64x48", "--json"]
    assert main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(arguments) == 0
    again = json.loads(capsys.readouterr().out)
    assert first["revisions"] == again["revisions"] and first["size"] == [64, 48]
    assert first["returning_view"] == again["returning_view"]


def test_a_server_answers_the_same_and_stops_when_told(flown, capsys):
    command = [sys.executable, "-m", "spatia_bridge", "serve", "--port", "0", "--data", str(flown / "sessions"), "--json"]
    environment = {**os.environ, "SPATIA_BRIDGE_TOKEN": "open sesame"}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        told = json.loads(server.stdout.readline())
        assert told["sessions"] == 1 and told["token"] and "reproject" in told["generators"]
        place = ["--server", told["address"]]
        assert main(["sessions", "list", *place]) == 1 and "token" in capsys.readouterr().err
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPATIA_BRIDGE_TOKEN", "open sesame")
            assert main(["sessions", "list", "--json", *place]) == 0
            assert json.loads(capsys.readouterr().out)[0]["id"] == "small-room"
            assert main(["export", "small-room", "--out", str(flown.parent / "remote.ply"), *place]) == 0
        assert (flown.parent / "remote.ply").read_bytes() == (flown / "memory.ply").read_bytes()
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=20)
        assert server.returncode == 0 and "Traceback" not in err
    finally:
        server.kill()
        server.communicate()


def test_a_path_of_one_view_is_refused_in_one_line(tmp_path, capsys):
    source = record(tmp_path / "still", count=1)
    assert main(["run", str(source), "--out", str(tmp_path / "out"), "--clips", "1"]) == 1
    assert "two views or more" in capsys.readouterr().err


def test_stopping_a_run_cancels_its_job(tmp_path, monkeypatch):
    from spatia_bridge.cli import flight, run

    cancelled = []
    real = flight.BridgeClient.cancel

    async def cancel(self):
        cancelled.append(True)
        await real(self)

    async def interrupted(self, job):
        raise asyncio.CancelledError

    monkeypatch.setattr(flight.BridgeClient, "cancel", cancel)
    monkeypatch.setattr(flight.BridgeClient, "wait_job", interrupted)
    monkeypatch.setattr(run.asyncio, "run", _run_as_interrupted)
    assert main(["run", str(record(tmp_path / "room")), "--out", str(tmp_path / "out"), "--clips", "1"]) == 130
    assert cancelled == [True] and not (tmp_path / "out" / "demo.mp4").exists()


def _run_as_interrupted(coroutine):
    """What asyncio.run makes of Ctrl-C: the task is cancelled, then KeyboardInterrupt."""
    with asyncio.Runner() as runner:
        try:
            return runner.run(coroutine)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
