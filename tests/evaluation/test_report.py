import json
import math

import numpy as np
import pytest

from spatia_bridge.evaluation.report import likeness, recorded_views, returning_view, returns, to_json, versions
from spatia_bridge.frames import Projection
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from tests.worlds import camera, look

HERE, THERE = camera(eye=(0, -0.5, -3)), camera(eye=(1, -0.5, -3))


def test_a_path_returns_when_place_and_direction_are_the_first_again():
    assert returns([HERE, THERE, HERE])
    assert not returns([HERE, THERE])
    assert not returns([HERE])
    turned = Camera(HERE.intrinsics, HERE.world_from_camera @ se3.from_parts(_yaw(0.1), (0, 0, 0)))
    assert not returns([HERE, turned])


def _yaw(angle):
    return np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])


def test_the_returning_view_is_only_measured_where_there_is_one():
    a, b = look(HERE).colour, look(THERE).colour
    assert returning_view([HERE, THERE], a, b) is None
    measured = returning_view([HERE, THERE, HERE], a, b)
    assert measured == likeness(a, b) and measured["psnr_db"] < 40


def test_recorded_views_compare_only_what_memory_covers():
    def half(view):
        coverage = np.zeros((64, 96), bool)
        coverage[:, :48] = True
        colour = np.where(coverage[..., None], look(view).colour ^ 1, 0).astype(np.uint8)
        return Projection(view, colour, look(view).depth_m, coverage, np.zeros((64, 96), np.uint8))

    found = recorded_views([look(HERE), look(THERE)], half)
    assert found["views"] == 2 and found["coverage"] == 0.5
    assert found["psnr_db"] == pytest.approx(10 * math.log10(255**2))
    assert math.isnan(recorded_views([], half)["psnr_db"])


def test_json_has_no_numbers_that_json_does_not_know():
    text = to_json({"a": math.inf, "b": [math.nan, np.float32(0.1), np.int64(3)], "c": {"d": 1 / 3, "e": True, "f": None}})
    assert json.loads(text) == {"a": None, "b": [None, 0.1, 3], "c": {"d": 0.333333, "e": True, "f": None}}


def test_versions_name_what_is_installed():
    found = versions()
    assert {"spatia-bridge", "python", "numpy"} <= found.keys()
