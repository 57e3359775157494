"""The Generator: Spatia's network, loaded when the first clip is asked for."""

from collections.abc import Iterator

from spatia_bridge.errors import InvalidInputError, MissingDependencyError
from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event
from spatia_bridge.generation.spatia_wan.settings import TINY, Settings
from spatia_bridge.models.shared import device_memory, pick_device, shared

RANDOM_TINY = "random-tiny"


class SpatiaWan:
    """`spatia_wan`: the paper's network on Wan 2.2's 5B model. It makes no depth; an estimator adds it in the update.

    Args:
        weights: "" = the fetched ones; "random-tiny" = the real classes, tiny and random; otherwise a folder, see `weights`.
        device: as torch names it; "" = CUDA where there is one, else the CPU.
        settings: None = the released ones, and tiny ones for tiny weights.
    """

    name = "spatia_wan"

    def __init__(self, weights: str = "", device: str = "", settings: Settings | None = None) -> None:
        self.settings = made = settings or (TINY if weights == RANDOM_TINY else Settings())
        self.shape = ClipShape(
            made.width, made.height, made.new_frames, made.history_frames, made.fps, made.references, made.first_frames
        )
        self._weights, self._device = weights, device

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step each step of the sampler, then all frames, at the request's size whatever size the network works at; see
        `Generator.generate`.

        Raises:
            InvalidInputError: no frame is asked for.
            MissingDependencyError, MissingWeightsError, CorruptWeightsError: at the first clip.
            DeviceMemoryError: model and clip do not fit the device.
        """
        cancel.raise_if_cancelled()
        if not len(request.projection):
            raise InvalidInputError("a clip of no frames", "ask for one frame or more")
        try:
            from spatia_bridge.generation.spatia_wan.clip import make_clip
            from spatia_bridge.generation.spatia_wan.weights import load_models

            device = pick_device(self._device)
        except ImportError as error:
            raise MissingDependencyError(
                f"{self.name} cannot be loaded: {error}", "pip install 'spatia-bridge[models]'"
            ) from error
        with device_memory(f"a clip of {self.name}", self._what_fits):
            models = shared((self.name, self._weights, device), lambda: load_models(self._weights, device))
            yield from make_clip(models, request, self.settings, cancel)

    def _what_fits(self) -> str:
        made = self.settings
        return (
            f"less is needed for frames of {made.width // 2}×{made.height // 2}, for fewer of them, or with wan_vace; "
            "network, control branch and VAE are some 14 GB in half precision, and the text encoder, 11 GB, comes before them"
        )
