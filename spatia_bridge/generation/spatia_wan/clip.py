"""One clip, from a request to its frames."""

from collections.abc import Iterator

import torch
from torch import Tensor

from spatia_bridge.generation.base import CancelToken, ClipRequest, Event, Step
from spatia_bridge.generation.finishing import finished
from spatia_bridge.generation.pipelines import on_cpu
from spatia_bridge.generation.preview import LatentPreview
from spatia_bridge.generation.spatia_wan.conditions import Conditions, Plan, decode, encode_plan, images, known_picture
from spatia_bridge.generation.spatia_wan.sampling import sample
from spatia_bridge.generation.spatia_wan.settings import Settings, working_size
from spatia_bridge.generation.spatia_wan.weights import Models


def make_clip(models: Models, request: ClipRequest, settings: Settings, cancel: CancelToken) -> Iterator[Event]:
    """All steps, then all frames, for the VAE needs the last latents before it makes frames.

    The LoRA is used where frames precede. Clips of several sessions take turns, a step each.

    Raises:
        CancelledError: within one step of the cancel.
    """
    k = request.projection[0].camera.intrinsics
    plan, size = Plan.of(request, settings), working_size(k.width, k.height, settings)
    text, negative = (models.text.states(p) for p in (request.prompt + settings.prompt_suffix, settings.negative_prompt))
    with models.turn():
        conditions = encode_plan(plan, request.projection, size, models.vae, cancel)
    latents = noise = initial_noise(conditions, request.seed, models.device)
    steps = sample(models.network, conditions, text, negative, noise, settings, lambda: models.turn(lora=plan.repeated > 0))
    latent, shown = known_picture(plan, request.projection, size, conditions)
    preview = LatentPreview.fit(on_cpu(latent), shown)
    for done, (latents, clean) in enumerate(steps, 1):  # noqa: B007 (the last are the sample)
        yield Step(done, settings.steps, None if preview is None else preview.picture(on_cpu(clean)))
        cancel.raise_if_cancelled()
    with models.turn():
        video = decode(models.vae, torch.cat([conditions.history, latents], dim=2))
    new = video[:, :, plan.repeated : plan.repeated + len(request.projection)]
    yield from finished(images(new, (k.width, k.height)), request.projection, settings, cancel)


def initial_noise(conditions: Conditions, seed: int, device: torch.device) -> Tensor:
    """Drawn on the CPU: the same on every device."""
    return torch.randn(conditions.new, generator=torch.Generator().manual_seed(seed % 2**63)).to(device)
