"""The composition root: which library, renderer, generators and server make up a running spatia-bridge. Nothing else chooses."""

import asyncio
import contextlib
import gc
import importlib.util
import inspect
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from spatia_bridge.errors import InvalidInputError, MissingDependencyError, NotFoundError
from spatia_bridge.gateway import GatewayServer
from spatia_bridge.generation.base import Generator
from spatia_bridge.perception.depth import DepthEstimator, find_depth_estimator
from spatia_bridge.perception.segment import Movers, check_words, find_segmenter
from spatia_bridge.profiles import DEFAULT_PROFILE, find_profile
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.render.renderer import Renderer
from spatia_bridge.service import BridgeServer
from spatia_bridge.session.host import SessionHost
from spatia_bridge.session.loop import Stages
from spatia_bridge.slam.update import Slam
from spatia_bridge.store.library import SessionLibrary
from spatia_bridge.tls import Certificate

GENERATORS = "spatia_bridge.generators"  # the entry point group
NO_SEGMENTER = "none"

MakeGenerator = Callable[[], Generator]


def default_data_dir() -> Path:
    """Where sessions live unless told otherwise: the user's data folder by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "spatia-bridge"


def usual_generator(profile: str = DEFAULT_PROFILE, *, photo: bool = False) -> str:
    """For who names none: the profile's, or its plain one for a photo and where torch is not installed.

    Raises:
        NotFoundError: there is no such profile.
    """
    found = find_profile(profile)
    plain = photo or importlib.util.find_spec("torch") is None
    return (found.plain_generator if plain else "") or found.generator


def find_generators(
    profile: str = DEFAULT_PROFILE, chosen: str = "", *, weights: str = "", device: str = ""
) -> dict[str, MakeGenerator]:
    """What is installed, by name, set as the profile says. Nothing of it is imported before it is made.

    Args:
        chosen: the generator that `weights` are for; "" = the profile's.
        weights: "" = the published ones, "random-tiny", or a folder; of `tiny` a file.
        device: of those that compute on one, as torch names it; "" = the best there is.
    Raises:
        NotFoundError: there is no such profile.
    """
    found, chosen = find_profile(profile), chosen or usual_generator(profile)

    def options(name: str) -> dict[str, Any]:
        told = {"device": device, "weights": weights if name == chosen else ""}
        return {**found.options.get(name, {}), **{option: value for option, value in told.items() if value}}

    return {point.name: partial(_make, point, options(point.name)) for point in entry_points(group=GENERATORS)}


def _make(point: EntryPoint, options: Mapping[str, Any]) -> Generator:
    """Raises MissingDependencyError: a package that it needs is not there; InvalidInputError: it has no weights."""
    try:
        kind = point.load()
    except ImportError as error:
        raise MissingDependencyError(
            f"generator {point.name!r} cannot be loaded: {error}", "install what it needs, for example with the extra [models]"
        ) from error
    accepted = inspect.signature(kind).parameters
    if "weights" in options.keys() - accepted.keys():
        raise InvalidInputError(
            f"generator {point.name!r} has no weights to choose", "leave --weights out, or use another generator"
        )
    generator: Generator = kind(**{name: value for name, value in options.items() if name in accepted})
    return generator


def check_generator(name: str, generators: Mapping[str, MakeGenerator]) -> None:
    """Raises NotFoundError, which lists those there are, unless the generator is installed."""
    if name not in generators:
        known = ", ".join(sorted(generators)) or "none; install spatia-bridge again"
        raise NotFoundError(f"there is no generator {name!r}", f"use one of: {known}")


def make_renderer() -> Renderer:
    """The renderer of this machine."""
    return CpuRenderer()


@dataclass(frozen=True)
class Eyes:
    """What perceives, as NAME or NAME=WEIGHTS.

    Attributes:
        depth: estimates it where a generator gives none; "" = the profile's.
        segmenter: masks what moves in generated frames; "" = the profile's, NO_SEGMENTER = none.
        moving: what the segmenter looks for, separated by commas; "" = what prompts name.
        device: as torch names it; "" = the best there is.
    """

    depth: str = ""
    segmenter: str = ""
    moving: str = ""
    device: str = ""


def find_eyes(profile: str, eyes: Eyes) -> tuple[DepthEstimator, Movers | None]:
    """Raises NotFoundError, InvalidInputError, MissingDependencyError: what was said cannot be had."""
    chosen = find_profile(profile)
    words = check_words(eyes.moving.split(",")) if eyes.moving else ()
    name = eyes.segmenter or chosen.segmenter or NO_SEGMENTER
    movers = Movers(find_segmenter(name, eyes.device), words) if name != NO_SEGMENTER else None
    return find_depth_estimator(eyes.depth or chosen.estimator, eyes.device), movers


def build_host(
    data: Path,
    default_generator: str = "",
    generators: Mapping[str, MakeGenerator] | None = None,
    keep_revisions: int = 0,
    max_points: int = 0,
    profile: str = DEFAULT_PROFILE,
    eyes: Eyes | None = None,
) -> SessionHost:
    """A host for the sessions below `data`.

    Args:
        data: made if need be.
        default_generator: for clients that name none; "" = the profile's.
        generators: None = the installed ones.
        keep_revisions, max_points: of every session; 0 = all, and no limit.
        profile: says what is not said otherwise.
        eyes: what perceives.
    Raises:
        NotFoundError: the default generator is not among them, or there is no such profile.
        StoreError: the folder cannot be made or written.
    """
    default_generator = default_generator or usual_generator(profile)
    known = find_generators(profile) if generators is None else generators
    check_generator(default_generator, known)
    renderer = make_renderer()
    estimator, movers = find_eyes(profile, eyes or Eyes())
    stages = Stages(renderer, Slam(renderer, estimator=estimator), movers)
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
