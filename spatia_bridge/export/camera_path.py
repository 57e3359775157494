"""A camera path as an animated glTF camera (GLB), which every engine and Blender import onto a timeline.

glTF's camera is centred: an off-centre lens loses its shift; the camera's `extras` say the exact intrinsics. Keys are where the
path has poses, times begin at 0, in between positions run straight and rotations slerp.
"""

import itertools
import math

import numpy as np

from spatia_bridge.export import gltf
from spatia_bridge.geometry.conventions import GLTF
from spatia_bridge.geometry.trajectory import Trajectory

_NEAR_M = 0.05


def write_camera_path(trajectory: Trajectory) -> bytes:
    """The file. One pose alone is a camera that stands still."""
    poses = [GLTF.pose_from_world(camera.world_from_camera) for camera in trajectory.cameras]
    times = (np.array(trajectory.times_secs) - trajectory.times_secs[0]).astype("<f4")
    places = np.array([place for place, _ in poses], "<f4")
    turns = np.array([turn for _, turn in poses])
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(axis=1) < 0, -1, 1))  # the short way round between neighbours
    turns[1:] *= flips[:, None]
    data = [times.tobytes(), places.tobytes(), turns.astype("<f4").tobytes()]
    starts = np.cumsum([0, *map(len, data)]).tolist()
    count = len(poses)
    k = trajectory.cameras[0].intrinsics
    lens = {"yfov": 2 * math.atan(k.height / (2 * k.fy)), "aspectRatio": (k.width / k.fx) / (k.height / k.fy), "znear": _NEAR_M}
    extras = {"fx": k.fx, "fy": k.fy, "cx": k.cx, "cy": k.cy, "width": k.width, "height": k.height}
    input_bounds = {"min": [float(times[0])], "max": [float(times[-1])]}
    node = {"name": "camera", "camera": 0, "translation": places[0].tolist(), "rotation": turns[0].tolist()}
    channels = [
        {"sampler": 0, "target": {"node": 0, "path": "translation"}},
        {"sampler": 1, "target": {"node": 0, "path": "rotation"}},
    ]
    samplers = [{"input": 0, "output": output, "interpolation": "LINEAR"} for output in (1, 2)]
    content = gltf.document(
        scene=0,
        scenes=[{"nodes": [0]}],
        nodes=[node],
        cameras=[{"name": "camera", "type": "perspective", "perspective": lens, "extras": extras}],
        animations=[{"name": "camera path", "channels": channels, "samplers": samplers}],
        accessors=[
            {"bufferView": 0, "componentType": gltf.FLOAT, "count": count, "type": "SCALAR", **input_bounds},
            {"bufferView": 1, "componentType": gltf.FLOAT, "count": count, "type": "VEC3"},
            {"bufferView": 2, "componentType": gltf.FLOAT, "count": count, "type": "VEC4"},
        ],
        bufferViews=[{"buffer": 0, "byteOffset": a, "byteLength": b - a} for a, b in itertools.pairwise(starts)],
        buffers=[{"byteLength": starts[-1]}],
    )
    return gltf.header(content, starts[-1]) + b"".join(data)
