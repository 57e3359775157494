"""The surface of memory as a GLB: triangles with vertex colours to look at, or fewer and bare ones to collide with.

Both come from `export.surface`, decimated by quadric error (Garland & Heckbert 1997, Open3D's). The collider's node is named as
Godot's importer wants it, which makes a static body of it; in Unity it is a MeshCollider's mesh, in Unreal a complex collision
mesh. Memory and time are bounded: a larger scene gets larger triangles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.export import gltf
from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import PIECE_BYTES, check_points
from spatia_bridge.export.surface import TriangleMesh, extract_surface
from spatia_bridge.geometry.conventions import GLTF, Engine
from spatia_bridge.memory import Snapshot

_VERTEX = np.dtype([("xyz", "<f4", (3,)), ("rgba", "<u2", (4,))])


def decimate(mesh: TriangleMesh, triangles: int) -> TriangleMesh:
    """At most about so many triangles, and no vertex that none of them uses."""
    import open3d as o3d  # heavy: not until it is needed

    found = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.points_world), o3d.utility.Vector3iVector(mesh.triangles.astype(np.int32))
    )
    found.vertex_colors = o3d.utility.Vector3dVector(mesh.rgb)
    if len(mesh.triangles) > triangles:
        found = found.simplify_quadric_decimation(triangles)
    found.remove_degenerate_triangles()
    found.remove_unreferenced_vertices()
    return TriangleMesh(np.asarray(found.vertices), np.asarray(found.vertex_colors), np.asarray(found.triangles, np.int64))


def _vertices(mesh: TriangleMesh) -> npt.NDArray[np.void]:
    rows = np.empty(len(mesh.points_world), _VERTEX)
    rows["xyz"] = GLTF.points_from_world(mesh.points_world)
    rows["rgba"] = gltf.linear_rgba(np.clip(np.rint(mesh.rgb * 255), 0, 255).astype(np.uint8))
    return rows


def _document(rows: npt.NDArray[np.void], indices: int, node: str, coloured: bool) -> dict[str, Any]:
    count, size = len(rows), _VERTEX.itemsize
    bounds = {"min": rows["xyz"].min(axis=0).tolist(), "max": rows["xyz"].max(axis=0).tolist()}
    accessors = [
        {"bufferView": 0, "componentType": gltf.FLOAT, "count": count, "type": "VEC3", **bounds},
        {"bufferView": 1, "componentType": gltf.U32, "count": indices, "type": "SCALAR"},
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0}, "indices": 1, "mode": gltf.TRIANGLES_MODE}
    looks: dict[str, Any] = {}
    if coloured:
        rgba = {"bufferView": 0, "byteOffset": 12, "componentType": gltf.U16, "normalized": True, "count": count, "type": "VEC4"}
        accessors.append(rgba)
        primitive["attributes"]["COLOR_0"] = 2
        primitive["material"] = 0
        looks = {"extensionsUsed": [gltf.UNLIT], "materials": [gltf.unlit_material()]}
    views = [
        {"buffer": 0, "byteLength": count * size, "byteStride": size, "target": gltf.ARRAY_BUFFER},
        {"buffer": 0, "byteOffset": count * size, "byteLength": indices * 4, "target": gltf.ELEMENT_BUFFER},
    ]
    return gltf.document(
        **looks,
        scene=0,
        scenes=[{"nodes": [0]}],
        nodes=[{"name": node, "mesh": 0}],
        meshes=[{"name": "memory", "primitives": [primitive]}],
        accessors=accessors,
        bufferViews=views,
        buffers=[{"byteLength": count * size + indices * 4}],
    )


def _write(snapshot: Snapshot, limits: tuple[int, int], node: str, coloured: bool, sink: Sink, progress: Progress) -> None:
    check_points(snapshot)
    max_cells, max_triangles = limits
    mesh = decimate(extract_surface(snapshot, max_cells, progress), max_triangles)
    rows, indices = _vertices(mesh), mesh.triangles.astype("<u4")
    sink(gltf.header(_document(rows, indices.size, node, coloured), rows.nbytes + indices.nbytes))
    for array in (rows, indices):
        data = array.tobytes()
        for start in range(0, len(data), PIECE_BYTES):
            sink(data[start : start + PIECE_BYTES])


@dataclass(eq=False)
class MeshExporter:
    """The surface with its colours, in so many triangles, of a grid of so many cells."""

    max_triangles: int = 200_000
    max_cells: int = 250_000

    name = "mesh"
    suffix = ".mesh.glb"
    axes = "glTF's axes, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write. InvalidInputError: also if the points lie too far apart for a surface."""
        _write(snapshot, (self.max_cells, self.max_triangles), "memory", True, sink, progress)


@dataclass(eq=False)
class ColliderExporter:
    """The surface without colours, in so few triangles, of a grid of so many cells."""

    max_triangles: int = 5_000
    max_cells: int = 60_000

    name = "collider"
    suffix = ".collider.glb"
    axes = "glTF's axes, metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See MeshExporter.write."""
        _write(snapshot, (self.max_cells, self.max_triangles), "memory-colonly", False, sink, progress)
