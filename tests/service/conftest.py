import pytest

from spatia_bridge.client import SessionsClient
from spatia_bridge.service import BridgeServer


@pytest.fixture
async def server(host):
    server = BridgeServer(host, "127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(1.0)


@pytest.fixture
def address(server):
    return f"127.0.0.1:{server.port}"


@pytest.fixture
async def sessions(address):
    async with SessionsClient(address) as sessions:
        yield sessions
