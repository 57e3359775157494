"""`spatia-bridge run`: the whole loop on a recorded path, through a real server, and what came of it in a folder."""

import argparse
import asyncio
import contextlib
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

from spatia_bridge.app import Eyes, build_host, check_generator, find_generators, make_renderer, serving, usual_generator
from spatia_bridge.cli import outputs
from spatia_bridge.cli.export import save_export
from spatia_bridge.cli.flight import Flight, FlightPlan, fly
from spatia_bridge.cli.progress import Reporter, seconds_text
from spatia_bridge.cli.sources import SAMPLE, Source, is_photo, load_source
from spatia_bridge.client import SessionsClient
from spatia_bridge.errors import NotFoundError
from spatia_bridge.evaluation import report
from spatia_bridge.export import atomic_file
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.profiles import find_profile
from spatia_bridge.session.host import SessionHost

SESSIONS = "sessions"  # the library within --out


def run(args: argparse.Namespace) -> None:
    """Fly, write, say what to open."""
    began = time.monotonic()
    reporter = Reporter()
    out = Path(args.out)
    profile = find_profile(args.profile)
    generator = args.generator or usual_generator(args.profile, photo=is_photo(args.source))
    generators = find_generators(args.profile, generator, weights=args.weights, device=args.device)
    check_generator(generator, generators)
    with reporter.stage("load") as stage:
        source = load_source(args.source, args.views, args.size, args.depth or profile.estimator)
        prompts = (args.prompt,) if args.prompt else source.prompts
        plan = FlightPlan(source.views, source.seeds, source.path, args.clips, generator, source.size, prompts, args.seed)
        k = source.views[0].camera.intrinsics
        stage.result = f"{source.name}: {len(source.views)} view{'s' * (len(source.views) > 1)} of {k.width}×{k.height}"
    if is_photo(args.source) and generator != (args.generator or profile.generator):
        print(
            f"generator: {generator}, not {profile.generator}, which was trained on levels of a game and makes photos look like"
            f" one; --generator {profile.generator} has it all the same",
            file=sys.stderr,
        )
    for warning in source.warnings:
        print(f"assumed: {warning}", file=sys.stderr)
    host = build_host(
        out / SESSIONS,
        generator,
        generators,
        profile=args.profile,
        eyes=Eyes(args.depth, args.segmenter, args.moving, args.device),
    )
    summary = asyncio.run(_run(out, host, _session_id(args.source), plan, source, reporter))
    summary["seconds"] = {**reporter.seconds, "total": time.monotonic() - began}
    text = report.to_json(summary)
    with atomic_file(out / outputs.REPORT) as temporary:
        temporary.write_text(text, encoding="utf-8")
    _say(summary, out, sys.stderr if args.json else sys.stdout)
    if args.json:
        print(text, end="")


def _session_id(source: str) -> str:
    """A session's id from the name of its source."""
    name = re.sub(r"[^a-z0-9_-]+", "-", Path(source).resolve().name.lower() if source != SAMPLE else SAMPLE)
    return name.strip("-_")[:64] or "run"


async def _run(
    out: Path, host: SessionHost, session: str, plan: FlightPlan, source: Source, reporter: Reporter
) -> dict[str, Any]:
    async with serving(host, "127.0.0.1:0") as server:
        with contextlib.suppress(NotFoundError):
            await host.delete(session)  # of an earlier run into this folder
        address = f"127.0.0.1:{server.port}"
        flight = await fly(address, session, plan, reporter)
        summary = await _write(out, session, host, plan, flight, source, reporter)
        with reporter.stage("points") as stage:
            async with SessionsClient(address) as client:
                await save_export(client, session, "ply", Engine.OPENCV, out / outputs.POINTS, stage)
            stage.result = f"{outputs.POINTS}: {stage.result}"
        summary["memory"]["bytes_on_disk"] = (await host.info(session)).bytes_on_disk
    return summary


async def _write(
    out: Path, session: str, host: SessionHost, plan: FlightPlan, flight: Flight, source: Source, reporter: Reporter
) -> dict[str, Any]:
    memory = (await host.open(session)).memory
    head, renderer = memory.snapshot(), make_renderer()
    shots = outputs.Shots(plan, flight, renderer, memory.at)
    stop = threading.Event()
    try:
        with reporter.stage("video") as stage:
            await asyncio.to_thread(outputs.save_video, out, shots, head, stop, stage)
        with reporter.stage("measure") as stage:
            measured = await asyncio.to_thread(outputs.measure, plan, flight, shots, head, renderer)
            stage.result = _held(measured)
        with reporter.stage("contact sheet") as stage:
            made = f"{len(shots)} frames in {plan.clips} clip{'s' * (plan.clips > 1)}"
            title = f"{source.name or session}  ·  {plan.generator}  ·  {made}"
            await asyncio.to_thread(outputs.save_sheet, out, shots, title, _notes(plan, flight, measured), stage)
        outputs.save_path(out, shots.path, flight.clips[0].take.fps)
    finally:
        stop.set()
    return {
        "format": report.FORMAT_VERSION,
        "source": {"name": source.name, "licence": source.licence, "views": len(source.views), "assumed": list(source.warnings)},
        **outputs.describe(plan, flight, shots),
        "memory": {"points": head.points, "chunks": len(head.chunks), "voxel_size_m": head.voxel_size_m},
        **measured,
        "versions": report.versions(),
        "machine": report.machine(),
    }


def _held(measured: dict[str, Any]) -> str:
    """How well memory held, in a line."""
    returning, recorded = measured["returning_view"], measured["recorded_views_not_seeded"]
    lines = []
    if returning is not None:
        alike = f"{returning['psnr_db']:.1f} dB, SSIM {returning['ssim']:.3f} to the first frame"
        lines.append(f"back at the start: {'the first frame, bit for bit' if returning['equal'] else alike}")
    first = measured["first_view"]
    lines.append(f"the first view onto itself: {first['psnr_db']:.1f} dB where covered, coverage {first['coverage']:.3f}")
    if recorded["views"]:
        lines.append(f"{recorded['views']} unseeded views: {recorded['psnr_db']:.1f} dB, SSIM {recorded['ssim']:.3f}")
    return "; ".join(lines)


def _notes(plan: FlightPlan, flight: Flight, measured: dict[str, Any]) -> list[str]:
    before, after = flight.revisions[0].points, flight.revisions[-1].points
    seeded = f"Memory was seeded with {len(plan.seeds)} of {len(plan.views)} recorded views"
    if len(plan.views) == 1:
        seeded = "Memory was seeded with one picture, its depth estimated,"
    return [
        f"{seeded} and grew from {before:,} to {after:,} points in {flight.revisions[-1].number} revisions.",
        f"How well it holds: {_held(measured)}.",
    ]


def _say(summary: dict[str, Any], out: Path, where: Any) -> None:
    points, total = summary["memory"]["points"], summary["seconds"]["total"]
    print(f"{points:,} points in {seconds_text(total)}; {_held(summary)}", file=where)
    print(f"Open {out / outputs.VIDEO} (then {outputs.SHEET}, {outputs.POINTS} and {outputs.REPORT} beside it)", file=where)
