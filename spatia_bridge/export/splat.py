"""3D Gaussian splats as PLY, in the layout of the reference implementation (Kerbl et al. 2023): 62 floats a splat.

x y z, nx ny nz, f_dc_0–2 (colour as the constant spherical harmonic), f_rest_0–44 (0: memory keeps one colour a point), opacity
as a logit, scale_0–2 as natural logarithms of standard deviations, rot_0–3 a quaternion with w first. Each splat is a disc in the
surface of its point (`export.surfels`), nearly opaque: memory has surfaces, not fog.

Positions are in the axes and units of the engine asked for. Trainers and most viewers expect OpenCV axes, the default; Godot's
gdgs puts the mean of the splats at the origin and turns them by 180° about z.
"""

import numpy as np
import numpy.typing as npt

from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, check_points, write_rows
from spatia_bridge.export.ply import header
from spatia_bridge.export.surfels import surfels, turn_z_to
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.memory import Snapshot

SH_C0 = 0.28209479177387814  # the constant spherical harmonic, 1 / (2 √π)
OPACITY = 0.95
PROPERTIES = (
    *("x", "y", "z", "nx", "ny", "nz"),
    *(f"f_dc_{i}" for i in range(3)),
    *(f"f_rest_{i}" for i in range(45)),
    "opacity",
    *(f"scale_{i}" for i in range(3)),
    *(f"rot_{i}" for i in range(4)),
)
_DC, _OPACITY, _SCALE, _ROTATION = slice(6, 9), 54, slice(55, 58), slice(58, 62)


def harmonics(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The constant coefficients (N, 3) of sRGB colours (N, 3)."""
    return np.asarray((rgb / 255 - 0.5) / SH_C0)


def _rows(batch: Batch, engine: Engine) -> npt.NDArray[np.float32]:
    convention = engine.convention
    normals_world, spread_m = surfels(batch)
    normals = convention.directions_from_world(normals_world).astype(np.float32)
    rows = np.zeros((len(batch), len(PROPERTIES)), "<f4")
    rows[:, :3] = convention.points_from_world(batch.points_world)
    rows[:, 3:6] = normals
    rows[:, _DC] = harmonics(batch.records["rgb"])
    rows[:, _OPACITY] = np.log(OPACITY / (1 - OPACITY))
    rows[:, _SCALE] = np.log(spread_m[:, [0, 0, 1]] * convention.units_per_metre)
    rows[:, _ROTATION] = turn_z_to(normals)[:, [3, 0, 1, 2]]
    return rows


class SplatExporter:
    """A splat a point."""

    name = "splat"
    suffix = ".splat.ply"
    axes = ""

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write."""
        sink(header(check_points(snapshot), [f"float {name}" for name in PROPERTIES]))
        write_rows(snapshot, lambda batch: _rows(batch, engine), sink, progress)
