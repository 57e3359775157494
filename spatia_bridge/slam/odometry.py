"""Poses of frames that came with none: a recorded RGB-D video, a clip that ignored its path.

Every frame is registered to the newest keyframe (`tracking.register`) from where constant velocity puts it; a frame that shares
too little with its keyframe becomes the next one. A new keyframe is also registered to older ones that see the same surface: by
the poses so far, and, where drift has made those wrong, by looks. What of that can be verified becomes an edge of a pose graph
over the keyframes, optimised with a line process (Choi, Zhou and Koltun, "Robust Reconstruction of Indoor Scenes", 2015) that
lets go of false closures. A frame moves with its keyframe.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import DepthImage, RgbdFrame, static_pixels
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.slam.depth_scale import DepthScale, fit_depth_scale
from spatia_bridge.slam.features import Features, find_features, model_from_source
from spatia_bridge.slam.tracking import Floats, Level, Registration, TrackingConfig, align, pyramid

CLOSURE_GAP = 8  # keyframes apart, from which on a registration closes a loop instead of bracing neighbours
DEPTH_AGREES = 0.1  # relative: a point nearer or further than this is not the same surface


@dataclass(frozen=True)
class OdometryConfig:
    """How poses are recovered.

    Attributes:
        tracking: of a frame to its keyframe; the prior is where constant velocity puts it.
        keyframe_overlap: a frame whose pixels meet less than this share of its keyframe's surface becomes a keyframe.
        keyframe_angle_rad: or one that has turned so far.
        usual_colour_residual: times what it was of late: a registration with more is compared to those from other starts.
        patience: so many frames in a row may be lost before the next one begins a new keyframe where constant velocity puts it.
        covisible_overlap: share of a keyframe's surface that an older one must see, by the poses so far, to be registered to it.
        covisible: at most so many older keyframes each.
        alike: least correlation of two small pictures, of places that the poses do not bring together.
        closure_inlier_ratio, closure_colour_residual: what a registration to an older keyframe must reach to be believed.
    """

    tracking: TrackingConfig = field(
        default_factory=lambda: TrackingConfig(
            iterations=(10, 8, 6, 4),
            prior_translation_m=0.2,
            prior_rotation_rad=0.1,
            max_translation_m=1.0,
            max_rotation_rad=0.7,
            min_inlier_ratio=0.5,
            max_colour_residual=0.5,
            min_overlap=0.15,
            quantum_footprints=0.0,
        )
    )
    keyframe_overlap: float = 0.7
    keyframe_angle_rad: float = 0.35
    patience: int = 2
    usual_colour_residual: float = 1.5
    covisible_overlap: float = 0.4
    covisible: int = 3
    alike: float = 0.8
    closure_inlier_ratio: float = 0.7
    closure_colour_residual: float = 0.5


@dataclass(frozen=True, eq=False)
class Odometry:
    """Recovered poses.

    Attributes:
        cameras: one a frame; the first is the first frame's own.
        keyframes: numbers of frames.
        closures: pairs of keyframes' frame numbers whose registration closes a loop.
        lost: numbers of frames that could not be registered: they were placed between their neighbours.
        scales: one a frame where depth was estimated: what brings it to the first frame's; else empty.
    """

    cameras: tuple[Camera, ...]
    keyframes: tuple[int, ...]
    closures: tuple[tuple[int, int], ...]
    lost: tuple[int, ...]
    scales: tuple[DepthScale, ...] = ()


@dataclass(frozen=True, eq=False)
class _Edge:
    """Of the pose graph: `older_from_newer` as measured, its information (6, 6) about a twist in the newer one's frame."""

    older: int
    newer: int
    older_from_newer: se3.Array
    information: se3.Array


@dataclass(eq=False)
class _Keyframe:
    number: int
    levels: list[Level]
    look: Floats
    features: Features
    world_from_keyframe: se3.Array


def recover_poses(
    frames: Sequence[RgbdFrame],
    config: OdometryConfig | None = None,
    check: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    estimated: bool = False,
) -> Odometry:
    """Poses of frames in the order of time; of their cameras only the intrinsics are read, and the first one's pose.

    Args:
        frames: each is asked for once.
        estimated: depths are estimates, and each is brought to the scale of what its keyframe shows first.
        check: called before each frame with (done, total); what it raises ends the work.
    Raises:
        InvalidInputError: no frame, or the first one has no depth.
    """
    if not frames:
        raise InvalidInputError("there are no frames to recover poses of", "give one frame or more")
    graph = _Graph(config or OdometryConfig(), estimated)
    for number in range(len(frames)):
        check(number, len(frames))
        graph.add(frames[number])
    graph.optimise()
    return graph.result()


class _Graph:
    """The keyframes so far, what holds them together, and where every frame lies beside its keyframe."""

    def __init__(self, config: OdometryConfig, estimated: bool) -> None:
        self._config, self._estimated = config, estimated
        self._scales: list[DepthScale] = []
        self._lenses: list[Intrinsics] = []
        self._keyframes: list[_Keyframe] = []
        self._edges: list[_Edge] = []
        self._places: list[tuple[int, se3.Array]] = []  # a frame: number of its keyframe, keyframe_from_frame
        self._lost: list[int] = []
        self._velocity = np.eye(4)  # before_from_now of two frames
        self._last_found = 0
        self._usual = self._config.tracking.max_colour_residual / 4  # colour residual of a good registration, of late

    def add(self, frame: RgbdFrame) -> None:
        number = len(self._places)
        self._lenses.append(frame.camera.intrinsics)
        if self._estimated:
            frame = self._scaled(frame)
        levels = _levels(frame, len(self._config.tracking.iterations))
        if not self._keyframes:
            if not static_pixels(frame).any():
                raise InvalidInputError("the first frame has no depth", "begin where the camera sees something")
            self._keyframes.append(_Keyframe(0, levels, _look(levels), find_features(frame), frame.camera.world_from_camera))
            self._places.append((0, np.eye(4)))
            return
        keyframe, before = len(self._keyframes) - 1, self._places[-1][1]
        guess = se3.orthonormal(before @ self._velocity)
        found = self._find(frame, levels, keyframe, (guess, before))
        at = guess if found is None else found.model_from_source
        self._places.append((keyframe, at))
        if found is None:
            self._lost.append(number)
            if number - self._last_found > self._config.patience:
                self._add_keyframe(number, frame, levels, at, None)
            return
        if number - self._last_found == 1:
            self._velocity = se3.orthonormal(se3.inverse(before) @ at)
        self._last_found = number
        if self._is_news(found):
            self._add_keyframe(number, frame, levels, at, found)

    def _scaled(self, frame: RgbdFrame) -> RgbdFrame:
        """The frame with its depth at its keyframe's scale; by the last scale that was believed, where none can be found."""
        if not self._keyframes:
            self._scales.append(DepthScale(1.0, 0.0, 1.0, 0.0, 1.0))
            return frame
        model, small = self._keyframes[-1], _levels(frame, 2)[-1]  # smaller than the model, so that its points leave no gaps
        alike = model_from_source(model.features, find_features(frame))  # asks for no depth of the frame
        guess = self._places[-1][1] @ self._velocity if alike is None else alike
        known_m = _shown(model.levels[0], small.intrinsics, se3.inverse(guess))
        found = fit_depth_scale(small.depth, known_m, known_m > 0)
        if not found.believed:
            last = self._scales[-1]
            found = replace(found, scale=last.scale, shift_per_m=last.shift_per_m)
        self._scales.append(found)
        return replace(frame, depth_m=found.apply(frame.depth_m))

    def _find(self, frame: RgbdFrame, levels: list[Level], keyframe: int, guesses: Sequence[se3.Array]) -> Registration | None:
        """The frame beside a keyframe, if it can be told: the most alike of what comes from several starts, likely ones first."""
        best: Registration | None = None
        for guess in (*guesses, None):
            if guess is None:  # nothing fits well so far: ask what looks alike
                guess = model_from_source(self._keyframes[keyframe].features, find_features(frame))
            found = None if guess is None else self._register(levels, keyframe, guess)
            if found is not None and (best is None or found.colour_residual < best.colour_residual):
                best = found
            if best is not None and best.colour_residual <= self._config.usual_colour_residual * self._usual:
                break
        if best is not None:
            self._usual += 0.2 * (best.colour_residual - self._usual)
        return best

    def _register(self, levels: list[Level], keyframe: int, guess: se3.Array) -> Registration | None:
        """The frame beside a keyframe, if it can be told."""
        found = align(guess, levels, self._keyframes[keyframe].levels, self._config.tracking)
        return found if found.is_credible(self._config.tracking) else None

    def _is_news(self, found: Registration) -> bool:
        config, turned = self._config, se3.angle(found.model_from_source)
        return turned > config.keyframe_angle_rad or found.overlap < config.keyframe_overlap

    def _add_keyframe(
        self, number: int, frame: RgbdFrame, levels: list[Level], at: se3.Array, found: Registration | None
    ) -> None:
        keyframe = len(self._keyframes)
        world_from_keyframe = se3.orthonormal(self._keyframes[-1].world_from_keyframe @ at)
        self._keyframes.append(_Keyframe(number, levels, _look(levels), find_features(frame), world_from_keyframe))
        self._places[-1], self._last_found = (keyframe, np.eye(4)), number
        information = np.eye(6) if found is None else found.information
        self._edges.append(_Edge(keyframe - 1, keyframe, at, information))
        closed = [self._close(older, keyframe, guess) for older, guess in self._candidates(keyframe)]
        if any(closed):
            self.optimise()

    def _candidates(self, keyframe: int) -> list[tuple[int, se3.Array]]:
        """Older keyframes that may see the same, and older_from_newer to begin with."""
        newest, config = self._keyframes[keyframe], self._config
        scored, looks = [], []
        for number, other in enumerate(self._keyframes[: keyframe - 1]):
            guess = se3.inverse(other.world_from_keyframe) @ newest.world_from_keyframe
            share = _seen_share(newest.levels[-1], other.levels[-1], guess)
            if share >= config.covisible_overlap:
                scored.append((share, number, guess))
            elif keyframe - number >= CLOSURE_GAP and (alike := float(newest.look @ other.look)) >= config.alike:
                start = model_from_source(other.features, newest.features)
                looks.append((alike, number, np.eye(4) if start is None else start))
        best = sorted(scored, key=lambda each: -each[0])[: config.covisible]
        best += sorted(looks, key=lambda each: -each[0])[:1]
        return [(number, guess) for _, number, guess in best]

    def _close(self, older: int, newer: int, guess: se3.Array) -> bool:
        """Add an edge if the keyframes fit, both ways; whether it closed a loop."""
        config = self._config
        found = self._register(self._keyframes[newer].levels, older, guess)
        if found is None or found.inlier_ratio < config.closure_inlier_ratio:
            return False
        if found.colour_residual > config.closure_colour_residual:
            return False
        back = self._register(self._keyframes[older].levels, newer, se3.inverse(found.model_from_source))
        if back is None or not _agree(found.model_from_source @ back.model_from_source, found.median_depth_m):
            return False
        self._edges.append(_Edge(older, newer, found.model_from_source, found.information))
        return newer - older >= CLOSURE_GAP

    def optimise(self) -> None:
        """Move the keyframes to where their edges agree; the first stays."""
        if len(self._edges) < len(self._keyframes):  # a chain agrees with itself
            return
        from open3d.pipelines import registration as o3d  # a second to import, for those who need it

        graph = o3d.PoseGraph()
        graph.nodes.extend([o3d.PoseGraphNode(each.world_from_keyframe) for each in self._keyframes])
        for edge in self._edges:
            uncertain = edge.newer - edge.older > 1
            rotation_first = np.r_[3:6, 0:3]  # open3d's order of a twist
            information = edge.information[np.ix_(rotation_first, rotation_first)]
            graph.edges.append(o3d.PoseGraphEdge(edge.newer, edge.older, edge.older_from_newer, information, uncertain))
        option = o3d.GlobalOptimizationOption(
            max_correspondence_distance=0.05, edge_prune_threshold=0.25, preference_loop_closure=1.0, reference_node=0
        )
        criteria = o3d.GlobalOptimizationConvergenceCriteria()
        o3d.global_optimization(graph, o3d.GlobalOptimizationLevenbergMarquardt(), criteria, option)
        fixed = self._keyframes[0].world_from_keyframe @ se3.inverse(np.asarray(graph.nodes[0].pose))
        for keyframe, node in zip(self._keyframes, graph.nodes, strict=True):
            keyframe.world_from_keyframe = se3.orthonormal(fixed @ np.asarray(node.pose))

    def result(self) -> Odometry:
        poses = [se3.orthonormal(self._keyframes[keyframe].world_from_keyframe @ place) for keyframe, place in self._places]
        numbers = [keyframe.number for keyframe in self._keyframes]
        _bridge(poses, sorted({*range(len(poses))} - {*self._lost} | {*numbers}))
        cameras = tuple(Camera(lens, pose) for lens, pose in zip(self._lenses, poses, strict=True))
        closures = [(numbers[e.older], numbers[e.newer]) for e in self._edges if e.newer - e.older >= CLOSURE_GAP]
        return Odometry(cameras, tuple(numbers), tuple(closures), tuple(self._lost), tuple(self._scales))


def _bridge(poses: list[se3.Array], known: list[int]) -> None:
    """Place the frames between known ones evenly between those; the ones after the last stay where constant velocity put them."""
    for left, right in pairwise(known):
        for number in range(left + 1, right):
            poses[number] = se3.interpolate(poses[left], poses[right], (number - left) / (right - left))


def _levels(frame: RgbdFrame, levels: int) -> list[Level]:
    return pyramid(frame.colour, frame.depth_m, static_pixels(frame), frame.camera.intrinsics, levels)


def _look(levels: list[Level]) -> Floats:
    """The coarsest picture as a unit vector: the product of two is their correlation."""
    grey = np.nan_to_num(levels[-1].grey).ravel()
    grey = grey - grey.mean()
    return np.asarray(grey / max(float(np.linalg.norm(grey)), 1e-6), np.float32)


def _seen_share(source: Level, model: Level, model_from_source: se3.Array) -> float:
    """Of the source's points, those that lie on the model's surface."""
    k, depth = source.intrinsics, source.depth
    rows, columns = np.nonzero(depth > 0)
    if not len(rows):
        return 0.0
    z = depth[rows, columns].astype(np.float64)
    points = np.stack([(columns + 0.5 - k.cx) / k.fx * z, (rows + 0.5 - k.cy) / k.fy * z, z], axis=1)
    x, y, z = se3.transform(model_from_source, points).T
    k = model.intrinsics
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = np.floor(k.fx * x / z + k.cx), np.floor(k.fy * y / z + k.cy)
    inside = (z > 0) & (u >= 0) & (u < k.width) & (v >= 0) & (v < k.height)
    known = model.depth[v[inside].astype(int), u[inside].astype(int)]
    return float((np.abs(known - z[inside]) < DEPTH_AGREES * z[inside]).sum() / len(rows))


def _shown(model: Level, lens: Intrinsics, source_from_model: se3.Array) -> DepthImage:
    """What a camera sees of a model's pixels: the nearest that falls into each pixel (H, W), 0 where none does."""
    rows, columns = np.nonzero(model.depth > 0)
    z = model.depth[rows, columns].astype(np.float64)
    k = model.intrinsics
    points = np.stack([(columns + 0.5 - k.cx) / k.fx * z, (rows + 0.5 - k.cy) / k.fy * z, z], axis=1)
    x, y, z = se3.transform(source_from_model, points).T
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = np.floor(lens.fx * x / z + lens.cx), np.floor(lens.fy * y / z + lens.cy)
    inside = (z > 0) & (u >= 0) & (u < lens.width) & (v >= 0) & (v < lens.height)
    depth = np.full((lens.height, lens.width), np.inf, np.float32)
    np.minimum.at(depth, (v[inside].astype(int), u[inside].astype(int)), z[inside].astype(np.float32))
    return np.where(np.isfinite(depth), depth, np.float32(0))


def _agree(loop: se3.Array, median_depth_m: float) -> bool:
    """There and back again ends where it began, to within a hundredth of the view's depth."""
    return bool(np.linalg.norm(loop[:3, 3]) < 0.01 * median_depth_m and se3.angle(loop) < 0.01)
