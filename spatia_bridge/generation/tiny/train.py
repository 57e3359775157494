"""The trainer: `python -m spatia_bridge.generation.tiny.train --data DIR --pool DIR --out DIR --minutes N`.

Needs torch, safetensors, NumPy, Numba and OpenCV. DIR of the data holds `train/*.walk` and `validate/*.walk`, that of the pool
`train` and `validate` of the same walks (`python -m spatia_bridge.generation.tiny.pool`). Into the third go
`checkpoint.safetensors` (all that is needed to go on bit by bit: weights, average, optimiser, step), `curve.jsonl` (a line a
report), `best.safetensors` (the average, in half precision, where validation was best). Run again with the same arguments it goes
on where it was.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spatia_bridge.errors import InvalidInputError, exit_status
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.cells import frames_of
from spatia_bridge.generation.tiny.data import load_footage, mirrored
from spatia_bridge.generation.tiny.network import Network, NetworkConfig
from spatia_bridge.generation.tiny.pool import Pool
from spatia_bridge.generation.tiny.vocabulary import CREATURES, WORDS
from spatia_bridge.generation.tiny.weights import load_network, load_tensors, save_network, save_tensors

CHECKPOINT, CURVE, BEST = "checkpoint.safetensors", "curve.jsonl", "best.safetensors"
VALIDATION_SAMPLES = 4
PROMPTED = 0.5  # of the clips that have words are trained with them, most are asked for without; but creatures are always named
CREATURE = np.isin(WORDS, CREATURES)


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        batch: clips a step.
        width: of the frames, 128 or 256.
        rate: the learning rate after `warm_up` steps; steps: where it has come down to nothing along a cosine, 0 = never.
        average: of the weights, the share that stays a step.
        decay: of the weights.
        report, validate, save: every so many steps.
        validation_clips: how many.
    """

    batch: int = 16
    width: int = 128
    rate: float = 1e-3
    warm_up: int = 200
    steps: int = 0
    average: float = 0.998
    decay: float = 0.02
    report: int = 50
    validate: int = 500
    save: int = 250
    validation_clips: int = 32
    seed: int = 0


class Trainer:
    """Weights, their average and the optimiser, and one step after another. A step is a function of the config and its number."""

    def __init__(
        self, network: Network, config: TrainConfig, device: torch.device | str = "cpu", *, compiled: bool = False
    ) -> None:
        self.config, self.device, self.step = config, torch.device(device), 0
        self.network: Network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        self._forward: Any = torch.compile(self.network) if compiled else self.network
        self.optimiser = torch.optim.AdamW(self.network.parameters(), config.rate, betas=(0.9, 0.98), weight_decay=config.decay)

    def train_step(self, pool: Pool) -> dict[str, float]:
        """Learn from a batch; returns what was measured."""
        c = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(c, self.step)
        rng = np.random.default_rng((c.seed, self.step))
        conditions, target = pool.batch(rng.integers(0, len(pool), c.batch).tolist())
        told = torch.from_numpy((rng.random((c.batch, 1)) < PROMPTED) | CREATURE).to(conditions.words.device)
        conditions = replace(conditions, words=conditions.words * told)
        if rng.random() < 0.5:
            conditions, target = mirrored(conditions, target)
        noise = flow.world_noise(rng.integers(0, 2**62, c.batch).tolist(), conditions.anchor_from_camera, conditions.lenses)
        at = torch.from_numpy(rng.random(c.batch, np.float32)).to(self.device)
        self.optimiser.zero_grad(set_to_none=True)
        with flow.precision(self.device):
            loss = flow.loss(self._forward, conditions, target, noise, at)
        loss.total.backward()  # type: ignore[no-untyped-call]
        measured = {name: getattr(loss, name).mean().item() for name in ("total", "colour", "depth", "moves", "detail")}
        measured["gradient"] = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0).item()
        self.optimiser.step()
        self.step += 1
        keep = min(c.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        return measured

    @torch.no_grad()
    def validate(self, pool: Pool) -> dict[str, float]:
        """The average's loss, and in holes the PSNR in dB of a sample, of the mean of four, and of the fill; depth likewise.

        Of the same clips, every other one without its prompt, at the same times and with the same noise each time; errors are
        means over all holes.
        """
        total, area, sums = 0.0, 0.0, dict.fromkeys(("sample", "mean", "fill", "sample_depth", "fill_depth"), 0.0)
        clips = min(self.config.validation_clips, len(pool))
        for number in range(clips):
            conditions, target = pool.batch([number])
            if number % 2:
                conditions = replace(conditions, words=torch.zeros_like(conditions.words))
            hole = 1 - conditions.coverage[0]
            drawn = []
            for seed in range(VALIDATION_SAMPLES):
                noise = flow.world_noise([seed], conditions.anchor_from_camera, conditions.lenses)
                at = noise.new_full((1,), flow.TIMES[seed * flow.STEPS // VALIDATION_SAMPLES])
                with flow.precision(self.device):
                    total += flow.loss(self.average, conditions, target, noise, at).total.item()
                state = flow.sample(self.average, conditions, noise)[0]
                drawn.append(frames_of(state, conditions.fill[0], conditions.coverage[0], (1.0, 1.0))[:, :4])
            found = {"sample": drawn[0], "mean": torch.stack(drawn).mean(dim=0), "fill": conditions.fill[0]}
            for name, picture in found.items():
                error = (picture[:, :3].clamp(-1, 1) - target[0, :, :3]).square().mean(dim=1, keepdim=True)
                sums[name] += float((error * hole).sum())
                if f"{name}_depth" in sums:
                    sums[f"{name}_depth"] += float(((picture[:, 3:] - target[0, :, 3:4]).abs() * hole).sum())
            area += float(hole.sum())
        measured = {"validation_loss": total / clips / VALIDATION_SAMPLES}
        for name, value in sums.items():
            mean = value / max(area, 1.0)
            measured |= {name: mean} if name.endswith("depth") else {f"{name}_psnr": _psnr(mean)}
        return measured

    def save(self, path: Path, best: float) -> None:
        """Write a checkpoint; `best` is the lowest validation loss so far."""
        tensors: dict[str, Tensor] = {}
        for prefix, network in (("network", self.network), ("average", self.average)):
            tensors |= {f"{prefix}.{key}": value for key, value in network.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
        about = {"step": self.step, "best": best, "config": asdict(self.config), "network": asdict(self.network.config)}
        save_tensors(path, tensors, about)

    def load(self, path: Path) -> float:
        """Go on from a checkpoint; returns the lowest validation loss so far.

        Raises:
            InvalidInputError: it was made with another config, so going on would not be the same run.
        """
        tensors, about = load_tensors(path)
        for name, mine in (("config", asdict(self.config)), ("network", asdict(self.network.config))):
            if about.get(name) != json.loads(json.dumps(mine)):
                raise InvalidInputError(
                    f"{path} was made with other settings: {about.get(name)}", "give the same, or another --out"
                )
        groups: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimiser": {}}
        for key, value in tensors.items():
            group, _, rest = key.partition(".")
            groups[group][rest] = value
        self.network.load_state_dict(groups["network"])
        self.average.load_state_dict(groups["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in groups["optimiser"].items():
            number, _, rest = key.partition(".")
            state.setdefault(int(number), {})[rest] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        self.step = int(about["step"])  # type: ignore[call-overload]
        return float(about["best"])  # type: ignore[arg-type]


def rate_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step."""
    rise = min(1.0, (step + 1) / max(config.warm_up, 1))
    fall = 0.5 * (1 + math.cos(math.pi * min(step / config.steps, 1.0))) if config.steps else 1.0
    return config.rate * rise * fall


def _psnr(squared: float) -> float:
    """Of a mean squared error of values in −1…1."""
    return 10 * math.log10(4.0 / max(squared, 1e-12))


def run(
    data: Path,
    pool: Path,
    out: Path,
    minutes: float,
    config: TrainConfig,
    sizes: NetworkConfig,
    device: str,
    init: Path | None,
    *,
    compiled: bool,
) -> None:
    """Train until the time is up or all steps are done; report, validate and save on the way."""
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    shown, held_out = (Pool(pool / name, load_footage(data / name, config.width, device)) for name in ("train", "validate"))
    torch.manual_seed(config.seed)
    trainer = Trainer(load_network(init) if init else Network(sizes), config, device, compiled=compiled)
    checkpoint, best = out / CHECKPOINT, math.inf
    if checkpoint.exists():
        best = trainer.load(checkpoint)
    _say(out, {"clips": len(shown), "held_out_clips": len(held_out), "device": device, "step": trainer.step, **asdict(config)})
    since, sums = time.monotonic(), dict[str, float]()
    while time.monotonic() - began < 60 * minutes and not 0 < config.steps <= trainer.step:
        for name, value in trainer.train_step(shown).items():
            sums[name] = sums.get(name, 0.0) + value
        step = trainer.step
        if step % config.report == 0:
            speed = config.report * config.batch / (time.monotonic() - since)
            _say(out, {"step": step, "clips_a_sec": speed, **{k: v / config.report for k, v in sums.items()}})
            since, sums = time.monotonic(), {}
        if step % config.validate == 0:
            best = _validate(trainer, held_out, out, best)
            since = time.monotonic()
        if step % config.save == 0:
            trainer.save(checkpoint, best)
    best = _validate(trainer, held_out, out, best)
    trainer.save(checkpoint, best)


def _validate(trainer: Trainer, held_out: Pool, out: Path, best: float) -> float:
    measured = trainer.validate(held_out)
    _say(out, {"step": trainer.step, **measured})
    if measured["validation_loss"] >= best:
        return best
    save_network(out / BEST, trainer.average, {"step": trainer.step, "clips": trainer.step * trainer.config.batch, **measured})
    return measured["validation_loss"]


def _say(out: Path, line: dict[str, object]) -> None:
    text = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in line.items()})
    print(text, flush=True)
    with (out / CURVE).open("a", encoding="utf-8") as file:
        file.write(text + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status."""
    defaults = TrainConfig()
    parser = argparse.ArgumentParser(prog="python -m spatia_bridge.generation.tiny.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="stop after so long, a checkpoint written")
    parser.add_argument("--init", type=Path, help="begin with these weights (a best.safetensors), if there is no checkpoint yet")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    for name, sizes in asdict(NetworkConfig()).items():
        if isinstance(sizes, tuple):
            parser.add_argument(
                f"--{name.replace('_', '-')}", type=int, nargs=3, default=sizes, help="channels; default: %(default)s"
            )
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help="default: %(default)s")
    o = parser.parse_args(arguments)
    config = replace(defaults, **{name: getattr(o, name) for name in asdict(defaults)})
    sizes = NetworkConfig(tuple(o.widths), tuple(o.context_widths))
    return exit_status(lambda: run(o.data, o.pool, o.out, o.minutes, config, sizes, o.device, o.init, compiled=o.compile))


if __name__ == "__main__":
    sys.exit(main())
