"""The live projection of one client: memory under its camera as it moves. The latest pose wins.

At most one projection is being rendered or waits to be sent, so a slow connection sees fewer of them, none of them old, and costs
no work that nobody sees. One that has to wait before it can be rendered is aimed again when its turn comes.
"""

import math

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.geometry.camera import Camera, check_image_size
from spatia_bridge.link import messages as msg
from spatia_bridge.link.commands import RenderProjection
from spatia_bridge.link.limits import DEFAULT_LIVE_RATE_HZ, MAX_LIVE_PIXELS, MAX_LIVE_RATE_HZ


class LiveQueue:
    """Decides when to render next, and holds the one rendered projection."""

    def __init__(self) -> None:
        self._view: msg.LiveView | None = None
        self._interval_secs = 0.0
        self._pose: tuple[Camera, float] | None = None
        self._moved = False  # since the last render began
        self._due_at = -math.inf
        self._ticket = 0
        self._in_flight = False
        self._ready: msg.LiveProjection | None = None

    def configure(self, view: msg.LiveView) -> None:
        """Begin, change or end; what was being rendered for the old setting is dropped.

        Raises:
            InvalidInputError: an absurd size or rate.
        """
        rate_hz = view.max_rate_hz or DEFAULT_LIVE_RATE_HZ
        if view.on:
            if not (math.isfinite(rate_hz) and rate_hz > 0):
                raise InvalidInputError(f"the live view's rate is {rate_hz} Hz", f"use up to {MAX_LIVE_RATE_HZ:g}")
            check_image_size(view.width, view.height, "live view")
            if view.width * view.height > MAX_LIVE_PIXELS:
                raise InvalidInputError(f"the live view is {view.width}×{view.height}", f"use at most {MAX_LIVE_PIXELS} pixels")
        self._view = view if view.on else None
        self._interval_secs = 1.0 / min(rate_hz, MAX_LIVE_RATE_HZ)
        self._ticket += 1
        self._in_flight, self._ready, self._moved = False, None, True

    def look(self, camera: Camera, time_secs: float) -> None:
        """The client's camera is here now."""
        self._pose = (camera, time_secs)
        self._moved = True

    def memory_changed(self) -> None:
        """There is something else to see."""
        self._moved = True

    def due(self, now: float) -> RenderProjection | None:
        """What to render now, if anything."""
        if not self._wants() or now < self._due_at:
            return None
        render = self._aimed(self._ticket + 1, now)
        if render is not None:
            self._in_flight, self._ticket = True, render.ticket
        return render

    def aim(self, render: RenderProjection, now: float) -> RenderProjection | None:
        """What `due` gave, under the pose as it is now: for a render that begins later. None = it is wanted no more."""
        if render.ticket != self._ticket or not self._in_flight:
            return None
        aimed = self._aimed(render.ticket, now)
        self._in_flight = aimed is not None
        return aimed

    def due_at(self) -> float | None:
        """When `due` will have something, None while it waits for an event."""
        return self._due_at if self._wants() else None

    def ready(self, ticket: int, projection: msg.LiveProjection | None) -> None:
        """A render has ended; None = it failed."""
        if ticket == self._ticket and self._in_flight:
            self._in_flight, self._ready = False, projection

    def next_body(self) -> msg.LiveProjection | None:
        """The rendered projection, once."""
        body, self._ready = self._ready, None
        return body

    def _aimed(self, ticket: int, now: float) -> RenderProjection | None:
        """A render that begins now; None = the camera sees nothing at the view's size, and the next pose tries again."""
        assert self._view is not None and self._pose is not None
        camera, time_secs = self._pose
        self._moved = False
        try:
            intrinsics = camera.intrinsics.cropped_to_aspect(self._view.width, self._view.height)
        except InvalidInputError:
            return None
        self._due_at = now + self._interval_secs
        return RenderProjection(ticket, Camera(intrinsics, camera.world_from_camera), time_secs, self._view.depth)

    def _wants(self) -> bool:
        idle = not self._in_flight and self._ready is None
        return self._view is not None and self._pose is not None and self._moved and idle
