"""`spatia-bridge sessions list|show|fork|prune|delete`."""

import argparse
import asyncio
import json
from typing import Any

from spatia_bridge.cli.place import open_place
from spatia_bridge.cli.progress import bytes_text
from spatia_bridge.cli.tables import confirmed, make_table, print_table, time_text
from spatia_bridge.errors import InvalidInputError
from spatia_bridge.link import management as mgmt


def run(args: argparse.Namespace) -> None:
    """Do the action."""
    actions = {"list": _list, "show": _show, "fork": _fork, "prune": _prune, "delete": _delete}
    asyncio.run(actions[args.action](args))


async def _list(args: argparse.Namespace) -> None:
    async with open_place(args) as place:
        sessions = await place.list()
    if args.json:
        print(json.dumps([_plain_session(each) for each in sessions], indent=2))
        return
    if not sessions:
        print("there are no sessions yet")
        return
    table = make_table("session", "title", "changed", "revisions", "points", "on disk")
    for each in sessions:
        if each.problem:
            table.add_row(each.id, f"cannot be opened: {each.problem}", "", "", "", bytes_text(each.bytes_on_disk))
        else:
            counts = (str(each.revisions), f"{each.points:,}", bytes_text(each.bytes_on_disk))
            table.add_row(each.id, each.title, time_text(each.modified_secs), *counts)
    print_table(table)


async def _show(args: argparse.Namespace) -> None:
    async with open_place(args) as place:
        found = await place.get(args.session)
    session = found.session or mgmt.SessionInfo(id=args.session)
    if args.json:
        print(json.dumps(_plain_details(found, session), indent=2))
        return
    print(f"{session.id}: {session.points:,} points, {bytes_text(session.bytes_on_disk)}, {time_text(session.modified_secs)}")
    if session.oldest_revision > 1:
        print(f"the content of revisions before {session.oldest_revision} was pruned")
    revisions = make_table("revision", "cause", "note", "take", "chunks", "points")
    for each in found.revisions:
        cause = each.cause.value if each.cause else ""
        revisions.add_row(str(each.number), cause, each.note, str(each.take or ""), f"{each.chunks:,}", f"{each.points:,}")
    print_table(revisions)
    if found.takes:
        takes = make_table("take", "state", "generator", "frames", "size", "from revision", "prompt")
        for take in found.takes:
            state, size = take.state.value if take.state else "", f"{take.width}×{take.height}"
            counts = (str(take.frames_total), size, str(take.base_revision))
            takes.add_row(str(take.number), state, take.generator, *counts, take.prompt)
        print_table(takes)


async def _fork(args: argparse.Namespace) -> None:
    async with open_place(args) as place:
        made = await place.fork(args.session, args.new, args.revision, args.title)
    if args.json:
        print(json.dumps(_plain_session(made), indent=2))
        return
    of = f"revision {args.revision}" if args.revision else "the newest revision"
    print(f"session {made.id} begins with {of} of {args.session}: {made.points:,} points")


async def _prune(args: argparse.Namespace) -> None:
    question = f"Forget the content of all but the newest {args.keep} revisions of session {args.session}, for good?"
    _make_sure(args, question, "pruned")
    async with open_place(args) as place:
        pruned = await place.prune(args.session, args.keep)
    session = pruned.session or mgmt.SessionInfo(id=args.session)
    if args.json:
        print(json.dumps({**_plain_session(session), "freed_bytes": pruned.freed_bytes}, indent=2))
        return
    kept = f"revisions {session.oldest_revision} to {session.revisions} are kept"
    print(f"session {session.id}: {kept}, {bytes_text(session.bytes_on_disk)}, {bytes_text(pruned.freed_bytes)} less than before")


async def _delete(args: argparse.Namespace) -> None:
    question = f"Delete session {args.session} with all its frames and revisions, for good?"
    _make_sure(args, question, "deleted")
    async with open_place(args) as place:
        await place.delete(args.session)
    print(f"session {args.session} is deleted")


def _make_sure(args: argparse.Namespace, question: str, done: str) -> None:
    """Raises InvalidInputError: whoever was asked did not say yes."""
    if not args.yes and not confirmed(question):
        raise InvalidInputError(f"session {args.session} was not {done}", "say yes, or add --yes")


def _plain_session(session: mgmt.SessionInfo) -> dict[str, Any]:
    return {name: getattr(session, name) for name in mgmt.SessionInfo.__slots__}


def _plain_details(found: mgmt.GetSessionResponse, session: mgmt.SessionInfo) -> dict[str, Any]:
    revisions = [
        {
            "number": each.number,
            "cause": each.cause.value if each.cause else "",
            "content_of": each.content_of,
            "note": each.note,
            "take": each.take,
            "points": each.points,
            "chunks": each.chunks,
            "health": dict(each.health),
        }
        for each in found.revisions
    ]
    takes = [
        {
            "number": each.number,
            "state": each.state.value if each.state else "",
            "generator": each.generator,
            "prompt": each.prompt,
            "seed": each.seed,
            "frames": each.frames_total,
            "width": each.width,
            "height": each.height,
            "fps": each.fps,
            "base_revision": each.base_revision,
        }
        for each in found.takes
    ]
    return {**_plain_session(session), "history": revisions, "takes": takes}
