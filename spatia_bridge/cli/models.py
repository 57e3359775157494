"""`spatia-bridge models list|fetch|check`: the published weights of learned backends."""

import argparse
import json
from pathlib import Path
from typing import Any

from spatia_bridge.cli.progress import Reporter, bytes_text
from spatia_bridge.cli.tables import confirmed, make_table, print_table
from spatia_bridge.errors import InvalidInputError, SpatiaError
from spatia_bridge.models import library
from spatia_bridge.models.catalogue import CATALOGUE, ModelCard
from spatia_bridge.models.fetch import copy, fetch, plan_fetch


def run(args: argparse.Namespace) -> int:
    """Do the action; 1 if a check found something."""
    return {"list": _list, "fetch": _fetch, "check": _check}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    rows = [(card, _state(card)) for card in CATALOGUE.values()]
    if args.json:
        keys = ("name", "repository", "revision", "licence", "note")
        print(json.dumps([{**{key: getattr(card, key) for key in keys}, **state} for card, state in rows], indent=2))
        return 0
    table = make_table("model", "here", "licence", "repository", "for")
    for card, state in rows:
        here = state["problem"] or (f"{bytes_text(state['bytes'])} at {str(state['commit'])[:12]}" if state["here"] else "no")
        table.add_row(card.name, here, str(state["licence"]), card.repository, card.note)
    print_table(table)
    print(f"Sizes are asked of the hub before a download. Weights lie in {library.models_dir()}.")
    return 0


def _state(card: ModelCard) -> dict[str, Any]:
    state: dict[str, Any] = {
        "here": library.is_fetched(card.name),
        "licence": card.licence,
        "bytes": 0,
        "commit": "",
        "problem": "",
    }
    if state["here"]:
        try:
            lock = library.read_lock(card.name)
            state |= {"licence": lock.licence, "bytes": lock.size_bytes, "commit": lock.commit}
            library.locate(card.name)
        except SpatiaError as error:
            state["problem"] = error.message
    return state


def _fetch(args: argparse.Namespace) -> int:
    reporter = Reporter()
    if args.folder:
        with reporter.stage(f"copy {args.model}") as stage:
            stage.result = str(
                copy(args.model, Path(args.folder).expanduser(), lambda done, total: stage.update(done / max(total, 1)))
            )
        return 0
    plan = plan_fetch(args.model, args.mirror or "")
    print(f"{args.model}: {plan.card.repository} at {plan.commit}, from {plan.source}")
    print(f"  licence  {plan.licence}")
    print(
        f"  size     {bytes_text(plan.size_bytes)} in {len(plan.files)} files, {bytes_text(plan.missing_bytes)} to be downloaded"
    )
    if not args.yes and not confirmed("Download it and agree to the licence?"):
        raise InvalidInputError(f"{args.model} was not fetched", "say yes, or add --yes")
    with reporter.stage(f"fetch {args.model}") as stage:

        def told(done: int, total: int) -> None:
            stage.update(done / max(total, 1), f"{bytes_text(done)} of {bytes_text(total)}")

        stage.result = str(fetch(plan, told))
    return 0


def _check(args: argparse.Namespace) -> int:
    names = [args.model] if args.model else [name for name in CATALOGUE if library.is_fetched(name)]
    reporter, found = Reporter(), {}
    for name in names:
        try:
            with reporter.stage(f"check {name}") as stage:
                lock = library.check(name, lambda done, total, stage=stage: stage.update(done / max(total, 1)))  # type: ignore[misc]
                stage.result = f"{len(lock.files)} files, {bytes_text(lock.size_bytes)}, all as they were fetched"
            found[name] = ""
        except SpatiaError as error:
            found[name] = str(error)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        for name, problem in found.items():
            print(f"{name}: {problem or 'well'}")
        if not names:
            print("no model is here; spatia-bridge models list")
    return int(any(found.values()))
