"""`spatia-bridge serve`: listens until it is told to stop, then ends cleanly."""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import sys
from pathlib import Path

from spatia_bridge import __version__
from spatia_bridge.app import build_host, default_data_dir, serving
from spatia_bridge.cli.main import TOKEN_VARIABLE
from spatia_bridge.session.host import SessionHost


def run(args: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    data = Path(args.data) if args.data else default_data_dir()
    asyncio.run(_serve(args.host, args.port, data, args.generator, args.json, args.keep_revisions))


async def _serve(host: str, port: int, data: Path, generator: str, as_json: bool, keep_revisions: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows; there Ctrl-C interrupts the loop
            loop.add_signal_handler(number, stop.set)
    sessions = build_host(data, generator, keep_revisions=keep_revisions)
    token = os.environ.get(TOKEN_VARIABLE, "")
    async with serving(sessions, _address(host, port), token) as server:
        await _announce(sessions, _address(host, server.port), data, bool(token), as_json)
        if not token and not _loopback(host):
            print(f"warning: anyone who reaches {host} can use this server; set ${TOKEN_VARIABLE}", file=sys.stderr)
        await stop.wait()
        print("stopping: clients are told, what runs is cancelled, memory is safe", file=sys.stderr)


async def _announce(sessions: SessionHost, address: str, data: Path, token: bool, as_json: bool) -> None:
    found = await sessions.list()
    generators = sessions.generators()
    if as_json:
        line = {"version": __version__, "address": address, "data": str(data), "sessions": len(found), "token": token}
        print(json.dumps({**line, "generators": [each.name for each in generators]}), flush=True)
        return
    print(f"spatia-bridge {__version__} listens on {address} (gRPC, {'with a token' if token else 'no token'}, no TLS)")
    print(f"  sessions    {data} ({len(found)} there)")
    for each in generators:
        shape = each.shape
        print(f"  generator   {each.name}: {shape.new_frames} frames of {shape.width}×{shape.height} a clip at {shape.fps:g} fps")
    print("Ctrl-C stops it.", flush=True)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
