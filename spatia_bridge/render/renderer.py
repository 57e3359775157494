"""What every renderer is, and the projection video that renders a frame when it is first asked for."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, overload

from spatia_bridge.frames import Projection
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.memory.snapshot import Snapshot


class ProjectionVideo(Sequence[Projection]):
    """The projections of one snapshot along a trajectory, each rendered on first access and kept.

    Holds the snapshot: what memory becomes meanwhile does not change it. Safe across threads; a frame is rendered once.
    """

    def __init__(self, render: Callable[[Camera], Projection], cameras: Sequence[Camera]) -> None:
        self._render = render
        self._cameras = tuple(cameras)
        self._frames: list[Projection | None] = [None] * len(self._cameras)
        self._locks = [threading.Lock() for _ in self._cameras]

    @property
    def cameras(self) -> tuple[Camera, ...]:
        return self._cameras

    @property
    def rendered(self) -> int:
        """How many frames have been rendered so far."""
        return sum(frame is not None for frame in self._frames)

    def __len__(self) -> int:
        return len(self._cameras)

    @overload
    def __getitem__(self, number: int) -> Projection: ...
    @overload
    def __getitem__(self, number: slice) -> "tuple[Projection, ...]": ...
    def __getitem__(self, number: int | slice) -> "Projection | tuple[Projection, ...]":
        """A frame, or a tuple of the frames of a slice. Raises IndexError beyond the end."""
        if isinstance(number, slice):
            return tuple(self[i] for i in range(*number.indices(len(self))))
        with self._locks[number]:
            frame = self._frames[number]
            if frame is None:
                frame = self._frames[number] = self._render(self._cameras[number])
        return frame


class Renderer(Protocol):
    """Draws snapshots. Safe across threads; the same snapshot and camera always give the same pixels."""

    def render(self, base: Snapshot, camera: Camera) -> Projection:
        """The snapshot as the camera sees it, by the rules in `render.splat`. Images have the camera's size."""
        ...

    def project(self, base: Snapshot, cameras: Sequence[Camera]) -> ProjectionVideo:
        """The scene projection video: one Projection a camera, rendered when it is first asked for."""
        ...
