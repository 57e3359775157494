"""Rigid transforms as float64 4×4 matrices, named `a_from_b`, and unit quaternions (x, y, z, w)."""

import math

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError

Array = npt.NDArray[np.float64]

RIGID_TOLERANCE = 1e-4  # poses come from engines in float32; beyond this they are scaled or sheared, not rounded
MAX_COORDINATE_M = 1e6  # further out, float32 clients lose centimetres


def as_rigid(matrix: npt.ArrayLike, name: str = "pose") -> Array:
    """Check a pose and return the nearest exactly rigid float64 (4, 4) matrix.

    Args:
        matrix: (4, 4) or (3, 4), `a_from_b`.
    Raises:
        InvalidInputError: wrong shape, not finite, scaled, sheared or mirrored, or absurdly far out.
    """
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} is not a matrix of numbers", "send 16 row-major numbers") from error
    if pose.shape == (3, 4):
        pose = np.vstack([pose, (0.0, 0.0, 0.0, 1.0)])
    if pose.shape != (4, 4):
        raise InvalidInputError(f"{name} has shape {pose.shape}", "send a 4×4 or 3×4 matrix")
    # by plain numbers: poses come by the hundred a second, and NumPy takes a tenth of a millisecond for nine of them
    (a, b, c, x), (d, e, f, y), (g, h, i, z), last = pose.tolist()
    if not math.isfinite(a + b + c + d + e + f + g + h + i + x + y + z + sum(last)):
        raise InvalidInputError(f"{name} has NaN or infinite entries", "check the camera that sent it")
    lengths = a * a + b * b + c * c - 1, d * d + e * e + f * f - 1, g * g + h * h + i * i - 1
    angles = a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i
    defect = max(map(abs, lengths + angles))
    if defect > RIGID_TOLERANCE * 10 or a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) <= 0:
        raise InvalidInputError(
            f"{name} is not rigid (orthogonality defect {defect:.2g})", "remove scale, shear and mirroring from it"
        )
    if max(abs(found - due) for found, due in zip(last, (0, 0, 0, 1), strict=True)) > RIGID_TOLERANCE:
        raise InvalidInputError(f"{name} has last row {last}", "the last row must be 0 0 0 1")
    if max(abs(x), abs(y), abs(z)) > MAX_COORDINATE_M:
        raise InvalidInputError(f"{name} lies beyond {MAX_COORDINATE_M:g} m", "move the anchor closer to the scene")
    if defect < 1e-14 and last == [0, 0, 0, 1]:
        return pose  # already as rigid as numbers get: a checked pose passes unchanged, bit by bit
    u, _, vt = np.linalg.svd(pose[:3, :3])
    return from_parts(u @ vt, pose[:3, 3])


def from_parts(rotation: npt.ArrayLike, translation: npt.ArrayLike) -> Array:
    """The (4, 4) transform with this (3, 3) rotation and (3,) translation in metres."""
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = translation
    return pose


def inverse(a_from_b: Array) -> Array:
    """`b_from_a` of a rigid (…, 4, 4) transform, exactly rigid again."""
    rotation_t = np.swapaxes(a_from_b[..., :3, :3], -1, -2)
    result = np.zeros_like(a_from_b)
    result[..., :3, :3] = rotation_t
    result[..., :3, 3] = -(rotation_t @ a_from_b[..., :3, 3:])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def transform(a_from_b: Array, points_b: npt.ArrayLike) -> Array:
    """`points_a` (…, 3) of points_b (…, 3)."""
    points = np.asarray(points_b, dtype=np.float64)
    return points @ a_from_b[:3, :3].T + a_from_b[:3, 3]


def quaternion_from_rotation(rotation: npt.ArrayLike) -> Array:
    """The unit quaternion (x, y, z, w), w ≥ 0, of a (3, 3) rotation (Shepperd's method: largest term first)."""
    r = np.asarray(rotation, dtype=np.float64)
    diagonal = np.array([r[0, 0], r[1, 1], r[2, 2], r[0, 0] + r[1, 1] + r[2, 2]])
    i = int(np.argmax(diagonal))
    if i == 3:
        q = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1 + diagonal[3]])
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        q = np.empty(4)
        q[i] = 1 + r[i, i] - r[j, j] - r[k, k]
        q[j] = r[i, j] + r[j, i]
        q[k] = r[i, k] + r[k, i]
        q[3] = r[k, j] - r[j, k]
    q /= np.linalg.norm(q)
    return q if q[3] >= 0 else -q


def rotation_from_quaternion(quaternion: npt.ArrayLike) -> Array:
    """The (3, 3) rotation of a quaternion (x, y, z, w); it need not be normalised.

    Raises:
        InvalidInputError: not four finite numbers, or of zero length.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    numbers = q.tolist() if q.shape == (4,) else [0.0]
    norm = math.sqrt(sum(number * number for number in numbers))
    if not math.isfinite(norm) or norm < 1e-6:
        raise InvalidInputError("a rotation is not a quaternion of four finite numbers", "send x, y, z, w")
    x, y, z, w = (number / norm for number in numbers)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def slerp(start: Array, end: Array, fraction: float) -> Array:
    """The unit quaternion a fraction of the way from start to end, along the shorter arc."""
    cosine = float(start @ end)
    if cosine < 0:
        end, cosine = -end, -cosine
    if cosine > 1 - 1e-9:
        blended = start + fraction * (end - start)
        return np.asarray(blended / np.linalg.norm(blended))
    angle = np.arccos(cosine)
    return np.asarray((np.sin((1 - fraction) * angle) * start + np.sin(fraction * angle) * end) / np.sin(angle))


def interpolate(start: Array, end: Array, fraction: float) -> Array:
    """The pose a fraction of the way from start to end: translation linear, rotation by slerp."""
    q = slerp(quaternion_from_rotation(start[:3, :3]), quaternion_from_rotation(end[:3, :3]), fraction)
    return from_parts(rotation_from_quaternion(q), (1 - fraction) * start[:3, 3] + fraction * end[:3, 3])


def look_at(eye: npt.ArrayLike, target: npt.ArrayLike, down: npt.ArrayLike = (0.0, 1.0, 0.0)) -> Array:
    """`world_from_camera` of an OpenCV camera at eye that looks at target, its y as close to `down` as can be."""
    origin = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - origin
    forward = forward / np.linalg.norm(forward)
    right = np.cross(np.asarray(down, dtype=np.float64), forward)
    if np.linalg.norm(right) < 1e-9:  # looking straight up or down: any right will do, pick x
        right = np.cross((0.0, 0.0, 1.0), forward)
    right = right / np.linalg.norm(right)
    return from_parts(np.stack([right, np.cross(forward, right), forward], axis=1), origin)


def hat(vector: npt.ArrayLike) -> Array:
    """The matrix (3, 3) with hat(a) @ b = a × b."""
    x, y, z = np.asarray(vector, dtype=np.float64)
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def exp(twist: npt.ArrayLike) -> Array:
    """The rigid transform (4, 4) of a twist (6,): translational part in metres first, then rotation in radians (Rodrigues)."""
    xi = np.asarray(twist, dtype=np.float64)
    omega = hat(xi[3:])
    angle = float(np.linalg.norm(xi[3:]))
    if angle < 1e-4:  # the series to the terms that float64 still sees
        a, b, c = 1 - angle**2 / 6, 0.5 - angle**2 / 24, 1 / 6 - angle**2 / 120
    else:
        a, b, c = np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2, (angle - np.sin(angle)) / angle**3
    squared = omega @ omega
    return from_parts(np.eye(3) + a * omega + b * squared, (np.eye(3) + b * omega + c * squared) @ xi[:3])


def log(a_from_b: Array) -> Array:
    """The twist (6,) of a rigid transform, rotation angle up to π: the inverse of `exp`."""
    x, y, z, w = quaternion_from_rotation(a_from_b[:3, :3])
    length = math.sqrt(x * x + y * y + z * z)
    angle = 2 * math.atan2(length, w)
    rotation = np.array([x, y, z]) * (angle / length if length > 1e-12 else 2.0)
    omega = hat(rotation)
    if angle < 1e-4:
        c = 1 / 12 + angle**2 / 720
    else:
        c = 1 / angle**2 - (1 + math.cos(angle)) / (2 * angle * math.sin(angle)) if angle < math.pi - 1e-6 else 1 / math.pi**2
    return np.concatenate([(np.eye(3) - 0.5 * omega + c * omega @ omega) @ a_from_b[:3, 3], rotation])


def adjoint(a_from_b: Array) -> Array:
    """(6, 6): twists about b's frame to twists about a's, T exp(ξ) = exp(Ad(T) ξ) T."""
    rotation, result = a_from_b[:3, :3], np.zeros((6, 6))
    result[:3, :3] = result[3:, 3:] = rotation
    result[:3, 3:] = hat(a_from_b[:3, 3]) @ rotation
    return result


def angle(a_from_b: Array) -> float:
    """How far it turns, radians, 0…π."""
    x, y, z, w = quaternion_from_rotation(a_from_b[:3, :3])
    return 2 * math.atan2(math.sqrt(x * x + y * y + z * z), w)


def orthonormal(a_from_b: Array) -> Array:
    """The nearest exactly rigid transform, after many products."""
    u, _, vt = np.linalg.svd(a_from_b[:3, :3])
    return from_parts(u @ vt, a_from_b[:3, 3])
