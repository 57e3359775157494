"""A real `spatia-bridge serve` in a process of its own."""

import json
import select
import signal
import subprocess
import sys
from pathlib import Path

START_SECS = 60.0


class BridgeProcess:
    """Serves the sessions below `data`; `kill` ends it as a crash would, `start` brings it back at the same address.

    Attributes:
        websocket: `ws://…` for engines and the Python client alike.
        grpc: host and port of the same server's gRPC.
    """

    def __init__(self, data: Path, *options: str) -> None:
        self._data, self._options = data, options
        self._port = 0
        self._log = (data.parent / "server.log").open("a")
        self.websocket = self.grpc = ""
        self.start()

    def start(self) -> None:
        place = ["--data", str(self._data), "--port", "0", "--ws-port", str(self._port)]
        command = [sys.executable, "-m", "spatia_bridge", "serve", "--json", *place, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECS)
        assert ready, "the server did not start"
        said = json.loads(self._process.stdout.readline())
        self.websocket, self.grpc = said["websocket"], said["address"]
        self._port = int(self.websocket.rpartition(":")[2].rstrip("/"))

    def kill(self) -> None:
        """As a crash or a power cut would."""
        self._process.kill()
        self._wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._wait()
        self._log.close()

    def _wait(self) -> None:
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
