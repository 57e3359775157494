"""Every body that a client can send: plausible ones, and the same with something made strange. Seeded; all fit the wire."""

import dataclasses
import math
import random
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from spatia_bridge.client.views import view_of
from spatia_bridge.codec.images import encode_jpeg
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.edits import insert_message
from spatia_bridge.memory import Box, Sphere
from spatia_bridge.wire.convert import plan_of
from tests.worlds import camera, look

FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e-320, 1e-9, 1e6, 1e18, 1e308, math.nan, math.inf, -math.inf)
WHOLE = (0, 1, 2, 3, 7, 64, 255, 1000, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63, 2**64 - 1)
TEXTS = ("", "s", "painter", "ghost", "x" * 300, "y" * 20_000, "\0", "größer ✓", "../s", "saved")
VIEW = look(camera(size=(24, 16)))
BITS = {13: 32, 4: 64, 17: 31, 5: 31}  # descriptor types uint32, uint64, sint32, int32 → bits

Make = Callable[[random.Random, Convention], Any]


def any_body(rng: random.Random, convention: Convention, strange: float = 0.4) -> Any:
    """A body of any kind but hello; with this probability something in it is strange."""
    body = rng.choice(MAKERS)(rng, convention)
    while rng.random() < strange:
        body = made_strange(rng, body)
    return body


def made_strange(rng: random.Random, message: Any) -> Any:
    """The message with one of its fields, at any depth, replaced by a value at the edge of what the field can hold."""
    if not dataclasses.is_dataclass(message):
        return message
    hints = typing.get_type_hints(type(message))
    names = [field.name for field in dataclasses.fields(message)]
    if not names:
        return message
    name = rng.choice(names)
    value = getattr(message, name)
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        at = rng.randrange(len(value))
        changed = rng.choice([(), value[:at] + value[at + 1 :], value[:at] + (made_strange(rng, value[at]),) + value[at + 1 :]])
    elif dataclasses.is_dataclass(value) and rng.random() < 0.85:
        changed = made_strange(rng, value)
    else:
        descriptor = plan_of(type(message)).proto.DESCRIPTOR.fields_by_name.get(name)
        changed = _edge(rng, hints[name], value, descriptor)
    if isinstance(message, msg.Edit) and changed is not None:  # a oneof
        return msg.Edit(**{name: changed})
    return dataclasses.replace(message, **{name: changed})


def _edge(rng: random.Random, hint: Any, value: Any, descriptor: Any) -> Any:
    options = typing.get_args(hint)
    if type(None) in options and rng.random() < 0.5:
        return None
    plain = next((each for each in options if each is not type(None)), hint)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return rng.choice(list(plain))
    if plain is bool:
        return not value
    if plain is float:
        return rng.choice(FLOATS)
    if plain is int:
        return rng.choice([number for number in WHOLE if number < 1 << BITS[descriptor.type]])
    if plain is str:
        return rng.choice(TEXTS)
    if plain is bytes:
        data = bytes(value or b"")
        return rng.choice([b"", data[: len(data) // 2], data + b"\0", rng.randbytes(len(data)), rng.randbytes(33)])
    return value


def _camera(rng: random.Random, convention: Convention) -> msg.Camera:
    view = camera(eye=(rng.uniform(-1, 1), -0.5, rng.uniform(-3, -2)), size=(24, 16))
    return axes.client_camera(view, convention, rng.uniform(0, 2))


def _region(rng: random.Random, convention: Convention) -> msg.Region:
    centre = np.array([rng.uniform(-3, 3), rng.uniform(-2, 1), rng.uniform(-4, 4)])
    if rng.random() < 0.5:
        return axes.client_region(Sphere(centre, rng.uniform(0.05, 1)), convention)
    pose = se3.look_at(centre, centre + [rng.uniform(-1, 1), 0.1, 1])
    return axes.client_region(Box(pose, np.array([0.3, 0.5, rng.uniform(0.1, 2)])), convention)


def _seed(rng: random.Random, convention: Convention) -> msg.Seed:
    view = view_of(VIEW, convention)
    if rng.random() < 0.3:
        jpeg = msg.Image(msg.ImageFormat.JPEG, 24, 16, encode_jpeg(VIEW.colour, 90))
        view = dataclasses.replace(view, colour=jpeg)
    return msg.Seed(view, rng.random() < 0.3)


def _generate(rng: random.Random, convention: Convention) -> msg.Generate:
    path = tuple(
        axes.client_camera(camera(eye=(x / 10, -0.5, -3), size=(24, 16)), convention, x / 4) for x in range(rng.randint(1, 5))
    )
    trajectory = None if rng.random() < 0.3 else msg.Trajectory(path)
    size = rng.choice([(0, 0), (24, 16)])
    return msg.Generate(
        "a hall", rng.randrange(9), rng.choice(["", "painter"]), trajectory, rng.choice([1, 2]), rng.random() < 0.5, *size
    )


def _edit(rng: random.Random, convention: Convention) -> msg.Edit:
    region = _region(rng, convention)
    motion = axes.client_motion(se3.from_parts(np.eye(3), [rng.uniform(-1, 1), 0, 0.2]), convention)
    points = np.array([[rng.uniform(-1, 1), 0, rng.uniform(-1, 1)] for _ in range(4)])
    return rng.choice(
        [
            msg.Edit(remove=region),
            msg.Edit(lock=region),
            msg.Edit(unlock=rng.randrange(3)),
            msg.Edit(move=msg.Move(region, motion, rng.random() < 0.5)),
            msg.Edit(recolour=msg.Recolour(region, rng.randrange(1 << 24), rng.random())),
            msg.Edit(insert=insert_message(points, np.full((4, 3), 9), rng.uniform(0.02, 0.2), convention)),
            msg.Edit(realign=msg.Realign(rng.choice([0.5, 2.0, 0.99]))),
            msg.Edit(realign=msg.Realign(down=axes.client_direction((0.1, 1, rng.uniform(-0.2, 0.2)), convention))),
            msg.Edit(realign=msg.Realign(ruler=msg.Ruler(msg.Vector3(), msg.Vector3(1, 0, 0), rng.uniform(0.5, 1.5)))),
        ]
    )


MAKERS: list[Make] = [
    lambda rng, c: msg.PoseUpdate(_camera(rng, c)),
    lambda rng, c: msg.Record(rng.random() < 0.6),
    _seed,
    _generate,
    lambda rng, c: msg.Cancel(rng.randrange(4)),
    lambda rng, c: msg.Accept(rng.randrange(5)),
    lambda rng, c: msg.Discard(rng.randrange(5)),
    _edit,
    _edit,
    lambda rng, c: msg.Undo(),
    lambda rng, c: msg.Redo(),
    lambda rng, c: msg.Credit(rng.choice([0, 100, 100_000])),
    lambda rng, c: msg.LiveView(rng.random() < 0.6, 24, 16, rng.choice([0.0, 5.0, 60.0]), rng.random() < 0.5),
    lambda rng, c: msg.FetchFrames(rng.randrange(5), rng.randrange(3), rng.randrange(4), rng.random() < 0.5),
    lambda rng, c: msg.Ping(rng.randrange(9)),
    lambda rng, c: msg.Fragment(1, 0, rng.randrange(3), b"abc"),
    lambda rng, c: None,
]
