"""For all tests: hypothesis draws the same examples in every run, however slow the machine; a host for real servers."""

import pytest
from hypothesis import settings

from spatia_bridge.client import BridgeClient
from tests.service.hosts import Painter, make_host
from tests.worlds import camera, look

settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


@pytest.fixture
def painter():
    return Painter()


@pytest.fixture
async def host(tmp_path, painter):
    host = make_host(tmp_path / "sessions", painter)
    yield host
    await host.close()


@pytest.fixture
async def guard(address, host):
    """A seeded session and a second client; afterwards both must be as they were."""
    async with await BridgeClient.connect(address, "s", name="bystander") as bystander:
        await bystander.seed([look(camera())])
        before = await bystander.synced()
        session = await host.open("s")
        digest = session.memory.snapshot().record_digest
        yield
        await bystander.ping()
        assert await bystander.synced() == before
        assert session.memory.snapshot().record_digest == digest
        async with await BridgeClient.connect(address, "s") as newcomer:
            assert await newcomer.synced() == before
