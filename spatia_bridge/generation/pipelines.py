"""What generators over a diffusers pipeline share: how it is loaded from a folder, and how it reports its steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.generation.base import Step
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


def on_step_end(report: Report, steps: int) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    """A pipeline's `callback_on_step_end` that reports each of so many steps; what `report` raises ends the run."""

    def told(_pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        report(Step(step + 1, steps))
        return tensors

    return told
