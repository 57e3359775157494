"""A level's geometry: walls seen from above, and a floor and a ceiling height for every sector.

Map units and map axes here (x east, y north, z up, angles counter-clockwise from east, 32 units to a metre); only `pose.py`
knows how they become the world of this package.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.samples.freedoom.wad import read_map_lumps

_LINEDEF = np.dtype([("v1", "<u2"), ("v2", "<u2"), ("flags", "<u2"), ("special", "<u2"), ("tag", "<u2"),
                     ("front", "<u2"), ("back", "<u2")])  # fmt: skip
_SIDEDEF = np.dtype([("dx", "<i2"), ("dy", "<i2"), ("upper", "S8"), ("lower", "S8"), ("middle", "S8"), ("sector", "<u2")])
_SECTOR = np.dtype([("floor", "<i2"), ("ceiling", "<i2"), ("floor_flat", "S8"), ("ceiling_flat", "S8"),
                    ("light", "<i2"), ("special", "<i2"), ("tag", "<i2")])  # fmt: skip
_THING = np.dtype([("x", "<i2"), ("y", "<i2"), ("angle", "<i2"), ("kind", "<i2"), ("flags", "<i2")])
_NO_SIDE = 0xFFFF
_IMPASSABLE = 1
_SKY_FLAT = b"F_SKY1"
_EVERY_SKILL = 7
_PLAYER_START = 1
PLAYER_HEIGHT = 56.0


@dataclass(frozen=True, eq=False)
class Level:
    """What a ray needs to know, for L lines and S sectors, in map units.

    Attributes:
        lines: float64 (L, 4), x1 y1 x2 y2; the front side lies to the right of the way from 1 to 2.
        front, back: int32 (L,), the sector on each side; back is -1 for a solid wall.
        masked: bool (L,), two-sided lines that carry a see-through texture (bars, fences).
        impassable: bool (L,), lines that stop a player although one sees past them.
        floor, ceiling: float64 (S,), heights.
        floor_sky, ceiling_sky: bool (S,), where the plane is the sky and has no depth.
    """

    lines: npt.NDArray[np.float64]
    front: npt.NDArray[np.int32]
    back: npt.NDArray[np.int32]
    masked: npt.NDArray[np.bool_]
    impassable: npt.NDArray[np.bool_]
    floor: npt.NDArray[np.float64]
    ceiling: npt.NDArray[np.float64]
    floor_sky: npt.NDArray[np.bool_]
    ceiling_sky: npt.NDArray[np.bool_]

    def with_heights(self, floor: npt.ArrayLike, ceiling: npt.ArrayLike) -> "Level":
        """The same level with doors and lifts where they are now; both (S,) in sector order."""
        floors, ceilings = np.asarray(floor, np.float64), np.asarray(ceiling, np.float64)
        if floors.shape != self.floor.shape or ceilings.shape != self.floor.shape:
            raise InvalidInputError(
                f"heights of shape {floors.shape} and {ceilings.shape} for {self.floor.shape[0]} sectors",
                "give one floor and one ceiling a sector",
            )
        return replace(self, floor=floors, ceiling=ceilings)


def read_level(path: Path, map_name: str) -> Level:
    """The geometry of one map of a WAD in Doom's format, at the heights that the file states."""
    return parse_level(read_map_lumps(path, map_name))


def parse_level(lumps: dict[str, bytes]) -> Level:
    """As `read_level`, from the map's lumps."""
    vertices = _records(lumps, "VERTEXES", np.dtype(("<i2", 2))).astype(np.float64)
    lines = _records(lumps, "LINEDEFS", _LINEDEF)
    sides = _records(lumps, "SIDEDEFS", _SIDEDEF)
    sectors = _records(lumps, "SECTORS", _SECTOR)
    two_sided = lines["back"] != _NO_SIDE
    ends = np.concatenate([lines["v1"], lines["v2"]])
    used_sides = np.concatenate([lines["front"], lines["back"][two_sided]])
    if (
        (len(lines) and ends.max() >= len(vertices))
        or (len(used_sides) and used_sides.max() >= len(sides))
        or (len(sides) and sides["sector"].max() >= len(sectors))
    ):
        raise InvalidInputError("the level refers to a vertex, side or sector it does not have", "use an intact WAD")
    sector_of = sides["sector"].astype(np.int32)
    back_side = np.where(two_sided, lines["back"], 0)
    has_middle = sides["middle"] != b"-"
    return Level(
        lines=np.hstack([vertices[lines["v1"]], vertices[lines["v2"]]]),
        front=sector_of[lines["front"]],
        back=np.where(two_sided, sector_of[back_side], -1).astype(np.int32),
        masked=two_sided & (has_middle[lines["front"]] | has_middle[back_side]),
        impassable=(lines["flags"] & _IMPASSABLE) != 0,
        floor=sectors["floor"].astype(np.float64),
        ceiling=sectors["ceiling"].astype(np.float64),
        floor_sky=sectors["floor_flat"] == _SKY_FLAT,
        ceiling_sky=sectors["ceiling_flat"] == _SKY_FLAT,
    )


def without_things(lumps: dict[str, bytes], kinds: Sequence[int]) -> dict[str, bytes]:
    """The map's lumps with all things of these kinds (Doom's editor numbers) taken out."""
    things = _records(lumps, "THINGS", _THING)
    return {**lumps, "THINGS": things[~np.isin(things["kind"], kinds)].tobytes()}


def only_things(lumps: dict[str, bytes], kinds: Sequence[int]) -> dict[str, bytes]:
    """The map's lumps with the things of these kinds and no others."""
    things = _records(lumps, "THINGS", _THING)
    return {**lumps, "THINGS": things[np.isin(things["kind"], kinds)].tobytes()}


def with_things(lumps: dict[str, bytes], things: npt.ArrayLike) -> dict[str, bytes]:
    """The map's lumps with more things, rows (N, 4) of x, y, angle in degrees, kind; there on every difficulty."""
    rows = np.asarray(things, np.int64).reshape(-1, 4)
    added = np.zeros(len(rows), _THING)
    for column, name in enumerate(("x", "y", "angle", "kind")):
        added[name] = rows[:, column]
    added["flags"] = _EVERY_SKILL
    return {**lumps, "THINGS": lumps["THINGS"] + added.tobytes()}


def with_open_doors(lumps: dict[str, bytes]) -> dict[str, bytes]:
    """The map's lumps with every sector too low for a player opened: up to 4 units below the lowest ceiling beside it."""
    level = parse_level(lumps)
    sectors = _records(lumps, "SECTORS", _SECTOR).copy()
    two = level.back >= 0
    for sector in np.flatnonzero(level.ceiling - level.floor < PLAYER_HEIGHT):
        sides = np.concatenate([level.back[two & (level.front == sector)], level.front[two & (level.back == sector)]])
        if len(sides):
            sectors["ceiling"][sector] = max(level.ceiling[sides].min() - 4, level.ceiling[sector])
    return {**lumps, "SECTORS": sectors.tobytes()}


def player_start(lumps: dict[str, bytes]) -> tuple[float, float]:
    """Where the first player starts, map units.

    Raises:
        InvalidInputError: the map has no start.
    """
    things = _records(lumps, "THINGS", _THING)
    starts = things[things["kind"] == _PLAYER_START]
    if not len(starts):
        raise InvalidInputError("the level has no start for the player", "use a complete map")
    return float(starts[0]["x"]), float(starts[0]["y"])


def thing_places(lumps: dict[str, bytes]) -> npt.NDArray[np.float64]:
    """Where the map's things stand, (N, 2), map units: wherever its designer wanted a player to come by."""
    things = _records(lumps, "THINGS", _THING)
    return np.stack([things["x"], things["y"]], axis=1).astype(np.float64)


def _records(lumps: dict[str, bytes], name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    data = lumps[name]
    if len(data) % dtype.itemsize:
        raise InvalidInputError(f"{name} is {len(data)} bytes, not whole records of {dtype.itemsize}", "use an intact WAD")
    return np.frombuffer(data, dtype)
