"""The negotiated compressions, by name. The sender states the raw size; it is checked before anything is allocated for it."""

import threading
import zlib
from collections.abc import Callable, Sequence

import zstandard

from spatia_bridge.errors import CodecError, InvalidInputError

COMPRESSIONS = ("zstd", "gzip", "none")  # best first: what a server offers in its welcome
ZSTD_LEVEL = 3
GZIP_LEVEL = 6
MAX_WINDOW_BYTES = 8 << 20  # RFC 8878 asks every decoder for this much and no more
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_REMEDY = "send the data again, compressed as one frame of exactly the stated size"


class _PerThread(threading.local):
    """zstandard's objects reuse one native context each and may not be shared between threads."""

    def __init__(self) -> None:
        self.compressors: dict[tuple[int, int], zstandard.ZstdCompressor] = {}
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)


_local = _PerThread()


def compress_zstd(raw: bytes | memoryview, level: int = ZSTD_LEVEL) -> bytes:
    """One zstd frame that states its content size and carries a checksum."""
    return _compressor(level).compress(raw)


def compress_zstd_blocks(raw: memoryview, cuts: Sequence[int], level: int, min_match: int) -> bytes:
    """One zstd frame, as `compress_zstd`'s, in which a block ends at each cut: bytes of another kind get a table of their own.

    Args:
        min_match: the fewest bytes, 3 … 7, that are worth referring back to.
    """
    if not cuts:
        return _compressor(level, min_match).compress(raw)
    compressor = _compressor(level, min_match).compressobj(size=len(raw))
    pieces, start = [], 0
    for cut in cuts:
        pieces += [compressor.compress(raw[start:cut]), compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
        start = cut
    pieces += [compressor.compress(raw[start:]), compressor.flush()]
    return b"".join(pieces)


def _compressor(level: int, min_match: int = 0) -> zstandard.ZstdCompressor:
    """This thread's; `min_match` 0 is the level's own."""
    compressor = _local.compressors.get((level, min_match))
    if compressor is None:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level, min_match=min_match, write_checksum=True, write_content_size=True
        )
        compressor = _local.compressors[level, min_match] = zstandard.ZstdCompressor(compression_params=parameters)
    return compressor


def _decompress_zstd(data: bytes, raw_size: int) -> bytes:
    try:
        frame = zstandard.get_frame_parameters(data)
        unknown = frame.content_size == zstandard.CONTENTSIZE_UNKNOWN
        if not unknown and frame.content_size != raw_size:
            raise CodecError(f"the zstd frame holds {frame.content_size} bytes, {raw_size} were stated", _REMEDY)
        if frame.window_size > max(MAX_WINDOW_BYTES, raw_size) or frame.dict_id:
            raise CodecError(f"the zstd frame needs a window of {frame.window_size} bytes", "compress at level 19 or below")
        # max_output_size 0 would mean "no limit"
        return _local.decompressor.decompress(data, max_output_size=max(raw_size, 1), allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise CodecError(f"zstd data cannot be decompressed: {error}", _REMEDY) from error


def _compress_gzip(raw: bytes) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WBITS)
    return compressor.compress(raw) + compressor.flush()


def _decompress_gzip(data: bytes, raw_size: int) -> bytes:
    decompressor = zlib.decompressobj(_GZIP_WBITS)
    try:
        raw = decompressor.decompress(data, raw_size + 1)  # one more, so that the trailer is read and excess is seen
    except zlib.error as error:
        raise CodecError(f"gzip data cannot be decompressed: {error}", _REMEDY) from error
    if not decompressor.eof or decompressor.unused_data:
        raise CodecError(f"gzip data is truncated or goes on beyond {raw_size} bytes", _REMEDY)
    return raw


_COMPRESS: dict[str, Callable[[bytes], bytes]] = {"zstd": compress_zstd, "gzip": _compress_gzip, "none": bytes}
_DECOMPRESS: dict[str, Callable[[bytes, int], bytes]] = {
    "zstd": _decompress_zstd,
    "gzip": _decompress_gzip,
    "none": lambda data, _raw_size: data,
}


def compress(name: str, raw: bytes) -> bytes:
    """The raw bytes under a compression of COMPRESSIONS.

    Raises:
        InvalidInputError: there is no such compression.
    """
    function = _COMPRESS.get(name)
    if function is None:
        raise InvalidInputError(f"there is no compression {name!r}", f"use one of {', '.join(COMPRESSIONS)}")
    return function(raw)


def decompress(name: str, data: bytes, raw_size: int, limit: int) -> bytes:
    """The raw bytes again, exactly raw_size of them. Allocates at most about raw_size, and nothing when raw_size > limit.

    Args:
        name: one of COMPRESSIONS.
        data: what `compress`, or any standard encoder, made: one frame with nothing after it.
        raw_size: the size in bytes that the sender states.
        limit: the most that the receiver takes here.
    Raises:
        CodecError: unknown name, a stated size beyond the limit, corrupt or truncated data, or another size than stated.
    """
    function = _DECOMPRESS.get(name)
    if function is None:
        raise CodecError(f"there is no compression {name!r}", f"use one of {', '.join(COMPRESSIONS)}")
    if not 0 <= raw_size <= limit:
        raise CodecError(f"the stated raw size is {raw_size} bytes, the limit here {limit}", "send smaller pieces")
    raw = function(data, raw_size)
    if len(raw) != raw_size:
        raise CodecError(f"data is not of the stated {raw_size} bytes", _REMEDY)
    return raw
