"""diffusers' `WanVACEPipeline`: loaded, held in memory as the settings say, and run over a layout."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from diffusers.video_processor import VideoProcessor
from PIL import Image
from torch import nn

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.generation.pipelines import from_folder, on_cpu, on_step_end
from spatia_bridge.generation.preview import LatentPreview
from spatia_bridge.generation.stepping import Report
from spatia_bridge.generation.wan_vace.layout import Layout
from spatia_bridge.generation.wan_vace.settings import WanVaceSettings
from spatia_bridge.models.catalogue import CATALOGUE
from spatia_bridge.models.checkpoint import read_header
from spatia_bridge.models.library import locate
from spatia_bridge.models.tiny_text import TEXT_WIDTH, tiny_text_encoder

RANDOM_TINY = "random-tiny"
PROMPT_TOKENS = 512
LEVELS = (np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1))[:, None]  # of a byte, in −1…1
PARTS = ("text_encoder", "transformer", "vae")
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp8": torch.bfloat16}


def load(weights: str, device: str, settings: WanVaceSettings) -> WanVACEPipeline:
    """The pipeline, ready to run.

    Args:
        weights: "" = the fetched ones, "random-tiny", or a folder.
    Raises:
        MissingWeightsError, CorruptWeightsError: see `models.library.locate`.
    """
    dtype = _DTYPES[settings.precision]
    pipe = _random_tiny(dtype) if weights == RANDOM_TINY else _pretrained(locate(settings.model, weights), dtype)
    pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=settings.flow_shift)
    pipe.set_progress_bar_config(disable=True)
    pipe.video_processor = _AtSize(vae_scale_factor=pipe.vae_scale_factor_spatial)
    if settings.lora:
        _load_lora(pipe, settings.lora)
    if settings.precision == "fp8":
        pipe.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
    if settings.vae_tiling:
        pipe.vae.enable_tiling()
    _place(pipe, device, settings)
    return pipe


def run(
    pipe: WanVACEPipeline, layout: Layout, prompt: str, seed: int, settings: WanVaceSettings, report: Report
) -> npt.NDArray[np.uint8]:
    """The frames uint8 (T, H, W, 3) of a layout. `report` is told each step; what it raises ends the run."""
    preview = _preview(pipe, layout)
    video = _tensor(layout.video)
    holes = torch.from_numpy(layout.holes)[None, None].float().mul_(2).sub_(1)  # one channel is enough
    out: npt.NDArray[np.uint8] = pipe(
        prompt=prompt,
        negative_prompt=settings.negative_prompt,
        video=video,
        mask=holes,
        reference_images=[Image.fromarray(colour) for colour in layout.references] or None,
        conditioning_scale=settings.conditioning_scale,
        height=video.shape[-2],
        width=video.shape[-1],
        num_frames=video.shape[2],
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        generator=torch.Generator().manual_seed(seed % (1 << 63)),
        output_type="np",
        callback_on_step_end=on_step_end(report, settings.steps, lambda _: preview),
        max_sequence_length=PROMPT_TOKENS,
    ).frames
    return out


def _preview(pipe: WanVACEPipeline, layout: Layout) -> LatentPreview | None:
    """Fitted on the picture of the clip that shows most, a video of one frame to the VAE."""
    picture = layout.fullest()
    mean, deviation = (np.array(pipe.vae.config[name], np.float32)[:, None, None] for name in ("latents_mean", "latents_std"))
    with torch.no_grad():
        encoded = pipe.vae.encode(_tensor(picture[None]).to(pipe._execution_device, pipe.vae.dtype))
    latent = (on_cpu(encoded.latent_dist.mode()[0, :, 0]) - mean) / deviation
    return LatentPreview.fit(latent, picture, layout.fit.inner)


def _tensor(video: npt.NDArray[np.uint8]) -> torch.Tensor:
    """float32 (1, 3, T, H, W) in −1…1 of a video uint8 (T, H, W, 3), in one pass: these are the largest arrays of all."""
    out = np.empty((1, 3, *video.shape[:3]), np.float32)
    for number, frame in enumerate(video):
        for channel, plane in enumerate(cv2.split(frame)):
            cv2.LUT(plane, LEVELS, dst=out[0, channel, number])
    return torch.from_numpy(out)


class _AtSize(VideoProcessor):  # type: ignore[misc]
    """Videos come as tensors (1, C, T, H, W) in −1…1 of the model's size and leave as uint8 (T, H, W, 3).

    The base class resizes, checks and converts frame by frame, also where nothing is to be done: at 832×480 that costs ten times
    what is needed. Its images (references) stay its own.
    """

    def preprocess_video(self, video: Any, height: int | None = None, width: int | None = None, **_: Any) -> torch.Tensor:
        tensor: torch.Tensor = video
        return tensor

    def postprocess_video(self, video: torch.Tensor, output_type: str = "np", **_: Any) -> Any:
        levels = video[0].float().mul_(127.5).add_(128).clamp_(0, 255).byte()  # 128: half a level more, to round
        return levels.permute(1, 2, 3, 0).contiguous().cpu().numpy()


def part_bytes(pipe: WanVACEPipeline) -> dict[str, int]:
    """Bytes of the weights of each part, as they are held."""
    return {name: sum(p.numel() * p.element_size() for p in getattr(pipe, name).parameters()) for name in PARTS}


def _pretrained(folder: Path, dtype: torch.dtype) -> WanVACEPipeline:
    load_from = partial(from_folder, folder)
    vae = load_from(AutoencoderKLWan, subfolder="vae", dtype=torch.float32)  # bf16 shows in the colours
    return load_from(WanVACEPipeline, vae=vae, dtype=dtype)


def _load_lora(pipe: WanVACEPipeline, lora: str) -> None:
    """Fold a LoRA into the transformer: nothing of it is left to be computed at each step."""
    path = next(iter(sorted(locate(lora).glob("*.safetensors")))) if lora in CATALOGUE else Path(lora).expanduser()
    read_header(path)
    try:
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name="lora", local_files_only=True)
        pipe.fuse_lora(components=["transformer"])
        pipe.unload_lora_weights()
    except (ValueError, KeyError, RuntimeError) as error:
        raise CorruptWeightsError(
            f"{path.name} is no LoRA of this transformer: {error}", "give one that was made for it"
        ) from error


def _place(pipe: WanVACEPipeline, device: str, settings: WanVaceSettings) -> None:
    if settings.offload == "none" or not device.startswith("cuda"):
        pipe.to(device)
    elif settings.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif settings.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(
            onload_device=torch.device(device), offload_device=torch.device("cpu"), offload_type="leaf_level", use_stream=True
        )


def _random_tiny(dtype: torch.dtype) -> WanVACEPipeline:
    """The real classes, small, with the same random weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer, text_encoder = tiny_text_encoder()
        vae = AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        )
        transformer = WanVACETransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=TEXT_WIDTH,
            freq_dim=32,
            ffn_dim=32,
            num_layers=2,
            vace_layers=[0],
            vace_in_channels=96,
        )
        _wake(transformer)
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    if dtype != torch.float32:
        text_encoder, transformer = text_encoder.to(dtype), transformer.to(dtype)
    parts = {"vae": vae.eval(), "text_encoder": text_encoder.eval(), "transformer": transformer.eval()}
    return WanVACEPipeline(tokenizer=tokenizer, scheduler=scheduler, **parts)


def _wake(model: nn.Module) -> None:
    """Layers that begin at zero would hide a broken connection."""
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)
