"""What a picture says about walls, column by column of a level camera: labels below the horizon, straight lines above it."""

import numpy as np
import numpy.typing as npt

from spatia_bridge.geometry.camera import Intrinsics
from spatia_bridge.perception.layout.gravity import Frame, consistency
from spatia_bridge.perception.layout.lines import Segments
from spatia_bridge.perception.layout.plan import Evidence
from spatia_bridge.perception.layout.regions import HORIZON_MARGIN, Regions

Floats = npt.NDArray[np.float64]


def find_evidence(
    regions: Regions, k: Intrinsics, rays: npt.NDArray[np.float32], frame: Frame, segments: Segments, columns: int, rows: int
) -> Evidence:
    """The labels below the horizon, sampled on a grid of a level camera."""
    ahead = rays[..., 2] > 0.2
    seen = ahead & (rays[..., 1] > 0)
    used = seen if seen.any() else ahead
    x = (rays[..., 0] / rays[..., 2])[used]
    y = (rays[..., 1] / rays[..., 2])[used]
    grid_x = np.linspace(x.min(), x.max(), columns)
    grid_y = np.linspace(HORIZON_MARGIN, max(float(y.max()), 2 * HORIZON_MARGIN), rows)
    level = np.stack([*np.meshgrid(grid_x, grid_y), np.ones((rows, columns))], axis=-1)
    camera = level @ frame.level_from_camera
    depth = np.maximum(camera[..., 2], 1e-3)
    u = np.floor(camera[..., 0] / depth * k.fx + k.cx).astype(np.int64)
    v = np.floor(camera[..., 1] / depth * k.fy + k.cy).astype(np.int64)
    inside = (u >= 0) & (u < k.width) & (v >= 0) & (v < k.height) & (camera[..., 2] > 1e-3)
    ground = inside & regions.ground[np.where(inside, v, 0), np.where(inside, u, 0)]
    return Evidence(
        grid_x, grid_y, ground.astype(np.float64), (inside & ~ground).astype(np.float64), *_line_evidence(segments, frame, grid_x)
    )


def _line_evidence(segments: Segments, frame: Frame, x: Floats) -> tuple[Floats, Floats]:
    """What straight lines say about the columns x (C,): Evidence's `turned` (2, C) and `upright` (C,).

    A level line on a wall that faces one way runs along the other; one that fits both says nothing.
    """
    against, upright = np.zeros((2, len(x))), np.zeros(len(x))
    if not frame.found or not len(segments):
        return against, upright
    votes = consistency(segments, np.vstack([[0.0, 1.0, 0.0], frame.facings]) @ frame.level_from_camera, np.radians(2.5))
    ends = [np.column_stack([end, np.ones(len(segments))]) @ frame.level_from_camera.T for end in (segments.start, segments.end)]
    level = np.stack([end[:, :2] / np.maximum(end[:, 2:], 1e-3) for end in ends])  # (2, N, 2)
    columns, rows = np.sort(level[..., 0], axis=0), np.sort(level[..., 1], axis=0)
    above = rows.sum(axis=0) < 0  # no ground reaches above the horizon
    for axis in range(2):
        clear = above & (votes[1 + axis] > 0.5) & (votes[2 - axis] < 0.25) & (votes[0] < 0.25)
        for low, high, weight in zip(columns[0][clear], columns[1][clear], segments.weight[clear], strict=True):
            against[axis, (x >= low) & (x <= high)] += weight
    window = np.hanning(2 * (len(x) // 12) + 3)
    spread = np.stack([np.convolve(row, window / window.sum(), mode="same") for row in against])
    total = spread.sum(axis=0)
    vertical = (votes[0] > 0.6) & (votes[1:].max(axis=0) < 0.25)
    place = np.clip(np.searchsorted(x, columns.mean(axis=0)), 0, len(x) - 1)
    np.add.at(upright, place[vertical], (rows[1] - rows[0])[vertical])
    near = np.maximum(upright, np.maximum(np.roll(upright, 1), np.roll(upright, -1)) / 2)
    tall = max(float(rows.max() - rows.min()), 1e-9)
    return np.asarray(spread / np.maximum(total, 0.1 * max(float(total.max()), 1e-9))), np.clip(near / (0.5 * tall), 0, 1)
