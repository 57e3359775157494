"""An `Edit` message in a client's axes and units ↔ the edit of memory. Every size is checked before anything is made of it."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.geometry.similarity import Similarity
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.memory.edits import (
    MAX_INSERTED,
    Edit,
    InsertPoints,
    LockRegion,
    MoveRegion,
    Realign,
    RecolourRegion,
    RemoveRegion,
    UnlockRegion,
)

MAX_RGB = 0xFFFFFF
MIN_RULER_M = 1e-6


def edit_of(body: msg.Edit, convention: Convention) -> Edit:
    """The edit that a client asks for.

    Raises:
        InvalidInputError: something is missing, not finite, not rigid or absurd; CodecError: packed points of another length.
        LimitExceededError: too many points.
    """
    if body.remove is not None:
        return RemoveRegion(axes.world_region(body.remove, convention))
    if body.lock is not None:
        return LockRegion(axes.world_region(body.lock, convention))
    if body.unlock is not None:
        return UnlockRegion(body.unlock)
    if body.move is not None:
        region, motion = axes.world_region(body.move.region, convention), axes.world_motion(body.move.motion, convention)
        return MoveRegion(region, motion, body.move.copy)
    if body.recolour is not None:
        return _recolour(body.recolour, convention)
    if body.insert is not None:
        return _insert(body.insert, convention)
    if body.realign is not None:
        return _realign(body.realign, convention)
    raise InvalidInputError("the edit says nothing", "send remove, lock, unlock, move, recolour, insert or realign")


def insert_message(
    points_world: npt.ArrayLike, rgb: npt.ArrayLike, diameter_m: npt.ArrayLike, convention: Convention
) -> msg.Insert:
    """The message that inserts world points (N, 3) metres with colours (N, 3) and diameters, one or (N,) metres."""
    positions = convention.points_from_world(points_world).astype("<f4")
    diameters = np.atleast_1d(np.asarray(diameter_m, np.float64) * convention.units_per_metre).astype("<f4")
    colours = np.asarray(rgb, np.uint8)
    return msg.Insert(len(positions), positions.tobytes(), colours.tobytes(), diameters.tobytes())


def _recolour(body: msg.Recolour, convention: Convention) -> RecolourRegion:
    if body.rgb > MAX_RGB:
        raise InvalidInputError(f"the colour is {body.rgb:#x}", "send 0xRRGGBB")
    rgb = (body.rgb >> 16, body.rgb >> 8 & 255, body.rgb & 255)
    return RecolourRegion(axes.world_region(body.region, convention), rgb, body.strength or 1.0)


def _insert(body: msg.Insert, convention: Convention) -> InsertPoints:
    count = body.count
    if count > MAX_INSERTED:
        raise LimitExceededError(f"{count} points are to be inserted", f"send at most {MAX_INSERTED} at a time")
    if not count:
        raise InvalidInputError("no point is to be inserted", "send one or more")
    for name, data, lengths in (
        ("positions", body.positions, (12 * count,)),
        ("colours", body.rgb, (3 * count,)),
        ("diameters", body.diameters, (4 * count, 4)),
    ):
        if len(data) not in lengths:
            raise CodecError(f"{name} of {count} points have {len(data)} bytes", f"send {lengths[0]} bytes")
    positions = np.frombuffer(body.positions, "<f4").reshape(count, 3)
    diameters = np.frombuffer(body.diameters, "<f4")
    if not (np.isfinite(positions).all() and np.isfinite(diameters).all()):
        raise InvalidInputError("inserted points are not finite", "leave out points with NaN or infinite numbers")
    rgb = np.frombuffer(body.rgb, np.uint8).reshape(count, 3)
    diameter_m = np.broadcast_to(diameters.astype(np.float64) / convention.units_per_metre, (count,))
    return InsertPoints(convention.world_from_points(positions), rgb, diameter_m)


def _realign(body: msg.Realign, convention: Convention) -> Realign:
    if body.down is None and body.ruler is None and not body.scale:
        raise InvalidInputError("the realignment says nothing", "send a scale or a ruler, a down direction, or both")
    if body.ruler is not None and body.scale:
        raise InvalidInputError("the realignment has a scale and a ruler", "send one of them")
    scale = _measured(body.ruler, convention) if body.ruler is not None else body.scale or 1.0
    change = Similarity() if body.down is None else Similarity.upright(axes.world_direction(body.down, convention, "down"))
    return Realign(Similarity(scale, change.rotation))


def _measured(ruler: msg.Ruler, convention: Convention) -> float:
    """What makes the distance between the ruler's ends its metres."""
    ends = [axes.world_point(end, convention, "an end of the ruler") for end in (ruler.start, ruler.end)]
    distance_m = float(np.linalg.norm(ends[0] - ends[1]))
    if not (np.isfinite(ruler.metres) and ruler.metres > 0) or distance_m < MIN_RULER_M:
        raise InvalidInputError(
            f"{distance_m} m are to be {ruler.metres} m", "give two points that lie apart, and how many metres that is"
        )
    return ruler.metres / distance_m
