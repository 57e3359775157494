"""What a designer does by hand, from each engine, over the real server: memory changes as it says, and the mirror follows."""

import numpy as np
import pytest

from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import ConflictError, InvalidInputError, LimitExceededError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import messages as msg
from spatia_bridge.memory import Box
from tests.worlds import PILLAR_HIGH, PILLAR_LOW, camera, look

PILLAR = Box.from_bounds(PILLAR_LOW - 0.1, PILLAR_HIGH + 0.1)
STEP = se3.from_parts(np.eye(3), [1.2, 0, -0.5])


@pytest.fixture(params=list(Engine), ids=lambda engine: engine.value)
async def client(request, address):
    async with await BridgeClient.connect(address, "s", engine=request.param) as client:
        await client.seed([look(camera())])
        await client.synced()
        yield client


async def points_of(client):
    """The mirror's points (N, 3) in the world, once it is memory's."""
    await client.synced()
    return client._convention.world_from_points(client.mirror.points_client())


async def memory_of(host):
    snapshot = (await host.open("s")).memory.snapshot()
    return np.concatenate([chunk.points_world(snapshot.voxel_size_m) for chunk in snapshot.chunks.values()])


def inside(points, box=PILLAR):
    return box.contains(points)


def assert_same_points(found, expected):
    assert found.shape == expected.shape
    for axis in range(3):
        np.testing.assert_allclose(np.sort(found[:, axis]), np.sort(expected[:, axis]), atol=1e-6)


async def test_move_duplicate_recolour_insert(client, host):
    before = await points_of(client)
    moved_box = Box.from_bounds(PILLAR_LOW - 0.1 + STEP[:3, 3], PILLAR_HIGH + 0.1 + STEP[:3, 3])
    was_there = inside(before, moved_box).sum()
    assert await client.duplicate(PILLAR, STEP) == 2
    copied = await points_of(client)
    assert inside(copied).sum() == inside(before).sum()
    assert inside(copied, moved_box).sum() > was_there
    await client.undo()
    await client.move(PILLAR, STEP)
    moved = await points_of(client)
    assert not inside(moved).any()
    assert_same_points(moved, await memory_of(host))
    await client.recolour(moved_box, (0, 0, 255))
    snapshot = (await host.open("s")).memory.snapshot()
    rgb = np.concatenate([chunk.records["rgb"] for chunk in snapshot.chunks.values()])
    painted = rgb[inside(await memory_of(host), moved_box)]
    assert (painted[:, 2] > painted[:, 0]).mean() > 0.9
    new = np.array([[0.5, -0.5, 0.25], [0.5, -0.6, 0.25]])
    await client.insert(new, [[1, 2, 3]] * 2, snapshot.voxel_size_m)
    found = await points_of(client)
    assert_same_points(found, await memory_of(host))
    for point in new:
        assert np.abs(found - point).max(axis=1).min() < snapshot.voxel_size_m / 4
    with pytest.raises(InvalidInputError):
        await client.recolour(PILLAR, (0, 0, 256))
    with pytest.raises(InvalidInputError):
        await client.move(PILLAR, np.eye(4))  # nothing is left there
    with pytest.raises(LimitExceededError):
        await client.request(msg.Edit(insert=msg.Insert(2_000_000)))


async def test_to_size_and_upright(client, host):
    before, size_m = await points_of(client), client.mirror.space.voxel_size_m
    events = client.events()
    door = (np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.3, 1.0]))
    await client.measure(*door, 2.1)
    np.testing.assert_allclose(await points_of(client), 3 * before, atol=1e-6)
    assert client.mirror.space.voxel_size_m == pytest.approx(3 * size_m)
    await client.set_scale(0.5)
    np.testing.assert_allclose(await points_of(client), 1.5 * before, atol=1e-6)
    for factor in (3, 1):
        await client.undo()
        np.testing.assert_allclose(await points_of(client), factor * before, atol=1e-6)
    assert client.mirror.space.voxel_size_m == pytest.approx(size_m)
    with pytest.raises(ConflictError):
        await client.undo()
        await client.undo()
    await client.redo()
    await client.set_down((0, 0, 1))
    turned = await points_of(client)
    assert_same_points(turned, await memory_of(host))
    np.testing.assert_allclose(turned[:, 1].max(), before[:, 2].max(), atol=0.2)
    with pytest.raises(InvalidInputError):
        await client.measure(door[0], door[0], 2.0)
    with pytest.raises(InvalidInputError):
        await client.set_scale(1e6)
    await client.ping()
    spaces = []
    async for body in events:
        if isinstance(body, msg.Space):
            spaces.append(body)
        if isinstance(body, msg.Pong):
            break
    assert len(spaces) == 4  # measure, scale, and the undo of each


async def test_who_comes_back_after_a_realignment_finds_everything_in_place(address, host):
    async with await BridgeClient.connect(address, "s", engine=Engine.UNITY) as client:
        await client.seed([look(camera())])
        await client.synced()
        mirror = client.mirror
    async with await BridgeClient.connect(address, "s") as other:
        await other.set_scale(2.0)
    async with await BridgeClient.connect(address, "s", engine=Engine.UNITY, mirror=mirror) as client:
        assert client.welcome.resumed
        assert_same_points(await points_of(client), await memory_of(host))
