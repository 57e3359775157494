"""`reproject`: the contract; covered pixels are memory's, holes are the far side's."""

import numpy as np

from spatia_bridge.frames import Projection
from spatia_bridge.generation.reproject import Reproject
from tests.contracts.generator import GeneratorContract, projections
from tests.contracts.renderer import camera


class TestReproject(GeneratorContract):
    def make(self) -> Reproject:
        return Reproject()

    def test_covered_pixels_are_the_projections_own(self) -> None:
        video = projections()
        for projection, frame in zip(video, self.run(video), strict=True):
            seen = projection.coverage
            assert 0.2 < seen.mean() < 1
            assert frame.depth_m is not None and frame.confidence is not None
            assert np.array_equal(frame.colour[seen], projection.colour[seen])
            assert np.array_equal(frame.depth_m[seen], projection.depth_m[seen])
            assert np.array_equal(frame.confidence[seen], projection.confidence[seen] / np.float32(255))

    def test_holes_are_filled_with_depth_and_little_confidence(self) -> None:
        video = projections()
        for projection, frame in zip(video, self.run(video), strict=True):
            hole = ~projection.coverage
            assert frame.depth_m is not None and frame.confidence is not None
            assert frame.colour[hole].any(axis=1).all() and (frame.depth_m[hole] > 0).all()
            assert (frame.confidence[hole] > 0).all() and frame.confidence[hole].mean() < 0.5

    def test_nothing_known_is_grey_and_not_believed(self) -> None:
        view = camera()
        shape = (64, 96)
        nothing = Projection(
            view, np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.zeros(shape, bool), np.zeros(shape, np.uint8)
        )
        (frame,) = self.run([nothing])
        assert frame.depth_m is not None and frame.confidence is not None
        assert (frame.colour == 128).all() and not frame.depth_m.any() and not frame.confidence.any()
