"""A process that forks workers which prune a session until they are killed; one thread, so that it may fork.

    python -m tests.store.prune_child

For every line `FOLDER WHERE NUMBER` on its standard input a worker prunes session `s` there to 3 revisions, without take 2, and
kills itself at the NUMBERth
    tick         25 steps of SQLite's work
    statement    SQL statement
    remove       removal of a folder, half way

A line says how it ended: `killed`, `done`, or `failed …`.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from spatia_bridge.store import SessionLibrary

KEEP, FORGOTTEN = 3, 2


def work(folder: Path, where: str, number: int) -> None:
    store = SessionLibrary(folder).open("s")
    memory = store.open_memory()
    left = [number]

    def tick(*_) -> int:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def remove(path, **_more) -> None:
        next(Path(path).iterdir()).unlink()
        tick()

    if where == "tick":
        store._database._connection.set_progress_handler(tick, 25)
    elif where == "statement":
        store._database._connection.set_trace_callback(tick)
    else:
        shutil.rmtree = remove
    memory.prune(KEEP, lambda oldest, makers: store.prune(oldest, [FORGOTTEN]))
    store.shrink()


def main() -> None:
    for line in sys.stdin:
        folder, where, number = line.split()
        worker = os.fork()
        if not worker:
            try:
                work(Path(folder), where, int(number))
            except BaseException as error:
                print(f"failed {error!r}", flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(worker, 0)
        print("killed" if os.WIFSIGNALED(status) else "done", flush=True)


if __name__ == "__main__":
    main()
