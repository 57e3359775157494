"""The add-on in the real editor: the dock connects, seeds, generates; a region edit is a step of the editor's own undo."""

import pytest

from tests.engines.bridge_process import BridgeProcess
from tests.engines.godot_engine import Driver
from tests.engines.scene import decode, head, save, screenshot, wait, wait_synced


@pytest.fixture(scope="module")
def editor(godot, shared, display, bridge):
    driver = Driver(godot, shared, renderer="opengl3", display=display, size="1280x900", editor=True)
    assert driver.call("ready")
    driver.call("field", "url", bridge.websocket)
    driver.call("field", "session", "from-the-editor")
    driver.call("press", "Connect")
    wait(driver, lambda s: s["connected"], "a connection")
    yield driver
    driver.close()


def test_settings_stay(editor, bridge):
    assert editor.call("setting", "url") == bridge.websocket
    assert editor.call("setting", "session") == "from-the-editor"


def test_the_editors_view_becomes_memory(editor, bridge, artefacts):
    editor.call("camera", [0.3, 1.6, 3.0], [-6, 5, 0])
    editor.call("press", "Seed view")
    state = wait(editor, lambda s: s["revision"].get("number", 0) >= 1, "a seed")
    state = wait_synced(editor, state["revision"]["number"])
    _, digest, points = head(bridge, "from-the-editor")
    assert (state["digest"], state["points"]) == (digest, points)
    assert str(points) in state["status"]
    screenshot(editor, artefacts / "godot-editor-seeded.png")


def test_a_region_edit_is_a_step_of_the_editors_undo(editor, bridge, artefacts):
    before = wait(editor, lambda s: s["synced"] >= 1, "memory")
    assert editor.call("region_edit", [-1.1, 0.6, -1.6], [1.2, 1.2, 1.2], "remove")["regions"] == 1
    after = wait(editor, lambda s: s["synced"] > before["synced"], "the edit")
    assert after["points"] < before["points"]
    screenshot(editor, artefacts / "godot-editor-region.png")
    assert editor.call("history", "undo") == "Remove region of memory"
    undone = wait(editor, lambda s: s["synced"] > after["synced"], "the undo")
    assert undone["digest"] == before["digest"]
    editor.call("history", "redo")
    again = wait(editor, lambda s: s["synced"] > undone["synced"], "the redo")
    assert again["digest"] == after["digest"] == head(bridge, "from-the-editor")[1]


def record(editor):
    editor.call("press", "Record")
    wait(editor, lambda s: "Record: done" in s["note"], "the recording to begin")
    for step in range(5):
        editor.call("camera", [0.3 - 0.1 * step, 1.6, 3.0], [-6, 5, 0])
        editor.call("state")
    editor.call("press", "Record")
    wait(editor, lambda s: "Recorded: done" in s["note"], "the recording to end")


def test_the_dock_generates_and_keeps_a_take(editor, artefacts):
    record(editor)
    editor.call("field", "prompt", "a castle hall")
    editor.call("press", "Generate")
    wait(editor, lambda s: s["rows"] == 1, "the take's row")
    assert "tiny does not know castle; it knows corridor" in wait(editor, lambda s: "done" in s["note"], "the end")["note"]
    assert editor.call("show_dock")
    screenshot(editor, artefacts / "godot-editor-take.png")
    assert [t["state"] for t in editor.call("state")["takes"]][-1] == "TAKE_STATE_PENDING"


def test_the_dock_shows_the_running_latent_until_frames_come(editor, tmp_path_factory, artefacts):
    """With the real pipeline, tiny and random: two steps, a preview after the second."""
    pytest.importorskip("diffusers")
    options = "--generator", "wan_vace", "--weights", "random-tiny", "--device", "cpu"
    diffusing = BridgeProcess(tmp_path_factory.mktemp("diffusing") / "sessions", *options)
    try:
        editor.call("press", "Connect")
        wait(editor, lambda s: not s["connected"], "the end of the connection")
        editor.call("field", "url", diffusing.websocket)
        editor.call("press", "Connect")
        wait(editor, lambda s: s["connected"], "a connection")
        editor.call("camera", [0.3, 1.6, 3.0], [-6, 5, 0])
        editor.call("press", "Seed view")
        wait(editor, lambda s: s["synced"] >= 1, "a seed")
        record(editor)
        assert editor.call("note_previews")
        editor.call("press", "Generate")
        state = wait(editor, lambda s: s["rows"] == 1, "the take's row")
        take = state["takes"][-1]["number"]
        (noted,) = editor.call("previews")
        assert (noted["take"], noted["done"], noted["shown"]["label"]) == (take, 2, f"take {take} so far")
        preview, frame = decode(noted["shown"]["png"]), decode(editor.call("shown")["png"])
        assert preview.shape == (8, 14, 3) and preview.std() > 5
        assert frame.shape == (180, 320, 3) and editor.call("shown")["label"].startswith(f"take {take}, frame")
        save(artefacts / "godot-editor-preview.png", preview)
    finally:
        diffusing.close()


def test_no_complaints(editor):
    assert editor.errors() == []
