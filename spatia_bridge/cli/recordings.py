"""`spatia-bridge import`: a session seeded from an RGB-D recording, or from a video and a depth estimator."""

import argparse
import asyncio
import contextlib
import json
import math
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.app import NO_SEGMENTER, default_data_dir
from spatia_bridge.cli.place import Access, open_server
from spatia_bridge.cli.progress import Reporter, Stage
from spatia_bridge.client import BridgeClient, SessionsClient
from spatia_bridge.errors import CancelledError, InvalidInputError, NotFoundError
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.link.limits import MAX_SEED_PIXELS
from spatia_bridge.perception.depth import find_depth_estimator
from spatia_bridge.perception.segment import Movers, check_words, find_segmenter
from spatia_bridge.samples.capture import load_capture
from spatia_bridge.samples.recording import at_size, is_rgbd_folder, open_rgbd_folder, read_video
from spatia_bridge.slam.odometry import Odometry, recover_poses

SAVED_PATH = "recorded"  # the trajectory that the session keeps


@dataclass(frozen=True, eq=False)
class Recording:
    """What the words of the command line mean.

    Attributes:
        frames: in the order of time; decoded when asked for.
        posed: the frames have poses of their own.
        estimated: the depth is an estimator's.
        assumed: what was, a sentence each.
    """

    frames: Sequence[RgbdFrame]
    posed: bool = False
    estimated: bool = False
    assumed: Sequence[str] = ()


def run(args: argparse.Namespace) -> None:
    """Read, recover poses, seed, say what came of it."""
    reporter = Reporter()
    source = Path(args.recording)
    session = args.session or re.sub(r"[^a-z0-9_-]+", "-", source.resolve().stem.lower()).strip("-_")[:64] or "recording"
    with reporter.stage("read") as stage:
        recording = load_recording(source, args, stage)
        stage.result = f"{source.name}: {len(recording.frames)} frames"
    if args.segmenter != NO_SEGMENTER:
        with reporter.stage("find what moves") as stage:
            recording = replace(recording, frames=_masked(recording.frames, args, stage))
            stage.result = f"by {args.segmenter}"
    for text in recording.assumed:
        print(f"assumed: {text}", file=sys.stderr)
    if not args.server:
        Path(args.data or default_data_dir()).mkdir(parents=True, exist_ok=True)
    summary = asyncio.run(_import(args, session, recording, reporter))
    if args.json:
        print(json.dumps(summary, indent=2))
        return
    used = f"{summary['views']} of {summary['frames']} frames"
    print(f"{session}: {summary['points']:,} points from {used}, path saved as {SAVED_PATH}")


def load_recording(source: Path, args: argparse.Namespace, stage: Stage) -> Recording:
    """A capture, a folder in TUM's layout, or a video.

    Raises:
        NotFoundError: nothing there, or no such estimator. InvalidInputError: it cannot be used, or its lens is not known.
    """
    if not source.exists():
        raise NotFoundError(f"there is no {source}", "give a capture folder, an RGB-D folder in TUM's layout, or a video file")
    if (source / "capture.json").is_file():
        return Recording(_Resized(load_capture(source).frames[:: args.every], args.size), posed=not args.odometry)
    if not source.is_dir():
        return _of_video(source, args, stage)
    if not is_rgbd_folder(source):
        remedy = "give a folder with capture.json, or with rgb.txt and depth.txt or associations.txt"
        raise InvalidInputError(f"{source} holds no recording that is known", remedy)
    lens = partial(_lens, args) if args.fov or args.intrinsics else None
    folder = open_rgbd_folder(source, lens, args.depth_units)[:: args.every]
    return Recording(_Resized(folder, args.size), assumed=["the camera was held level in the first frame"])


def _of_video(source: Path, args: argparse.Namespace, stage: Stage) -> Recording:
    estimator = find_depth_estimator(args.depth)
    if not (args.fov or args.intrinsics):
        raise InvalidInputError(f"{source.name} does not say which lens took it", "add --fov DEGREES or --intrinsics")
    pictures, fps = read_video(source, args.every)
    height, width = pictures[0].shape[:2]
    size = args.size or (width, height)
    lens, frames, assumed = _lens(args, width, height).resized(*size), [], dict[str, None]()
    for number, picture in enumerate(pictures):
        stage.update(number / len(pictures), f"depth of frame {number + 1} of {len(pictures)}")
        colour = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        estimate = estimator.estimate(colour, lens)
        frames.append(replace(estimate.as_frame(colour, lens), time_secs=number / fps))
        if not number:
            assumed |= dict.fromkeys(estimate.warnings)
    return Recording(frames, estimated=True, assumed=(*assumed, f"depth is what the estimator {args.depth} makes of it"))


def _lens(args: argparse.Namespace, width: int, height: int) -> Intrinsics:
    """What --intrinsics or --fov say of pictures of this size."""
    if args.intrinsics:
        fx, fy, cx, cy = args.intrinsics
        return Intrinsics(fx, fy, cx, cy, width, height)
    return Intrinsics.from_vertical_fov(math.radians(args.fov), width, height)


class _Resized(Sequence[RgbdFrame]):
    """Frames at another size, each when it is asked for; None = their own."""

    def __init__(self, frames: Sequence[RgbdFrame], size: tuple[int, int] | None) -> None:
        self._frames, self._size = frames, size

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, number: int) -> RgbdFrame: ...
    @overload
    def __getitem__(self, number: slice) -> "_Resized": ...
    def __getitem__(self, number: int | slice) -> "RgbdFrame | _Resized":
        if isinstance(number, slice):
            return _Resized(self._frames[number], self._size)
        return at_size(self._frames[number], *self._size) if self._size else self._frames[number]


class _Masked(Sequence[RgbdFrame]):
    """Frames with masks of what moves, each when it is asked for; the masks are kept as bits."""

    def __init__(self, frames: Sequence[RgbdFrame], masks: Sequence[npt.NDArray[np.uint8]]) -> None:
        self._frames, self._masks = frames, masks

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, number: int) -> RgbdFrame: ...
    @overload
    def __getitem__(self, number: slice) -> "_Masked": ...
    def __getitem__(self, number: int | slice) -> "RgbdFrame | _Masked":
        if isinstance(number, slice):
            return _Masked(self._frames[number], self._masks[number])
        frame = self._frames[number]
        shape = frame.depth_m.shape
        moves = np.unpackbits(self._masks[number], count=frame.depth_m.size).reshape(shape).astype(bool)
        return replace(frame, dynamic=moves if frame.dynamic is None else frame.dynamic | moves)


def _masked(frames: Sequence[RgbdFrame], args: argparse.Namespace, stage: Stage) -> _Masked:
    """The frames with what a segmenter says moves added to what they say themselves."""
    track = Movers(find_segmenter(args.segmenter), check_words(args.moving.split(",")) if args.moving else ()).track("")
    masks = []
    for number, frame in enumerate(frames):
        stage.update(number / len(frames), f"frame {number + 1} of {len(frames)}")
        masks.append(np.packbits(track(frame.colour)))
    return _Masked(frames, masks)


async def _import(args: argparse.Namespace, session: str, recording: Recording, reporter: Reporter) -> dict[str, Any]:
    """Poses first, then the session: one that cannot be filled is not left behind."""
    frames, stop = recording.frames, threading.Event()
    found = None
    try:
        if not recording.posed:
            with reporter.stage("recover poses") as stage:
                found = await asyncio.to_thread(_recover, recording, stop, stage)
                stage.result = (
                    f"{len(found.keyframes)} keyframes, {len(found.closures)} loops closed, {len(found.lost)} frames lost"
                )
        views = found.keyframes if found else tuple(range(len(frames)))
        async with open_server(args) as (address, entry), SessionsClient(address, **entry) as sessions:
            await sessions.create(session)
            try:
                points, path = await _seed(address, entry, session, recording, found, views, reporter)
                await sessions.save_trajectory(session, SAVED_PATH, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    await sessions.delete(session)
                raise
    finally:
        stop.set()
    return {
        "session": session,
        "frames": len(frames),
        "views": len(views),
        "points": points,
        "closures": len(found.closures) if found else 0,
        "lost": len(found.lost) if found else 0,
        "assumed": list(recording.assumed),
    }


def _recover(recording: Recording, stop: threading.Event, stage: Stage) -> Odometry:
    def check(done: int, total: int) -> None:
        if stop.is_set():
            raise CancelledError("the import was cancelled")
        stage.update(done / total, f"frame {done + 1} of {total}")

    return recover_poses(recording.frames, check=check, estimated=recording.estimated)


async def _seed(
    address: str,
    entry: Access,
    session: str,
    recording: Recording,
    found: Odometry | None,
    views: Sequence[int],
    reporter: Reporter,
) -> tuple[int, Trajectory]:
    """Seed with the views, as many at a time as a server takes; points of the memory, and the path of all frames."""
    cameras = found.cameras if found else tuple(frame.camera for frame in recording.frames)
    k = cameras[0].intrinsics
    at_once = max(MAX_SEED_PIXELS // (2 * k.width * k.height), 1)
    with reporter.stage("seed memory") as stage:
        async with await BridgeClient.connect(address, session, create=False, name="spatia-bridge import", **entry) as client:
            for first in range(0, len(views), at_once):
                stage.update(first / len(views), f"view {first + 1} of {len(views)}")
                batch = [await asyncio.to_thread(_view, recording, found, number) for number in views[first : first + at_once]]
                await client.seed(batch)
            points = client.revision.points
        stage.result = f"{len(views)} of {len(cameras)} frames → {points:,} points"
    times = [frame.time_secs for frame in recording.frames]
    return points, Trajectory(cameras, tuple(time - times[0] for time in times))


def _view(recording: Recording, found: Odometry | None, number: int) -> RgbdFrame:
    """A frame under its recovered pose, its depth at the first frame's scale."""
    frame = recording.frames[number]
    if found is None:
        return frame
    depth_m = found.scales[number].apply(frame.depth_m) if found.scales else frame.depth_m
    return replace(frame, camera=found.cameras[number], depth_m=depth_m)
