import pytest

from spatia_bridge.gateway import GatewayServer
from tests.service.hosts import Painter, make_host


@pytest.fixture(autouse=True)
def farewell(monkeypatch):
    """Raw clients do not close when they are told why; they need not wait for it."""
    monkeypatch.setattr("spatia_bridge.gateway.server.FAREWELL_SECS", 0.02)


@pytest.fixture
def painter():
    return Painter()


@pytest.fixture
async def host(tmp_path, painter):
    host = make_host(tmp_path / "sessions", painter)
    yield host
    await host.close()


@pytest.fixture
async def server(host):
    server = GatewayServer(host, "127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(1.0)


@pytest.fixture
def address(server):
    return f"ws://127.0.0.1:{server.port}"
