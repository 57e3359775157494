"""The gRPC server: a thin shell around `session.connection` that translates and nothing else."""

from spatia_bridge.service.server import BridgeServer

__all__ = ["BridgeServer"]
