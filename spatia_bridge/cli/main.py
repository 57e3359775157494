"""Parses the command line, runs one command, and turns what goes wrong into one line and an exit status.

0 = done; 1 = it could not be done, with the reason and a remedy on stderr; 2 = the command line makes no sense; 130 = Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from spatia_bridge import __version__
from spatia_bridge.errors import CancelledError, SpatiaError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

ENGINES = ("opencv", "unity", "godot", "unreal")
PATH_FORMATS = ("json", "tum")
PATH_EXPORTS = (*PATH_FORMATS, "glb")
TAKE_FORMATS = ("mp4", "nerfstudio", "colmap")
PROFILES = ("laptop", "workstation-24gb", "server-80gb")  # as in spatia_bridge.profiles, the default first
DEFAULT_PORT = 50051
TOKEN_VARIABLE = "SPATIA_BRIDGE_TOKEN"
AUTHORITIES_VARIABLE = "SPATIA_BRIDGE_CA"
FAILED, CANCELLED = 1, 130

_DATA_HELP = "folder of the sessions (default: spatia-bridge in your XDG data folder)"
_SERVER_HELP = (
    f"ask a running server at HOST:PORT instead, with TLS at grpcs://HOST:PORT; its token, if it wants one, comes from "
    f"${TOKEN_VARIABLE}, the PEM file of the authorities to believe from ${AUTHORITIES_VARIABLE}"
)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. `module` names where the command's `run(args)` is: imported when needed; None counts as 0."""
    parser = argparse.ArgumentParser(
        prog="spatia-bridge",
        description="A persistent, editable 3D point memory for generative video, live in game engines.",
        epilog="Try it: spatia-bridge run sample --clips 6 --out demo",
    )
    parser.add_argument("--version", action="version", version=f"spatia-bridge {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the full traceback of an error")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_run(commands)
    _add_recordings(commands)
    _add_sessions(commands)
    _add_trajectories(commands)
    _add_takes(commands)
    _add_export(commands)
    _add_evaluate(commands)
    _add_insert(commands)
    _add_models(commands)
    _add_doctor(commands)
    return parser


def _add_serve(commands: "Commands") -> None:
    serve = commands.add_parser("serve", help="serve sessions to engines and clients until Ctrl-C")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}; 0 picks a free one")
    websocket = serve.add_mutually_exclusive_group()
    websocket.add_argument(
        "--ws-port", type=_port, metavar="N", help="for WebSocket (default: the one after --port); 0 picks a free one"
    )
    websocket.add_argument("--no-ws", action="store_true", help="no WebSocket, gRPC only")
    serve.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="let pages from there connect over WebSocket too; repeatable (always let in: pages from this machine)",
    )
    serve.add_argument("--data", metavar="DIR", help=_DATA_HELP)
    serve.add_argument("--generator", default="", metavar="NAME", help="for clients that name none (default: the profile's)")
    _add_backends(serve)
    serve.add_argument(
        "--keep-revisions",
        type=_keep,
        default=0,
        metavar="N",
        help="prune sessions that have a quarter more than N revisions to the newest N (default: keep all)",
    )
    serve.add_argument("--tls-cert", metavar="PEM", help="certificate chain to show: both servers then speak TLS only")
    serve.add_argument("--tls-key", metavar="PEM", help="its private key, without a password")
    serve.add_argument(
        "--max-points",
        type=_points,
        default=0,
        metavar="N",
        help="coarsen what is far, old and unsure, never what is locked, when memory has more points (default: no limit)",
    )
    serve.add_argument("--json", action="store_true", help="print where it listens as one line of JSON")
    serve.set_defaults(module="spatia_bridge.cli.serve")


def _add_run(commands: "Commands") -> None:
    run = commands.add_parser(
        "run",
        help="fly a recorded camera path through a server and write video, pictures, points and a report",
        description="Seeds a session with a few recorded views, generates clips along the recorded camera path through a real "
        "server on the loopback, accepts each, and writes what came of it to a folder.",
    )
    run.add_argument(
        "source",
        metavar="SOURCE",
        help="`sample`, a folder with a capture (capture.json), or one with a photo and a path (img.jpg, w2c.txt)",
    )
    run.add_argument("--out", required=True, metavar="DIR", help="folder to write to; files of an earlier run are replaced")
    run.add_argument("--clips", type=_positive, default=6, metavar="N", help="spread the path over so many clips (default: 6)")
    run.add_argument("--generator", default="", metavar="NAME", help="which generator (default: the profile's)")
    _add_backends(run)
    run.add_argument("--views", type=_positive, default=6, metavar="N", help="seed with so many views of the path (default: 6)")
    run.add_argument("--size", type=_size, metavar="WxH", help="size of the frames in pixels (default: the capture's)")
    run.add_argument("--prompt", default="", help="what to show, for generators that read it")
    run.add_argument("--seed", type=_count, default=0, metavar="N", help="of the generator's chance (default: 0)")
    run.add_argument("--json", action="store_true", help="print the report on stdout")
    run.set_defaults(module="spatia_bridge.cli.run")


def _add_recordings(commands: "Commands") -> None:
    recording = commands.add_parser(
        "import",
        help="make a session from an RGB-D recording or a video",
        description="Seeds a new session with the keyframes of a recording. Where it has no poses they are recovered; where it "
        "has no depth an estimator makes it. The camera's path is saved with the session as `recorded`.",
    )
    recording.add_argument(
        "recording",
        metavar="RECORDING",
        help="a folder with a capture (capture.json) or in the TUM RGB-D benchmark's layout (rgb.txt, depth.txt), or a video",
    )
    recording.add_argument("--session", metavar="ID", help="of the new session (default: from the recording's name)")
    recording.add_argument("--every", type=_positive, default=1, metavar="N", help="take every N-th frame (default: 1)")
    recording.add_argument("--size", type=_size, metavar="WxH", help="scale frames to so many pixels (default: as recorded)")
    lens = recording.add_mutually_exclusive_group()
    lens.add_argument("--fov", type=_degrees, metavar="DEGREES", help="the lens's field of view, top to bottom")
    lens.add_argument(
        "--intrinsics", type=float, nargs=4, metavar=("FX", "FY", "CX", "CY"), help="or exactly, in recorded pixels"
    )
    recording.add_argument(
        "--depth-units", type=_units, default=5000.0, metavar="N", help="depth of N is a metre, in TUM's layout (default: 5000)"
    )
    recording.add_argument(
        "--depth", "--estimator", default="layout", metavar="NAME[=WEIGHTS]", help="of a video's depth (default: layout)"
    )
    recording.add_argument("--segmenter", default="none", metavar="NAME[=WEIGHTS]", help="masks what moves (default: none)")
    recording.add_argument("--moving", default="", metavar="WORDS", help="what it masks (default: person, animal, vehicle)")
    recording.add_argument("--odometry", action="store_true", help="recover the poses of a capture, do not believe its own")
    recording.add_argument("--json", action="store_true", help="print JSON")
    _add_place(recording)
    recording.set_defaults(module="spatia_bridge.cli.recordings")


def _add_sessions(commands: "Commands") -> None:
    sessions = commands.add_parser("sessions", help="list, show, fork, prune or delete sessions")
    actions = sessions.add_subparsers(metavar="ACTION", required=True)
    for name, text in (
        ("list", "all sessions"),
        ("show", "one session's revisions and takes"),
        ("fork", "a new session that begins with a revision of another"),
        ("prune", "forget old revisions' content, for good, to save disk"),
        ("delete", "one session, for good"),
    ):
        action = actions.add_parser(name, help=text)
        if name != "list":
            action.add_argument("session", metavar="SESSION")
        if name == "fork":
            action.add_argument("new", metavar="NEW", help="the new session's id")
            action.add_argument(
                "--revision", type=_count, default=0, metavar="N", help="an older revision (default: 0, the newest)"
            )
            action.add_argument("--title", default="", help="of the new session (default: the other's)")
        if name == "prune":
            action.add_argument("--keep", type=_keep, required=True, metavar="N", help="keep the newest so many revisions")
        if name in ("prune", "delete"):
            action.add_argument("--yes", action="store_true", help="do not ask")
        if name != "delete":
            action.add_argument("--json", action="store_true", help="print JSON")
        _add_place(action)
        action.set_defaults(module="spatia_bridge.cli.sessions", action=name)


def _add_trajectories(commands: "Commands") -> None:
    trajectories = commands.add_parser("trajectories", help="list, import, export, fly or delete a session's saved camera paths")
    actions = trajectories.add_subparsers(metavar="ACTION", required=True)
    for name, text in (
        ("list", "all saved paths of a session"),
        ("import", "save a path from a TUM or JSON file"),
        ("export", "write a saved path as a JSON or TUM file, or as an animated glTF camera"),
        ("fly", "generate clips along a saved path and accept each"),
        ("delete", "one saved path, for good"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("session", metavar="SESSION")
        if name == "import":
            _add_import(action)
        elif name != "list":
            action.add_argument("name", metavar="NAME")
        if name == "export":
            _add_path_format(action, "default: as the suffix of --out says, else json", PATH_EXPORTS)
            action.add_argument(
                "--engine", choices=ENGINES, default="opencv", help="whose axes and units (default: opencv, metres)"
            )
            action.add_argument("--out", metavar="FILE", help="default: NAME with the format's suffix")
        if name == "fly":
            _add_fly(action)
        if name == "delete":
            action.add_argument("--yes", action="store_true", help="do not ask")
        else:
            action.add_argument("--json", action="store_true", help="print JSON")
        _add_place(action)
        action.set_defaults(module="spatia_bridge.cli.trajectories", action=name)


def _add_import(action: argparse.ArgumentParser) -> None:
    action.add_argument("file", metavar="FILE")
    action.add_argument("--name", help="to save it under, in place of one of that name (default: the file's)")
    _add_path_format(action, "default: json for *.json, else tum", PATH_FORMATS)
    action.add_argument("--size", type=_size, metavar="WxH", help="the camera's picture in pixels; a TUM file states none")
    lens = action.add_mutually_exclusive_group()
    lens.add_argument("--fov", type=_degrees, metavar="DEGREES", help="its field of view, top to bottom")
    lens.add_argument("--intrinsics", type=float, nargs=4, metavar=("FX", "FY", "CX", "CY"), help="or its exact lens, in pixels")


def _add_fly(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--clips", type=_whole, default=0, metavar="N", help="spread it over so many (default: 0, as its time says)"
    )
    action.add_argument("--generator", default="", metavar="NAME", help="default: the server's")
    action.add_argument(
        "--size", type=_size, default=(0, 0), metavar="WxH", help="of the frames in pixels (default: the generator's)"
    )
    action.add_argument("--prompt", default="", help="what to show, for generators that read it")
    action.add_argument("--seed", type=_count, default=0, metavar="N", help="of the generator's chance (default: 0)")


def _add_path_format(action: argparse.ArgumentParser, text: str, formats: Sequence[str]) -> None:
    action.add_argument("--format", choices=formats, help=text)


def _add_takes(commands: "Commands") -> None:
    takes = commands.add_parser("takes", help="export a session's generated clips")
    actions = takes.add_subparsers(metavar="ACTION", required=True)
    action = actions.add_parser(
        "export",
        help="write accepted clips as a video, or as a training set with cameras, depth and masks",
        description="Writes a video that says that it was generated (IPTC digitalSourceType), or a training set in the format of "
        "nerfstudio or COLMAP. Reads the sessions' folder; a session that a server has open can be forked and the fork exported.",
    )
    action.add_argument("session", metavar="SESSION")
    action.add_argument(
        "--take", type=_take, action="append", default=[], metavar="N", help="this one; repeatable (default: all accepted ones)"
    )
    action.add_argument("--seeds", action="store_true", help="the views that memory was seeded with, too; not in a video")
    action.add_argument("--format", choices=TAKE_FORMATS, help="default: mp4 if --out ends so, else nerfstudio")
    action.add_argument("--out", required=True, metavar="PATH", help="a file for a video, else a folder that does not exist yet")
    action.add_argument("--json", action="store_true", help="print JSON")
    action.add_argument("--data", metavar="DIR", help=_DATA_HELP)
    action.set_defaults(module="spatia_bridge.cli.takes")


def _add_export(commands: "Commands") -> None:
    export = commands.add_parser("export", help="write a session's memory as a file for another program")
    export.add_argument("session", metavar="SESSION")
    export.add_argument(
        "--format",
        help="ply, splat (3D Gaussians), spz, glb, mesh, collider, las or pcache (default: as the suffix of --out, else ply)",
    )
    export.add_argument(
        "--engine",
        choices=ENGINES,
        default="opencv",
        help="whose axes and units ply and splat are in (default: opencv, metres); the other formats state their own",
    )
    export.add_argument("--revision", type=_count, default=0, metavar="N", help="an older revision (default: 0, the newest)")
    export.add_argument("--out", metavar="FILE", help="default: SESSION with the format's suffix")
    _add_place(export)
    export.set_defaults(module="spatia_bridge.cli.export")


def _add_evaluate(commands: "Commands") -> None:
    evaluate = commands.add_parser("evaluate", help="measure, and write tables and charts")
    actions = evaluate.add_subparsers(metavar="WHAT", required=True)
    robustness = actions.add_parser(
        "robustness", help="what noise, wrong masks, wrong scale, cadence and voxel size do to memory, on the sample"
    )
    robustness.add_argument("--quick", action="store_true", help="fewer steps: some minutes instead of some more")
    loop = actions.add_parser(
        "closed-loop",
        help="does the world stay the same when one comes back? ablation and other ways to remember, on levels never trained on",
        description="Closed paths of six clips through levels of freedoom1 (needs vizdoom, the extra [sample]).",
    )
    loop.add_argument("--paths", type=_count, default=0, metavar="N", help="default: 20, quick 4")
    loop.add_argument(
        "--quick", action="store_true", help="fewer paths, 128×72, 9 frames a clip; no numbers of references, no voxel sizes"
    )
    holes = actions.add_parser(
        "generation",
        help="how good is what a generator puts where memory has nothing? against the truth, on levels never trained on",
        description="Clips of levels of freedoom1 (needs vizdoom, the extra [sample]), beside Telea's inpainting.",
    )
    holes.add_argument("--trials", type=_count, default=0, metavar="N", help="clips; default: 60, quick 12")
    holes.add_argument("--quick", action="store_true", help="fewer clips, 128×72")
    for action in (loop, holes):
        action.add_argument("--generator", default="", metavar="NAME", help="default: tiny")
        action.add_argument(
            "--weights",
            metavar="FILE",
            help="a file of tiny's trainer, else a folder or random-tiny (default: its own)",
        )
    for what, action in (("robustness", robustness), ("closed-loop", loop), ("generation", holes)):
        action.add_argument("--out", default=what, metavar="DIR", help="folder to write to (default: %(default)s)")
        action.set_defaults(module="spatia_bridge.cli.evaluate", what=what)


def _add_insert(commands: "Commands") -> None:
    insert = commands.add_parser(
        "insert",
        help="put the points of a PLY, LAS or GLB file into a session's memory",
        description="Memory takes a million points in one edit, so a larger file is several, each a revision that can be undone.",
    )
    insert.add_argument("session", metavar="SESSION", help="made if there is none of that name")
    insert.add_argument(
        "file", metavar="FILE", help="PLY (also Gaussian splats), LAS, or GLB (points and triangles, no textures)"
    )
    insert.add_argument(
        "--engine", choices=ENGINES, default="opencv", help="whose axes and units a PLY is in (default: opencv, metres)"
    )
    insert.add_argument("--diameter", type=_metres, metavar="METRES", help="of a point (default: how far apart the points are)")
    insert.add_argument("--json", action="store_true", help="print JSON")
    _add_place(insert)
    insert.set_defaults(module="spatia_bridge.cli.insert")


def _add_doctor(commands: "Commands") -> None:
    doctor = commands.add_parser("doctor", help="say what is installed, which backends work, and what to do about the rest")
    doctor.add_argument("--data", metavar="DIR", help=_DATA_HELP)
    doctor.add_argument("--profile", choices=PROFILES, default=PROFILES[0], help=f"to look at (default: {PROFILES[0]})")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(module="spatia_bridge.cli.doctor")


def _add_models(commands: "Commands") -> None:
    models = commands.add_parser("models", help="list, fetch or check the published weights of learned backends")
    actions = models.add_subparsers(metavar="ACTION", required=True)
    for name, text in (
        ("list", "what can be fetched, and what is here"),
        ("fetch", "download one, or copy it from a folder; ends where it stopped if it is stopped"),
        ("check", "read what was fetched and hold it against its hashes"),
    ):
        action = actions.add_parser(name, help=text)
        if name == "fetch":
            action.add_argument("model", metavar="MODEL")
            source = action.add_mutually_exclusive_group()
            source.add_argument("--mirror", metavar="URL", help="of the Hugging Face Hub (default: $HF_ENDPOINT, else the hub)")
            source.add_argument("--from", dest="folder", metavar="DIR", help="a folder with the files: nothing is downloaded")
            action.add_argument("--yes", action="store_true", help="do not ask")
        else:
            action.add_argument("--json", action="store_true", help="print JSON")
        if name == "check":
            action.add_argument("model", metavar="MODEL", nargs="?", default="", help="default: all that are here")
        action.set_defaults(module="spatia_bridge.cli.models", action=name)


def _add_backends(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", choices=PROFILES, default=PROFILES[0], help=f"choices for a machine, see `doctor` (default: {PROFILES[0]})"
    )
    parser.add_argument(
        "--weights", default="", metavar="DIR", help="of the generator: a folder, or `random-tiny` (default: the fetched ones)"
    )
    parser.add_argument("--device", default="", metavar="NAME", help="of what is learned, as torch names it (default: the best)")
    choice = "NAME[=WEIGHTS]"
    parser.add_argument(
        "--depth", default="", metavar=choice, help="estimates depth where there is none; layout, … (default: the profile's)"
    )
    parser.add_argument(
        "--segmenter",
        default="",
        metavar=choice,
        help="masks what moves in generated frames; none, sam2, … (default: the profile's)",
    )
    parser.add_argument(
        "--moving", default="", metavar="WORDS", help="what it masks: 'person, car' (default: what the prompt names)"
    )


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--data", metavar="DIR", help=_DATA_HELP)
    place.add_argument("--server", metavar="ADDRESS", help=_SERVER_HELP)


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return value


def _keep(text: str) -> int:
    value = int(text)
    if not 1 <= value < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return value


def _points(text: str) -> int:
    value = int(text)
    if not 1000 <= value < 1 << 40:
        raise argparse.ArgumentTypeError(f"{text} is not a number of points from 1000 on")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 1000")
    return value


def _take(text: str) -> int:
    value = int(text)
    if not 1 <= value < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text} is not a take's number")
    return value


def _metres(text: str) -> float:
    value = float(text)
    if not 1e-5 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.00001 to 1000 metres")
    return value


def _whole(text: str) -> int:
    return 0 if text == "0" else _positive(text)


def _degrees(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 170:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 170 degrees")
    return value


def _units(text: str) -> float:
    value = float(text)
    if not 1e-3 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not from 0.001 to 1000000")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to 65535")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 4096 and 16 <= int(height) <= 4096):
        raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT in pixels, for example 640x360")
    return int(width), int(height)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of these arguments (sys.argv's without any); returns the exit status."""
    args = build_parser().parse_args(arguments)
    try:
        return import_module(args.module).run(args) or 0
    except (KeyboardInterrupt, CancelledError):
        print("\nspatia-bridge: cancelled", file=sys.stderr)
        return CANCELLED
    except BrokenPipeError:  # whoever read the output has gone, for example `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if args.debug:
            raise
        print(f"spatia-bridge: {_line(error)}", file=sys.stderr)
        return FAILED


def _line(error: Exception) -> str:
    """What went wrong and what to do about it, on one line."""
    if isinstance(error, SpatiaError):
        message, remedy = error.message, error.remedy
    else:
        message, remedy = (
            f"unexpected {type(error).__name__}: {error}",
            "run again with --debug before the command, and report it",
        )
    return " ".join((f"{message}; {remedy}" if remedy else message).split())


if __name__ == "__main__":
    sys.exit(main())
