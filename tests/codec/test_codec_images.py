import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatia_bridge.codec import images as codec
from spatia_bridge.errors import CodecError, InvalidInputError
from tests.codec.points import mutations

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))


def picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def png_chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png(width: int, height: int, rows: bytes, *, depth: int = 8, kind: int = 2, extra: bytes = b"") -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


@given(SHAPES.flatmap(lambda s: hnp.arrays(np.uint8, (*s, 3))))
def test_png_is_lossless(colour):
    assert (codec.decode_colour(codec.encode_png(colour)) == colour).all()


def test_jpeg_is_close_and_keeps_channels_apart():
    colour = picture()
    colour[..., 0] = 200
    colour[..., 2] = 20
    again = codec.decode_colour(codec.encode_jpeg(colour, 95))
    assert np.abs(again.astype(int) - colour).mean() < 4


def test_views_that_are_not_contiguous_can_be_encoded():
    colour = picture()[::2, ::-1]
    assert (codec.decode_colour(codec.encode_png(colour)) == colour).all()


@given(SHAPES.flatmap(lambda s: hnp.arrays(np.float32, s, elements=st.floats(0, width=16))))
def test_depth_round_trips_on_float16_values(depth):
    height, width = depth.shape
    assert codec.decode_depth(codec.encode_depth(depth), width, height).tobytes() == depth.tobytes()


def test_depth_has_no_nan_and_nothing_negative():
    depth = np.array([[np.nan, -1, -np.inf, np.inf, 70_000, 0, 1.5, 1e-12]], np.float32)
    again = codec.decode_depth(codec.encode_depth(depth), 8, 1)
    assert again.tolist() == [[0, 0, 0, np.inf, np.inf, 0, 1.5, 0]]
    hostile = codec._encode_plane(codec._DEPTH, np.array([[np.nan, -2, -0.0]], np.float16))
    assert codec.decode_depth(hostile, 3, 1).tolist() == [[0, 0, 0]]


@given(SHAPES.flatmap(lambda s: hnp.arrays(np.uint16, s)), st.floats(0.01, 10_000))
def test_depth_png16_round_trips_on_its_steps(steps, units):
    height, width = steps.shape
    metres = (steps / units).astype(np.float32)
    metres[steps == codec.FAR_16] = np.inf
    data = codec.encode_depth_png16(metres, units)
    assert (codec.decode_depth_png16(data, width, height, units) == metres).all()


def test_depth_png16_says_none_and_far():
    depth = np.array([[np.nan, -1, 0, 1.2344, 65.534, 66, np.inf]], np.float32)
    again = codec.decode_depth_png16(codec.encode_depth_png16(depth), 7, 1)
    np.testing.assert_allclose(again, [[0, 0, 0, 1.234, 65.534, np.inf, np.inf]], rtol=1e-6)


@given(SHAPES.flatmap(lambda s: hnp.arrays(np.bool_, s)))
def test_masks_round_trip(mask):
    height, width = mask.shape
    assert (codec.decode_mask(codec.encode_mask(mask), width, height) == mask).all()


@given(SHAPES.flatmap(lambda s: st.tuples(hnp.arrays(np.uint16, s), hnp.arrays(np.uint8, s))))
def test_integer_planes_round_trip(planes):
    height, width = planes[0].shape
    wide, narrow = codec.decode_u16(codec.encode_u16(planes[0]), width, height), codec.encode_u8(planes[1])
    assert wide.dtype == np.uint16 and (wide == planes[0]).all() and wide.flags.writeable
    assert (codec.decode_u8(narrow, width, height) == planes[1]).all()


@pytest.mark.parametrize("size", [(64, 47), (48, 64), (1, 1), (8192, 8192), (0, 5)])
def test_planes_of_another_size_are_refused(size):
    with pytest.raises(InvalidInputError):
        codec.decode_depth(codec.encode_depth(np.ones((48, 64), np.float32)), *size)


def test_planes_of_another_kind_are_refused():
    with pytest.raises(CodecError, match="kind"):
        codec.decode_depth(codec.encode_u16(np.ones((4, 4), np.uint16)), 4, 4)


def test_wrong_arrays_are_refused():
    for call in (
        lambda: codec.encode_png(np.zeros((4, 4), np.uint8)),
        lambda: codec.encode_png(np.zeros((0, 4, 3), np.uint8)),
        lambda: codec.encode_jpeg(picture(), 0),
        lambda: codec.encode_depth(np.zeros((4, 4))),
        lambda: codec.encode_mask(np.zeros((4, 4), np.uint8)),
        lambda: codec.encode_depth_png16(np.zeros((4, 4), np.float32), 0),
    ):
        with pytest.raises(InvalidInputError):
            call()


def test_grey_alpha_palette_and_16_bit_become_8_bit_rgb():
    colour = picture()
    grey = colour[..., 0]
    assert (codec.decode_colour(cv2.imencode(".png", grey)[1].tobytes()) == grey[..., None]).all()
    assert codec.decode_colour(cv2.imencode(".jpg", grey)[1].tobytes()).shape == colour.shape
    rgba = np.dstack([colour, np.full(grey.shape, 7, np.uint8)])
    assert (codec.decode_colour(cv2.imencode(".png", rgba[..., [2, 1, 0, 3]])[1].tobytes()) == colour).all()
    wide = colour[..., ::-1].astype(np.uint16) * 257
    assert (codec.decode_colour(cv2.imencode(".png", wide)[1].tobytes()) == colour).all()
    palette = png(2, 1, b"\0\0\1", kind=3, extra=png_chunk(b"PLTE", bytes([9, 8, 7, 1, 2, 3])))
    assert codec.decode_colour(palette).tolist() == [[[9, 8, 7], [1, 2, 3]]]


def png_of_countless_chunks() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + png(4, 4, b"")[8:33] + png_chunk(b"teSt", b"") * 70_000 + png_chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HH", orientation, 0) + bytes(4)


def test_an_orientation_tag_does_not_turn_the_image():
    colour = picture(32, 64)
    plain = codec.encode_jpeg(colour)
    body = b"Exif\0\0" + exif(6)
    tagged = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]
    obeyed = cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)
    assert obeyed.shape[:2] == (64, 32), "OpenCV obeys this tag"
    assert (codec.decode_colour(tagged) == codec.decode_colour(plain)).all()
    plain = codec.encode_png(colour)
    assert (codec.decode_colour(plain[:33] + png_chunk(b"eXIf", exif(6)) + plain[33:]) == colour).all()


@pytest.mark.parametrize("encode", [codec.encode_png, codec.encode_jpeg])
def test_every_truncation_is_noticed(encode):
    data = encode(picture())
    for length in range(len(data)):
        with pytest.raises(CodecError):
            codec.decode_colour(data[:length])


def test_what_follows_the_end_is_ignored():
    colour = picture()
    assert (codec.decode_colour(codec.encode_png(colour) + b"trailer") == colour).all()
    jpeg = codec.encode_jpeg(colour)
    assert (codec.decode_colour(jpeg + b"\xff\xd8trailer") == codec.decode_colour(jpeg)).all()


def test_progressive_jpegs_are_read():
    data = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert codec.decode_colour(data).shape == (48, 64, 3)
    with pytest.raises(CodecError):
        codec.decode_colour(data[: len(data) // 2])


BOMBS = {
    "png of 60000 pixels a side": png(60_000, 60_000, b"\0"),
    "png of no pixels": png(0, 10, b"\0"),
    "png of 2^31 pixels a side": png(1 << 31, 1, b"\0"),
    "png that is 8192 by 8192": png(8192, 8192, b"\0"),
    "gif": b"GIF89a" + bytes(100),
    "bmp": cv2.imencode(".bmp", picture())[1].tobytes(),
    "empty": b"",
    "text": b"no image at all",
    "png with no IHDR": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b""),
    "png with no IDAT": b"\x89PNG\r\n\x1a\n" + png(4, 4, b"")[8:33] + png_chunk(b"IEND", b""),
    "png of countless chunks": png_of_countless_chunks(),
    "jpeg of nothing": b"\xff\xd8\xff\xd9",
    "jpeg of countless scans": codec.encode_jpeg(picture())[:-2] + b"\xff\xda\0\x08\1\1\0\0\x3f\0\0" * 200 + b"\xff\xd9",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_and_strangers_are_refused_without_being_decoded(name):
    tracemalloc.start()
    with pytest.raises(CodecError) as caught:
        codec.decode_colour(BOMBS[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert caught.value.remedy


def test_jpeg_bombs_are_refused():
    data = bytearray(codec.encode_jpeg(picture()))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    with pytest.raises(CodecError, match="65000"):
        codec.decode_colour(bytes(data))
    data[at + 5 : at + 9] = struct.pack(">HH", 48, 64)
    data[at + 9] = 4
    with pytest.raises(CodecError, match="components"):
        codec.decode_colour(bytes(data))


def test_depth_png_of_another_size_or_kind_is_refused():
    data = codec.encode_depth_png16(np.ones((4, 6), np.float32))
    for bad, size in ((data, (4, 6)), (codec.encode_png(picture(4, 6)), (6, 4)), (codec.encode_jpeg(picture(4, 6)), (6, 4))):
        with pytest.raises(CodecError):
            codec.decode_depth_png16(bad, *size)


@pytest.mark.parametrize("encode", [codec.encode_png, codec.encode_jpeg])
def test_damaged_images_give_codec_errors_or_an_image(encode):
    good = encode(picture(24, 32))
    for bad in mutations(good, 1500, seed=4):
        try:
            again = codec.decode_colour(bad)
        except CodecError:
            continue
        assert again.dtype == np.uint8 and again.ndim == 3


def test_damaged_planes_give_codec_errors_or_a_plane():
    rng = np.random.default_rng(5)
    depth = rng.uniform(0.1, 20, (24, 32)).astype(np.float32)
    cases = [
        (codec.encode_depth(depth), codec.decode_depth),
        (codec.encode_depth_png16(depth), codec.decode_depth_png16),
        (codec.encode_mask(depth > 10), codec.decode_mask),
        (codec.encode_u16(depth.astype(np.uint16)), codec.decode_u16),
    ]
    for good, decode in cases:
        for bad in mutations(good, 1000, seed=6):
            try:
                assert decode(bad, 32, 24).shape == (24, 32)
            except CodecError:
                continue


@pytest.mark.parametrize("rows", [b"", bytes(10), bytes(193 * 20), bytes(193 * 47)])
def test_a_png_with_too_few_rows_is_refused(rows):
    with pytest.raises(CodecError):
        codec.decode_colour(png(64, 48, rows))
