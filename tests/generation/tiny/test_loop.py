"""`tiny` in the real loop: what was removed is gone from all it is shown and all it shows; what moves stays out of memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatia_bridge.errors import RejectedUpdateError
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.cells import SHARE
from spatia_bridge.generation.tiny.generator import Tiny
from spatia_bridge.generation.tiny.vocabulary import CREATURES
from spatia_bridge.link.events import JobFailed, Stage, TakeChanged, TakeState
from spatia_bridge.memory import Box, Memory, RemoveRegion
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import ClipPlan, Stages, fold_in, make_take, plant
from spatia_bridge.session.session import GenerateSpec
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from tests.contracts.generator import projections
from tests.generation.tiny.walks import small_network
from tests.session.test_session import PATH, Watcher
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

MAGENTA = np.array([230, 20, 220], np.uint8)


def tiny(moves: float = -1.0) -> Tiny:
    """With random weights, and everything or nothing taken to move."""
    network = small_network()
    with torch.no_grad():
        network.out.bias[SHARE] = moves
    return Tiny(network=network, shape=ClipShape(96, 64, new_frames=6), device="cpu")


def magenta(picture) -> bool:
    """Of a picture (…, 3, H, W) in −1…1, or uint8 (H, W, 3)."""
    if isinstance(picture, np.ndarray):
        picture = torch.from_numpy(picture).movedim(-1, 0) / 127.5 - 1
    red, green, blue = picture.float().unbind(-3)
    return bool(((red > 0.4) & (green < -0.4) & (blue > 0.4)).any())


async def test_a_removed_thing_is_gone_from_every_later_view(tmp_path, monkeypatch):
    shown, honest = [], flow.steps
    monkeypatch.setattr(flow, "steps", lambda n, c, *rest: (shown.append(c), honest(n, c, *rest))[1])
    renderer, generator = CpuRenderer(), tiny()
    host = SessionHost(SessionLibrary(tmp_path), Stages(renderer, Slam(renderer)), {"tiny": lambda: generator}, "tiny")
    session = await host.open("scene", create=True)
    views = [look(camera((x, -0.5, -3.0)), ids=True) for x in (-1.5, -0.5, 0.5, 1.5, 2.5)]  # so that hardly a hole is filled
    await session.seed([replace(v, colour=np.where((v.object_ids == 7)[..., None], MAGENTA, v.colour)) for v in views])
    watcher = Watcher(session)

    async def made(seed: int):
        job = session.generate(GenerateSpec(trajectory=PATH, clips=1, seed=seed, auto_accept=True))
        done = await watcher.finished(job)
        assert done.stage is Stage.DONE, watcher.of(JobFailed)
        take = watcher.of(TakeChanged)[-1].take
        assert take.state is TakeState.ACCEPTED
        return [(await session.take_frame(take.number, n))[0] for n in range(take.frames_total)]

    before = await made(1)
    assert any(magenta(frame.colour) for frame in before) and magenta(shown[0].fill[:, :, :3])
    await session.edit(RemoveRegion(Box.from_bounds(PILLAR_LOW - 0.05, PILLAR_HIGH + 0.05)))
    shown.clear()
    for seed in (2, 3):
        assert not any(magenta(frame.colour) for frame in await made(seed))
    assert any(c.given.valid.any() and c.given.preceding for c in shown), "it was shown frames from before the removal"
    assert not any(magenta(c.fill[:, :, :3]) or magenta(c.given.state[:, :, :3]) for c in shown)
    snapshot = session.memory.snapshot()
    assert not magenta(renderer.render(snapshot, camera()).colour)
    await host.close()


def test_what_moves_stays_out_of_memory():
    renderer = CpuRenderer()
    stages, memory = Stages(renderer, Slam(renderer)), Memory()
    plant(stages, memory, [look(camera())], 0, "", lambda _done, _total: None)
    before = memory.snapshot()
    cameras = tuple(camera((0.1 * i, -0.5, -3.0), (0.6 * i, -0.5, 1.0)) for i in range(6))
    plan = ClipPlan(1, cameras, (), "an imp", 0, 16.0)

    def fold(moves: float) -> None:
        take = make_take(stages, tiny(moves=moves), before, plan, lambda _event: None, CancelToken())
        fold_in(stages, memory, take, lambda _done, _total: None)

    with pytest.raises(RejectedUpdateError):  # nothing of it stands still
        fold(1.0)
    assert memory.snapshot() is before
    fold(-1.0)
    assert memory.snapshot().points > before.points


def test_every_creature_word_reaches_the_picture():
    network = small_network()
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.05, generator=torch.Generator().manual_seed(1))
    generator, video = Tiny(network=network, device="cpu"), projections(frames=1, size=(32, 32))

    def colour(prompt: str):
        *_, frame = generator.generate(ClipRequest(video, prompt=prompt, seed=5), CancelToken())
        return frame.colour

    pictures = {colour(f"a room {word}").tobytes() for word in ("", *CREATURES)}
    assert len(pictures) == 1 + len(CREATURES)
