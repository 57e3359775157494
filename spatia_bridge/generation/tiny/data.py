"""Clips to train on, made from walks: what memory and references would show, with their errors.

A clip is some frames of a walk in a row. Memory is a few other frames, splatted into the clip's cameras: of the walk, or of its
like without creatures where there is one, since holes must not give away where they stand. References are frames that look at the
same place; preceding frames are those right before. Most clips are as in use: the camera turns to what neither memory nor a
reference has seen. All in one batch, on the device of the footage.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.codec.walks import QUIET, Walk, load_walk
from spatia_bridge.errors import InvalidInputError, NotFoundError
from spatia_bridge.frames import Projection
from spatia_bridge.generation.structure.filling import Filled, Filling
from spatia_bridge.generation.tiny.conditions import (
    FARTHEST_M,
    PRECEDING,
    REFERENCES,
    Conditions,
    Given,
    as_projection,
    as_view,
    log_depth,
    metres,
    rays,
)
from spatia_bridge.generation.tiny.projector import Lenses, back_project, splat
from spatia_bridge.generation.tiny.vocabulary import COLOURS, CREATURES, LIGHTS, PLACES, WORDS
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.render.cores import map_all

FRAMES = 8
SOURCES = 4  # frames that memory is made of, at most
WINDOW = 80  # frames around a clip where its sources and references come from
STRIDES = (1, 2)
DROP = 0.08  # each of memory, references, preceding frames, prompt, independently
CORRUPT = 0.08  # a source, in each way
LATEST_SOURCE = 0.8  # how often memory has the frame right before the clip: always but at the start, or after an edit
AHEAD = 0.6  # of the clips, as in use: memory and references have seen nothing that comes later, and the camera turns
TURNS = 4  # such a clip turns most of so many
PEOPLED, CROWDED = (
    0.25,
    0.2,
)  # of the clips, chosen for what moves in them; and the share of a frame that does, where it is too near
CREATURE_PART = 24 / (128 * 72)
SKY_PART = 0.03
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Footage:
    """All frames of all walks, at one size, F in all.

    Attributes:
        colour: uint8 (F, H, W, 3); depth: float16 (F, H, W), log depth; actors: uint8 (F, H, W); all on one device.
        creatures: int64 (F, 256), the index into WORDS of an actor's creature, or -1.
        world_from_camera: float64 (F, 4, 4); lens: float64 (F, 4), fx, fy, cx, cy; both NumPy.
        first, last: int64 (F,), the first and last frame of each frame's walk.
        quiet: int64 (F,), the frame that shows the same without what moves, or itself.
        crowd: float32 (F,), the share of the picture that moves.
    """

    colour: Tensor
    depth: Tensor
    actors: Tensor
    creatures: Tensor
    world_from_camera: npt.NDArray[np.float64]
    lens: npt.NDArray[np.float64]
    first: Indexes
    last: Indexes
    quiet: Indexes
    crowd: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.colour.shape[2], self.colour.shape[1]


@dataclass(frozen=True, eq=False)
class Plan:
    """Which frames make the clips of a batch; numbers of frames, int64, and what is dropped, bool."""

    target: Indexes  # (B, N)
    sources: Indexes  # (B, M)
    source_there: npt.NDArray[np.bool_]
    references: Indexes  # (B, K)
    reference_there: npt.NDArray[np.bool_]
    preceding: Indexes  # (B, P)
    preceding_there: npt.NDArray[np.bool_]
    prompt_there: npt.NDArray[np.bool_]  # (B,)


def load_footage(folder: Path, width: int, device: torch.device | str = "cpu", limit: int = 0) -> Footage:
    """Read all walks of a folder, at their own width or half of it.

    Raises:
        NotFoundError: the folder has no walk.
        InvalidInputError: walks of another size.
    """
    paths = sorted(folder.glob("*.walk"))[: limit or None]
    if not paths:
        raise NotFoundError(f"{folder} has no walks", "prepare some: python -m spatia_bridge.samples.freedoom.training --help")
    return footage_of(map(load_walk, paths), width, device)


def footage_of(walks: Iterable[Walk], width: int, device: torch.device | str = "cpu") -> Footage:
    """As `load_footage`, from walks in memory. Halving averages colours and takes one depth in four."""
    parts: dict[str, list[Tensor]] = {"colour": [], "depth": [], "actors": [], "creatures": []}
    poses, lens, first, last, crowd = [], [], [], [], []
    begins: dict[str, int] = {}
    count = 0
    for walk in walks:
        shrink = walk.intrinsics.width // width
        if shrink not in (1, 2) or walk.intrinsics.width != shrink * width:
            raise InvalidInputError(f"a walk is {walk.intrinsics.width} pixels wide", f"ask for that or half of it, not {width}")
        k = walk.intrinsics.resized(width, walk.intrinsics.height // shrink)
        colour = torch.from_numpy(walk.colour)
        if shrink == 2:
            planes = F.avg_pool2d(colour.permute(0, 3, 1, 2).float(), 2)
            colour = planes.add(0.5).byte().permute(0, 2, 3, 1).contiguous()
        parts["colour"].append(colour.to(device))
        parts["depth"].append(log_depth(torch.from_numpy(walk.depth_m[:, ::shrink, ::shrink].copy())).half().to(device))
        parts["actors"].append(torch.from_numpy(walk.actors[:, ::shrink, ::shrink].copy()).to(device))
        table = torch.full((256,), -1)
        for number, name in enumerate(walk.creatures, start=1):
            if name in CREATURES:
                table[number] = WORDS.index(name)
        parts["creatures"].append(table.expand(len(walk), -1).to(device))
        poses.append(walk.world_from_camera)
        lens.append(np.tile((k.fx, k.fy, k.cx, k.cy), (len(walk), 1)))
        crowd.append((walk.actors > 0).mean(axis=(1, 2), dtype=np.float32))
        begins[walk.name] = count
        first.append(np.full(len(walk), count))
        count += len(walk)
        last.append(np.full(len(walk), count - 1))
    first_of, quiet = np.concatenate(first), np.arange(count)
    for name, begin in begins.items():
        quiet[first_of == begin] += begins.get(name + QUIET, begin) - begin
    tensors = {name: torch.cat(tensors) for name, tensors in parts.items()}
    return Footage(**tensors, world_from_camera=np.concatenate(poses), lens=np.concatenate(lens), first=first_of,
                   last=np.concatenate(last), quiet=quiet, crowd=np.concatenate(crowd))  # fmt: skip


def plan(footage: Footage, batch: int, rng: np.random.Generator, drop: float = DROP) -> Plan:
    """Choose clips: some into what memory has not seen, AHEAD, some anywhere in the midst of it."""
    ahead = rng.random(batch) < AHEAD
    begin, stride = _beginnings(footage, ahead, rng)
    target = np.minimum(begin[:, None] + stride[:, None] * np.arange(FRAMES), footage.last[begin][:, None])
    preceding = begin[:, None] + stride[:, None] * np.arange(-PRECEDING, 0)
    before = preceding >= footage.first[begin][:, None]
    preceding = np.maximum(preceding, footage.first[begin][:, None])
    sources = _others(footage, begin, ahead, rng, SOURCES)
    with_latest = rng.random(batch) < LATEST_SOURCE
    sources[:, 0] = np.where(with_latest & before[:, -1], preceding[:, -1], sources[:, 0])
    others = _others(footage, begin, ahead, rng, 3 * REFERENCES)
    references = _looking_alike(footage, begin, np.concatenate([sources, others], axis=1))
    kept = rng.random((4, batch)) >= drop
    shown = np.arange(SOURCES) < rng.integers(1, SOURCES + 1, batch)[:, None]
    given = np.arange(REFERENCES) < rng.integers(0, REFERENCES + 1, batch)[:, None]
    return Plan(
        target, footage.quiet[sources], shown & kept[0][:, None], references, given & kept[1][:, None],
        preceding, before & kept[2][:, None], kept[3],
    )  # fmt: skip


def _beginnings(footage: Footage, ahead: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[Indexes, Indexes]:
    """Where clips begin, and the frames from one of theirs to the next, (B,)."""
    stride = rng.choice(STRIDES, len(ahead))
    anywhere, peopled = np.arange(len(footage)), np.flatnonzero(footage.crowd)
    people = (rng.random(len(ahead)) < PEOPLED) & (len(peopled) > 0)
    begin = np.stack([rng.choice(peopled if some else anywhere, TURNS) for some in people])
    into = people[:, None] * stride[:, None] * rng.integers(0, FRAMES, begin.shape)  # what moves comes at any time of the clip
    low, high = footage.first[begin], footage.last[begin]
    begin = np.maximum(np.minimum(begin - into, high - stride[:, None] * (FRAMES - 1)), low)
    end = np.minimum(begin + stride[:, None] * (FRAMES - 1), high)
    looks = footage.world_from_camera[..., :3, 2]
    straight = (looks[begin] * looks[end]).sum(axis=-1)
    crowded = np.maximum(footage.crowd[begin], footage.crowd[end]) > CROWDED
    chosen = np.where(crowded, 4.0, np.where(ahead[:, None], straight, 0.0)).argmin(axis=1)
    return np.take_along_axis(begin, chosen[:, None], axis=1)[:, 0], stride


def _others(footage: Footage, begin: Indexes, ahead: npt.NDArray[np.bool_], rng: np.random.Generator, count: int) -> Indexes:
    """Frames (B, count) of the same walks from around the clips but not of them; before them if the rest is ahead."""
    away = rng.integers(1, WINDOW, (len(begin), count))
    past = (rng.random((len(begin), count)) < 0.5) | ahead[:, None]
    number = begin[:, None] + np.where(past, -away, FRAMES * max(STRIDES) + away)
    low, high = footage.first[begin][:, None], footage.last[begin][:, None]
    outside = ((number < low) | (number > high)) & ~ahead[:, None]
    number = np.where(outside, 2 * begin[:, None] - number, number)
    return np.asarray(np.clip(number, low, high), np.int64)


def _looking_alike(footage: Footage, begin: Indexes, candidates: Indexes) -> Indexes:
    """Of the candidates (B, C) the REFERENCES that look most as the clips' middles do: near, and turned the same way."""
    middle = np.minimum(begin + FRAMES // 2, footage.last[begin])
    wanted, found = footage.world_from_camera[middle][:, None], footage.world_from_camera[candidates]
    looked_at = [pose[..., :3, 3] + 3.0 * pose[..., :3, 2] for pose in (wanted, found)]  # a point 3 m ahead
    distance = np.linalg.norm(looked_at[0] - looked_at[1], axis=-1)
    best = np.argsort(distance, axis=1, kind="stable")[:, :REFERENCES]
    return np.take_along_axis(candidates, best, axis=1)


@dataclass(frozen=True, eq=False)
class Fills:
    """What takes long to make of the conditions of B clips; see `Conditions`, kept in little space.

    Attributes:
        colour: uint8 (B, N, H, W, 3); log_depth: float16 (B, N, H, W); coverage: uint8 (B, N, H, W), 0 or 1;
        confidence: uint8 (B, N, H, W).
    """

    colour: Tensor
    log_depth: Tensor
    coverage: Tensor
    confidence: Tensor


def make_fills(footage: Footage, chosen: Plan, seed: int, *, corrupt: bool = True) -> Fills:
    """What memory shows along the clips, holes filled structure first as in use.

    Args:
        seed: of what is corrupted, and how; the same on the same kind of device.
    """
    dice = torch.Generator(footage.colour.device).manual_seed(seed)
    anchored = _Anchored(footage, chosen)
    there = torch.from_numpy(chosen.source_there).to(footage.colour.device)
    sources, cameras = anchored.poses(chosen.sources), anchored.poses(chosen.target)
    memory = _memory(footage, chosen, there, sources, cameras, anchored.lenses, dice, corrupt)
    return _filled(footage, chosen, memory)


def make_conditions(footage: Footage, chosen: Plan, fills: Fills) -> tuple[Conditions, Tensor]:
    """The conditions and the true frames, float32 (B, N, 5, H, W), on the footage's device."""
    device = footage.colour.device
    anchored = _Anchored(footage, chosen)
    target, cameras = _frames(footage, chosen.target), anchored.poses(chosen.target)
    colour, depth, coverage, confidence = (
        part.to(device) for part in (fills.colour, fills.log_depth, fills.coverage, fills.confidence)
    )
    known = confidence.flatten(2).any(dim=2)
    fill = torch.cat([colour.movedim(-1, 2).float() / 127.5 - 1.0, depth.float()[:, :, None]], dim=2)
    shown = np.concatenate([chosen.references, chosen.preceding], axis=1)
    valid = torch.from_numpy(np.concatenate([chosen.reference_there, chosen.preceding_there], axis=1)).to(device)
    prompted = torch.from_numpy(chosen.prompt_there).to(device)[:, None]
    words = words_of(target, footage.actors[torch.from_numpy(chosen.target).to(device)], footage.creatures[chosen.target[:, 0]])
    given = Given(_frames(footage, shown), rays(anchored.poses(shown), anchored.down, anchored.lenses), valid, PRECEDING)
    conditions = Conditions(
        fill * known[:, :, None, None, None], coverage.float()[:, :, None], confidence.float()[:, :, None] / 255,
        cameras, anchored.down, anchored.lenses, given, words * prompted,
    )  # fmt: skip
    return conditions, target


def make_clips(footage: Footage, chosen: Plan, seed: int, *, corrupt: bool = True) -> tuple[Conditions, Tensor]:
    """`make_conditions` of `make_fills`."""
    return make_conditions(footage, chosen, make_fills(footage, chosen, seed, corrupt=corrupt))


def mirrored(conditions: Conditions, target: Tensor) -> tuple[Conditions, Tensor]:
    """The same clips in a world whose left is right."""
    mirror = conditions.down.new_tensor([-1.0, 1.0, 1.0])
    poses = conditions.anchor_from_camera.clone()
    poses[..., :3, :3] *= mirror[:, None] * mirror
    poses[..., :3, 3] *= mirror
    lenses, given = conditions.lenses, conditions.given
    values = lenses.values.clone()
    values[:, 2] = lenses.width - values[:, 2]
    signs = torch.cat([mirror, -mirror, mirror.new_ones(1)])  # a moment is a cross product: it turns the other way
    return Conditions(
        conditions.fill.flip(-1), conditions.coverage.flip(-1), conditions.confidence.flip(-1), poses, conditions.down * mirror,
        Lenses(values, lenses.width, lenses.height),
        Given(given.state.flip(-1), given.rays.flip(-1) * signs[:, None, None], given.valid, given.preceding), conditions.words,
    ), target.flip(-1)  # fmt: skip


def without(chosen: Plan, part: str) -> Plan:
    """The same clips without "memory", "references", "preceding" or "prompt"."""
    names = {"memory": "source_there", "references": "reference_there", "preceding": "preceding_there", "prompt": "prompt_there"}
    if part not in names:
        raise InvalidInputError(f"there is no condition {part!r}", f"name one of {', '.join(names)}")
    return replace(chosen, **{names[part]: np.zeros_like(getattr(chosen, names[part]))})


class _Anchored:
    """Clips in the frame of their first camera.

    Attributes:
        down: float32 (B, 3), gravity; lenses: of the clips.
    """

    def __init__(self, footage: Footage, chosen: Plan) -> None:
        self._footage, device = footage, footage.colour.device
        self._anchor = np.linalg.inv(footage.world_from_camera[chosen.target[:, 0]])[:, None]
        self.down = torch.from_numpy(self._anchor[:, 0, :3, 1].copy()).float().to(device)
        self.lenses = Lenses(torch.from_numpy(footage.lens[chosen.target[:, 0]]).float().to(device), *footage.size)

    def poses(self, numbers: Indexes) -> Tensor:
        """`anchor_from_camera` of frames (B, M), float32 (B, M, 4, 4)."""
        return torch.from_numpy(self._anchor @ self._footage.world_from_camera[numbers]).float().to(self.down.device)


def _filled(footage: Footage, chosen: Plan, memory: tuple[Tensor, Tensor, Tensor, Tensor]) -> Fills:
    """Of what memory shows, and references."""
    colour, depth_m, coverage, confidence = (part.cpu() for part in memory)
    references = _frames(footage, chosen.references).cpu()

    def clip(b: int) -> tuple[list[Filled], list[Projection]]:
        fx, fy, cx, cy = footage.lens[chosen.target[b, 0]].tolist()
        lens = Intrinsics(fx, fy, cx, cy, *footage.size)
        target, seen_from = (footage.world_from_camera[numbers[b]] for numbers in (chosen.target, chosen.references))
        projection = [
            as_projection(Camera(lens, pose), colour[b, n], depth_m[b, n], coverage[b, n], confidence[b, n, 0])
            for n, pose in enumerate(target)
        ]
        there = np.flatnonzero(chosen.reference_there[b])
        views = tuple(as_view(Camera(lens, seen_from[k]), references[b, k]) for k in there)
        filling = Filling.of(projection, views, lambda: None)
        return [filling.fill(each) for each in projection], projection

    clips = map_all(clip, range(len(coverage)))

    def stacked(part: Callable[[Filled], npt.NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack([[part(each) for each in filled] for filled, _ in clips]))

    return Fills(
        stacked(lambda each: each.colour),
        log_depth(stacked(lambda each: each.depth_m)).half(),
        torch.from_numpy(np.stack([[each.coverage for each in projection] for _, projection in clips])).byte(),
        (stacked(lambda each: each.confidence) * 255 + 0.5).byte(),
    )


def _frames(footage: Footage, numbers: Indexes) -> Tensor:
    """Float32 (B, N, 5, H, W) of these frames."""
    at = torch.from_numpy(numbers).to(footage.colour.device)
    colour = footage.colour[at].movedim(-1, 2).float() / 127.5 - 1.0
    moves = (footage.actors[at] > 0).float() * 2.0 - 1.0
    return torch.cat([colour, footage.depth[at].float()[:, :, None], moves[:, :, None]], dim=2)


def _memory(
    footage: Footage, chosen: Plan, there: Tensor, sources: Tensor, cameras: Tensor, lenses: Lenses,
    dice: torch.Generator, corrupt: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """What memory shows: colour (B, N, 3, H, W), depth in metres and coverage (B, N, H, W), confidence (B, N, 1, H, W)."""
    state = _frames(footage, chosen.sources)
    depth = metres(state[:, :, 3])
    usable = (depth > 0) & (state[:, :, 4] < 0) & there[:, :, None, None]
    colour, trust = state[:, :, :3], torch.ones(there.shape, device=depth.device)
    if corrupt:
        colour, depth, sources, trust = _corrupted(colour, depth, sources, dice)
    points = back_project(depth, sources, lenses)
    if corrupt:
        usable = usable & ~_bitten(points, dice)
    footprint = depth / lenses.values[:, :2].mean(dim=1)[:, None, None, None]
    trust = trust[:, :, None, None, None].expand(-1, -1, 1, *depth.shape[2:])
    values = torch.cat([colour, trust], dim=2).movedim(2, -1)
    out, out_depth, coverage = splat(
        points.flatten(1, 3),
        values.flatten(1, 3),
        usable.flatten(1, 3),
        footprint.flatten(1, 3),
        torch.linalg.inv(cameras),
        lenses,
    )
    return out[:, :, :3], out_depth, coverage, out[:, :, 3:]


def _corrupted(colour: Tensor, depth: Tensor, pose: Tensor, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Some sources with drifted colours, wrong depth here and there, poses a little off, less confidence."""
    batch, count = depth.shape[:2]

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=dice, device=depth.device)

    def some() -> Tensor:
        return (rand(batch, count) < CORRUPT).float()[:, :, None, None]

    drift = some()[..., None] * 0.2 * (rand(2, batch, count, 3, 1, 1) - 0.5)
    colour = (colour * (1 + drift[0]) + drift[1]).clamp(-1, 1)
    floats = (rand(*depth.shape) < 0.01) & (some() > 0)
    depth = torch.where(floats, depth * (0.3 + 0.7 * rand(*depth.shape)), depth) * (
        1 + some() * 0.04 * (rand(batch, count, 1, 1) - 0.5)
    )
    off = some() * (rand(batch, count, 1, 6) - 0.5)
    turn, shift = 0.02 * off[..., :3], 0.08 * off[..., 0, 3:]  # up to 0.6 degrees and 4 cm an axis
    x, y, z = turn[:, :, 0].unbind(-1)
    one = torch.ones_like(x)
    small = torch.stack([one, -z, y, z, one, -x, -y, x, one], dim=-1).reshape(batch, count, 3, 3)
    pose = pose.clone()
    pose[..., :3, :3] = pose[..., :3, :3] @ small
    pose[..., :3, 3] += shift
    return colour, depth, pose, 1.0 - 0.7 * some()[:, :, 0, 0] * rand(batch, count)


def _bitten(points: Tensor, dice: torch.Generator) -> Tensor:
    """Bool (B, M, H, W): points in up to two boxes a clip, 1 to 3 m a side, that memory has lost."""
    batch = len(points)
    flat = points.flatten(1, 3)
    lost = torch.zeros(flat.shape[:2], dtype=torch.bool, device=points.device)
    for _ in range(2):
        centre = torch.randint(flat.shape[1], (batch, 1, 1), generator=dice, device=points.device)
        middle = torch.gather(flat, 1, centre.expand(-1, 1, 3))
        side = 1 + 2 * torch.rand(batch, 1, 1, generator=dice, device=points.device)
        bites = torch.rand(batch, 1, generator=dice, device=points.device) < CORRUPT
        lost |= ((flat - middle).abs() < side / 2).all(-1) & bites
    return lost.view(points.shape[:-1])


def words_of(target: Tensor, actors: Tensor, creatures: Tensor) -> Tensor:
    """What a prompt would call these clips, float32 (B, W).

    Args:
        target: float32 (B, N, 5, H, W); actors: uint8 (B, N, H, W); creatures: int64 (B, 256) into WORDS, or -1.
    """
    batch = len(target)
    words = torch.zeros(batch, len(WORDS), device=target.device)
    depth_m = metres(target[:, :, 3]).flatten(1)
    sky = (target[:, :, 3] >= log_depth(target.new_tensor(FARTHEST_M))).flatten(1).float().mean(1) > SKY_PART
    far = torch.median(depth_m, dim=1).values
    place = torch.where(sky, 3, (far >= 2.5).long() + (far >= 6.0).long())
    mean = (target[:, :, :3].mean(dim=(1, 3, 4)) + 1) * 127.5
    luma = mean @ mean.new_tensor([0.299, 0.587, 0.114])
    light = (luma >= 40).long() + (luma >= 80).long()
    red, green, blue = mean.unbind(1)
    warm = torch.where(red - green < 0.6 * (red - blue), COLOURS.index("brown"), COLOURS.index("red"))
    hue = torch.where(mean.argmax(1) == 0, warm, mean.argmax(1) + COLOURS.index("red"))
    hue = torch.where(mean.amax(1) - mean.amin(1) < 12, COLOURS.index("grey"), hue)
    for group, index in ((PLACES, place), (LIGHTS, light), (COLOURS, hue)):
        words.scatter_(1, (index + WORDS.index(group[0]))[:, None], 1.0)
    least = CREATURE_PART * actors.shape[-1] * actors.shape[-2]
    for number in range(1, len(CREATURES) + 2):
        named = creatures[:, number]
        shown = ((actors == number).sum(dim=(2, 3)).amax(1) >= least) & (named >= 0)
        words[torch.arange(batch, device=words.device), named.clamp_min(0)] += shown
    return words.clamp_max(1.0)
