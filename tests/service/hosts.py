"""A real host on a real store, with a generator that needs no model, and a real server before it on the loopback."""

import threading
from pathlib import Path

import numpy as np

from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import ClipShape, Step
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from tests.worlds import look


class Painter:
    """Paints what the room looks like from there; waits at `gate` after its first frame if that is set."""

    name = "painter"
    shape = ClipShape(96, 64, new_frames=5, preceding_frames=0, fps=8.0)

    def __init__(self) -> None:
        self.gate: threading.Event | None = None
        self.fail = False

    def generate(self, request, cancel):
        for number, projection in enumerate(request.projection):
            cancel.raise_if_cancelled()
            if self.fail:
                raise RuntimeError("out of paint")
            seen = look(projection.camera)
            yield Step(number + 1, len(request.projection), seen.colour[::4, ::4])
            yield GeneratedFrame(number, seen.colour, seen.depth_m.astype(np.float32))
            if self.gate is not None:
                self.gate.wait(20)


def make_host(folder: Path, painter: Painter, **bounds: int) -> SessionHost:
    renderer = CpuRenderer()
    makers = {"painter": lambda: painter}
    stages = Stages(renderer, Slam(renderer))
    return SessionHost(SessionLibrary(folder), stages, makers, "painter", **bounds)
