"""Control, progress, recording, live projections, take frames: bounds and policies."""

import numpy as np
import pytest

from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.link import axes, commands, limits
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import FrameMade, JobFailed, JobProgress, Preview, Stage, TakeChanged, TakeInfo, TakeState
from spatia_bridge.link.link import State
from spatia_bridge.memory import ChunkIndex, Memory
from tests.link.scenes import chunk, commit, event_of, hello, opened, pull
from tests.worlds import camera, look

VIEW = camera()
A = ChunkIndex(0, 0, 0, 0)


def open_link(**fields):
    link = opened(Memory(), hello(**fields))
    pull(link)
    return link


def send(link, body, now=0.0, request_id=0):
    return link.receive(msg.ClientMessage(request_id, body), now)


def pose(link, time_secs, now=None, view=VIEW):
    send(link, msg.PoseUpdate(axes.client_camera(view, link.pictures.convention, time_secs)), time_secs if now is None else now)


def frame(number=0):
    return GeneratedFrame(number, np.zeros((64, 96, 3), np.uint8))


# -------------------------------------------------------------------------------------------------------------- control


def test_control_overflow_ends_the_link_with_a_reason():
    link = open_link()
    for nonce in range(limits.MAX_CONTROL):
        send(link, msg.Ping(nonce))
    assert link.state is State.OPEN
    send(link, msg.Ping(0))
    assert link.state is State.CLOSED
    (last,) = pull(link)
    assert (last.body.code, last.body.fatal) == ("LIMIT_EXCEEDED", True)
    link.notify(TakeChanged(TakeInfo(1, TakeState.PENDING)))
    link.answer(3)
    assert pull(link) == [] and link.work(0.0) == [] and link.wake_at() is None


def test_answers_carry_their_request_and_0_is_not_answered():
    link = open_link()
    link.answer(7, revision=3, take=2, job=1)
    link.answer(0)
    assert pull(link) == [msg.ServerMessage(7, msg.Done(3, 2, 1))]


def test_a_failed_job_is_told_to_all():
    link = open_link()
    link.notify(JobFailed(4, "REJECTED_UPDATE", "it drifted", "fly slower", {"drift_m": 0.5}))
    (message,) = pull(link)
    assert message == msg.ServerMessage(0, msg.Error("REJECTED_UPDATE", "it drifted", "fly slower", False, 4, {"drift_m": 0.5}))


def test_news_of_takes():
    link = open_link()
    link.notify(TakeChanged(TakeInfo(3, TakeState.PENDING, 5, 5, "p", 1, "g", 2, 8.0, 96, 64)))
    assert pull(link)[0].body == msg.Take(3, TakeState.PENDING, 5, 5, "p", 1, "g", 2, 8.0, 96, 64)


# ------------------------------------------------------------------------------------------------- progress, recording


def test_of_progress_the_latest_wins_for_each_job():
    link = open_link()
    for job, done in ((1, 1), (2, 5), (1, 2), (1, 3)):
        link.notify(JobProgress(job, Stage.GENERATING, done, 10))
    assert [(m.body.job, m.body.done, m.body.remaining_secs) for m in pull(link)] == [(1, 3, -1.0), (2, 5, -1.0)]
    for job in range(limits.MAX_JOBS + 5):
        link.notify(JobProgress(job, Stage.QUEUED))
    assert [m.body.job for m in pull(link)] == list(range(5, limits.MAX_JOBS + 5))


def test_a_preview_goes_with_its_step_and_is_gone_with_the_next_stage():
    link = open_link()
    for done in (1, 2):
        link.notify(JobProgress(1, Stage.GENERATING, done, 10, preview=Preview(3, 2, bytes([done]))))
    (told,) = pull(link)
    assert told.body.preview == msg.Image(msg.ImageFormat.JPEG, 3, 2, b"\x02")
    link.notify(JobProgress(1, Stage.WAITING))
    assert pull(link)[0].body.preview is None


def test_recording_is_told_now_and_then_and_when_it_turns():
    link = open_link()
    link.record(msg.Recording(True, 0), 0.0)
    for number in range(1, 121):
        link.record(msg.Recording(True, number), number / 60)
    link.record(msg.Recording(False, 120), 2.001)
    told = pull(link)
    assert told[-1].body == msg.Recording(False, 120) and len(told) == 1
    link.record(msg.Recording(True, 0), 3.0)
    seen = []
    for number in range(1, 121):
        link.record(msg.Recording(True, number), 3 + number / 60)
        seen += pull(link)
    assert 8 <= len(seen) <= 10


# ------------------------------------------------------------------------------------------------------------ live view


def live(link, **fields):
    send(link, msg.LiveView(True, **{"width": 48, "height": 32, "max_rate_hz": 10.0, **fields}), request_id=9)
    assert isinstance(pull(link)[0].body, msg.Done)


def test_the_latest_pose_is_rendered_one_at_a_time_and_no_faster_than_asked():
    link = open_link()
    live(link)
    assert link.work(0.0) == [] and link.wake_at() is None  # no pose yet
    pose(link, 1.0)
    (work,) = link.work(1.0)
    assert isinstance(work, commands.RenderProjection) and work.time_secs == 1.0
    assert (work.camera.intrinsics.width, work.camera.intrinsics.height) == (48, 32)
    pose(link, 1.01)
    pose(link, 1.02)
    assert link.work(1.5) == []  # one in flight
    link.projection_ready(work.ticket, msg.LiveProjection(1.0))
    assert link.work(1.5) == []  # one waits to be sent
    assert [m.body for m in pull(link)] == [msg.LiveProjection(1.0)]
    assert link.work(1.05) == [] and link.wake_at() == pytest.approx(1.1)
    (work,) = link.work(1.1)
    assert work.time_secs == 1.02
    link.projection_ready(work.ticket, msg.LiveProjection(1.02))
    pull(link)
    assert link.work(9.0) == [] and link.wake_at() is None  # nothing moved


def test_a_render_that_had_to_wait_is_aimed_when_it_begins():
    link = open_link()
    live(link)
    pose(link, 1.0)
    (work,) = link.work(1.0)
    pose(link, 1.3)
    aimed = link.aim(work, 1.35)
    assert (aimed.ticket, aimed.time_secs) == (work.ticket, 1.3)
    link.projection_ready(aimed.ticket, msg.LiveProjection(1.3))
    pull(link)
    assert link.work(9.0) == []  # the pose is shown
    pose(link, 9.0)
    (work,) = link.work(9.0)
    assert link.aim(work, 9.05).time_secs == 9.0
    link.projection_ready(work.ticket, None)
    pose(link, 9.06)
    assert link.work(9.1) == [] and link.wake_at() == pytest.approx(9.15)  # the rate counts from where it began


def test_a_render_that_nobody_wants_any_more_is_not_aimed():
    link = open_link()
    live(link)
    pose(link, 1.0)
    (old,) = link.work(1.0)
    live(link, depth=True)
    assert link.aim(old, 1.1) is None
    (new,) = link.work(2.0)
    pose(link, 2.0, view=Camera(Intrinsics(20, 20, 9e6, 8, 24, 16), np.eye(4)))  # a camera that sees nothing
    assert link.aim(new, 2.1) is None
    pose(link, 3.0)
    assert len(link.work(3.0)) == 1


def test_a_camera_that_makes_no_sense_at_the_views_size_is_not_rendered():
    link = open_link()
    live(link, width=1000, height=1000)
    pose(link, 1.0, view=Camera(Intrinsics(20, 20, 9e6, 8, 24, 16), np.eye(4)))
    assert link.work(1.0) == [] and link.wake_at() is None
    pose(link, 2.0)
    assert len(link.work(2.0)) == 1


def test_memory_that_changes_is_something_to_see():
    memory = Memory()
    link = opened(memory)
    pull(link)
    live(link)
    pose(link, 1.0)
    (work,) = link.work(1.0)
    link.projection_ready(work.ticket, None)  # it failed: nothing is said
    assert pull(link) == []
    commit(memory, (A, chunk(A, 5)), voxel_size_m=0.05)
    link.notify(event_of(memory))
    assert len(link.work(2.0)) == 1


def test_what_was_rendered_for_another_setting_is_dropped():
    link = open_link()
    live(link)
    pose(link, 1.0)
    (old,) = link.work(1.0)
    live(link, depth=True)
    link.projection_ready(old.ticket, msg.LiveProjection(1.0))
    assert pull(link) == []
    (new,) = link.work(2.0)
    assert new.depth
    send(link, msg.LiveView(False))
    link.projection_ready(new.ticket, msg.LiveProjection(1.0))
    assert pull(link) == [] and link.work(9.0) == []


# ---------------------------------------------------------------------------------------------------------- take frames


def test_frames_are_pushed_only_where_asked_for():
    link = open_link()
    link.notify(FrameMade(1, frame(), VIEW))
    assert link.work(0.0) == []


def test_pushed_frames_go_in_order_however_they_are_encoded():
    link = open_link(push_frames=True)
    for number in (0, 1, 1, 2):
        link.notify(FrameMade(1, frame(number), VIEW))
    first, second = link.work(0.0)
    assert (first.number, second.number) == (0, 1) and link.work(0.0) == []  # no more in flight
    link.frame_ready(second.ticket, msg.TakeFrame(1, 1))
    assert pull(link) == []
    link.frame_ready(first.ticket, msg.TakeFrame(1, 0))
    assert [m.body.number for m in pull(link)] == [0, 1]
    (third,) = link.work(0.0)
    link.frame_ready(third.ticket, msg.Error("NOT_FOUND", "discarded meanwhile"))
    assert pull(link) == [] and link.work(0.0) == []


def test_a_fetch_ends_with_done():
    link = open_link()
    (command,) = send(link, msg.FetchFrames(4, depth=True), request_id=8)
    link.queue_frames(command, range(3))
    numbers = []
    while work := link.work(0.0):
        for each in work:
            assert each.depth
            link.frame_ready(each.ticket, msg.TakeFrame(4, each.number))
        numbers += [(m.request_id, getattr(m.body, "number", type(m.body))) for m in pull(link)]
    assert numbers == [(8, 0), (8, 1), (8, 2), (8, msg.Done)]
    assert link.settled
    link.queue_frames(command, range(0))
    assert [type(m.body) for m in pull(link)] == [msg.Done]


def test_a_fetch_that_fails_ends_with_the_error():
    link = open_link()
    (command,) = send(link, msg.FetchFrames(4), request_id=8)
    link.queue_frames(command, range(50))
    first, second = link.work(0.0)
    link.frame_ready(first.ticket, msg.TakeFrame(4, 0))
    link.frame_ready(second.ticket, msg.Error("STORE", "the disk"))
    assert [(m.request_id, type(m.body)) for m in pull(link)] == [(8, msg.TakeFrame), (8, msg.Error)]
    assert link.settled and link.work(0.0) == []


def test_the_frame_queue_is_bounded():
    link = open_link(push_frames=True)
    for number in range(limits.MAX_FRAMES + 10):
        link.notify(FrameMade(1, frame(number), VIEW))
    assert [w.number for w in link.work(0.0)] == [10, 11]
    (command,) = send(link, msg.FetchFrames(4), request_id=8)
    link.queue_frames(command, range(10))
    (answer,) = pull(link)
    assert (answer.request_id, answer.body.code) == (8, "LIMIT_EXCEEDED")


# ------------------------------------------------------------------------------------------------------------- together


def test_bulk_queues_take_turns_and_control_goes_first():
    memory = Memory()
    for x in range(3):
        at = ChunkIndex(0, x, 0, 0)
        commit(memory, (at, chunk(at, 5)), voxel_size_m=None if x else 0.05)
    link = opened(memory, hello(push_frames=True))
    send(link, msg.LiveView(True, 48, 32))
    pose(link, 1.0)
    for number in range(2):
        link.notify(FrameMade(1, frame(number), VIEW))
    for work in link.work(1.0):
        if isinstance(work, commands.RenderProjection):
            link.projection_ready(work.ticket, msg.LiveProjection())
        else:
            link.frame_ready(work.ticket, msg.TakeFrame(1, work.number))
    link.notify(JobProgress(1, Stage.GENERATING))
    link.record(msg.Recording(True), 1.0)
    kinds = [type(m.body).__name__ for m in pull(link)]
    assert kinds[:3] == ["Welcome", "Recording", "Progress"]
    assert sorted(kinds[3:6]) == ["ChunkPart", "LiveProjection", "TakeFrame"]
    assert kinds[-1] == "Synced"


def test_pictures_suit_the_client():
    for compressions, format in (
        ((msg.Compression.ZSTD,), msg.ImageFormat.FLOAT16_ZSTD),
        ((msg.Compression.GZIP,), msg.ImageFormat.PNG),
    ):
        link = open_link(compressions=compressions)
        seen = look(VIEW)
        made = GeneratedFrame(3, seen.colour, seen.depth_m)
        picture = link.pictures.take_frame(7, made, VIEW, True)
        assert (picture.take, picture.number, picture.depth.format) == (7, 3, format)
        assert picture.colour.format is msg.ImageFormat.JPEG
        assert link.pictures.take_frame(7, made, VIEW, False).depth is None
