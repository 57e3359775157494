"""What the rows of `holes` say: figures with intervals, a table, strips of pictures."""

import math
from collections.abc import Sequence

import numpy as np

from spatia_bridge.evaluation.canvas import mark_unknown
from spatia_bridge.evaluation.holes import TELEA, Row, Shown
from spatia_bridge.evaluation.metrics import interval, weighted_mean
from spatia_bridge.evaluation.pictures import PictureRow, picture_sheet
from spatia_bridge.frames import ColourImage

COLUMNS = (  # heading, field, format
    ("energy score", "energy", ".2f"),
    ("PSNR of the mean, dB", "mean_psnr", ".2f"),
    ("PSNR of one, dB", "sample_psnr", ".2f"),
    ("patches (SWD)", "swd", ".3f"),
    ("gradient energy", "gradients", ".1f"),
    ("|ln depth| error", "depth_error", ".3f"),
    ("depth known", "depth_known", ".2f"),
    ("diversity", "diversity", ".2f"),
    ("covered PSNR, dB", "covered_psnr", ".2f"),
)
STRIP_COLUMNS = 4
SHOWN_SAMPLES = 2

BASE = "reproject"
RATIOS = {  # figure: a field of ours, over a field of whose row (none: our own)
    "energy_over_telea": ("energy", TELEA, "energy"),
    "energy_over_reproject": ("energy", BASE, "energy"),
    "swd_over_telea": ("swd", TELEA, "swd"),
    "gradient_energy_ratio": ("gradients", "", "true_gradients"),
    "depth_error_ratio": ("depth_error", "", "telea_depth_error"),
    "depth_error_over_reproject": ("depth_error", BASE, "depth_error"),
}
DIFFERENCES = {
    "mean8_psnr_gain_telea": ("mean_psnr", TELEA),
    "mean8_psnr_gain_reproject": ("mean_psnr", BASE),
    "covered_psnr_vs_reproject": ("covered_psnr", BASE),
}
MEANS = ("diversity", "depth_known")


def figures(rows: Sequence[Row], name: str) -> dict[str, float]:
    """The headline of one generator over all trials, with the ends of the intervals; nan where no trial says anything.

    RATIOS are of sums over trials, DIFFERENCES and MEANS are means.
    """
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.trial, {})[row.name] = row
    trials = [trial for trial in found.values() if name in trial]
    out: dict[str, float] = {}

    def put(figure: str, values: Sequence[float], weights: Sequence[float] | None = None) -> None:
        out[figure] = weighted_mean(values, weights)
        out[f"{figure}_low"], out[f"{figure}_high"] = interval(values, weights)

    for figure, (field, other, below) in RATIOS.items():
        pairs = [(getattr(trial[name], field), getattr(trial[other or name], below)) for trial in trials]
        pairs = [(above, under) for above, under in pairs if math.isfinite(above) and under > 0]
        put(figure, [above / under for above, under in pairs], [under for _, under in pairs])
    for figure, (field, other) in DIFFERENCES.items():
        put(figure, [getattr(trial[name], field) - getattr(trial[other], field) for trial in trials])
    for figure in MEANS:
        put(figure, [getattr(trial[name], figure) for trial in trials])
    return out


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells: a line a way to fill, means over trials."""
    lines = []
    for name in dict.fromkeys(row.name for row in rows):
        own = [row for row in rows if row.name == name]
        lines.append([name, *(_cell([getattr(row, field) for row in own], how) for _, field, how in COLUMNS)])
    return ["", *(head for head, _, _ in COLUMNS)], lines


def _cell(values: Sequence[float], how: str) -> str:
    low, high = interval(values)
    return f"{weighted_mean(values):{how}} ({low:{how}}–{high:{how}})" if math.isfinite(low) else "–"


def strips(shown: Shown) -> ColourImage:
    """A picture (H, W, 3): the truth, what memory shows, and what each way made of it, unpicked samples."""
    numbers = [round(place) for place in np.linspace(0, len(shown.projection) - 1, STRIP_COLUMNS)]
    rows = [
        PictureRow("Truth", "never shown", [shown.trial.truth[n].colour for n in numbers]),
        PictureRow(
            "Memory", "violet: nothing", [mark_unknown(shown.projection[n].colour, shown.projection[n].coverage) for n in numbers]
        ),
    ]
    for made in shown.made:
        for number, sample in enumerate(made.samples[:SHOWN_SAMPLES]):
            hint = f"sample {number + 1}" if len(made.samples) > 1 else "always the same"
            rows.append(PictureRow(made.name, hint, [sample[n].colour for n in numbers]))
        if len(made.samples) > 1:
            mean = [np.mean([sample[n].colour for sample in made.samples], axis=0).round().astype(np.uint8) for n in numbers]
            rows.append(PictureRow(made.name, f"mean of {len(made.samples)}", mean))
    heads = [(f"frame {n + 1}", f"memory fills {shown.projection[n].coverage.mean():.0%}") for n in numbers]
    return picture_sheet(rows, heads, f"{shown.trial.name}: what is put where memory has nothing")
