"""The Generator: lays the request out, runs the pipeline in a thread, brings frames back to size and to memory's colours."""

from collections.abc import Iterator
from typing import Any

from spatia_bridge.generation.base import CancelToken, ClipRequest, ClipShape, Event
from spatia_bridge.generation.finishing import finished
from spatia_bridge.generation.held import Held, held
from spatia_bridge.generation.stepping import Report, stepping
from spatia_bridge.generation.wan_vace.layout import Layout, lay_out
from spatia_bridge.generation.wan_vace.settings import WanVaceSettings

RANDOM_TINY = "random-tiny"
SHAPE = ClipShape(width=832, height=480, new_frames=72, preceding_frames=9, fps=16.0, references=4)  # 81 frames, as trained
TINY_SHAPE = ClipShape(width=832, height=480, new_frames=25, preceding_frames=4)
# random weights paint noise, which no estimator finds depth in
TINY = WanVaceSettings(steps=2, guidance=1.0, precision="fp32", max_pixels=112 * 64, paste_memory=True, carry_depth=True)


class WanVace:
    """Wan 2.1 VACE. It makes no depth; an estimator adds it in the update.

    Args:
        weights: "" = those of `settings.model`, fetched before; "random-tiny" = the real classes, tiny and random; or a folder in
            diffusers' layout.
        device: as torch names it; "" = CUDA where there is one, else the CPU.
        settings: None = the defaults, and few steps at a small size for random-tiny.
    """

    name = "wan_vace"

    def __init__(self, weights: str = "", device: str = "", settings: WanVaceSettings | None = None) -> None:
        tiny = weights == RANDOM_TINY
        self.shape = TINY_SHAPE if tiny else SHAPE
        self.settings = settings or (TINY if tiny else WanVaceSettings())
        self._weights, self._device = weights, device

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """A step each step of the sampler, then all frames; see `Generator.generate`.

        Clips of several sessions wait for each other: the model is there once.

        Raises:
            MissingDependencyError, MissingWeightsError, CorruptWeightsError: at the first clip.
            DeviceMemoryError: model and clip do not fit the device; what would is said.
        """
        cancel.raise_if_cancelled()
        layout = lay_out(request, self.settings.max_pixels, cancel.raise_if_cancelled)
        made = yield from stepping(lambda report: self._run(layout, request, cancel, report), cancel)
        yield from finished(layout.frames(made), request.projection, self.settings, cancel)

    def _run(self, layout: Layout, request: ClipRequest, cancel: CancelToken, report: Report) -> Any:
        from spatia_bridge.generation.wan_vace import pipeline

        def work(pipe: Any) -> Any:
            return pipeline.run(pipe, layout, request.prompt, request.seed, self.settings, report)

        return self._held().run(work, cancel, lambda pipe: what_fits(pipeline.part_bytes(pipe), self.settings))

    def _held(self) -> Held:
        def load(device: str) -> Any:
            from spatia_bridge.generation.wan_vace import pipeline

            return pipeline.load(self._weights, device, self.settings)

        return held(self.name, (self._weights, self.settings), self._device, load, what_fits({}, self.settings))


def what_fits(part_bytes: dict[str, int], settings: WanVaceSettings) -> str:
    """What takes less memory than these settings, the mildest first, with the weights' sizes where they are known."""
    sizes = {name: f"{size / 1e9:.1f} GB" for name, size in part_bytes.items()}
    largest = sizes[max(part_bytes, key=lambda name: part_bytes[name])] if sizes else "the largest part"
    ways = {
        f"offload 'model' (holds {largest} of weights at a time)": settings.offload == "none",
        "offload 'group' (holds some layers at a time)": settings.offload in ("none", "model"),
        "precision 'fp8' (halves the transformer)": settings.precision != "fp8",
        "vae_tiling": not settings.vae_tiling,
        "the model wan-vace-1.3b": settings.model != "wan-vace-1.3b",
        "smaller frames or shorter clips": True,
    }
    held = f"the weights are {', '.join(f'{name} {size}' for name, size in sizes.items())}; " if sizes else ""
    return f"{held}less is needed with {', '.join(way for way, smaller in ways.items() if smaller)}; see --profile"
