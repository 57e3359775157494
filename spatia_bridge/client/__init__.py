"""The Python client: the live link, the mirror of memory that it fills, and management calls."""

from spatia_bridge.client.blocking import BlockingClient
from spatia_bridge.client.bridge import BridgeClient
from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.client.sessions import SessionsClient

__all__ = ["BlockingClient", "BridgeClient", "PointMirror", "SessionsClient"]
