"""Godot's own colour and depth as a seed: the true depth, whatever the level looks like; memory lies on the level."""

import asyncio

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.client.views import depth_of
from spatia_bridge.evaluation.metrics import ssim
from tests.engines.scene import FLIP, camera_of, decode, half, save, screenshot, wait_synced

SIZE = [320, 240]
VIEW = ([0.3, 1.6, 3.0], [-6, 5, 0], {"fov": 70.0, "far": 200.0})
# centre, size: as in example/greybox.tscn
BOXES = [
    ((0, -0.05, 0), (6, 0.1, 8)),
    ((0, 1.5, -4.05), (6, 3, 0.1)),
    ((-3.05, 1.5, 0), (0.1, 3, 8)),
    ((3.05, 1.5, 0), (0.1, 3, 8)),
    ((0, 1.5, 4.05), (6, 3, 0.1)),
    ((-1.1, 0.5, -1.6), (1, 1, 1)),
    ((1.7, 1.5, -2.4), (0.5, 3, 0.5)),
    ((2.5, 1.0, -0.2), (1, 0.15, 2)),
]


@pytest.fixture(scope="module")
def level(engine, bridge):
    engine.call("open", bridge.websocket, f"greybox-{engine.renderer}", {})
    engine.call("overlay", False)
    return f"greybox-{engine.renderer}"


def true_depth(camera):
    """Planar depth of the greybox's boxes; inf where there is nothing."""
    rays = camera.rays().astype(np.float64) @ camera.world_from_camera[:3, :3].T @ FLIP
    rays = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    origin = FLIP @ camera.position_world
    depth = np.full(rays.shape[:2], np.inf)
    for centre, size in BOXES:
        a = (np.array(centre) - np.array(size) / 2 - origin) / rays
        b = (np.array(centre) + np.array(size) / 2 - origin) / rays
        enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
        depth = np.where((enter < leave) & (enter > 0), np.minimum(depth, enter), depth)
    return depth


def captured(engine):
    seen = engine.call("look", SIZE)
    depth = np.frombuffer(seen["depth"], np.float32).reshape(SIZE[1], SIZE[0])
    return depth, decode(seen["colour"]), camera_of(seen["camera"])


def nearest_within_a_pixel(depth, wanted):
    """The relative error of `depth` where the best of each pixel and its neighbours counts."""
    depth, wanted = np.minimum(depth, 1e6), np.minimum(wanted, 1e6)
    padded = np.pad(depth, 1, mode="edge")
    shifted = [padded[y : y + depth.shape[0], x : x + depth.shape[1]] for y in range(3) for x in range(3)]
    return np.min([np.abs(each - wanted) / wanted for each in shifted], axis=0)


def test_captured_depth_is_the_true_one(engine, level, artefacts):
    engine.call("camera", *VIEW)
    engine.call("letters", False)
    depth, colour, camera = captured(engine)
    engine.call("letters", True)
    shade = (255 - np.minimum(depth, 9) / 9 * 255).astype(np.uint8)
    save(artefacts / f"godot-{engine.renderer}-capture.png", np.hstack([colour, np.repeat(shade[..., None], 3, axis=2)]))
    wanted = true_depth(camera)
    sky = np.isinf(wanted)
    assert (depth[sky] > 1e30).mean() > 0.99
    error = np.abs(depth - wanted)[~sky] / wanted[~sky]
    edge = nearest_within_a_pixel(depth, wanted)[~sky]
    print(f"\n{engine.renderer} depth is {np.median(error):.1e} off, at 99 % {np.quantile(error, 0.99):.1e}")
    assert np.quantile(error, 0.99) < 2e-4
    assert edge.max() < 1e-3


def test_the_look_of_the_level_does_not_disturb_depth(engine, level, artefacts):
    engine.call("camera", *VIEW)
    plain, bright, _ = captured(engine)
    engine.call("environment", {"tonemap_mode": 2, "tonemap_exposure": 2.5, "fog_enabled": True, "fog_density": 0.2})
    filmic, dark, _ = captured(engine)
    save(artefacts / f"godot-{engine.renderer}-capture-filmic.png", dark)
    engine.call("environment", {"tonemap_mode": 0, "tonemap_exposure": 1.0, "fog_enabled": False})
    assert np.abs(bright.astype(int) - dark).mean() > 10
    assert np.array_equal(plain, filmic)


def test_a_seed_lies_on_the_level(engine, bridge, level, artefacts):
    said = engine.call("camera", *VIEW)
    answer = engine.call("seed", SIZE, [])
    assert answer["ok"], answer
    wait_synced(engine, answer["revision"])
    depth, colour, camera = captured(engine)  # memory is in view now and must be left out
    assert np.allclose(camera.world_from_camera, camera_of(said).world_from_camera, atol=1e-6)
    wanted = true_depth(camera)
    assert (nearest_within_a_pixel(depth, wanted)[np.isfinite(wanted)] < 0.002).mean() > 0.95  # the rest is letters

    projection = asyncio.run(_project(bridge, level, camera))
    server = depth_of(projection.depth)
    seen = (depth < 1e30) & (server > 0)
    error = nearest_within_a_pixel(server, np.where(seen, depth, 1.0))[seen]
    same = ssim(half(decode(projection.colour.data)), half(colour))
    print(f"\n{engine.renderer} seed: coverage {projection.coverage:.3f}, SSIM of the projection to what Godot sees {same:.3f}")
    print(f"depth within a pixel: 95 % are {np.quantile(error, 0.95):.1e} off, 99 % {np.quantile(error, 0.99):.1e}")
    assert seen.sum() > 0.98 * (depth < 1e30).sum()
    assert np.quantile(error, 0.99) < 0.02
    assert same >= 0.9


async def _project(bridge, session, camera):
    async with await BridgeClient.connect(bridge.websocket, session, create=False) as client:
        await client.synced()
        await client.live_view(True, (camera.intrinsics.width, camera.intrinsics.height), depth=True)
        await client.pose(camera, 0.0)
        await client.until(lambda: client.live is not None)
        return client.live


def test_a_sweep_becomes_the_level(engine, level, artefacts):
    """Seen from elsewhere, memory alone looks like the level itself."""
    places = [[[x, 1.5, z], [0, degrees, 0]] for x, z in ((-0.5, 1.5), (0.8, -0.5)) for degrees in range(0, 360, 60)]
    places.append([[0.3, 1.4, 3.0], [-35, 0, 0]])
    engine.call("camera", [0, 1.5, 0], [0, 0, 0], {"fov": 75.0})
    answer = engine.call("seed", [240, 180], places)
    assert answer["ok"], answer
    wait_synced(engine, answer["revision"])
    engine.call("camera", [0.9, 1.2, 2.6], [-5, 18, 0], {"fov": 65.0})
    engine.call("memory", {"visible": False})
    real = screenshot(engine, artefacts / f"godot-{engine.renderer}-level.png")
    engine.call("memory", {"visible": True})
    engine.call("greybox", False)
    memory = screenshot(engine, artefacts / f"godot-{engine.renderer}-level-as-memory.png")
    engine.call("greybox", True)
    similarity = ssim(half(real), half(memory))
    print(f"\n{engine.renderer} level and its memory: SSIM {similarity:.3f}")
    assert similarity >= 0.85


def test_no_complaints(engine, level):
    assert engine.errors() == []
