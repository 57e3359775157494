"""A frame is registered to memory: its commanded pose is a prior, what memory shows from there is the evidence.

Dense direct alignment, coarse to fine (KinectFusion's point-to-plane with projective association, Newcombe et al. 2011,
together with the photometric term of Steinbrücker et al. 2011). With X the point of a frame's pixel in the model's camera under
the pose so far, V, n and I the position, normal and picture of the model where X projects to,

    r_g = n · (X − V) · f / z   pixel footprints,        r_p = I(π(X)) − I_frame   after local normalisation,

each divided by its own robust scale (1.4826 MAD), weighted by Tukey's biweight, so that what moved, changed or is occluded has
no say. The prior is a Gaussian around the commanded pose: minimised is

    Σ ρ(r_g / σ_g) / CORRELATED_PIXELS + Σ ρ(r_p / σ_p) / CORRELATED_PIXELS + ‖ξ‖²_prior

over the twist ξ from the prior. In directions that the view says nothing about (a lone wall, a corridor without texture) the
prior decides, and a pose is never pulled along them by noise.

A brightness that falls with distance, or a drifting exposure, is no motion: pictures are compared after their local mean and
contrast have been taken out.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import cv2
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import ColourImage, DepthImage, Mask, Projection, RgbdFrame, static_pixels
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.perception.robust import TUKEY, sigma
from spatia_bridge.render.cores import core_count, for_all, map_all

MIN_LEVEL_SIDE = 16  # pixels; the pyramid stops before
EDGE = 0.02  # of the inverse depth: a second difference beyond it is an edge, not a surface (on a plane it is 0)
BLOCK_RATIO = 1.15  # depths of one pixel of the next level differ at most so much
WINDOW_PX = 9  # of the local normalisation
CONTRAST = 6.0  # of 255: texture fainter than this is noise, and is not blown up
CORRELATED_PIXELS = 100.0  # neighbours err alike: so many pixels count as one measurement
MIN_SIGMA_FOOTPRINTS = 0.1  # memory keeps positions to a quarter of a voxel, which is about half a footprint
COARSE_SIGMA = 0.75  # pixel footprints of a level at least, in front of the finest: at first what is far off may still pull
MIN_SIGMA_NORMALISED = 0.05
PIECE_PIXELS = 6000  # with fewer a second core is not worth waking
FINE_STRIDE = 2  # at full size every other pixel of every other row says as much
SMALL_STEP_M, SMALL_STEP_RAD = 1e-5, 1e-6
_jit = numba.njit(cache=True, nogil=True)
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrackingConfig:
    """How a frame is registered.

    Attributes:
        iterations: at each level of the pyramid, coarse first; each level has half the next one's sides.
        prior_translation_m, prior_rotation_rad: one standard deviation of the error that a commanded pose is expected to gain
            from one tracked frame to the next.
        max_translation_m, max_rotation_rad: of one frame's correction; what lies beyond is not believed.
        inlier_footprints: a pixel agrees with the model if it lies so many pixel footprints off its surface at most.
        min_inlier_ratio: of the compared pixels; with fewer the prior stays.
        max_colour_residual: median, in units of the local contrast; above it the prior stays: the surfaces fit, the pictures do
        not. min_overlap: of the frame's pixels that memory shows too; with fewer the prior stays.
        quantum_footprints: a correction that moves the picture by less than this is within memory's own resolution: none.
    """

    iterations: tuple[int, ...] = (8, 6, 4)
    prior_translation_m: float = 0.05
    prior_rotation_rad: float = 0.02
    max_translation_m: float = 0.3
    max_rotation_rad: float = 0.1
    inlier_footprints: float = 2.0
    min_inlier_ratio: float = 0.4
    max_colour_residual: float = 0.6
    min_overlap: float = 0.05
    quantum_footprints: float = 0.25


@dataclass(frozen=True, eq=False)
class Tracked:
    """A frame's pose after registration.

    Attributes:
        camera: corrected; the prior itself, bit by bit, if `converged` is false or the correction is within the quantum.
        world_correction: (4, 4), rigid: corrected world_from_camera = world_correction @ prior.
        translation_m, rotation_rad: how far the camera was moved and turned.
        inlier_ratio: of the compared pixels, those that agree with the model's surface.
        overlap: compared pixels over all pixels.
        converged: the registration is to be believed.
    """

    camera: Camera
    world_correction: se3.Array
    translation_m: float
    rotation_rad: float
    inlier_ratio: float
    overlap: float
    converged: bool


@dataclass(frozen=True, eq=False)
class Level:
    """One size of a view: `grey` (H, W) locally normalised, `depth` (H, W) metres with 0 = none, normals (H, W, 3) unit or 0."""

    intrinsics: Intrinsics
    grey: Floats
    depth: DepthImage
    normals: Floats


class Tracker:
    """Registers the frames of one path, one after another: what one frame's correction says, the next frame's prior knows.

    Attributes:
        cameras: of the frames so far, corrected.
    """

    def __init__(self, config: TrackingConfig | None = None) -> None:
        self.cameras: list[Camera] = []
        self._config = config or TrackingConfig()
        self._world_correction = np.eye(4)  # of all frames so far: world_from_camera = this @ commanded
        self._tracked: list[Tracked] = []
        self._offsets: list[tuple[float, float]] = []  # from the commanded pose: metres, radians

    def register(self, frame: RgbdFrame, projection: Projection) -> RgbdFrame:
        """The frame under its corrected pose; under its prior, whose camera is the projection's, if nothing was corrected.

        Args:
            projection: what memory shows from `prior(frame.camera)`.
        """
        commanded, prior = frame.camera, projection.camera
        if prior is not commanded:
            frame = replace(frame, camera=prior)
        tracked = track(frame, projection, self._config)
        if tracked.camera is not prior:
            self._world_correction = tracked.world_correction @ self._world_correction
            frame = replace(frame, camera=tracked.camera)
        self.cameras.append(tracked.camera)
        self._tracked.append(tracked)
        offset = commanded.camera_from_world @ tracked.camera.world_from_camera
        self._offsets.append((float(np.linalg.norm(offset[:3, 3])), se3.angle(offset)))
        return frame

    def prior(self, commanded: Camera) -> Camera:
        """Where the next frame is expected, by the corrections so far; the camera itself if there were none."""
        if np.array_equal(self._world_correction, np.eye(4)):
            return commanded
        return Camera(commanded.intrinsics, se3.orthonormal(self._world_correction @ commanded.world_from_camera))

    @property
    def anchored(self) -> bool:
        """The last frame's pose is sure: it was registered, or memory shows nothing that it could be registered to."""
        return bool(self._tracked) and (self._tracked[-1].converged or self._tracked[-1].overlap < self._config.min_overlap)

    def health(self) -> dict[str, float]:
        """How far the poses were off, and how well the frames fit; over the frames so far."""
        if not self._tracked:
            return {}
        metres, radians = np.array(self._offsets).T
        return {
            "tracked_ratio": float(np.mean([each.converged for each in self._tracked])),
            "tracking_inlier_ratio": float(np.mean([each.inlier_ratio for each in self._tracked])),
            "pose_correction_mean_m": float(metres.mean()),
            "pose_correction_max_m": float(metres.max()),
            "pose_correction_mean_rad": float(radians.mean()),
            "pose_correction_max_rad": float(radians.max()),
        }


def track(frame: RgbdFrame, projection: Projection, config: TrackingConfig | None = None) -> Tracked:
    """Register a frame to what memory shows.

    Args:
        frame: its camera is the prior.
        projection: of memory, from the prior or from nearby; any size.
    """
    config = config or TrackingConfig()
    levels = len(config.iterations)
    known = projection.coverage & (projection.depth_m > 0)
    sides = (
        (frame.colour, frame.depth_m, static_pixels(frame), frame.camera.intrinsics),
        (projection.colour, projection.depth_m, known, projection.camera.intrinsics),
    )
    source, model = map_all(lambda side: pyramid(*side, levels), sides)
    return register(frame.camera, source, projection.camera, model, config)


def register(prior: Camera, source: list[Level], model_camera: Camera, model: list[Level], config: TrackingConfig) -> Tracked:
    """Register the pyramid of a frame (`source`) to that of a model seen from `model_camera`; both fine first."""
    model_from_prior = model_camera.camera_from_world @ prior.world_from_camera
    found = align(model_from_prior, source, model, config)
    prior_from_source = se3.inverse(model_from_prior) @ found.model_from_source
    translation_m, rotation_rad = float(np.linalg.norm(prior_from_source[:3, 3])), se3.angle(prior_from_source)
    converged = found.is_credible(config)
    focal = max(prior.intrinsics.fx, prior.intrinsics.fy)
    moved_px = focal * (rotation_rad + translation_m / max(found.median_depth_m, 1e-6))
    if not converged or moved_px < config.quantum_footprints:
        return Tracked(prior, np.eye(4), 0.0, 0.0, found.inlier_ratio, found.overlap, converged)
    camera = Camera(prior.intrinsics, se3.orthonormal(prior.world_from_camera @ prior_from_source))
    correction = camera.world_from_camera @ prior.camera_from_world
    return Tracked(camera, correction, translation_m, rotation_rad, found.inlier_ratio, found.overlap, True)


@dataclass(frozen=True, eq=False)
class Registration:
    """What came of an alignment.

    Attributes:
        model_from_source: (4, 4), rigid.
        from_prior: (4, 4), the same seen from where it began: prior_from_source.
        information: (6, 6) of the twist (translation, rotation) in the source's frame, without the prior's.
        inlier_ratio: of the compared pixels, those within `inlier_footprints` of the model's surface.
        overlap: compared pixels over all of the source's.
        colour_residual: median over the compared pixels, in units of the local contrast.
        median_depth_m: of the source.
    """

    model_from_source: se3.Array
    from_prior: se3.Array
    information: se3.Array
    inlier_ratio: float
    overlap: float
    colour_residual: float
    median_depth_m: float

    def is_credible(self, config: TrackingConfig) -> bool:
        """Within the bounds, and with enough agreement."""
        near = float(np.linalg.norm(self.from_prior[:3, 3])) <= config.max_translation_m
        near &= se3.angle(self.from_prior) <= config.max_rotation_rad
        alike = self.inlier_ratio >= config.min_inlier_ratio and self.colour_residual <= config.max_colour_residual
        return bool(near and alike and self.overlap >= config.min_overlap)


def align(model_from_prior: se3.Array, source: list[Level], model: list[Level], config: TrackingConfig) -> Registration:
    """Gauss-Newton from coarse to fine, from `model_from_prior` (4, 4)."""
    rotation, translation = config.prior_rotation_rad, config.prior_translation_m
    information = np.diag([translation**-2] * 3 + [rotation**-2] * 3)
    prior_from_model = se3.inverse(model_from_prior)
    pose, finest = model_from_prior, len(config.iterations) - 1
    coarsest = min(len(source), len(model)) - 1
    sigmas = _scales(_compare(source[coarsest], model[coarsest], pose, 1.0, 1.0), coarsest)
    for level in range(coarsest, -1, -1):
        for _ in range(config.iterations[max(finest - level, 0)]):
            terms = _compare(source[level], model[level], pose, *sigmas, FINE_STRIDE if level == 0 else 1)
            # the prior is about the source camera's own motion: its twist is carried to the model's frame
            carry = se3.adjoint(se3.inverse(pose))
            hessian = terms.hessian / CORRELATED_PIXELS + carry.T @ information @ carry
            gradient = terms.gradient / CORRELATED_PIXELS + carry.T @ information @ se3.log(prior_from_model @ pose)
            step = -np.linalg.solve(hessian, gradient)
            pose, sigmas = se3.exp(step) @ pose, _scales(terms, level)
            if np.linalg.norm(step[:3]) < SMALL_STEP_M and np.linalg.norm(step[3:]) < SMALL_STEP_RAD:
                break
    return _registration(model_from_prior, se3.orthonormal(pose), source[0], model[0], sigmas, config)


def _registration(
    model_from_prior: se3.Array, pose: se3.Array, source: Level, model: Level, sigmas: tuple[float, float], config: TrackingConfig
) -> Registration:
    terms = _compare(source, model, pose, *sigmas, FINE_STRIDE)
    compared = np.isfinite(terms.geometric)
    inliers = terms.geometric[compared] <= config.inlier_footprints
    colour, depth = terms.photometric[np.isfinite(terms.photometric)], source.depth[::FINE_STRIDE, ::FINE_STRIDE]
    carry = se3.adjoint(pose)
    return Registration(
        model_from_source=pose,
        from_prior=se3.inverse(model_from_prior) @ pose,
        information=carry.T @ terms.hessian @ carry / CORRELATED_PIXELS,
        inlier_ratio=float(inliers.mean()) if len(inliers) else 0.0,
        overlap=float(compared.mean()),
        colour_residual=float(np.median(colour)) if len(colour) else float("inf"),
        median_depth_m=float(np.median(depth[depth > 0])) if (depth > 0).any() else 0.0,
    )


class _Terms(NamedTuple):
    """Of one comparison: hessian (6, 6) and gradient (6,) of the robust terms, |residuals| (h, w), NaN where there is none."""

    hessian: se3.Array
    gradient: se3.Array
    geometric: Floats
    photometric: Floats


def _compare(s: Level, m: Level, pose: se3.Array, sigma_g: float, sigma_p: float, stride: int = 1) -> _Terms:
    lens = np.array([(k.fx, k.fy, k.cx, k.cy) for k in (s.intrinsics, m.intrinsics)])
    scales = (sigma_g, sigma_p, TUKEY * sigma_g, TUKEY * sigma_p)
    return _Terms(*_normal_equations((s.depth, s.grey), (m.depth, m.normals, m.grey), lens, pose, stride, scales))


def _scales(terms: _Terms, level: int) -> tuple[float, float]:
    """The robust scales of both residuals. What most pixels agree on would silence the rest at once (walls a floor, when the
    camera drops), so coarse levels are lenient."""
    least = max(COARSE_SIGMA * level, MIN_SIGMA_FOOTPRINTS)
    return _sigma(terms.geometric, least), _sigma(terms.photometric, MIN_SIGMA_NORMALISED)


def _sigma(residuals: Floats, least: float) -> float:
    known = residuals[np.isfinite(residuals)]
    return sigma(known, least) if len(known) else least


@_jit
def _put(rows, n, way, point, e, w):  # type: ignore[no-untyped-def]
    """Column n of rows (7, N): the jacobian of a residual e, which grows along `way` where the point is, then e, all times √w."""
    (a, b, c), (x, y, z), root = way, point, np.sqrt(w)
    rows[0, n], rows[1, n], rows[2, n] = root * a, root * b, root * c
    rows[3, n], rows[4, n], rows[5, n] = root * (y * c - z * b), root * (z * a - x * c), root * (x * b - y * a)
    rows[6, n] = root * e


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order vectorise
def _put_products(rows, count, products):  # type: ignore[no-untyped-def]
    """The lower triangle of products (7, 7) ← rows[:, :count] times its transpose."""
    for p in range(7):
        for q in range(p + 1):
            total = 0.0
            for n in range(count):
                total += rows[p, n] * rows[q, n]
            products[p, q] = total


@_jit
def _bilinear(image, u, v):  # type: ignore[no-untyped-def]
    """The image between pixel centres at whole numbers, and its two derivatives; NaN outside."""
    left, top = int(np.floor(u)), int(np.floor(v))
    if left < 0 or top < 0 or left + 1 >= image.shape[1] or top + 1 >= image.shape[0]:
        return np.nan, np.nan, np.nan
    a, b = np.float64(image[top, left]), np.float64(image[top, left + 1])
    c, d = np.float64(image[top + 1, left]), np.float64(image[top + 1, left + 1])
    s, t = u - left, v - top
    du, dv = (1 - t) * (b - a) + t * (d - c), (1 - s) * (c - a) + s * (d - b)
    return a + s * (b - a) + t * (c - a) + s * t * (a - b - c + d), du, dv


def _normal_equations(
    source: tuple[DepthImage, Floats], model: tuple[DepthImage, Floats, Floats], lens: se3.Array, pose: se3.Array, stride: int,
    scales: tuple[float, float, float, float],
) -> tuple[se3.Array, se3.Array, Floats, Floats]:  # fmt: skip
    """The terms over a twist (translation, rotation) on the left of `pose` (model from source), of every stride-th pixel.

    Rows of pixels are added up in their order whoever computes them: on any number of cores the sums are the same, bit by bit.
    """
    height, width = (-(-side // stride) for side in source[0].shape)
    geometric, photometric = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    products = np.empty((height, 7, 7))

    def work(band: tuple[int, int]) -> None:
        _put_rows(*source, *model, lens, pose, stride, *scales, *band, products, geometric, photometric)

    pieces = min(core_count(), 1 + height * width // PIECE_PIXELS)
    edges = [height * n // pieces for n in range(pieces + 1)]
    for_all(work, list(pairwise(edges)))
    return *_added_up(products), geometric, photometric


@_jit
def _added_up(products):  # type: ignore[no-untyped-def]
    """Hessian (6, 6) and gradient (6,)."""
    sums = np.zeros((7, 7))
    for row in range(len(products)):
        for p in range(7):
            for q in range(p + 1):
                sums[p, q] += products[row, p, q]
    for p in range(6):
        for q in range(p + 1, 6):
            sums[p, q] = sums[q, p]
    return sums[:6, :6].copy(), sums[6, :6].copy()


@_jit
def _put_rows(  # type: ignore[no-untyped-def]
    depth, grey, model_depth, normals, model_grey, lens, pose, stride, sigma_g, sigma_p, cut_g, cut_p, first, end,
    products, geometric, photometric,
):  # fmt: skip
    """The products (H, 7, 7) and |residuals|, NaN where there is none, of rows first … end."""
    width = geometric.shape[1]
    model_height, model_width = model_depth.shape
    fx, fy, cx, cy = lens[0]
    mx, my, ox, oy = lens[1]
    focal = max(mx, my)
    rows = np.empty((7, 2 * width))
    for row in range(first, end):
        count = 0
        geometric[row], photometric[row] = np.float32(np.nan), np.float32(np.nan)
        for column in range(width):
            j, i = row * stride, column * stride
            z = np.float64(depth[j, i])
            if z <= 0:
                continue
            a, b = (i + 0.5 - cx) / fx * z, (j + 0.5 - cy) / fy * z
            x = pose[0, 0] * a + pose[0, 1] * b + pose[0, 2] * z + pose[0, 3]
            y = pose[1, 0] * a + pose[1, 1] * b + pose[1, 2] * z + pose[1, 3]
            z = pose[2, 0] * a + pose[2, 1] * b + pose[2, 2] * z + pose[2, 3]
            if z <= 1e-3:
                continue
            u, v = mx * x / z + ox, my * y / z + oy
            if not (0 <= u < model_width and 0 <= v < model_height):
                continue
            c, r = int(u), int(v)
            depth_m = np.float64(model_depth[r, c])
            nx, ny, nz = np.float64(normals[r, c, 0]), np.float64(normals[r, c, 1]), np.float64(normals[r, c, 2])
            if depth_m <= 0 or nx * nx + ny * ny + nz * nz < 0.5:
                continue
            vx, vy = (c + 0.5 - ox) / mx * depth_m, (r + 0.5 - oy) / my * depth_m
            scale = focal / z
            e = (nx * (x - vx) + ny * (y - vy) + nz * (z - depth_m)) * scale
            geometric[row, column] = abs(e)
            if abs(e) >= cut_g:
                continue  # another surface: its colour says nothing either
            way = (nx * scale, ny * scale, nz * scale)
            _put(rows, count, way, (x, y, z), e, (1 - (e / cut_g) ** 2) ** 2 / (sigma_g * sigma_g))
            count += 1
            value, du, dv = _bilinear(model_grey, u - 0.5, v - 0.5)
            e = value - grey[j, i]
            if not np.isfinite(e):
                continue
            photometric[row, column] = abs(e)
            if abs(e) < cut_p:
                du, dv = du * mx / z, dv * my / z
                way = (du, dv, -(du * x + dv * y) / z)
                _put(rows, count, way, (x, y, z), e, (1 - (e / cut_p) ** 2) ** 2 / (sigma_p * sigma_p))
                count += 1
        _put_products(rows, count, products[row])


# ---------------------------------------------------------------------------------------------------- pyramids


def pyramid(colour: ColourImage, depth_m: DepthImage, valid: Mask, intrinsics: Intrinsics, levels: int) -> list[Level]:
    """A view at up to `levels` sizes, fine first, each with half the sides of the one before. Where `valid` (H, W) is false there
    is neither depth nor picture."""
    grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY).astype(np.float32)
    weight = valid.astype(np.float32)
    depth = np.where(valid, depth_m, np.float32(0)).astype(np.float32, copy=False)
    k, made = intrinsics, []
    while True:
        made.append(Level(k, _normalised(grey, weight), depth, _surface_normals(depth, k.fx, k.fy, k.cx, k.cy, EDGE)))
        width, height = k.width // 2, k.height // 2
        if len(made) == levels or min(width, height) < MIN_LEVEL_SIDE:
            return made
        k = Intrinsics(k.fx / 2, k.fy / 2, k.cx / 2, k.cy / 2, width, height)
        grey, weight = _halved(grey * weight, k), _halved(weight, k)
        grey = np.where(weight > 0, grey / np.maximum(weight, 1e-6), 0).astype(np.float32)
        depth = _halve_depth(depth, BLOCK_RATIO)


def _halved(image: Floats, k: Intrinsics) -> Floats:
    return np.asarray(cv2.resize(image[: 2 * k.height, : 2 * k.width], (k.width, k.height), interpolation=cv2.INTER_AREA))


def _normalised(grey: Floats, weight: Floats) -> Floats:
    """(grey − mean) / contrast of the window around each pixel, over what has weight; NaN where there is none."""
    size = (WINDOW_PX, WINDOW_PX)
    total = np.maximum(cv2.boxFilter(weight, -1, size), 1e-6)
    mean = cv2.boxFilter(grey * weight, -1, size) / total
    variance = np.maximum(cv2.boxFilter(grey * grey * weight, -1, size) / total - mean * mean, 0)
    result = (grey - mean) / np.sqrt(variance + np.float32(CONTRAST**2))
    return np.where(weight > 0, result, np.float32(np.nan)).astype(np.float32, copy=False)


@_jit
def _halve_depth(depth, ratio):  # type: ignore[no-untyped-def]
    """Half the sides: the mean inverse depth of four pixels of one surface (exact on a plane), 0 elsewhere."""
    height, width = depth.shape[0] // 2, depth.shape[1] // 2
    result = np.zeros((height, width), np.float32)
    for j in range(height):
        for i in range(width):
            a, b = depth[2 * j, 2 * i], depth[2 * j, 2 * i + 1]
            c, d = depth[2 * j + 1, 2 * i], depth[2 * j + 1, 2 * i + 1]
            low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
            if low > 0 and high <= ratio * low:
                result[j, i] = 4.0 / (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d)
    return result


@_jit
def _surface_normals(depth, fx, fy, cx, cy, edge):  # type: ignore[no-untyped-def]
    """Unit normals (H, W, 3) towards the camera, 0 at edges and beside unknown pixels. On a plane n · X = d the inverse depth is
    n · (x, y, 1) / d: its differences are the normal."""
    height, width = depth.shape
    normals = np.zeros((height, width, 3), np.float32)
    for j in range(1, height - 1):
        for i in range(1, width - 1):
            if min(depth[j, i], depth[j, i - 1], depth[j, i + 1], depth[j - 1, i], depth[j + 1, i]) <= 0:
                continue
            w = 1.0 / depth[j, i]
            left, right, up, down = 1.0 / depth[j, i - 1], 1.0 / depth[j, i + 1], 1.0 / depth[j - 1, i], 1.0 / depth[j + 1, i]
            if max(abs(left + right - 2 * w), abs(up + down - 2 * w)) > edge * w:
                continue
            nx, ny = 0.5 * (right - left) * fx, 0.5 * (down - up) * fy
            nz = w - nx * (i + 0.5 - cx) / fx - ny * (j + 0.5 - cy) / fy
            length = -np.sqrt(nx * nx + ny * ny + nz * nz)
            normals[j, i, 0], normals[j, i, 1], normals[j, i, 2] = nx / length, ny / length, nz / length
    return normals
