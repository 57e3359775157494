"""How Godot comes back to a server that is of no use: less and less often, until one keeps its word."""

import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack
from spatia_bridge.wire.packets import SUBPROTOCOL, PacketReader
from tests.engines.scene import wait


class Fickle:
    """Welcomes whoever comes and breaks off; first gets them in sync if `syncs` is set. Attributes: hellos: as they came."""

    def __init__(self) -> None:
        self.hellos: list[msg.Hello] = []
        self.syncs = threading.Event()

    def __call__(self, socket: ServerConnection) -> None:
        try:
            self.hellos.append(PacketReader(msg.ClientMessage).add(socket.recv()).body)
            socket.send(pack(msg.ServerMessage(1, msg.Welcome(1, "0", "s", revision=msg.Revision()))))
            if self.syncs.is_set():
                socket.send(pack(msg.ServerMessage(0, msg.Synced(0, bytes(32)))))
            for _ in range(2):  # Godot drops what it has not handed out when the end comes in the same frame
                socket.ping().wait(20)
        except ConnectionClosed:
            pass


@pytest.fixture
def fickle() -> Iterator[tuple[str, Fickle]]:
    handler = Fickle()
    with serve(handler, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", handler
        server.shutdown()
        thread.join()


def test_a_welcome_alone_is_no_reason_to_hurry_back(headless, fickle):
    url, server = fickle
    headless.call("open", url, "s", {})
    state = wait(headless, lambda s: len(s["attempts"]) >= 3, "three attempts")
    assert state["attempts"][:3] == [1, 2, 3] and state["events"][:6] == ["anew", "gone"] * 3
    server.syncs.set()
    wait(headless, lambda s: 1 in s["attempts"][3:], "an attempt after one that worked")
    headless.call("open", "ws://127.0.0.1:1", "s", {"reconnect": False, "connect_on_start": False})
    assert all(hello.batch_chunks and msg.Compression.ZSTD in hello.compressions for hello in server.hellos)
