"""Fetching from a real server on the loopback: resumed, verified, refused; nothing half-written ever has the final name."""

import json
import pickle
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from spatia_bridge.cli.main import main
from spatia_bridge.errors import (
    CancelledError,
    ConflictError,
    CorruptWeightsError,
    MissingWeightsError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from spatia_bridge.models import fetch as fetching
from spatia_bridge.models import library
from spatia_bridge.models.fetch import copy, fetch, plan_fetch
from tests.models.hub import COMMIT, WEIGHTS, Hub, weights

NAME = "wan-vace-1.3b"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Between the hub library's own retries."""
    import huggingface_hub.file_download as download

    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(download.constants, "DOWNLOAD_CHUNK_SIZE", 100_000)


def silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def stop_after(limit: int):
    def told(done: int, _total: int) -> None:
        if done > limit:
            raise CancelledError("stopped by the test")

    return told


def fetch_all(hub: Hub, progress=silent):
    return fetch(plan_fetch(NAME, hub.url), progress)


def leftovers(models) -> set[str]:
    """Names in the folder of models that are not hidden."""
    return {path.name for path in models.iterdir() if not path.name.startswith(".")} if models.exists() else set()


def test_a_fetch_brings_what_the_catalogue_names_and_locks_it(hub, models):
    told = []
    folder = fetch_all(hub, lambda done, total: told.append((done, total)))
    assert folder == models / NAME == library.locate(NAME)
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        "model_index.json", WEIGHTS, library.LOCK,
    }  # fmt: skip
    assert (folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    lock = library.read_lock(NAME)
    assert lock.commit == COMMIT and lock.licence == "apache-2.0" and all(len(file.sha256) == 64 for file in lock.files)
    assert told == sorted(told) and told[-1] == (lock.size_bytes, lock.size_bytes)
    assert library.check(NAME, silent) == lock
    assert leftovers(models) == {NAME} and not list(models.glob("*.part"))


def test_afterwards_no_network_is_needed(hub, models):
    fetch_all(hub)
    hub.shutdown()
    assert library.locate(NAME).is_dir() and library.check(NAME, silent).commit == COMMIT
    assert main(["models", "check"]) == main(["models", "list", "--json"]) == 0


@pytest.mark.parametrize("ranges", [True, False])
def test_a_stopped_fetch_goes_on_where_it_ended(hub, models, ranges):
    """Also from a source that sends everything again."""
    hub.files[WEIGHTS] = weights(3 << 20)
    hub.list_files()
    with pytest.raises(CancelledError):
        fetch_all(hub, stop_after(3 << 19))
    assert leftovers(models) == set()
    with pytest.raises(MissingWeightsError, match="models fetch"):
        library.locate(NAME)
    hub.ranges, hub.asked = ranges, []
    plan = plan_fetch(NAME, hub.url)
    assert 0 < plan.missing_bytes < plan.size_bytes
    told = []
    fetch(plan, lambda done, total: told.append(done))
    assert (library.locate(NAME) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert [(path, wanted is None) for path, wanted, _ in hub.asked] == [(WEIGHTS, False)]
    assert told[-1] == plan.size_bytes


_KILLED = """
import os, signal
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 100_000
from spatia_bridge.models.fetch import fetch, plan_fetch
fetch(plan_fetch({name!r}, {url!r}), lambda done, _: os.kill(os.getpid(), signal.SIGKILL) if done > 1 << 20 else None)
"""


def test_a_killed_fetch_leaves_nothing_under_the_final_name_and_is_resumed(hub, models):
    hub.files[WEIGHTS] = weights(3 << 20)
    hub.list_files()
    killed = subprocess.run([sys.executable, "-c", _KILLED.format(name=NAME, url=hub.url)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL and leftovers(models) == set()
    hub.asked = []
    fetch_all(hub)
    assert library.check(NAME, silent) and [(path, wanted is None) for path, wanted, _ in hub.asked] == [(WEIGHTS, False)]


def test_a_connection_that_breaks_is_taken_up_again(hub, models):
    hub.files[WEIGHTS] = weights(3 << 20)
    hub.list_files()
    hub.cut_after = 3 << 19
    fetch_all(hub)
    assert library.check(NAME, silent)
    asked = [int(wanted[6:-1]) if wanted else 0 for path, wanted, _ in hub.asked if path == WEIGHTS]
    assert len(asked) > 2 and asked == sorted(set(asked))


def test_a_source_that_stops_answering_is_told_and_what_came_stays(hub, models):
    hub.cut_after = 0
    with pytest.raises((UnavailableError, CorruptWeightsError)):
        fetch_all(hub)
    assert leftovers(models) == set()
    hub.cut_after = None
    assert fetch_all(hub).is_dir()


@pytest.mark.parametrize("path", [WEIGHTS, "model_index.json"])
def test_a_file_that_is_not_what_was_listed_is_refused_and_deleted(hub, models, path):
    honest = hub.files[path]
    hub.files[path] = bytes(reversed(honest))
    with pytest.raises(CorruptWeightsError, match="not what"):
        fetch_all(hub)
    assert leftovers(models) == set()
    hub.files[path] = honest
    assert fetch_all(hub).is_dir()


def test_a_file_shorter_than_listed_is_refused(hub, models):
    hub.files[WEIGHTS] = hub.files[WEIGHTS][:-1000]
    with pytest.raises(CorruptWeightsError):
        fetch_all(hub)
    assert leftovers(models) == set()


def test_no_room_is_said_before_anything_is_downloaded(hub, models, monkeypatch):
    monkeypatch.setattr(fetching, "SPARE_BYTES", shutil.disk_usage("/").total * 2)
    with pytest.raises(StoreError, match="free in"):
        fetch_all(hub)
    assert not hub.asked and leftovers(models) == set()


def test_a_disk_that_fills_up_meanwhile_is_told_and_what_came_stays(hub, models, monkeypatch):
    def full(done: int, _total: int) -> None:
        if done > 100:
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="make room"):
        fetch_all(hub, full)
    assert leftovers(models) == set() and fetch_all(hub).is_dir()


def test_pickles_are_never_fetched(hub, models):
    hub.files |= {"transformer/diffusion_pytorch_model.bin": pickle.dumps({})}
    hub.list_files()
    folder = fetch_all(hub)
    assert not list(folder.rglob("*.bin")) and not [path for path, _, _ in hub.asked if path.endswith(".bin")]


def test_a_repository_of_pickles_only_is_refused(hub, models):
    hub.files = {"model_index.json": b"{}", "pytorch_model.bin": pickle.dumps({})}
    hub.list_files()
    with pytest.raises(CorruptWeightsError, match="only pickles"):
        plan_fetch(NAME, hub.url)


def test_a_pickle_that_calls_itself_safetensors_is_refused(hub, models):
    hub.files[WEIGHTS] = pickle.dumps({"layer": [0.0] * 100})
    hub.list_files()
    with pytest.raises(CorruptWeightsError, match="pickle"):
        fetch_all(hub)
    assert leftovers(models) == set()


@pytest.mark.parametrize("path", ["../evil.safetensors", "/tmp/evil.safetensors", f"transformer/{library.LOCK}"])
def test_a_source_cannot_write_elsewhere(hub, models, path):
    hub.files[path] = weights()
    hub.list_files()
    with pytest.raises(CorruptWeightsError, match="lists a file"):
        plan_fetch(NAME, hub.url)


def test_a_second_fetch_of_the_same_model_is_refused_meanwhile(hub, models):
    def meanwhile(done: int, _total: int) -> None:
        with pytest.raises(ConflictError):
            fetch_all(hub)

    assert fetch_all(hub, meanwhile).is_dir()


def test_the_users_token_is_not_shown_to_a_mirror(hub, models, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch_all(hub)
    assert {authorization for _, _, authorization in hub.asked} == {None}


def test_what_is_not_there_or_does_not_answer_is_told(hub, models):
    with pytest.raises(NotFoundError, match="is not there"):
        plan_fetch("sam3", hub.url)
    with pytest.raises(NotFoundError, match="use one of"):
        plan_fetch("no-such-model", hub.url)
    gone = Hub()
    gone.shutdown()
    gone.server_close()
    with pytest.raises(UnavailableError, match="--mirror"):
        plan_fetch(NAME, gone.url)


def test_damage_is_found_and_fetched_again_from_the_same_commit(hub, models):
    folder = fetch_all(hub)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    assert library.locate(NAME)  # sizes and headers only
    with pytest.raises(CorruptWeightsError, match="not what was fetched"):
        library.check(NAME, silent)
    assert main(["models", "check", NAME]) == 1
    (folder / WEIGHTS).write_bytes(data[:-10])
    with pytest.raises(CorruptWeightsError, match="bytes of"):
        library.locate(NAME)
    (folder / WEIGHTS).unlink()
    with pytest.raises(MissingWeightsError, match="is gone"):
        library.locate(NAME)
    assert library.check(fetch_all(hub).name, silent)


def test_a_model_fetched_elsewhere_is_copied_and_verified(hub, models, tmp_path, monkeypatch):
    elsewhere = tmp_path / "stick"
    shutil.copytree(fetch_all(hub), elsewhere)
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "other"))
    assert main(["models", "fetch", NAME, "--from", str(elsewhere)]) == 0
    assert library.read_lock(NAME).commit == COMMIT and library.check(NAME, silent)
    data = bytearray((elsewhere / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (elsewhere / WEIGHTS).write_bytes(data)
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "third"))
    with pytest.raises(CorruptWeightsError):
        copy(NAME, elsewhere, silent)
    assert leftovers(tmp_path / "third") == set()


def test_the_command_shows_size_and_licence_and_asks(hub, models, capsys, monkeypatch):
    assert main(["models", "fetch", NAME, "--mirror", hub.url]) == 1
    said = capsys.readouterr()
    assert "apache-2.0" in said.out and COMMIT in said.out and "200." in said.out and "--yes" in said.err
    assert not hub.asked
    assert main(["models", "fetch", NAME, "--mirror", hub.url, "--yes"]) == 0


def test_the_list_says_what_is_here(hub, models, capsys):
    fetch_all(hub)
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[NAME]["here"] and rows[NAME]["commit"] == COMMIT and not rows["sam3"]["here"]
    assert main(["models", "list"]) == 0 and COMMIT[:12] in capsys.readouterr().out
