"""A server on the loopback that speaks as much of the Hugging Face Hub's API as fetching needs, and misbehaves when told."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from safetensors.numpy import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "Wan-AI/Wan2.1-VACE-1.3B-diffusers"  # of the model that tests fetch
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


def weights(size: int = 200_000) -> bytes:
    return save({"layer.weight": np.random.default_rng(0).random((size // 8,), np.float64)})


def lfs(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}


class Hub(ThreadingHTTPServer):
    """Serves `files`; what is listed is what it had when `list_files` was called last.

    Attributes:
        asked: (path, Range header) of every download.
        cut_after: bytes of a body after which the connection is dropped; None = never.
        ranges: whether Range is honoured.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {"model_index.json": b'{"_class_name": "WanVACEPipeline"}', WEIGHTS: weights(), "README.md": b"hello"}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.cut_after: int | None = None
        self.ranges = True
        self.listed: list[dict[str, object]] = []
        self.list_files()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def list_files(self) -> None:
        self.listed = [self._entry(path, data) for path, data in self.files.items()]

    def _entry(self, path: str, data: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        large = {"lfs": lfs(data)} if path.endswith((".safetensors", ".bin")) else {}
        return {"rfilename": path, "size": len(data), "blobId": blob, **large}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            info = {"id": REPOSITORY, "sha": COMMIT, "siblings": self.server.listed, "cardData": {"license": "apache-2.0"}}
            self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
            return
        prefix = f"/{REPOSITORY}/resolve/{COMMIT}/"
        data = self.server.files.get(self.path.removeprefix(prefix)) if self.path.startswith(prefix) else None
        if data is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            return
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path.removeprefix(prefix), wanted, self.headers.get("Authorization")))
        if wanted and self.server.ranges:
            begin = int(wanted.removeprefix("bytes=").split("-")[0])
            self._send(206, data[begin:], {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"})
        else:
            self._send(200, data, {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.server.cut_after
        self.wfile.write(body[:cut])
        if cut is not None and cut < len(body):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass
