"""What `run` can start from: the sample, a capture folder, a photo with a path in the paper's case format."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.trajectory import Trajectory, trajectory_of
from spatia_bridge.perception.depth import find_depth_estimator
from spatia_bridge.samples import DEFAULT_SAMPLE, sample_path
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.samples.case import Case, load_case

SAMPLE = "sample"
CASE_FILE = "w2c.txt"
CASE_FPS = 24.0
PHOTO_WIDTH = 832
SIZE_STEP = 16  # what video models divide by
DEFAULT_ESTIMATOR = "layout"


@dataclass(frozen=True, eq=False)
class Source:
    """Where a run starts and where it goes.

    Attributes:
        views: recorded, with depth, in the order of time.
        seeds: the numbers of the views that memory begins with.
        path: of the camera.
        size: of the frames, unless asked otherwise.
        prompts: one, or one a clip (the last one serves the clips that are left).
        warnings: what was assumed.
    """

    name: str
    licence: str
    views: Sequence[RgbdFrame]
    seeds: tuple[int, ...]
    path: Trajectory
    size: tuple[int, int]
    prompts: tuple[str, ...] = ("",)
    warnings: tuple[str, ...] = ()


def load_source(text: str, views: int, size: tuple[int, int] | None, depth: str = DEFAULT_ESTIMATOR) -> Source:
    """What the words of the command line mean.

    Args:
        views: how many of a capture's views to seed with.
        size: of the frames, or None.
        depth: which estimator, for a photo.
    Raises:
        NotFoundError: there is no such folder, or estimator; InvalidInputError: what it holds cannot be used.
    """
    folder = sample_path(DEFAULT_SAMPLE) if text == SAMPLE else Path(text)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {text}", f"give a folder that holds a capture or a case, or the word {SAMPLE!r}")
    if is_photo(text):
        return _of_case(folder.resolve().name, load_case(folder), size, depth)
    return _of_capture(text, folder, views, size)


def is_photo(text: str) -> bool:
    """Whether this is a photo with a path, rather than a recording with depth."""
    return (Path(text) / CASE_FILE).is_file()


def _of_capture(text: str, folder: Path, wanted: int, size: tuple[int, int] | None) -> Source:
    """Seeds lie evenly along the path; the last view is left out, since a closed path ends where it began."""
    capture = load_capture(folder)
    views = capture.frames
    if len(views) < 2:
        raise InvalidInputError(f"the capture has {len(views)} view", "record a path of two views or more")
    count = min(wanted, len(views))
    seeds = tuple(number * len(views) // count for number in range(count))
    path = Trajectory(tuple(view.camera for view in views), tuple(view.time_secs for view in views))
    k = views[0].camera.intrinsics
    return Source(capture.name or text, capture.licence, views, seeds, path, size or (k.width, k.height))


def _of_case(name: str, case: Case, size: tuple[int, int] | None, depth: str) -> Source:
    """The photo at the frames' size, its depth estimated, the path in the world that the estimate set upright."""
    width, height = size or frame_size(case.intrinsics.width, case.intrinsics.height)
    intrinsics = case.intrinsics.resized(width, height)
    colour = cv2.resize(case.colour, (width, height), interpolation=cv2.INTER_AREA)
    estimate = find_depth_estimator(depth).estimate(colour, intrinsics)
    photo = estimate.as_frame(colour, intrinsics)
    if case.mask is not None:
        mask = cv2.resize(case.mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        photo = replace(photo, dynamic=mask)
    cameras = [camera.resized(width, height) for camera in case.placed(estimate.world_from_camera)]
    path = trajectory_of(cameras if len(cameras) > 1 else cameras * 2, CASE_FPS)
    return Source(name, "", (photo,), (0,), path, (width, height), case.prompts or ("",), tuple(estimate.warnings))


def frame_size(width: int, height: int) -> tuple[int, int]:
    """A photo's size scaled to PHOTO_WIDTH at most, both sides multiples of SIZE_STEP."""
    scale = min(PHOTO_WIDTH / width, 1.0)
    return max(round(width * scale / SIZE_STEP), 1) * SIZE_STEP, max(round(height * scale / SIZE_STEP), 1) * SIZE_STEP
