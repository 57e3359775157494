"""Gravity and the walls' direction: the Manhattan frame that explains most of a picture's straight lines.

A frame is pitch and roll (where gravity is) and yaw (which way the walls run, modulo 90°). Each segment votes for the axis whose
vanishing point it heads for, with a Gaussian weight in the angle between the two (the mixture of Coughlan and Yuille, ICCV 1999,
without its gradients). The space is small, so it is searched exhaustively, coarse to fine: nothing is random.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatia_bridge.perception.layout.lines import Segments

Floats = npt.NDArray[np.float64]

MAX_PITCH, MAX_ROLL = np.radians(45.0), np.radians(12.0)
COARSE_STEP = np.radians(3.0)
COARSE_SEGMENTS = 250
STARTS = 6
FINEST_STEP = np.radians(0.1)
PITCH_SPREAD, ROLL_SPREAD = np.radians(18.0), np.radians(4.0)  # of photographers
PRIOR_WEIGHT = 0.03
MIN_SEGMENTS = 8
MIN_EXPLAINED = 0.12, 1.6  # a + b / √segments of their weight; the best frame of scattered segments explains a little less


@dataclass(frozen=True, eq=False)
class Frame:
    """How the camera is held, and how the walls run.

    Attributes:
        level_from_camera: float64 (3, 3); the level frame has gravity along +y and looks where the camera looks, without its
            pitch and roll.
        yaw: the walls' direction, radians in 0…π/2: walls face along (sin yaw, 0, cos yaw) and (cos yaw, 0, −sin yaw) in level.
        explained: the share of the segments' length that heads for one of the three vanishing points, 0 without segments.
        found: False where that is too little, and the camera is taken to be level.
    """

    level_from_camera: Floats
    yaw: float
    explained: float
    found: bool

    @property
    def gravity_camera(self) -> Floats:
        """float64 (3,), down in the camera's frame."""
        return np.array(self.level_from_camera[1])

    @property
    def facings(self) -> Floats:
        """float64 (2, 3), the two directions in the level frame that walls face (or the opposite way)."""
        s, c = np.sin(self.yaw), np.cos(self.yaw)
        return np.array([[s, 0.0, c], [c, 0.0, -s]])


def level_from_camera(pitch: float, roll: float) -> Floats:
    """The rotation (3, 3) of a camera pitched down and rolled clockwise by these angles in radians."""
    cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    by_pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    by_roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(by_pitch @ by_roll)


def consistency(segments: Segments, directions: Floats, spread: float) -> Floats:
    """How well each segment heads for the vanishing point of each direction.

    Args:
        directions: (D, 3) in the camera's frame.
        spread: standard deviation in radians.
    Returns:
        float64 (D, N) in 0…1.
    """
    mid, along = segments.middle, segments.direction
    # how the projection of a point at `mid` moves as the point moves along the direction
    vx = directions[:, None, 0] - mid[:, 0] * directions[:, None, 2]
    vy = directions[:, None, 1] - mid[:, 1] * directions[:, None, 2]
    cross = vx * along[:, 1] - vy * along[:, 0]
    sine_squared = cross**2 / np.maximum(vx**2 + vy**2, 1e-6)
    return np.asarray(np.exp(-0.5 * sine_squared / spread**2))


def find_frame(segments: Segments) -> Frame:
    """The best frame, or a level one where the segments say too little."""
    nothing = Frame(np.eye(3), 0.0, 0.0, False)
    if len(segments) < MIN_SEGMENTS:
        return nothing
    few = segments.select(np.arange(min(len(segments), COARSE_SEGMENTS)))
    refined = [_refine(few, start) for start in _coarse(few)]
    score, angles = max(((_score(segments, angles, np.radians(1.5)), angles) for angles in refined), key=lambda pair: pair[0])
    frame = _frame(angles)
    explained = float(_votes(segments, angles, np.radians(2.0)).max(axis=0) @ segments.weight / segments.weight.sum())
    if explained < MIN_EXPLAINED[0] + MIN_EXPLAINED[1] / np.sqrt(len(segments)) or score <= 0:
        return Frame(np.eye(3), 0.0, explained, False)
    return Frame(frame.level_from_camera, frame.yaw, explained, True)


Angles = tuple[float, float, float]  # pitch, roll, yaw


def _frame(angles: Angles) -> Frame:
    return Frame(level_from_camera(angles[0], angles[1]), float(angles[2] % (np.pi / 2)), 0.0, True)


def _votes(segments: Segments, angles: Angles, spread: float) -> Floats:
    """float64 (3, N): for the vertical and the two horizontal axes."""
    frame = _frame(angles)
    axes = np.vstack([[0.0, 1.0, 0.0], frame.facings]) @ frame.level_from_camera
    return consistency(segments, axes, spread)


def _score(segments: Segments, angles: Angles, spread: float) -> float:
    explained = _votes(segments, angles, spread).max(axis=0) @ segments.weight / segments.weight.sum()
    return float(explained - PRIOR_WEIGHT * _oddness(angles[0], angles[1]))


def _oddness(pitch: npt.ArrayLike, roll: npt.ArrayLike) -> Floats:
    return np.asarray((np.asarray(pitch) / PITCH_SPREAD) ** 2 + (np.asarray(roll) / ROLL_SPREAD) ** 2)


def _coarse(segments: Segments) -> list[Angles]:
    """The best few cells of the coarse grid, best first."""
    pitches = np.arange(-MAX_PITCH, MAX_PITCH + 1e-9, COARSE_STEP)
    rolls = np.arange(-MAX_ROLL, MAX_ROLL + 1e-9, COARSE_STEP)
    yaws = np.arange(0, np.pi - 1e-9, COARSE_STEP)
    half, weight = len(yaws) // 2, segments.weight / segments.weight.sum()
    scored: list[tuple[float, Angles]] = []
    for pitch in pitches:
        for roll in rolls:
            rotation = level_from_camera(float(pitch), float(roll))
            ways = np.stack([np.sin(yaws), np.zeros_like(yaws), np.cos(yaws)], axis=1)
            votes = consistency(segments, np.vstack([[0.0, 1.0, 0.0], ways]) @ rotation, float(COARSE_STEP))
            across = np.maximum(votes[1 : half + 1], votes[half + 1 :])
            gains = np.maximum(across, votes[0]) @ weight - PRIOR_WEIGHT * _oddness(pitch, roll)
            best = int(gains.argmax())
            scored.append((float(gains[best]), (float(pitch), float(roll), float(yaws[best]))))
    return [angles for _, angles in sorted(scored, key=lambda pair: -pair[0])[:STARTS]]


def _refine(segments: Segments, start: Angles) -> Angles:
    """Pattern search: try the 26 neighbours, halve the step when none is better; the tolerance narrows with it."""
    best, step = np.array(start), float(COARSE_STEP) / 2
    moves = np.array([(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)], np.float64)
    while step > FINEST_STEP:
        spread = max(step, np.radians(0.7))
        scores = [_score(segments, tuple(best + step * move), spread) for move in moves]
        winner = int(np.argmax(scores))
        if scores[winner] <= scores[len(moves) // 2] + 1e-12:
            step /= 2
        else:
            best = best + step * moves[winner]
    return (float(best[0]), float(best[1]), float(best[2]))
