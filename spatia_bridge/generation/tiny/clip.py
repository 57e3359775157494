"""One clip: holes filled structure first, as `reproject` leaves them, then corrected by the network, and peopled.

The network works at its own small size, on a whole clip at once; what it says is added to the fill at the request's size, whose
detail stays as sharp as it was. What memory covers comes through as it is, unless something moves in front of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, DepthImage, GeneratedFrame, Projection, RgbdFrame
from spatia_bridge.generation.base import CancelToken, ClipRequest, Event, Step
from spatia_bridge.generation.structure.filling import Filled, filled_clip
from spatia_bridge.generation.structure.views import view_of_frame
from spatia_bridge.generation.tiny import flow
from spatia_bridge.generation.tiny.cells import SHARE, frames_of
from spatia_bridge.generation.tiny.conditions import (
    CELL,
    PRECEDING,
    REFERENCES,
    Conditions,
    Given,
    levels,
    log_depth,
    metres,
    rays,
)
from spatia_bridge.generation.tiny.network import Network
from spatia_bridge.generation.tiny.projector import Lenses
from spatia_bridge.generation.tiny.vocabulary import CREATURES, WORDS
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera

LONGEST_BLOCK = 32  # frames that are made at once
NETWORK_PIXELS = 128 * 72  # about so many it was trained at


@dataclass(frozen=True, eq=False)
class _View:
    """A frame at the network's size: state (5, h, w), its camera."""

    state: Tensor
    camera: Camera


def make_clip(network: Network, request: ClipRequest, words: Sequence[int], cancel: CancelToken) -> Iterator[Event]:
    """A step for each frame filled and for each of the network's, then the frames, in blocks; see `Generator.generate`.

    Args:
        words: the prompt's, indexes into WORDS.
    """
    total = len(request.projection)
    if not total:
        return
    cancel.raise_if_cancelled()
    device = next(network.parameters()).device
    size = network_size(request.projection[0].camera)
    peopled = any(WORDS[word] in CREATURES for word in words)  # nothing moves that was not asked for
    prompt = torch.zeros(1, len(WORDS))
    prompt[0, list(words)] = 1.0
    shown = [reference.frame for reference in request.references[:REFERENCES]]
    references, recent = ([_view(frame, size) for frame in frames] for frames in (shown, request.preceding[-PRECEDING:]))
    clip = filled_clip(request.projection, tuple(view_of_frame(frame) for frame in shown), cancel.raise_if_cancelled)
    blocks = np.array_split(np.arange(total), -(-total // LONGEST_BLOCK))
    done, units = 0, total + len(blocks) * flow.STEPS
    for block in blocks:
        filled = list[tuple[Projection, Filled]]()
        for each in islice(clip, len(block)):
            filled.append(each)
            done += 1
            yield Step(done, units)
        conditions = _conditions(filled, size, references, recent, prompt)
        noise = flow.world_noise([request.seed], _poses(np.eye(4), [p.camera for p, _ in filled]), conditions.lenses)
        conditions = conditions.to(device)
        for state in flow.steps(network, conditions, noise.to(device), flow.IN_USE):  # noqa: B007 (the last is the sample)
            done += 1
            yield Step(done, units)
            cancel.raise_if_cancelled()
        if not peopled:
            state[:, :, SHARE] = -1.0
        made = frames_of(state[0], conditions.fill[0], conditions.coverage[0], (1.0, 1.0)).cpu()
        recent = [*recent, *(_View(each, p.camera) for each, (p, _) in zip(made, filled, strict=True))][-PRECEDING:]
        for number, (projection, fill) in zip(block.tolist(), filled, strict=True):
            yield _frame(number, projection, fill, state[0, number - int(block[0])].cpu(), size)


def network_size(camera: Camera) -> tuple[int, int]:
    """Width and height that the network works at, in whole cells: of the request's aspect, and never above its size.

    Raises:
        InvalidInputError: so narrow a picture that nothing is left of it.
    """
    k = camera.intrinsics
    scale = min(1.0, (NETWORK_PIXELS / (k.width * k.height)) ** 0.5)
    width, height = (CELL * round(side * scale / CELL) for side in (k.width, k.height))
    if min(width, height) < 2 * CELL:
        raise InvalidInputError(f"frames of {k.width}×{k.height} pixels", "ask for a less extreme size")
    return width, height


def _conditions(
    filled: Sequence[tuple[Projection, Filled]], size: tuple[int, int], references: Sequence[_View], recent: Sequence[_View],
    words: Tensor,
) -> Conditions:  # fmt: skip
    """What the network is shown for one block; its anchor is the block's first camera."""
    cameras = [projection.camera for projection, _ in filled]
    anchor = cameras[0].camera_from_world
    poses, lenses = _poses(anchor, cameras), _lens(cameras[:1], size)
    down = torch.from_numpy(anchor[:3, 1].copy()).float()[None]
    fills, coverages, confidences = [], [], []
    for projection, fill in filled:
        known = torch.from_numpy(projection.coverage).float()[None]
        picture = _picture(fill.colour, fill.depth_m) * bool(fill.confidence.any())
        small = _resized(torch.cat([picture, known, torch.from_numpy(fill.confidence)[None]]), size)
        fills.append(small[:4])
        coverages.append((small[4:5] >= 0.5).float())
        confidences.append(small[5:])
    others = [*references, *recent]
    if others:
        each = [rays(_poses(anchor, [v.camera]), down, _lens([v.camera], size))[0, 0] for v in others]
        states, valid = torch.stack([view.state for view in others])[None], torch.ones(1, len(others), dtype=torch.bool)
        given = Given(states, torch.stack(each)[None], valid, len(recent))
    else:  # an empty place that nobody looks at: convolutions want one
        nothing = torch.zeros(1, 1, 5, size[1], size[0])
        given = Given(nothing, rays(poses[:, :1], down, lenses), torch.zeros(1, 1, dtype=torch.bool), 0)
    pictures, coverage, confidence = (torch.stack(parts)[None] for parts in (fills, coverages, confidences))
    return Conditions(pictures, coverage, confidence, poses, down, lenses, given, words)


def _frame(number: int, projection: Projection, filled: Filled, state: Tensor, size: tuple[int, int]) -> GeneratedFrame:
    """One frame at the request's size."""
    k = projection.camera.intrinsics
    fill, covered = _picture(filled.colour, filled.depth_m)[None], torch.from_numpy(projection.coverage).float()[None, None]
    made = frames_of(state[None], fill, covered, (k.height / size[1], k.width / size[0]))[0]
    moves = made[4].numpy() > 0
    own = projection.coverage & ~moves
    colour = np.where(own[..., None], projection.colour, levels(made[:3]).numpy())
    depth_m = np.where(own, projection.depth_m, metres(made[3]).numpy())
    return GeneratedFrame(number, colour, depth_m, moves, filled.confidence)


def _view(frame: RgbdFrame, size: tuple[int, int]) -> _View:
    """A frame at the network's size."""
    depth_m = np.where(frame.valid_depth(), frame.depth_m, np.float32(0))
    moves = torch.zeros(frame.depth_m.shape) if frame.dynamic is None else torch.from_numpy(frame.dynamic).float()
    small = _resized(torch.cat([_picture(frame.colour, depth_m), moves[None]]), size)
    return _View(torch.cat([small[:4], (small[4:] >= 0.5).float() * 2 - 1]), frame.camera)


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(C, H, W) at another width and height, by means over areas."""
    return F.interpolate(planes[None], size=(size[1], size[0]), mode="area")[0]


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
