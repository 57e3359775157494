"""Do two views of one place show the same, by what can be found again in them? SIFT (Lowe, IJCV 2004), from OpenCV."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, Mask, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.slam.features import find_features, model_from_source

MAX_FEATURES = 1000
CONTRAST = 0.01  # a quarter of SIFT's default: walls are dull
CONFIDENT = 0.8  # Lowe's ratio test
SAME_PLACE = 0.02  # of the picture's width: both views are from one place, so what is found again lies where it was
LEAST_FEATURES = 8
RIGHT_M, RIGHT_RAD = 0.10, math.radians(2.0)


def match_accuracy(first: ColourImage, again: ColourImage, where: Mask | None = None) -> float:
    """Confident feature matches between two views from one place, over the first view's matches with itself (Spatia,
    arXiv 2512.15716, "match accuracy"); a match that lies elsewhere does not count.

    Args:
        where: bool (H, W), only features of the first view in there; None = all.
    Returns:
        0…1; nan where the first view has fewer than LEAST_FEATURES features.
    """
    corners, described = _features(first, where)
    if len(corners) < LEAST_FEATURES:
        return math.nan
    own = _confident(corners, described, corners, described, first.shape[1])
    other, other_described = _features(again, None)
    return _confident(corners, described, other, other_described, first.shape[1]) / max(own, 1)


def camera_is_right(first: RgbdFrame, again: RgbdFrame) -> bool | None:
    """Whether `again`, registered to `first` by features (P3P within RANSAC), stands where its camera says: within 10 cm and
    2 degrees. None where the first view's features do not find even the first view.
    """
    model = find_features(first)
    if model_from_source(model, model) is None:
        return None
    found = model_from_source(model, find_features(again))
    if found is None:
        return False
    error = se3.inverse(first.camera.camera_from_world @ again.camera.world_from_camera) @ found
    turned = math.acos(float(np.clip((np.trace(error[:3, :3]) - 1) / 2, -1, 1)))
    return bool(np.linalg.norm(error[:3, 3]) <= RIGHT_M) and turned <= RIGHT_RAD


def _features(image: ColourImage, where: Mask | None) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Places (N, 2) in pixels and descriptors (N, 128), found at twice the size: pictures here are small."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    mask = None if where is None else np.repeat(np.repeat(where.astype(np.uint8), 2, axis=0), 2, axis=1)
    corners, described = cv2.SIFT.create(MAX_FEATURES, contrastThreshold=CONTRAST).detectAndCompute(grey, mask)
    places: npt.NDArray[np.float32] = np.array([corner.pt for corner in corners], np.float32).reshape(-1, 2) / np.float32(2)
    return places, np.empty((0, 128), np.float32) if described is None else np.asarray(described, np.float32)


def _confident(places, described, other_places, other_described, width: int) -> int:  # type: ignore[no-untyped-def]
    if len(other_places) < 2:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(described, other_described, k=2)
    best = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < CONFIDENT * pair[1].distance]
    apart = [np.linalg.norm(places[match.queryIdx] - other_places[match.trainIdx]) for match in best]
    return int((np.array(apart) <= SAME_PLACE * width).sum())
