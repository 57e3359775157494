"""Does a world stay the same when one comes back? Closed paths of six clips, A→B→A→B'→…, through the real loop.

Memory begins with one true view, at A. On the way to B a generator invents what that view did not show. Then the camera goes back
and forth; each time it is compared
- at A, with the true view, and
- on the way, with what the first clip showed at the same place, in the pixels that the first view never saw: invented space
  revisited. The first way back does not count there, since it follows right on (but it is what "after 2 clips" means).

What the generator is shown is a Setting: the paper's ablation (Spatia, arXiv 2512.15716), and other ways to remember.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np

from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.evaluation.matching import camera_is_right, match_accuracy
from spatia_bridge.evaluation.metrics import psnr, ssim, weighted_mean
from spatia_bridge.frames import Mask, Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.generation.base import CancelToken, Generator
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory, Snapshot
from spatia_bridge.perception.depth import DepthEstimator
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.retrieval import VOXELS_A_CELL, CovisibilityIndex, CovisibilitySelector, FrameKey, ReferenceSelector, Wanted
from spatia_bridge.retrieval.baselines import FrustumOverlap
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.observe import usable_pixels
from spatia_bridge.slam.update import Slam, UpdateConfig

CLIPS = 6
LOOKED_AT = 3  # poses a clip where features are matched and cameras registered, the last among them
FRAME_STRIDE = 4  # of a clip's frames that may become references
CAMERAS_ASKED = 7
RIM_PX = 2  # between what the first view saw and what counts as invented
BEST_DB = 60.0  # for pictures that are equal
DEFAULT_K = 4
DEFAULT_VOXEL = UpdateConfig().voxel_per_footprint


@dataclass(frozen=True)
class Setting:
    """What the generator is shown beside the preceding frames, which it always is: the first view is the first clip's.

    Attributes:
        memory: "all" of it as the projection, only the "last frame" of the clip before (autoregression by warping), or "none".
        references: how many, at most; frustum: chosen by overlapping fields of view, not by what memory says is seen.
        voxel_per_footprint: how coarse memory is; see UpdateConfig.
    """

    name: str
    memory: str = "all"
    references: int = DEFAULT_K
    frustum: bool = False
    voxel_per_footprint: float = DEFAULT_VOXEL


BOTH, NONE = Setting("both"), Setting("none", "none", 0)
MAIN = (
    BOTH,
    Setting("memory", references=0),
    Setting("references", "none"),
    NONE,
    Setting("last frame", "last frame", 0),
    Setting("frustum", "none", frustum=True),
)
COUNTS = (1, 3, 5, 7)
VOXELS = (2.0, 4.0, 8.0)  # times the default


def settings(*, quick: bool) -> tuple[Setting, ...]:
    """All settings; quick leaves out the numbers of references and the voxel sizes."""
    if quick:
        return MAIN
    counts = tuple(replace(BOTH, name=f"K = {count}", references=count) for count in COUNTS)
    return (*MAIN, *counts, *(replace(BOTH, name=f"voxel × {f:g}", voxel_per_footprint=f * DEFAULT_VOXEL) for f in VOXELS))


@dataclass(frozen=True, eq=False)
class Path:
    """A way from A to B, to be gone forth and back.

    Attributes:
        views: what is really there, A first and B last; only the first is ever shown to the loop.
    """

    name: str
    views: tuple[RgbdFrame, ...]

    def poses(self, clip: int) -> range:
        """Numbers of the views where a clip's frames stand; clips count from 1, odd ones lead to B."""
        last = len(self.views) - 1
        return range(1, last + 1) if clip % 2 else range(last - 1, -1, -1)

    def cameras(self, clip: int) -> tuple[Camera, ...]:
        """A clip's."""
        return tuple(self.views[number].camera for number in self.poses(clip))


@dataclass(frozen=True, eq=False)
class Flight:
    """What was made along a path: one tuple of frames a clip, and how many takes the update refused."""

    clips: tuple[tuple[RgbdFrame, ...], ...]
    rejected: int


@dataclass(frozen=True)
class Row:
    """One clip of one path under one setting; nan where there is nothing to compare.

    Attributes:
        return_psnr, return_ssim, return_match: the last frame against the true view, both at A (even clips).
        revisit_psnr, revisit_ssim, revisit_match: means over the frames against the first clip's, in invented pixels.
        camera: share of the frames looked at that stand, registered to the first clip's (at A: the true view), where they should.
        invented: share of the pixels compared that the first view never saw.
    """

    path: str
    setting: str
    clip: int
    return_psnr: float
    return_ssim: float
    return_match: float
    revisit_psnr: float
    revisit_ssim: float
    revisit_match: float
    camera: float
    invented: float
    rejected: int


class Loop:
    """The loop of a session without its shells: in memory, every take accepted.

    Args:
        estimator: of depth, for generators that give none.
    """

    def __init__(self, renderer: Renderer, generator: Generator, estimator: DepthEstimator | None = None) -> None:
        self.renderer, self.generator, self._estimator = renderer, generator, estimator

    def fly(self, path: Path, setting: Setting, seed: int = 0) -> Flight:
        """All clips of a path."""
        config = UpdateConfig(voxel_per_footprint=setting.voxel_per_footprint)
        stages = Stages(self.renderer, Slam(self.renderer, config, self._estimator))
        memory, rejected = Memory(), 0
        plant(stages, memory, [path.views[0]], 0, "", _unwatched)
        album = _Album(self.renderer, memory.snapshot(), path.views[0])
        clips: list[tuple[RgbdFrame, ...]] = []
        for number in range(1, CLIPS + 1):
            preceding = clips[-1][-self.generator.shape.preceding_frames :] if clips else path.views[:1]
            plan = ClipPlan(number, path.cameras(number), preceding, "", seed + number, self.generator.shape.fps)
            base, latest = memory.snapshot(), clips[-1][-1] if clips else path.views[0]

            def select(_shown: Sequence[Projection], plan: ClipPlan = plan, base: Snapshot = base) -> tuple[ReferenceFrame, ...]:
                return album.select(base, plan, setting, self.generator.shape.preceding_frames)

            shown = self._shown(stages, base, latest, setting)
            take = make_take(stages, self.generator, shown, plan, lambda _event: None, CancelToken(), select)
            frames = tuple(
                RgbdFrame(c, f.colour, f.depth_m, dynamic=f.dynamic, confidence=f.confidence)
                if f.depth_m is not None
                else RgbdFrame(c, f.colour, np.zeros(f.colour.shape[:2], np.float32))
                for c, f in zip(take.cameras, take.frames, strict=True)
            )
            if setting.memory == "all" or setting.references:  # otherwise nobody asks
                try:
                    fold_in(stages, memory, take, _unwatched)
                except RejectedUpdateError:
                    rejected += 1
            album.add(number, frames)
            clips.append(frames)
        return Flight(tuple(clips), rejected)

    def _shown(self, stages: Stages, base: Snapshot, latest: RgbdFrame, setting: Setting) -> Snapshot:
        """What the projection is of."""
        if setting.memory == "all":
            return base
        shown = Memory()
        if setting.memory == "last frame" and usable_pixels(latest).any():
            plant(stages, shown, [latest], 0, "", _unwatched)
        return shown.snapshot()

    def first_saw(self, path: Path) -> list[Mask]:
        """What the view at A shows of each view of the path, bool (H, W)."""
        stages, memory = Stages(self.renderer, Slam(self.renderer)), Memory()
        plant(stages, memory, [path.views[0]], 0, "", _unwatched)
        return [self.renderer.render(memory.snapshot(), view.camera).coverage for view in path.views]


class _Album:
    """All frames so far, and the choice among them."""

    def __init__(self, renderer: Renderer, base: Snapshot, first: RgbdFrame) -> None:
        self._renderer, self._index = renderer, CovisibilityIndex(VOXELS_A_CELL * base.voxel_size_m)
        self._frames: dict[FrameKey, RgbdFrame] = {}
        self._latest = 0, 1
        self.add(0, [first])

    def add(self, clip: int, frames: Sequence[RgbdFrame]) -> None:
        for number in sorted({*range(0, len(frames), FRAME_STRIDE), len(frames) - 1}):
            frame = frames[number]
            self._frames[FrameKey(clip, number)] = frame
            self._index.add(FrameKey(clip, number), frame.camera, frame.depth_m, usable_pixels(frame))
        self._latest = clip, len(frames)

    def select(self, base: Snapshot, plan: ClipPlan, setting: Setting, preceding: int) -> tuple[ReferenceFrame, ...]:
        if not setting.references:
            return ()
        asked = np.unique(np.linspace(0, len(plan.cameras) - 1, CAMERAS_ASKED).astype(int))
        views = [self._renderer.render(base, plan.cameras[int(n)]) for n in asked]
        clip, length = self._latest
        known = tuple(FrameKey(clip, n) for n in range(max(length - preceding, 0), length))
        cameras = {key: frame.camera for key, frame in self._frames.items()}
        way: ReferenceSelector = FrustumOverlap(cameras) if setting.frustum else CovisibilitySelector(self._index)
        choices = way.select(Wanted(views, known), setting.references)
        return tuple(ReferenceFrame(self._frames[each.key], *each.key, each.reason) for each in choices)


def measure(path: Path, setting: Setting, flight: Flight, seen: Sequence[Mask]) -> Iterator[Row]:
    """A row for every clip from the second on.

    Args:
        seen: of `Loop.first_saw`.
    """
    first = {0: path.views[0], **dict(zip(path.poses(1), flight.clips[0], strict=True))}
    invented = [cv2.erode((~each).astype(np.uint8), np.ones((2 * RIM_PX + 1,) * 2, np.uint8)) > 0 for each in seen]
    looked_at = {round(place) for place in np.linspace(0, len(path.views) - 2, LOOKED_AT + 1)[1:]}
    for number in range(2, CLIPS + 1):
        frames = list(zip(path.poses(number), flight.clips[number - 1], strict=True))
        way = [(pose, frame) for pose, frame in frames if pose]
        last = flight.clips[number - 1][-1]
        back = number % 2 == 0
        closely = [frames[n] for n in sorted(looked_at)]
        right = [camera_is_right(first[pose], frame) for pose, frame in closely]
        yield Row(
            path.name, setting.name, number,
            _psnr(path.views[0], last) if back else math.nan,
            ssim(path.views[0].colour, last.colour) if back else math.nan,
            match_accuracy(path.views[0].colour, last.colour) if back else math.nan,
            weighted_mean([_psnr(first[pose], frame, invented[pose]) for pose, frame in way]),
            weighted_mean([ssim(first[pose].colour, frame.colour, invented[pose]) for pose, frame in way]),
            weighted_mean([match_accuracy(first[pose].colour, frame.colour, invented[pose]) for pose, frame in closely if pose]),
            weighted_mean([float(each) for each in right if each is not None]),
            float(np.mean([invented[pose] for pose, _ in way])),
            flight.rejected,
        )  # fmt: skip


def _unwatched(_done: int, _total: int) -> None:
    """An update within a flight is not told of."""


def _psnr(a: RgbdFrame, b: RgbdFrame, where: Mask | None = None) -> float:
    """At most BEST_DB; nan where the mask is empty."""
    value = psnr(a.colour, b.colour, where)
    return value if math.isnan(value) else min(value, BEST_DB)


@dataclass(frozen=True, eq=False)
class Answer:
    """All rows of one generator, and the flights along the first paths, for the pictures: by path and setting."""

    generator: str
    rows: tuple[Row, ...]
    flights: dict[tuple[str, str], Flight]


def ask(loop: Loop, paths: Sequence[Path], asked: Sequence[Setting], tell: Callable[[int, int], None], keep: int = 0) -> Answer:
    """Fly and measure every path under every setting.

    Args:
        tell: called before each flight with (done, total); what it raises ends it.
        keep: flights along so many paths are kept.
    """
    rows: list[Row] = []
    kept: dict[tuple[str, str], Flight] = {}
    for number, path in enumerate(paths):
        seen = loop.first_saw(path)
        for place, setting in enumerate(asked):
            tell(number * len(asked) + place, len(paths) * len(asked))
            flight = loop.fly(path, setting, seed=1000 * number)
            rows += measure(path, setting, flight, seen)
            if number < keep:
                kept[path.name, setting.name] = flight
    return Answer(loop.generator.name, tuple(rows), kept)


def plain(rows: Sequence[Row]) -> list[dict[str, float | str]]:
    """As rows of a table."""
    return [asdict(row) for row in rows]
