"""What every Generator must do; a backend's test subclasses this and says how to make one."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from benchmarks.scenes import bricks, checks, snapshot
from spatia_bridge.errors import CancelledError, InvalidInputError
from spatia_bridge.frames import ColourImage, GeneratedFrame, Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Generator, Step
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory import Cause, Memory
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, DepthMap, no_check
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.render.renderer import ProjectionVideo
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.update import Slam
from tests import worlds
from tests.contracts.renderer import camera, wall


def projections(frames: int = 3, size: tuple[int, int] = (96, 64)) -> ProjectionVideo:
    """A walk past a wall in front of a wider one, with uncovered sides."""
    base = snapshot([wall(2.0, 0.5, bricks), wall(4.0, 2.0, checks)], 0.04)
    cameras = [camera(*size, pose=se3.look_at((0.1 * i, 0, 0), (0.1 * i, 0, 4))) for i in range(frames)]
    return CpuRenderer().project(base, cameras)


class KnownDepth(DepthEstimator):
    """What a perfect estimator would say of the room in `tests.worlds`, at a scale of its own: for generators without depth."""

    name = "known"

    def estimate(self, colour: ColourImage, intrinsics: Intrinsics) -> DepthEstimate:
        raise NotImplementedError

    def estimate_clip(
        self, colours: Sequence[ColourImage], cameras: Sequence[Camera], check: Callable[[], None] = no_check
    ) -> list[DepthMap]:
        depths = [worlds.look(view).depth_m * np.float32(1.7) for view in cameras]
        return [DepthMap(depth, np.ones(depth.shape, np.float32)) for depth in depths]


class GeneratorContract:
    size = (96, 64)

    def make(self) -> Generator:
        raise NotImplementedError

    def make_steady(self) -> Generator:
        """One whose clips memory agrees with: for untrained networks another than `make`'s."""
        return self.make()

    def run(self, video: Sequence[Projection], seed: int = 0) -> list[GeneratedFrame]:
        events = self.make().generate(ClipRequest(video, prompt="a hall", seed=seed), CancelToken())
        return [event for event in events if isinstance(event, GeneratedFrame)]

    def test_it_says_who_it_is_and_what_it_makes(self) -> None:
        generator = self.make()
        assert generator.name and generator.shape.width > 0 and generator.shape.height > 0 and generator.shape.fps > 0

    def test_each_frame_comes_once_in_order_at_the_cameras_size(self) -> None:
        video = projections(size=self.size)
        frames = self.run(video)
        assert [frame.number for frame in frames] == [0, 1, 2]
        shape = (self.size[1], self.size[0])
        for frame in frames:
            assert frame.colour.shape == (*shape, 3) and frame.colour.dtype == np.uint8
            if frame.depth_m is not None:
                assert frame.depth_m.shape == shape and frame.depth_m.dtype == np.float32
                assert np.isfinite(frame.depth_m).all() and (frame.depth_m >= 0).all()
            if frame.confidence is not None:
                assert frame.confidence.shape == shape and frame.confidence.dtype == np.float32
                assert (frame.confidence >= 0).all() and (frame.confidence <= 1).all()
            if frame.dynamic is not None:
                assert frame.dynamic.shape == shape and frame.dynamic.dtype == np.bool_

    def test_steps_grow_to_their_total(self) -> None:
        steps = [e for e in self.make().generate(ClipRequest(projections(size=self.size)), CancelToken()) if isinstance(e, Step)]
        assert steps and all(step.total == steps[0].total for step in steps)
        done = [step.done for step in steps]
        assert done == sorted(done) and done[-1] == steps[0].total

    def test_the_same_seed_gives_the_same_frames(self) -> None:
        for a, b in zip(self.run(projections(size=self.size), 7), self.run(projections(size=self.size), 7), strict=True):
            assert np.array_equal(a.colour, b.colour)
            assert (a.depth_m is None and b.depth_m is None) or np.array_equal(a.depth_m, b.depth_m)  # type: ignore[arg-type]

    def test_a_cancelled_token_stops_it_before_the_first_frame(self) -> None:
        cancel, video = CancelToken(), projections(size=self.size)
        events = self.make().generate(ClipRequest(video), cancel)
        cancel.cancel()
        with pytest.raises(CancelledError):
            next(events)

    def test_it_stops_within_a_step_of_the_cancel(self) -> None:
        cancel = CancelToken()
        events = self.make().generate(ClipRequest(projections(frames=6, size=self.size)), cancel)
        first = next(events)
        cancel.cancel()
        left = []
        with pytest.raises(CancelledError):
            left.extend(events)
        steps = [event for event in [first, *left] if isinstance(event, Step)]
        assert len(steps) <= 2

    def test_memory_that_shows_nothing_is_no_error(self) -> None:
        black = camera(*self.size)
        video = [_nothing(black)] * 2
        assert len(self.run(video)) == 2

    @pytest.mark.parametrize("prompt", ["", "a hall", "каменный зал 🏰", "stone " * 900])
    def test_any_prompt_is_taken(self, prompt: str) -> None:
        events = list(self.make().generate(ClipRequest(projections(frames=1, size=self.size), prompt=prompt), CancelToken()))
        assert sum(isinstance(event, GeneratedFrame) for event in events) == 1

    def test_references_and_preceding_frames_may_be_of_other_sizes(self) -> None:
        seen = (worlds.look(worlds.camera(size=(120, 70))), worlds.look(worlds.camera(size=(48, 64))))
        references = tuple(ReferenceFrame(frame, 1, number) for number, frame in enumerate(seen))
        request = ClipRequest(projections(size=self.size), references, seen, "a hall", 3)
        frames = [event for event in self.make().generate(request, CancelToken()) if isinstance(event, GeneratedFrame)]
        assert [frame.number for frame in frames] == [0, 1, 2]
        assert all(frame.colour.shape == (self.size[1], self.size[0], 3) for frame in frames)

    def test_a_clip_of_no_frames_is_refused_or_empty(self) -> None:
        try:
            events = list(self.make().generate(ClipRequest(()), CancelToken()))
        except InvalidInputError:
            return
        assert not any(isinstance(event, GeneratedFrame) for event in events)

    def test_who_stops_listening_stops_the_work(self) -> None:
        events = self.make().generate(ClipRequest(projections(size=self.size)), CancelToken())
        next(events)
        events.close()  # type: ignore[attr-defined]
        assert len(self.run(projections(size=self.size))) == 3

    def test_two_takes_go_through_the_whole_loop_into_memory(self) -> None:
        generator, renderer, memory = self.make_steady(), CpuRenderer(), Memory()
        stages = Stages(renderer, Slam(renderer, estimator=KnownDepth()))
        seed = worlds.look(worlds.camera())
        plant(stages, memory, [seed], 1, "", _no_check)
        preceding: tuple[RgbdFrame, ...] = ()
        points = [memory.snapshot().points]
        for number in (2, 3):
            turns = np.linspace(0.4, 1.0, 5) * (number - 1)
            path = tuple(worlds.camera(eye=(0, -0.5, -3), target=(0.4 * turn, -0.5, -2)) for turn in turns)
            told: list[object] = []
            plan = ClipPlan(number, path, preceding, "a room", 7, generator.shape.fps)
            take = make_take(
                stages, generator, memory.snapshot(), plan, told.append, CancelToken(), lambda _: (ReferenceFrame(seed, 1, 0),)
            )
            assert [frame.number for frame in told if isinstance(frame, GeneratedFrame)] == [0, 1, 2, 3, 4]
            revision = fold_in(stages, memory, take, _no_check)
            assert revision.cause is Cause.TAKE and revision.clip == number
            points.append(memory.snapshot().points)
            frames = zip(path, take.frames, strict=True)
            preceding = tuple(RgbdFrame(view, frame.colour, worlds.look(view).depth_m) for view, frame in frames)[-2:]
        assert points == sorted(set(points))


def _no_check(_done: int, _total: int) -> None:
    """Nobody watches."""


def _nothing(view: Camera) -> Projection:
    shape = (view.intrinsics.height, view.intrinsics.width)
    return Projection(
        view, np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, np.uint8)
    )
