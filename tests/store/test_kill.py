"""kill -9 at any moment: what was acknowledged is there, what was not is there as a whole or not at all, no file is left over."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spatia_bridge.store import ClipState, SessionLibrary
from tests.store.scenes import same_take, take


@dataclass
class Promises:
    """What the children said, over all their lives."""

    revisions: dict[int, str] = field(default_factory=dict)
    states: dict[int, ClipState] = field(default_factory=dict)

    def hear(self, words: list[str]) -> None:
        match words:
            case ["ack", "take", number]:
                self.states[int(number)] = ClipState.PENDING
            case ["ack", "discarded", number]:
                self.states[int(number)] = ClipState.DISCARDED
            case ["ack", "revision", number, digest, clip]:
                self.revisions[int(number)] = digest
                if int(clip):
                    self.states[int(clip)] = ClipState.ACCEPTED


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    """The process that forks workers, the folder they work in, and their promises: one long history of crashes."""
    root = tmp_path_factory.mktemp("library")
    command = [sys.executable, "-m", "tests.store.crash_child", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process, root, Promises()
        process.stdin.close()


def live_and_die(nursery, mode: str, number: int = 0, kill_at: Callable[[list[str]], bool] = lambda _: False) -> int:
    """One worker's life; gives the signal that ended it. `kill_at` sees every line, and kills by returning True."""
    process, _, promises = nursery
    process.stdin.write(f"{mode} {number}\n")
    worker = int(process.stdout.readline().split()[1])
    while True:
        words = process.stdout.readline().split()
        if words[0] == "ended":
            return int(words[1])
        assert words[0] != "failed", words
        if kill_at(words):
            os.kill(worker, signal.SIGKILL)
            kill_at = lambda _: False  # noqa: E731
        promises.hear(words)


def check(root: Path, promises: Promises) -> None:
    """Every promise is kept, what was under way is whole or absent, and no file is without an owner."""
    if not (root / "s").is_dir():
        assert not promises.revisions and not promises.states
        return
    with SessionLibrary(root).open("s") as store:
        revisions, _ = store.load()  # verifies the head
        assert len(revisions) - max(promises.revisions, default=0) in (0, 1)
        by_number = {revision.number: revision for revision in revisions}
        for number, digest in promises.revisions.items():
            assert by_number[number].digest == digest
        for number in sorted(promises.revisions)[-3:] + sorted(promises.revisions)[:2]:
            assert f"{store.archive(number).record_digest:064x}" == promises.revisions[number]
        infos = {info.number: info for info in store.takes()}
        assert len(infos) - max(promises.states, default=0) in (0, 1)
        under_way = infos[max(infos)] if infos else None
        for number, state in promises.states.items():
            assert infos[number].state is state or infos[number] is under_way
        accepted = {revision.clip for revision in revisions} - {0}
        assert accepted == {n for n, info in infos.items() if info.state is ClipState.ACCEPTED}
        kept = [n for n, info in infos.items() if info.state is not ClipState.DISCARDED]
        for number in kept[-2:]:
            assert same_take(store.load_take(number), take(number, frames=2))
        names = {f"{n:06}/{i:04}.{kind}" for n in kept for i in (0, 1) for kind in ("png", "planes")}
        clips = root / "s" / "clips"
        assert {str(path.relative_to(clips)) for path in clips.rglob("*") if path.is_file()} == names
        assert len(list(clips.iterdir())) == len(kept)
        # what the next life builds on may include what was whole though never acknowledged
        promises.revisions.update({r.number: r.digest for r in revisions})
        promises.states.update({n: info.state for n, info in infos.items()})
    assert {path.name for path in root.iterdir()} == {".lock", "s"}
    assert {path.name for path in (root / "s").iterdir()} == {"session.db", "lock", "clips"}


def run(nursery, mode: str, number: int = 0, kill_at: Callable[[list[str]], bool] = lambda _: False) -> None:
    ended_by = live_and_die(nursery, mode, number, kill_at)
    assert ended_by == (0 if mode == "open" else signal.SIGKILL)
    check(nursery[1], nursery[2])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_while_the_session_is_created(nursery, number):
    run(nursery, "sync", number)


def nth(kind: str, number: int) -> Callable[[list[str]], bool]:
    left = [number]

    def reached(words: list[str]) -> bool:
        left[0] -= words[0] == kind
        return left[0] == 0

    return reached


@pytest.mark.parametrize("number", range(1, 13))
def test_killed_by_another_on_an_acknowledgement(nursery, number):
    run(nursery, "parent", kill_at=nth("ack", number))


@pytest.mark.parametrize("number", range(2, 14))
def test_killed_by_another_while_something_is_under_way(nursery, number):
    run(nursery, "parent", kill_at=nth("begin", number))


def test_ended_without_closing(nursery):
    run(nursery, "open")


@pytest.mark.parametrize("number", range(1, 15))
def test_killed_at_a_sync_of_a_file_or_folder(nursery, number):
    run(nursery, "sync", number)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_at_a_rename(nursery, number):
    run(nursery, "rename", number)


@pytest.mark.parametrize("number", [1, 2])
def test_killed_while_frames_are_removed(nursery, number):
    run(nursery, "remove", number)


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_killed_within_a_transaction(nursery, number):
    run(nursery, "tick", number)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_right_after_a_commit(nursery, number):
    run(nursery, "commit", number)


def test_at_the_end_the_whole_history_is_there(nursery):
    _, root, promises = nursery
    with SessionLibrary(root).open("s") as store:
        memory = store.open_memory()
        assert [revision.number for revision in memory.revisions()] == list(range(len(promises.revisions) + 1))
        for number, digest in promises.revisions.items():
            assert f"{memory.at(number).record_digest:064x}" == digest
        assert len(promises.revisions) > 40
