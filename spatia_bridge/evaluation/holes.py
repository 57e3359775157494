"""How good is what a generator puts where memory has nothing? Clips of levels it never saw, against what is really there.

Memory is made from one to four earlier frames, by the real update, and projected along the next ones. What it covers should come
through; in its holes, where the truth is known, several samples are scored as a forecast and as pictures; see `samples`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from spatia_bridge.evaluation.metrics import psnr, weighted_mean
from spatia_bridge.evaluation.samples import (
    Patches,
    energy_score,
    gradient_energy,
    laplacian_patches,
    log_depth_error,
    mean_psnr,
    sliced_wasserstein,
    spread,
    telea,
)
from spatia_bridge.frames import GeneratedFrame, Mask, Projection, ReferenceFrame, RgbdFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Generator
from spatia_bridge.memory import Memory
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.session.loop import Stages, plant
from spatia_bridge.slam.update import Slam

FRAMES = 9
SAMPLES = 8
LEAST_HOLE = 0.02  # of a frame's pixels; smaller holes are not scored
TELEA = "telea"


@dataclass(frozen=True, eq=False)
class Trial:
    """Frames that memory is made of, and those that follow: the truth. The last of the sources comes right before the truth."""

    name: str
    sources: tuple[RgbdFrame, ...]
    truth: tuple[RgbdFrame, ...]


@dataclass(frozen=True, eq=False)
class Made:
    """What one way to fill made of a trial: for each sample, the frames."""

    name: str
    samples: tuple[tuple[GeneratedFrame, ...], ...]


@dataclass(frozen=True)
class Row:
    """One way to fill, on one trial: means over the frames, over their holes where the truth is known.

    Attributes:
        energy: the energy score, levels. mean_psnr, sample_psnr: in dB, of the samples' mean and of the first sample.
        swd: sliced Wasserstein distance of Laplacian patches, levels. gradients, true_gradients: their energy, and the truth's.
        depth_error: mean |ln| where this, the truth and Telea all have depth; telea_depth_error: Telea's at the same pixels.
        depth_known: share of the pixels with true depth to which it gives one.
        diversity: between samples, root mean square levels. covered_psnr: where memory covers, in dB.
        holes: share of the pixels.
    """

    trial: str
    name: str
    energy: float
    mean_psnr: float
    sample_psnr: float
    swd: float
    gradients: float
    true_gradients: float
    depth_error: float
    telea_depth_error: float
    depth_known: float
    diversity: float
    covered_psnr: float
    holes: float


def project(renderer: Renderer, trial: Trial) -> list[Projection]:
    """What memory shows along the clip."""
    memory = Memory()
    plant(Stages(renderer, Slam(renderer)), memory, trial.sources, 0, "", lambda _done, _total: None)
    return list(renderer.project(memory.snapshot(), [view.camera for view in trial.truth]))


def make(generator: Generator, trial: Trial, projection: Sequence[Projection], samples: int) -> Made:
    """Samples of a clip, shown all there is: projection, the sources as references and as preceding frames. No prompt."""
    references = tuple(ReferenceFrame(frame, 0, number) for number, frame in enumerate(trial.sources))
    drawn = []
    for seed in range(samples):
        request = ClipRequest(projection, references[::-1], trial.sources[-1:], "", seed)
        events = generator.generate(request, CancelToken())
        drawn.append(tuple(event for event in events if isinstance(event, GeneratedFrame)))
    return Made(generator.name, tuple(drawn))


def inpainted(projection: Sequence[Projection]) -> Made:
    """Telea's, frame by frame."""
    filled = [telea(p.colour, p.depth_m, p.coverage) for p in projection]
    return Made(TELEA, (tuple(GeneratedFrame(n, *each) for n, each in enumerate(filled)),))


def measure(trial: Trial, projection: Sequence[Projection], made: Made, classic: Made) -> Row:
    """Against the truth; `classic` is of `inpainted`."""
    per_frame: list[tuple[float, ...]] = []
    patches: tuple[list[Patches], list[Patches]] = [], []
    for number, (view, known) in enumerate(zip(trial.truth, projection, strict=True)):
        hole = ~known.coverage
        frames = [sample[number] for sample in made.samples]
        covered = psnr(frames[0].colour, view.colour, known.coverage)
        if hole.mean() < LEAST_HOLE:
            per_frame.append((*[math.nan] * 9, covered, float(hole.mean())))
            continue
        for found, image in zip(patches, (frames[0].colour, view.colour), strict=True):
            found.append(laplacian_patches(image, hole))
        colours = [frame.colour for frame in frames]
        per_frame.append(
            (
                energy_score(colours, view.colour, hole),
                mean_psnr(colours, view.colour, hole),
                psnr(colours[0], view.colour, hole),
                gradient_energy(colours[0], hole),
                gradient_energy(view.colour, hole),
                *_depth(frames[0], view, classic.samples[0][number], hole & view.valid_depth()),
                spread(colours, hole),
                covered,
                float(hole.mean()),
            )
        )
    energy, of_mean, of_one, gradients, true_gradients, off, off_telea, known_depth, diversity, covered, holes = (
        weighted_mean(values) for values in zip(*per_frame, strict=True)
    )
    ours, true = (np.concatenate(found) if found else np.empty((0, 1), np.float32) for found in patches)
    swd = sliced_wasserstein(ours, true) if len(true) else math.nan
    return Row(
        trial.name, made.name, energy, of_mean, of_one, swd, gradients, true_gradients, off, off_telea, known_depth, diversity,
        covered, holes,
    )  # fmt: skip


def _depth(frame: GeneratedFrame, view: RgbdFrame, classic: GeneratedFrame, where: Mask) -> tuple[float, float, float]:
    """This error, Telea's, and to how much of `where` the frame gives depth."""
    assert classic.depth_m is not None
    depth_m = np.zeros_like(view.depth_m) if frame.depth_m is None else frame.depth_m
    both = where & (depth_m > 0) & (classic.depth_m > 0)
    given = float((depth_m[where] > 0).mean()) if where.any() else math.nan
    return log_depth_error(depth_m, view.depth_m, both), log_depth_error(classic.depth_m, view.depth_m, both), given


@dataclass(frozen=True, eq=False)
class Shown:
    """One trial for the pictures: its projection, and what each way made of it."""

    trial: Trial
    projection: Sequence[Projection]
    made: tuple[Made, ...]


def ask(
    renderer: Renderer,
    generators: Sequence[Generator],
    trials: Sequence[Trial],
    tell: Callable[[int, int], None],
    samples: int = SAMPLES,
    keep: int = 0,
) -> tuple[list[Row], list[Shown]]:
    """Rows for Telea and every generator on every trial, and the first trials with what was made of them.

    Args:
        tell: called before each trial with (done, total); what it raises ends it.
        samples: of a generator whose seed changes something; a second sample that is the same as the first is its last.
        keep: so many trials are kept for the pictures.
    """
    rows, shown = list[Row](), list[Shown]()
    for number, trial in enumerate(trials):
        tell(number, len(trials))
        projection = project(renderer, trial)
        classic = inpainted(projection)
        made = (classic, *(_samples(generator, trial, projection, samples) for generator in generators))
        rows += [measure(trial, projection, each, classic) for each in made]
        if number < keep:
            shown.append(Shown(trial, projection, made))
    return rows, shown


def _samples(generator: Generator, trial: Trial, projection: Sequence[Projection], samples: int) -> Made:
    made = make(generator, trial, projection, min(samples, 2))
    if samples <= 2:
        return made
    one, other = made.samples
    if all(np.array_equal(a.colour, b.colour) for a, b in zip(one, other, strict=True)):
        return Made(made.name, (one,))
    return make(generator, trial, projection, samples)


def plain(rows: Sequence[Row]) -> list[dict[str, float | str]]:
    """As rows of a table."""
    return [asdict(row) for row in rows]
