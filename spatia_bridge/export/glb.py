"""Points as glTF 2.0 in one binary file: one mesh of POINTS with positions and linear vertex colours (`export.gltf`)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.export import gltf
from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, bounds_world, check_points, write_rows
from spatia_bridge.geometry.conventions import GLTF, Engine
from spatia_bridge.memory import Snapshot

_VERTEX = np.dtype([("xyz", "<f4", (3,)), ("rgba", "<u2", (4,))])  # 20 bytes


def _rows(batch: Batch) -> npt.NDArray[np.void]:
    rows = np.empty(len(batch), _VERTEX)
    rows["xyz"] = GLTF.points_from_world(batch.points_world)
    rows["rgba"] = gltf.linear_rgba(batch.records["rgb"])
    return rows


def _document(snapshot: Snapshot) -> dict[str, Any]:
    corners = GLTF.points_from_world(bounds_world(snapshot)).astype(np.float32).astype(float)
    count, size = snapshot.points, _VERTEX.itemsize
    xyz = {"bufferView": 0, "componentType": gltf.FLOAT, "count": count, "type": "VEC3"}
    xyz |= {"min": corners.min(axis=0).tolist(), "max": corners.max(axis=0).tolist()}
    rgba = {"bufferView": 0, "byteOffset": 12, "componentType": gltf.U16, "normalized": True, "count": count, "type": "VEC4"}
    primitive = {"attributes": {"POSITION": 0, "COLOR_0": 1}, "mode": gltf.POINTS_MODE, "material": 0}
    return gltf.document(
        extensionsUsed=[gltf.UNLIT],
        scene=0,
        scenes=[{"nodes": [0]}],
        nodes=[{"name": "memory", "mesh": 0}],
        meshes=[{"name": "memory", "primitives": [primitive]}],
        materials=[gltf.unlit_material()],
        accessors=[xyz, rgba],
        bufferViews=[{"buffer": 0, "byteLength": count * size, "byteStride": size, "target": gltf.ARRAY_BUFFER}],
        buffers=[{"byteLength": count * size}],
    )


class GlbExporter:
    """Points with colours."""

    name = "glb"
    suffix = ".glb"
    axes = "glTF's axes, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write. LimitExceededError: above 4 GiB, which are 214 million points."""
        size = check_points(snapshot) * _VERTEX.itemsize
        sink(gltf.header(_document(snapshot), size))
        write_rows(snapshot, _rows, sink, progress)
