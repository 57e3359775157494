"""`wan_vace`: Wan 2.1 VACE (arXiv 2503.07598) by diffusers' `WanVACEPipeline`, steered by memory."""

from spatia_bridge.generation.wan_vace.generator import WanVace
from spatia_bridge.generation.wan_vace.settings import WanVaceSettings

__all__ = ["WanVace", "WanVaceSettings"]
