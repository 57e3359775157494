"""How a point becomes pixels: the rules that every renderer follows to the bit, and their constants.

A point at (X, Y, Z) in the camera's frame, with unit normal n and footprint d (a diameter in metres), is a disc on the plane
through it, of radius r = SPLAT_DIAMETER / 2 · d, and THICKNESS · r thick, so that it does not vanish when seen from its edge.
With the ray d₀ = (x, y, 1) = (X/Z, Y/Z, 1) its image is, to first order (Zwicker et al., "EWA Splatting", 2002), the ellipse
around its pixel position (u₀, v₀) with the matrix

    Σ = (r/Z)² · F J (I − (1 − THICKNESS²) n nᵀ) Jᵀ F,    J = (1 0 −x; 0 1 −y),    F = diag(fx, fy),

whose axes are widened to MIN_RADIUS_PX where they are shorter; r · max(fx, fy) / Z is cut to MAX_RADIUS_PX, r to Z times
MAX_RADIUS_OF_DEPTH. Discs close a surface from every side: the footprint of what was seen at a slant is that much wider
(`slam.observe`), and THICKNESS is the inverse of how much wider it can get. For a plane the inverse depth is linear in pixels. At
an offset of e = (du, dv) from the point a pixel centre sees

    1 / depth = w = 1/Z · (1 + (nx · du / fx + ny · dv / fy) / (n · d₀)).

A pixel keeps the candidate with the greatest key, the first of equal ones:

    key = w − RIM_BIAS · E / cosine / Z · eᵀ Σ⁻¹ e,    E = longer half axis / max(fx, fy),

which pushes a splat's rim back by some of its radii. Where splats of one surface overlap, the paraboloids cross half way
between their centres, so each pixel shows the nearest centre (a Voronoi diagram by z-buffer, Hoff et al., SIGGRAPH 1999) and rims
never smear a texture; between surfaces further apart than a splat the true depth decides. Bounded against noise: `cosine`, n · d₀
without its sign, counts as at least MIN_COSINE, and w stays within half of 1/Z. Points at NEAR_M … FAR_M are drawn.

Where there are about as many points as pixels, most are a pixel's breadth, and to write each into all that it covers is most of
the work. So splats whose radius, by the bound r/Z · |d₀| · max(fx, fy), is at most WINDOW_PX + 1/2 compete for a *home* first,
the pixel that their point is in, by the key

    home = w / (1 + RIM_BIAS · e² / max(fx, fy)),    e to the pixel's centre in pixels,

and only who lives there is drawn: every pixel looks at the homes in the window of ± WINDOW_PX around it, less its corners
(visibility first, then reconstruction). Wider splats are drawn at once. A home keeps the position in POSITION_STEPS and the
radius in RADIUS_STEPS a pixel.

This goes in batches of chunks, near to far, of BATCH_POINTS_PER_PIXEL: what a batch shows hides homes of later ones, and
whole chunks. Batches with less than GATHER_POINTS_PER_PIXEL such splats draw all of them as if they were wide.

A splat that lost its home to a neighbour on the same surface can leave a gap, and so can noise in the points. Last, therefore, a
pixel that shows something much further, or nothing, between two of one surface beside or above each other (keys within a factor
of `gap_step`) shows what the further of these does.

All of it is float32 arithmetic in one fixed order with no fused multiply-add, hence equal in NumPy and in compiled code.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import MAX_DEPTH_M
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.memory.record import FOOTPRINT_BIAS, FOOTPRINT_STEPS

SPLAT_DIAMETER = 1.9  # in footprints; 1.42 closes a perfect grid, the rest is for the jitter of positions
THICKNESS = 0.25
MIN_RADIUS_PX = 0.7072  # half a pixel's diagonal: every point covers a pixel centre
MAX_RADIUS_PX = 256.0
MAX_RADIUS_OF_DEPTH = 0.5
MIN_COSINE = 0.2
MAX_DEPTH_CHANGE = 0.5
RIM_BIAS = 3.0
WINDOW_PX = 2
BATCH_POINTS_PER_PIXEL = 3  # enough to close most of the picture, few enough for the next batch to gain by it
GATHER_POINTS_PER_PIXEL = 0.35  # measured: with fewer, to look around every pixel costs more than to draw them
GAP_SLOPE = 10.0  # what a plane seen at MIN_COSINE falls off in two pixels, in focal lengths
POSITION_STEPS = 1 << 16
RADIUS_STEPS = 1 << 14
NEAR_M = 0.01
FAR_M = MAX_DEPTH_M

FOOTPRINT_VOXELS = np.exp2((np.arange(256) - FOOTPRINT_BIAS) / FOOTPRINT_STEPS).astype(np.float32)


def canvas(camera: Camera) -> Camera:
    """The same view with WINDOW_PX more pixels on every side: what is drawn on, so that the homes beyond the edge are there."""
    k = camera.intrinsics
    size = (k.width + 2 * WINDOW_PX, k.height + 2 * WINDOW_PX)
    return Camera(Intrinsics(k.fx, k.fy, k.cx + WINDOW_PX, k.cy + WINDOW_PX, *size), camera.world_from_camera)


def gap_step(k: Intrinsics) -> np.float32:
    """By which factor keys a pixel or two apart differ at most on one surface."""
    return np.float32(1 + GAP_SLOPE / max(k.fx, k.fy))


@dataclass(frozen=True)
class Lens:
    """What the rules need of a camera and of the constants, as float32: every renderer starts from the same roundings."""

    fx: np.float32
    fy: np.float32
    cx: np.float32
    cy: np.float32
    focal: np.float32  # the longer one
    per_fx: np.float32
    per_fy: np.float32
    squeeze_x: np.float32  # fx / focal
    squeeze_y: np.float32
    max_radius_px: np.float32
    near: np.float32
    far: np.float32
    min_radius_squared: np.float32
    flatness: np.float32  # 1 − THICKNESS²
    min_cosine: np.float32
    rim_bias: np.float32
    max_depth_change: np.float32

    @classmethod
    def of(cls, k: Intrinsics) -> "Lens":
        focal = max(k.fx, k.fy)
        max_radius = max(min(MAX_RADIUS_PX, MAX_RADIUS_OF_DEPTH * focal), MIN_RADIUS_PX)
        camera = (k.fx, k.fy, k.cx, k.cy, focal, 1 / k.fx, 1 / k.fy, k.fx / focal, k.fy / focal, max_radius)
        constants = (NEAR_M, FAR_M, MIN_RADIUS_PX**2, 1 - THICKNESS**2, MIN_COSINE, RIM_BIAS, MAX_DEPTH_CHANGE)
        return cls(*(np.float32(value) for value in camera + constants))

    def as_array(self) -> npt.NDArray[np.float32]:
        """float32 (17,), in the order of the fields: what compiled kernels take."""
        return np.array([getattr(self, field.name) for field in fields(self)], np.float32)
