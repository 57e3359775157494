import asyncio
import json
import subprocess
import sys

import pytest

from tests.cli.places import seed


@pytest.fixture(params=["data", "server"])
def place(request, tmp_path):
    """The arguments that name sessions with `hall` among them: in a folder, or with a server."""
    folder = tmp_path / "sessions"
    asyncio.run(seed(folder))
    if request.param == "data":
        yield ["--data", str(folder)]
        return
    command = [sys.executable, "-m", "spatia_bridge", "serve", "--port", "0", "--data", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield ["--server", json.loads(server.stdout.readline())["address"]]
        finally:
            server.terminate()
