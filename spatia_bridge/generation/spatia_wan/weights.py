"""The models of `spatia_wan`, ready to be used: from published weights, or small ones with random weights for tests.

Published are two things: Wan 2.2's 5B model in diffusers' folders (`transformer`, `vae`, `text_encoder`, `tokenizer`), and
Spatia's control file and LoRA, which are told apart by what is in them, whatever they are called.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from torch import nn
from transformers import AutoTokenizer, UMT5EncoderModel

from spatia_bridge.errors import CorruptWeightsError, MissingWeightsError
from spatia_bridge.generation.spatia_wan.lora import add_lora, load_lora, switch_lora
from spatia_bridge.generation.spatia_wan.names import control_from_released, control_names, lora_from_released
from spatia_bridge.generation.spatia_wan.network import ControlBranch, Network
from spatia_bridge.generation.spatia_wan.text import Text
from spatia_bridge.models.checkpoint import check_fits, read_header, read_safetensors
from spatia_bridge.models.library import locate
from spatia_bridge.models.tiny_text import TEXT_WIDTH, tiny_text_encoder

RANDOM_TINY = "random-tiny"
BASE, OWN = "wan2.2-5b", "spatia"  # in the catalogue
TINY_RANK = 4


@dataclass(frozen=True, eq=False)
class Models:
    """What a clip is made with, shared by sessions."""

    network: Network
    vae: AutoencoderKLWan
    text: Text
    device: torch.device
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def turn(self, *, lora: bool = False) -> Iterator[None]:
        """Within the block the models are this thread's, the network with or without its LoRA."""
        with self._lock:
            switch_lora(self.network.main, on=lora)
            yield


def load_models(weights: str, device: str) -> Models:
    """Models on a device, in half precision (bfloat16) where that is not the CPU, but for the VAE.

    Args:
        weights: "" = the catalogue's; "random-tiny"; otherwise a folder with Spatia's two files, and Wan's folders unless those
        were
            fetched.
    Raises:
        MissingWeightsError, CorruptWeightsError: what is missing or does not fit.
    """
    if weights == RANDOM_TINY:
        return _random_tiny(device)
    own = locate(OWN, weights)
    base = own if (own / "transformer").is_dir() else locate(BASE)
    control, lora = find_files(own)
    dtype = torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16
    network = load_network(base, control, lora, dtype)
    with _refusing(base):
        vae = AutoencoderKLWan.from_pretrained(base / "vae", torch_dtype=torch.float32, use_safetensors=True)
        encoder = UMT5EncoderModel.from_pretrained(base / "text_encoder", dtype=dtype, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(base / "tokenizer")
    return _ready(network, vae, Text(tokenizer, encoder, device), device)


def load_network(base: Path, control: Path, lora: Path | None, dtype: torch.dtype = torch.float32) -> Network:
    """The network of Wan's folders and Spatia's files, on the CPU.

    Raises:
        CorruptWeightsError: a file is of another model.
    """
    with _refusing(base):
        main = WanTransformer3DModel.from_pretrained(base / "transformer", torch_dtype=dtype, use_safetensors=True)
    branch = load_control(main, control, dtype)
    if lora is not None:
        load_lora(main, lora_from_released(read_safetensors(lora), len(main.blocks)))
    return Network(main, branch)


def load_control(main: WanTransformer3DModel, path: Path, dtype: torch.dtype = torch.float32) -> ControlBranch:
    """The control branch of a released file; names and shapes are checked before it is read.

    Raises:
        CorruptWeightsError: a name is missing or unknown, or a shape is not what this main branch asks for.
    """
    with torch.device("meta"):
        branch = ControlBranch(main)
    names, blocks = control_names(len(branch.blocks)), len(branch.blocks)
    own = branch.state_dict()
    check_fits(path, {theirs: tuple(own[ours].shape) for theirs, ours in names.items()})
    state = control_from_released(read_safetensors(path), blocks)
    branch.load_state_dict({name: tensor.to(dtype) for name, tensor in state.items()}, assign=True)
    return branch


def find_files(folder: Path) -> tuple[Path, Path | None]:
    """Spatia's control file and LoRA, None if there is none, among a folder's own files.

    Raises:
        MissingWeightsError: there is no control file; CorruptWeightsError: two of a kind.
    """
    found: dict[str, list[Path]] = {"vace_patch_embedding.weight": [], "pipe.dit.": []}
    for path in sorted(folder.glob("*.safetensors")):
        for start, paths in found.items():
            if any(name.startswith(start) for name in read_header(path)):
                paths.append(path)
    control, lora = found.values()
    if not control:
        raise MissingWeightsError(f"there is no control file of Spatia in {folder}", f"spatia-bridge models fetch {OWN}")
    for paths in (control, lora):
        if len(paths) > 1:
            raise CorruptWeightsError(f"{folder} has both {paths[0].name} and {paths[1].name}", "keep the one that is to be used")
    return control[0], lora[0] if lora else None


def tiny_network() -> Network:
    """The real classes at the smallest sizes, with a LoRA; every weight as torch's generator gives it, none of them zero."""
    main = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=48, out_channels=48,
        text_dim=TEXT_WIDTH, freq_dim=32, ffn_dim=32, num_layers=6,
    )  # fmt: skip
    network = Network(main, ControlBranch(main))
    add_lora(main, TINY_RANK)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    return network


def tiny_vae() -> AutoencoderKLWan:
    """Wan 2.2's VAE, 16 × 16 × 4 frames to 48 channels, in its smallest form; its pictures are dim, so that what it paints has no
    edges that an estimator of depth would take for the scene's."""
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=48, in_channels=12, out_channels=12, patch_size=2, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        is_residual=True, scale_factor_spatial=16, scale_factor_temporal=4, temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 48, latents_std=[1.0] * 48,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in vae.decoder.conv_out.parameters():
            parameter.mul_(0.1)
    return vae


def _random_tiny(device: str) -> Models:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = Text(*tiny_text_encoder(), device)
        return _ready(tiny_network(), tiny_vae(), text, device)


def _ready(network: Network, vae: AutoencoderKLWan, text: Text, device: str) -> Models:
    for module in (network, vae):
        module.eval().requires_grad_(False).to(device)
    return Models(network, vae, text, torch.device(device))


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Say in the domain's words that a model's folder is missing or damaged."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())[:200]
        raise CorruptWeightsError(
            f"{folder} does not hold Wan 2.2's 5B model: {text}", f"spatia-bridge models fetch {BASE}"
        ) from error
