"""A token bucket, with the time passed in."""


class Rate:
    """Allows rate_hz things a second, and bursts of as many (or of `burst`)."""

    def __init__(self, rate_hz: float, burst: float | None = None) -> None:
        self._rate_hz = rate_hz
        self._burst = rate_hz if burst is None else burst
        self._left = self._burst
        self._at: float | None = None

    def allows(self, now: float) -> bool:
        """Whether one more may pass at this time, in seconds on a monotonic clock."""
        if self._at is not None:
            self._left = min(self._burst, self._left + max(now - self._at, 0.0) * self._rate_hz)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
