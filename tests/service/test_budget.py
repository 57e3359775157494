"""A host with a budget of points: clients hear what it cost and hold what is left, and a restart changes nothing."""

from spatia_bridge.app import serving
from spatia_bridge.client import BridgeClient
from tests.service.hosts import make_host
from tests.service.walks import accepted
from tests.worlds import camera, look

MAX_POINTS = 8000


async def test_a_full_memory_is_followed_told_of_and_found_again(tmp_path, painter):
    host = make_host(tmp_path / "sessions", painter, max_points=MAX_POINTS)
    evicted = []
    async with serving(host, "127.0.0.1:0") as server, await BridgeClient.connect(f"127.0.0.1:{server.port}", "s") as client:
        for x in (-2, -1, 1, 2):
            await client.seed([look(camera(eye=(x, -0.5, -2.5), target=(-x, -0.5, 0)))])
            await client.synced()
            evicted.append(client.revision.health.get("evicted_points", 0))
            await accepted(client)
            digest = (await client.synced()).digest
            assert client.mirror.points == client.revision.points <= MAX_POINTS
    assert 0 in evicted
    assert max(evicted) > 0
    again = make_host(tmp_path / "sessions", painter, max_points=MAX_POINTS)
    assert (await again.open("s")).memory.snapshot().packed_digest == int.from_bytes(digest, "big")
    await again.close()
