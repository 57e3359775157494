"""Camera paths that a session keeps under names."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatia_bridge.errors import InvalidInputError, LimitExceededError, NotFoundError
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.geometry.trajectory import Trajectory
from spatia_bridge.store.database import Database, seal, unseal
from spatia_bridge.store.faults import parsed
from spatia_bridge.store.values import plain_similarity, similarity_from_plain

MAX_TRAJECTORIES = 256  # a session
MAX_NAME_LETTERS = 100


@dataclass(frozen=True)
class TrajectoryInfo:
    """A saved path without its poses; saved_secs is Unix time."""

    name: str
    poses: int
    duration_secs: float
    saved_secs: float


class TrajectoryShelf:
    """The saved paths of one session. Safe across threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, trajectory: Trajectory, alignment: Similarity) -> TrajectoryInfo:
        """Keep a path, in place of one of that name. All its cameras get the first one's intrinsics.

        Args:
            alignment: `now_from_first` of the scene that it is a path through.
        Raises:
            InvalidInputError: not a name of 1 to 100 letters. LimitExceededError: there are 256 others. StoreError: disk full.
        """
        if not 1 <= len(name) <= MAX_NAME_LETTERS or not name.isprintable():
            raise InvalidInputError(f"the trajectory's name is {name[:80]!r}", f"use 1 to {MAX_NAME_LETTERS} letters")
        info = TrajectoryInfo(name, len(trajectory.times_secs), trajectory.duration_secs, time.time())
        body = seal([name, *_plain(trajectory), plain_similarity(alignment)])
        with self._database.transaction() as connection:
            others = connection.execute("SELECT COUNT(*) FROM trajectories WHERE name != ?", (name,)).fetchone()[0]
            if others >= MAX_TRAJECTORIES:
                raise LimitExceededError(f"this session keeps {MAX_TRAJECTORIES} trajectories", "delete one first")
            row = (name, seal([info.name, info.poses, info.duration_secs, info.saved_secs]), body)
            connection.execute("INSERT OR REPLACE INTO trajectories VALUES (?, ?, ?)", row)
            self._database.touch_session_row(connection)
        return info

    def infos(self) -> list[TrajectoryInfo]:
        """All of them, by name."""
        rows = self._database.rows("SELECT name, info FROM trajectories ORDER BY name")
        return [self._info(name, body) for name, body in rows]

    def load(self, name: str) -> tuple[TrajectoryInfo, Trajectory, Similarity]:
        """What it is, the path, and the alignment of the scene that it is a path through.

        Raises:
            NotFoundError: there is none of that name. StoreError: it is damaged.
        """
        row = self._database.row("SELECT info, poses FROM trajectories WHERE name = ?", (name,))
        if row is None:
            raise NotFoundError(f"there is no trajectory {name[:80]!r}", "ask for one that the session lists, or save it first")
        info, what = self._info(name, row[0]), self._what(name)
        with parsed(what):
            stated, *plain, alignment = unseal(row[1], what)
            if stated != name:
                raise ValueError(f"it says that it is {stated!r}")
            return info, _from_plain(plain), similarity_from_plain(alignment)

    def delete(self, name: str) -> None:
        """Raises NotFoundError: there is none of that name."""
        with self._database.transaction() as connection:
            if not connection.execute("DELETE FROM trajectories WHERE name = ?", (name,)).rowcount:
                raise NotFoundError(f"there is no trajectory {name[:80]!r}", "ask for one that the session lists")
            self._database.touch_session_row(connection)

    def copy_to(self, other: "TrajectoryShelf") -> None:
        """Give all of them to another session's shelf, which has none."""
        rows = self._database.rows("SELECT name, info, poses FROM trajectories")
        with other._database.transaction() as connection:
            connection.executemany("INSERT INTO trajectories VALUES (?, ?, ?)", rows)

    def _what(self, name: str) -> str:
        return f"{self._database.what}: trajectory {name!r}"

    def _info(self, name: str, body: bytes) -> TrajectoryInfo:
        with parsed(self._what(name)):
            stated, poses, duration_secs, saved_secs = unseal(body, self._what(name))
            if stated != name:
                raise ValueError(f"it says that it is {stated!r}")
            return TrajectoryInfo(name, poses, duration_secs, saved_secs)


def _plain(trajectory: Trajectory) -> list[Any]:
    """[fx, fy, cx, cy, width, height], times and the poses' 3×4 as little-endian float64."""
    k = trajectory.cameras[0].intrinsics
    poses = np.array([camera.world_from_camera[:3] for camera in trajectory.cameras], "<f8")
    numbers = [float(k.fx), float(k.fy), float(k.cx), float(k.cy), int(k.width), int(k.height)]
    return [numbers, np.array(trajectory.times_secs, "<f8").tobytes(), poses.tobytes()]


def _from_plain(plain: list[Any]) -> Trajectory:
    (fx, fy, cx, cy, width, height), times, poses = plain
    intrinsics = Intrinsics(fx, fy, cx, cy, width, height)
    matrices = np.frombuffer(poses, "<f8").reshape(-1, 3, 4)
    return Trajectory(tuple(Camera(intrinsics, pose) for pose in matrices), tuple(np.frombuffer(times, "<f8").tolist()))
