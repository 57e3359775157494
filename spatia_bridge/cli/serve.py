"""`spatia-bridge serve`: listens until it is told to stop, then ends cleanly."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from spatia_bridge import __version__
from spatia_bridge.app import Eyes, Serving, build_host, default_data_dir, find_generators, serving, tune_process
from spatia_bridge.cli.main import TOKEN_VARIABLE
from spatia_bridge.client.transport import is_loopback
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.gateway.handshake import check_origin
from spatia_bridge.session.host import SessionHost
from spatia_bridge.tls import Certificate


def run(args: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    origins = [check_origin(text) for text in args.allow_origin]
    asyncio.run(_serve(args, origins, _certificate(args)))


def _certificate(args: argparse.Namespace) -> Certificate | None:
    if bool(args.tls_cert) != bool(args.tls_key):
        raise InvalidInputError("TLS wants a certificate and its key", "give both --tls-cert and --tls-key")
    return Certificate.load(Path(args.tls_cert), Path(args.tls_key)) if args.tls_cert else None


async def _serve(args: argparse.Namespace, origins: list[str], certificate: Certificate | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows; there Ctrl-C interrupts the loop
            loop.add_signal_handler(number, stop.set)
    data = Path(args.data) if args.data else default_data_dir()
    generators = find_generators(args.profile, args.generator, weights=args.weights, device=args.device)
    bounds = {"keep_revisions": args.keep_revisions, "max_points": args.max_points}
    eyes = Eyes(args.depth, args.segmenter, args.moving, args.device)
    sessions = build_host(data, args.generator, generators, profile=args.profile, eyes=eyes, **bounds)
    tune_process()
    token = os.environ.get(TOKEN_VARIABLE, "")
    websocket = None if args.no_ws else _address(args.host, _websocket_port(args))
    address = _address(args.host, args.port)
    async with serving(
        sessions, address, token, websocket=websocket, allowed_origins=origins, certificate=certificate
    ) as servers:
        await _announce(sessions, args.host, servers, data, bool(token), certificate is not None, args.json)
        if not is_loopback(args.host):
            if not token:
                print(f"warning: anyone who reaches {args.host} can use this server; set ${TOKEN_VARIABLE}", file=sys.stderr)
            if certificate is None:
                print(
                    "warning: who is on the way can read and change what is sent; give --tls-cert and --tls-key", file=sys.stderr
                )
        await stop.wait()
        print("stopping: clients are told, what runs is cancelled, memory is safe", file=sys.stderr)


def _websocket_port(args: argparse.Namespace) -> int:
    """Unless told otherwise the one after the gRPC port, and any free one beside any free one."""
    if args.ws_port is not None:
        port: int = args.ws_port
        return port
    return args.port + 1 if 0 < args.port < 65535 else 0


async def _announce(
    sessions: SessionHost, host: str, servers: Serving, data: Path, token: bool, tls: bool, as_json: bool
) -> None:
    found = await sessions.list()
    generators = sessions.generators()
    address = ("grpcs://" if tls else "") + _address(host, servers.port)
    scheme = "wss" if tls else "ws"
    websocket = None if servers.websocket_port is None else f"{scheme}://{_address(host, servers.websocket_port)}"
    if as_json:
        line = {"version": __version__, "address": address, "websocket": websocket, "data": str(data), "sessions": len(found)}
        print(json.dumps({**line, "token": token, "generators": [each.name for each in generators]}), flush=True)
        return
    secured = f"{'with a' if token else 'no'} token, {'with' if tls else 'no'} TLS"
    print(f"spatia-bridge {__version__} listens on {address} (gRPC, {secured})")
    if websocket is not None:
        print(f"  websocket   {websocket} (for engines and browsers)")
    print(f"  sessions    {data} ({len(found)} there)")
    for each in generators:
        shape = each.shape
        print(f"  generator   {each.name}: {shape.new_frames} frames of {shape.width}×{shape.height} a clip at {shape.fps:g} fps")
    print("Ctrl-C stops it.", flush=True)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
