"""`spatia-bridge evaluate`: measures, and writes tables, charts and pictures. The last line on stdout is JSON."""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spatia_bridge.app import check_generator, find_generators, make_renderer
from spatia_bridge.cli.progress import Reporter, bytes_text
from spatia_bridge.codec.images import encode_png
from spatia_bridge.evaluation import closed_loop, closed_loop_report, holes, holes_report, report
from spatia_bridge.evaluation.levels import closed_paths, hole_trials
from spatia_bridge.evaluation.pages import Section, draw, page, section
from spatia_bridge.evaluation.robustness import HELD_OUT, Measured, Question, ask, plain, questions
from spatia_bridge.export import atomic_file
from spatia_bridge.generation.base import Generator
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.perception.depth import find_depth_estimator
from spatia_bridge.profiles import DEFAULT_PROFILE, find_profile
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture

FULL_SIZE, QUICK_SIZE = (256, 144), (128, 72)
PATHS, QUICK_PATHS = 20, 4
CLIP_FRAMES, QUICK_CLIP_FRAMES = 25, 9
TRIALS, QUICK_TRIALS = 60, 12
PICTURED = 3  # of the paths and clips
CHARTED = ("both", "memory", "references", "none", "last frame")
LEVELS_NOTE = "Levels of Freedoom: Phase 1 (BSD-3-Clause), which nothing was trained or tuned on; pictures are unpicked."


def run(args: argparse.Namespace) -> None:
    """Evaluate what was asked for."""
    {"robustness": _robustness, "closed-loop": _closed_loop, "generation": _generation}[args.what](args)


def _robustness(args: argparse.Namespace) -> None:
    """The questions of `evaluation.robustness` on the sample, one after the other."""
    out, reporter, renderer = Path(args.out), Reporter(), make_renderer()
    capture = load_capture(sample_path())
    views = capture.frames
    answers: dict[Question, list[Measured]] = {}
    sections: list[Section] = []
    for question in questions(Reproject(), quick=args.quick):
        with reporter.stage(question.name) as stage:
            answers[question] = ask(question, views, renderer, lambda done, total, stage=stage: stage.update(done / total))  # type: ignore[misc]
            sections.append(section(question, answers[question], draw(question, answers[question])))
            stage.result = f"{len(question.trials)} trials"
        _write(out / f"{question.name}.png", sections[-1].image)
    held_out = len(range(2, len(views), HELD_OUT))
    note = f"{capture.name}: {len(views)} views, {held_out} of them held out and compared with. {capture.licence}"
    _write(out / "robustness.html", page("How robust is memory?", [note], sections).encode())
    _finish(
        out,
        "robustness",
        reporter,
        {"questions": {question.name: plain(measured) for question, measured in answers.items()}},
        _spread(answers),
    )


def _closed_loop(args: argparse.Namespace) -> None:
    """The generator's paths and `reproject`'s."""
    out, reporter, renderer = Path(args.out), Reporter(), make_renderer()
    size = QUICK_SIZE if args.quick else FULL_SIZE
    generators = _generators(args)
    with reporter.stage("levels") as stage:
        frames = QUICK_CLIP_FRAMES if args.quick else CLIP_FRAMES
        paths = list(closed_paths(args.paths or (QUICK_PATHS if args.quick else PATHS), frames, size))
        stage.result = f"{len(paths)} paths of {closed_loop.CLIPS} clips of {frames} frames, {size[0]}×{size[1]}"
    asked = closed_loop.settings(quick=args.quick)
    answers = []
    for generator in generators:
        loop = closed_loop.Loop(renderer, generator, find_depth_estimator(find_profile(DEFAULT_PROFILE).estimator))
        with reporter.stage(generator.name) as stage:
            answers.append(closed_loop.ask(loop, paths, asked, lambda done, total, s=stage: s.update(done / total), PICTURED))  # type: ignore[misc]
            stage.result = f"{len(asked)} settings"
    sections = [closed_loop_report.section(answer, CHARTED) for answer in answers]
    for answer, each in zip(answers, sections, strict=True):
        _write(out / f"{answer.generator}.png", each.image)
    for number, path in enumerate(paths[:PICTURED], start=1):
        strip = encode_png(closed_loop_report.strips(path, answers, loop.first_saw(path)))
        _write(out / f"path_{number}.png", strip)
        sections.append(Section(f"Path {path.name}", "", strip))
    _write(out / "closed_loop.html", page("Does the world stay the same?", [LEVELS_NOTE], sections).encode())
    found = {answer.generator: closed_loop_report.figures(answer.rows) for answer in answers}
    rows = {answer.generator: closed_loop.plain(answer.rows) for answer in answers}
    _finish(out, "closed_loop", reporter, {"figures": found, "rows": rows}, _headline(found))


def _generation(args: argparse.Namespace) -> None:
    """Telea, the generator and `reproject` on the same holes."""
    out, reporter, renderer = Path(args.out), Reporter(), make_renderer()
    size = QUICK_SIZE if args.quick else FULL_SIZE
    generators = _generators(args)
    with reporter.stage("levels") as stage:
        trials = list(hole_trials(args.trials or (QUICK_TRIALS if args.quick else TRIALS), size))
        stage.result = f"{len(trials)} clips of {holes.FRAMES} frames, {size[0]}×{size[1]}"
    with reporter.stage("generate and score") as stage:
        rows, shown = holes.ask(
            renderer, generators, trials, lambda done, total: stage.update(done / total), holes.SAMPLES, PICTURED
        )
        stage.result = f"up to {holes.SAMPLES} samples a clip"
    strips = [encode_png(holes_report.strips(each)) for each in shown]
    for number, strip in enumerate(strips, start=1):
        _write(out / f"clip_{number}.png", strip)
    text = "Means over clips, in what memory does not cover, 95 % intervals by bootstrap over clips."
    sections = [Section("What is put where memory has nothing", text, strips[0], *holes_report.table(rows))]
    sections += [Section(f"Clip {each.trial.name}", "", strip) for each, strip in zip(shown[1:], strips[1:], strict=True)]
    _write(out / "generation.html", page("How good is what is invented?", [LEVELS_NOTE], sections).encode())
    found = {generator.name: holes_report.figures(rows, generator.name) for generator in generators}
    _finish(out, "generation", reporter, {"figures": found, "rows": holes.plain(rows)}, _headline(found))


def _generators(args: argparse.Namespace) -> list[Generator]:
    """The one asked for (the shipped model, if there is one, unless told otherwise), and `reproject`."""
    base, name = Reproject(), args.generator or "tiny"
    known = find_generators(chosen=name, weights=args.weights or "")
    check_generator(name, known)
    asked = known[name]()
    return [asked] if name == base.name else [asked, base]


def _headline(found: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The first generator's figures, and the others' under their names; without intervals, which the file has."""
    short = {
        name: {key: value for key, value in figures.items() if not key.endswith(("_low", "_high"))}
        for name, figures in found.items()
    }
    first, *others = short
    return {"generator": first, **short[first], **{name: short[name] for name in others}}


def _finish(out: Path, name: str, reporter: Reporter, data: Mapping[str, Any], headline: Mapping[str, Any]) -> None:
    """Write the data, say what to open, print the headline."""
    about = {
        "format": report.FORMAT_VERSION,
        "seconds": reporter.seconds,
        "versions": report.versions(),
        "machine": report.machine(),
    }
    _write(out / f"{name}.json", report.to_json({**data, **about}).encode())
    shown = out / f"{name}.html"
    print(f"Open {shown} ({bytes_text(shown.stat().st_size)}; the pictures and {name}.json lie beside it)")
    seconds = round(sum(reporter.seconds.values()), 1)
    print(json.dumps(_rounded({"page": str(shown), "seconds": seconds, **headline})))


def _rounded(value: Any) -> Any:
    """To four digits; null for what is not a finite number."""
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def _spread(answers: dict[Question, list[Measured]]) -> dict[str, dict[str, list[float]]]:
    """For each question and series PSNR in dB, in the order of x."""
    return {
        question.name: {
            series: [round(each.psnr_db, 2) for each in measured if each.series == series]
            for series in dict.fromkeys(each.series for each in measured)
        }
        for question, measured in answers.items()
    }
