"""Which published weights the backends use: repositories of the Hugging Face Hub, the files of them that are needed, licences.

`revision` is a commit where one is known; elsewhere it is a branch, which `fetch` resolves once, to the commit it is at then.
That commit stands in the lock file beside the weights from then on, with the size and the SHA-256 of every file.
"""

from dataclasses import dataclass

from spatia_bridge.errors import NotFoundError

CONFIGS = ("*.json", "*/*.json", "*.txt", "*/*.txt", "*/spiece.model", "*/tokenizer.model")
WEIGHTS = ("*.safetensors", "*/*.safetensors")


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    Attributes:
        path: within the model's folder, with slashes.
        sha256: in hexadecimal; "" = not known.
    """

    path: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True)
class ModelCard:
    """One model that can be fetched.

    Attributes:
        name: what commands and `library.locate` call it.
        repository: owner/name on the hub.
        revision: a commit, or a branch that the first fetch resolves.
        licence: as the publisher states it, an SPDX name where there is one; "see the repository" where it was not known.
        files: patterns (fnmatch, `*` also matches slashes) of the paths that are needed.
        pinned: files whose content is known beforehand.
        note: what it is for.
    """

    name: str
    repository: str
    revision: str
    licence: str
    files: tuple[str, ...] = CONFIGS + WEIGHTS
    pinned: tuple[ModelFile, ...] = ()
    note: str = ""


_APACHE = "Apache-2.0"
_LORA = "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors"

CATALOGUE: dict[str, ModelCard] = {
    card.name: card
    for card in (
        ModelCard("wan-vace-1.3b", "Wan-AI/Wan2.1-VACE-1.3B-diffusers", "main", _APACHE, note="generator wan_vace, 480p"),
        ModelCard("wan-vace-14b", "Wan-AI/Wan2.1-VACE-14B-diffusers", "main", _APACHE, note="generator wan_vace, 480p and 720p"),
        ModelCard(
            "wan-vace-14b-4step",
            "lightx2v/Wan2.1-Distill-Loras",
            "main",
            _APACHE,
            files=(_LORA,),
            pinned=(ModelFile(_LORA, 0, "1c918df9eaa102766d8f99104209ce55fe7a892278a667a63d721c5d1c18efb1"),),
            note="LoRA for wan-vace-14b: 4 steps, no guidance",
        ),
        ModelCard("spatia", "Jinjing713/Spatia", "main", "see the repository", note="generator spatia_wan; needs wan2.2-5b too"),
        ModelCard("wan2.2-5b", "Wan-AI/Wan2.2-TI2V-5B-Diffusers", "main", _APACHE, note="base of spatia"),
        ModelCard(
            "sana-wm",
            "Efficient-Large-Model/SANA-WM_bidirectional-diffusers",
            "main",
            "see the repository",
            note="generator sana_wm, a baseline without memory",
        ),
        ModelCard("map-anything", "facebook/map-anything-apache", "main", _APACHE, note="depth estimator map_anything"),
        ModelCard("depth-anything-3-small", "depth-anything/DA3-SMALL", "main", _APACHE, note="depth estimator depth_anything_3"),
        ModelCard("depth-anything-3-base", "depth-anything/DA3-BASE", "main", _APACHE, note="depth estimator depth_anything_3"),
        ModelCard(
            "depth-anything-2-indoor",
            "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
            "main",
            _APACHE,
            note="metric depth of rooms, by transformers",
        ),
        ModelCard(
            "depth-anything-2-outdoor",
            "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf",
            "main",
            _APACHE,
            note="metric depth outdoors, by transformers",
        ),
        ModelCard("sam2.1-tiny", "facebook/sam2.1-hiera-tiny", "main", _APACHE, note="segmenter sam2"),
        ModelCard("sam2.1-small", "facebook/sam2.1-hiera-small", "main", _APACHE, note="segmenter sam2"),
        ModelCard("sam2.1-large", "facebook/sam2.1-hiera-large", "main", _APACHE, note="segmenter sam2"),
        ModelCard("sam3", "facebook/sam3", "main", "SAM licence; to be agreed to on the hub", note="segmenter sam3, by words"),
        ModelCard("grounding-dino", "IDEA-Research/grounding-dino-tiny", "main", _APACHE, note="boxes from words, for sam2"),
    )
}


def find_card(name: str) -> ModelCard:
    """Raises NotFoundError, which lists those there are."""
    if name not in CATALOGUE:
        raise NotFoundError(f"there is no model {name!r}", f"use one of: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
