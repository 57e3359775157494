"""Memory as a file that other programs open: one exporter a format, streamed chunk by chunk."""

from spatia_bridge.export.base import Exporter, exporter, exporter_names, format_of
from spatia_bridge.export.files import atomic_file, atomic_folder, export_file

__all__ = ["Exporter", "atomic_file", "atomic_folder", "export_file", "exporter", "exporter_names", "format_of"]
