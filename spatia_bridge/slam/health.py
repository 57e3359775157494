"""Is a clip fit to become memory? Frame by frame, against what memory shows, before anything is written.

A frame that contradicts memory in more than a share of the pixels that both show is bad; one that shares too little with memory
to tell is as good as the last one that could be judged: a path that went astray does not come right by leaving what is known. The
good frames are used, the others left out with a reason; without enough good ones, or without depth, the clip is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.frames import Mask, Projection, RgbdFrame
from spatia_bridge.slam.observe import usable_pixels


@dataclass(frozen=True)
class HealthConfig:
    """What is still healthy.

    Attributes:
        depth_tolerance: relative; more than this (and `voxels`) off the memory's depth is a contradiction.
        voxels: of level 0.
        max_conflict_ratio: among the pixels that memory covers; above it a frame is bad.
        min_compared_ratio: of a frame's pixels; with fewer it is not judged by itself.
        min_usable_ratio: of the clip's pixels with depth that is not dynamic; below it there is nothing to learn.
        min_good_ratio: of the clip's frames; with fewer the whole clip is refused.
    """

    depth_tolerance: float = 0.03
    voxels: float = 3.0
    max_conflict_ratio: float = 0.5
    min_compared_ratio: float = 0.02
    min_usable_ratio: float = 0.01
    min_good_ratio: float = 0.25


@dataclass(frozen=True)
class FrameHealth:
    """Of one frame, in pixels: all, usable (static, with depth), compared with memory, contradicting it."""

    pixels: int
    usable: int
    compared: int
    contradicting: int

    @property
    def conflict_ratio(self) -> float:
        return self.contradicting / max(self.compared, 1)


def contradicts(frame: RgbdFrame, shown: Projection, voxel_size_m: float, config: HealthConfig) -> Mask:
    """bool (H, W): static pixels whose depth is not what memory shows there."""
    tolerance = np.maximum(config.voxels * voxel_size_m, config.depth_tolerance * shown.depth_m)
    with np.errstate(invalid="ignore"):
        return np.asarray(usable_pixels(frame) & shown.coverage & (np.abs(frame.depth_m - shown.depth_m) > tolerance))


def examine(frame: RgbdFrame, shown: Projection, voxel_size_m: float, config: HealthConfig) -> FrameHealth:
    """Compare a frame with memory's projection for its camera."""
    usable = usable_pixels(frame)
    conflict = contradicts(frame, shown, voxel_size_m, config)
    return FrameHealth(usable.size, int(usable.sum()), int((usable & shown.coverage).sum()), int(conflict.sum()))


def summary(reports: Sequence[FrameHealth]) -> dict[str, float]:
    """Of a whole clip, by names that the revision keeps."""
    pixels, usable, compared, contradicting = (
        sum(getattr(report, name) for report in reports) for name in ("pixels", "usable", "compared", "contradicting")
    )
    return {"conflict_ratio": contradicting / max(compared, 1), "usable_ratio": usable / max(pixels, 1)}


def judge(what: str, numbers: Sequence[int], reports: Sequence[FrameHealth], config: HealthConfig) -> tuple[list[bool], str]:
    """Which frames are good, and the reason why the others are not ("" if all are).

    Args:
        what: the clip's name, for people.
        numbers: of the frames, within the clip.

    Raises:
        RejectedUpdateError: nothing usable, or too few good frames.
    """
    health = summary(reports)
    if health["usable_ratio"] < config.min_usable_ratio:
        raise RejectedUpdateError(
            f"{what} has depth for {health['usable_ratio']:.1%} of its pixels",
            "use a generator that gives depth, or a depth estimator",
            health,
        )
    good: list[bool] = []
    for report in reports:
        told = report.compared >= config.min_compared_ratio * report.pixels
        good.append(report.conflict_ratio <= config.max_conflict_ratio if told else (good[-1] if good else True))
    if all(good):
        return good, ""
    bad = [number for number, fine in zip(numbers, good, strict=True) if not fine]
    if sum(good) < config.min_good_ratio * len(good):
        raise RejectedUpdateError(
            f"{what} contradicts memory in {health['conflict_ratio']:.0%} of the pixels that memory covers",
            "discard it and generate again with another seed or path",
            {**health, "dropped_frames": float(len(bad))},
        )
    return good, f"reduced: {'frame' if len(bad) == 1 else 'frames'} {_runs(bad)} contradict memory"


def _runs(numbers: Sequence[int]) -> str:
    """Numbers as `2, 8…24`: as few words as they need."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b - a > _gap(numbers))]
    ends = [*(a for a, b in pairwise(numbers) if b - a > _gap(numbers)), numbers[-1]]
    return ", ".join(f"{a}" if a == b else f"{a}…{b}" for a, b in zip(starts, ends, strict=True))


def _gap(numbers: Sequence[int]) -> int:
    return min((b - a for a, b in pairwise(numbers)), default=1)
