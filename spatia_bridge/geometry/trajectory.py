"""What the camera did: timed poses, recorded, resampled to a clip's frames, cut into clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.geometry import se3
from spatia_bridge.geometry.camera import Camera, Intrinsics
from spatia_bridge.geometry.similarity import Similarity

MAX_POSES = 100_000  # 27 minutes at 60 Hz
MAX_CLIPS = 1_000


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Cameras in strictly increasing time.

    Attributes:
        cameras: one or more; they share the first one's intrinsics when resampled.
        times_secs: one a camera, on any clock.
    """

    cameras: tuple[Camera, ...]
    times_secs: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.cameras or len(self.cameras) != len(self.times_secs):
            raise InvalidInputError(
                f"a trajectory has {len(self.cameras)} poses and {len(self.times_secs)} times", "record one pose or more"
            )
        if len(self.cameras) > MAX_POSES:
            raise LimitExceededError(f"a trajectory has {len(self.cameras)} poses", f"send at most {MAX_POSES}")
        times = np.array(self.times_secs)
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise InvalidInputError("a trajectory's times are not finite and increasing", "send poses in time order")

    @property
    def duration_secs(self) -> float:
        return self.times_secs[-1] - self.times_secs[0]

    @cached_property
    def _times(self) -> npt.NDArray[np.float64]:
        return np.array(self.times_secs, np.float64)

    def at(self, time_secs: float, intrinsics: Intrinsics | None = None) -> Camera:
        """The camera at a time: interpolated between its neighbours, held before the first and after the last."""
        k = intrinsics or self.cameras[0].intrinsics
        after = int(np.searchsorted(self._times, time_secs))
        if after == 0:
            return Camera(k, self.cameras[0].world_from_camera)
        if after == len(self.times_secs):
            return Camera(k, self.cameras[-1].world_from_camera)
        t0, t1 = self.times_secs[after - 1], self.times_secs[after]
        start, end = self.cameras[after - 1].world_from_camera, self.cameras[after].world_from_camera
        return Camera(k, se3.interpolate(start, end, (time_secs - t0) / (t1 - t0)))

    def clips(
        self, fps: float, new_frames: int, intrinsics: Intrinsics, clips: int = 0, first_frames: int = 0
    ) -> tuple[tuple[Camera, ...], ...]:
        """Cut into clips of new_frames cameras each, at `clip_times`. Heavy for many: tens of microseconds a frame."""
        return tuple(self.along(times, intrinsics) for times in self.clip_times(fps, new_frames, clips, first_frames))

    def along(self, times_secs: npt.NDArray[np.float64], intrinsics: Intrinsics) -> tuple[Camera, ...]:
        """The cameras at these times (N,)."""
        return tuple(self.at(float(time_secs), intrinsics) for time_secs in times_secs)

    def clip_times(
        self, fps: float, new_frames: int, clips: int = 0, first_frames: int = 0
    ) -> tuple[npt.NDArray[np.float64], ...]:
        """When the frames of each clip are, in seconds: float64 (new_frames,) each, the first (first_frames,) unless that is 0.

        A clip's first new frame follows the last one of the clip before it; what overlaps is only the preceding frames, which the
        generator gets as pictures. With clips = 0 time runs as recorded (one frame every 1/fps, the last clip holds still at the
        end if time runs out); otherwise the trajectory is spread evenly over that many clips, so that the very first frame is its
        first pose and the very last frame its last.
        """
        if clips < 0 or clips > MAX_CLIPS or new_frames < 1 or first_frames < 0 or not fps > 0:
            raise InvalidInputError(f"{clips} clips of {new_frames} frames at {fps} fps", f"use 1 to {MAX_CLIPS} clips")
        step, first = 1.0 / fps, first_frames or new_frames
        wanted = clips
        if clips == 0:
            clips = 1 + max(int(np.ceil((self.duration_secs / step + 1 - first) / new_frames - 1e-9)), 0)
            if clips > MAX_CLIPS:
                raise LimitExceededError(f"the trajectory makes {clips} clips", f"send at most {MAX_CLIPS} clips' worth")
        frames = first + (clips - 1) * new_frames
        if wanted and frames > 1:
            step = self.duration_secs / (frames - 1)
        times = self.times_secs[0] + step * np.arange(frames, dtype=np.float64)
        return tuple(np.split(times, range(first, frames, new_frames)))


class Recorder:
    """Collects poses while recording is on; bounded, and it never raises for a late or repeated pose, it leaves it out."""

    def __init__(self) -> None:
        self.on = False
        self._cameras: list[Camera] = []
        self._times: list[float] = []
        self._changes: list[tuple[int, Similarity]] = []  # how many poses there were when the scene changed, and how

    def start(self) -> None:
        """Begin anew; what was recorded before is forgotten."""
        self.on = True
        self._cameras.clear()
        self._times.clear()
        self._changes.clear()

    def stop(self) -> None:
        self.on = False

    def carry(self, now_from_before: Similarity) -> None:
        """The scene was scaled or turned: what is recorded so far follows it. Done when it is asked for."""
        if self._times:
            self._changes.append((len(self._times), now_from_before))

    def add(self, camera: Camera, time_secs: float) -> None:
        if self.on and len(self._times) < MAX_POSES and (not self._times or time_secs > self._times[-1]):
            self._cameras.append(camera)
            self._times.append(time_secs)

    def __len__(self) -> int:
        return len(self._times)

    @property
    def duration_secs(self) -> float:
        return self._times[-1] - self._times[0] if self._times else 0.0

    def copy(self) -> "Recorder":
        """What is recorded now, for a worker to make a trajectory of while recording goes on."""
        twin = Recorder()
        twin._cameras, twin._times, twin._changes = self._cameras[:], self._times[:], self._changes[:]
        return twin

    def trajectory(self) -> Trajectory:
        """What was recorded. Heavy if it is long and the scene was scaled or turned meanwhile.

        Raises:
            InvalidInputError: nothing was.
        """
        if not self._times:
            raise InvalidInputError("no camera path was recorded", "switch recording on and fly the camera first")
        end, change = len(self._cameras), Similarity()
        for count, now_from_before in reversed(self._changes):
            if not change.is_identity:
                self._cameras[count:end] = map(change.camera, self._cameras[count:end])
            end, change = count, change @ now_from_before
        if not change.is_identity:
            self._cameras[:end] = map(change.camera, self._cameras[:end])
        self._changes.clear()
        return Trajectory(tuple(self._cameras), tuple(self._times))


def trajectory_of(cameras: Sequence[Camera], fps: float = 16.0) -> Trajectory:
    """A trajectory of cameras that have no times of their own."""
    return Trajectory(tuple(cameras), tuple(i / fps for i in range(len(cameras))))
