"""`spatia-bridge takes export`: generated clips as a video that says so, or as a training set with depth and masks."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from spatia_bridge.app import default_data_dir
from spatia_bridge.cli.progress import Reporter, Stage, bytes_text
from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.evaluation.video import write_video
from spatia_bridge.export import atomic_file, atomic_folder
from spatia_bridge.export.colmap import write_colmap
from spatia_bridge.export.credentials import mark_generated
from spatia_bridge.export.nerfstudio import write_nerfstudio
from spatia_bridge.export.views import NamedView
from spatia_bridge.frames import ColourImage
from spatia_bridge.session.carry import carried_frame
from spatia_bridge.store import SessionLibrary, SessionStore
from spatia_bridge.store.clips import ClipState, TakeInfo

_SETS = {"nerfstudio": write_nerfstudio, "colmap": write_colmap}


def run(args: argparse.Namespace) -> None:
    """Write it and say where it is."""
    out = Path(args.out)
    format_name = args.format or ("mp4" if out.suffix.lower() == ".mp4" else "nerfstudio")
    if format_name == "mp4" and args.seeds:
        raise InvalidInputError("a video is of generated frames only", "leave --seeds out, or use --format nerfstudio or colmap")
    folder = Path(args.data) if args.data else default_data_dir()
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", "give the folder of the sessions with --data")
    with SessionLibrary(folder).open(args.session) as store, Reporter().stage(f"exporting {args.session}") as stage:
        takes = _chosen(store, args.take)
        clips = [*(store.seeds() if args.seeds else []), *takes]
        if not clips:
            raise InvalidInputError(f"session {args.session} has no accepted take", "generate and accept a clip first")
        made = _save_video(store, takes, out, stage) if format_name == "mp4" else _save_set(store, clips, format_name, out, stage)
        stage.result = f"{made} frames"
    if args.json:
        print(
            json.dumps(
                {"out": str(out), "format": format_name, "clips": [clip.number for clip in clips], "frames": made}, indent=2
            )
        )
        return
    size = sum(path.stat().st_size for path in ([out] if out.is_file() else out.rglob("*")) if path.is_file())
    print(f"{out}: {made} frames of {len(clips)} clip{'s' * (len(clips) > 1)}, {format_name}, {bytes_text(size)}")


def _chosen(store: SessionStore, numbers: Sequence[int]) -> list[TakeInfo]:
    """The takes of these numbers, or all accepted ones. Raises NotFoundError: no such take, or its frames are gone."""
    takes = {take.number: take for take in store.takes()}
    if not numbers:
        return [take for take in takes.values() if take.state is ClipState.ACCEPTED]
    for number in numbers:
        if number not in takes or takes[number].state is ClipState.DISCARDED:
            raise NotFoundError(f"there is no take {number}", "list them with `sessions show`")
    return [takes[number] for number in numbers]


def _frames_of(clips: Sequence[TakeInfo]) -> Iterator[tuple[TakeInfo, int]]:
    return ((clip, number) for clip in clips for number in range(clip.frames))


def _save_set(store: SessionStore, clips: Sequence[TakeInfo], format_name: str, out: Path, stage: Stage) -> int:
    _, head = store.load()
    total = sum(clip.frames for clip in clips)

    def views() -> Iterator[NamedView]:
        for done, (clip, number) in enumerate(_frames_of(clips)):
            stage.update(done / total, f"frame {done + 1} of {total}")
            frame = carried_frame(store.load_frame(clip.number, number), clip.alignment, head.alignment)
            yield NamedView(f"{clip.number:05}_{number:04}", frame)

    with atomic_folder(out) as temporary:
        return _SETS[format_name](temporary, views(), head)


def _save_video(store: SessionStore, takes: Sequence[TakeInfo], out: Path, stage: Stage) -> int:
    """The takes one after the other, at the first one's rate."""
    total = sum(take.frames for take in takes)

    def frames() -> Iterator[ColourImage]:
        for done, (take, number) in enumerate(_frames_of(takes)):
            stage.update(done / total, f"frame {done + 1} of {total}")
            yield store.load_frame(take.number, number).colour

    with atomic_file(out) as temporary:
        count = write_video(temporary, frames(), takes[0].fps)
        mark_generated(temporary, takes[0].generator)
    return count
