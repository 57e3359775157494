"""A real Godot: found or fetched, started under a display of its own, driven over a loopback socket."""

import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import msgpack

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
PROJECT = REPOSITORY / "engine_clients" / "godot"
CACHE = Path(os.environ.get("SPATIA_ENGINES", REPOSITORY / ".engines"))
START_SECS = 120.0
ANSWER_SECS = 150.0
OLDEST = (4, 4)


class NoEngineError(Exception):
    """There is no Godot here; the message says what to do."""


class Godot:
    """Where Godot is, and how a command is run beside it.

    Attributes:
        prefix: before every command: enters the root that has Godot, if it is one.
        binary: of Godot.
    """

    def __init__(self, binary: str, root: Path | None) -> None:
        self.binary = binary
        self._root = root

    def command(self, folder: Path, *words: str) -> list[str]:
        """A command that sees `folder` under its own name."""
        if self._root is None:
            return list(words)
        return [str(HERE / "in_root.sh"), str(self._root), str(folder), *words]

    @classmethod
    def find(cls) -> "Godot":
        """$GODOT, one on PATH, else a small Debian with one in the cache.

        Raises:
            NoEngineError: none of these.
        """
        for name in (os.environ.get("GODOT"), shutil.which("godot"), shutil.which("godot4")):
            if name and _version(name) >= OLDEST:
                if shutil.which("Xvfb") is None:
                    raise NoEngineError(f"{name} is there, but Xvfb is not: install xvfb")
                return cls(name, None)
        made = subprocess.run([HERE / "godot_root.sh", CACHE / "godot"], stdout=subprocess.PIPE, text=True, check=True)
        said = made.stdout.strip().splitlines()[-1]
        if said.startswith("skipped:"):
            raise NoEngineError(said)
        return cls("godot", Path(said))


def _version(binary: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([binary, "--headless", "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"(\d+)\.(\d+)", said.strip())
    return tuple(map(int, found.groups())) if found else ()


class Display:
    """An X server in memory with a number of its own; ended by its process."""

    def __init__(self, godot: Godot, folder: Path) -> None:
        command = godot.command(folder, "Xvfb", "-displayfd", "1", "-screen", "0", "1280x960x24", "-nolisten", "tcp")
        self._log = (folder / "xvfb.log").open("w")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECS)
        self.number = int(self._process.stdout.readline()) if ready else -1

    def close(self) -> None:
        _end(self._process)
        self._log.close()


class Driver:
    """One running Godot with the example project and the driver scene, or the editor with the driver plugin.

    Attributes:
        folder: shared with the engine under the same name.
        log: what the engine printed.
    """

    def __init__(
        self, godot: Godot, folder: Path, *, renderer: str, display: Display | None, size: str = "640x480", editor: bool = False
    ) -> None:
        self.folder = folder
        project = folder / "project"
        if not project.exists():
            copy_project(godot, folder)
        self.log = folder / f"godot-{'editor-' * editor}{renderer or 'headless'}.log"
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(START_SECS)
        words = [godot.binary, "--path", str(project), "--audio-driver", "Dummy"]
        words += ["--rendering-driver", renderer, "--resolution", size] if renderer else ["--headless"]
        if renderer == "vulkan":
            words += ["--rendering-method", "forward_plus"]
        words += ["--editor", "res://example/example.tscn"] if editor else ["res://driver/driver.tscn"]
        shown = ["env", f"SPATIA_DRIVER_PORT={listener.getsockname()[1]}"]
        shown += [f"DISPLAY=:{display.number}"] if display else []
        self._file = self.log.open("w")
        self._process = subprocess.Popen(godot.command(folder, *shown, *words), stdout=self._file, stderr=subprocess.STDOUT)
        try:
            self._socket, _ = listener.accept()
        except TimeoutError:
            self.close()
            raise AssertionError(f"Godot did not start:\n{self.log.read_text()}") from None
        finally:
            listener.close()
        self._socket.settimeout(ANSWER_SECS)

    def call(self, do: str, *args: Any) -> Any:
        """One request to the engine and its answer."""
        data = msgpack.packb({"do": do, "args": list(args)})
        self._socket.sendall(struct.pack(">I", len(data)) + data)
        (size,) = struct.unpack(">I", self._receive(4))
        return msgpack.unpackb(self._receive(size), strict_map_key=False)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            assert piece, f"Godot is gone:\n{self.log.read_text()}"
            data += piece
        return data

    def errors(self) -> list[str]:
        """What the engine complained about so far."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if re.search(r"SCRIPT ERROR|^ERROR|SHADER ERROR", line) and "X509" not in line]

    def close(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()
        _end(self._process)
        self._file.close()


def copy_project(godot: Godot, folder: Path) -> None:
    """The example project and the driver in the shared folder, imported."""
    project = folder / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".godot"))
    shutil.copytree(HERE / "godot", project / "driver")
    shutil.copytree(HERE / "godot_editor", project / "addons" / "editor_driver")
    settings = project / "project.godot"
    plugin = 'PackedStringArray("res://addons/editor_driver/plugin.cfg", '
    settings.write_text(settings.read_text().replace("enabled=PackedStringArray(", f"enabled={plugin}"))
    command = godot.command(folder, godot.binary, "--headless", "--path", str(project), "--import")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
