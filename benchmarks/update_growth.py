"""Does a clip cost the same when the memory is old and large?

Twice asked. One session lives through `--clips` clips, two at each of so many places: what does a clip of its last third take, in
time, memory and disk, over one of its first third? And the same path is generated and folded in on this old session and on one
that has seen 2 clips, in turn. Both are real sessions on the disk. The limit: a clip writes its own points once, so time, chunks
and bytes should depend on the clip alone. At the end the old session is pruned to its last 10 revisions.

Then `one_scene.py`: 100 clips on one scene, does memory blur? And does a session with a budget of points stay within it?

    python benchmarks/update_growth.py [--quick] [--clips 100]

`clip50_over_clip2` has kept its name; `clips` says how many the old session had lived through.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.one_scene import sharpness, under_budget
from spatia_bridge.frames import RgbdFrame, Take
from spatia_bridge.generation.base import CancelToken, Event
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.update import Slam
from spatia_bridge.store import SessionLibrary, SessionStore

STEP_M = 80.0  # between places: further than the sample sees
CLIPS_A_PLACE = 2
KEEP = 10  # revisions, when it is pruned
OPEN = """
import resource, sys
from pathlib import Path
from spatia_bridge.store import SessionLibrary
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
library = SessionLibrary(Path(sys.argv[1]))
young = library.open("young").open_memory()  # so that what the program itself takes is there
store = library.open("old")
before = rss()
memory = store.open_memory()
print((rss() - before) / memory.snapshot().points)
"""


class Lived:
    """A session that has seen some clips."""

    def __init__(self, library: SessionLibrary, name: str, stages: Stages, frames: tuple[RgbdFrame, ...], length: int) -> None:
        self.store: SessionStore = library.create(name)
        self.memory: Memory = self.store.open_memory()
        self._stages, self._frames, self._length = stages, frames, length
        self._generator = Reproject()
        self.seeded: set[int] = set()

    def cameras(self, place: int, part: int) -> tuple[Camera, ...]:
        """The sample's own path, one of four parts of it, at a place."""
        first = (part % 4) * 10
        return tuple(shifted(f, place).camera for f in self._frames[first : first + self._length])

    def clip(self, place: int, part: int) -> tuple[float, int]:
        """Generate and fold in a clip; its seconds and how many chunks it changed."""
        if place not in self.seeded:
            plant(self._stages, self.memory, [shifted(self._frames[0], place)], 0, "", never)
            self.seeded.add(place)
        start = time.perf_counter()
        plan = ClipPlan(self.store.next_clip_number(), self.cameras(place, part), (), "", 0, 16.0)
        take: Take = make_take(self._stages, self._generator, self.memory.snapshot(), plan, ignore, CancelToken())
        self.store.put_take(take)
        revision = fold_in(self._stages, self.memory, take, never)
        return time.perf_counter() - start, len(revision.changed)


def shifted(frame: RgbdFrame, place: int) -> RgbdFrame:
    pose = frame.camera.world_from_camera.copy()
    pose[0, 3] += STEP_M * place
    return replace(frame, camera=Camera(frame.camera.intrinsics, pose))


def never(_done: int, _total: int) -> None:
    """Nobody cancels."""


def ignore(_event: Event) -> None:
    """Nobody watches."""


@dataclass(frozen=True, eq=False)
class Growth:
    """What each clip took: seconds (N,), and how much larger it and its place's seed left process and folder, bytes (N,)."""

    seconds: np.ndarray
    memory_bytes: np.ndarray
    disk_bytes: np.ndarray

    def figures(self) -> dict[str, float]:
        third = max(len(self.seconds) // 3 // CLIPS_A_PLACE * CLIPS_A_PLACE, 1)  # whole places: the first clip also pays the seed

        def ratio(values: np.ndarray, middle: Callable[[np.ndarray], np.floating]) -> float:
            return round(float(middle(values[-third:]) / middle(values[:third])), 3)

        return {
            "clip_s": round(float(np.median(self.seconds)), 4),
            "seconds_per_clip_late_over_early": ratio(self.seconds, np.median),
            "memory_bytes_per_clip": round(float(np.mean(self.memory_bytes))),
            "memory_bytes_per_clip_late_over_early": ratio(self.memory_bytes, np.mean),
            "disk_mb_per_clip": round(float(np.mean(self.disk_bytes)) / 1e6, 3),
            "disk_bytes_per_clip_late_over_early": ratio(self.disk_bytes, np.mean),
            "disk_last_third_over_first": ratio(self.disk_bytes, np.mean),
        }


def grow(lived: Lived, clips: int) -> Growth:
    """Clips at place after place, two at each."""
    seconds, memory, disk = [], [rss_bytes()], [folder_bytes(lived)]
    for number in range(clips):
        seconds.append(lived.clip(number // CLIPS_A_PLACE, number % CLIPS_A_PLACE)[0])
        memory.append(rss_bytes())
        disk.append(folder_bytes(lived))
        if sys.stderr.isatty():
            print(f"\rclip {number + 1} of {clips}", end="", file=sys.stderr)
    return Growth(np.array(seconds), np.diff(memory), np.diff(disk))


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def folder_bytes(lived: Lived) -> int:
    """Without the database's log, whose size goes up and down within a fixed bound."""
    lived.store._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(f.stat().st_size for f in lived.store.folder.rglob("*") if f.is_file())


def prune(lived: Lived) -> dict[str, float]:
    """To the last KEEP revisions: how long others wait, how long it takes to compact, what the folder was and is."""
    before, start = folder_bytes(lived), time.perf_counter()
    lived.memory.prune(KEEP, lambda oldest, _makers: lived.store.prune(oldest, ()))
    pruned = time.perf_counter()
    lived.store.shrink()
    shrunk = time.perf_counter()
    return {
        "prune_ms": round(1e3 * (pruned - start), 1),
        "compact_ms": round(1e3 * (shrunk - pruned), 1),
        "disk_mb": round(before / 1e6, 2),
        "disk_mb_pruned": round(folder_bytes(lived) / 1e6, 2),
    }


def measure(young: Lived, old: Lived, rounds: int) -> dict[str, float]:
    """The same clip on both in turn, undone each time so that every round finds what the first one found."""
    seconds: dict[str, list[float]] = {"young": [], "old": []}
    touched: dict[str, list[int]] = {"young": [], "old": []}
    undo = []
    for _ in range(rounds):
        for name, lived in (("young", young), ("old", old)):
            took, chunks = lived.clip(0, 2)
            seconds[name].append(took)
            touched[name].append(chunks)
            start = time.perf_counter()
            lived.memory.undo()
            undo.append(time.perf_counter() - start)
    return {
        "clip2_s": round(median(seconds["young"]), 4),
        "clip50_over_clip2": round(median(b / a for a, b in zip(seconds["young"], seconds["old"], strict=True)), 4),
        "chunks_touched_ratio": round(median(touched["old"]) / max(median(touched["young"]), 1), 4),
        "undo_ms": round(1e3 * median(undo), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter clips, fewer rounds")
    parser.add_argument("--clips", type=int, default=100, help="of the old memory; default 100")
    arguments = parser.parse_args()
    length, rounds = (9, 5) if arguments.quick else (23, 9)
    frames = load_capture(sample_path()).frames
    renderer = CpuRenderer()
    stages = Stages(renderer, Slam(renderer))
    with tempfile.TemporaryDirectory() as folder:
        library = SessionLibrary(Path(folder))
        young, old = (Lived(library, name, stages, frames, length) for name in ("young", "old"))
        grow(young, 2)
        figures = grow(old, arguments.clips).figures()
        figures |= measure(young, old, rounds)
        figures |= prune(old)
        points = old.memory.snapshot().points
        print(
            f"young: {young.memory.snapshot().points:,} points; old: {points:,} in {len(old.memory.snapshot().chunks):,} chunks"
        )
        for lived in (young, old):
            lived.store.close()
        command = [sys.executable, "-c", OPEN, folder]
        per_point = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    figures |= sharpness(stages, frames, length, arguments.clips, engine=False)
    engine = sharpness(stages, frames, length, arguments.clips, engine=True)
    figures |= {f"engine_{name}": value for name, value in engine.items()}
    figures |= under_budget(stages, frames, length, STEP_M)
    figures |= {
        "bytes_per_point": round(per_point, 2),
        "points": points,
        "clips": arguments.clips,
        "frames_a_clip": length,
    }
    for name, value in figures.items():
        print(f"{name:38} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
