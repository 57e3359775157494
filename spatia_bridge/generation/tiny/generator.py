"""The Generator: reads the prompt, takes the network that all sessions share, and makes the clip."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spatia_bridge.errors import NotFoundError
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event, Step
from spatia_bridge.generation.tiny.vocabulary import WORDS, read_prompt
from spatia_bridge.models.shared import pick_device, shared

SHIPPED = Path(__file__).with_name("tiny.safetensors")


class Tiny:
    """A small RGB-D video diffusion model over `reproject`'s holes; colour, depth and what moves.

    Args:
        weights: a file of the trainer (`best.safetensors`); "" = the one that comes with the package, see MODEL.md.
        device: as torch names it; "" = CUDA where there is one, else the CPU.
        network: in place of weights.

    Raises:
        NotFoundError: there is no such file.
    """

    name = "tiny"

    def __init__(self, weights: str = "", device: str = "", shape: ClipShape | None = None, *, network: Any = None) -> None:
        self.shape = shape or ClipShape(width=256, height=144)
        self._weights, self._device, self._own = Path(weights) if weights else SHIPPED, device, network
        if not self._weights.is_file():
            raise NotFoundError(
                f"there is no weight file {self._weights}", "give a file of tiny's trainer, or leave --weights out"
            )

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """See `make_clip`. Words it does not know are passed over; the first step says which.

        Raises:
            CodecError: at the first clip, there are no weights in the file.
        """
        from spatia_bridge.generation.tiny.clip import make_clip

        prompt = read_prompt(request.prompt)
        unknown, known = ", ".join(prompt.unknown), ", ".join(WORDS)
        remark = f"{self.name} does not know {unknown}; it knows {known}" if unknown else ""
        for event in make_clip(self._network(), request, prompt.indexes, cancel):
            if remark and isinstance(event, Step):
                event, remark = replace(event, remark=remark), ""
            yield event

    def _network(self) -> Any:
        import torch

        from spatia_bridge.generation.tiny.weights import load_network

        path, device = self._weights, pick_device(self._device)

        def ready(network: Any) -> Any:
            return network.eval().to(device, memory_format=torch.channels_last)

        return ready(self._own) if self._own else shared((self.name, path, device), lambda: ready(load_network(path)))
