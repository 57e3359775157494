"""diffusers' `SanaWMPipeline`, stage 1: loaded and run over a start."""

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLLTX2Video, FlowMatchEulerDiscreteScheduler, SanaWMPipeline, SanaWMTransformer3DModel
from PIL import Image
from transformers import Gemma2Config, Gemma2ForCausalLM

from spatia_bridge.generation.pipelines import from_folder, on_cpu, on_step_end
from spatia_bridge.generation.preview import LatentPreview
from spatia_bridge.generation.sana_wm.generator import RANDOM_TINY, SanaWmSettings, Start
from spatia_bridge.generation.stepping import Report
from spatia_bridge.models.library import locate
from spatia_bridge.models.tiny_text import tiny_text_encoder


def load(weights: str, device: str, settings: SanaWmSettings) -> SanaWMPipeline:
    """The pipeline, ready to run. Raises MissingWeightsError, CorruptWeightsError."""
    tiny = weights == RANDOM_TINY
    pipe = _random_tiny() if tiny else from_folder(locate(settings.model, weights), SanaWMPipeline, dtype=torch.bfloat16)
    pipe.set_progress_bar_config(disable=True)
    if settings.offload and device.startswith("cuda"):
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.to(device)
    return pipe


def run(
    pipe: SanaWMPipeline, start: Start, prompt: str, seed: int, settings: SanaWmSettings, report: Report
) -> npt.NDArray[np.uint8]:
    """Frames uint8 (T, H, W, 3). `report` is told each step; what it raises ends the run."""

    def fitted(latents: torch.Tensor) -> LatentPreview | None:
        """The first latent is the start's, and stays so."""
        return LatentPreview.fit(on_cpu(latents[0, :, 0]), start.picture, start.fit.inner)

    made = pipe(
        image=Image.fromarray(start.picture),
        prompt=prompt,
        c2w=start.world_from_camera,
        intrinsics=start.intrinsics,
        width=settings.size[0],
        height=settings.size[1],
        num_frames=len(start.world_from_camera),
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        generator=torch.Generator().manual_seed(seed % (1 << 63)),
        output_type="np",
        callback_on_step_end=on_step_end(report, settings.steps, fitted),
    ).frames
    return np.asarray(np.rint(made * 255), np.uint8)


def _random_tiny() -> SanaWMPipeline:
    """The real classes, small, with the same random weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer, _ = tiny_text_encoder()
        text = Gemma2Config(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, head_dim=8, max_position_embeddings=4096, query_pre_attn_scalar=8, sliding_window=64,
        )  # fmt: skip
        text_encoder = Gemma2ForCausalLM(text)
        vae = AutoencoderKLLTX2Video(
            latent_channels=16, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 16, 32),
            layers_per_block=(1, 1, 1, 1, 1), decoder_layers_per_block=(1, 1, 1, 1),
            spatial_compression_ratio=32, temporal_compression_ratio=8,
        )  # fmt: skip
        transformer = SanaWMTransformer3DModel(
            in_channels=16, num_layers=2, hidden_size=32, num_attention_heads=2, linear_head_dim=16, softmax_every_n=2,
            caption_channels=16, chunk_plucker_post_attn_blocks=2,
        )  # fmt: skip
        with torch.no_grad():  # layers that begin at zero would hide a broken connection
            for parameter in transformer.parameters():
                if not parameter.any():
                    parameter.normal_(0, 0.02)
    return SanaWMPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=vae.eval(),
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )
