"""What a server said went wrong → the same domain error here."""

from typing import Any

import grpc

from spatia_bridge import errors
from spatia_bridge.errors import SpatiaError
from spatia_bridge.link.messages import Error


def _subclasses(base: type[SpatiaError]) -> list[type[SpatiaError]]:
    return [base, *(each for child in base.__subclasses__() for each in _subclasses(child))]


_CLASSES = {each.code: each for each in _subclasses(SpatiaError)}
_BY_STATUS = {  # of errors that gRPC itself made
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.UnavailableError,
    grpc.StatusCode.CANCELLED: errors.CancelledError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.LimitExceededError,
}


def raised(code: str, message: str, remedy: str) -> SpatiaError:
    """The error of a code; a plain SpatiaError that keeps the code if this version does not know it."""
    error = _CLASSES.get(code, SpatiaError)(message, remedy)
    error.code = code
    return error


def from_message(error: Error) -> SpatiaError:
    """The error of an `error` message; `details` (what a health check measured) are left to the message."""
    return raised(error.code, error.message, error.remedy)


def from_rpc(error: grpc.aio.AioRpcError) -> SpatiaError:
    """The error of a failed call: as the server's trailing metadata has it, else what gRPC's status comes down to."""
    metadata: Any = error.trailing_metadata()
    found = dict(metadata or ())
    if "spatia-code" in found and "spatia-message-bin" in found:
        return raised(_text(found["spatia-code"]), _text(found["spatia-message-bin"]), _text(found.get("spatia-remedy-bin", b"")))
    kind = _BY_STATUS.get(error.code(), SpatiaError)
    return kind(error.details() or error.code().name, "check the server's address, and that it runs")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
