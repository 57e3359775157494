"""`spatia-bridge evaluate`: measures, and writes tables and charts."""

import argparse
import json
from pathlib import Path
from typing import Any

from spatia_bridge.app import make_renderer
from spatia_bridge.cli.progress import Reporter, bytes_text
from spatia_bridge.evaluation import report
from spatia_bridge.evaluation.pages import draw, page
from spatia_bridge.evaluation.robustness import HELD_OUT, Measured, Question, ask, plain, questions
from spatia_bridge.export import atomic_file
from spatia_bridge.generation.reproject import Reproject
from spatia_bridge.samples import sample_path
from spatia_bridge.samples.capture import load_capture

PAGE, DATA = "robustness.html", "robustness.json"


def run(args: argparse.Namespace) -> None:
    """The questions of `evaluation.robustness` on the sample, one after the other; the last line on stdout is JSON."""
    out, reporter, renderer = Path(args.out), Reporter(), make_renderer()
    capture = load_capture(sample_path())
    views = capture.frames
    answers: dict[Question, list[Measured]] = {}
    charts: dict[Question, bytes] = {}
    for question in questions(Reproject(), quick=args.quick):
        with reporter.stage(question.name) as stage:
            answers[question] = ask(question, views, renderer, lambda done, total, stage=stage: stage.update(done / total))  # type: ignore[misc]
            charts[question] = draw(question, answers[question])
            stage.result = f"{len(question.trials)} trials"
        _write(out / f"{question.name}.png", charts[question])
    held_out = len(range(2, len(views), HELD_OUT))
    note = f"{capture.name}: {len(views)} views, {held_out} of them held out and compared with. {capture.licence}"
    _write(out / PAGE, page("How robust is memory?", [note], answers, charts).encode())
    summary = _summary(answers, reporter.seconds)
    _write(out / DATA, report.to_json(summary).encode())
    print(f"Open {out / PAGE} ({bytes_text((out / PAGE).stat().st_size)}; the charts and {DATA} lie beside it)")
    print(json.dumps({"page": str(out / PAGE), "seconds": round(sum(reporter.seconds.values()), 1), **_spread(answers)}))


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)


def _summary(answers: dict[Question, list[Measured]], seconds: dict[str, float]) -> dict[str, Any]:
    return {
        "format": report.FORMAT_VERSION,
        "questions": {question.name: plain(measured) for question, measured in answers.items()},
        "seconds": seconds,
        "versions": report.versions(),
        "machine": report.machine(),
    }


def _spread(answers: dict[Question, list[Measured]]) -> dict[str, dict[str, list[float]]]:
    """For each question and series PSNR in dB, in the order of x."""
    return {
        question.name: {
            series: [round(each.psnr_db, 2) for each in measured if each.series == series]
            for series in dict.fromkeys(each.series for each in measured)
        }
        for question, measured in answers.items()
    }
