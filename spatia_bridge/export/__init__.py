"""Memory as a file that other programs open: one exporter a format, streamed chunk by chunk."""

from spatia_bridge.export.base import Exporter, exporter, exporter_names
from spatia_bridge.export.files import atomic_file, export_file

__all__ = ["Exporter", "atomic_file", "export_file", "exporter", "exporter_names"]
