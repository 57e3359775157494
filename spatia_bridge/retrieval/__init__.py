"""Reference frames: which earlier frames see what the new cameras will see, and which of their pixels must not be shown again.

cells          what one view shows, as coarse cells
covisibility   the index: what every frame saw
cover          how much of the wanted cells a frame adds
selector       the choice of references
masking        pixels that show what was removed
baselines      other ways to choose, to compare with; assignment is their Hungarian method
"""

from spatia_bridge.retrieval.cells import VOXELS_A_CELL, FrameCells
from spatia_bridge.retrieval.covisibility import CovisibilityIndex, FrameKey
from spatia_bridge.retrieval.masking import removed_along, removed_pixels
from spatia_bridge.retrieval.selector import Choice, CovisibilitySelector, ReferenceSelector, Wanted

__all__ = [
    "VOXELS_A_CELL",
    "Choice",
    "CovisibilityIndex",
    "CovisibilitySelector",
    "FrameCells",
    "FrameKey",
    "ReferenceSelector",
    "Wanted",
    "removed_along",
    "removed_pixels",
]
