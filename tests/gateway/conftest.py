import pytest

from spatia_bridge.gateway import GatewayServer


@pytest.fixture(autouse=True)
def farewell(monkeypatch):
    """Raw clients do not close when they are told why; they need not wait for it."""
    monkeypatch.setattr("spatia_bridge.gateway.server.FAREWELL_SECS", 0.02)


@pytest.fixture
async def server(host):
    server = GatewayServer(host, "127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(1.0)


@pytest.fixture
def address(server):
    return f"ws://127.0.0.1:{server.port}"
