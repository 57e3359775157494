"""The Generator: reads the prompt, takes the network that all sessions share, and makes the clip."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event
from spatia_bridge.generation.tiny.vocabulary import WORDS, read_prompt
from spatia_bridge.models.shared import pick_device, shared

_log = logging.getLogger(__name__)


class Tiny:
    """A small RGB-D video diffusion model over `reproject`'s holes; colour, depth and what moves.

    Args:
        weights: a file of the trainer (`best.safetensors`).
        device: as torch names it; "" = CUDA where there is one, else the CPU.
        network: in place of weights.
    """

    name = "tiny"

    def __init__(self, weights: str = "", device: str = "", shape: ClipShape | None = None, *, network: Any = None) -> None:
        self.shape = shape or ClipShape(width=256, height=144)
        self._weights, self._device, self._own = weights, device, network

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """See `make_clip`. Words it does not know are logged and passed over.

        Raises:
            NotFoundError, CodecError: at the first clip, there are no weights in that file.
        """
        from spatia_bridge.generation.tiny.clip import make_clip

        prompt = read_prompt(request.prompt)
        if prompt.unknown:
            _log.warning("tiny does not know %s; it knows %s", ", ".join(prompt.unknown), ", ".join(WORDS))
        yield from make_clip(self._network(), request, prompt.indexes, cancel)

    def _network(self) -> Any:
        import torch

        from spatia_bridge.generation.tiny.weights import load_network

        path, device = Path(self._weights), pick_device(self._device)

        def ready(network: Any) -> Any:
            return network.eval().to(device, memory_format=torch.channels_last)

        return ready(self._own) if self._own else shared((self.name, path, device), lambda: ready(load_network(path)))
