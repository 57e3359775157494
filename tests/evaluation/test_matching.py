"""Is the same shown again, and from where? On the closed-form room and on noise, which has many corners."""

import math
from dataclasses import replace

import cv2
import numpy as np

from spatia_bridge.evaluation.matching import camera_is_right, match_accuracy
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from tests.worlds import camera, look


def textured(seed: int, size=(96, 64)):
    noise = np.random.default_rng(seed).uniform(0, 255, (size[1] // 4, size[0] // 4, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def test_the_same_picture_is_found_again_and_another_is_not():
    one = textured(1)
    assert match_accuracy(one, one) == 1.0
    blurred = cv2.GaussianBlur(one, (3, 3), 0.6)
    assert 0.3 < match_accuracy(one, np.asarray(blurred)) <= 1.0
    assert match_accuracy(one, textured(2)) < 0.1


def test_what_moved_does_not_count():
    one = textured(1)
    assert match_accuracy(one, np.roll(one, 20, axis=1)) < 0.2


def test_only_the_mask_counts():
    one, other = textured(1), textured(2)
    half = np.zeros(one.shape[:2], bool)
    half[:, :48] = True
    mixed = np.where(half[..., None], one, other)
    assert match_accuracy(one, mixed, half) > 0.7 > 0.3 > match_accuracy(one, mixed, ~half)


def test_nothing_to_find_is_no_answer():
    assert math.isnan(match_accuracy(np.full((64, 96, 3), 128, np.uint8), textured(1)))


def test_a_camera_is_where_its_picture_says():
    first = replace(look(camera(size=(192, 128))), colour=textured(1, (192, 128)))
    assert camera_is_right(first, first) is True
    pose = first.camera.world_from_camera
    for wrong in (se3.from_parts(np.eye(3), [0.3, 0, 0]), se3.from_parts(cv2.Rodrigues(np.array([0, 0.1, 0]))[0], np.zeros(3))):
        assert camera_is_right(first, replace(first, camera=Camera(first.camera.intrinsics, pose @ wrong))) is False
    grey = replace(first, colour=np.full_like(first.colour, 128))
    assert camera_is_right(first, grey) is False
    assert camera_is_right(grey, first) is None
