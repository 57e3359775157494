"""A process that works in a session until it is killed, again and again.

    python -m tests.store.crash_child ROOT

For every line on its standard input it forks a worker, which opens the session and does one thing after another; it says
`begin …` before each and, once the store has returned, what it was told to keep (`ack …`). How the worker ends:

    open            it does 5 rounds and exits without closing anything
    sync N          it kills itself at its Nth os.fsync          (before it, for odd N; after it, for even N)
    rename N        … at its Nth rename of a folder, before or after
    remove N        … at its Nth removal, half way
    tick N          … N steps into SQLite's work, counted from the first revision
    commit N        … right after SQLite's Nth COMMIT, before anything that follows it
    parent          it goes on until someone else kills it

Forking saves the second that the imports take.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from spatia_bridge.memory import Cause, LockRegion, Memory, RemoveRegion, Sphere
from spatia_bridge.store import ClipState, SessionLibrary, SessionStore, durable
from tests.store.scenes import commit, take

ROUNDS = 40


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Fuse:
    """Wraps a function: the process dies at its Nth call, before or after it."""

    def __init__(self, function, number: int) -> None:
        self.function, self.left, self.after = function, number, number % 2 == 0

    def __call__(self, *args, **more):
        self.left -= 1
        if self.left == 0 and not self.after:
            die()
        result = self.function(*args, **more)
        if self.left == 0:
            die()
        return result


def half_removed(path, **_more) -> None:
    """A removal that is interrupted after its first file."""
    for left in sorted(Path(path).iterdir())[:1]:
        left.unlink()
    die()


def arm(mode: str, number: int) -> None:
    if mode == "sync":
        os.fsync = Fuse(os.fsync, number)
    elif mode == "rename":
        real = Fuse(Path.rename, number)
        Path.rename = lambda self, target: real(self, target)
    elif mode == "remove":
        real_remove, count = shutil.rmtree, [number]

        def remove(path, **more):
            count[0] -= 1
            return real_remove(path, **more) if count[0] else half_removed(path)

        durable.shutil.rmtree = remove


def arm_sqlite(store: SessionStore, mode: str, number: int) -> None:
    connection = store._database._connection
    if mode == "tick":
        connection.set_progress_handler(Fuse(lambda: 0, number), 40)
    elif mode == "commit":  # the trace comes before a statement: at the next one the Nth COMMIT has done all that it does
        commits = [number]

        def trace(sql: str) -> None:
            if commits[0] == 0:
                die()
            if sql == "COMMIT":
                commits[0] -= 1

        connection.set_trace_callback(trace)


def one_round(store: SessionStore, memory: Memory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = store.next_clip_number()
    say(f"begin take {number}")
    store.put_take(take(number, frames=2))
    say(f"ack take {number}")
    say(f"begin revision {len(memory.revisions())} {number}")
    if rng.random() < 0.4:
        store.set_take_state(number, ClipState.DISCARDED)
        say(f"ack discarded {number}")
        revision = memory.undo() if memory.can_undo and rng.random() < 0.5 else memory.edit(some_edit(memory, rng))
    else:
        revision = commit(memory, seed, Cause.TAKE, clip=number, count=6)
    say(f"ack revision {revision.number} {revision.digest} {revision.clip}")


def some_edit(memory: Memory, rng):
    region = Sphere(rng.normal(size=3), 0.4)
    return RemoveRegion(region) if memory.snapshot().chunks and rng.random() < 0.5 else LockRegion(region)


def work(root: Path, mode: str, number: int) -> None:
    arm(mode, number)
    library = SessionLibrary(root)
    store = library.open("s") if (root / "s").is_dir() else library.create("s")
    memory = store.open_memory()
    arm_sqlite(store, mode, number)
    say("begin work")
    start = len(memory.revisions())
    for i in range(5 if mode == "open" else ROUNDS):
        one_round(store, memory, 1000 * start + i)


def main() -> None:
    root = Path(sys.argv[1])
    for line in sys.stdin:
        mode, number = line.split()
        worker = os.fork()
        if not worker:
            try:
                say(f"worker {os.getpid()}")
                work(root, mode, int(number))
            except BaseException as error:
                say(f"failed {error!r}")
            os._exit(0)
        _, status = os.waitpid(worker, 0)
        say(f"ended {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}")


if __name__ == "__main__":
    main()
