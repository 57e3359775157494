"""The protocol cores of the Unity and Unreal clients, built from source and driven through a pipe.

Both have a driver (`cores/driver.cpp`, `cores/Driver.cs`) that obeys the same commands, so one set of tests binds them to one
behaviour. A command and its answer are msgpack maps; what an answer leaves out is at its default.

    recode      text: ClientMessage or ServerMessage; data: its bytes → read and written again
    protobuf    text: as above; data: protobuf → msgpack, flag: the other way (C# only)
    split       data: a ClientMessage → its packets
    join        packets of a server → the whole messages
    mirror      packets: chunk messages, flag: then restore → what the point mirror has; data: float64 positions (N, 3)
    play        steps of a session with a scripted transport → packets sent, events, replies; data: float64 waits in seconds
    inflate     text: gzip or none; data, size → the raw data
    png         data → size and samples
    open        text: URL; session, engine, flag: push frames → a live link
    request     data: a ClientMessage whose body is asked → the number under which its reply will come
    tell        data: a ClientMessage whose body is sent
    state       how the live link stands; events, replies and frames are told once
    positions   data: float64 (N, 3) of the live link's points
    close       ends the live link
"""

import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import msgpack

from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
CLIENTS = REPOSITORY / "engine_clients"
BUILD = REPOSITORY / "build" / "cores"
CSHARP_FLAGS = ["-langversion:7.2", "-warnaserror", "-warn:4"]  # the newest that Mono's compiler knows; Unity 2021 has 9
CSHARP_LIBRARIES = ["-r:System.dll", "-r:System.Core.dll", "-r:System.IO.Compression.dll"]
WAIT_SECS = 150.0  # the server may share its cores with much else


class NoToolsError(Exception):
    """What builds a core is not here; the message says what to install."""


def build_cpp() -> list[str]:
    """Compile with warnings as errors, under the address and undefined behaviour sanitizers; the driver's command."""
    return [str(build_cpp_targets("driver", "fuzz", "bridge_example") / "driver")]


def build_cpp_targets(*targets: str) -> Path:
    """Compile these of `cores/CMakeLists.txt`, so; the build folder."""
    if shutil.which("cmake") is None or shutil.which("g++") is None or not Path("/usr/include/zlib.h").exists():
        raise NoToolsError("the C++ core is built by cmake, g++ and zlib: install cmake g++ zlib1g-dev")
    folder = BUILD / "cpp"
    _run("cmake", "-S", str(HERE / "cores"), "-B", str(folder), "-DCMAKE_CXX_COMPILER=g++")
    _run("cmake", "--build", str(folder), "--parallel", "2", "--target", *targets)
    return folder


def build_grpc_example() -> list[str]:
    """Compile the C++ example over gRPC; its command."""
    if not all(map(shutil.which, ("protoc", "grpc_cpp_plugin"))) or not Path("/usr/include/grpcpp/grpcpp.h").exists():
        raise NoToolsError("gRPC for C++ is not here: install libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc")
    return [str(build_cpp_targets("grpc_example") / "core" / "grpc_example")]


def build_csharp() -> list[str]:
    """Compile with warnings as errors; the driver's command."""
    if shutil.which("mcs") is None or shutil.which("mono") is None:
        raise NoToolsError(
            "the C# core is built and run by Mono: install mono-mcs mono-runtime libmono-system4.0-cil "
            "libmono-system-core4.0-cil libmono-system-net-http4.0-cil libmono-system-io-compression4.0-cil"
        )
    folder = BUILD / "csharp"
    folder.mkdir(parents=True, exist_ok=True)
    core = folder / "Spatia.Bridge.Core.dll"
    sources = sorted(str(path) for path in (CLIENTS / "unity" / "com.spatia.bridge" / "Runtime" / "Core").glob("*.cs"))
    _run("mcs", *CSHARP_FLAGS, *CSHARP_LIBRARIES, "-target:library", f"-out:{core}", *sources)
    for name, source in (
        ("driver.exe", HERE / "cores" / "Driver.cs"),
        ("example.exe", CLIENTS / "unity" / "examples" / "BridgeExample.cs"),
    ):
        _run("mcs", *CSHARP_FLAGS, *CSHARP_LIBRARIES, f"-r:{core}", f"-out:{folder / name}", str(source))
    return ["mono", str(folder / "driver.exe")]


def build_unity() -> list[str]:
    """Compile every script of the Unity package against the stubs, warnings as errors; the driver's command."""
    build_csharp()
    folder, package = BUILD / "csharp", CLIENTS / "unity" / "com.spatia.bridge"

    def compiled(name: str, sources: list[Path], *flags: str) -> str:
        target = "-target:exe" if name.endswith(".exe") else "-target:library"
        _run("mcs", *CSHARP_FLAGS, *CSHARP_LIBRARIES, *flags, target, f"-out:{folder / name}", *map(str, sources))
        return f"-r:{folder / name}"

    stubs = compiled("UnityStubs.dll", sorted((HERE / "unity_stubs").glob("*.cs")), "-nowarn:0067,0649", "-r:System.Net.Http.dll")
    core = f"-r:{folder / 'Spatia.Bridge.Core.dll'}"
    runtime = package / "Runtime"
    components = [path for path in sorted(runtime.rglob("*.cs")) if path.relative_to(runtime).parts[0] not in ("Core", "Grpc")]
    unset = "-nowarn:0649"  # Unity sets serialised fields
    compiled("WithoutUi.dll", components, stubs, core, unset)
    bridge = compiled("Spatia.Bridge.dll", components, stubs, core, unset, "-define:SPATIA_UGUI")
    editor = compiled("Spatia.Bridge.Editor.dll", sorted((package / "Editor").rglob("*.cs")), stubs, core, bridge)
    http = ("-r:System.Net.Http.dll", "-define:SPATIA_HTTP2", "-define:UNITY_EDITOR")
    grpc = compiled("Spatia.Bridge.Grpc.dll", sorted((runtime / "Grpc").glob("*.cs")), stubs, core, bridge, *http)
    compiled("Samples.dll", sorted((package / "Samples~").rglob("*.cs")), stubs, core, bridge, unset)
    compiled("unity_driver.exe", sorted((HERE / "unity").glob("*.cs")), stubs, core, bridge, editor, grpc)
    return ["mono", str(folder / "unity_driver.exe")]


def example_of(language: str) -> list[str]:
    """The command of the example program of a built core."""
    return (
        [str(BUILD / "cpp" / "core" / "bridge_example")] if language == "cpp" else ["mono", str(BUILD / "csharp" / "example.exe")]
    )


BUILDERS = {"cpp": build_cpp, "csharp": build_csharp}


class PipedProgram:
    """A running program that answers msgpack maps with msgpack maps, through a pipe."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, do: str, **what: Any) -> dict[str, Any]:
        """One command and its answer."""
        data = msgpack.packb({"do": do, **what})
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">I", len(data)) + data)
        self._process.stdin.flush()
        (size,) = struct.unpack(">I", self._read(4))
        answer: dict[str, Any] = msgpack.unpackb(self._read(size))
        return answer

    def close(self) -> None:
        """Raises AssertionError: the driver did not end well (the sanitizers say so by its status)."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        status = self._process.wait(30)
        self._process.stdout.close()
        assert status == 0, f"{self._process.args} ended with {status}"

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        assert len(data) == size, f"{self._process.args} is gone: {self._process.wait(30)}"
        return data


class Core(PipedProgram):
    """One running driver of a core.

    Attributes:
        language: a key of BUILDERS, or unity for the components on top of the C# core.
    """

    def __init__(self, language: str) -> None:
        super().__init__((build_unity if language == "unity" else BUILDERS[language])())
        self.language = language
        self._replies: dict[int, dict[str, Any]] = {}
        self.events: list[str] = []
        self.frames: list[dict[str, Any]] = []

    def open(self, url: str, session: str, engine: str = "ENGINE_OPENCV", *, push_frames: bool = False) -> None:
        self._replies, self.events, self.frames = {}, [], []
        self.call("open", text=url, session=session, engine=engine, flag=push_frames)

    def state(self) -> dict[str, Any]:
        """How the live link stands after it moved for a moment."""
        state = self.call("state")
        self._replies.update({reply["request"]: reply for reply in state.get("replies", [])})
        self.events += state.get("events", [])
        self.frames += state.get("frames", [])
        return state

    def wait(self, condition: Any, what: str) -> dict[str, Any]:
        """Until a state fulfils the condition; that state."""
        until = time.monotonic() + WAIT_SECS
        while not condition(state := self.state()):
            assert time.monotonic() < until, f"not in {WAIT_SECS:g} s: {what}: {state}"
        return state

    def wait_synced(self, revision: int) -> dict[str, Any]:
        return self.wait(
            lambda s: s["state"] == "live" and s.get("clean") and s.get("synced", 0) >= revision, f"revision {revision}"
        )

    def ask(self, body: Any) -> dict[str, Any]:
        """A request and its reply."""
        request = self.call("request", data=pack(msg.ClientMessage(0, body)))["request"]
        self.wait(lambda _: request in self._replies, f"the answer to {body}")
        return {"ok": False, **self._replies[request]}


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(command[:4])} …:\n{done.stdout[-6000:]}"
