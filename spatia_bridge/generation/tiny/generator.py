"""The Generator: a clip in blocks of some 8 frames, each steered by memory, references, the frames before it and the prompt.

It begins with the holes filled structure first, as `reproject` leaves them. What one block invented memory does not have yet, so
its last frame is splatted into the next block's cameras, where memory has holes. The network works at its own size; at another,
memory's own pixels come back through the gate, as sharp as they were.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, DepthImage, GeneratedFrame, Projection, RgbdFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.structure.filling import Filling
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.conditions import (
    PRECEDING,
    REFERENCES,
    Conditions,
    Given,
    as_projection,
    as_view,
    filled,
    levels,
    log_depth,
    metres,
    rays,
)
from spatia_bridge.generation.tiny.network import Network, Prediction
from spatia_bridge.generation.tiny.projector import Lenses, back_project, splat
from spatia_bridge.generation.tiny.vocabulary import WORDS, read_prompt
from spatia_bridge.generation.tiny.weights import load_network
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera

LONGEST_BLOCK = 9  # frames; 25 are 9 + 8 + 8
INVENTED_CONFIDENCE = 0.3  # of what memory did not have
MIN_SIDE = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _View:
    """A picture with depth at the network's size: state (5, h, w), its camera."""

    state: Tensor
    camera: Camera


class Tiny:
    """`tiny`, given its weights.

    Args:
        weights: a file of the trainer (`best.safetensors`), or a network.
        shape: the size the network works at is this one's number of pixels, in a request's aspect, and never above the request's.
        device: where to compute; by default CUDA if there is one.

    Raises:
        NotFoundError, CodecError: there are no weights in that file.
    """

    name = "tiny"

    def __init__(self, weights: Path | Network, shape: ClipShape | None = None, device: str | None = None) -> None:
        self.shape = shape or ClipShape(width=256, height=144)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        network = weights if isinstance(weights, Network) else load_network(weights)
        self._network: Network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """Four steps a block, then its frames; see `Generator.generate`. Words it does not know are logged and passed over."""
        prompt = read_prompt(request.prompt)
        if prompt.unknown:
            _log.warning("tiny does not know %s; it knows %s", ", ".join(prompt.unknown), ", ".join(WORDS))
        words = torch.zeros(1, len(WORDS))
        words[0, list(prompt.indexes)] = 1.0
        total = len(request.projection)
        if not total:
            return
        cancel.raise_if_cancelled()
        size = self._size(request.projection[0].camera)
        references = [_view(reference.frame, size) for reference in request.references[:REFERENCES]]
        preceding = [_view(frame, size) for frame in request.preceding[-PRECEDING:]]
        views = tuple(as_view(view.camera.resized(*size), view.state) for view in references)
        filling = Filling.of(_Small(request.projection, size), views, cancel.raise_if_cancelled)
        blocks = np.array_split(np.arange(total), -(-total // LONGEST_BLOCK))
        done, made = 0, list[_View]()
        for block in blocks:
            cancel.raise_if_cancelled()
            projections = [request.projection[int(number)] for number in block]
            small = [_small(each, size) for each in projections]
            recent = [*preceding, *made][-PRECEDING:]
            conditions = _conditions(small, filling, references, recent, made[-1:], words).to(self._device)
            noise = flow.frame_noise(request.seed, block.tolist(), size[1], size[0])[None].to(self._device)
            for prediction in flow.steps(self._network, conditions, noise):  # noqa: B007 (the last is the sample)
                done += 1
                yield Step(done, len(blocks) * len(flow.TIMES))
                cancel.raise_if_cancelled()
            made = [_View(state, p.camera) for state, p in zip(prediction.state[0].cpu(), projections, strict=True)]
            for place, projection in enumerate(projections):
                yield _frame(int(block[place]), projection, prediction, conditions, place)

    def _size(self, camera: Camera) -> tuple[int, int]:
        """Width and height that the network works at."""
        k = camera.intrinsics
        scale = min(1.0, (self.shape.width * self.shape.height / (k.width * k.height)) ** 0.5)
        width, height = round(k.width * scale), round(k.height * scale)
        if min(width, height) < MIN_SIDE:
            raise InvalidInputError(f"frames of {k.width}×{k.height} pixels", "ask for a less extreme size")
        return width, height


def _conditions(
    projections: Sequence[Projection], filling: Filling, references: Sequence[_View], recent: Sequence[_View],
    carried: Sequence[_View], words: Tensor,
) -> Conditions:  # fmt: skip
    """What the network is shown for one block, of projections at its own size; its anchor is the block's first camera."""
    k = projections[0].camera.intrinsics
    size = (k.width, k.height)
    anchor = projections[0].camera.camera_from_world
    lenses = _lens([projections[0].camera], size)
    cameras = _poses(anchor, [p.camera for p in projections])
    for view in carried:
        projections = _with(projections, *_splatted(view, anchor, cameras, lenses))
    fill, confidence = filled(projections, filling)
    known = torch.from_numpy(np.stack([p.coverage for p in projections])).float()[:, None]
    down = torch.from_numpy(anchor[:3, 1].copy()).float()[None]
    others = [*references, *recent]
    if others:
        states = torch.stack([view.state for view in others])[None]
        each = [rays(_poses(anchor, [v.camera]), down, _lens([v.camera], size))[0, 0] for v in others]
        given = Given(states, torch.stack(each)[None], torch.ones(1, len(others), dtype=torch.bool), len(recent))
    else:  # an empty place that nobody looks at: convolutions want one
        nothing = torch.zeros(1, 1, 5, size[1], size[0])
        given = Given(nothing, rays(cameras[:, :1], down, lenses), torch.zeros(1, 1, dtype=torch.bool), 0)
    return Conditions(fill[None], known[None], confidence[None], cameras, down, lenses, given, words)


@dataclass(frozen=True, eq=False)
class _Small(Sequence[Projection]):
    """A clip's projections at the network's size, made when they are asked for."""

    whole: Sequence[Projection]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, number: int) -> Projection:  # type: ignore[override]
        return _small(self.whole[number], self.size)


def _small(projection: Projection, size: tuple[int, int]) -> Projection:
    """At the network's size: means over what is covered; covered from half on."""
    k = projection.camera.intrinsics
    if (k.width, k.height) == size:
        return projection
    full = torch.cat(
        [_picture(projection.colour, projection.depth_m), torch.from_numpy(projection.confidence).float()[None] / 255]
    )
    covered = torch.from_numpy(projection.coverage).float()[None]
    share, sums = (F.interpolate(part[None], size=(size[1], size[0]), mode="area")[0] for part in (covered, full * covered))
    means = sums / share.clamp_min(1e-6)
    return as_projection(projection.camera.resized(*size), means[:3], metres(means[3]), share[0] >= 0.5, means[4])


def _with(projections: Sequence[Projection], picture: Tensor, there: Tensor) -> list[Projection]:
    """The projections, their holes filled where there is something of a picture (N, 4, h, w)."""
    out = []
    for projection, image, drawn in zip(projections, picture, there[:, 0], strict=True):
        known = projection.coverage
        extra = drawn.numpy() & ~known
        out.append(
            Projection(
                projection.camera,
                np.where(extra[..., None], levels(image[:3]).numpy(), projection.colour),
                np.where(extra, metres(image[3]).numpy(), projection.depth_m),
                known | extra,
                np.where(extra, np.uint8(255 * INVENTED_CONFIDENCE), projection.confidence),
            )
        )
    return out


def _splatted(view: _View, anchor: se3.Array, cameras: Tensor, lenses: Lenses) -> tuple[Tensor, Tensor]:
    """A frame's static points in the new cameras: picture (N, 4, h, w), and where it is, bool (N, 1, h, w)."""
    depth = metres(view.state[3])[None, None]
    own = _lens([view.camera], (lenses.width, lenses.height))
    points = back_project(depth, _poses(anchor, [view.camera]), own)
    usable = (depth > 0) & (view.state[4] < 0)
    footprint = depth / own.values[:, :2].mean()
    colour = view.state[:3].movedim(0, -1)[None, None]
    out, out_depth, there = splat(
        points.flatten(1, 3),
        colour.flatten(1, 3),
        usable.flatten(1, 3),
        footprint.flatten(1, 3),
        torch.linalg.inv(cameras),
        lenses,
    )
    return torch.cat([out[0], log_depth(out_depth[0])[:, None]], dim=1), there[0][:, None]


def _frame(number: int, projection: Projection, prediction: Prediction, conditions: Conditions, place: int) -> GeneratedFrame:
    """One frame at the request's size: the prediction, and through the gate what the projection has beyond its small copy."""
    k = projection.camera.intrinsics
    size = (k.height, k.width)
    state, gate = prediction.state[0, place].cpu()[None], prediction.gate[0, place].cpu()[None]
    gap = torch.cat([state[:, :4] - gate * conditions.fill[0, place].cpu(), state[:, 4:], gate], dim=1)
    smooth = F.interpolate(torch.cat([gap, gate * conditions.fill[0, place].cpu()], dim=1), size=size, mode="bilinear")
    rest, moves, gate, fill = smooth[:, :4], smooth[0, 4], smooth[0, 5], smooth[:, 6:]
    covered = torch.from_numpy(projection.coverage)
    own = gate * _picture(projection.colour, projection.depth_m)[None]
    picture = rest + torch.where(covered, own, fill)
    colour = levels(picture[0, :3]).numpy()
    dynamic = moves > 0
    trust = gate * torch.from_numpy(projection.confidence / np.float32(255))
    confidence = torch.where(covered & ~dynamic, trust, trust.new_tensor(INVENTED_CONFIDENCE)).clamp(0, 1)
    return GeneratedFrame(number, colour, metres(picture[0, 3]).numpy(), dynamic.numpy(), confidence.numpy())


def _view(frame: RgbdFrame, size: tuple[int, int]) -> _View:
    """A frame at the network's size."""
    depth_m = np.where(frame.valid_depth(), frame.depth_m, np.float32(0))
    picture = F.interpolate(_picture(frame.colour, depth_m)[None], size=(size[1], size[0]), mode="area")[0]
    moves = (
        torch.zeros(1, 1, *frame.depth_m.shape) if frame.dynamic is None else torch.from_numpy(frame.dynamic).float()[None, None]
    )
    part = F.interpolate(moves, size=(size[1], size[0]), mode="area")[0]
    return _View(torch.cat([picture, (part >= 0.5).float() * 2 - 1]), frame.camera)


def _picture(colour: ColourImage, depth_m: DepthImage) -> Tensor:
    """Colour in −1…1 and log depth, float32 (4, H, W)."""
    planes = torch.from_numpy(colour).permute(2, 0, 1).float() / 127.5 - 1.0
    return torch.cat([planes, log_depth(torch.from_numpy(depth_m))[None]])


def _poses(anchor: se3.Array, cameras: Sequence[Camera]) -> Tensor:
    """`anchor_from_camera`, float32 (1, N, 4, 4)."""
    return torch.from_numpy(np.stack([anchor @ camera.world_from_camera for camera in cameras])).float()[None]


def _lens(cameras: Sequence[Camera], size: tuple[int, int]) -> Lenses:
    lenses = [camera.intrinsics.resized(*size) for camera in cameras]
    return Lenses(torch.tensor([(k.fx, k.fy, k.cx, k.cy) for k in lenses]), *size)
