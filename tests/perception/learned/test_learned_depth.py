"""Each depth estimator by the contract: `layout`, and the networks' real classes at tiny random sizes."""

from importlib.util import find_spec

import pytest

from spatia_bridge.perception.depth import DepthEstimator
from spatia_bridge.perception.layout import LayoutEstimator
from spatia_bridge.perception.learned.depth_anything_3 import DepthAnything3
from spatia_bridge.perception.learned.map_anything import MapAnything
from spatia_bridge.perception.learned.transformers_depth import TransformersDepth
from tests.contracts.depth import DepthEstimatorContract


class TestLayout(DepthEstimatorContract):
    def make(self) -> DepthEstimator:
        return LayoutEstimator()


class TestTransformersDepth(DepthEstimatorContract):
    def make(self) -> DepthEstimator:
        pytest.importorskip("transformers")
        return TransformersDepth("random-tiny")


@pytest.mark.skipif(not all(map(find_spec, DepthAnything3.packages)), reason="depth-anything-3 is not installed")
@pytest.mark.filterwarnings("ignore")  # of its packages, while they are imported
class TestDepthAnything3(DepthEstimatorContract):
    def make(self) -> DepthEstimator:
        return DepthAnything3("random-tiny")


@pytest.mark.skipif(not all(map(find_spec, MapAnything.packages)), reason="mapanything is not installed")
@pytest.mark.filterwarnings("ignore")  # of its packages, while they are imported
class TestMapAnything(DepthEstimatorContract):
    def make(self) -> DepthEstimator:
        return MapAnything("random-tiny")
