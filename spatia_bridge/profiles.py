"""The choices of the whole stack for a kind of machine, in one place: which backends, and how they are set.

Sizes are those of the published weights at bfloat16 (text encoder 11.4 GB, VAE 0.5 GB, the 14B transformer 34.7 GB); what the
work itself takes depends on the frames and comes on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spatia_bridge.errors import NotFoundError
from spatia_bridge.generation.wan_vace.settings import WanVaceSettings


@dataclass(frozen=True)
class Profile:
    """One kind of machine.

    Attributes:
        generator: for clients that name none.
        plain_generator: for a photo on the command line, and where torch is not installed; "" = the same.
        estimator: of depth, for generators without.
        options: keyword arguments of the backends, by name.
        models: of the catalogue, to be fetched.
        segmenter: of what moves; "" = none.
        why: for people.
    """

    name: str
    generator: str
    estimator: str
    why: str
    plain_generator: str = ""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    segmenter: str = ""


DEFAULT_PROFILE = "laptop"
_MEDIUM = WanVaceSettings(offload="model")
_LARGE = WanVaceSettings(
    model="wan-vace-14b", lora="wan-vace-14b-4step", steps=4, guidance=1.0, flow_shift=5.0, max_pixels=1280 * 720
)

_EYES = ("depth-anything-2-indoor", "sam2.1-small", "grounding-dino")  # what transformers_depth and sam2 need

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            DEFAULT_PROFILE,
            "tiny",
            "layout",
            "no GPU and no download: memory's planes carried on, and the model that comes with this package; depth from layout",
            plain_generator="reproject",
        ),
        Profile(
            "workstation-24gb",
            "wan_vace",
            "transformers_depth",
            "one GPU of 24 GB: Wan VACE 1.3B at 480p, whole models offloaded, so that the text encoder (11.4 GB) and the "
            "transformer are not on the GPU together",
            options={"wan_vace": {"settings": _MEDIUM}},
            models=("wan-vace-1.3b", *_EYES),
            segmenter="sam2",
        ),
        Profile(
            "server-80gb",
            "wan_vace",
            "transformers_depth",
            "one GPU of 80 GB: Wan VACE 14B at 720p with a 4-step LoRA, all weights (47 GB) on the GPU",
            options={"wan_vace": {"settings": _LARGE}},
            models=("wan-vace-14b", "wan-vace-14b-4step", *_EYES),
            segmenter="sam2",
        ),
    )
}


def find_profile(name: str) -> Profile:
    """Raises NotFoundError, which lists those there are."""
    if name not in PROFILES:
        raise NotFoundError(f"there is no profile {name!r}", f"use one of: {', '.join(PROFILES)}")
    return PROFILES[name]
