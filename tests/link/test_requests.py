"""Client messages in client axes → commands in the world; everything that can be wrong with them."""

import math

import numpy as np
import pytest

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes, commands, limits
from spatia_bridge.link import messages as msg
from spatia_bridge.memory import Box, LockRegion, Memory, RemoveRegion, Sphere, UnlockRegion
from tests.link.scenes import hello, opened, pull
from tests.worlds import camera

VIEW = camera(eye=(0.3, -1.0, -2.0), target=(1.0, 0.2, 3.0))
NAN, INF = math.nan, math.inf


def open_link(engine=Engine.OPENCV):
    link = opened(Memory(), hello(engine=engine))
    pull(link)
    return link


def command_of(link, body, now=0.0):
    (command,) = link.receive(msg.ClientMessage(5, body), now)
    return command


def error_of(link, body, now=0.0):
    """The code of the error that answers the body; the link goes on."""
    assert link.receive(msg.ClientMessage(5, body), now) == []
    (answer,) = pull(link)
    assert answer.request_id == 5 and not answer.body.fatal and answer.body.remedy
    link.receive(msg.ClientMessage(6, msg.Ping(1)), now)
    assert pull(link)[0].body == msg.Pong(1)
    return answer.body.code


@pytest.mark.parametrize("engine", list(Engine))
def test_poses_and_regions_arrive_in_the_world(engine):
    link, convention = open_link(engine), engine.convention
    command = command_of(link, msg.PoseUpdate(axes.client_camera(VIEW, convention, 2.5)))
    assert np.allclose(command.camera.world_from_camera, VIEW.world_from_camera, atol=1e-9)
    assert (command.time_secs, command.camera.intrinsics) == (2.5, VIEW.intrinsics)
    box = Box(VIEW.world_from_camera, np.array([1.0, 2.0, 3.0]))
    edit = command_of(link, msg.Edit(remove=axes.client_region(box, convention))).edit
    assert isinstance(edit, RemoveRegion)
    assert np.allclose(edit.region.world_from_box, box.world_from_box, atol=1e-9)
    assert np.allclose(edit.region.half_size_m, box.half_size_m)
    sphere = Sphere(np.array([1.0, -2.0, 3.0]), 0.5)
    edit = command_of(link, msg.Edit(lock=axes.client_region(sphere, convention))).edit
    assert isinstance(edit, LockRegion)
    assert np.allclose(edit.region.centre_world, sphere.centre_world) and edit.region.radius_m == pytest.approx(0.5)
    trajectory = msg.Trajectory(tuple(axes.client_camera(VIEW, convention, t) for t in (0.0, 1.0)))
    command = command_of(link, msg.Generate("p", trajectory=trajectory))
    assert command.trajectory.decode().duration_secs == 1.0
    assert np.allclose(command.trajectory.decode().cameras[0].world_from_camera, VIEW.world_from_camera, atol=1e-9)


def test_the_other_requests():
    link = open_link()
    assert command_of(link, msg.Record(True)) == commands.SetRecording(5, True)
    assert command_of(link, msg.Cancel()) == commands.CancelJobs(5)
    assert command_of(link, msg.Accept(3)) == commands.AcceptTake(5, 3)
    assert command_of(link, msg.Discard(3)) == commands.DiscardTake(5, 3)
    assert command_of(link, msg.Undo()) == commands.UndoEdit(5)
    assert command_of(link, msg.Redo()) == commands.RedoEdit(5)
    assert command_of(link, msg.FetchFrames(1, 2, 3, True)) == commands.ListFrames(5, 1, 2, 3, True)
    assert isinstance(command_of(link, msg.Edit(unlock=0)).edit, UnlockRegion)
    command = command_of(link, msg.Generate("p", 7, "g", clips=2, auto_accept=True, width=64, height=32))
    assert (command.prompt, command.seed, command.generator, command.trajectory) == ("p", 7, "g", None)
    assert (command.clips, command.auto_accept, command.width, command.height) == (2, True, 64, 32)
    assert pull(link) == []  # the driver answers


def pose(**fields):
    parts = {"position": msg.Vector3(), "rotation": msg.Quaternion(w=1.0), **fields}
    return msg.Pose(parts["position"], parts["rotation"])


K = msg.Intrinsics(50, 50, 32, 24, 64, 48)


@pytest.mark.parametrize(
    "body",
    [
        msg.PoseUpdate(),
        msg.PoseUpdate(msg.Camera(pose())),
        msg.PoseUpdate(msg.Camera(None, K)),
        msg.PoseUpdate(msg.Camera(pose(position=None), K)),
        msg.PoseUpdate(msg.Camera(pose(rotation=None), K)),
        msg.PoseUpdate(msg.Camera(pose(position=msg.Vector3(NAN, 0, 0)), K)),
        msg.PoseUpdate(msg.Camera(pose(position=msg.Vector3(1e30, 0, 0)), K)),
        msg.PoseUpdate(msg.Camera(pose(rotation=msg.Quaternion()), K)),
        msg.PoseUpdate(msg.Camera(pose(rotation=msg.Quaternion(w=INF)), K)),
        msg.PoseUpdate(msg.Camera(pose(), K, time_secs=NAN)),
        msg.PoseUpdate(msg.Camera(pose(), msg.Intrinsics(0, 50, 32, 24, 64, 48))),
        msg.PoseUpdate(msg.Camera(pose(), msg.Intrinsics(50, 50, NAN, 24, 64, 48))),
        msg.PoseUpdate(msg.Camera(pose(), msg.Intrinsics(50, 50, 32, 24, 0, 48))),
        msg.PoseUpdate(msg.Camera(pose(), msg.Intrinsics(50, 50, 32, 24, 100_000, 48))),
        msg.Edit(),
        msg.Edit(remove=msg.Region()),
        msg.Edit(remove=msg.Region(msg.Box(pose()))),
        msg.Edit(remove=msg.Region(msg.Box(pose(), msg.Vector3(1, 0, 1)))),
        msg.Edit(remove=msg.Region(msg.Box(pose(), msg.Vector3(1, -1, 1)))),
        msg.Edit(lock=msg.Region(msg.Sphere(None, 1))),
        msg.Edit(lock=msg.Region(msg.Sphere(msg.Vector3(), NAN))),
        msg.Generate(width=64),
        msg.Generate(width=100_000, height=1),
        msg.LiveView(True, 0, 0),
        msg.LiveView(True, 64, 48, NAN),
        msg.LiveView(True, 64, 48, -1),
        msg.LiveView(True, 8000, 2000),
        msg.Seed(),
    ],
)
def test_invalid_input(body):
    assert error_of(open_link(), body) == "INVALID_INPUT"


@pytest.mark.parametrize(
    "cameras",
    [
        (),
        (msg.Camera(pose(), K, 1), msg.Camera(pose(), K, 1)),
        (msg.Camera(pose(position=msg.Vector3(0, NAN, 0)), K),),
        (msg.Camera(pose(), K, INF),),
    ],
)
def test_trajectories_are_looked_at_when_they_are_decoded(cameras):
    command = command_of(open_link(), msg.Generate(trajectory=msg.Trajectory(cameras)))
    with pytest.raises(InvalidInputError) as caught:
        command.trajectory.decode()
    assert caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        msg.Generate("x" * (limits.MAX_PROMPT_CHARACTERS + 1)),
        msg.Generate(generator="x" * 1000),
        msg.Generate(clips=limits.MAX_CLIPS + 1),
        msg.Generate(trajectory=msg.Trajectory((msg.Camera(pose(), K),) * (limits.MAX_TRAJECTORY_POSES + 1))),
    ],
    ids=["prompt", "generator", "clips", "poses"],
)
def test_limits(body):
    assert error_of(open_link(), body) == "LIMIT_EXCEEDED"


def test_poses_may_come_in_bursts_but_not_forever():
    link = open_link()
    update = msg.ClientMessage(0, msg.PoseUpdate(msg.Camera(pose(), K)))
    for second in range(3):  # as many a second as is stated, all at once
        assert sum(len(link.receive(update, float(second))) for _ in range(limits.MAX_POSE_RATE_HZ)) == limits.MAX_POSE_RATE_HZ
    passed = sum(len(link.receive(update, 2.0 + i / 10_000)) for i in range(10_000))
    assert passed == pytest.approx(limits.MAX_POSE_RATE_HZ, abs=2)
    errors = pull(link)
    assert {m.body.code for m in errors} == {"LIMIT_EXCEEDED"}
    assert len(errors) <= 2  # said once a second, not ten thousand times
