"""Points of earlier frames in new cameras, batched and on any device.

Memory's own renderer needs chunks and a CPU; training needs thousands of projections a second beside the network. This is its
stand-in: every pixel of the source frames is a square splat of its footprint, the nearest wins
(`tests/generation/tiny/test_projector.py` compares the two).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 1  # pixels that a splat covers beyond its own
OVERLAP = 1.8  # footprints larger than pixels, or turned surfaces would show gaps
ASIDE = 1.01  # a splat's outer pixels count as this much farther: whoever is at home wins
NEAREST_M = 0.05


@dataclass(frozen=True, eq=False)
class Lenses:
    """Pinhole intrinsics of a batch: fx, fy, cx, cy in pixels, float32 (B, 4), for images of width × height."""

    values: Tensor
    width: int
    height: int

    def resized(self, width: int, height: int) -> "Lenses":
        scale = self.values.new_tensor([width / self.width, height / self.height] * 2)
        return Lenses(self.values * scale, width, height)

    def rays(self) -> Tensor:
        """Directions (B, H, W, 3) through the pixel centres with z = 1."""
        fx, fy, cx, cy = (v[:, None, None] for v in self.values.unbind(1))
        u = torch.arange(self.width, device=self.values.device) + 0.5
        v = torch.arange(self.height, device=self.values.device) + 0.5
        x = ((u[None, None] - cx) / fx).expand(-1, self.height, -1)
        y = ((v[None, :, None] - cy) / fy).expand(-1, -1, self.width)
        return torch.stack([x, y, torch.ones_like(x)], dim=-1)


def back_project(depth_m: Tensor, anchor_from_camera: Tensor, lenses: Lenses) -> Tensor:
    """Points (B, M, H, W, 3) of depth images (B, M, H, W), in the anchor's frame."""
    points = lenses.rays()[:, None] * depth_m[..., None]
    rotation, place = anchor_from_camera[..., :3, :3], anchor_from_camera[..., :3, 3]
    return torch.einsum("bmij,bmhwj->bmhwi", rotation, points) + place[:, :, None, None]


def splat(
    points: Tensor, values: Tensor, usable: Tensor, footprint_m: Tensor, camera_from_anchor: Tensor, lenses: Lenses
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw points into N cameras; deterministic.

    Args:
        points: float32 (B, P, 3) in the anchor's frame; values: (B, P, C); usable: bool (B, P).
        footprint_m: float32 (B, P), the side of the square that a point stands for.
        camera_from_anchor: float32 (B, N, 4, 4).
    Returns:
        Values (B, N, C, H, W), 0 where nothing is; depth in metres (B, N, H, W); coverage, bool (B, N, H, W).
    """
    batch, count = usable.shape
    cameras, width, height = camera_from_anchor.shape[1], lenses.width, lenses.height
    seen = torch.einsum("bnij,bpj->bnpi", camera_from_anchor[..., :3, :3], points) + camera_from_anchor[:, :, None, :3, 3]
    depth = seen[..., 2]  # (B, N, P)
    fx, fy, cx, cy = (v[:, None, None] for v in lenses.values.unbind(1))
    safe = depth.clamp_min(NEAREST_M)
    u, v = fx * seen[..., 0] / safe + cx, fy * seen[..., 1] / safe + cy
    half_u, half_v = (0.5 * OVERLAP * footprint_m[:, None] * f / safe for f in (fx, fy))
    near = (u > -REACH) & (u < width + REACH) & (v > -REACH) & (v < height + REACH)
    drawn = (usable[:, None] & (depth > NEAREST_M) & near).flatten().nonzero()[:, 0]
    at = [part.flatten()[drawn] for part in (u, v, depth, half_u, half_v)]
    first = (drawn // count) * (height * width)  # of the camera's pixels
    cells = torch.full((batch * cameras * height * width,), torch.iinfo(torch.int64).max, device=points.device)
    _draw(cells, first, drawn % count, at, width, height)
    covered = cells != torch.iinfo(torch.int64).max
    winner = (cells & 0xFFFFFFFF) * covered
    winner = winner.view(batch, cameras, height * width)
    out_depth = torch.gather(depth, 2, winner).view(batch, cameras, height, width)
    spread = winner.reshape(batch, -1, 1).expand(-1, -1, values.shape[2])
    out = torch.gather(values, 1, spread).view(batch, cameras, height, width, -1).movedim(-1, 2)
    coverage = covered.view(batch, cameras, height, width)
    return out * coverage[:, :, None], out_depth * coverage, coverage


def _draw(cells: Tensor, first: Tensor, numbers: Tensor, at: list[Tensor], width: int, height: int) -> None:
    """Put the nearest splat's depth and number into each cell; `at`: u, v, depth and half the splat's sides, all 1-D."""
    for dv in range(-REACH, REACH + 1):
        for du in range(-REACH, REACH + 1):
            u, v, depth, half_u, half_v = at
            column, row = torch.floor(u) + du, torch.floor(v) + dv
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            if du or dv:
                inside &= ((column + 0.5 - u).abs() <= half_u) & ((row + 0.5 - v).abs() <= half_v)
            chosen = inside.nonzero()[:, 0]
            far = depth[chosen] * (ASIDE if du or dv else 1.0)
            key = (far.view(torch.int32).long() << 32) | numbers[chosen]  # floats above 0 are ordered as their bits are
            place = first[chosen] + row[chosen].long() * width + column[chosen].long()
            cells.scatter_reduce_(0, place, key, "amin")
