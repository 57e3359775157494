"""Point files of other programs as points of memory: PLY, LAS and GLB, in batches; no header is believed before it is checked."""

from spatia_bridge.importing.points import PointBatch, read_points, spacing_m

__all__ = ["PointBatch", "read_points", "spacing_m"]
