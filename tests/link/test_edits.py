"""Edits in every engine's axes and units → edits of the world; everything that can be wrong with them."""

import math

import numpy as np
import pytest

from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.edits import edit_of, insert_message
from spatia_bridge.link.events import RevisionMade
from spatia_bridge.link.requests import command_of
from spatia_bridge.memory import Box, ChunkIndex, InsertPoints, Memory, MoveRegion, Realign, RecolourRegion, Sphere
from spatia_bridge.wire.convert import parser, serialise
from tests.link.scenes import chunk, commit, event_of, fed, hello, opened, pull, same

OPENCV = Engine.OPENCV.convention
NAN, INF = math.nan, math.inf
BOX = Box(se3.look_at((1, -2, 3), (2, 0.5, 7)), np.array([1.0, 2.0, 3.0]))
MOTION = se3.look_at((0.5, -0.2, 1.0), (-2, 0.1, 4))


def sent(edit, convention):
    """Through protobuf and the link's translation, as from a client."""
    body = parser(msg.ClientMessage)(serialise(msg.ClientMessage(5, edit))).body
    return command_of(5, body, convention).edit


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("copy", [False, True])
def test_a_move_arrives_in_the_world(engine, copy):
    convention = engine.convention
    move = msg.Move(axes.client_region(BOX, convention), axes.client_motion(MOTION, convention), copy)
    edit = sent(msg.Edit(move=move), convention)
    assert isinstance(edit, MoveRegion) and edit.copy is copy
    np.testing.assert_allclose(edit.to_from_here, MOTION, atol=1e-9)
    np.testing.assert_allclose(edit.region.world_from_box, BOX.world_from_box, atol=1e-9)


@pytest.mark.parametrize("engine", Engine)
def test_points_arrive_in_metres(engine):
    convention = engine.convention
    points = np.random.default_rng(3).uniform(-3, 3, (50, 3))
    colours = np.arange(150, dtype=np.uint8).reshape(50, 3)
    for diameter in (0.05, np.linspace(0.01, 0.5, 50)):
        edit = sent(msg.Edit(insert=insert_message(points, colours, diameter, convention)), convention)
        assert isinstance(edit, InsertPoints)
        np.testing.assert_allclose(edit.points_world, points, atol=1e-6)
        np.testing.assert_allclose(edit.diameter_m, np.broadcast_to(diameter, 50), rtol=1e-6)
        np.testing.assert_array_equal(edit.rgb, colours)


@pytest.mark.parametrize("engine", Engine)
def test_a_realignment_knows_down_and_metres(engine):
    convention = engine.convention
    down = np.array([0.2, 0.9, -0.3])
    edit = sent(msg.Edit(realign=msg.Realign(down=axes.client_direction(down, convention))), convention)
    assert isinstance(edit, Realign) and edit.now_from_before.scale == 1
    np.testing.assert_allclose(edit.now_from_before.points(down / np.linalg.norm(down)), [0, 1, 0], atol=1e-9)
    door = (np.array([0.0, 0.0, 2.0]), np.array([0.0, -0.7, 2.0]))  # 0.7 m as the scene stands, 2.1 m in truth
    ruler = msg.Ruler(*(axes.client_point(end, convention) for end in door), 2.1)
    edit = sent(msg.Edit(realign=msg.Realign(ruler=ruler)), convention)
    assert edit.now_from_before.scale == pytest.approx(3) and not edit.now_from_before.turns
    both = sent(msg.Edit(realign=msg.Realign(0.5, axes.client_direction(down, convention))), convention).now_from_before
    assert both.scale == 0.5 and both.turns


def test_a_colour_is_read_as_rrggbb():
    region = axes.client_region(Sphere(np.zeros(3), 1.0), OPENCV)
    edit = sent(msg.Edit(recolour=msg.Recolour(region, 0x0A14FF, 0.25)), OPENCV)
    assert isinstance(edit, RecolourRegion) and (edit.rgb, edit.strength) == ((10, 20, 255), 0.25)
    assert sent(msg.Edit(recolour=msg.Recolour(region, 0xFF)), OPENCV).strength == 1


REGION = axes.client_region(BOX, OPENCV)
POSE = axes.client_motion(MOTION, OPENCV)
ONE = msg.Vector3(1, 1, 1)


DIAMETER = np.float32(0.1).tobytes()


def insert(count=2, positions=None, rgb=b"abcdef", diameters=DIAMETER):
    return msg.Edit(insert=msg.Insert(count, bytes(24) if positions is None else positions, rgb, diameters))


def floats(*values):
    return np.array(values, "<f4").tobytes()


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (msg.Edit(move=msg.Move()), InvalidInputError),
        (msg.Edit(move=msg.Move(REGION)), InvalidInputError),
        (msg.Edit(move=msg.Move(None, POSE)), InvalidInputError),
        (msg.Edit(move=msg.Move(REGION, msg.Pose(ONE, msg.Quaternion()))), InvalidInputError),
        (msg.Edit(move=msg.Move(REGION, msg.Pose(msg.Vector3(NAN, 0, 0), msg.Quaternion(w=1)))), InvalidInputError),
        (msg.Edit(move=msg.Move(REGION, msg.Pose(msg.Vector3(1e30, 0, 0), msg.Quaternion(w=1)))), InvalidInputError),
        (msg.Edit(remove=msg.Region(msg.Sphere(msg.Vector3(INF, 0, 0), 1))), InvalidInputError),
        (msg.Edit(remove=msg.Region(msg.Box(POSE, msg.Vector3(INF, 1, 1)))), InvalidInputError),
        (msg.Edit(recolour=msg.Recolour()), InvalidInputError),
        (msg.Edit(recolour=msg.Recolour(REGION, 1 << 24)), InvalidInputError),
        (msg.Edit(recolour=msg.Recolour(REGION, 0, 1.5)), InvalidInputError),
        (msg.Edit(recolour=msg.Recolour(REGION, 0, NAN)), InvalidInputError),
        (msg.Edit(recolour=msg.Recolour(REGION, 0, -1)), InvalidInputError),
        (msg.Edit(insert=msg.Insert()), InvalidInputError),
        (insert(count=4_000_000_000), LimitExceededError),
        (insert(count=3), CodecError),
        (insert(positions=bytes(23)), CodecError),
        (insert(rgb=b"abcde"), CodecError),
        (insert(diameters=b""), CodecError),
        (insert(diameters=bytes(12)), CodecError),
        (insert(positions=floats(0, 0, 0, 0, 0, NAN)), InvalidInputError),
        (insert(positions=floats(0, 0, 0, 0, INF, 0)), InvalidInputError),
        (insert(positions=floats(0, 0, 0, 0, 1e30, 0)), InvalidInputError),
        (insert(diameters=floats(INF)), InvalidInputError),
        (insert(diameters=floats(0)), InvalidInputError),
        (insert(diameters=floats(-1)), InvalidInputError),
        (msg.Edit(realign=msg.Realign()), InvalidInputError),
        (msg.Edit(realign=msg.Realign(NAN)), InvalidInputError),
        (msg.Edit(realign=msg.Realign(-1)), InvalidInputError),
        (msg.Edit(realign=msg.Realign(1e9)), InvalidInputError),
        (msg.Edit(realign=msg.Realign(down=msg.Vector3())), InvalidInputError),
        (msg.Edit(realign=msg.Realign(down=msg.Vector3(0, INF, 0))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(down=msg.Vector3(1e300, 1e300, 1e300))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(2, ruler=msg.Ruler(msg.Vector3(), ONE, 1))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(ruler=msg.Ruler(ONE, ONE, 1))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(ruler=msg.Ruler(msg.Vector3(), ONE, 0))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(ruler=msg.Ruler(msg.Vector3(), ONE, INF))), InvalidInputError),
        (msg.Edit(realign=msg.Realign(ruler=msg.Ruler(ONE, None, 1))), InvalidInputError),
    ],
)
@pytest.mark.parametrize("engine", [Engine.OPENCV, Engine.UNREAL])
def test_impossible_edits_are_refused(edit, error, engine):
    with pytest.raises(error) as caught:
        edit_of(edit, engine.convention)
    assert caught.value.remedy


def test_the_mirror_follows_a_realignment_and_its_undo():
    """`space` comes before the revision whose size it tells; scaling sends no chunk."""
    memory = Memory()
    commit(memory, (ChunkIndex(0, 0, 0, 0), chunk(ChunkIndex(0, 0, 0, 0), 300)), voxel_size_m=0.05)
    link = opened(memory, hello(engine=Engine.UNREAL))
    mirror = fed(pull(link))
    before = mirror.points_client()
    for act, factor in (
        (lambda: memory.edit(edit_of(msg.Edit(realign=msg.Realign(2.5)), OPENCV)), 2.5),
        (memory.undo, 1.0),
        (memory.redo, 2.5),
    ):
        act()
        event: RevisionMade = event_of(memory)
        link.notify(event)
        told = pull(link)
        assert [type(message.body) for message in told] == [msg.Space, msg.Revision, msg.Synced]
        assert told[0].body.voxel_size_m == memory.snapshot().voxel_size_m
        fed(told, mirror)
        np.testing.assert_allclose(mirror.points_client(), before * factor)
    memory.edit(edit_of(msg.Edit(realign=msg.Realign(down=msg.Vector3(0, 1, 1))), OPENCV))
    link.notify(event_of(memory))
    fed(pull(link), mirror)
    assert same(mirror, memory)
