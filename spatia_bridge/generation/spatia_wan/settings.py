"""What a clip is made with. Defaults are those of Spatia's released code, where nothing else is said."""

from dataclasses import dataclass

SIDE_STEP = 32  # pixels: 16 are one latent of Wan 2.2's VAE, two latents are a side of the transformer's patches
FRAMES_A_LATENT = 4  # but the first latent frame holds one frame


@dataclass(frozen=True)
class Settings:
    """Of one clip.

    Attributes:
        width, height: the most pixels that the network works at, in a request's own aspect.
        first_frames, new_frames: of a clip that nothing precedes, and of any other, by default; a request may ask for any number.
            With the history the latter are the released 81.
        history_frames: of the preceding ones that are shown, 1 more than a multiple of 4.
        references: at most (K of the paper).
        steps, guidance, shift: UniPC steps, weight of classifier-free guidance (1 = none), shift of the flow's times.
        control_scale: weight of the hints.
        prompt_suffix: follows every prompt.
        negative_prompt: what guidance leads away from (the released one's sense, in fewer words).
        correct_colour, paste_memory, carry_depth: see `generation.finishing`; ours, the released code has none of them.
    """

    width: int = 1248
    height: int = 704
    first_frames: int = 121
    new_frames: int = 72
    history_frames: int = 9
    references: int = 7
    fps: float = 24.0
    steps: int = 40
    guidance: float = 3.5
    shift: float = 5.0
    control_scale: float = 1.0
    prompt_suffix: str = " 4K, realistic, high quality, HDR."
    negative_prompt: str = (
        "cuts, fades, worst quality, compression artefacts, noise, blur, missing detail, mosaic, watermark, text, logo, deformed "
        "bodies, fused objects, objects passing through each other, floating objects, wrong perspective, flat light, odd colours"
    )
    correct_colour: bool = True
    paste_memory: bool = False
    carry_depth: bool = False


# random weights paint noise, which no estimator finds depth in
TINY = Settings(
    width=96, height=64, first_frames=25, new_frames=24, history_frames=5, steps=2, paste_memory=True, carry_depth=True
)


def padded(frames: int) -> int:
    """The next number of frames that fills whole latents: 1, 5, 9, …"""
    return -(-(frames - 1) // FRAMES_A_LATENT) * FRAMES_A_LATENT + 1


def whole(frames: int) -> int:
    """The last of so many frames that fill whole latents: 0, 1, 5, 9, …"""
    return (frames - 1) // FRAMES_A_LATENT * FRAMES_A_LATENT + 1 if frames else 0


def working_size(width: int, height: int, settings: Settings) -> tuple[int, int]:
    """The size that a request of width × height pixels is worked at: both sides multiples of 32, scaled down if need be."""
    scale = min(1.0, (settings.width * settings.height / (width * height)) ** 0.5)
    wide, high = (max(round(side * scale / SIDE_STEP), 1) * SIDE_STEP for side in (width, height))
    return wide, high
