"""Photographs of places of known geometry, ray-cast in closed form, with what makes places readable: boards, panels, colours."""

from dataclasses import dataclass

import numpy as np

from spatia_bridge.geometry.camera import Camera, Intrinsics

CAMERA_HEIGHT_M = 1.5
WIDTH, HEIGHT = 480, 272
FINE = 3  # rays a pixel's side: photographs have no stairs along their edges


@dataclass(frozen=True)
class Photo:
    colour: np.ndarray
    intrinsics: Intrinsics
    depth_m: np.ndarray  # exact, inf = sky
    ground: np.ndarray  # bool
    sky: np.ndarray  # bool
    down: np.ndarray  # (3,) in the camera's frame


def held(pitch_deg: float = 0.0, roll_deg: float = 0.0, yaw_deg: float = 0.0) -> np.ndarray:
    """The rotation world_from_camera: first rolled, then pitched down, then turned right."""
    pitch, roll, yaw = np.radians([pitch_deg, roll_deg, yaw_deg])
    cp, sp, cr, sr, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll), np.cos(yaw), np.sin(yaw)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return turn @ np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]]) @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])


def _shoot(rotation: np.ndarray, focal_px: float):
    """Rays (3 H, 3 W, 3): nine a pixel, the middle one through its centre."""
    k = Intrinsics(focal_px, focal_px, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT).resized(FINE * WIDTH, FINE * HEIGHT)
    rays = Camera(k, np.eye(4)).rays().astype(np.float64) @ rotation.T
    return k, np.where(np.abs(rays) < 1e-9, 1e-9, rays)


def _lines(a: np.ndarray, period: float, width: float) -> np.ndarray:
    return np.abs((a / period + 0.5) % 1 - 0.5) * period < width / 2


def room(pitch_deg=0.0, roll_deg=0.0, yaw_deg=0.0, *, half_width=2.5, back=6.0, ceiling=1.2, thing=False) -> Photo:
    """A room: brown boards, pale panelled walls, a white ceiling. A `thing` is a dark block at z = 4 m, 1 m wide, 0.8 m high."""
    rotation = held(pitch_deg, roll_deg, yaw_deg)
    k, rays = _shoot(rotation, 0.75 * WIDTH)
    low, high = np.array([-half_width, -ceiling, -3.0]), np.array([half_width, CAMERA_HEIGHT_M, back])
    reach = np.maximum(low / rays, high / rays)
    t, axis = reach.min(axis=-1), reach.argmin(axis=-1)
    p = rays * t[..., None]
    upwards = rays[..., 1] < 0
    shade = np.where(axis == 0, 0.86, 1.0)
    wall = np.array([205.0, 200, 190]) * shade[..., None]
    along = np.where(axis == 0, p[..., 2], p[..., 0])
    panel = _lines(along, 1.25, 0.04) | _lines(p[..., 1], 0.9, 0.03)
    wall = np.where(panel[..., None], wall * 0.6, wall)
    boards = np.where(_lines(p[..., 0], 0.3, 0.025)[..., None], [90.0, 55, 30], [150.0, 100, 60])
    top = np.array([240.0, 240, 238])
    colour = np.where((axis == 1)[..., None], np.where(upwards[..., None], top, boards), wall)
    ground = (axis == 1) & ~upwards
    if thing:
        front = np.where(rays[..., 2] > 0, 4.0 / rays[..., 2], np.inf)
        q = rays * np.where(np.isfinite(front), front, 0)[..., None]
        hit = (np.abs(q[..., 0]) < 0.5) & (q[..., 1] > CAMERA_HEIGHT_M - 0.8) & (q[..., 1] < CAMERA_HEIGHT_M) & (front < t)
        t, ground = np.where(hit, front, t), ground & ~hit
        colour = np.where(hit[..., None], [30.0, 40, 90], colour)
    return _photo(colour, k, t, ground, np.zeros_like(ground), rotation)


def street(pitch_deg=0.0, yaw_deg=8.0) -> Photo:
    """Grey ground between two brick rows of houses, 8 m high, closed by a third 30 m ahead, under a blue sky."""
    rotation = held(pitch_deg, 0.0, yaw_deg)
    k, rays = _shoot(rotation, 0.75 * WIDTH)
    low, high = np.array([-6.0, -1e9, -9.0]), np.array([6.0, CAMERA_HEIGHT_M, 30.0])
    reach = np.maximum(low / rays, high / rays)
    t, axis = reach.min(axis=-1), reach.argmin(axis=-1)
    p = rays * t[..., None]
    sky = (axis != 1) & (p[..., 1] < -6.5)
    along = np.where(axis == 0, p[..., 2], p[..., 0])
    brick = np.where((axis == 0)[..., None], [150.0, 80, 60], [170.0, 100, 70])
    window = (np.abs(along % 3 - 1.5) < 0.5) & (np.abs((p[..., 1] + 6.5) % 2.6 - 1.3) < 0.7)
    brick = np.where(window[..., None], [50.0, 50, 60], brick)
    paved = np.where(_lines(p[..., 0], 2.0, 0.08)[..., None], [100.0, 100, 100], [125.0, 125, 122])
    blue = np.stack([110 + 60 * (1 + rays[..., 1]), 160 + 40 * (1 + rays[..., 1]), 235 + 0 * rays[..., 1]], axis=-1)
    colour = np.where((axis == 1)[..., None], paved, brick)
    return _photo(np.where(sky[..., None], blue, colour), k, np.where(sky, np.inf, t), axis == 1, sky, rotation)


def _photo(colour, k, t, ground, sky, rotation) -> Photo:
    mean = colour.reshape(HEIGHT, FINE, WIDTH, FINE, 3).mean(axis=(1, 3))
    noise = np.random.default_rng(5).normal(0, 2.5, mean.shape)
    picture = np.clip(mean + noise, 0, 255).astype(np.uint8)
    t, ground, sky = (plane[FINE // 2 :: FINE, FINE // 2 :: FINE] for plane in (t, ground, sky))
    return Photo(picture, k.resized(WIDTH, HEIGHT), t.astype(np.float32), ground, sky, rotation[1])
