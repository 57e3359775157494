"""Conditions made once, for learning from them many times: `python -m spatia_bridge.generation.tiny.pool --help`.

Filling a clip's holes takes a fifth of a second on a core, and learning from the clip less. A pool is a folder of shards, each a
safetensors file of CLIPS clips: which frames of the footage they are, and what takes long to make.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spatia_bridge.errors import CodecError, NotFoundError, exit_status
from spatia_bridge.generation.tiny.conditions import Conditions
from spatia_bridge.generation.tiny.data import DROP, Fills, Footage, Plan, load_footage, make_conditions, make_fills, plan
from spatia_bridge.generation.tiny.weights import load_tensors, save_tensors

CLIPS = 8  # a shard


class Pool:
    """Clips of a folder of shards, about half a megabyte each at 128×72, all in memory.

    Raises:
        NotFoundError: the folder has no shard.
        CodecError: one is not of this footage.
    """

    def __init__(self, folder: Path, footage: Footage) -> None:
        paths = sorted(folder.glob("*.safetensors"))
        if not paths:
            raise NotFoundError(f"{folder} has no shard", "make some: python -m spatia_bridge.generation.tiny.pool --help")
        self.footage = footage
        self._shards = [_load(path, len(footage)) for path in paths]

    def __len__(self) -> int:
        return CLIPS * len(self._shards)

    def batch(self, numbers: Sequence[int]) -> tuple[Conditions, Tensor]:
        """As `make_conditions`, of these clips."""
        places = [divmod(number, CLIPS) for number in numbers]
        rows = [{key: value[at] for key, value in self._shards[shard].items()} for shard, at in places]
        stacked = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        chosen = Plan(**{key: stacked[key].numpy() for key in Plan.__dataclass_fields__})
        return make_conditions(self.footage, chosen, Fills(**{key: stacked[key] for key in Fills.__dataclass_fields__}))


def make_shard(footage: Footage, path: Path, seed: int, *, corrupt: bool = True) -> None:
    """Choose and fill CLIPS clips of this seed; an older file of that name stays as it is."""
    if path.exists():
        return
    chosen = plan(footage, CLIPS, np.random.default_rng(seed), DROP if corrupt else 0.0)
    fills = make_fills(footage, chosen, seed, corrupt=corrupt)
    numbers = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in asdict(chosen).items()}
    save_tensors(path, {**numbers, **asdict(fills)}, {"seed": seed, "frames": len(footage)})


def _load(path: Path, frames: int) -> dict[str, Tensor]:
    tensors, about = load_tensors(path)
    wanted = {*Plan.__dataclass_fields__, *Fills.__dataclass_fields__}
    if about.get("frames") != frames or set(tensors) != wanted or any(len(value) != CLIPS for value in tensors.values()):
        raise CodecError(f"{path} is not a shard of these walks", "make the pool again, in an empty folder")
    return tensors


_footage: Footage  # of a worker process


def _open(data: Path, width: int) -> None:
    global _footage
    torch.set_num_threads(1)
    _footage = load_footage(data, width)


def _make(number: int, out: Path, corrupt: bool) -> None:
    make_shard(_footage, out / f"{number:06d}.safetensors", number, corrupt=corrupt)


def make_pool(data: Path, out: Path, clips: int, width: int, workers: int, *, corrupt: bool) -> None:
    """Make shards of a folder's walks, or go on with them, in so many processes.

    Raises:
        NotFoundError, InvalidInputError: as `load_footage`.
    """
    shards = range(-(-clips // CLIPS))
    out.mkdir(parents=True, exist_ok=True)
    load_footage(data, width, limit=1)  # says at once what is wrong
    with ProcessPoolExecutor(workers, initializer=_open, initargs=(data, width)) as pool:
        for number, _ in enumerate(pool.map(partial(_make, out=out, corrupt=corrupt), shards)):
            print(f"\r{CLIPS * (number + 1):,} of {CLIPS * len(shards):,} clips", end="", flush=True)
    print()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a pool; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m spatia_bridge.generation.tiny.pool", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder of walks")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, required=True, help=f"rounded up to shards of {CLIPS}")
    parser.add_argument("--width", type=int, default=128, help="of the frames (default: %(default)s)")
    parser.add_argument("--clean", action="store_true", help="memory without errors, all conditions there: to validate with")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    o = parser.parse_args(arguments)
    return exit_status(lambda: make_pool(o.data, o.out, o.clips, o.width, o.workers, corrupt=not o.clean))


if __name__ == "__main__":
    sys.exit(main())
