"""Clips on disk: the seed's frames and the takes, each a folder of frame files that is whole before a row names it.

    clips/000001/0000.png      colour, lossless
    clips/000001/0000.planes   msgpack map of zstd planes: depth_m (float16), dynamic, confidence (255ths), object_ids

The rows hold each file's SHA-256, so a file that was damaged or swapped is an error, never a wrong picture.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.images import (
    decode_colour,
    decode_depth,
    decode_mask,
    decode_u8,
    decode_u16,
    encode_depth,
    encode_mask,
    encode_png,
    encode_u8,
    encode_u16,
)
from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, StoreError
from spatia_bridge.frames import GeneratedFrame, RgbdFrame, Take
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.memory.history import Cause, Revision
from spatia_bridge.store.database import Database, seal, unseal
from spatia_bridge.store.durable import link_folder, publish_folder, read_checked, remove, sync
from spatia_bridge.store.faults import damaged, parsed, translated
from spatia_bridge.store.values import (
    camera_from_plain,
    plain_camera,
    plain_numbers,
    plain_similarity,
    similarity_from_plain,
)

MAX_CLIP_NUMBER = 65_535  # the point record's `last_seen` is a u16
MAX_FRAMES = 9_999


class ClipKind(Enum):
    """Where a clip comes from."""

    SEED = "seed"
    TAKE = "take"


class ClipState(Enum):
    """What became of a clip. Pending goes to either of the others, once; pruning discards what no kept revision rests on."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class TakeInfo:
    """A stored clip without its frames. A seed has empty `prompt`, `seed` 0 and base revision 0.

    `alignment` (`now_from_first`) is that of the scene when it was made: its cameras and depths are of the scene as it was then.
    """

    number: int
    kind: ClipKind
    state: ClipState
    frames: int = 0
    width: int = 0
    height: int = 0
    base_revision: int = 0
    prompt: str = ""
    seed: int = 0
    generator: str = ""
    fps: float = 0.0
    created_secs: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)
    alignment: Similarity = field(default_factory=Similarity, compare=False)


_Frame = RgbdFrame | GeneratedFrame


class ClipShelf:
    """The clips of one session. Safe across threads; clips are written one at a time."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._writing = threading.Lock()

    def put_take(self, take: Take) -> None:
        """Keep a take, pending: its files are on the disk when this returns, or nothing of it is.

        Colour is lossless. Depth is rounded to float16 and confidence to 255ths: round them before they are used, and what is
        used now is what will be read. Poses come back as `Camera` makes them, which is exact to a few parts in 10^16.

        Raises:
            InvalidInputError: no frames, or frames of another size than their cameras.
            ConflictError: there is a clip of that number.
            StoreError: disk full, no permission.
        """
        info = TakeInfo(
            take.number,
            ClipKind.TAKE,
            ClipState.PENDING,
            base_revision=take.base_revision,
            prompt=take.prompt,
            seed=take.seed,
            generator=take.generator,
            fps=take.fps,
            notes=take.notes,
            alignment=take.alignment,
        )
        self._put(info, take.frames, take.cameras)

    def put_seed(self, number: int, frames: Sequence[RgbdFrame], alignment: Similarity | None = None) -> None:
        """Keep the frames that seed a session, pending until the revision that they make; as `put_take`."""
        info = TakeInfo(number, ClipKind.SEED, ClipState.PENDING, alignment=alignment or Similarity())
        self._put(info, frames, [frame.camera for frame in frames])

    def load_take(self, number: int) -> Take:
        """A take with all its frames.

        Raises:
            NotFoundError: there is no such take, or it was discarded.
            StoreError: a file is missing or damaged, by name.
        """
        info = self._with_frames(number, ClipKind.TAKE)
        loaded = [self._load_generated(number, i) for i in range(info.frames)]
        cameras, frames = (camera for camera, _ in loaded), (frame for _, frame in loaded)
        return Take(
            number,
            info.base_revision,
            tuple(cameras),
            tuple(frames),
            info.prompt,
            info.seed,
            info.generator,
            info.fps,
            dict(info.notes),
            info.alignment,
        )

    def load_seed(self, number: int) -> tuple[RgbdFrame, ...]:
        """The frames of a seed; errors as `load_take`."""
        info = self._with_frames(number, ClipKind.SEED)
        return tuple(self.load_frame(number, i) for i in range(info.frames))

    def load_frame(self, clip: int, number: int) -> RgbdFrame:
        """One frame of a seed or a take, with its camera; depth is all 0 where the clip has none. Errors as `load_take`."""
        camera, _, time_secs, colour, planes = self._read_frame(clip, number)
        shape = (camera.intrinsics.height, camera.intrinsics.width)
        depth_m = planes.pop("depth_m", None)
        with parsed(f"frame {number} of clip {clip}"):
            return RgbdFrame(
                camera, colour, np.zeros(shape, np.float32) if depth_m is None else depth_m, time_secs=time_secs, **planes
            )

    def colour_png(self, clip: int, number: int) -> bytes:
        """One frame's PNG as it lies on the disk. Errors as `load_take`."""
        return self._read_file(clip, self._path(clip) / f"{number:04}.png", self._frame_row(clip, number)[3])

    def take_info(self, number: int) -> TakeInfo:
        """What is known of a seed or a take, whatever its state.

        Raises:
            NotFoundError: there is no such clip.
        """
        row = self._database.row("SELECT number, kind, state, body FROM clips WHERE number = ?", (number,))
        if row is None:
            raise NotFoundError(f"there is no clip {number}", "ask for one that the session lists")
        return self._info(row)

    def infos(self, kind: ClipKind) -> list[TakeInfo]:
        """All clips of a kind, by number, whatever their state."""
        sql = "SELECT number, kind, state, body FROM clips WHERE kind = ? ORDER BY number"
        return [self._info(row) for row in self._database.rows(sql, (kind.value,))]

    def set_state(self, number: int, state: ClipState) -> None:
        """Decide a pending clip. To say again what was said is nothing. A discarded clip keeps its row and loses its frames.

        Raises:
            NotFoundError: there is no such clip.
            ConflictError: it was decided otherwise.
        """
        with self._database.transaction() as connection:
            _decide(connection, number, state)
            if state is ClipState.DISCARDED:
                connection.execute("DELETE FROM frames WHERE clip = ?", (number,))
            self._database.touch_session_row(connection)
        if state is ClipState.DISCARDED:
            with self._writing:
                remove(self._path(number))  # a crash before this leaves garbage that the next open collects

    def forget(self, connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
        """Within a transaction: discard these clips, whatever was decided. `collect_garbage` then removes their files."""
        connection.executemany("UPDATE clips SET state = 'discarded' WHERE number = ?", [(number,) for number in numbers])
        connection.executemany("DELETE FROM frames WHERE clip = ?", [(number,) for number in numbers])

    def copy_to(self, other: "ClipShelf", numbers: Sequence[int]) -> None:
        """Give another shelf, of a session that nobody uses yet, these accepted clips under their own numbers.

        The files are shared, not copied, where the file system can. The base revision, which is one of this session, becomes 0.

        Raises:
            NotFoundError: a clip is not here, or was discarded. StoreError: disk full, no permission, damaged.
        """
        rows: list[tuple[int, str, bytes]] = []
        frames: list[tuple[Any, ...]] = []
        with self._database.reading():
            for number in numbers:
                info = self.take_info(number)
                self._with_frames(number, info.kind)
                rows.append((number, info.kind.value, _sealed(replace(info, base_revision=0))))
                frames += self._database.rows("SELECT clip, number, body FROM frames WHERE clip = ?", (number,))
        with other._writing:
            with translated(other._database.what):
                for number in numbers:
                    link_folder(self._path(number), other._path(number))
                sync(other._folder)
            with other._database.transaction() as connection:
                connection.executemany("INSERT INTO clips VALUES (?, ?, 'accepted', ?)", rows)
                connection.executemany("INSERT INTO frames VALUES (?, ?, ?)", frames)
                other._database.touch_session_row(connection, clips=len(rows))

    def next_number(self) -> int:
        """One more than any clip or revision has ever used. Not a reservation: of two that put it, one gets ConflictError."""
        rows = self._database.rows("SELECT MAX(number) FROM clips")
        number = int(rows[0][0] or 0) + 1
        if number > MAX_CLIP_NUMBER:
            raise ConflictError(f"this session has had {MAX_CLIP_NUMBER} clips", "go on in a new session")
        return number

    def collect_garbage(self) -> int:
        """Remove what lies in the clips folder and is not the folder of a clip with frames; gives the number of entries removed.

        Raises:
            StoreError: rows are missing: then nothing is removed, for it may be the rows that are wrong.
        """
        with self._writing, self._database.reading():
            stated = self._database.session_row()["clips"]
            rows = self._database.rows("SELECT number, state FROM clips")
            if len(rows) != stated:
                raise damaged(f"{self._database.what} has {len(rows)} clip rows where there must be {stated}")
            named = {self._path(number).name for number, state in rows if state != ClipState.DISCARDED.value}
            self._folder.mkdir(exist_ok=True)
            garbage = [path for path in self._folder.iterdir() if path.name not in named]
            for path in garbage:
                remove(path)
            return len(garbage)

    def _path(self, clip: int) -> Path:
        return self._folder / f"{clip:06}"

    def _put(self, info: TakeInfo, frames: Sequence[_Frame], cameras: Sequence[Camera]) -> None:
        number = info.number
        _check_clip(number, frames, cameras)
        size = cameras[0].intrinsics
        info = replace(info, frames=len(frames), width=size.width, height=size.height, created_secs=time.time())
        body = _sealed(info)
        rows: list[tuple[int, int, bytes]] = []
        with self._writing:
            self._check_free(number)
            # when this fails half way the folder stays: no row names it, so the next attempt or the next open removes it
            with translated(self._database.what):
                files = _frame_files(number, frames, cameras, rows)
                publish_folder(self._folder / f".new-{number:06}", self._path(number), files)
            with self._database.transaction() as connection:
                connection.execute("INSERT INTO clips VALUES (?, ?, 'pending', ?)", (number, info.kind.value, body))
                connection.executemany("INSERT INTO frames VALUES (?, ?, ?)", rows)
                count = self._database.session_row()["clips"] + 1
                self._database.touch_session_row(connection, clips=count)

    def _check_free(self, number: int) -> None:
        if self._database.row("SELECT 1 FROM clips WHERE number = ?", (number,)) is not None:
            raise ConflictError(f"there already is a clip {number}", f"use {self.next_number()}")

    def _with_frames(self, number: int, kind: ClipKind) -> TakeInfo:
        info = self.take_info(number)
        if info.kind is not kind:
            raise NotFoundError(f"clip {number} is a {info.kind.value}, not a {kind.value}", "ask for another number")
        if info.state is ClipState.DISCARDED:
            raise NotFoundError(f"{kind.value} {number} was discarded, its frames are gone", "generate it again")
        return info

    def _info(self, row: tuple[Any, ...]) -> TakeInfo:
        number, kind, state, body = row
        what = f"{self._database.what}: clip {number}"
        with parsed(what):
            stated, frames, width, height, created_secs, base, prompt, seed, generator, fps, notes, *more = unseal(body, what)
            if stated != number:
                raise ValueError(f"it says that it is clip {stated}")
            return TakeInfo(
                number,
                ClipKind(kind),
                ClipState(state),
                frames,
                width,
                height,
                base,
                prompt,
                seed,
                generator,
                fps,
                created_secs,
                notes,
                similarity_from_plain(more[0]) if more else Similarity(),  # clips of the first builds state none
            )

    def _frame_row(self, clip: int, number: int) -> list[Any]:
        """[number within the clip as its maker counts, camera, time_secs, SHA-256 of the PNG, SHA-256 of the planes]."""
        row = self._database.row("SELECT body FROM frames WHERE clip = ? AND number = ?", (clip, number))
        if row is None:
            info = self.take_info(clip)
            self._with_frames(clip, info.kind)
            if not 0 <= number < info.frames:
                raise NotFoundError(f"clip {clip} has no frame {number}", f"it has {info.frames} frames")
            raise damaged(f"{self._database.what}: clip {clip} has lost frame {number}")
        what = f"{self._database.what}: frame {number} of clip {clip}"
        with parsed(what):
            frame: list[Any]
            stated_clip, place, *frame = unseal(row[0], what)
            if (stated_clip, place) != (clip, number) or len(frame) != 5:
                raise ValueError(f"it says that it is frame {place} of clip {stated_clip}")
            return frame

    def _read_frame(self, clip: int, number: int) -> tuple[Camera, int, float, npt.NDArray[np.uint8], dict[str, Any]]:
        own_number, plain, time_secs, png_hash, planes_hash = self._frame_row(clip, number)
        path = self._path(clip) / f"{number:04}"
        png = self._read_file(clip, path.with_suffix(".png"), png_hash)
        packed = self._read_file(clip, path.with_suffix(".planes"), planes_hash)
        with parsed(f"frame file {path}"):
            camera = camera_from_plain(plain)
            size = (camera.intrinsics.width, camera.intrinsics.height)
            planes = {name: _DECODE_PLANE[name](data, *size) for name, data in msgpack.unpackb(packed).items()}
            return camera, own_number, time_secs, decode_colour(png), planes

    def _read_file(self, clip: int, path: Path, sha256: bytes) -> bytes:
        try:
            return read_checked(path, sha256)
        except StoreError:
            self._with_frames(clip, self.take_info(clip).kind)  # discarded by another thread: that is the error to tell
            raise

    def _load_generated(self, clip: int, number: int) -> tuple[Camera, GeneratedFrame]:
        camera, own_number, _, colour, planes = self._read_frame(clip, number)
        planes.pop("object_ids", None)
        return camera, GeneratedFrame(own_number, colour, **planes)


def _sealed(info: TakeInfo) -> bytes:
    """What a clip's row says besides number, kind and state; `ClipShelf._info` reads it."""
    return seal(
        [
            info.number,
            info.frames,
            info.width,
            info.height,
            info.created_secs,
            info.base_revision,
            info.prompt,
            info.seed,
            info.generator,
            float(info.fps),
            plain_numbers(info.notes),
            plain_similarity(info.alignment),
        ]
    )


def accept_clip_of(connection: sqlite3.Connection, revision: Revision) -> None:
    """Within the transaction of a revision that a take or a seed made: the clip is accepted.

    Raises:
        NotFoundError, ConflictError: a take's revision names a clip that is not stored, or that was discarded.
    """
    if not revision.clip or revision.cause not in (Cause.TAKE, Cause.SEED):
        return
    stored = connection.execute("SELECT 1 FROM clips WHERE number = ?", (revision.clip,)).fetchone()
    if stored or revision.cause is Cause.TAKE:  # a scene may be seeded by a point cloud, with no frames to keep
        _decide(connection, revision.clip, ClipState.ACCEPTED)


def _decide(connection: sqlite3.Connection, number: int, state: ClipState) -> None:
    row = connection.execute("SELECT state FROM clips WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no clip {number}", "put the take into the store first")
    if row[0] not in (ClipState.PENDING.value, state.value):
        raise ConflictError(f"clip {number} is already {row[0]}", "a clip is decided once; undo the revision that it made")
    connection.execute("UPDATE clips SET state = ? WHERE number = ?", (state.value, number))


def _check_clip(number: int, frames: Sequence[_Frame], cameras: Sequence[Camera]) -> None:
    if not 1 <= number <= MAX_CLIP_NUMBER:
        raise InvalidInputError(f"clip number is {number}", f"use 1 to {MAX_CLIP_NUMBER}")
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise InvalidInputError(f"clip {number} has {len(frames)} frames", f"use 1 to {MAX_FRAMES}")
    for i, (frame, camera) in enumerate(zip(frames, cameras, strict=True)):
        shape = (camera.intrinsics.height, camera.intrinsics.width)
        images = (frame.colour, frame.depth_m, frame.dynamic, frame.confidence)
        for image in images:
            if image is not None and image.shape[:2] != shape:
                raise InvalidInputError(f"frame {i} is {image.shape}, its camera {shape}", "resize one of them")


def _frame_files(
    clip: int, frames: Sequence[_Frame], cameras: Sequence[Camera], rows: list[tuple[int, int, bytes]]
) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every file, encoded as it is asked for; the rows that name them are appended on the way."""
    for i, (frame, camera) in enumerate(zip(frames, cameras, strict=True)):
        png, planes = encode_png(frame.colour), msgpack.packb(_encode_planes(frame))
        own_number = frame.number if isinstance(frame, GeneratedFrame) else i
        time_secs = frame.time_secs if isinstance(frame, RgbdFrame) else 0.0
        hashes = [hashlib.sha256(data).digest() for data in (png, planes)]
        rows.append((clip, i, seal([clip, i, own_number, plain_camera(camera), float(time_secs), *hashes])))
        yield f"{i:04}.png", png
        yield f"{i:04}.planes", planes


def _encode_planes(frame: _Frame) -> dict[str, bytes]:
    planes = {}
    if frame.depth_m is not None:
        planes["depth_m"] = encode_depth(frame.depth_m)
    if frame.dynamic is not None:
        planes["dynamic"] = encode_mask(frame.dynamic)
    if frame.confidence is not None:
        planes["confidence"] = _encode_confidence(frame.confidence)
    if isinstance(frame, RgbdFrame) and frame.object_ids is not None:
        planes["object_ids"] = encode_u16(frame.object_ids)
    return planes


def _encode_confidence(confidence: npt.NDArray[np.float32]) -> bytes:
    steps = np.rint(np.clip(np.nan_to_num(confidence, nan=0.0), 0, 1) * np.float32(255))
    return encode_u8(steps.astype(np.uint8))


def _decode_confidence(data: bytes, width: int, height: int) -> npt.NDArray[np.float32]:
    return np.asarray(decode_u8(data, width, height) / np.float32(255), np.float32)


_DECODE_PLANE: dict[str, Callable[[bytes, int, int], Any]] = {
    "depth_m": decode_depth,
    "dynamic": decode_mask,
    "confidence": _decode_confidence,
    "object_ids": decode_u16,
}
