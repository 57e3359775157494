"""A client's flight: seed a session with recorded views, generate clips along the recorded path, fetch what was made.

It speaks to the server like any other client, over gRPC, and measures from outside.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from spatia_bridge.cli.progress import Reporter, Stage
from spatia_bridge.client import BridgeClient
from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry.trajectory import Trajectory, trajectory_of
from spatia_bridge.link import messages as msg
from spatia_bridge.link.events import Stage as JobStage

CANCEL_SECS = 5.0  # how long the server has to hear that the user wants to stop


@dataclass(frozen=True, eq=False)
class FlightPlan:
    """What to fly.

    Attributes:
        views: recorded, in the order of time.
        seeds: the numbers of the views that memory begins with.
        path: of the camera, on the views' clock.
        size: of the frames in pixels.
        prompts: one, or one a clip (the last one serves the clips that are left).
    """

    views: Sequence[RgbdFrame]
    seeds: Sequence[int]
    path: Trajectory
    clips: int
    generator: str
    size: tuple[int, int]
    prompts: tuple[str, ...] = ("",)
    seed: int = 0


@dataclass(eq=False)
class FlownClip:
    """One take as the client has it: its description, its encoded frames, the revision that it became."""

    take: msg.Take
    frames: list[msg.TakeFrame]
    revision: msg.Revision
    seconds: dict[str, float]


@dataclass(eq=False)
class Flight:
    """What came of it. `synced` is the last revision, which the client's mirror verified by its digest."""

    clips: list[FlownClip] = field(default_factory=list)
    revisions: list[msg.Revision] = field(default_factory=list)
    synced: msg.Synced = field(default_factory=msg.Synced)
    mirrored_points: int = 0


class _Watch:
    """Listens to a job: its revisions, what the generator remarks, and the seconds that each clip spends in each stage."""

    def __init__(self, stage: Stage, clips: int) -> None:
        self.clips = clips  # in all jobs
        self.done = 0  # in the jobs before this one
        self.revisions: list[msg.Revision] = []
        self.seconds: dict[int, dict[str, float]] = {}  # by take
        self.remarks: dict[str, None] = {}  # the generator's, each once
        self._stage = stage
        self._last: tuple[float, msg.Progress] | None = None

    async def listen(self, client: BridgeClient) -> None:
        async for body in client.events():
            if isinstance(body, msg.Revision):
                self.revisions.append(body)
            elif isinstance(body, msg.Progress):
                self._progress(body)
            elif isinstance(body, msg.Take) and body.remark:
                self.remarks[body.remark] = None

    def told(self, result: str) -> str:
        """The result, and all remarks."""
        return "; ".join([result, *self.remarks])

    def _progress(self, now: msg.Progress) -> None:
        at = time.monotonic()
        self.clips = max(self.clips, now.clips)  # where the server says how many the path makes
        if self._last is not None:
            since, before = self._last
            if before.stage in (JobStage.PROJECTING, JobStage.GENERATING, JobStage.UPDATING):
                spent = self.seconds.setdefault(before.take, {})
                spent[before.stage.value] = spent.get(before.stage.value, 0.0) + at - since
        self._last = (at, now)
        within = 0.9 * now.done / now.total if now.stage is JobStage.GENERATING and now.total else 0.0
        if now.stage is JobStage.UPDATING:
            within = 0.9
        clip = self.done + now.clip
        fraction = (max(clip - 1, 0) + within) / max(self.clips, 1)
        remaining = now.remaining_secs if now.remaining_secs >= 0 and self.clips == now.clips else None
        self._stage.update(fraction, f"clip {clip} of {self.clips}, {now.stage.value if now.stage else ''}", remaining)


async def fly(address: str, session: str, plan: FlightPlan, reporter: Reporter) -> Flight:
    """Seed, generate with auto-accept, fetch every frame, wait until the client's points are the server's.

    Raises:
        Whatever the server answers. When the caller is cancelled, so is the job.
    """
    async with await BridgeClient.connect(address, session, name="spatia-bridge run") as client:
        with reporter.stage("seed memory") as stage:
            stage.update(0.0, f"{len(plan.seeds)} views")
            await client.seed([plan.views[number] for number in plan.seeds])
            stage.result = f"{len(plan.seeds)} of {len(plan.views)} views → {client.revision.points:,} points"
        flight = Flight(revisions=[client.revision])
        with reporter.stage("generate and update") as stage:
            watch = await _generate(client, plan, stage)
            flight.revisions += watch.revisions
            stage.result = watch.told(f"{plan.clips} clip{'s' * (plan.clips > 1)} → {client.revision.points:,} points")
        with reporter.stage("fetch") as stage:
            await _fetch(client, watch, flight, stage)
        return flight


async def fly_saved(
    client: BridgeClient,
    name: str,
    reporter: Reporter,
    *,
    prompt: str,
    seed: int,
    generator: str,
    clips: int,
    size: tuple[int, int],
) -> list[msg.Revision]:
    """Generate along a trajectory that the session keeps, accept each clip; the revisions made.

    Args:
        generator: "" = the server's default. clips: 0 = as many as the path's time is long. size: (0, 0) = the generator's.
    Raises:
        NotFoundError: there is no such trajectory; whatever else the server answers. When the caller is cancelled, so is the job.
    """
    with reporter.stage("generate and update") as stage:
        async with _watching(client, stage, clips) as watch:
            job = await client.generate(
                prompt, seed=seed, generator=generator, trajectory_name=name, clips=clips, auto_accept=True, size=size
            )
            await client.wait_job(job)
        made = [revision for revision in watch.revisions if revision.take]
        stage.result = watch.told(f"{len(made)} clip{'s' * (len(made) > 1)} → {client.revision.points:,} points")
    return made


@contextlib.asynccontextmanager
async def _watching(client: BridgeClient, stage: Stage, clips: int) -> AsyncIterator[_Watch]:
    """Listen to the jobs of the block; when the block is cancelled, so are they."""
    watch = _Watch(stage, clips)
    listening = asyncio.create_task(watch.listen(client))
    try:
        yield watch
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.cancel(), CANCEL_SECS)
        raise
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def _generate(client: BridgeClient, plan: FlightPlan, stage: Stage) -> _Watch:
    """One job for all clips; or, where the prompt changes, one for each prompt."""
    legs = _legs(client, plan)
    async with _watching(client, stage, sum(clips for _, clips, _ in legs)) as watch:
        for prompt, clips, trajectory in legs:
            job = await client.generate(
                prompt,
                seed=plan.seed + watch.done,
                generator=plan.generator,
                trajectory=trajectory,
                clips=clips,
                auto_accept=True,
                size=plan.size,
            )
            await client.wait_job(job)
            watch.done += clips
    return watch


def _legs(client: BridgeClient, plan: FlightPlan) -> list[tuple[str, int, Trajectory]]:
    """Prompt, clips and path of each job."""
    if len(plan.prompts) == 1:
        return [(plan.prompts[0], plan.clips, plan.path)]
    shapes = {info.name: info for info in client.welcome.generators}
    shape = shapes.get(plan.generator) or client.welcome.generators[0]
    intrinsics = plan.path.cameras[0].intrinsics
    clips = plan.path.clips(shape.fps, shape.new_frames, intrinsics, plan.clips)
    prompts = [plan.prompts[min(number, len(plan.prompts) - 1)] for number in range(len(clips))]
    return [(prompt, 1, trajectory_of(cameras, shape.fps)) for prompt, cameras in zip(prompts, clips, strict=True)]


async def _fetch(client: BridgeClient, watch: _Watch, flight: Flight, stage: Stage) -> None:
    made = [revision for revision in watch.revisions if revision.take]
    for number, revision in enumerate(made):
        stage.update(number / len(made), f"take {revision.take}")
        frames = await client.fetch_frames(revision.take)
        seconds = watch.seconds.get(revision.take, {})
        flight.clips.append(FlownClip(client.takes[revision.take], frames, revision, seconds))
    flight.synced = await client.synced()
    flight.mirrored_points = client.mirror.points
    stage.result = f"{sum(len(clip.frames) for clip in flight.clips)} frames, {flight.mirrored_points:,} points verified"
