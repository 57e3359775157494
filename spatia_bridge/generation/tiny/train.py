"""The trainer: `python -m spatia_bridge.generation.tiny.train --data DIR --out DIR --minutes N`.

Needs torch, safetensors, NumPy, Numba and OpenCV. DIR of the data holds `train/*.walk` and `validate/*.walk`. Into the other go
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

from spatia_bridge.errors import InvalidInputError, SpatiaError
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.conditions import Conditions
from spatia_bridge.generation.tiny.data import (
    DROP,
    Footage,
    Own,
    Plan,
    before,
    load_footage,
    make_clips,
    plan,
)
from spatia_bridge.generation.tiny.network import Network, NetworkConfig
from spatia_bridge.generation.tiny.weights import load_network, load_tensors, save_network, save_tensors

CHECKPOINT, CURVE, BEST = "checkpoint.safetensors", "curve.jsonl", "best.safetensors"
VALIDATION_SEED = 1 << 40  # no step ever has it
VALIDATION_TIMES = (0.0, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes:
        batch: clips a step; parts: computed in so many parts, for less memory.
        width: of the frames, 128 or 256.
        rate: the learning rate after `warm_up` steps; steps: where it has come down to nothing along a cosine, 0 = never.
        average: of the weights, the share that stays a step.
        drop: how often each condition is left out.
        own: the last share of `steps`, in which every other step goes on from the network's own output.
        report, validate, save: every so many steps.
        validation_clips: how many.
    """

    batch: int = 4
    parts: int = 1
    width: int = 128
    rate: float = 3e-4
    warm_up: int = 200
    steps: int = 0
    average: float = 0.999
    drop: float = DROP
    own: float = 0.2
    report: int = 25
    validate: int = 250
    save: int = 250
    validation_clips: int = 8
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
        self.optimiser = torch.optim.AdamW(self.network.parameters(), config.rate, betas=(0.9, 0.98), weight_decay=0.01)

    def train_step(self, footage: Footage) -> dict[str, float]:
        """Make a batch, learn from it; returns what was measured."""
        c = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(c, self.step)
        measured: dict[str, float] = {}
        self.optimiser.zero_grad(set_to_none=True)
        for part in range(c.parts):
            seed = (self.step * c.parts + part) * 2**20 + c.seed
            chosen = plan(footage, c.batch // c.parts, np.random.default_rng(seed), c.drop)
            own = self._own(footage, chosen, seed) if on_own_output(c, self.step) else None
            conditions, target = make_clips(footage, chosen, seed, own=own)
            dice = torch.Generator(self.device).manual_seed(seed + 1)
            noise = torch.randn(target.shape, generator=dice, device=self.device)
            at = flow.LATEST * torch.rand(len(target), generator=dice, device=self.device)
            with flow.precision(self.device):
                loss = flow.loss(self._forward, conditions, target, noise, at)
            (loss.total / c.parts).backward()  # type: ignore[no-untyped-call]
            for name in ("total", "covered", "holes", "depth"):
                measured[name] = measured.get(name, 0.0) + getattr(loss, name).mean().item() / c.parts
        measured["gradient"] = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0).item()
        self.optimiser.step()
        self.step += 1
        keep = min(c.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        return measured

    @torch.no_grad()
    def _own(self, footage: Footage, chosen: Plan, seed: int) -> Own:
        """What the average makes of the clips before."""
        earlier, there = before(footage, chosen)
        conditions, target = make_clips(footage, earlier, seed + 2)
        dice = torch.Generator(self.device).manual_seed(seed + 3)
        noise = torch.randn(target.shape, generator=dice, device=self.device)
        made = flow.sample(self.average, conditions, noise).state
        parts = made[:, :, :3].clamp(-1, 1), made[:, :, 3:4], torch.where(made[:, :, 4:] > 0, 1.0, -1.0)  # as frames come back
        return Own(earlier.target, there, torch.cat(parts, dim=2))

    @torch.no_grad()
    def validate(self, footage: Footage) -> dict[str, float]:
        """The average's loss, and its samples' PSNR beside the fill's, on the same clips each time."""
        total, sums = (
            0.0,
            dict.fromkeys(("model_covered", "model_holes", "fill_covered", "fill_holes", "model_depth", "fill_depth"), 0.0),
        )
        clips = self.config.validation_clips
        for number in range(clips):
            conditions, target = batch_of(footage, 1, VALIDATION_SEED + number, 0.0)
            noise = flow.frame_noise(number, range(target.shape[1]), *target.shape[-2:])[None].to(self.device)
            with flow.precision(self.device):
                for at in VALIDATION_TIMES:
                    total += flow.loss(self.average, conditions, target, noise, noise.new_full((1,), at)).total.item()
                made = flow.sample(self.average, conditions, noise).state
            for name, state in (("model", made[:, :, :4]), ("fill", conditions.fill)):
                for where, error in _errors(state, target, conditions).items():
                    sums[f"{name}_{where}"] += error
        out = {"validation_loss": total / clips / len(VALIDATION_TIMES)}
        for name, value in sums.items():
            mean = value / clips
            out[name if name.endswith("depth") else f"{name}_psnr"] = mean if name.endswith("depth") else _psnr(mean)
        return out

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


def batch_of(footage: Footage, clips: int, seed: int, drop: float) -> tuple[Conditions, Tensor]:
    """The batch of this seed."""
    return make_clips(footage, plan(footage, clips, np.random.default_rng(seed), drop), seed)


def on_own_output(config: TrainConfig, step: int) -> bool:
    """Whether a step goes on from the network's own output: every other one of the last share of all steps."""
    return step % 2 == 0 and config.steps > 0 and step >= (1 - config.own) * config.steps


def rate_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step."""
    rise = min(1.0, (step + 1) / max(config.warm_up, 1))
    fall = 0.5 * (1 + math.cos(math.pi * min(step / config.steps, 1.0))) if config.steps else 1.0
    return config.rate * rise * fall


def _errors(state: Tensor, target: Tensor, conditions: Conditions) -> dict[str, float]:
    """Mean squared errors of colour, and the mean error of log depth in holes."""
    squared = (state[:, :, :3].clamp(-1, 1) - target[:, :, :3]).square().mean(dim=2, keepdim=True)
    off = (state[:, :, 3:4] - target[:, :, 3:4]).abs()
    hole = 1 - conditions.coverage
    parts = (("covered", squared, conditions.coverage), ("holes", squared, hole), ("depth", off, hole))
    return {name: float((error * where).sum() / where.sum().clamp_min(1.0)) for name, error, where in parts}


def _psnr(squared: float) -> float:
    """Of a mean squared error of values in −1…1."""
    return 10 * math.log10(4.0 / max(squared, 1e-12))


def run(
    data: Path,
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
    footage, held_out = (load_footage(data / name, config.width, device) for name in ("train", "validate"))
    torch.manual_seed(config.seed)
    trainer = Trainer(load_network(init) if init else Network(sizes), config, device, compiled=compiled)
    checkpoint, best = out / CHECKPOINT, math.inf
    if checkpoint.exists():
        best = trainer.load(checkpoint)
    _say(
        out, {"frames": len(footage), "held_out_frames": len(held_out), "device": device, "step": trainer.step, **asdict(config)}
    )
    since, sums = time.monotonic(), dict[str, float]()
    while time.monotonic() - began < 60 * minutes and not 0 < config.steps <= trainer.step:
        for name, value in trainer.train_step(footage).items():
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


def _validate(trainer: Trainer, held_out: Footage, out: Path, best: float) -> float:
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
    options = parser.parse_args(arguments)
    config = replace(defaults, **{name: getattr(options, name) for name in asdict(defaults)})
    sizes = NetworkConfig(tuple(options.widths), tuple(options.context_widths))
    try:
        run(options.data, options.out, options.minutes, config, sizes, options.device, options.init, compiled=options.compile)
    except SpatiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
