"""A session on a real store: seed, generate, decide, edit, undo, come back."""

import asyncio
import contextlib
import threading
from dataclasses import replace

import numpy as np
import pytest

from spatia_bridge.codec.images import decode_colour
from spatia_bridge.errors import ConflictError, InvalidInputError, NotFoundError, SpatiaError, UnavailableError
from spatia_bridge.frames import GeneratedFrame
from spatia_bridge.generation.base import ClipShape, Step
from spatia_bridge.geometry.trajectory import trajectory_of
from spatia_bridge.link.events import FrameMade, JobFailed, JobProgress, RevisionMade, Stage, TakeChanged, TakeState
from spatia_bridge.link.outgoing import take_message
from spatia_bridge.memory import Box, RemoveRegion
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.session.session import GenerateSpec
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

PATH = trajectory_of([camera(eye=(x, -0.5, -2.5)) for x in np.linspace(0, 1.5, 12)])


class Dreamer:
    """A generator with a world of its own: it paints what the room looks like from there, with a little seeded noise."""

    name = "dreamer"
    shape = ClipShape(96, 64, new_frames=6, preceding_frames=2, fps=8.0)

    def __init__(self):
        self.gate: threading.Event | None = None  # if set, the generator waits at it after its first frame
        self.first_frame = threading.Event()
        self.preceding = []
        self.fail = False
        self.preview = None
        self.remark = ""

    def generate(self, request, cancel):
        rng = np.random.default_rng(request.seed)
        self.preceding.append(len(request.preceding))
        for number, projection in enumerate(request.projection):
            cancel.raise_if_cancelled()
            if self.fail and number == 2:
                raise RuntimeError("out of ideas")
            seen = look(projection.camera)
            colour = np.where(projection.coverage[..., None], projection.colour, seen.colour)
            noise = rng.integers(-2, 3, colour.shape)
            depth = np.where(projection.coverage, projection.depth_m, seen.depth_m)
            yield Step(number + 1, len(request.projection), self.preview, "" if number else self.remark)
            yield GeneratedFrame(number, np.clip(colour + noise, 0, 255).astype(np.uint8), depth.astype(np.float32))
            self.first_frame.set()
            if self.gate is not None:
                self.gate.wait()


@pytest.fixture
def dreamer():
    return Dreamer()


def make_host(folder, dreamer):
    renderer = CpuRenderer()
    return SessionHost(SessionLibrary(folder), Stages(renderer, Slam(renderer)), {"dreamer": lambda: dreamer}, "dreamer")


@pytest.fixture
async def host(tmp_path, dreamer):
    host = make_host(tmp_path, dreamer)
    yield host
    await host.close()


class Watcher:
    """Collects events; waits for the next that fits."""

    def __init__(self, session):
        self.events, self._news = [], asyncio.Event()
        session.subscribe(self._on)

    def _on(self, event):
        self.events.append(event)
        self._news.set()

    async def until(self, fits):
        async with asyncio.timeout(60):
            while True:
                for event in self.events:
                    if fits(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def finished(self, job):
        return await self.until(
            lambda e: isinstance(e, JobProgress) and e.job == job and e.stage in (Stage.DONE, Stage.CANCELLED, Stage.FAILED)
        )

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


async def seeded(host, name="scene"):
    session = await host.open(name, create=True)
    await session.seed([look(camera())])
    return session, Watcher(session)


async def frames_of(session, take):
    return [await session.take_frame(take, n) for n in range(session.take_info(take).frames_total)]


async def test_a_take_discarded_leaves_memory_unchanged_and_the_same_seed_gives_the_same_frames(host):
    session, watcher = await seeded(host)
    before = session.memory.snapshot()
    makings = []
    for _ in range(2):
        job = session.generate(GenerateSpec("a hall", seed=5, trajectory=PATH, clips=1))
        assert (await watcher.finished(job)).stage is Stage.DONE
        take = session.open_takes()[-1]
        assert take.state is TakeState.PENDING
        makings.append([frame.colour.tobytes() + frame.depth_m.tobytes() for frame, _ in await frames_of(session, take.number)])
        await session.discard(take.number)
        assert session.take_info(take.number).state is TakeState.DISCARDED
    assert makings[0] == makings[1]
    assert session.memory.snapshot() is before
    job = session.generate(GenerateSpec("a hall", seed=6, trajectory=PATH, clips=1))
    await watcher.finished(job)
    other = [f.colour.tobytes() + f.depth_m.tobytes() for f, _ in await frames_of(session, session.open_takes()[-1].number)]
    assert other != makings[0]


async def test_an_accepted_take_is_a_revision_and_its_frames_precede_the_next(host, dreamer):
    session, watcher = await seeded(host)
    points = session.memory.snapshot().points
    job = session.generate(GenerateSpec(trajectory=PATH, clips=2, auto_accept=True))
    await watcher.finished(job)
    revisions = watcher.of(RevisionMade)
    assert [event.revision.cause.value for event in revisions] == ["take", "take"]
    assert session.memory.snapshot().points > points
    assert dreamer.preceding == [0, 2]
    await session.undo()
    await session.undo()
    assert session.memory.snapshot().points == points
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    assert dreamer.preceding[-1] == 0  # what was undone precedes nothing


async def test_a_clip_that_nothing_precedes_may_have_another_length(host, dreamer):
    dreamer.shape = replace(dreamer.shape, first_frames=9)
    session, watcher = await seeded(host)
    for _ in range(2):
        await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=2, auto_accept=True)))
    takes = [session.take_info(event.revision.clip) for event in watcher.of(RevisionMade)]
    assert [take.frames_total for take in takes] == [9, 6, 6, 6]


async def test_every_event_comes_in_order(host):
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    take = session.open_takes()[0].number
    await session.accept(take)
    assert [frame.frame.number for frame in watcher.of(FrameMade)] == list(range(6))
    states = [event.take.state for event in watcher.of(TakeChanged)]
    assert states == [TakeState.GENERATING, TakeState.GENERATING, TakeState.PENDING, TakeState.ACCEPTED]  # begun, references
    stages = [event.stage for event in watcher.of(JobProgress)]
    assert stages == [Stage.QUEUED, Stage.PROJECTING, *[Stage.GENERATING] * 6, Stage.DONE]
    remaining = [event.remaining_secs for event in watcher.of(JobProgress)]
    assert remaining[0] is None
    assert remaining[-1] == 0
    assert all(value is None or value >= 0 for value in remaining)


@pytest.mark.parametrize(
    "preview",
    [np.zeros((4, 6, 3)), np.zeros((4, 6), np.uint8), np.zeros((0, 6, 3), np.uint8), np.uint8(3), "a picture", object()],
    ids=["floats", "no channels", "empty", "a number", "text", "something"],
)
async def test_no_clip_fails_for_a_preview_that_is_no_picture(host, dreamer, preview, caplog):
    dreamer.preview = preview
    session, watcher = await seeded(host)
    assert (await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))).stage is Stage.DONE
    assert all(event.preview is None for event in watcher.of(JobProgress))
    assert "preview is left out" in caplog.text


async def test_a_preview_that_is_too_large_is_made_smaller(host, dreamer):
    dreamer.preview = np.full((300, 1000, 3), 90, np.uint8)
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    shown = [event.preview for event in watcher.of(JobProgress) if event.stage is Stage.GENERATING]
    assert len(shown) == 6 and {(each.width, each.height) for each in shown} == {(250, 75)}
    assert decode_colour(shown[0].jpeg).shape == (75, 250, 3)


async def test_a_remark_stays_with_its_take(host, dreamer):
    dreamer.remark = "no dragons here"
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    dreamer.remark = ""
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    assert [take.remark for take in session.open_takes()] == ["no dragons here", ""]
    assert take_message(session.open_takes()[0]).remark == "no dragons here"


async def test_a_row_of_clips_waits_for_its_designer(host):
    session, watcher = await seeded(host)
    job = session.generate(GenerateSpec(trajectory=PATH, clips=2))
    await watcher.until(lambda e: isinstance(e, JobProgress) and e.stage is Stage.WAITING)
    await session.accept(session.open_takes()[0].number)
    assert (await watcher.finished(job)).stage is Stage.DONE
    assert len(session.open_takes()) == 1
    second = session.generate(GenerateSpec(trajectory=PATH, clips=2))
    await watcher.until(lambda e: isinstance(e, JobProgress) and e.job == second and e.stage is Stage.WAITING)
    await session.discard(watcher.of(TakeChanged)[-1].take.number)
    assert (await watcher.finished(second)).stage is Stage.CANCELLED


async def test_cancel_stops_within_a_step_and_leaves_nothing(host, dreamer):
    session, watcher = await seeded(host)
    before = session.memory.snapshot()
    dreamer.gate = threading.Event()
    first = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    second = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await watcher.until(lambda e: isinstance(e, FrameMade))
    session.cancel()
    dreamer.gate.set()
    for job in (first, second):
        assert (await watcher.finished(job)).stage is Stage.CANCELLED
    assert session.memory.snapshot() is before
    assert not session.open_takes()
    dreamer.gate = None
    assert (await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))).stage is Stage.DONE


@pytest.mark.parametrize("auto_accept", [False, True])
@pytest.mark.parametrize("kept", [False, True])
async def test_a_cancel_after_the_last_frame_still_ends_the_row(host, dreamer, kept, auto_accept):
    session, watcher = await seeded(host)
    late, gate, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
    generate, put_take = dreamer.generate, session._store.put_take

    def wait():
        loop.call_soon_threadsafe(late.set)
        gate.wait()

    def slow_to_return(request, cancel):
        yield from generate(request, cancel)
        wait()

    def slow_to_keep(take):
        put_take(take)
        wait()

    if kept:
        session._store.put_take = slow_to_keep
    else:
        dreamer.generate = slow_to_return
    job = session.generate(GenerateSpec(trajectory=PATH, clips=2, auto_accept=auto_accept))
    await late.wait()
    session.cancel()
    gate.set()
    assert (await watcher.finished(job)).stage is Stage.CANCELLED
    state = TakeState.PENDING if kept else TakeState.CANCELLED  # one that is whole may be wanted
    assert [info.state for info in session.takes()] == [state]


async def test_a_generator_that_breaks_breaks_only_its_job(host, dreamer):
    session, watcher = await seeded(host)
    dreamer.fail = True
    job = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    assert (await watcher.finished(job)).stage is Stage.FAILED
    assert "out of ideas" in watcher.of(JobFailed)[0].message
    dreamer.fail = False
    assert (await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))).stage is Stage.DONE


async def test_an_edit_made_while_a_take_is_made_wins(host, dreamer):
    session, watcher = await seeded(host)
    dreamer.gate = threading.Event()
    job = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await watcher.until(lambda e: isinstance(e, FrameMade))
    region = Box.from_bounds(PILLAR_LOW - 0.05, PILLAR_HIGH + 0.05)
    await session.edit(RemoveRegion(region))
    dreamer.gate.set()
    await watcher.finished(job)
    await session.accept(session.open_takes()[0].number)
    snapshot = session.memory.snapshot()
    assert not any(region.contains(chunk.points_world(snapshot.voxel_size_m)).any() for chunk in snapshot.chunks.values())


async def test_seeding_while_a_take_is_made_keeps_both(host, dreamer):
    session, watcher = await seeded(host)
    dreamer.gate = threading.Event()
    job = session.generate(GenerateSpec(trajectory=PATH, clips=1))
    await watcher.until(lambda e: isinstance(e, FrameMade))
    await session.seed([look(camera(eye=(1.5, -0.5, -2.0)))])
    dreamer.gate.set()
    assert (await watcher.finished(job)).stage is Stage.DONE
    await session.accept(session.open_takes()[0].number)
    assert [revision.clip for revision in session.memory.revisions()] == [0, 1, 3, 2]


async def test_only_pending_takes_are_decided_and_only_once(host):
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
    take = session.open_takes()[0].number
    results = await asyncio.gather(session.accept(take), session.accept(take), return_exceptions=True)
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True]
    for act in (session.accept, session.discard):
        with pytest.raises(ConflictError):
            await act(take)
        with pytest.raises(NotFoundError):
            await act(99)


async def test_what_cannot_be_generated_is_said_at_once(host):
    session = await host.open("empty", create=True)
    with pytest.raises(ConflictError, match="empty"):
        session.generate(GenerateSpec(trajectory=PATH))
    await session.seed([look(camera())])
    with pytest.raises(NotFoundError, match="dreamer"):
        session.generate(GenerateSpec(generator="nobody", trajectory=PATH))
    with pytest.raises(InvalidInputError, match="recorded"):
        session.generate(GenerateSpec())
    with pytest.raises(NotFoundError):
        await session.take_frame(7, 0)


async def test_a_session_comes_back_with_its_takes_and_its_past(tmp_path, dreamer):
    host = make_host(tmp_path, dreamer)
    session, watcher = await seeded(host)
    await watcher.finished(session.generate(GenerateSpec("keep", trajectory=PATH, clips=1, auto_accept=True)))
    await watcher.finished(session.generate(GenerateSpec("later", trajectory=PATH, clips=1)))
    digest, pending = session.memory.snapshot().record_digest, session.open_takes()[0]
    frames = await frames_of(session, pending.number)
    await host.close()
    with pytest.raises(UnavailableError):
        await session.seed([look(camera())])

    host = make_host(tmp_path, dreamer)
    again = await host.open("scene")
    assert again.memory.snapshot().record_digest == digest
    assert again.open_takes() == [pending]
    for (old, _), (new, _) in zip(frames, await frames_of(again, pending.number), strict=True):
        np.testing.assert_array_equal(old.colour, new.colour)
        np.testing.assert_array_equal(old.depth_m, new.depth_m)
    await again.accept(pending.number)
    await again.undo()
    assert again.memory.snapshot().record_digest == digest
    await again.undo()
    await again.undo()
    assert not again.memory.snapshot().chunks
    await host.close()


async def test_accepting_after_a_restart_gives_the_same_memory(tmp_path, dreamer):
    digests = []
    for restart in (False, True):
        host = make_host(tmp_path / str(restart), dreamer)
        session, watcher = await seeded(host)
        await watcher.finished(session.generate(GenerateSpec(trajectory=PATH, clips=1)))
        if restart:
            await host.close()
            host = make_host(tmp_path / str(restart), dreamer)
            session = await host.open("scene")
        digests.append((await session.accept(session.open_takes()[0].number)).digest)
        await host.close()
    assert digests[0] == digests[1]


async def test_the_host_shares_open_sessions_and_guards_the_rest(host, tmp_path):
    with pytest.raises(NotFoundError):
        await host.open("nowhere")
    first, second = await asyncio.gather(host.open("scene", create=True), host.open("scene", create=True))
    assert first is second
    unsubscribe = first.subscribe(lambda event: None)
    with pytest.raises(ConflictError):
        await host.delete("scene")
    unsubscribe()
    await host.delete("scene")
    with pytest.raises(NotFoundError):
        await host.open("scene")
    await host.create("other", "Another")
    assert [info.title for info in await host.list()] == ["Another"]
    with pytest.raises(ConflictError):
        await host.create("other")
    for bad in ("../x", "", "A b"):
        with pytest.raises(SpatiaError):
            await host.open(bad, create=True)


async def test_an_export_streams_and_may_be_abandoned(host):
    await seeded(host)
    data = b"".join([piece async for piece in host.export("scene", "ply")])
    assert data.startswith(b"ply\n")
    stream = host.export("scene", "ply")
    await anext(stream)
    await stream.aclose()
    with pytest.raises(NotFoundError):
        await anext(host.export("scene", "nothing"))


async def test_the_loop_stays_free_while_work_is_done(host):
    """Other tasks run while a seed is fused: the loop is never held for the whole of it."""
    session = await host.open("scene", create=True)
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    await session.seed([look(camera(size=(384, 256)))])
    counter.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await counter
    assert turns > 20
