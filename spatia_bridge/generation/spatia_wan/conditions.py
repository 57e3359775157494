"""A request as the network sees it: which pictures are known, and what the control branch is shown.

From the released code: history and references are VAE latents of pictures with colours in −1…1, a reference alone; the control
branch gets, for every frame of the target, the projection on black, and the mask of its holes, 1 where memory shows nothing, in
0…1, as a grey picture through the same VAE; what is missing at the end of a clip is the last view held still. In the first round
the target's first frame is the photo itself.
Ours: a frame of the history is its own projection, where it is static and has depth (of a take that was stored without any: where
it is static), for it was folded into memory a moment ago; the photo is the reference that was taken from where the clip begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLWan
from torch import Tensor

from spatia_bridge.frames import ColourImage, Mask, Projection, RgbdFrame, static_pixels
from spatia_bridge.generation.base import CancelToken, ClipRequest
from spatia_bridge.generation.spatia_wan.settings import Settings, padded, whole
from spatia_bridge.geometry.camera import Camera

SAME_PLACE_M = 1e-3
SAME_WAY = 1e-3  # of the rotation matrices' entries

Pictures = npt.NDArray[np.float32]  # (3, F, h, w)


@dataclass(frozen=True, eq=False)
class Plan:
    """Which pictures a clip begins with.

    Attributes:
        history: shown to the network as known, oldest first.
        repeated: how many of the target's first frames were there before; the others are new.
        frames: of the target, 4k + 1.
        references: shown beside it.
    """

    history: tuple[RgbdFrame, ...]
    repeated: int
    frames: int
    references: tuple[RgbdFrame, ...]

    @classmethod
    def of(cls, request: ClipRequest, settings: Settings) -> "Plan":
        """What a request gives."""
        references = tuple(reference.frame for reference in request.references[: settings.references])
        count = whole(min(len(request.preceding), settings.history_frames))
        if count:
            return cls(request.preceding[-count:], count, padded(count + len(request.projection)), references)
        begin = request.projection[0].camera
        photo = tuple(frame for frame in references if _same_view(frame.camera, begin))[:1]
        others = tuple(frame for frame in references if frame not in photo)
        return cls(photo, 0, padded(len(request.projection)), others)


@dataclass(frozen=True, eq=False)
class Conditions:
    """Latents of what steers a clip, float32, normalised.

    Attributes:
        references: (1, C, n, H, W); history: (1, C, m, H, W); n and m may be 0.
        control: (1, 2C, f, H, W), of the whole target.
    """

    references: Tensor
    history: Tensor
    control: Tensor

    @property
    def new(self) -> tuple[int, ...]:
        """The shape of the latents to be made: (1, C, f − m, H, W)."""
        batch, channels, known, *sides = self.history.shape
        return (batch, channels, self.control.shape[2] - known, *sides)


def encode_plan(
    plan: Plan, projection: Sequence[Projection], size: tuple[int, int], vae: AutoencoderKLWan, cancel: CancelToken
) -> Conditions:
    """A plan's latents at the working size (width, height).

    Raises:
        CancelledError: at the next frame of the projection, picture or video to be encoded.
    """
    colour, holes = control_video(plan, projection, size, cancel)
    nothing = torch.zeros(
        1, vae.config.z_dim, 0, *(side // vae.config.scale_factor_spatial for side in reversed(size)), device=vae.device
    )

    def latents(pictures: Pictures) -> Tensor:
        cancel.raise_if_cancelled()
        return encode(vae, torch.from_numpy(pictures)[None])

    control = torch.cat([latents(colour), latents(holes)], dim=1)
    shown = [latents(picture(frame.colour, size)[:, None]) for frame in plan.references]
    history = latents(np.stack([picture(frame.colour, size) for frame in plan.history], axis=1)) if plan.history else nothing
    return Conditions(torch.cat([*shown, nothing], dim=2), history, control)


def control_video(
    plan: Plan, projection: Sequence[Projection], size: tuple[int, int], cancel: CancelToken
) -> tuple[Pictures, Pictures]:
    """Colours −1…1 on black and holes 0…1, each (3, frames, h, w).

    Raises:
        CancelledError: at the next frame.
    """
    colour = np.empty((3, plan.frames, size[1], size[0]), np.float32)
    holes = np.empty_like(colour)
    for n in range(plan.frames):
        cancel.raise_if_cancelled()
        if n < plan.repeated:
            image, covered = plan.history[n].colour, _in_memory(plan.history[n])
        elif n < plan.repeated + len(projection):
            shown = projection[n - plan.repeated]
            image, covered = shown.colour, shown.coverage
        colour[:, n] = picture(_on_black(image, covered), size)
        holes[:, n] = 1 - _resized(covered.astype(np.float32), size)
    return colour, holes


def _in_memory(frame: RgbdFrame) -> Mask:
    if frame.depth_m.any():
        return static_pixels(frame)
    return np.ones(frame.depth_m.shape, bool) if frame.dynamic is None else ~frame.dynamic


def known_picture(
    plan: Plan, projection: Sequence[Projection], size: tuple[int, int], conditions: Conditions
) -> tuple[Tensor, ColourImage]:
    """One picture that was encoded by itself, at the working size, and its latents (C, H, W).

    The first latent of a video is of its first frame alone.
    """
    if plan.history:
        latent, image = conditions.history[0, :, 0], plan.history[0].colour
    elif plan.references:
        latent, image = conditions.references[0, :, 0], plan.references[0].colour
    else:
        latent = conditions.control[0, : conditions.history.shape[1], 0]
        image = _on_black(projection[0].colour, projection[0].coverage)
    return latent, np.asarray(_resized(image, size), np.uint8)


def _on_black(image: ColourImage, covered: Mask) -> ColourImage:
    return np.where(covered[..., None], image, np.uint8(0))


def picture(image: ColourImage, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """uint8 (H, W, 3) as float32 (3, h, w) in −1…1."""
    return np.asarray(_resized(image, size).astype(np.float32).transpose(2, 0, 1) / np.float32(127.5) - 1, np.float32)


def images(video: Tensor, size: tuple[int, int]) -> list[ColourImage]:
    """Frames (1, 3, F, h, w) in −1…1 as uint8 (H, W, 3) of the size (W, H)."""
    values = ((video[0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()
    return [np.asarray(_resized(value, size), np.uint8) for value in values]


def encode(vae: AutoencoderKLWan, video: Tensor) -> Tensor:
    """Normalised latents (1, C, f, H, W) float32 of frames (1, 3, F, h, w): the posterior's mean."""
    with torch.no_grad():
        mean, deviation = _statistics(vae)
        latents: Tensor = (vae.encode(video.to(vae.device, vae.dtype)).latent_dist.mode().float() - mean) / deviation
    return latents


def decode(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Frames (1, 3, F, h, w) in −1…1 of normalised latents."""
    with torch.no_grad():
        mean, deviation = _statistics(vae)
        video: Tensor = vae.decode((latents * deviation + mean).to(vae.dtype)).sample
    return video


def _statistics(vae: AutoencoderKLWan) -> tuple[Tensor, Tensor]:
    mean, deviation = (
        torch.tensor(values, device=vae.device).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    return mean, deviation


def _resized(image: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.generic]:
    """At another size; the same array if it has it already."""
    if image.shape[1::-1] == size:
        return image
    smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def _same_view(a: Camera, b: Camera) -> bool:
    offset = np.abs(a.world_from_camera - b.world_from_camera)
    fields = np.array([[k.fx / k.width, k.fy / k.height, k.cx / k.width, k.cy / k.height] for k in (a.intrinsics, b.intrinsics)])
    return bool(offset[:3, 3].max() < SAME_PLACE_M and offset[:3, :3].max() < SAME_WAY and np.ptp(fields, axis=0).max() < 1e-2)
