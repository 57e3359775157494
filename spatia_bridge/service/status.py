"""Domain errors → gRPC status. The only place that knows both.

The status line carries the message for people; code, message and remedy travel whole in the trailing metadata, where a client
(`client.faults`) finds them again. Text goes under `-bin` keys, since other metadata is ASCII.
"""

import grpc

from spatia_bridge.errors import SpatiaError

CODE_KEY = "spatia-code"
MESSAGE_KEY = "spatia-message-bin"
REMEDY_KEY = "spatia-remedy-bin"
MAX_TEXT_BYTES = 1000  # each: peers refuse metadata beyond 8 KiB

_STATUS = {
    "INTERNAL": grpc.StatusCode.INTERNAL,
    "INVALID_INPUT": grpc.StatusCode.INVALID_ARGUMENT,
    "CORRUPT_DATA": grpc.StatusCode.INVALID_ARGUMENT,
    "CORRUPT_WEIGHTS": grpc.StatusCode.FAILED_PRECONDITION,
    "PROTOCOL": grpc.StatusCode.FAILED_PRECONDITION,
    "VERSION_MISMATCH": grpc.StatusCode.FAILED_PRECONDITION,
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "CONFLICT": grpc.StatusCode.FAILED_PRECONDITION,
    "LIMIT_EXCEEDED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DEVICE_MEMORY": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "REJECTED_UPDATE": grpc.StatusCode.FAILED_PRECONDITION,
    "STORE": grpc.StatusCode.INTERNAL,
    "MISSING_DEPENDENCY": grpc.StatusCode.UNIMPLEMENTED,
    "MISSING_WEIGHTS": grpc.StatusCode.FAILED_PRECONDITION,
    "UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "CANCELLED": grpc.StatusCode.CANCELLED,
}

Metadata = tuple[tuple[str, str | bytes], ...]


def status_code(code: str) -> grpc.StatusCode:
    """The gRPC status of a `SpatiaError.code`; UNKNOWN for one that this table lacks."""
    return _STATUS.get(code, grpc.StatusCode.UNKNOWN)


def trailing_metadata(error: SpatiaError) -> Metadata:
    """Code, message and remedy."""
    return ((CODE_KEY, error.code), (MESSAGE_KEY, _cut(error.message)), (REMEDY_KEY, _cut(error.remedy)))


def _cut(text: str) -> bytes:
    """UTF-8, cut between characters."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore").encode()
