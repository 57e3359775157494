"""How much does memory suffer from what is wrong with its input? The open questions of the paper, answered by measurement.

Memory begins with the first recorded view and takes the others in clip by clip, with depth, masks or settings as each trial says.
Every fourth view is held out: memory's projection is compared with these, in which nothing is wrong.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, RejectedUpdateError
from spatia_bridge.evaluation.metrics import psnr, ssim
from spatia_bridge.frames import DepthImage, GeneratedFrame, Mask, RgbdFrame, Take
from spatia_bridge.generation.base import CancelToken, Generator
from spatia_bridge.memory import Memory
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.slam.update import Slam, UpdateConfig

HELD_OUT = 4  # one of so many views, the third of each
SPRITE = (0.45, 0.16)  # height and width of what moves, as shares of the picture's
SPRITE_COLOURS = (np.array([230, 30, 200], np.uint8), np.array([30, 220, 60], np.uint8))
SPRITE_DEPTH = 0.4  # of the median depth behind it
SMOOTH_CELLS = (12, 7)  # of noise that neighbours share: estimators err by regions, not by pixels

Spoil = Callable[[Sequence[RgbdFrame], np.random.Generator], Sequence[RgbdFrame]]


def as_recorded(frames: Sequence[RgbdFrame], _rng: np.random.Generator) -> Sequence[RgbdFrame]:
    """Nothing wrong."""
    return frames


@dataclass(frozen=True, eq=False)
class Trial:
    """One run.

    Attributes:
        series, x: where its result stands in the chart.
        seed, clips: what is done to the first view, and to each clip's.
        config: of the update.
        generator: clips are generated from memory instead of recorded; None = recorded.
    """

    series: str
    x: float = 0.0
    seed: Spoil = as_recorded
    clips: Spoil = as_recorded
    config: UpdateConfig = field(default_factory=UpdateConfig)
    generator: Generator | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """Trials that answer one question; with `travels` each is measured after every clip, at that clip's held-out views."""

    name: str
    title: str
    x_label: str
    text: str
    trials: Sequence[Trial]
    clip_frames: int = 8
    travels: bool = False


@dataclass(frozen=True)
class Measured:
    """Memory's projection against held-out views: means over the views.

    Attributes:
        psnr_db, ssim: over the whole picture, black where memory has nothing.
        coverage: share of the pixels.
        depth_error: median relative error of depth where memory has something; nan where it has nothing anywhere.
        points, rejected_clips, secs_a_clip: what memory holds, how many clips the update refused, what it took.
    """

    series: str
    x: float
    psnr_db: float
    ssim: float
    coverage: float
    depth_error: float
    points: int
    rejected_clips: int
    secs_a_clip: float


def noisy(share: float, *, smooth: bool) -> Spoil:
    """Depth times 1 + share · normal noise, a draw a pixel or (smooth) a region, anew each frame."""

    def spoil(frames: Sequence[RgbdFrame], rng: np.random.Generator) -> Sequence[RgbdFrame]:
        spoiled = []
        for frame in frames:
            shape = frame.depth_m.shape
            noise = _smooth_noise(shape, rng) if smooth else rng.standard_normal(shape)
            spoiled.append(replace(frame, depth_m=_positive(frame.depth_m * (1 + share * noise))))
        return spoiled

    return spoil


def scaled(scale: float) -> Spoil:
    """Depth times a constant."""

    def spoil(frames: Sequence[RgbdFrame], _rng: np.random.Generator) -> Sequence[RgbdFrame]:
        return [replace(frame, depth_m=_positive(frame.depth_m * scale)) for frame in frames]

    return spoil


def crossed(mask_error: float) -> Spoil:
    """Something flat and loud walks through the clip; its mask misses that share of it and has as much of the wall instead."""

    def spoil(frames: Sequence[RgbdFrame], rng: np.random.Generator) -> Sequence[RgbdFrame]:
        start, step = rng.uniform(0.1, 0.7), rng.uniform(-0.05, 0.05)
        return [_with_sprite(frame, start + step * number, mask_error, rng) for number, frame in enumerate(frames)]

    return spoil


def _positive(depth_m: npt.NDArray[np.floating]) -> DepthImage:
    return np.asarray(np.maximum(depth_m, 0), np.float32)


def _smooth_noise(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(H, W) of variance about 1."""
    coarse = rng.standard_normal(SMOOTH_CELLS[::-1])
    fine = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine / fine.std())


def _with_sprite(frame: RgbdFrame, at: float, mask_error: float, rng: np.random.Generator) -> RgbdFrame:
    height, width = frame.depth_m.shape
    rows = slice(round(0.3 * height), round((0.3 + SPRITE[0]) * height))
    left = round(np.clip(at, 0, 1 - SPRITE[1]) * width)
    columns = slice(left, left + round(SPRITE[1] * width))
    v, u = np.mgrid[rows, columns] // 8
    colour, depth, mask = frame.colour.copy(), frame.depth_m.copy(), np.zeros((height, width), bool)
    colour[rows, columns] = np.where(((u + v) % 2)[..., None] > 0, *SPRITE_COLOURS)
    valid = frame.depth_m[rows, columns][frame.valid_depth()[rows, columns]]
    depth[rows, columns] = SPRITE_DEPTH * float(np.median(valid)) if len(valid) else 1.0
    mask[rows, columns] = True
    return replace(frame, colour=colour, depth_m=depth, dynamic=_wrong_mask(mask, mask_error, rng))


def _wrong_mask(mask: Mask, share: float, rng: np.random.Generator) -> Mask:
    """The mask with connected parts missing, and as many pixels elsewhere."""
    noise, count = _smooth_noise(mask.shape, rng), round(share * mask.sum())
    wrong = mask.copy()
    for inside, kept in ((mask, False), (~mask, True)):
        pixels = np.flatnonzero(inside)
        wrong.flat[pixels[np.argsort(noise.flat[pixels], kind="stable")[:count]]] = kept
    return wrong


def questions(reproject: Generator, *, quick: bool) -> tuple[Question, ...]:
    """All questions; quick asks with fewer steps."""
    noises = (0, 2, 5, 10) if quick else (0, 1, 2, 3, 5, 7.5, 10)
    masks = (0, 10, 20, 30) if quick else (0, 5, 10, 15, 20, 25, 30)
    scales = (0.8, 0.9, 1.0, 1.1, 1.25) if quick else (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25)
    voxels = (0.5, 2, 4, 8) if quick else (0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 8)
    default = UpdateConfig()
    return (
        Question(
            "cadence",
            "How often to update",
            "every … frames of a clip",
            "Every frame, every second or fourth, or once a clip (its first and its last frame).",
            [Trial("recorded", stride, config=replace(default, keyframe_stride=stride)) for stride in (1, 2, 4, 8)],
        ),
        Question(
            "depth_noise",
            "Noise of the clips' depth",
            "noise, % of the depth",
            "A draw a pixel, as sensors err, or smooth over regions, as estimators do. What contradicts memory is refused.",
            [
                Trial(name, share, clips=noisy(share / 100, smooth=smooth))
                for name, smooth in (("by pixel", False), ("by region", True))
                for share in noises
            ],
        ),
        Question(
            "mask_error",
            "Errors of the dynamic mask",
            "wrong, % of the mask's area",
            "Something crosses every clip. The mask misses a share of it, and hides as many pixels of the static scene.",
            [Trial("crossed", share, clips=crossed(share / 100)) for share in masks],
        ),
        Question(
            "depth_scale",
            "Wrong scale of depth",
            "depth, times the true one",
            "The first view's depth is wrong and the clips' is right, or the other way round.",
            [Trial("first view", scale, seed=scaled(scale)) for scale in scales]
            + [Trial("clips", scale, clips=scaled(scale)) for scale in scales],
        ),
        Question(
            "voxel_size",
            "Voxel size",
            "voxel, times the median pixel's footprint",
            "Levels follow each pixel's own footprint: only what is nearer than the voxel size allows for is merged by it.",
            [Trial("recorded", each, config=replace(default, voxel_per_footprint=each)) for each in voxels],
        ),
        Question(
            "travel",
            "How errors travel",
            "clip",
            "The first view is wrong, and ten clips follow: recorded ones, which know better, or ones generated from memory.",
            [
                Trial("recorded", seed=as_recorded),
                Trial("recorded, first × 1.1", seed=scaled(1.1)),
                Trial("generated", generator=reproject),
                Trial("generated, first × 1.1", seed=scaled(1.1), generator=reproject),
                Trial("generated, first 5 % noise", seed=noisy(0.05, smooth=True), generator=reproject),
            ],
            clip_frames=4,
            travels=True,
        ),
    )


def ask(question: Question, views: Sequence[RgbdFrame], renderer: Renderer, tell: Callable[[int, int], None]) -> list[Measured]:
    """All trials of a question.

    Args:
        views: recorded along a path, with true depth; `HELD_OUT` times two or more.
        tell: called before each trial with (done, total); what it raises ends it.
    Raises:
        InvalidInputError: too few views.
    """
    if len(views) < 2 * HELD_OUT:
        raise InvalidInputError(f"{len(views)} views are too few to hold some out", f"record {2 * HELD_OUT} or more")
    measured: list[Measured] = []
    for number, trial in enumerate(question.trials):
        tell(number, len(question.trials))
        measured += _run(question, trial, views, renderer)
    return measured


def _run(question: Question, trial: Trial, views: Sequence[RgbdFrame], renderer: Renderer) -> Iterator[Measured]:
    rng = np.random.default_rng(5)  # the same noise in every trial: they differ by what they are about alone
    shown = [number for number in range(len(views)) if number % HELD_OUT != 2]
    held_out = [number for number in range(len(views)) if number % HELD_OUT == 2]
    stages = Stages(renderer, Slam(renderer, trial.config))
    memory = Memory()
    plant(stages, memory, trial.seed([views[shown[0]]], rng), 0, "", _unwatched)
    rejected, secs = 0, 0.0
    clips = range(len(shown) // question.clip_frames)
    for clip in clips:
        numbers = shown[clip * question.clip_frames :][: question.clip_frames]
        take = _take(stages, memory, trial, clip + 1, [views[number] for number in numbers], rng)
        began = time.perf_counter()
        try:
            fold_in(stages, memory, take, _unwatched)
        except RejectedUpdateError:
            rejected += 1
        secs += time.perf_counter() - began
        here = [views[number] for number in held_out if numbers[0] < number < numbers[-1]]
        if question.travels and here:
            yield _measure(trial, clip + 1, memory, renderer, here, rejected, secs / (clip + 1))
    if not question.travels:
        yield _measure(trial, trial.x, memory, renderer, [views[number] for number in held_out], rejected, secs / len(clips))


def _take(
    stages: Stages, memory: Memory, trial: Trial, number: int, frames: Sequence[RgbdFrame], rng: np.random.Generator
) -> Take:
    """The recorded clip as if a generator had made it, or one that a generator makes along its path."""
    cameras, base = tuple(frame.camera for frame in frames), memory.snapshot()
    if trial.generator is not None:
        plan = ClipPlan(number, cameras, (), "", 0, 16.0)
        return make_take(stages, trial.generator, base, plan, lambda _event: None, CancelToken())
    spoiled = trial.clips(frames, rng)
    made = [GeneratedFrame(n, frame.colour, frame.depth_m, frame.dynamic) for n, frame in enumerate(spoiled)]
    return Take(number, base.revision, cameras, tuple(made))


def _measure(
    trial: Trial, x: float, memory: Memory, renderer: Renderer, views: Sequence[RgbdFrame], rejected: int, secs: float
) -> Measured:
    snapshot, rows, errors = memory.snapshot(), [], []
    for view in views:
        seen = renderer.render(snapshot, view.camera)
        known = seen.coverage & view.valid_depth()
        error = np.abs(seen.depth_m[known] / view.depth_m[known] - 1)
        rows.append((psnr(seen.colour, view.colour), ssim(seen.colour, view.colour), float(seen.coverage.mean())))
        errors += [float(np.median(error))] if len(error) else []
    likeness_db, alike, coverage = (float(value) for value in np.mean(rows, axis=0))
    depth_error = float(np.mean(errors)) if errors else math.nan
    return Measured(trial.series, x, likeness_db, alike, coverage, depth_error, snapshot.points, rejected, secs)


def _unwatched(_done: int, _total: int) -> None:
    """An update within a trial is not told of."""


def plain(measured: Sequence[Measured]) -> list[dict[str, float | str]]:
    """As rows of a table."""
    return [asdict(each) for each in measured]
