"""`sana_wm`: SANA-WM by diffusers' `SanaWMPipeline`, an image and a camera's path to a video: a baseline without memory."""

from spatia_bridge.generation.sana_wm.generator import SanaWm, SanaWmSettings

__all__ = ["SanaWm", "SanaWmSettings"]
