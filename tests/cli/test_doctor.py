"""The doctor on this machine, and on ones that lack something."""

import json

from spatia_bridge.cli import doctor
from spatia_bridge.cli.main import main
from spatia_bridge.profiles import PROFILES


def findings(capsys, *more):
    status = main(["doctor", "--json", *more])
    return status, json.loads(capsys.readouterr().out)


def test_a_working_machine_is_well(capsys, tmp_path):
    status, said = findings(capsys, "--data", str(tmp_path / "not made yet"))
    assert status == 0 and said["ok"]
    states = {(f["area"], f["name"]): f["state"] for f in said["findings"]}
    assert states["generators", "reproject"] == states["depth estimators", "layout"] == states["packages", "open3d"] == "ok"
    assert not (tmp_path / "not made yet").exists()
    for each in said["findings"]:
        assert each["state"] == "ok" or each["remedy"] or "CPU" in each["detail"]


def test_what_is_missing_is_said_with_what_to_do(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "CORE", ("numpy", "no_such_package"))
    monkeypatch.setattr(doctor, "OPTIONAL", {"torch": doctor.OPTIONAL["torch"], "no_such_extra": "nothing; leave it"})
    monkeypatch.setattr(doctor, "MIN_FREE_GB", 1e9)
    status, said = findings(capsys, "--data", str(tmp_path))
    by_name = {f["name"]: f for f in said["findings"]}
    assert status == 1 and not said["ok"]
    assert by_name["no_such_package"]["state"] == "broken" and by_name["no_such_package"]["remedy"]
    assert by_name["no_such_extra"] == {
        "area": "optional", "name": "no_such_extra", "state": "absent", "detail": "for nothing", "remedy": "leave it"
    }  # fmt: skip
    assert "free" in by_name["folder"]["detail"]


def test_people_get_lines(capsys, tmp_path):
    assert main(["doctor", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "reproject" in text and text.rstrip().endswith("Everything that is needed works.")


def test_profiles_are_explained_and_their_weights_looked_for(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SPATIA_BRIDGE_MODELS", str(tmp_path / "models"))
    status, said = findings(capsys, "--data", str(tmp_path), "--profile", "server-80gb")
    by_name = {f["name"]: f for f in said["findings"]}
    assert status == 0 and set(PROFILES) == {f["name"] for f in said["findings"] if f["area"] == "profiles"}
    assert by_name["wan-vace-14b"]["state"] == "absent" and "models fetch wan-vace-14b" in by_name["wan-vace-14b"]["remedy"]
    assert "80 GB" in by_name["server-80gb"]["detail"]
