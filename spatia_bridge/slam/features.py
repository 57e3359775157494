"""Where two views lie to each other, by what looks alike in them: the start for an alignment that has no better one."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import RgbdFrame, static_pixels
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Intrinsics

MAX_FEATURES = 800
CONTRAST = 0.01  # SIFT's threshold; a quarter of its default: walls are dull
DISTINCT = 0.8  # Lowe's ratio test
REPROJECTION_PX = 2.0
MIN_MATCHES = 15  # that agree on one pose
ITERATIONS = 300  # of RANSAC


@dataclass(frozen=True, eq=False)
class Features:
    """Corners of one view that have depth: pixels (N, 2), points_camera (N, 3) metres, SIFT descriptors (N, 128)."""

    intrinsics: Intrinsics
    pixels: npt.NDArray[np.float64]
    points_camera: npt.NDArray[np.float64]
    descriptors: npt.NDArray[np.float32]


def find_features(frame: RgbdFrame) -> Features:
    """The corners of a frame, where it has depth and nothing moves."""
    k, still = frame.camera.intrinsics, static_pixels(frame)
    grey = cv2.cvtColor(frame.colour, cv2.COLOR_RGB2GRAY)
    corners, descriptors = cv2.SIFT.create(MAX_FEATURES, contrastThreshold=CONTRAST).detectAndCompute(
        grey, still.astype(np.uint8)
    )
    if descriptors is None:
        return Features(k, np.empty((0, 2)), np.empty((0, 3)), np.empty((0, 128), np.float32))
    # OpenCV's pixel centres lie at whole numbers
    pixels = np.array([corner.pt for corner in corners], np.float64).reshape(-1, 2) + 0.5
    column, row = np.clip(pixels.astype(int), 0, [k.width - 1, k.height - 1]).T
    depth = frame.depth_m[row, column].astype(np.float64)
    known = still[row, column]
    pixels, depth = pixels[known], depth[known]
    rays = np.column_stack([(pixels - [k.cx, k.cy]) / [k.fx, k.fy], np.ones(len(pixels))])
    return Features(k, pixels, rays * depth[:, None], np.asarray(descriptors, np.float32)[known])


def model_from_source(model: Features, source: Features) -> se3.Array | None:
    """The pose (4, 4) on which enough features agree (P3P within RANSAC), or None."""
    if min(len(model.pixels), len(source.pixels)) < MIN_MATCHES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(source.descriptors, model.descriptors, k=2)
    matches = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < DISTINCT * pair[1].distance]
    if len(matches) < MIN_MATCHES:
        return None
    k = source.intrinsics
    lens = np.array([[k.fx, 0, k.cx], [0, k.fy, k.cy], [0, 0, 1]])
    points = model.points_camera[[match.trainIdx for match in matches]]
    pixels = source.pixels[[match.queryIdx for match in matches]]
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        points, pixels, lens, None, iterationsCount=ITERATIONS, reprojectionError=REPROJECTION_PX, flags=cv2.SOLVEPNP_AP3P
    )
    if not found or inliers is None or len(inliers) < MIN_MATCHES:
        return None
    return se3.inverse(se3.from_parts(cv2.Rodrigues(rotation)[0], translation.ravel()))
