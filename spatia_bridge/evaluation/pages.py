"""The page of an evaluation: charts, pictures and tables in one HTML file that needs nothing beside it."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from spatia_bridge.codec.images import encode_png
from spatia_bridge.evaluation.charts import Line, Panel, chart
from spatia_bridge.evaluation.robustness import Measured, Question

# heading, attribute, format
COLUMNS = (
    ("PSNR, dB", "psnr_db", ".2f"),
    ("SSIM", "ssim", ".4f"),
    ("coverage", "coverage", ".4f"),
    ("depth error", "depth_error", ".3%"),
    ("points", "points", ",d"),
    ("clips refused", "rejected_clips", "d"),
    ("s a clip", "secs_a_clip", ".3f"),
)
STYLE = """
body { font: 15px/1.5 sans-serif; background: #16171b; color: #ececf0; max-width: 1120px; margin: 2em auto; padding: 0 1em }
img { width: 100% } p, td { color: #b8bac4 } table { border-collapse: collapse } td, th { padding: .2em 1em; text-align: right }
td:first-child, th:first-child { text-align: left } tr + tr { border-top: 1px solid #34363e }
"""


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a page: a heading, a paragraph, a PNG, and a table, if it has rows."""

    title: str
    text: str
    image: bytes
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def draw(question: Question, measured: Sequence[Measured]) -> bytes:
    """The question's chart as a PNG: PSNR, depth error (for the voxel size: points), coverage."""
    names = list(dict.fromkeys(each.series for each in measured))

    def lines(name: str, factor: float) -> list[Line]:
        found = {series: [each for each in measured if each.series == series] for series in names}
        return [
            Line(series, [each.x for each in rows], [factor * getattr(each, name) for each in rows])
            for series, rows in found.items()
        ]

    second = (
        Panel("thousand points", question.x_label, lines("points", 1e-3), from_zero=True)
        if question.name == "voxel_size"
        else Panel("depth error, % (median)", question.x_label, lines("depth_error", 100), from_zero=True)
    )
    first = Panel("PSNR of the projection, dB", question.x_label, lines("psnr_db", 1), least_span=2)
    covered = Panel("coverage, %", question.x_label, lines("coverage", 100), least_span=10)
    return encode_png(chart(question.title, [first, second, covered]))


def section(question: Question, measured: Sequence[Measured], image: bytes) -> Section:
    """The question's part of the page."""
    heads = ["", question.x_label, *(name for name, _, _ in COLUMNS)]
    rows = [[each.series, f"{each.x:g}", *(format(getattr(each, name), how) for _, name, how in COLUMNS)] for each in measured]
    return Section(question.title, question.text, image, heads, rows)


def page(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page; all text is escaped."""
    parts = [f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title><style>{STYLE}</style>"]
    parts.append(f"<h1>{html.escape(title)}</h1>" + "".join(f"<p>{html.escape(note)}</p>" for note in notes))
    for each in sections:
        data = base64.b64encode(each.image).decode()
        parts.append(f"<h2>{html.escape(each.title)}</h2><p>{html.escape(each.text)}</p>")
        parts.append(f"<img alt='{html.escape(each.title)}' src='data:image/png;base64,{data}'>")
        parts.append(_table(each))
    return "\n".join(parts) + "\n"


def _table(each: Section) -> str:
    if not each.rows:
        return ""
    lines = ["".join(f"<th>{html.escape(head)}</th>" for head in each.heads)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in each.rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
