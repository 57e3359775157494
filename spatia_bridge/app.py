"""The composition root: which library, renderer, generators and server make up a running spatia-bridge. Nothing else chooses."""

import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from spatia_bridge.errors import MissingDependencyError, NotFoundError
from spatia_bridge.gateway import GatewayServer
from spatia_bridge.generation.base import Generator
from spatia_bridge.perception.depth import find_depth_estimator
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.service import BridgeServer
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from spatia_bridge.tls import Certificate

GENERATORS = "spatia_bridge.generators"  # the entry point group
DEFAULT_GENERATOR = "reproject"
DEFAULT_ESTIMATOR = "layout"  # for generators without depth

MakeGenerator = Callable[[], Generator]


def default_data_dir() -> Path:
    """Where sessions live unless told otherwise: the user's data folder by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "spatia-bridge"


def find_generators() -> dict[str, MakeGenerator]:
    """What is installed, by name. Nothing of it is imported before it is made."""
    return {point.name: partial(_make, point) for point in entry_points(group=GENERATORS)}


def _make(point: EntryPoint) -> Generator:
    """Raises MissingDependencyError: a package that the generator needs is not there."""
    try:
        generator: Generator = point.load()()
    except ImportError as error:
        raise MissingDependencyError(
            f"generator {point.name!r} cannot be loaded: {error}", "install what it needs, for example with the extra [models]"
        ) from error
    return generator


def check_generator(name: str, generators: Mapping[str, MakeGenerator]) -> None:
    """Raises NotFoundError, which lists those there are, unless the generator is installed."""
    if name not in generators:
        known = ", ".join(sorted(generators)) or "none; install spatia-bridge again"
        raise NotFoundError(f"there is no generator {name!r}", f"use one of: {known}")


def make_renderer() -> Renderer:
    """The renderer of this machine."""
    return CpuRenderer()


def build_host(
    data: Path,
    default_generator: str = DEFAULT_GENERATOR,
    generators: Mapping[str, MakeGenerator] | None = None,
    keep_revisions: int = 0,
    max_points: int = 0,
) -> SessionHost:
    """A host for the sessions below `data`.

    Args:
        data: made if need be.
        default_generator: for clients that name none.
        generators: None = the installed ones.
        keep_revisions, max_points: of every session; 0 = all, and no limit.
    Raises:
        NotFoundError: the default generator is not among them.
        StoreError: the folder cannot be made or written.
    """
    known = find_generators() if generators is None else generators
    check_generator(default_generator, known)
    renderer = make_renderer()
    stages = Stages(renderer, Slam(renderer, estimator=find_depth_estimator(DEFAULT_ESTIMATOR)))
    return SessionHost(
        SessionLibrary(data), stages, known, default_generator, keep_revisions=keep_revisions, max_points=max_points
    )


def tune_process() -> None:
    """For a process that serves and does nothing else: nobody holds up the event loop for long.

    What is there now is never garbage, and full collections, a tenth of a second where memory is large, come seldom: nearly all
    garbage here goes by reference counts. Workers give the interpreter's lock back after half a millisecond instead of five.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    sys.setswitchinterval(0.0005)


@dataclass(frozen=True)
class Serving:
    """Where the servers listen; no websocket_port = none was asked for."""

    port: int
    websocket_port: int | None


@contextlib.asynccontextmanager
async def serving(
    host: SessionHost,
    address: str,
    token: str = "",
    *,
    websocket: str | None = None,
    allowed_origins: Collection[str] = (),
    certificate: Certificate | None = None,
) -> AsyncIterator[Serving]:
    """Servers that listen within the block; afterwards their clients are told, and the host is closed.

    Args:
        address: `host:port` for gRPC; port 0 picks a free one.
        token: if not empty, clients must show it.
        websocket: `host:port` for WebSocket; None = no such server.
        allowed_origins: of pages, besides those of this machine, that may connect over WebSocket.
        certificate: for TLS on both; None = plain text.
    Raises:
        UnavailableError: an address cannot be had.
    """
    server = BridgeServer(host, address, token=token, certificate=certificate)
    gateway = None
    if websocket:
        gateway = GatewayServer(host, websocket, token=token, allowed_origins=allowed_origins, certificate=certificate)
    try:
        await server.start()
        if gateway is not None:
            await gateway.start()
        yield Serving(server.port, gateway.port if gateway is not None else None)
    finally:
        await asyncio.gather(server.stop(), gateway.stop() if gateway is not None else asyncio.sleep(0))
        await host.close()
