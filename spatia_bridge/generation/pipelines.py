"""What generators over a diffusers pipeline share: how it is loaded from a folder, and how it reports its steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.generation.base import Step
from spatia_bridge.generation.preview import CleanEstimate, Latent, LatentPreview
from spatia_bridge.generation.stepping import Report


def from_folder(folder: Path, kind: Any, **options: Any) -> Any:
    """A pipeline or a part of one from safetensors in diffusers' layout, without the network.

    Args:
        kind: a class with `from_pretrained`, which the options go to.
    Raises:
        CorruptWeightsError: the folder does not hold that.
    """
    try:
        return kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptWeightsError(
            f"{folder} holds no {kind.__name__}: {' '.join(str(error).split())[:300]}", "give a folder in diffusers' layout"
        ) from error


def on_step_end(
    report: Report, steps: int, fitted: Callable[[Any], LatentPreview | None]
) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """A pipeline's `callback_on_step_end` that reports each of so many steps; what `report` raises ends the run.

    From the second step on, and after the last, the report has a preview of the clip's last frame.

    Args:
        fitted: the clip's preview; called once, with the latents (1, C, f, h, w) after the first step.
    """
    clean = CleanEstimate()
    preview: list[LatentPreview | None] = []

    def told(pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        latents = tensors["latents"]
        if not preview:
            preview.append(fitted(latents))
        estimate = clean.after(on_cpu(latents[0, :, -1]), float(pipe.scheduler.sigmas[step + 1]))
        shown = preview[0].picture(estimate) if preview[0] is not None and estimate is not None else None
        report(Step(step + 1, steps, shown))
        return tensors

    return told


def on_cpu(latent: Any) -> Latent:
    """A tensor of any kind as float32 of NumPy."""
    return np.asarray(latent.detach().float().cpu().numpy())
