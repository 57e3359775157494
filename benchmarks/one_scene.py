"""Does memory blur when the same places are seen again and again, and what is left of it under a budget? For `update_growth.py`.

The sample's recorded views, as takes and as seeds, with cameras that are said to stand a little beside where they stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.evaluation.metrics import psnr
from spatia_bridge.frames import ColourImage, GeneratedFrame, Mask, Projection, RgbdFrame, Take
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Memory, Revision
from spatia_bridge.session.loop import Stages, fold_in, plant

NOISE_M, NOISE_RAD = 0.005, np.radians(0.05)  # standard deviations, each axis: half a voxel, and a sixth of a pixel
PARTS = 4  # of the path, one a clip
LOOKS = 8  # cameras to look from, between the keyframes
EARLY = 5
LAST = 11  # place under a budget, the first is 0
BUDGET_SHARE = 4


@dataclass(frozen=True)
class Seen:
    """Memory as some cameras see it, against the true pictures: means over the cameras.

    Attributes:
        energy: of the gradients of luma, over the truth's.
        slope: of the gradients on the truth's by least squares; noise raises the energy, not this.
        psnr_db, coverage: of what is covered; share.
    """

    energy: float
    slope: float
    psnr_db: float
    coverage: float


def gradients(image: ColourImage) -> npt.NDArray[np.float64]:
    """(H, W, 2) of luma, by central differences."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return np.stack(np.gradient(luma), axis=-1)


def seen(projections: Sequence[Projection], truth: Sequence[RgbdFrame], where: Sequence[Mask]) -> Seen:
    """Over the pixels of `where`, less their rim: a gradient looks at its neighbours."""
    rows = []
    for projection, view, mask in zip(projections, truth, where, strict=True):
        inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        ours, true = gradients(projection.colour)[inner], gradients(view.colour)[inner]
        norm = (true**2).sum()
        rows.append(((ours**2).sum() / norm, (ours * true).sum() / norm, psnr(projection.colour, view.colour, mask), mask.mean()))
    return Seen(*(float(value) for value in np.mean(rows, axis=0)))


def never(_done: int, _total: int) -> None:
    """Nobody cancels."""


def nudged(frame: RgbdFrame, rng: np.random.Generator, shift_m: float = 0.0) -> RgbdFrame:
    """The view said to have been taken a little beside, and all of it shift_m along x."""
    moved = se3.from_parts(cv2.Rodrigues(rng.normal(0, NOISE_RAD, 3))[0], rng.normal(0, NOISE_M, 3))
    pose = frame.camera.world_from_camera @ moved
    pose[0, 3] += shift_m
    return replace(frame, camera=Camera(frame.camera.intrinsics, pose))


class Scene:
    """A memory that sees the sample's path again and again."""

    def __init__(self, stages: Stages, frames: Sequence[RgbdFrame], length: int, max_points: int = 0) -> None:
        self.memory = Memory(max_points=max_points)
        self._stages, self._frames, self._length = stages, frames, length
        self._rng = np.random.default_rng(7)
        self.looks = [frames[n] for n in np.linspace(2, PARTS * 10 - 2, LOOKS).astype(int)]

    def views(self, part: int, shift_m: float = 0.0) -> list[RgbdFrame]:
        first = part % PARTS * 10
        return [nudged(frame, self._rng, shift_m) for frame in self._frames[first : first + self._length]]

    def begin(self, shift_m: float = 0.0) -> Revision:
        return plant(self._stages, self.memory, [nudged(self._frames[0], self._rng, shift_m)], 0, "", never)

    def take(self, number: int, shift_m: float = 0.0) -> Revision:
        """A clip that shows the truth: what a generator that knows the place would make."""
        views = self.views(number, shift_m)
        made = tuple(GeneratedFrame(n, view.colour, view.depth_m) for n, view in enumerate(views))
        take = Take(number, self.memory.head_revision().number, tuple(view.camera for view in views), made)
        return fold_in(self._stages, self.memory, take, never)

    def show(self, number: int) -> Revision:
        """One of the views as an engine's, so that what is known is seen again and means move."""
        views = self.views(number)[:: self._length // 2]
        return plant(self._stages, self.memory, [views[number // PARTS % len(views)]], number, "", never)

    def show_all(self) -> None:
        """What `show` shows, once: from then on nothing is new."""
        for number in range(3 * PARTS):
            self.show(number)

    def look(self, looks: Sequence[RgbdFrame], shift_m: float = 0.0) -> list[Projection]:
        snapshot, still = self.memory.snapshot(), se3.from_parts(np.eye(3), [shift_m, 0, 0])
        cameras = [Camera(view.camera.intrinsics, still @ view.camera.world_from_camera) for view in looks]
        return [self._stages.renderer.render(snapshot, camera) for camera in cameras]


def sharpness(stages: Stages, frames: Sequence[RgbdFrame], length: int, clips: int, *, engine: bool) -> dict[str, float]:
    """After the last clip, over what it was after the fifth, on the pixels covered both times."""
    scene, early = Scene(stages, frames, length), []
    if engine:
        scene.show_all()
    else:
        scene.begin()
    for number in range(1, clips + 1):
        (scene.show if engine else scene.take)(number)
        if number == EARLY:
            early = scene.look(scene.looks)
    late = scene.look(scene.looks)
    both = [a.coverage & b.coverage for a, b in zip(early, late, strict=True)]
    then, now = (seen(each, scene.looks, both) for each in (early, late))
    return {
        "sharpness_100_over_5": round(now.energy / then.energy, 4),
        "true_gradients_100_over_5": round(now.slope / then.slope, 4),
        "sharpness_of_truth": round(now.energy, 4),
        "psnr_100_minus_5_db": round(now.psnr_db - then.psnr_db, 3),
        "points_on_one_scene": scene.memory.snapshot().points,
    }


def under_budget(stages: Stages, frames: Sequence[RgbdFrame], length: int, step_m: float) -> dict[str, float | bool]:
    """A session that goes from place to place, two clips at each, and its twin with room for a quarter of the points.

    How far memory is from its twin where the camera is now (near), and where it was first (far)?
    """
    free = Scene(stages, frames, length)
    _travel(free, step_m)
    room = free.memory.snapshot().points // BUDGET_SHARE
    full = Scene(stages, frames, length, room)
    revisions = _travel(full, step_m)
    looks = free.looks[: LOOKS // 2]  # what two clips see
    near, near_free, far, far_free = (_look(scene, looks, shift) for shift in (LAST * step_m, 0.0) for scene in (full, free))
    most = max(revision.points for revision in revisions)
    alike = near.psnr_db > near_free.psnr_db - 0.3 and near.energy > 0.95 * near_free.energy
    return {
        "budget_held": bool(most <= room and alike),
        "budget_of_unlimited": round(room / free.memory.snapshot().points, 3),
        "points_at_most_of_budget": round(most / room, 4),
        "evictions": sum("evicted_points" in revision.health for revision in revisions),
        "near_psnr_minus_unlimited_db": round(near.psnr_db - near_free.psnr_db, 3),
        "near_sharpness_over_unlimited": round(near.energy / near_free.energy, 4),
        "far_psnr_minus_unlimited_db": round(far.psnr_db - far_free.psnr_db, 3),
        "far_coverage_over_unlimited": round(far.coverage / far_free.coverage, 4),
    }


def _travel(scene: Scene, step_m: float) -> list[Revision]:
    """A seed and two clips at each place."""
    return [
        revision
        for shift_m in (place * step_m for place in range(LAST + 1))
        for revision in (scene.begin(shift_m), scene.take(0, shift_m), scene.take(1, shift_m))
    ]


def _look(scene: Scene, looks: Sequence[RgbdFrame], shift_m: float) -> Seen:
    projections = scene.look(looks, shift_m)
    return seen(projections, looks, [each.coverage for each in projections])
