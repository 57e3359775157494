"""A tiny reader and writer of WAD files: a header, a directory of 16-byte entries, lumps of bytes.

Only what a level needs. A map is the lump that carries its name (`MAP28`, `E1M1`) followed by its ten data lumps.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

from spatia_bridge.errors import InvalidInputError, NotFoundError

_HEADER = struct.Struct("<4sii")
_ENTRY = struct.Struct("<ii8s")
MAP_LUMPS = (
    "THINGS", "LINEDEFS", "SIDEDEFS", "VERTEXES", "SEGS", "SSECTORS", "NODES", "SECTORS", "REJECT", "BLOCKMAP",
)  # fmt: skip

Lump = tuple[str, bytes]


def _directory(data: bytes, name: str) -> list[tuple[str, int, int]]:
    if len(data) < _HEADER.size:
        raise InvalidInputError(f"{name} is {len(data)} bytes", "give a WAD file")
    magic, count, offset = _HEADER.unpack_from(data)
    if magic not in (b"IWAD", b"PWAD") or count < 0 or not 0 <= offset <= len(data) - count * _ENTRY.size:
        raise InvalidInputError(f"{name} is not a WAD file, or it is truncated", "give a complete WAD file")
    entries = []
    for index in range(count):
        start, size, raw = _ENTRY.unpack_from(data, offset + index * _ENTRY.size)
        lump = raw.split(b"\0", 1)[0].decode("ascii", "replace").upper()
        if size < 0 or (size and not 0 <= start <= len(data) - size):
            raise InvalidInputError(f"lump {lump} of {name} lies outside the file", "give a complete WAD file")
        entries.append((lump, start, size))
    return entries


def read_map_lumps(path: Path, map_name: str) -> dict[str, bytes]:
    """The ten data lumps of one map, by name.

    Raises:
        NotFoundError: the file has no such map.
        InvalidInputError: not a WAD, truncated, or a map in another format (UDMF).
    """
    data = path.read_bytes()
    entries = _directory(data, path.name)
    at = next((i for i, entry in enumerate(entries) if entry[0] == map_name.upper()), None)
    if at is None:
        raise NotFoundError(f"{path.name} has no map {map_name}", "name a map such as MAP28")
    found = {}
    for lump, start, size in entries[at + 1 : at + 1 + len(MAP_LUMPS)]:
        found[lump] = data[start : start + size]
    missing = [lump for lump in MAP_LUMPS if lump not in found]
    if missing:
        raise InvalidInputError(f"{map_name} of {path.name} lacks {', '.join(missing)}", "use a map in Doom's format")
    return found


def write_wad(path: Path, lumps: Sequence[Lump]) -> None:
    """Write a patch WAD with these lumps in this order."""
    body, directory, offset = bytearray(), bytearray(), _HEADER.size
    for name, content in lumps:
        directory += _ENTRY.pack(offset + len(body), len(content), name.encode("ascii"))
        body += content
    path.write_bytes(_HEADER.pack(b"PWAD", len(lumps), offset + len(body)) + bytes(body) + bytes(directory))
