"""The WebSocket shell: the live link for engines and browsers, which have no gRPC. It translates only; websockets lives here."""

from spatia_bridge.gateway.server import GatewayServer

__all__ = ["GatewayServer"]
