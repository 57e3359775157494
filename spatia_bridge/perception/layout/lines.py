"""Straight segments of a picture, as rays."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry.camera import Intrinsics

Floats = npt.NDArray[np.float64]

MIN_SIDE_PX = 32  # of a picture in which lines mean anything
DETECTION_SIDE_PX = 1248
MAX_ZOOM = 1.5  # more turns the stairs of a picture without anti-aliasing into lines
MIN_LENGTH_OF_DIAGONAL = 0.02
MAX_SEGMENTS = 500
NEAR = 0.25  # on the plane z = 1: some 14 degrees
PARALLEL_SINE = 0.05


@dataclass(frozen=True, eq=False)
class Segments:
    """N straight segments, longest first, on the plane z = 1 of the camera's frame.

    Attributes:
        start, end: float64 (N, 2), x right and y down.
        length: float64 (N,), on that plane.
        weight: float64 (N,), how much each says: its length, less where many run side by side (a blind is one piece of evidence).
    """

    start: Floats
    end: Floats
    length: Floats
    weight: Floats

    def select(self, rows: npt.NDArray[np.int64]) -> "Segments":
        """Those with these indexes, in their order."""
        return Segments(self.start[rows], self.end[rows], self.length[rows], self.weight[rows])

    def __len__(self) -> int:
        return len(self.length)

    @property
    def middle(self) -> Floats:
        """float64 (N, 2)."""
        return (self.start + self.end) / 2

    @property
    def direction(self) -> Floats:
        """float64 (N, 2), unit vectors."""
        return np.asarray((self.end - self.start) / self.length[:, None])


def find_segments(colour: ColourImage, intrinsics: Intrinsics) -> Segments:
    """The longest segments of a picture uint8 (H, W, 3) (LSD: von Gioi et al., PAMI 2010); none in a tiny picture."""
    height, width = colour.shape[:2]
    found, zoom = np.zeros((0, 4)), min(DETECTION_SIDE_PX / max(height, width), MAX_ZOOM)
    if min(height, width) >= MIN_SIDE_PX:
        # the detector sees other lines at another size, so it gets one size
        way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        grey = cv2.resize(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), None, fx=zoom, fy=zoom, interpolation=way)
        lines = cv2.createLineSegmentDetector().detect(grey)[0]
        found = found if lines is None else np.asarray(lines, np.float64).reshape(-1, 4)
        zoom_x, zoom_y = grey.shape[1] / width, grey.shape[0] / height
        found = (found + 0.5) / [zoom_x, zoom_y, zoom_x, zoom_y]  # OpenCV's pixel centres are whole numbers
    scale, centre = np.array([intrinsics.fx, intrinsics.fy]), np.array([intrinsics.cx, intrinsics.cy])
    start, end = (found[:, :2] - centre) / scale, (found[:, 2:] - centre) / scale
    length = np.linalg.norm(end - start, axis=1)
    least = MIN_LENGTH_OF_DIAGONAL * float(np.hypot(width / intrinsics.fx, height / intrinsics.fy))
    # ties are broken by place, so that the order does not depend on the detector's
    order = np.lexsort((start[:, 1], start[:, 0], -np.round(length, 9)))
    order = order[length[order] >= least][:MAX_SEGMENTS]
    start, end, length = start[order], end[order], length[order]
    return Segments(start, end, length, _weights(start, end, length))


def _weights(start: Floats, end: Floats, length: Floats) -> Floats:
    """float64 (N,): length² over all length that runs along with a segment nearby: the threads of a rug count as one thread."""
    middle = (start + end) / 2
    along = (end - start) / np.maximum(length, 1e-12)[:, None]
    near = np.linalg.norm(middle[:, None] - middle[None], axis=2) < NEAR
    parallel = np.abs(along[:, None, 0] * along[None, :, 1] - along[:, None, 1] * along[None, :, 0]) < PARALLEL_SINE
    crowd = (near & parallel) @ length
    return np.asarray(length**2 / np.maximum(crowd, 1e-12))
