"""Small worlds with exact colour and depth, ray-cast in closed form: what tests look at."""

import numpy as np

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics

ROOM_LOW, ROOM_HIGH = np.array([-3.0, -2.0, -4.0]), np.array([3.0, 1.0, 4.0])
PILLAR_LOW, PILLAR_HIGH = np.array([-0.4, -2.0, 1.0]), np.array([0.4, 1.0, 1.8])


def intrinsics(width: int = 96, height: int = 64) -> Intrinsics:
    return Intrinsics(0.9 * width, 0.9 * width, width / 2, height / 2, width, height)


def camera(eye=(0.0, -0.5, -3.0), target=(0.0, -0.5, 1.0), size=(96, 64)) -> Camera:
    return Camera(intrinsics(*size), se3.look_at(eye, target))


def _texture(points: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Smooth, asymmetric colours, another hue a face, so that a mirrored or shifted world shows."""
    phase = points * np.array([1.1, 1.7, 0.9])
    wave = 0.5 + 0.25 * np.sin(phase[..., 0] + 0.7 * face) + 0.25 * np.sin(phase[..., 1] + phase[..., 2])
    hue = np.stack([np.sin(face * 1.3), np.sin(face * 2.1 + 1), np.sin(face * 3.7 + 2)], axis=-1) * 60
    return np.clip(wave[..., None] * 130 + 60 + hue, 0, 255).astype(np.uint8)


def _slabs(origin, rays, low, high):
    with np.errstate(divide="ignore"):
        a, b = (low - origin) / rays, (high - origin) / rays
    return np.minimum(a, b), np.maximum(a, b)


def look(view: Camera, *, pillar: bool = True, ids: bool = False, pillar_shift=(0.0, 0.0, 0.0)) -> RgbdFrame:
    """The room with its pillar (object id 7), moved by `pillar_shift`, as this camera sees it: exact planar depth."""
    rays = view.rays().astype(np.float64) @ view.world_from_camera[:3, :3].T
    rays = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    origin = view.position_world
    _, far = _slabs(origin, rays, ROOM_LOW, ROOM_HIGH)
    depth, axis = far.min(axis=-1), far.argmin(axis=-1)
    face = axis + 3.0 * (np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0)
    shift = np.asarray(pillar_shift)
    near_t, far_t = _slabs(origin, rays, PILLAR_LOW + shift, PILLAR_HIGH + shift)
    enter, leave = near_t.max(axis=-1), far_t.min(axis=-1)
    hit = (enter < leave) & (enter > 0) & pillar
    depth = np.where(hit, enter, depth)
    face = np.where(hit, 10.0 + near_t.argmax(axis=-1), face)
    points = origin + rays * depth[..., None]
    object_ids = np.where(hit, 7, 0).astype(np.uint16) if ids else None
    return RgbdFrame(view, _texture(points - hit[..., None] * shift, face), depth.astype(np.float32), object_ids=object_ids)
