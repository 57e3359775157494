"""What moves within a clip, found without being told: a place that one frame fills and another sees through held nothing static.

Every pixel's point is carried into other frames of the clip. There it *agrees* (a surface lies where it should), is hidden (no
verdict), or is *seen through*: all that the other frame sees around it lies clearly further away, so the place is free, and what
was there moved (free-space violation; Hähnel et al. 2003, Fehr et al. 2017). Where depth agrees but the colour around is wholly
different more often than not, something slid along a surface.

Pixels vote for the smooth region that they belong to (no depth edge, no crease inside): a region that moved is out as a whole,
also where it hid its own traces. From frame to frame regions follow each other by warping: what lands on something dynamic at
nearly its depth is the same thing. Where an engine names its objects, a thing that moved at any time is out all through the clip.
At last masks grow by what edges and poses are unsure of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Mask, Projection, RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.slam.observe import MAX_STRETCH, normals_in_camera

FAR_M = np.float32(1e6)
JUDGED_PIXELS = 60_000
_jit = numba.njit(cache=True, nogil=True)
Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DynamicsConfig:
    """What counts as motion.

    Attributes:
        near_steps: so many frames before and after a frame judge it,
        spread: and so many more, evenly over the clip.
        depth_tolerance: relative; less than this in front of a surface is the surface.
        min_seen_through: so many frames (or all others, if there are fewer) must see through a place; one where it stands in
            front of what memory shows.
        min_agreed: so many frames must have seen what stands in front of memory at the same place, or it is not believed,
        min_judges: given that there are so many to ask: a lone view is believed.
        min_share: of the frames that saw a place and say something, those that saw through.
        colour_tolerance: of 255; colours beyond the range around by this are another thing.
        region_share: of a region's judged pixels; if so many moved, all of it did.
        follow_share: of a region's pixels that land on something dynamic in the next or the last frame; then it is that thing.
        proven_share: of a frame's judges: pixels that so many agree with, and none sees through, follow nothing.
        follow_depth: relative, how far something may come or go from one frame to the next.
        crease_cosine: between neighbouring normals; below it a region ends.
        grow_px: masks are dilated by so much, in judged pixels: an edge's mixed pixels, and a pose that is half a pixel off.
    """

    near_steps: tuple[int, ...] = (1, 2, 4, 6)
    spread: int = 4
    depth_tolerance: float = 0.03
    min_seen_through: int = 2
    min_agreed: int = 3
    min_judges: int = 4
    min_share: float = 0.2
    colour_tolerance: int = 64
    region_share: float = 0.2
    follow_share: float = 0.3
    proven_share: float = 0.85
    follow_depth: float = 0.3
    crease_cosine: float = 0.9
    grow_px: int = 2


@dataclass(frozen=True, eq=False)
class _Look:
    """One frame, prepared: depth (H, W) with 0 = unknown and the backdrop far away, the nearest and farthest depth around each
    pixel, the range of colours around it, its lens and pose."""

    depth: Floats
    near: Floats
    far: Floats
    darkest: npt.NDArray[np.uint8]
    brightest: npt.NDArray[np.uint8]
    colour: npt.NDArray[np.uint8]
    lens: npt.NDArray[np.float64]
    world_from_camera: npt.NDArray[np.float64]


_AROUND = np.ones((3, 3), np.uint8)


def near_depth(depth: Floats, around: npt.NDArray[np.uint8] = _AROUND) -> Floats:
    """The nearest depth (H, W) around each pixel; 0 where any depth around is unknown (0)."""
    return np.asarray(cv2.erode(depth, around))


def known_depth(frame: RgbdFrame) -> Floats:
    """The frame's depth (H, W), FAR_M for the backdrop, 0 where unknown; masks are not applied."""
    depth = np.where(np.isposinf(frame.depth_m), FAR_M, frame.depth_m)
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(np.where(depth > 0, depth, 0), np.float32)


def _prepare(frame: RgbdFrame, stride: int) -> _Look:
    """Every stride-th pixel of every stride-th row."""
    depth, k = np.ascontiguousarray(known_depth(frame)[::stride, ::stride]), frame.camera.intrinsics
    colour = np.ascontiguousarray(frame.colour[::stride, ::stride])
    return _Look(
        depth,
        near_depth(depth),
        np.asarray(cv2.dilate(depth, _AROUND)),
        np.asarray(cv2.erode(colour, _AROUND)),
        np.asarray(cv2.dilate(colour, _AROUND)),
        colour,
        np.array([k.fx / stride, k.fy / stride, (k.cx - 0.5) / stride + 0.5, (k.cy - 0.5) / stride + 0.5]),
        frame.camera.world_from_camera,
    )


@_jit
def _carried(i, j, z, lens, b_from_a, lens_b):  # type: ignore[no-untyped-def]
    """Where frame b sees the point that frame a has at depth z in pixel (i, j): u, v and depth; u < 0 behind the camera."""
    x, y = (i + 0.5 - lens[2]) / lens[0] * z, (j + 0.5 - lens[3]) / lens[1] * z
    w = b_from_a[2, 0] * x + b_from_a[2, 1] * y + b_from_a[2, 2] * z + b_from_a[2, 3]
    if w <= 1e-3:
        return -1.0, -1.0, w
    u = (b_from_a[0, 0] * x + b_from_a[0, 1] * y + b_from_a[0, 2] * z + b_from_a[0, 3]) / w * lens_b[0] + lens_b[2]
    v = (b_from_a[1, 0] * x + b_from_a[1, 1] * y + b_from_a[1, 2] * z + b_from_a[1, 3]) / w * lens_b[1] + lens_b[3]
    return u, v, w


@_jit
def _vote(depth, colour, lens, near, far, darkest, brightest, lens_b, b_from_a, tolerance, colour_limit, counts):  # type: ignore[no-untyped-def]
    """Add to counts (H, W, 3) what one other frame says of each pixel: agrees, is seen through, agrees in another colour."""
    height, width = depth.shape
    height_b, width_b = near.shape
    for j in range(height):
        for i in range(width):
            z = np.float64(depth[j, i])
            if z <= 0.0:
                continue
            u, v, w = _carried(i, j, z, lens, b_from_a, lens_b)
            if not (0 <= u < width_b and 0 <= v < height_b):
                continue
            a, b = int(u), int(v)
            if near[b, a] <= 0.0:
                continue
            if w < near[b, a] * (1.0 - tolerance):
                counts[j, i, 1] += 1
            elif w <= far[b, a] * (1.0 + tolerance):
                counts[j, i, 0] += 1
                for c in range(3):
                    value = np.int64(colour[j, i, c])
                    if value + colour_limit < darkest[b, a, c] or value > brightest[b, a, c] + colour_limit:
                        counts[j, i, 2] += 1
                        break


@_jit
def _land(depth, lens, depth_b, dynamic_b, lens_b, b_from_a, tolerance):  # type: ignore[no-untyped-def]
    """bool (H, W): pixels that land on a dynamic pixel of another frame at about its depth."""
    height, width = depth.shape
    height_b, width_b = depth_b.shape
    landed = np.zeros((height, width), np.bool_)
    for j in range(height):
        for i in range(width):
            z = np.float64(depth[j, i])
            if z <= 0.0:
                continue
            u, v, w = _carried(i, j, z, lens, b_from_a, lens_b)
            if 0 <= u < width_b and 0 <= v < height_b:
                landed[j, i] = dynamic_b[int(v), int(u)] and abs(w - depth_b[int(v), int(u)]) <= tolerance * w
    return landed


def _between(a: _Look, b: _Look) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(se3.inverse(b.world_from_camera) @ a.world_from_camera)


def _judges(number: int, total: int, config: DynamicsConfig) -> list[int]:
    """The other frames that judge one: those near in time, while what moves is in view still, and some all over the clip."""
    near = {number + step * sign for step in config.near_steps for sign in (-1, 1)}
    spread = {round(at) for at in np.linspace(0, total - 1, config.spread)} if config.spread else set()
    return sorted(n for n in near | spread if 0 <= n < total and n != number)


def _smooth_regions(look: _Look, crease_cosine: float) -> npt.NDArray[np.int32]:
    """Labels int32 (H, W): 0 on edges and where depth is unknown, else a region without depth edge or crease."""
    depth, normals = look.depth, normals_in_camera(look.depth, look.lens)
    inner = depth > 0
    for axis in (0, 1):
        first = [slice(None), slice(None)]
        second = list(first)
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = depth[tuple(first)], depth[tuple(second)]
        pixel = np.minimum(a, b) / np.float32(look.lens[axis ^ 1])  # lens is fx, fy; axis 0 runs along y
        broken = np.abs(a - b) > 2 * MAX_STRETCH * pixel
        broken |= np.einsum("hwc,hwc->hw", normals[tuple(first)], normals[tuple(second)]) < crease_cosine
        inner[tuple(first)] &= ~broken
        inner[tuple(second)] &= ~broken
    return np.asarray(cv2.connectedComponents(inner.astype(np.uint8), connectivity=4)[1])


def _share(mask: Mask, of: Mask, regions: npt.NDArray[np.int32]) -> Floats:
    """float32 (R,): of each region's pixels in `of`, those in `mask`; 0 for region 0."""
    count = int(regions.max()) + 1
    total = np.bincount(regions[of], minlength=count)
    share = np.bincount(regions[of & mask], minlength=count) / np.maximum(total, 1)
    share[0] = 0
    return np.asarray(share, np.float32)


def find_dynamics(
    frames: Sequence[RgbdFrame], shown: Sequence[Projection | None], config: DynamicsConfig | None = None
) -> list[Mask]:
    """Masks bool (H, W), one a frame: what moved while the clip was taken, and what the frames themselves declare dynamic.

    Args:
        frames: in the order of time, their poses as good as they get.
        shown: memory's projection for each frame's camera, or None where there is none.

    Cost: O(frames · others · pixels). A single frame has nothing to contradict it and gives an empty mask.
    """
    config = config or DynamicsConfig()
    stride = _stride(frames)
    looks = [_prepare(frame, stride) for frame in frames]
    regions = [_smooth_regions(look, config.crease_cosine) for look in looks]
    verdicts = [_judge(number, looks, view, stride, config) for number, view in enumerate(shown)]
    masks = []
    for frame, verdict, region in zip(frames, verdicts, regions, strict=True):
        moved = verdict.moved if frame.dynamic is None else verdict.moved | frame.dynamic[::stride, ::stride]
        share = _share(moved, verdict.judged | moved, region)
        masks.append(moved | (share >= config.region_share)[region])
    _follow(looks, regions, [verdict.proven for verdict in verdicts], masks, config)
    _things(frames, stride, masks, config)
    return [_whole(mask, frame, stride, config) for mask, frame in zip(masks, frames, strict=True)]


def _stride(frames: Sequence[RgbdFrame]) -> int:
    """So that a frame is judged by about JUDGED_PIXELS; masks have uncertain edges anyway."""
    pixels = max((frame.depth_m.size for frame in frames), default=0)
    return max(round(float(np.sqrt(pixels / JUDGED_PIXELS))), 1)


def _things(frames: Sequence[RgbdFrame], stride: int, masks: list[Mask], config: DynamicsConfig) -> None:
    """What an engine calls one thing moves as one, all through the clip: also while it stands still."""
    named = [None if frame.object_ids is None else frame.object_ids[::stride, ::stride] for frame in frames]
    total, moved = np.zeros(1 << 16, np.int64), np.zeros(1 << 16, np.int64)
    for ids, mask in zip(named, masks, strict=True):
        if ids is not None:
            total += np.bincount(ids.ravel(), minlength=1 << 16)
            moved += np.bincount(ids[mask], minlength=1 << 16)
    movers = moved >= config.region_share * np.maximum(total, 1)
    movers[0] = False  # the level
    for number, ids in enumerate(named):
        if ids is not None:
            masks[number] = masks[number] | movers[ids]


def _whole(mask: Mask, frame: RgbdFrame, stride: int, config: DynamicsConfig) -> Mask:
    """The mask at the frame's own size, grown; all that was declared is in it."""
    whole = np.repeat(np.repeat(mask, stride, axis=0), stride, axis=1)[: frame.depth_m.shape[0], : frame.depth_m.shape[1]]
    if frame.dynamic is not None:
        whole = whole | frame.dynamic
    if not whole.any():
        return whole
    grow = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * config.grow_px * stride + 1,) * 2)
    return np.asarray(cv2.dilate(whole.astype(np.uint8), grow) > 0)


@dataclass(frozen=True, eq=False)
class _Verdict:
    """Of one frame's pixels (H, W): those that moved, those of which others could say anything, those proven to stand still."""

    moved: Mask
    judged: Mask
    proven: Mask


def _judge(number: int, looks: Sequence[_Look], shown: Projection | None, stride: int, config: DynamicsConfig) -> _Verdict:
    look, judges = looks[number], _judges(number, len(looks), config)
    counts = np.zeros((*look.depth.shape, 3), np.uint8)
    for other in judges:
        b = looks[other]
        _vote(
            look.depth, look.colour, look.lens, b.near, b.far, b.darkest, b.brightest, b.lens, _between(look, b),
            config.depth_tolerance, config.colour_tolerance, counts,
        )  # fmt: skip
    agreed, through, recoloured = (counts[..., n].astype(np.int16) for n in range(3))
    needed = np.full(look.depth.shape, max(min(config.min_seen_through, len(judges)), 1))
    appeared = np.zeros(look.depth.shape, bool)
    if shown is not None and len(judges) >= config.min_judges:
        in_front = _in_front(look, shown, stride, config)
        needed[in_front] = 1
        appeared = in_front & (agreed < config.min_agreed)
    moved = (through >= needed) & (through >= config.min_share * (through + agreed))
    moved |= (recoloured > 1) & (2 * recoloured > agreed)
    moved |= appeared
    proof = max(round(config.proven_share * len(judges)), 1)
    return _Verdict(moved, (agreed + through) > 0, ~moved & (through == 0) & (agreed >= proof))


def _in_front(look: _Look, shown: Projection, stride: int, config: DynamicsConfig) -> Mask:
    near = near_depth(shown.depth_m)[::stride, ::stride]  # 0 where memory does not show all around
    return np.asarray((look.depth > 0) & (look.depth < near * (1 - config.depth_tolerance)))


def _follow(
    looks: Sequence[_Look],
    regions: Sequence[npt.NDArray[np.int32]],
    proven: Sequence[Mask],
    masks: list[Mask],
    config: DynamicsConfig,
) -> None:
    """Carry masks from frame to frame, forwards and then backwards, region by region."""
    total = len(looks)
    for order, step in ((range(1, total), -1), (range(total - 2, -1, -1), 1)):
        for number in order:
            look, beside, known = looks[number], looks[number + step], masks[number + step]
            if not known.any():
                continue
            landed = _land(look.depth, look.lens, beside.depth, known, beside.lens, _between(look, beside), config.follow_depth)
            share = _share(landed & ~proven[number], look.depth > 0, regions[number])
            masks[number] = masks[number] | (share >= config.follow_share)[regions[number]]
