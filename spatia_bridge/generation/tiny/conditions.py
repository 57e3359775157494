"""Pictures as the network sees them.

A frame has 5 channels: red, green, blue in −1…1, log depth, and what moves (+1 moves, −1 does not). Log depth is
ln(depth / 5 m) / 2; no depth, the sky, is 160 m.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spatia_bridge.frames import Projection
from spatia_bridge.generation.structure.views import View
from spatia_bridge.generation.tiny.projector import Lenses
from spatia_bridge.geometry.camera import Camera

FRAME_CHANNELS = 5
CONDITION_CHANNELS = 6  # fill (colour, log depth), coverage, confidence
RAY_CHANNELS = 7
CELL = 4  # pixels a side of a cell, the network's finest unit
SIDE_MULTIPLE = 16  # of images inside the network
PRECEDING = 4  # frames
REFERENCES = 4
MIDDLE_M, NEAREST_M, SKY_M, FARTHEST_M = 5.0, 0.1, 160.0, 100.0
RAY_SCALE_M = 4.0


@dataclass(frozen=True, eq=False)
class Given:
    """Frames that the model is shown: references, then preceding frames, oldest first.

    Attributes:
        state: float32 (B, G, 5, H, W).
        rays: float32 (B, G, 7, H / 4, W / 4), of `rays`, in the clips' anchors.
        valid: bool (B, G).
        preceding: how many at the end are preceding frames.
    """

    state: Tensor
    rays: Tensor
    valid: Tensor
    preceding: int


@dataclass(frozen=True, eq=False)
class Conditions:
    """All that steers B clips of N frames of one size. The anchor is each clip's first new camera.

    Attributes:
        fill: float32 (B, N, 4, H, W), the projection's colour and log depth, its holes filled structure first; 0 where nothing is
            known at all.
        coverage: float32 (B, N, 1, H, W), 1 where memory is; confidence: the same, 0…1, of memory and of what fills its holes.
        anchor_from_camera: float32 (B, N, 4, 4).
        down: float32 (B, 3), gravity in the anchor's frame.
        lenses: of the new frames.
        given: what else was shown.
        words: float32 (B, W), 1 for each word of the prompt.
    """

    fill: Tensor
    coverage: Tensor
    confidence: Tensor
    anchor_from_camera: Tensor
    down: Tensor
    lenses: Lenses
    given: Given
    words: Tensor

    @property
    def rays(self) -> Tensor:
        return rays(self.anchor_from_camera, self.down, self.lenses)

    def to(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        given = self.given
        return Conditions(
            self.fill.to(device), self.coverage.to(device), self.confidence.to(device),
            self.anchor_from_camera.to(device), self.down.to(device),
            Lenses(self.lenses.values.to(device), self.lenses.width, self.lenses.height),
            Given(given.state.to(device), given.rays.to(device), given.valid.to(device), given.preceding),
            self.words.to(device),
        )  # fmt: skip


def log_depth(depth_m: Tensor) -> Tensor:
    """From metres, 0 or less for none."""
    known = torch.where(depth_m > 0, depth_m.clamp(NEAREST_M, SKY_M), depth_m.new_tensor(SKY_M))
    return torch.log(known / MIDDLE_M) / 2


def metres(log_depth: Tensor) -> Tensor:
    """To metres, 0 for none (beyond 100 m)."""
    depth_m = MIDDLE_M * torch.exp(2 * log_depth)
    return torch.where(depth_m < FARTHEST_M, depth_m.clamp_min(NEAREST_M), torch.zeros_like(depth_m))


def as_projection(camera: Camera, picture: Tensor, depth_m: Tensor, covered: Tensor, confidence: Tensor) -> Projection:
    """A projection of colours (3, H, W) in −1…1, metres, coverage and confidence 0…1 (H, W), nothing where not covered."""
    trust = (confidence * 255 + 0.5).byte() * covered
    colour = levels(picture) * covered[..., None]
    return Projection(camera, colour.numpy(), (depth_m * covered).numpy(), covered.numpy(), trust.numpy())


def as_view(camera: Camera, state: Tensor) -> View:
    """The static part of a state (5, H, W), for the structure."""
    return View.of(camera, levels(state[:3]).numpy(), (metres(state[3]) * (state[4] < 0)).numpy())


def levels(colour: Tensor) -> Tensor:
    """uint8 (…, H, W, 3) of colours (…, 3, H, W) in −1…1."""
    return ((colour.movedim(-3, -1) + 1) * 127.5 + 0.5).clamp(0, 255).byte().contiguous()


def rays(anchor_from_camera: Tensor, down: Tensor, lenses: Lenses) -> Tensor:
    """Float32 (B, N, 7, H / 4, W / 4): each cell's ray in the anchor's frame in Plücker's coordinates, and how far it looks down.

    Direction d (unit) and moment o × d, with o the camera's place in units of 4 m (Sitzmann et al., "Light field networks",
    NeurIPS 2021); then d · down.
    """
    coarse = lenses.resized(-(-lenses.width // CELL), -(-lenses.height // CELL))
    turned = anchor_from_camera[:, :, None, None, :3, :3] * coarse.rays()[:, None, :, :, None]  # no matmul: autocast would round
    directions = F.normalize(turned.sum(-1), dim=-1)
    places = (anchor_from_camera[..., :3, 3] / RAY_SCALE_M)[:, :, None, None].expand_as(directions)
    downwards = (directions * down[:, None, None, None]).sum(-1, keepdim=True)
    return torch.cat([directions, torch.linalg.cross(places, directions), downwards], dim=-1).movedim(-1, 2)
