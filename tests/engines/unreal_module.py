"""The Unreal modules, built against stand-ins for the engine and driven through a pipe.

optics     angle, aspect, whether constrained, axis, offsets, viewport → fx, fy, cx, cy, width, height
camera     text: cine or plain; viewport, memory's place (7 of a pose, 3 of scale), the camera's pose, its settings
           → pose, intrinsics
region     shape, place, size, radius → shape, pose, half size, radius, relative to memory
waits      → the first 12 waits in seconds where nobody answers
sequencer  memory's place, then (seconds, pose) each → the same out of a level sequence; texts: the keys of yaw
play       memory's place, then poses → where a recorded flight goes when it is played
open       text: URL; session → the live actor connects
leave      it disconnects
place      the live memory's place
state      a frame of the engine → synced, points, shown points, chunks, frames
           texts: events since; data: digest; more: last frame
ask        text: what, numbers → the number of its reply
points     → data: float64 world positions of what the LiDAR clouds show; more: RGB; numbers: insertions a cloud
bake       → the same of the asset
commit     kind (remove, lock, recolour) and a region: an edit as a step of the editor's undo
editor undo, editor redo
"""

import time
from typing import Any

import numpy as np

from tests.engines.cores import WAIT_SECS, PipedProgram, build_cpp_targets

HOME = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]  # a place: nowhere else, not turned, not scaled


class UnrealModule(PipedProgram):
    """The running driver, with one actor that has a memory and a connection."""

    def __init__(self) -> None:
        super().__init__([str(build_cpp_targets("unreal_driver") / "unreal" / "unreal_driver")])
        self.events: list[str] = []
        self._replies: dict[int, tuple[int, str]] = {}

    def numbers(self, do: str, *numbers: Any, **what: Any) -> np.ndarray:
        flat = [float(x) for each in numbers for x in np.ravel(each)]
        return np.array(self.call(do, numbers=flat, **what).get("numbers", []))

    def open(self, url: str, session: str) -> None:
        self.events.clear()
        self.call("open", text=url, session=session)

    def state(self) -> dict[str, Any]:
        answer = self.call("state")
        for event in answer.get("texts", []):
            if event.startswith("reply "):
                number, revision, code = event.removeprefix("reply ").split(" ")
                self._replies[int(number)] = (int(revision), code)
            else:
                self.events.append(event)
        synced, points, shown, chunks, frames = answer["numbers"]
        counts = {"synced": int(synced), "points": int(points), "shown": int(shown), "chunks": int(chunks), "frames": int(frames)}
        return {**counts, "ready": answer.get("flag", False), "digest": answer["data"], "frame": answer.get("more", b"")}

    def wait(self, condition: Any, what: str) -> dict[str, Any]:
        until = time.monotonic() + WAIT_SECS
        while not condition(state := self.state()):
            assert time.monotonic() < until, f"not in {WAIT_SECS:g} s: {what}: {state}, {self.events}"
        return state

    def wait_shown(self, revision: int) -> dict[str, Any]:
        """Until it holds and shows that revision."""
        return self.wait(lambda s: s["ready"] and s["synced"] >= revision, f"revision {revision}")

    def wait_event(self, start: str) -> str:
        self.wait(lambda _: any(event.startswith(start) for event in self.events), start)
        return next(event for event in self.events if event.startswith(start))

    def ask(self, text: str, *numbers: Any, **what: Any) -> tuple[int, str]:
        """The revision that a request made, and the code of its error."""
        number = int(self.numbers("ask", *numbers, text=text, **what)[0])
        self.wait(lambda _: number in self._replies, f"the answer to {text}")
        return self._replies[number]

    def points(self, do: str = "points") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World positions (N, 3) in cm, colours (N, 3), insertions of each cloud."""
        answer = self.call(do)
        places = np.frombuffer(answer.get("data", b""), np.float64).reshape(-1, 3)
        colours = np.frombuffer(answer.get("more", b""), np.uint8).reshape(-1, 3)
        return places, colours, np.array(answer.get("numbers", []))
