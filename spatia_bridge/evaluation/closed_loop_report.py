"""What the closed loop's rows say: figures with intervals, charts, strips of pictures."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from spatia_bridge.codec.images import encode_png
from spatia_bridge.evaluation.canvas import mark_unknown
from spatia_bridge.evaluation.charts import Line, Panel, chart
from spatia_bridge.evaluation.closed_loop import BOTH, CLIPS, NONE, Answer, Path, Row
from spatia_bridge.evaluation.metrics import interval, weighted_mean
from spatia_bridge.evaluation.pages import Section
from spatia_bridge.evaluation.pictures import PictureRow, picture_sheet
from spatia_bridge.frames import ColourImage, Mask

AGAIN = range(3, CLIPS + 1)  # clips in which invented space is revisited after A was seen again
BACK = range(2, CLIPS + 1, 2)
COLUMNS = (  # heading, field, clips
    ("revisit PSNR, dB", "revisit_psnr", AGAIN),
    ("revisit SSIM", "revisit_ssim", AGAIN),
    ("revisit match", "revisit_match", AGAIN),
    ("return PSNR, dB", "return_psnr", BACK),
    ("return SSIM", "return_ssim", BACK),
    ("return match", "return_match", BACK),
    ("camera", "camera", AGAIN),
)
STRIP_COLUMNS = 4


def by_path(rows: Iterable[Row], setting: str, name: str, clips: Iterable[int]) -> dict[str, float]:
    """A field's mean over these clips, for each path."""
    wanted, found = set(clips), dict[str, list[float]]()
    for row in rows:
        if row.setting == setting and row.clip in wanted:
            found.setdefault(row.path, []).append(getattr(row, name))
    return {path: weighted_mean(values) for path, values in found.items()}


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """The headline, means over paths; nan where no path says anything.

    revisit_psnr_gain is both − none, psnr_drop_2_to_6 that of invented space revisited in clip 2 over clip 6, with both.
    """
    both, none = BOTH.name, NONE.name
    found = {
        "revisit_psnr_both": by_path(rows, both, "revisit_psnr", AGAIN),
        "revisit_psnr_none": by_path(rows, none, "revisit_psnr", AGAIN),
        "revisit_match_both": by_path(rows, both, "revisit_match", AGAIN),
        "revisit_match_none": by_path(rows, none, "revisit_match", AGAIN),
        "return_match_both": by_path(rows, both, "return_match", BACK),
        "psnr_drop_2_to_6": _difference(by_path(rows, both, "revisit_psnr", [2]), by_path(rows, both, "revisit_psnr", [CLIPS])),
        "camera_both": by_path(rows, both, "camera", AGAIN),
    }
    found["revisit_psnr_gain"] = _difference(found["revisit_psnr_both"], found["revisit_psnr_none"])
    out = {name: weighted_mean(list(values.values())) for name, values in found.items()}
    for name, values in found.items():
        out[f"{name}_low"], out[f"{name}_high"] = interval(list(values.values()))
    return out


def _difference(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {path: a[path] - b[path] for path in a if path in b}


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells: a line a setting, means over paths with their intervals."""
    lines = []
    for setting in dict.fromkeys(row.setting for row in rows):
        cells = [setting]
        for _, name, clips in COLUMNS:
            values = list(by_path(rows, setting, name, clips).values())
            low, high = interval(values)
            cells.append(f"{weighted_mean(values):.3g} ({low:.3g}–{high:.3g})" if math.isfinite(low) else "–")
        rejected = sum(row.rejected for row in rows if row.setting == setting and row.clip == CLIPS)
        lines.append([*cells, str(rejected)])
    return ["shown", *(head for head, _, _ in COLUMNS), "takes refused"], lines


def draw(title: str, rows: Sequence[Row], names: Sequence[str]) -> bytes:
    """A PNG: clip by clip, a line a setting."""

    def lines(name: str, clips: Sequence[int]) -> list[Line]:
        return [
            Line(setting, clips, [weighted_mean(list(by_path(rows, setting, name, [clip]).values())) for clip in clips])
            for setting in names
        ]

    every = range(2, CLIPS + 1)
    panels = [
        Panel("invented space revisited, PSNR in dB", "clip", lines("revisit_psnr", every), least_span=2),
        Panel("its features found again", "clip", lines("revisit_match", every), from_zero=True),
        Panel("the first view again, PSNR in dB", "clip", lines("return_psnr", BACK), least_span=2),
    ]
    return encode_png(chart(title, [panel for panel in panels if any(map(math.isfinite, _values(panel)))]))


def _values(panel: Panel) -> list[float]:
    return [value for line in panel.lines for value in line.y]


def strips(path: Path, answers: Sequence[Answer], seen: Sequence[Mask]) -> ColourImage:
    """A picture (H, W, 3): the way from A to B, what the first view knew of it, and what was made of it, three times."""
    numbers = sorted({round(place) for place in np.linspace(1, len(path.views) - 1, STRIP_COLUMNS)})
    rows = [
        PictureRow("The level", "never shown", [path.views[n].colour for n in numbers]),
        PictureRow("First view", "what it shows of this", [mark_unknown(path.views[n].colour, seen[n]) for n in numbers]),
    ]
    for answer in answers:
        for setting in (BOTH.name, NONE.name):
            flight = answer.flights[path.name, setting]
            for clip, hint in ((1, "the first time"), (3, "come back"), (5, "once more")):
                made = dict(zip(path.poses(clip), flight.clips[clip - 1], strict=True))
                rows.append(PictureRow(f"{answer.generator}: {setting}", hint, [made[n].colour for n in numbers]))
    heads = [(f"frame {n} of {len(path.views) - 1}", "B" if n == len(path.views) - 1 else "") for n in numbers]
    return picture_sheet(rows, heads, f"{path.name}: from A to B, three times")


def section(answer: Answer, names: Sequence[str]) -> Section:
    """One generator's part of the page; charts of these settings."""
    title = f"{answer.generator}: what it is shown, and how well it finds back"
    text = (
        "Means over paths, 95 % intervals by bootstrap over paths. Revisit: clips 3 to 6 against clip 1, in pixels that the "
        "first view never saw. Return: at A, against the true view. Match: SIFT features found again, over those of the first "
        "view. Camera: share of frames that, registered by features, stand within 10 cm and 2° of where they should. "
        "A generator that makes the same of nothing each time, as grey, comes back perfectly: read 'none' with the pictures."
    )
    return Section(title, text, draw(title, answer.rows, names), *table(answer.rows))
