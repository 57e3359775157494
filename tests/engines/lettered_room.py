"""A room that tells every mistake of axes, units and field of view.

Letters and another colour on each wall, a cube off the middle. OpenCV axes, metres, ray-cast in closed form.
"""

import cv2
import numpy as np

from spatia_bridge.frames import RgbdFrame
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics

LOW, HIGH = np.array([-3.0, -2.0, -3.5]), np.array([3.5, 1.0, 4.0])
CUBE_LOW, CUBE_HIGH = np.array([0.45, 0.0, 1.4]), np.array([1.45, 1.0, 2.4])  # a metre a side
TEXELS = 96  # a metre
# name: (axis of the normal, whether it is the far one, colour, letters)
FACES = {
    "left": (0, False, (60, 150, 70), "LP7"),
    "right": (0, True, (60, 80, 190), "RQ4"),
    "ceiling": (1, False, (190, 190, 200), "UP"),
    "floor": (1, True, (110, 100, 90), "F2"),
    "front": (2, False, (180, 170, 60), "NEAR"),
    "back": (2, True, (180, 60, 50), "BACK"),
}


def _texture(axis: int, far: bool, colour: tuple[int, int, int], letters: str) -> np.ndarray:
    across, down = [(2, 1), (0, 2), (0, 1)][axis]
    size = HIGH - LOW
    width, height = int(size[across] * TEXELS), int(size[down] * TEXELS)
    ramp = np.linspace(0.75, 1.15, width)[None, :, None] * np.linspace(1.1, 0.8, height)[:, None, None]
    image = np.clip(np.array(colour) * ramp, 0, 255).astype(np.uint8)
    scale = height / 60
    (w, h), _ = cv2.getTextSize(letters, cv2.FONT_HERSHEY_DUPLEX, scale, int(scale * 5))
    where = (int((width - w) * 0.4), int((height + h) * 0.55))
    image = np.ascontiguousarray(image)
    cv2.putText(image, letters, where, cv2.FONT_HERSHEY_DUPLEX, scale, (245, 240, 225), int(scale * 5), cv2.LINE_AA)
    mirrored = (axis == 0 and far) or (axis == 2 and not far)  # seen from within, the axis across runs to the left there
    return image[:, ::-1] if mirrored else image


_TEXTURES = {(axis, far): _texture(axis, far, colour, letters) for axis, far, colour, letters in FACES.values()}
_CUBE = [(230, 160, 40), (240, 230, 120), (60, 200, 200)]


def camera(eye, target, size=(240, 180), fov_degrees=75.0) -> Camera:
    return Camera(Intrinsics.from_vertical_fov(np.radians(fov_degrees), *size), se3.look_at(eye, target))


def look(view: Camera) -> RgbdFrame:
    """The room as this camera sees it: colour and exact planar depth."""
    rays = view.rays().astype(np.float64) @ view.world_from_camera[:3, :3].T
    rays = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    origin = view.position_world
    depth, colour = _walls(origin, rays)
    a, b = (CUBE_LOW - origin) / rays, (CUBE_HIGH - origin) / rays
    near, far = np.minimum(a, b), np.maximum(a, b)
    enter, axis = near.max(axis=-1), near.argmax(axis=-1)
    hit = (enter < far.min(axis=-1)) & (enter > 0)
    depth = np.where(hit, enter, depth)
    colour = np.where(hit[..., None], np.array(_CUBE, np.uint8)[axis], colour)
    return RgbdFrame(view, np.ascontiguousarray(colour), depth.astype(np.float32))


def _walls(origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    leave = np.maximum((LOW - origin) / rays, (HIGH - origin) / rays)
    depth, axes = leave.min(axis=-1), leave.argmin(axis=-1)
    points = origin + rays * depth[..., None]
    colour = np.zeros((*depth.shape, 3), np.uint8)
    for (axis, far), texture in _TEXTURES.items():
        here = (axes == axis) & ((rays[..., axis] > 0) == far)
        across, down = [(2, 1), (0, 2), (0, 1)][axis]
        height, width = texture.shape[:2]
        size = HIGH - LOW
        u = np.clip((points[..., across] - LOW[across]) / size[across] * width, 0, width - 1).astype(int)
        v = np.clip((points[..., down] - LOW[down]) / size[down] * height, 0, height - 1).astype(int)
        colour[here] = texture[v[here], u[here]]
    return depth, colour


def seed_views() -> list[RgbdFrame]:
    """Some views that together show all of it."""
    places = [
        ((0.2, -0.6, -2.8), (0.2, -0.4, 4.0)),
        ((-2.2, -0.9, -1.0), (3.0, -0.3, 3.0)),
        ((2.6, -0.9, 0.0), (-3.0, -0.4, 1.5)),
        ((-1.5, -0.7, 3.2), (2.5, 0.2, 0.5)),
        ((0.0, -0.5, 2.8), (0.5, -0.5, -3.0)),
        ((0.0, -0.9, -0.5), (0.9, 0.6, 1.8)),
    ]
    return [look(camera(eye, target)) for eye, target in places]
