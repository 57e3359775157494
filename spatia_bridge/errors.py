"""Every error a user can meet, each with what was wrong and what to do about it.

    SpatiaError
    ├── InvalidInputError          the caller's data cannot be used as it is (pose, image, size, region)
    │   └── CodecError             bytes that are truncated, corrupt or hostile
    │       └── CorruptWeightsError   a weights file that is truncated, changed, a pickle, or of another model
    ├── ProtocolError              a message that is not allowed in the connection's state
    │   └── VersionMismatchError   client and server, or file and program, speak different versions
    ├── UnauthenticatedError       the token is missing or not this server's
    ├── NotFoundError              a session, revision, take or frame that does not exist
    ├── ConflictError              the request contradicts the state (nothing to undo, take already decided)
    ├── LimitExceededError         a stated bound (size, rate, queue) would be crossed
    │   └── DeviceMemoryError      a model and its work do not fit the device; the remedy names what would
    ├── RejectedUpdateError        a take failed its health check; memory is untouched
    ├── StoreError                 the session's folder cannot be read or written
    ├── MissingDependencyError     an optional package or system library is absent
    │   └── MissingWeightsError    a model's weights are not on this machine
    ├── UnavailableError           the server is shutting down or unreachable
    └── CancelledError             someone asked for the work to stop

`service.status` is the one place that maps them to gRPC codes.
"""

import sys
from collections.abc import Callable, Mapping


class SpatiaError(Exception):
    """Base of all domain errors.

    Args:
        message: what was wrong, with the offending value.
        remedy: what the user can do about it, one sentence.
    """

    code = "INTERNAL"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return (type(self), (self.message, self.remedy))


class InvalidInputError(SpatiaError):
    """The caller's data cannot be used as it is."""

    code = "INVALID_INPUT"


class CodecError(InvalidInputError):
    """Bytes that are truncated, corrupt or hostile."""

    code = "CORRUPT_DATA"


class CorruptWeightsError(CodecError):
    """A weights file that is truncated, changed, a pickle, or of another model."""

    code = "CORRUPT_WEIGHTS"


class ProtocolError(SpatiaError):
    """A message that is not allowed in the connection's state."""

    code = "PROTOCOL"


class VersionMismatchError(ProtocolError):
    """The two ends, or a file and this program, speak different versions."""

    code = "VERSION_MISMATCH"


class UnauthenticatedError(SpatiaError):
    """The token is missing or not this server's."""

    code = "UNAUTHENTICATED"


class NotFoundError(SpatiaError):
    """A session, revision, take or frame that does not exist."""

    code = "NOT_FOUND"


class ConflictError(SpatiaError):
    """The request contradicts the present state."""

    code = "CONFLICT"


class LimitExceededError(SpatiaError):
    """A stated bound would be crossed."""

    code = "LIMIT_EXCEEDED"


class DeviceMemoryError(LimitExceededError):
    """A model and its work do not fit the device; the remedy names what would."""

    code = "DEVICE_MEMORY"


class RejectedUpdateError(SpatiaError):
    """A take failed its health check; memory is untouched. `details` has what was measured."""

    code = "REJECTED_UPDATE"

    def __init__(self, message: str, remedy: str = "", details: Mapping[str, float] | None = None) -> None:
        super().__init__(message, remedy)
        self.details = dict(details or {})


class StoreError(SpatiaError):
    """The session's folder cannot be read or written."""

    code = "STORE"


class MissingDependencyError(SpatiaError):
    """An optional package or system library is absent."""

    code = "MISSING_DEPENDENCY"


class MissingWeightsError(MissingDependencyError):
    """A model's weights are not on this machine."""

    code = "MISSING_WEIGHTS"


class UnavailableError(SpatiaError):
    """The server is shutting down or unreachable."""

    code = "UNAVAILABLE"


class CancelledError(SpatiaError):
    """Someone asked for the work to stop."""

    code = "CANCELLED"


def exit_status(work: Callable[[], None]) -> int:
    """Of a module run as a program: 0, or 1 where `work` raises a SpatiaError, which is said."""
    try:
        work()
    except SpatiaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
