"""What a clip costs, and how much of it is not the model's.

    python benchmarks/generation.py [--quick] [--generator reproject|tiny|wan_vace|…] [--weights …] [--size WxH] [--hollow]

One clip after another along the sample's path, through the real loop: projection, references, generator, update. The first two
clips warm up and are not counted: the second is the first that has references and preceding frames. Depth is left to the update
where a generator's settings could carry memory's on in place of a depth model, as with real weights: memory's own depth, carried
on into what is new, then stands for the model's and is not counted.
`--hollow` gives a diffusers pipeline networks that answer zeros at once: what is left is ours and the pipeline's own, full size.
Stages, in milliseconds a frame: `projection` renders memory, `references` takes frames into the index and chooses, `model` is the
generator's network, `encoding` all else that the generator does (to the model's terms and back), `update` folds the take in.
The last line is JSON: `fps_WxH` counts projection, references and generator, as a client sees it; `first_frame_ms` is until
the first frame is there; `model_share` of these; `overhead_ms_per_frame` by stage; `peak_memory_mb` of the process.
"""

import argparse
import json
import resource
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spatia_bridge.app import check_generator, find_generators
from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.frames import GeneratedFrame, Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.generation.base import CancelToken, Event, Generator
from spatia_bridge.generation.fill import fill
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory, Snapshot
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, DepthMap, no_check
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.retrieval import VOXELS_A_CELL, CovisibilityIndex, CovisibilitySelector, FrameKey, Wanted
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.observe import usable_pixels
from spatia_bridge.slam.update import Slam

SIZE = (256, 144)
FRAME_STRIDE = 4  # of the frames that may become references
WARM_UP_CLIPS = 2
STAGES = ("projection", "references", "encoding", "update")


class Clock:
    """Seconds by stage; a stage within another of the same thread counts for itself alone. Threads add up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.waited = 0.0  # by a stage for a model in a thread of its own
        self._local = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        outer = self._local.__dict__.setdefault("open", [])
        began = time.perf_counter()
        outer.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self.seconds[name] += spent - outer.pop()
            if outer:
                outer[-1] += spent
            elif name == "model":
                self.waited += spent

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return call(*args, **kwargs)

        return timed


class TimedVideo(Sequence[Projection]):
    """A projection video that says what rendering it took."""

    def __init__(self, video: Sequence[Projection], clock: Clock) -> None:
        self._video, self._clock = video, clock

    def __len__(self) -> int:
        return len(self._video)

    def __getitem__(self, number: Any) -> Any:
        with self._clock.stage("projection"):
            return self._video[number]


class TimedRenderer(CpuRenderer):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def project(self, base: Snapshot, cameras: Sequence[Camera]) -> Any:
        return TimedVideo(super().project(base, cameras), self._clock)


class TimedGenerator:
    """A generator whose own time counts as encoding, its networks' as model."""

    def __init__(self, inner: Generator, clock: Clock) -> None:
        self.name, self.shape, self._inner, self._clock = inner.name, inner.shape, inner, clock
        for network, method in networks(inner):
            setattr(network, method, clock.around("model", getattr(network, method)))

    def generate(self, request: Any, cancel: CancelToken) -> Iterator[Event]:
        events = self._inner.generate(request, cancel)
        while True:
            with self._clock.stage("encoding"):
                event = next(events, None)
            if event is None:
                return
            yield event


class CarriedDepth(DepthEstimator):
    """Stands for a depth model: memory's own depth, carried on into what is new."""

    name = "carried"

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._renderer, self._clock = memory, CpuRenderer(), clock

    def estimate(self, colour: Any, intrinsics: Any) -> DepthEstimate:
        raise NotImplementedError

    def estimate_clip(self, colours: Any, cameras: Sequence[Camera], check: Callable[[], None] = no_check) -> list[DepthMap]:
        with self._clock.stage("model"):
            shown = [self._renderer.render(self._memory.snapshot(), camera) for camera in cameras]
            return [DepthMap(*fill(each.colour, each.depth_m, each.coverage)[1:]) for each in shown]


class Loop:
    """The sample's path as one clip after another."""

    def __init__(self, generator: Generator, frames: int, size: tuple[int, int]) -> None:
        self.clock, self._memory = Clock(), Memory()
        renderer = TimedRenderer(self.clock)
        self._stages = Stages(renderer, Slam(renderer, estimator=CarriedDepth(self._memory, self.clock)))
        self._generator, self._frames = TimedGenerator(generator, self.clock), frames
        views = load_capture(sample_path()).frames
        self._cameras = [view.camera.resized(*size) for view in views]
        plant(self._stages, self._memory, [views[0]], 0, "", lambda _done, _total: None)
        self._index = CovisibilityIndex(VOXELS_A_CELL * self._memory.snapshot().voxel_size_m)
        self._album: dict[FrameKey, RgbdFrame] = {}
        self._tail: tuple[RgbdFrame, ...] = ()
        self.refused = 0

    def clip(self, number: int) -> tuple[float, float]:
        """Seconds until the first frame, and until the last."""
        count = len(self._cameras) - 1
        cameras = tuple(self._cameras[1 + (number * self._frames + n) % count] for n in range(self._frames))
        plan = ClipPlan(number + 1, cameras, self._tail, "", number, self._generator.shape.fps)
        began, arrived = time.perf_counter(), list[float]()

        def publish(event: Event) -> None:
            if isinstance(event, GeneratedFrame):
                arrived.append(time.perf_counter() - began)

        base = self._memory.snapshot()
        take = make_take(self._stages, self._generator, base, plan, publish, CancelToken(), self._select)
        made = tuple(_as_seen(c, f) for c, f in zip(cameras, take.frames, strict=True))
        with self.clock.stage("update"):
            try:
                fold_in(self._stages, self._memory, take, lambda _done, _total: None)
            except RejectedUpdateError:
                self.refused += 1
        with self.clock.stage("references"):
            for n in range(0, len(made), FRAME_STRIDE):
                self._album[FrameKey(number + 1, n)] = made[n]
                self._index.add(FrameKey(number + 1, n), made[n].camera, made[n].depth_m, usable_pixels(made[n]))
        self._tail = made[-self._generator.shape.preceding_frames :]
        return arrived[0], arrived[-1]

    def _select(self, projection: Sequence[Projection]) -> tuple[ReferenceFrame, ...]:
        views = [projection[n] for n in range(0, len(projection), FRAME_STRIDE)]
        with self.clock.stage("references"):
            choices = CovisibilitySelector(self._index).select(Wanted(views), self._generator.shape.references)
        return tuple(ReferenceFrame(self._album[each.key], *each.key, each.reason) for each in choices)


def _as_seen(camera: Camera, frame: GeneratedFrame) -> RgbdFrame:
    depth_m = np.zeros(frame.colour.shape[:2], np.float32) if frame.depth_m is None else frame.depth_m
    return RgbdFrame(camera, frame.colour, depth_m, dynamic=frame.dynamic)


def networks(generator: Generator) -> list[tuple[Any, str]]:
    """What a generator's model consists of: objects, and the method of each that computes."""
    held, own = getattr(generator, "_held", None), getattr(generator, "_network", None)
    if held is None:
        return [(own(), "forward"), (own(), "encode")] if own else []
    pipe = held().pipe
    return [(pipe.text_encoder, "forward"), (pipe.transformer, "forward"), (pipe.vae, "encode"), (pipe.vae, "decode")]


def hollow(pipe: Any) -> None:
    """Networks of a pipeline that answer zeros of the right shape at once."""
    import torch
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
    from diffusers.models.modeling_outputs import AutoencoderKLOutput

    stride = pipe.vae_scale_factor_spatial

    def encode(video: Any) -> Any:
        b, _, t, h, w = video.shape
        moments = torch.zeros(b, 2 * pipe.vae.config.z_dim, (t - 1) // 4 + 1, h // stride, w // stride)
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(moments))

    def decode(latents: Any, return_dict: bool = True) -> Any:
        b, _, t, h, w = latents.shape
        return (torch.zeros(b, 3, (t - 1) * 4 + 1, h * stride, w * stride),)

    pipe.vae.encode, pipe.vae.decode = encode, decode
    pipe.transformer.forward = lambda hidden_states, **_: (torch.zeros_like(hidden_states),)


def make(name: str, weights: str, size: tuple[int, int], hollowed: bool) -> Generator:
    known = find_generators(chosen=name, weights=weights)
    check_generator(name, known)
    generator: Any = known[name]()
    if hasattr(getattr(generator, "settings", None), "carry_depth"):
        generator.settings = replace(generator.settings, carry_depth=False)
    if hollowed:
        generator.settings = replace(generator.settings, max_pixels=size[0] * size[1])
        hollow(generator._held().pipe)
    return generator  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one clip of the generator's length in place of three")
    parser.add_argument("--generator", default="tiny", help="default: %(default)s")
    parser.add_argument("--weights", default="", help="a file of tiny, a folder, or random-tiny")
    parser.add_argument("--size", type=_size, help="of the frames (default: 256x144 of tiny and reproject, else the generator's)")
    parser.add_argument("--hollow", action="store_true", help="of a pipeline: networks that answer zeros at once")
    options = parser.parse_args()
    small = options.generator in ("tiny", "reproject")
    size = options.size or (SIZE if small else (832, 480))
    generator = make(options.generator, options.weights, size, options.hollow)
    frames, clips = generator.shape.new_frames, 1 if options.quick else 3
    loop = Loop(generator, frames, size)
    for number in range(WARM_UP_CLIPS):
        loop.clip(number)
    loop.clock.seconds.clear()
    loop.clock.waited = 0.0
    times = [loop.clip(WARM_UP_CLIPS + number) for number in range(clips)]
    seconds, total = loop.clock.seconds, frames * clips
    seconds["encoding"] -= loop.clock.waited
    asked = sum(last for _, last in times)
    per_frame = {name: 1e3 * seconds[name] / total for name in (*STAGES, "model")}
    for name, value in per_frame.items():
        print(f"{name:<12} {value:8.1f} ms a frame")
    report = {
        "generator": generator.name,
        "fps_{}x{}".format(*size): total / asked,
        "first_frame_ms": 1e3 * statistics.median(first for first, _ in times),
        "model_share": seconds["model"] / asked,
        "model_ms_per_frame": per_frame["model"],
        "overhead_ms_per_frame": {name: round(per_frame[name], 2) for name in STAGES},
        "overhead_ms_per_frame_total": sum(per_frame[name] for name in STAGES),
        "takes_refused": loop.refused,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in report.items()}))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


if __name__ == "__main__":
    main()
