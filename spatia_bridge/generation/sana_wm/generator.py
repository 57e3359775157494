"""The Generator: the last frame that was made, or memory's view of the start, and the path from there; no memory besides.

What it invents it forgets: beside `wan_vace` and `spatia_wan` it shows what memory is worth. The model has one size; a picture is
put into its upper left as large as it fits, and continued to the right and below.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, GeneratedFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event
from spatia_bridge.generation.fill import fill
from spatia_bridge.generation.fit import Fit
from spatia_bridge.generation.held import Held, held
from spatia_bridge.generation.stepping import Report, stepping
from spatia_bridge.geometry.camera import Camera

RANDOM_TINY = "random-tiny"
FRAME_STEP = 8  # frames a latent has, but for the first
WHAT_FITS = "less is needed with offload 'model' or shorter clips; or use the generator wan_vace, see --profile"


@dataclass(frozen=True)
class SanaWmSettings:
    """Attributes:
    model: its name in the catalogue, where no folder is given.
    steps, guidance: of the sampler.
    size: (width, height) that the model makes; that of the published one.
    offload: whole models in main memory while they are not needed, with CUDA.
    """

    model: str = "sana-wm"
    steps: int = 60
    guidance: float = 5.0
    size: tuple[int, int] = (1280, 704)
    offload: bool = False


@dataclass(frozen=True, eq=False)
class Start:
    """What the pipeline is given.

    Attributes:
        picture: uint8 (H, W, 3) at the model's size, what the first camera sees.
        world_from_camera: float32 (T, 4, 4), T = 8k + 1, OpenCV.
        intrinsics: float32 (T, 4), fx fy cx cy in pixels of the picture.
        first, new: the new frames among the T.
    """

    picture: ColourImage
    world_from_camera: npt.NDArray[np.float32]
    intrinsics: npt.NDArray[np.float32]
    first: int
    new: int
    fit: Fit


class SanaWm:
    """SANA-WM, a baseline without memory. Weights and device as of `wan_vace`; it makes no depth."""

    name = "sana_wm"

    def __init__(self, weights: str = "", device: str = "", settings: SanaWmSettings | None = None) -> None:
        tiny = weights == RANDOM_TINY
        # a preceding frame and 80 new ones are 8k + 1
        self.shape = ClipShape(1280, 704, new_frames=24 if tiny else 80, preceding_frames=1, fps=16.0, references=0)
        self.settings = settings or (SanaWmSettings(steps=2, guidance=1.0, size=(96, 64)) if tiny else SanaWmSettings())
        self._weights, self._device = weights, device

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step each step of the sampler, then all frames; see `Generator.generate` and `WanVace.generate`."""
        cancel.raise_if_cancelled()
        start = start_of(request, self.settings.size)
        made = yield from stepping(lambda report: self._run(start, request, cancel, report), cancel)
        for number, colour in enumerate(made[start.first : start.first + start.new]):
            cancel.raise_if_cancelled()
            yield GeneratedFrame(number, start.fit.back(colour))

    def _run(self, start: Start, request: ClipRequest, cancel: CancelToken, report: Report) -> Any:
        from spatia_bridge.generation.sana_wm import pipeline

        def work(pipe: Any) -> Any:
            return pipeline.run(pipe, start, request.prompt, request.seed, self.settings, report)

        return self._held().run(work, cancel, lambda _: WHAT_FITS)

    def _held(self) -> Held:
        def load(device: str) -> Any:
            from spatia_bridge.generation.sana_wm import pipeline

            return pipeline.load(self._weights, device, self.settings)

        return held(self.name, (self._weights, self.settings), self._device, load, WHAT_FITS)


def start_of(request: ClipRequest, size: tuple[int, int]) -> Start:
    """Where a clip starts and where it goes.

    Raises:
        InvalidInputError: no frame is asked for.
    """
    if not len(request.projection):
        raise InvalidInputError("a clip of no frames", "ask for one frame or more")
    cameras = [shown.camera for shown in request.projection]
    k = cameras[0].intrinsics
    if request.preceding:
        last = request.preceding[-1]
        colour, path = last.colour, [last.camera.resized(k.width, k.height), *cameras]
    else:
        first = request.projection[0]
        colour, path = fill(first.colour, first.depth_m, first.coverage)[0], [*cameras]
    path += [path[-1]] * (-(len(path) - 1) % FRAME_STEP)
    fit = Fit.inside(k.width, k.height, size)
    poses = np.stack([camera.world_from_camera for camera in path]).astype(np.float32)
    lenses = np.array([_lens(camera, fit) for camera in path], np.float32)
    return Start(fit.picture(colour), poses, lenses, int(bool(request.preceding)), len(cameras), fit)


def _lens(camera: Camera, fit: Fit) -> tuple[float, float, float, float]:
    k = camera.intrinsics.resized(*fit.inner)
    return k.fx, k.fy, k.cx, k.cy
