"""What `run` leaves in its folder: the video, the contact sheet, the camera path, the report."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.cli.flight import Flight, FlightPlan
from spatia_bridge.cli.progress import Stage, bytes_text
from spatia_bridge.client.views import colour_of
from spatia_bridge.errors import CancelledError
from spatia_bridge.evaluation import report
from spatia_bridge.evaluation.overhead import Plan, cloud_of
from spatia_bridge.evaluation.pictures import Shot, contact_sheet, pick_evenly, side_by_side
from spatia_bridge.evaluation.video import write_video
from spatia_bridge.export import atomic_file
from spatia_bridge.export.credentials import mark_generated
from spatia_bridge.frames import ColourImage
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes
from spatia_bridge.memory import Snapshot
from spatia_bridge.render.renderer import Renderer

VIDEO, SHEET, POINTS, REPORT, PATH = "demo.mp4", "contact_sheet.png", "memory.ply", "report.json", "trajectory.txt"
PANEL_WIDTH = 640
SHEET_COLUMNS = 6

LoadSnapshot = Callable[[int], Snapshot]  # of a revision's number


@dataclass(frozen=True, eq=False)
class Place:
    """Where a shot lies in the flight."""

    clip: int
    number: int
    camera: Camera


class Shots(Sequence[Shot]):
    """All frames of a flight with what they were made from, each decoded and projected when it is asked for.

    The projection is rendered again from the revision that the clip was made from, so it is what the generator was given.
    """

    def __init__(self, plan: FlightPlan, flight: Flight, renderer: Renderer, load: LoadSnapshot) -> None:
        self._plan, self._flight, self._renderer, self._load = plan, flight, renderer, load
        convention = Engine.OPENCV.convention
        cameras = [[axes.world_camera(frame.camera, convention) for frame in clip.frames] for clip in flight.clips]
        self._places = [Place(c, n, camera) for c, clip in enumerate(cameras) for n, camera in enumerate(clip)]
        self._bases: dict[int, Snapshot] = {}
        self.covered: dict[int, float] = {}  # share of each frame that memory filled, of those asked for

    @property
    def path(self) -> list[Camera]:
        return [place.camera for place in self._places]

    @property
    def first_memory(self) -> Snapshot:
        """What the first clip was made from."""
        return self._base(self._flight.clips[0].take.base_revision)

    def __len__(self) -> int:
        return len(self._places)

    def frame(self, number: int) -> ColourImage:
        """The generated frame as the client received it."""
        place = self._places[number]
        return colour_of(self._flight.clips[place.clip].frames[place.number].colour)

    @overload
    def __getitem__(self, number: int) -> Shot: ...
    @overload
    def __getitem__(self, number: slice) -> list[Shot]: ...
    def __getitem__(self, number: int | slice) -> Shot | list[Shot]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        place = self._places[number]
        memory = self._base(self._flight.clips[place.clip].take.base_revision)
        seen = self._renderer.render(memory, place.camera)
        index = number % len(self)
        self.covered[index] = float(seen.coverage.mean())
        frame, truth = self.frame(number), self._truth(index)
        clips = len(self._flight.clips)
        return Shot(place.clip + 1, clips, index, place.camera, seen.colour, seen.coverage, frame, memory, truth)

    def _base(self, revision: int) -> Snapshot:
        if revision not in self._bases:
            self._bases[revision] = self._load(revision)
        return self._bases[revision]

    def _frame_of_views(self) -> npt.NDArray[np.float64]:
        """At which frame, and between which, each recorded view lies: the path is spread evenly over the frames."""
        times, path = np.array([view.time_secs for view in self._plan.views]), self._plan.path
        return np.asarray((times - path.times_secs[0]) / path.duration_secs * (len(self) - 1))

    def _truth(self, number: int) -> ColourImage | None:
        """The view recorded nearest in time; None where the path was not recorded."""
        if len(self._plan.views) < 2:
            return None
        return self._plan.views[int(np.argmin(np.abs(self._frame_of_views() - number)))].colour

    def near_views(self, wanted: int) -> list[int]:
        """The frames nearest to so many recorded views, which lie evenly along the path."""
        if len(self._plan.views) < 2:
            return pick_evenly(len(self), wanted)
        places = self._frame_of_views()
        return sorted({round(float(places[view])) for view in pick_evenly(len(places), wanted)})

    def coverage_of_clip(self, clip: int) -> float:
        """Mean over the clip's frames that were asked for."""
        found = [share for number, share in self.covered.items() if self._places[number].clip == clip]
        return float(np.mean(found)) if found else float("nan")


def save_video(out: Path, shots: Shots, head: Snapshot, stop: threading.Event, stage: Stage) -> None:
    """Projection, frame and memory from above, side by side."""
    height, width = shots.frame(0).shape[:2]
    plan = Plan.fit(cloud_of(head), shots.path, PANEL_WIDTH, round(PANEL_WIDTH * height / width))

    def watched() -> Iterator[Shot]:
        for number in range(len(shots)):
            if stop.is_set():
                raise CancelledError("the run was cancelled")
            stage.update(number / len(shots), f"frame {number + 1} of {len(shots)}")
            yield shots[number]

    fps = shots._flight.clips[0].take.fps
    with atomic_file(out / VIDEO) as temporary:
        count = write_video(temporary, side_by_side(watched(), shots.path, plan), fps)
        mark_generated(temporary, shots._flight.clips[0].take.generator)
    stage.result = f"{VIDEO}: {count / fps:.1f} s at {fps:g} fps, {bytes_text((out / VIDEO).stat().st_size)}"


def save_sheet(out: Path, shots: Shots, title: str, notes: Sequence[str], stage: Stage) -> None:
    """Frames evenly along the path, nearest to recorded views, with their projections and those views."""
    sheet = contact_sheet([shots[number] for number in shots.near_views(SHEET_COLUMNS)], title, notes)
    with atomic_file(out / SHEET) as temporary:
        _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 6])
        temporary.write_bytes(data.tobytes())
    stage.result = f"{SHEET}: {sheet.shape[1]}×{sheet.shape[0]}, {bytes_text((out / SHEET).stat().st_size)}"


def save_path(out: Path, path: Sequence[Camera], fps: float) -> None:
    """The cameras in the TUM format: time, position, quaternion (x, y, z, w), `world_from_camera`, OpenCV axes, metres."""
    lines = ["# time_secs tx ty tz qx qy qz qw"]
    for number, camera in enumerate(path):
        pose = camera.world_from_camera
        values = (number / fps, *pose[:3, 3], *se3.quaternion_from_rotation(pose[:3, :3]))
        lines.append(" ".join(f"{value:.6f}" for value in values))
    with atomic_file(out / PATH) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(plan: FlightPlan, flight: Flight, shots: Shots, head: Snapshot, renderer: Renderer) -> dict[str, Any]:
    """The part of the report that says how well memory held: the view that returns, and the recorded views not seeded with."""
    returning = report.returning_view(shots.path, shots.frame(0), shots.frame(len(shots) - 1))
    unseen = [view for number, view in enumerate(plan.views) if number not in set(plan.seeds)]
    first = plan.views[plan.seeds[0]]
    return {
        "first_view": report.recorded_views([first], lambda camera: renderer.render(shots.first_memory, camera)),
        "returning_view": returning if len(flight.clips) > 1 else None,  # one clip is made from one memory: no test of it
        "recorded_views_not_seeded": report.recorded_views(unseen, lambda camera: renderer.render(head, camera)),
    }


def describe(plan: FlightPlan, flight: Flight, shots: Shots) -> dict[str, Any]:
    """The part of the report that says what was made: clips with their health, revisions."""
    clips = [
        {
            "take": clip.take.number,
            "base_revision": clip.take.base_revision,
            "revision": clip.revision.number,
            "frames": len(clip.frames),
            "memory_fills": shots.coverage_of_clip(number),
            "seconds": clip.seconds,
            "health": dict(clip.revision.health),
        }
        for number, clip in enumerate(flight.clips)
    ]
    revisions = [
        {"number": r.number, "cause": r.cause.value if r.cause else "", "note": r.note, "points": r.points, "chunks": r.chunks}
        for r in flight.revisions
    ]
    return {
        "generator": flight.clips[0].take.generator,
        "prompts": list(plan.prompts),
        "seed": plan.seed,
        "size": list(plan.size),
        "fps": flight.clips[0].take.fps,
        "seeded_with_views": list(plan.seeds),
        "clips": clips,
        "revisions": revisions,
        "client_mirror": {"revision": flight.synced.revision, "points": flight.mirrored_points, "verified": True},
    }
