"""The gRPC server: starts, serves both services with health and reflection, stops without cutting anybody off in mid-word."""

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from spatia_bridge.errors import UnauthenticatedError, UnavailableError
from spatia_bridge.service import status
from spatia_bridge.service.bridge import BridgeService, Context
from spatia_bridge.service.sessions import SessionsService
from spatia_bridge.session.connection import domain_error
from spatia_bridge.session.host import SessionHost
from spatia_bridge.tls import Certificate
from spatia_bridge.wire.rpc import BRIDGE, MAX_MESSAGE_BYTES, SESSIONS, Method, methods

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # clients that ping to keep their connection through a firewall must not be sent away for it
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
]
_log = logging.getLogger(__name__)


class BridgeServer:
    """Serves a host over gRPC; the host stays the caller's, who closes it after `stop`.

    Args:
        host: the sessions.
        address: `host:port`; port 0 picks a free one, see `port`.
        token: if not empty, clients must show it: in hello, and as `authorization: Bearer …` of management calls.
        certificate: for TLS; None = plain text.

        async with BridgeServer(host, "127.0.0.1:0") as server: …
    """

    def __init__(self, host: SessionHost, address: str, *, token: str = "", certificate: Certificate | None = None) -> None:
        self._host = host
        self._address = address
        self._token = token
        self._certificate = certificate
        self._server: grpc.aio.Server | None = None
        self._bridge = BridgeService(host, token)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs lack it
        self.port = 0

    async def start(self) -> None:
        """Listen and serve.

        Raises:
            UnavailableError: the address cannot be had.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self._bridge_handlers(), self._sessions_handlers()))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((BRIDGE, SESSIONS, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            if self._certificate is None:
                self.port = server.add_insecure_port(self._address)
            else:
                pair = self._certificate.key_pem, self._certificate.chain_pem
                self.port = server.add_secure_port(self._address, grpc.ssl_server_credentials([pair]))
        except RuntimeError as error:
            raise UnavailableError(f"cannot listen on {self._address}", "choose a free port of this machine") from error
        await server.start()
        self._server = server
        for service in ("", BRIDGE, SESSIONS):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_secs: float = 5.0) -> None:
        """Say NOT_SERVING, tell every client why, and end once they have read it or the grace is over."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            self._bridge.end_all()
            server, self._server = self._server, None
            await server.stop(grace_secs)

    async def wait(self) -> None:
        """Until the server has stopped."""
        if self._server is not None:
            await self._server.wait_for_termination()

    async def __aenter__(self) -> "BridgeServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ------------------------------------------------------------------------------------------------------ handlers

    def _bridge_handlers(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        connect = grpc.stream_stream_rpc_method_handler(self._bridge.connect)  # bytes: unreadable ones are answered too
        return grpc.method_handlers_generic_handler(BRIDGE, {"Connect": connect})

    def _sessions_handlers(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        service = SessionsService(self._host)
        functions: dict[str, Callable[[Any], Any]] = {
            "ListSessions": service.list_sessions,
            "CreateSession": service.create_session,
            "GetSession": service.get_session,
            "DeleteSession": service.delete_session,
            "ExportSession": service.export_session,
            "ForkSession": service.fork_session,
            "PruneSession": service.prune_session,
            "SaveTrajectory": service.save_trajectory,
            "ListTrajectories": service.list_trajectories,
            "GetTrajectory": service.get_trajectory,
            "DeleteTrajectory": service.delete_trajectory,
        }
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}
        for name, method in methods(SESSIONS).items():
            if method.server_streams:
                handlers[name] = grpc.unary_stream_rpc_method_handler(self._streaming(method, functions[name]))
            else:
                handlers[name] = grpc.unary_unary_rpc_method_handler(self._unary(method, functions[name]))
        return grpc.method_handlers_generic_handler(SESSIONS, handlers)

    def _unary(self, method: Method, function: Callable[[Any], Awaitable[Any]]) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def call(data: bytes, context: Context) -> bytes:
            try:
                self._authorise(context)
                return method.serialise(await function(method.parse_request(data)))
            except Exception as error:
                await _abort(context, error)
                raise  # not reached

        return call

    def _streaming(
        self, method: Method, function: Callable[[Any], AsyncIterator[Any]]
    ) -> Callable[[bytes, Context], Awaitable[None]]:
        async def call(data: bytes, context: Context) -> None:
            try:
                self._authorise(context)
                async for message in function(method.parse_request(data)):
                    await context.write(method.serialise(message))
            except Exception as error:
                await _abort(context, error)

        return call

    def _authorise(self, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        shown = str(metadata.get("authorization", "")).removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(shown.encode(), self._token.encode()):
            raise UnauthenticatedError("the token is not this server's", "set the token that the server was started with")


async def _abort(context: Context, error: Exception) -> None:
    """End a call with the status of the error."""
    shown = domain_error(error)
    await context.abort(status.status_code(shown.code), shown.message, status.trailing_metadata(shown))
