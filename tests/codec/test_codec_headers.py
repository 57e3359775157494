"""The checks that stand before the decoder, alone: they must hold with decoders that are more lenient than today's."""

import zlib

import cv2
import numpy as np
import pytest

from spatia_bridge.codec.headers import read_jpeg, read_png
from spatia_bridge.codec.images import encode_jpeg, encode_png
from spatia_bridge.errors import CodecError

COLOUR = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
PROGRESSIVE = cv2.imencode(".jpg", COLOUR, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
RESTARTS = cv2.imencode(".jpg", COLOUR, [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
CASES = [(read_png, encode_png(COLOUR)), (read_jpeg, encode_jpeg(COLOUR)), (read_jpeg, PROGRESSIVE), (read_jpeg, RESTARTS)]


@pytest.mark.parametrize(("read", "data"), CASES)
def test_size_and_bytes(read, data):
    assert read(data) == (20, 12, data)
    assert read(data + b"trailer") == (20, 12, data)


@pytest.mark.parametrize(("read", "data"), CASES)
def test_every_cut_is_noticed(read, data):
    for length in range(3, len(data)):
        with pytest.raises(CodecError):
            read(data[:length])


def test_every_flipped_bit_of_a_png_is_noticed():
    data = encode_png(COLOUR)
    for at in range(8, len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x20
        with pytest.raises(CodecError):
            read_png(bytes(bad))


def test_ancillary_chunks_are_dropped():
    data = encode_png(COLOUR)
    text = b"\0\0\0\3tEXta\0b" + 0x0F8C4D5A.to_bytes(4, "big")
    with pytest.raises(CodecError, match="checksum"):
        read_png(data[:33] + text + data[33:])
    whole = b"\0\0\0\0tEXt" + zlib.crc32(b"tEXt").to_bytes(4, "big")
    assert read_png(data[:33] + whole + data[33:]).data == data
