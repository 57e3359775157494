"""`spatia-bridge trajectories list|import|export|fly|delete`: the camera paths that a session keeps under names."""

import argparse
import asyncio
import json
import math
from pathlib import Path
from typing import Any

from spatia_bridge.cli.flight import fly_saved
from spatia_bridge.cli.place import open_place, open_server
from spatia_bridge.cli.progress import Reporter, bytes_text
from spatia_bridge.cli.tables import confirmed, make_table, print_table, time_text
from spatia_bridge.client import BridgeClient
from spatia_bridge.errors import InvalidInputError, NotFoundError, StoreError
from spatia_bridge.export import atomic_file
from spatia_bridge.export.camera_path import write_camera_path
from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.geometry.trajectory_io import MAX_FILE_BYTES, read_json
from spatia_bridge.link import management as mgmt

_SUFFIX = {"json": ".json", "tum": ".txt", "glb": ".glb"}
_FORMATS = {".txt": "tum", ".tum": "tum", ".glb": "glb"}  # of other suffixes: json


def run(args: argparse.Namespace) -> None:
    """Do the action."""
    actions = {"list": _list, "import": _import, "export": _export, "fly": _fly, "delete": _delete}
    asyncio.run(actions[args.action](args))


async def _list(args: argparse.Namespace) -> None:
    async with open_place(args) as place:
        found = await place.trajectories(args.session)
    if args.json:
        print(json.dumps([_plain(each) for each in found], indent=2))
        return
    if not found:
        print(f"session {args.session} has no saved trajectories")
        return
    table = make_table("trajectory", "poses", "seconds", "saved")
    for each in found:
        table.add_row(each.name, f"{each.poses:,}", f"{each.duration_secs:.1f}", time_text(each.saved_secs))
    print_table(table)


async def _import(args: argparse.Namespace) -> None:
    path = Path(args.file)
    format_name = args.format or ("json" if path.suffix.lower() == ".json" else "tum")
    intrinsics = _intrinsics(args) if format_name == "tum" else None
    data = await asyncio.to_thread(_read, path)
    async with open_place(args) as place:
        made = await place.import_trajectory(args.session, args.name or path.stem, data, format_name, intrinsics)
    if args.json:
        print(json.dumps(_plain(made), indent=2))
        return
    print(f"{made.name}: {made.poses:,} poses, {made.duration_secs:.1f} s, saved in {args.session}")


def _intrinsics(args: argparse.Namespace) -> Intrinsics:
    """The camera of a TUM file, which states none."""
    if args.size is None or (args.fov is None and args.intrinsics is None):
        raise InvalidInputError(
            "a TUM file does not say which camera flew it", "add --size WxH and --fov DEGREES, or --intrinsics"
        )
    if args.intrinsics is not None:
        return Intrinsics(*args.intrinsics, *args.size)
    return Intrinsics.from_vertical_fov(math.radians(args.fov), *args.size)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)  # one more: the reader then says that it is too large
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}", "give a trajectory in TUM or JSON format") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}", "give a file that can be read") from error
    if not data:  # to the server no data means: what the session recorded
        raise InvalidInputError(f"{path} is empty", "give a trajectory in TUM or JSON format")
    return data


async def _export(args: argparse.Namespace) -> None:
    asked = Path(args.out) if args.out else None
    format_name = args.format or (_FORMATS.get(asked.suffix.lower(), "json") if asked else "json")
    if format_name != "json" and args.engine != Engine.OPENCV.value:
        states = {"tum": "TUM files are in OpenCV axes and metres", "glb": "glTF states its own axes, which importers turn"}
        raise InvalidInputError(states[format_name], f"leave --engine out, or use --format json for {args.engine}")
    out = asked or Path(args.name.replace("/", "-") + _SUFFIX[format_name])
    async with open_place(args) as place:
        if format_name == "glb":
            data = write_camera_path(read_json(await place.export_trajectory(args.session, args.name, "json")))
        else:
            data = await place.export_trajectory(args.session, args.name, format_name, Engine(args.engine))
    with atomic_file(out) as temporary:
        temporary.write_bytes(data)
    if args.json:
        print(json.dumps({"file": str(out), "format": format_name, "engine": args.engine, "bytes": len(data)}, indent=2))
        return
    axes = "glTF's axes, metres" if format_name == "glb" else f"axes and units of {args.engine}"
    print(f"{out}: {bytes_text(len(data))}, {format_name}, {axes}")


async def _fly(args: argparse.Namespace) -> None:
    async with open_server(args) as (address, entry):
        name = "spatia-bridge trajectories fly"
        async with await BridgeClient.connect(address, args.session, create=False, name=name, **entry) as client:
            revisions = await fly_saved(
                client,
                args.name,
                Reporter(),
                prompt=args.prompt,
                seed=args.seed,
                generator=args.generator,
                clips=args.clips,
                size=args.size,
            )
    if args.json:
        made = [{"revision": each.number, "take": each.take, "points": each.points} for each in revisions]
        print(json.dumps(made, indent=2))
        return
    last = revisions[-1]
    print(f"{args.session}: {len(revisions)} clip{'s' * (len(revisions) > 1)} along {args.name}, {last.points:,} points")


async def _delete(args: argparse.Namespace) -> None:
    if not args.yes and not confirmed(f"Delete trajectory {args.name} of session {args.session}, for good?"):
        raise InvalidInputError(f"trajectory {args.name} was not deleted", "say yes, or add --yes")
    async with open_place(args) as place:
        await place.delete_trajectory(args.session, args.name)
    print(f"trajectory {args.name} of session {args.session} is deleted")


def _plain(info: mgmt.TrajectoryInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in mgmt.TrajectoryInfo.__slots__}
