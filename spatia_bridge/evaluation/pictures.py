"""Pictures for people: the contact sheet, and the frames of the side-by-side video."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.evaluation.canvas import BOLD, QUIET, TEXT, blank, fitted, mark_unknown, write, write_right
from spatia_bridge.evaluation.overhead import Plan, cloud_of, draw_camera, draw_cloud
from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory import Snapshot

PROJECTION_TITLE, PROJECTION_HINT = "Scene projection", "what memory knew before the clip; violet: nothing"
FRAME_TITLE, FRAME_HINT = "Frame", "what the generator made"
ABOVE_TITLE, ABOVE_HINT = "Memory from above", "ceilings cut off; the path flown in orange"
TRUTH_TITLE, TRUTH_HINT = "Recorded view", "the truth, at the nearest moment that was recorded"

_GAP = 8
_TITLE_BAR = 40
_STATUS_BAR = 34
_LABEL_COLUMN = 152


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame of one clip with what it was made from. Images are uint8 (H, W, 3) of one size; coverage is bool (H, W).

    Attributes:
        clip, clips: 1-based, of how many.
        number: 0-based, over all clips.
        memory: the snapshot that the clip was made from (its base revision).
        truth: what a real renderer of the level shows there, if there is one.
    """

    clip: int
    clips: int
    number: int
    camera: Camera
    projection: ColourImage
    coverage: Mask
    frame: ColourImage
    memory: Snapshot
    truth: ColourImage | None = None

    @property
    def covered(self) -> float:
        """Share of the frame's pixels that memory filled, 0…1."""
        return float(self.coverage.mean())


@dataclass(frozen=True, eq=False)
class PictureRow:
    """A row of a sheet: its name, what to know about it, and a picture (H, W, 3) a column."""

    name: str
    hint: str
    images: Sequence[ColourImage]


def _even(value: int) -> int:
    return value + value % 2


def _panel_title(image: ColourImage, x: int, title: str, hint: str) -> None:
    after = write(image, title, (x, 26), 17, TEXT, BOLD)
    write(image, hint, (after + 12, 26), 13, QUIET)


def side_by_side(shots: Iterable[Shot], path: Sequence[Camera], plan: Plan) -> Iterator[ColourImage]:
    """One picture a shot, (H, W, 3) with even sides: projection, frame, memory from above, with a status line below.

    Shots are taken one by one, so they may be made as they are asked for. Memory is drawn once a snapshot.

    Args:
        path: the cameras of all shots, in order.
        plan: its size is that of every panel.
    """
    drawn: tuple[Snapshot | None, ColourImage] = (None, blank(plan.width, plan.height))
    for now, shot in enumerate(shots):
        if drawn[0] is not shot.memory:
            drawn = (shot.memory, draw_cloud(plan, cloud_of(shot.memory)))
        above = draw_camera(plan, drawn[1], path, now)
        yield _compose(shot, above, len(path))


def _compose(shot: Shot, above: ColourImage, shots: int) -> ColourImage:
    height, width = above.shape[:2]
    total = 3 * width + 4 * _GAP
    image = blank(_even(total), _even(_TITLE_BAR + height + _STATUS_BAR))
    panels = (
        (fitted(mark_unknown(shot.projection, shot.coverage), width, height), PROJECTION_TITLE, PROJECTION_HINT),
        (fitted(shot.frame, width, height), FRAME_TITLE, FRAME_HINT),
        (above, ABOVE_TITLE, ABOVE_HINT),
    )
    x = _GAP
    for panel, title, hint in panels:
        image[_TITLE_BAR : _TITLE_BAR + height, x : x + width] = panel
        _panel_title(image, x, title, hint)
        x += width + _GAP
    base = _TITLE_BAR + height + 23
    place = f"clip {shot.clip} of {shot.clips}  ·  frame {shot.number + 1} of {shots}"
    left = f"{place}  ·  memory fills {shot.covered:.0%} of this view"
    write(image, left, (_GAP, base), 14)
    memory = f"revision {shot.memory.revision}  ·  {shot.memory.points:,} points"
    write_right(image, memory, (total - _GAP, base), 14)
    return image


def pick_evenly(count: int, wanted: int) -> list[int]:
    """Numbers below `count`, `wanted` of them (or all, if there are fewer), evenly, the first and the last among them."""
    return [round(float(place)) for place in np.linspace(0, count - 1, min(wanted, count))]


def contact_sheet(picked: Sequence[Shot], title: str, notes: Sequence[str] = (), width: int = 288) -> ColourImage:
    """A sheet (H, W, 3): a column a shot; rows projection, frame and, where every shot has one, truth.

    Args:
        picked: few, in order.
        title: the headline.
        notes: lines of figures under the rows.
        width: of each picture in pixels.
    Raises:
        InvalidInputError: no shots.
    """
    if not picked:
        raise InvalidInputError("there are no frames to show", "make one clip or more")
    heads = [(f"clip {shot.clip} · frame {shot.number + 1}", f"memory fills {shot.covered:.0%}") for shot in picked]
    return picture_sheet(_sheet_rows(picked), heads, title, notes, width)


def picture_sheet(
    rows: Sequence[PictureRow], heads: Sequence[tuple[str, str]], title: str, notes: Sequence[str] = (), width: int = 288
) -> ColourImage:
    """A table of pictures (H, W, 3), all of one aspect.

    Args:
        heads: of the columns: what they are, and a quieter word to it.
        notes: lines under the rows.
        width: of each picture in pixels.
    """
    first = rows[0].images[0]
    height, top = round(width * first.shape[0] / first.shape[1]), 84
    sheet = blank(
        _LABEL_COLUMN + len(heads) * (width + _GAP) + _GAP, top + len(rows) * (height + _GAP) + 12 + 22 * len(notes) + _GAP
    )
    write(sheet, title, (_GAP * 2, 38), 24, TEXT, BOLD)
    for column, (head, hint) in enumerate(heads):
        after = write(sheet, head, (_LABEL_COLUMN + column * (width + _GAP), 74), 14, TEXT)
        write(sheet, hint, (after + 12, 74), 13, QUIET)
    for number, row in enumerate(rows):
        y = top + number * (height + _GAP)
        _row_label(sheet, row.name, row.hint, y + height // 2)
        for column, image in enumerate(row.images):
            x = _LABEL_COLUMN + column * (width + _GAP)
            sheet[y : y + height, x : x + width] = fitted(image, width, height)
    for line, note in enumerate(notes):
        write(sheet, note, (_LABEL_COLUMN, top + len(rows) * (height + _GAP) + 22 * (line + 1)), 14, QUIET)
    return sheet


def _sheet_rows(picked: Sequence[Shot]) -> list[PictureRow]:
    rows = [
        PictureRow(PROJECTION_TITLE, PROJECTION_HINT, [mark_unknown(shot.projection, shot.coverage) for shot in picked]),
        PictureRow(FRAME_TITLE, FRAME_HINT, [shot.frame for shot in picked]),
    ]
    truths = [shot.truth for shot in picked if shot.truth is not None]
    if len(truths) == len(picked):
        rows.append(PictureRow(TRUTH_TITLE, TRUTH_HINT, truths))
    return rows


def _row_label(sheet: ColourImage, name: str, hint: str, middle: int) -> None:
    """The name in bold, the hint below it in short lines."""
    words, lines = hint.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 16:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    y = middle - 9 * len(lines)
    write(sheet, name, (_GAP * 2, y), 15, TEXT, BOLD)
    for line in lines:
        y += 18
        write(sheet, line, (_GAP * 2, y), 12, QUIET)
