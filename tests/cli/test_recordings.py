"""Sessions from recordings: an RGB-D folder without poses, a capture, a video with an estimator."""

import cv2
import numpy as np

from spatia_bridge.evaluation.video import write_video
from spatia_bridge.samples.capture import Capture, save_capture
from tests.cli.places import run
from tests.worlds import camera, look

PATH = [camera(eye=(0.06 * n, -0.5, -2.5), target=(0.3, -0.5, 1.0), size=(160, 96)) for n in range(6)]
LENS = ["--intrinsics", 144, 144, 80, 48]


def tum(folder, lens=True):
    """The room as the TUM benchmark would record it."""
    rgb, depth = ["# timestamp filename"], ["# timestamp filename"]
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    for number, view in enumerate(PATH):
        frame, time = look(view), 1305031102.0 + number / 30
        cv2.imwrite(str(folder / f"rgb/{number}.png"), cv2.cvtColor(frame.colour, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(folder / f"depth/{number}.png"), np.rint(frame.depth_m * 5000).astype(np.uint16))
        rgb.append(f"{time:.6f} rgb/{number}.png")
        depth.append(f"{time + 0.004:.6f} depth/{number}.png")
    (folder / "rgb.txt").write_text("\n".join(rgb))
    (folder / "depth.txt").write_text("\n".join(depth))
    if lens:
        (folder / "intrinsics.txt").write_text("144 144 80 48\n")
    return folder


def path_of(capsys, tmp_path, data, session):
    out = tmp_path / "path.txt"
    run(capsys, "trajectories", "export", session, "recorded", "--out", out, "--data", data)
    rows = np.loadtxt(out)
    return rows[:, 1:4]


def test_an_rgbd_folder_gets_its_poses_back(tmp_path, capsys):
    data = tmp_path / "sessions"
    made = run(capsys, "import", tum(tmp_path / "Room 1"), "--data", data, "--json")
    assert (made["session"], made["frames"], made["lost"]) == ("room-1", 6, 0) and made["points"] > 1000
    steps = np.linalg.norm(np.diff(path_of(capsys, tmp_path, data, "room-1"), axis=0), axis=1)
    np.testing.assert_allclose(steps, 0.06, atol=0.01)
    assert "room-1" in run(capsys, "import", tmp_path / "Room 1", "--data", data, status=1)  # it exists now
    thinned = run(capsys, "import", tmp_path / "Room 1", "--session", "b", "--every", 2, "--size", "80x48", "--data", data)
    assert "of 3 frames" in thinned


def test_a_capture_keeps_its_own_poses(tmp_path, capsys):
    data = tmp_path / "sessions"
    save_capture(tmp_path / "cap", Capture(tuple(look(view) for view in PATH[:3])))
    assert "time order" in run(capsys, "import", tmp_path / "cap", "--data", data, status=1)  # they all say 0 s
    frames = tuple(type(f)(f.camera, f.colour, f.depth_m, time_secs=n / 8) for n, f in enumerate(map(look, PATH[:3])))
    save_capture(tmp_path / "cap", Capture(frames))
    made = run(capsys, "import", tmp_path / "cap", "--data", data, "--json")
    assert made["views"] == 3
    expected = [view.position_world for view in PATH[:3]]
    np.testing.assert_allclose(path_of(capsys, tmp_path, data, "cap"), expected, atol=1e-5)


def test_a_video_is_given_depth(tmp_path, capsys):
    data, film = tmp_path / "sessions", tmp_path / "film.mp4"
    write_video(film, [look(view).colour for view in PATH[:3]], 8.0)
    made = run(capsys, "import", film, *LENS, "--data", data, "--json")
    assert made["frames"] == 3 and made["points"] > 100
    assert any("layout" in text for text in made["assumed"])


def test_what_cannot_be_imported_is_said_in_a_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    nameless = tum(tmp_path / "nameless", lens=False)
    broken = tum(tmp_path / "broken")
    (broken / "depth.txt").write_text("yesterday depth/0.png")
    outside = tum(tmp_path / "outside")
    (outside / "rgb.txt").write_text("1305031102.0 ../../secret.png")
    for arguments, what in (
        ([tmp_path / "none"], "none"),
        ([tmp_path / "empty"], "capture.json"),
        ([tmp_path / "text.mp4"], "--fov"),
        ([tmp_path / "text.mp4", "--fov", 60], "no video"),
        ([tmp_path / "text.mp4", "--fov", 60, "--estimator", "oracle"], "oracle"),
        ([nameless], "lens"),
        ([broken], "line 1"),
        ([outside], "outside"),
    ):
        line = run(capsys, "import", *arguments, "--data", tmp_path / "sessions", status=1)
        assert line.startswith("spatia-bridge: ") and what in line and "; " in line, arguments
