"""The interface: poses from gravity, and finding estimators by name."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from spatia_bridge.errors import NotFoundError
from spatia_bridge.geometry import se3
from spatia_bridge.perception import backends, depth
from spatia_bridge.perception.depth import DepthEstimate, DepthEstimator, find_depth_estimator
from spatia_bridge.perception.layout import LayoutEstimator


def estimate(down, height=1.5) -> DepthEstimate:
    plane = np.ones((2, 2), np.float32)
    return DepthEstimate(plane, plane, np.asarray(down, np.float64), height)


@pytest.mark.parametrize("down", [(0, 1, 0), (0.1, 0.9, 0.3), (-0.4, 0.8, -0.6), (0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -2, 0)])
def test_the_pose_takes_gravity_to_plus_y(down) -> None:
    pose = se3.as_rigid(estimate(down, 2.0).world_from_camera)
    np.testing.assert_allclose(pose[:3, :3] @ np.asarray(down) / np.linalg.norm(down), (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(pose[:3, 3], (0, -2, 0))
    assert abs(pose[0, 2]) < 1e-12  # it looks along z, not sideways


def test_a_level_camera_is_not_turned() -> None:
    np.testing.assert_allclose(estimate((0, 1, 0)).world_from_camera[:3, :3], np.eye(3))


def test_estimators_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("layout", "spatia_bridge.perception.layout:LayoutEstimator", depth.ENTRY_POINT_GROUP)

    monkeypatch.setattr(backends, "entry_points", lambda group: [point] if group == depth.ENTRY_POINT_GROUP else [])
    found: DepthEstimator = find_depth_estimator("layout")
    assert isinstance(found, LayoutEstimator) and found.name == "layout"
    with pytest.raises(NotFoundError, match=r"'clairvoyance'.*layout"):
        find_depth_estimator("clairvoyance")
