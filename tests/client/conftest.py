import pytest

from spatia_bridge.gateway import GatewayServer
from spatia_bridge.service import BridgeServer

SERVERS = {"grpc": (BridgeServer, ""), "websocket": (GatewayServer, "ws://")}


@pytest.fixture(params=list(SERVERS))
def transport(request):
    """A server's class, and how its addresses begin: a client must not notice which it is."""
    return SERVERS[request.param]


@pytest.fixture
async def server(host, transport):
    server = transport[0](host, "127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(1.0)


@pytest.fixture
def address(server, transport):
    return f"{transport[1]}127.0.0.1:{server.port}"
