"""The two services as their descriptors state them: what a gRPC server must serve and a client may call. No grpc in here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spatia_bridge.link import management, messages
from spatia_bridge.wire.convert import parser, serialise
from spatia_bridge.wire.spatia.v1 import bridge_pb2, sessions_pb2

BRIDGE = "spatia.v1.Bridge"
SESSIONS = "spatia.v1.Sessions"
MAX_MESSAGE_BYTES = 64 << 20  # of one gRPC message, either way: a view of 8 megapixels, raw, fits


@dataclass(frozen=True)
class Method:
    """One method of a service.

    Attributes:
        name: as in the proto, e.g. ListSessions.
        path: `/package.Service/Name`.
        parse_request, parse_response: bytes → dataclass message (CodecError, InvalidInputError).
        serialise: dataclass message → bytes, for both directions.
        client_streams, server_streams: which side sends many.
    """

    name: str
    path: str
    parse_request: Callable[[bytes], Any]
    parse_response: Callable[[bytes], Any]
    serialise: Callable[[Any], bytes]
    client_streams: bool
    server_streams: bool


def methods(service: str) -> dict[str, Method]:
    """Name → method of BRIDGE or SESSIONS."""
    file = bridge_pb2.DESCRIPTOR if service == BRIDGE else sessions_pb2.DESCRIPTOR
    found: dict[str, Method] = {}
    for method in file.services_by_name[service.rpartition(".")[2]].methods:
        found[method.name] = Method(
            method.name,
            f"/{service}/{method.name}",
            parser(_dataclass(method.input_type.name)),
            parser(_dataclass(method.output_type.name)),
            serialise,
            method.client_streaming,
            method.server_streaming,
        )
    return found


def _dataclass(name: str) -> type:
    found: type = getattr(messages, name, None) or getattr(management, name)
    return found
