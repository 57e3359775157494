"""What every DepthEstimator must do; a backend's test subclasses this and says how to make one."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spatia_bridge.errors import CancelledError, InvalidInputError, RejectedUpdateError
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory import Memory
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, DepthMap, no_check
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, fold_in, plant
from spatia_bridge.slam.update import Slam
from tests.contracts.loop import colour_only, take_one
from tests.worlds import camera, intrinsics, look

SIZE = (96, 64)
VIEWS = [camera(eye=(0.06 * n, -0.5, -3.0), target=(0.1 * n, -0.5, 1.0)) for n in range(3)]


class Watched(DepthEstimator):
    """Another estimator, and how many pictures it was asked about."""

    name = "watched"

    def __init__(self, inner: DepthEstimator) -> None:
        self.inner, self.pictures = inner, 0

    def estimate(self, colour: ColourImage, k: Intrinsics) -> DepthEstimate:
        return self.inner.estimate(colour, k)

    def estimate_clip(
        self, colours: Sequence[ColourImage], cameras: Sequence[Camera], check: Callable[[], None] = no_check
    ) -> Sequence[DepthMap]:
        maps = self.inner.estimate_clip(colours, cameras, check)
        self.pictures += len(maps)
        return maps


class DepthEstimatorContract:
    def make(self) -> DepthEstimator:
        raise NotImplementedError

    @pytest.fixture
    def estimator(self) -> DepthEstimator:
        return self.make()

    def check_map(self, found: DepthMap, size: tuple[int, int] = SIZE) -> None:
        shape = (size[1], size[0])
        assert found.depth_m.shape == shape and found.depth_m.dtype == np.float32
        assert not np.isnan(found.depth_m).any() and (found.depth_m >= 0).all()
        assert ((found.depth_m > 0) & np.isfinite(found.depth_m)).any()
        assert found.confidence.shape == shape and found.confidence.dtype == np.float32
        assert (found.confidence >= 0).all() and (found.confidence <= 1).all()

    def test_a_picture_has_depth_a_direction_down_and_a_height(self, estimator: DepthEstimator) -> None:
        frame = look(VIEWS[0])
        found = estimator.estimate(frame.colour, frame.camera.intrinsics)
        self.check_map(found)
        assert estimator.name and found.gravity_camera.shape == (3,)
        assert np.linalg.norm(found.gravity_camera) == pytest.approx(1) and found.gravity_camera[1] > 0
        assert np.isfinite(found.camera_height_m) and found.camera_height_m > 0
        assert all(isinstance(text, str) and text for text in found.warnings)

    @pytest.mark.parametrize("size", [(160, 90), (64, 96)])
    def test_any_shape_of_picture_will_do(self, estimator: DepthEstimator, size: tuple[int, int]) -> None:
        frame = look(camera(size=size))
        self.check_map(estimator.estimate(frame.colour, frame.camera.intrinsics), size)

    def test_equal_pictures_have_equal_depth(self, estimator: DepthEstimator) -> None:
        frame = look(VIEWS[0])
        before = frame.colour.copy()
        first, again, fresh = (e.estimate(frame.colour, frame.camera.intrinsics) for e in (estimator, estimator, self.make()))
        for other in (again, fresh):
            assert np.array_equal(first.depth_m, other.depth_m) and np.array_equal(first.confidence, other.confidence)
        assert np.array_equal(frame.colour, before)

    def test_threads_do_not_mix_their_pictures(self, estimator: DepthEstimator) -> None:
        colours = [look(view).colour for view in VIEWS[:2]]
        alone = [estimator.estimate(colour, intrinsics()).depth_m for colour in colours]
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda colour: estimator.estimate(colour, intrinsics()).depth_m, colours))
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)

    def test_what_is_no_picture_of_that_size_is_refused(self, estimator: DepthEstimator) -> None:
        colour = look(VIEWS[0]).colour
        for wrong in (colour[:-1], colour[..., 0], colour.astype(np.float32), np.dstack([colour, colour[..., :1]])):
            with pytest.raises(InvalidInputError, match="picture"):
                estimator.estimate(wrong, intrinsics())
            with pytest.raises(InvalidInputError, match="picture"):
                estimator.estimate_clip([wrong], VIEWS[:1])
        with pytest.raises(InvalidInputError, match="cameras"):
            estimator.estimate_clip([colour], VIEWS[:2])
        with pytest.raises(InvalidInputError, match="one size"):
            larger = camera(size=(160, 90))
            estimator.estimate_clip([colour, look(larger).colour], [VIEWS[0], larger])

    def test_a_clip_has_a_map_a_picture(self, estimator: DepthEstimator) -> None:
        colours = [look(view).colour for view in VIEWS]
        maps = estimator.estimate_clip(colours, VIEWS)
        assert len(maps) == len(VIEWS) and not estimator.estimate_clip([], [])
        for found in maps:
            self.check_map(found)
        for found, again in zip(maps, self.make().estimate_clip(colours, VIEWS), strict=True):
            assert np.array_equal(found.depth_m, again.depth_m)

    def test_a_clip_can_be_cancelled(self, estimator: DepthEstimator) -> None:
        def check() -> None:
            raise CancelledError("stop")

        with pytest.raises(CancelledError):
            estimator.estimate_clip([look(view).colour for view in VIEWS], VIEWS, check)

    def test_two_takes_without_depth_go_through_the_loop(self, estimator: DepthEstimator) -> None:
        """What it says of random weights nobody should believe; then memory stays as it was."""
        watched, memory = Watched(estimator), Memory()
        stages = Stages(CpuRenderer(), Slam(CpuRenderer(), estimator=watched))
        plant(stages, memory, [look(VIEWS[0])], 0, "", lambda done, total: None)
        for number in (1, 2):
            before = memory.snapshot()
            take = take_one(stages, memory, number, VIEWS, colour_only)
            try:
                fold_in(stages, memory, take, lambda done, total: None)
                assert memory.snapshot().revision == before.revision + 1
            except RejectedUpdateError:
                assert memory.snapshot() is before
            assert watched.pictures == number * len(VIEWS)
