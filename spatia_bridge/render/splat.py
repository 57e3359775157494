"""How a point becomes pixels: the rules that every renderer follows to the bit, and their constants.

A point at (X, Y, Z) in the camera's frame with footprint `d` (a diameter in metres) is a small piece of a plane through the point
along its normal. On screen it is a disc around the point's pixel position (u₀, v₀) with the radius in pixels

    R = SPLAT_DIAMETER / 2 · d · f / Z,    f = max(fx, fy),    within MIN_RADIUS_PX … MAX_RADIUS_PX and f / 2

so splats are as wide as the pixel that once saw the point, whatever the angle: a footprint says nothing about slant, and a disc
foreshortened by the normal tears a floor apart that was seen at a grazing angle. The normal gives depth instead. For a plane the
inverse depth is linear in pixels: with the normal n in the camera's frame and the ray d₀ = (X/Z, Y/Z, 1), a pixel centre at an
offset of (du, dv) from the point sees the plane at

    1 / depth = w = 1/Z · (1 + (nx · du / fx + ny · dv / fy) / (n · d₀)).

The pixel keeps the candidate with the greatest key, in the order of the points where two are equal (strictly greater wins):

    key = w − RIM_BIAS · (R / f) / Z / cosine · (du² + dv²) / R²

which pushes a splat's rim back by about its own radius. Where splats of one surface overlap, the paraboloids cross half way
between their centres, so each pixel shows the nearest centre (the Voronoi diagram by z-buffer of Hoff et al., SIGGRAPH 1999) and
rims never smear a texture; between surfaces further apart than a splat the true depth decides. Bounded against noise: `cosine`, the
angle between n and the ray, counts as at least MIN_COSINE, and w stays within half of 1/Z. Points at NEAR_M … FAR_M are drawn.

All of it is float32 arithmetic in one fixed order with no fused multiply-add, hence equal in NumPy and in compiled code.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.memory.record import FOOTPRINT_BIAS, FOOTPRINT_STEPS

SPLAT_DIAMETER = 1.7  # in footprints; 1.42 closes a perfect grid, the rest is for the jitter of positions (tests/render)
MIN_RADIUS_PX = 0.7072  # half a pixel's diagonal: every point covers a pixel centre
MAX_RADIUS_PX = 256.0
MAX_RADIUS_OF_DEPTH = 0.5
MIN_COSINE = 0.2
MAX_DEPTH_CHANGE = 0.5
RIM_BIAS = 1.0
NEAR_M = 0.01
FAR_M = MAX_DEPTH_M

FOOTPRINT_VOXELS = np.exp2((np.arange(256) - FOOTPRINT_BIAS) / FOOTPRINT_STEPS).astype(np.float32)


@dataclass(frozen=True)
class Lens:
    """What the rules need of a camera's intrinsics, as float32 numbers: both renderers start from the same roundings."""

    fx: np.float32
    fy: np.float32
    cx: np.float32
    cy: np.float32
    focal: np.float32
    max_radius_px: np.float32

    @classmethod
    def of(cls, k: Intrinsics) -> "Lens":
        focal = max(k.fx, k.fy)
        bound = max(min(MAX_RADIUS_PX, MAX_RADIUS_OF_DEPTH * focal), MIN_RADIUS_PX)
        return cls(*(np.float32(value) for value in (k.fx, k.fy, k.cx, k.cy, focal, bound)))

    def as_array(self) -> npt.NDArray[np.float32]:
        """float32 (14,): the lens, its reciprocals, and the constants, in the order in which the compiled kernel reads them."""
        one = np.float32(1)
        values = [self.fx, self.fy, self.cx, self.cy, self.focal, self.max_radius_px, one / self.fx, one / self.fy]
        constants = [NEAR_M, FAR_M, MIN_RADIUS_PX, MIN_COSINE, RIM_BIAS, MAX_DEPTH_CHANGE]
        return np.array(values + constants, np.float32)
