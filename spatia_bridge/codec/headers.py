"""What an image file says of itself, read before a decoder sees it: its size, and whether it is whole.

Decoders are lenient with files that were cut and obey headers that ask for gigabytes. Both are settled here, in one pass over the
file's structure that touches no pixel.
"""

import re
import struct
import zlib
from typing import NamedTuple

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry.camera import check_image_size

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
_TRUNCATED = "the image was cut or damaged on the way; send it again"
_MAX_PNG_CHUNKS = 65_536
_MAX_JPEG_SCANS = 100  # a progressive file has about ten; thousands keep a decoder busy for minutes
_KEPT_PNG_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_JPEG_MARKER_IN_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # neither a stuffed 255 nor a restart
_JPEG_SIZES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive: Huffman, 8 or 12 bits
_JPEG_OTHER_SIZES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageHeader(NamedTuple):
    """Size in pixels, and the bytes that are to be decoded."""

    width: int
    height: int
    data: bytes


def read_png(data: bytes) -> ImageHeader:
    """Check a PNG's chunks and their CRCs to the end; what may rotate, recolour or inflate (ancillary chunks) is dropped.

    Raises:
        CodecError: truncated, corrupt, or of an absurd size.
    """
    kept, offset, ended = [PNG_SIGNATURE], len(PNG_SIGNATURE), False
    width = height = 0
    for number in range(_MAX_PNG_CHUNKS):
        if offset + 12 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, offset)
        end = offset + 12 + length
        if end > len(data):
            break
        if zlib.crc32(data[offset + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise CodecError(f"PNG chunk {name!r} has a wrong checksum", _TRUNCATED)
        if (number == 0) != (name == b"IHDR" and length == 13):
            raise CodecError("PNG does not begin with one IHDR", _TRUNCATED)
        if number == 0:
            width, height = struct.unpack_from(">II", data, offset + 8)
            _check_size(width, height, "PNG")
        if name in _KEPT_PNG_CHUNKS:
            kept.append(data[offset:end])
        offset, ended = end, name == b"IEND"
        if ended:
            break
    if not ended:
        raise CodecError("PNG ends before its IEND chunk", _TRUNCATED)
    return ImageHeader(width, height, b"".join(kept))


def read_jpeg(data: bytes) -> ImageHeader:
    """Walk a JPEG's segments and scans to its end marker; what follows that is cut off.

    Raises:
        CodecError: truncated, corrupt, of an absurd size, or of a kind that no camera or engine makes (CMYK, lossless).
    """
    offset, scans = 2, 0
    size: tuple[int, int] | None = None
    while True:
        marker, offset = _next_marker(data, offset)
        if marker == 0xD9:
            break
        if offset + 2 > len(data):
            raise CodecError("JPEG ends within a segment", _TRUNCATED)
        length = struct.unpack_from(">H", data, offset)[0]
        if length < 2 or offset + length > len(data):
            raise CodecError("JPEG ends within a segment", _TRUNCATED)
        if marker in _JPEG_OTHER_SIZES:
            raise CodecError(f"JPEG is of kind {marker - 0xC0}", "send a baseline or progressive JPEG, or a PNG")
        if marker in _JPEG_SIZES:
            if size is not None:
                raise CodecError("JPEG states its size twice", _TRUNCATED)
            size = _jpeg_size(data[offset + 2 : offset + length])
        offset += length
        if marker == 0xDA:
            scans += 1
            offset = _end_of_scan(data, offset)
            if size is None or scans > _MAX_JPEG_SCANS:
                raise CodecError(f"JPEG has {scans} scans", "send a baseline JPEG or a PNG")
    if size is None or not scans:
        raise CodecError("JPEG has no picture in it", _TRUNCATED)
    return ImageHeader(*size, data[:offset])


def _next_marker(data: bytes, offset: int) -> tuple[int, int]:
    """The marker at the offset and where its segment begins; 0xFF may be repeated as filling."""
    if data[offset : offset + 1] != b"\xff":
        raise CodecError("JPEG ends before its end marker", _TRUNCATED)
    while data[offset : offset + 1] == b"\xff":
        offset += 1
    if offset >= len(data):
        raise CodecError("JPEG ends before its end marker", _TRUNCATED)
    return data[offset], offset + 1


def _end_of_scan(data: bytes, offset: int) -> int:
    found = _JPEG_MARKER_IN_SCAN.search(data, offset)
    if found is None:
        raise CodecError("JPEG ends before its end marker", _TRUNCATED)
    return found.start()


def _jpeg_size(frame: bytes) -> tuple[int, int]:
    """Width and height of a frame header's payload."""
    if len(frame) < 6:
        raise CodecError("JPEG has a short frame header", _TRUNCATED)
    precision, height, width, components = struct.unpack_from(">BHHB", frame)
    if precision != 8 or components not in (1, 3):
        raise CodecError(f"JPEG has {components} components of {precision} bits", "send 8-bit RGB or greyscale")
    _check_size(width, height, "JPEG")
    return width, height


def _check_size(width: int, height: int, name: str) -> None:
    try:
        check_image_size(width, height, name)
    except InvalidInputError as error:
        raise CodecError(error.message, error.remedy) from error
