"""What may be chosen of `wan_vace`. Nothing here needs torch."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp8"]
Offload = Literal["none", "model", "group", "sequential"]

# the publisher's, as WanVACEPipeline's documentation gives it
NEGATIVE_PROMPT = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall gray, worst "
    "quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, poorly drawn faces, "
    "deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three legs, many people in the "
    "background, walking backwards"
)


@dataclass(frozen=True)
class WanVaceSettings:
    """The model, how it is held, how it samples. Defaults: the 1.3B model at 480p.

    Attributes:
        model: its name in the catalogue, where no folder is given.
        lora: "" = none; a name in the catalogue, or a safetensors file. Few-step LoRAs go with `steps` 4 and `guidance` 1.
        steps: of the sampler (UniPC).
        guidance: of the prompt against the negative prompt; 1 = none, which halves the time.
        flow_shift: 3 at 480p, 5 at 720p.
        conditioning_scale: of what memory shows, in each control block.
        max_pixels: the model's own frame size; larger frames are made at this size and enlarged.
        precision: of the transformer: fp8 stores 8-bit floats and computes in bf16 (diffusers' layerwise casting).
        offload: with CUDA: what lies in main memory while it is not needed. "model" = whole models, "group" = layers, streamed;
            "sequential" = layers, one at a time, the slowest and smallest.
        vae_tiling: decode in tiles, for large frames on small cards.
        correct_colour, paste_memory, carry_depth: see `generation.finishing`.
    """

    model: str = "wan-vace-1.3b"
    lora: str = ""
    steps: int = 30
    guidance: float = 5.0
    flow_shift: float = 3.0
    conditioning_scale: float = 1.0
    max_pixels: int = 832 * 480
    negative_prompt: str = NEGATIVE_PROMPT
    precision: Precision = "bf16"
    offload: Offload = "none"
    vae_tiling: bool = False
    correct_colour: bool = True
    paste_memory: bool = False
    carry_depth: bool = False
