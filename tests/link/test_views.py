"""What engines' cameras send: every format and convention ends as the same frame; what does not fit is refused undecoded."""

import numpy as np
import pytest

from spatia_bridge.codec.images import encode_depth, encode_depth_png16, encode_jpeg, encode_png
from spatia_bridge.errors import CodecError, InvalidInputError, LimitExceededError
from spatia_bridge.frames import MAX_DEPTH_M
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.link import axes, limits
from spatia_bridge.link import messages as msg
from spatia_bridge.link.messages import ColourSpace, DepthConvention, ImageFormat, RowOrder
from spatia_bridge.link.sweep import Sweep
from spatia_bridge.link.views import check_view
from tests.worlds import camera, look

FRAME = look(camera(size=(48, 32)), ids=True)
CAMERA = axes.client_camera(FRAME.camera, Engine.OPENCV.convention, 3.0)
OPENCV = Engine.OPENCV.convention


def image(format, data, size=(48, 32)):
    return msg.Image(format, *size, data)


COLOUR = image(ImageFormat.RAW, FRAME.colour.tobytes())


def view(**fields):
    parts = {
        "camera": CAMERA,
        "colour": COLOUR,
        "depth": image(ImageFormat.RAW, FRAME.depth_m.tobytes()),
        **fields,
    }
    return msg.View(**parts)


def decoded(convention=OPENCV, **fields):
    return check_view(view(**fields), convention).decode()


def test_raw_is_bit_for_bit():
    ids = image(ImageFormat.RAW, FRAME.object_ids.tobytes())
    mask = image(ImageFormat.RAW, (FRAME.object_ids == 7).astype(np.uint8).tobytes())
    frame = decoded(object_ids=ids, dynamic=mask)
    assert np.array_equal(frame.colour, FRAME.colour)
    assert np.array_equal(frame.depth_m, FRAME.depth_m)
    assert np.array_equal(frame.object_ids, FRAME.object_ids)
    assert np.array_equal(frame.dynamic, FRAME.object_ids == 7)
    assert frame.time_secs == 3.0


def test_colour_formats():
    rgba = np.dstack([FRAME.colour, np.full((32, 48), 9, np.uint8)])
    for format, data in (
        (ImageFormat.PNG, encode_png(FRAME.colour)),
        (ImageFormat.RAW_RGBA8, rgba.tobytes()),
    ):
        assert np.array_equal(decoded(colour=image(format, data)).colour, FRAME.colour)
    jpeg = decoded(colour=image(ImageFormat.JPEG, encode_jpeg(FRAME.colour, 95))).colour
    assert np.abs(jpeg.astype(int) - FRAME.colour).mean() < 8


def test_depth_formats_and_units():
    png = image(ImageFormat.PNG, encode_depth_png16(FRAME.depth_m))
    assert np.allclose(decoded(depth=png).depth_m, FRAME.depth_m, atol=6e-4)
    fifths = image(ImageFormat.PNG, encode_depth_png16(FRAME.depth_m, 5000.0))
    assert np.allclose(decoded(depth=fifths, metres_per_unit=2e-4).depth_m, FRAME.depth_m, atol=1.1e-4)
    half = image(ImageFormat.FLOAT16_ZSTD, encode_depth(FRAME.depth_m))
    assert np.allclose(decoded(depth=half).depth_m, FRAME.depth_m, rtol=1e-3)
    centimetres = image(ImageFormat.RAW, (FRAME.depth_m * 100).tobytes())
    assert np.allclose(decoded(Engine.UNREAL.convention, depth=centimetres).depth_m, FRAME.depth_m, rtol=1e-6)
    assert not decoded(depth=None).depth_m.any()


def test_ray_depth_and_bottom_up_rows():
    ray = FRAME.depth_m * np.linalg.norm(FRAME.camera.rays(), axis=-1)
    frame = decoded(
        colour=image(ImageFormat.RAW, FRAME.colour[::-1].tobytes()),
        depth=image(ImageFormat.RAW, ray[::-1].astype(np.float32).tobytes()),
        depth_convention=DepthConvention.RAY,
        row_order=RowOrder.BOTTOM_UP,
    )
    assert np.array_equal(frame.colour, FRAME.colour)
    assert np.allclose(frame.depth_m, FRAME.depth_m, rtol=1e-5)
    png = image(ImageFormat.PNG, encode_png(FRAME.colour))  # rows of encoded images have an order of their own
    assert np.array_equal(decoded(colour=png, row_order=RowOrder.BOTTOM_UP).colour, FRAME.colour)


def test_linear_colour_becomes_srgb():
    srgb = np.arange(256) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    sent = np.rint(linear[FRAME.colour] * 255).astype(np.uint8)
    frame = decoded(colour=image(ImageFormat.RAW, sent.tobytes()), colour_space=ColourSpace.LINEAR)
    error = np.abs(frame.colour.astype(int) - FRAME.colour)
    assert error[FRAME.colour > 100].max() <= 2  # 8 linear bits are coarse in the dark


def test_depth_that_is_none_or_backdrop():
    depth = FRAME.depth_m.copy()
    depth[0, :5] = [np.nan, -1.0, np.inf, 2 * MAX_DEPTH_M, -np.inf]
    frame = decoded(depth=image(ImageFormat.RAW, depth.tobytes()))
    assert frame.depth_m[0, :5].tolist() == [0, 0, np.inf, np.inf, 0]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"camera": None}, InvalidInputError),
        ({"colour": None}, InvalidInputError),
        ({"colour": msg.Image()}, InvalidInputError),
        ({"colour": image(None, b"x")}, InvalidInputError),
        ({"colour": image(ImageFormat.FLOAT16_ZSTD, b"x")}, InvalidInputError),
        ({"colour": image(ImageFormat.RAW, b"x" * 10)}, CodecError),
        ({"colour": image(ImageFormat.RAW, FRAME.colour.tobytes(), (32, 48))}, InvalidInputError),
        ({"depth": image(ImageFormat.JPEG, b"x")}, InvalidInputError),
        ({"depth": image(ImageFormat.RAW, FRAME.colour.tobytes())}, CodecError),
        ({"object_ids": image(ImageFormat.RAW, b"")}, CodecError),
        ({"dynamic": image(ImageFormat.RAW_RGBA8, b"")}, InvalidInputError),
        ({"metres_per_unit": float("nan")}, InvalidInputError),
        ({"metres_per_unit": -1.0}, InvalidInputError),
    ],
)
def test_refused_without_decoding(fields, error):
    with pytest.raises(error) as caught:
        check_view(view(**fields), OPENCV)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["colour", "depth", "object_ids", "dynamic"])
def test_corrupt_images_are_a_codec_error(name):
    for data in (b"", b"\x89PNG\r\n\x1a\n", encode_png(FRAME.colour)[:-20], encode_png(FRAME.colour[:16])):
        pending = check_view(view(**{name: image(ImageFormat.PNG, data or b"x")}), OPENCV)
        with pytest.raises(InvalidInputError):  # CodecError is one
            pending.decode()


def test_a_sweep_is_one_command():
    sweep = Sweep()
    assert sweep.add(1, msg.Seed(view(), more=True), OPENCV) is None
    command = sweep.add(2, msg.Seed(view()), OPENCV)
    assert (command.request_id, len(command.decode())) == (2, 2)
    assert len(sweep.add(3, msg.Seed(view()), OPENCV).views) == 1


def test_a_refused_view_takes_its_sweep_with_it():
    sweep = Sweep()
    sweep.add(1, msg.Seed(view(), more=True), OPENCV)
    with pytest.raises(InvalidInputError):
        sweep.add(2, msg.Seed(None, more=True), OPENCV)
    assert sweep.add(3, msg.Seed(view(), more=True), OPENCV) is None
    with pytest.raises(InvalidInputError, match="earlier view"):
        sweep.add(4, msg.Seed(view()), OPENCV)
    assert len(sweep.add(5, msg.Seed(view()), OPENCV).views) == 1


def test_a_sweep_is_bounded(monkeypatch):
    sweep = Sweep()
    for _ in range(limits.MAX_VIEWS_PER_SEED):
        sweep.add(1, msg.Seed(view(), more=True), OPENCV)
    with pytest.raises(LimitExceededError, match="views"):
        sweep.add(1, msg.Seed(view()), OPENCV)
    for name in ("MAX_SEED_PIXELS", "MAX_SEED_BYTES"):
        monkeypatch.setattr(f"spatia_bridge.link.sweep.{name}", 1000)
        with pytest.raises(LimitExceededError):
            sweep.add(1, msg.Seed(view()), OPENCV)
