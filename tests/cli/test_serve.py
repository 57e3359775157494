"""`serve`: what it announces, what it opens, how it ends."""

import argparse
import contextlib
import json
import signal
import subprocess
import sys

import pytest

from spatia_bridge.cli.serve import _websocket_port
from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import UnavailableError
from tests.worlds import camera, look


@contextlib.contextmanager
def serving(folder, *options):
    command = [sys.executable, "-m", "spatia_bridge", "serve", "--port", "0", "--data", str(folder), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.kill()


async def test_one_process_serves_one_session_over_both(tmp_path):
    with serving(tmp_path, "--json") as server:
        said = json.loads(server.stdout.readline())
        assert said["websocket"].startswith("ws://127.0.0.1:")
        async with (
            await BridgeClient.connect(said["address"], "s") as grpc,
            await BridgeClient.connect(said["websocket"], "s") as websocket,
        ):
            await websocket.seed([look(camera())])
            assert (await grpc.synced(1)) == (await websocket.synced(1))
            server.send_signal(signal.SIGTERM)
            for client in (grpc, websocket):
                with pytest.raises(UnavailableError, match="shutting down"):
                    await client.until(lambda: False)
        assert server.wait(30) == 0


def test_the_announcement_to_people(tmp_path):
    with serving(tmp_path) as server:
        assert "(gRPC, no token, no TLS)" in server.stdout.readline()
        assert server.stdout.readline().split()[1].startswith("ws://127.0.0.1:")


def test_without_websocket(tmp_path):
    with serving(tmp_path, "--json", "--no-ws") as server:
        assert json.loads(server.stdout.readline())["websocket"] is None


@pytest.mark.parametrize(
    ("port", "ws_port", "expected"), [(50051, None, 50052), (0, None, 0), (65535, None, 0), (50051, 0, 0), (50051, 9, 9)]
)
def test_which_port(port, ws_port, expected):
    assert _websocket_port(argparse.Namespace(port=port, ws_port=ws_port)) == expected
