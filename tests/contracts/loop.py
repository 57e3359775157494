"""Takes of the room for contracts that run a backend inside the whole loop."""

from collections.abc import Callable, Sequence

from spatia_bridge.frames import GeneratedFrame, RgbdFrame, Take
from spatia_bridge.generation.base import CancelToken, ClipShape, Step
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory
from spatia_bridge.session.loop import ClipPlan, Stages, make_take
from tests.worlds import look

Made = Callable[[int, RgbdFrame], GeneratedFrame]


def colour_only(number: int, seen: RgbdFrame) -> GeneratedFrame:
    return GeneratedFrame(number, seen.colour)


def with_depth(number: int, seen: RgbdFrame) -> GeneratedFrame:
    return GeneratedFrame(number, seen.colour, seen.depth_m)


class RoomPainter:
    """A generator that knows the room."""

    name = "room"
    shape = ClipShape(96, 64)

    def __init__(self, made: Made) -> None:
        self._made = made

    def generate(self, request, cancel):  # type: ignore[no-untyped-def]
        for number, projection in enumerate(request.projection):
            yield Step(number + 1, len(request.projection))
            yield self._made(number, look(projection.camera))


def take_one(stages: Stages, memory: Memory, number: int, views: Sequence[Camera], made: Made, prompt: str = "") -> Take:
    plan = ClipPlan(number, tuple(views), (), prompt, number, 16.0)
    return make_take(stages, RoomPainter(made), memory.snapshot(), plan, lambda event: None, CancelToken())
