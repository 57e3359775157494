"""Frames to bytes and back: colour as PNG or JPEG, depth as 16-bit PNG or zstd float16, ids, masks and confidence as zstd planes.

A zstd plane, all integers little endian: "SBPL", u8 version 1, u8 kind (1 float16 depth, 2 uint16, 3 mask, 4 uint8), u16 zero,
u32 width, u32 height, then one zstd frame of the rows from top to bottom. A mask has 8 pixels a byte, first pixel in the highest
bit, rows not padded.
"""

import struct

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.compression import compress_zstd, decompress
from spatia_bridge.codec.headers import JPEG_SIGNATURE, PNG_SIGNATURE, ImageHeader, read_jpeg, read_png
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.frames import ColourImage, DepthImage, Mask
from spatia_bridge.geometry.camera import MAX_IMAGE_PIXELS, check_image_size

DEPTH_UNITS_PER_M = 1000.0
PNG_LEVEL = 1  # level 6 saves a seventh of the bytes and costs five times the time
FAR_16 = 65_535  # in 16-bit depth: at infinity, or too far to say

_PLANE_MAGIC = b"SBPL"
_PLANE_VERSION = 1
_PLANE = struct.Struct("<4sBBHII")
_DEPTH, _U16, _MASK, _U8 = 1, 2, 3, 4
_REMEDY = "the image was cut or damaged on the way; send it again"
_ANY = npt.NDArray[np.generic]


def encode_png(colour: ColourImage) -> bytes:
    """Lossless PNG of uint8 (H, W, 3) RGB."""
    return _encode_colour(".png", colour, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def encode_jpeg(colour: ColourImage, quality: int = 90) -> bytes:
    """Baseline JPEG of uint8 (H, W, 3) RGB; quality 1…100."""
    if not 1 <= quality <= 100:
        raise InvalidInputError(f"JPEG quality is {quality}", "use 1 to 100")
    return _encode_colour(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, quality])


def decode_colour(data: bytes) -> ColourImage:
    """uint8 (H, W, 3) RGB of a PNG or JPEG of any depth: grey is repeated, 16 bits are cut to 8, alpha is dropped.

    An orientation tag is ignored: the image stays as its camera's intrinsics describe it. Size and wholeness are checked first.

    Raises:
        CodecError: another format, truncated, corrupt, or of an absurd size.
    """
    header = _read_header(data)
    image = _decode(header, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image.dtype != np.uint8 or image.shape != (header.height, header.width, 3):
        raise CodecError(f"image decodes to {image.dtype} {image.shape}", _REMEDY)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def encode_depth_png16(depth_m: DepthImage, units_per_m: float = DEPTH_UNITS_PER_M) -> bytes:
    """16-bit PNG of planar depth float32 (H, W) in metres, in steps of 1 / units_per_m.

    0 is none (so are NaN and negative values), 65535 is at infinity or beyond what 16 bits hold.
    """
    _check_plane(depth_m, np.float32, "depth")
    _check_units(units_per_m)
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(depth_m.astype(np.float64) * units_per_m)
    steps = np.clip(np.nan_to_num(steps, nan=0.0, posinf=FAR_16, neginf=0.0), 0, FAR_16)
    return _encode(".png", steps.astype(np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def decode_depth_png16(data: bytes, width: int, height: int, units_per_m: float = DEPTH_UNITS_PER_M) -> DepthImage:
    """float32 (H, W) metres of a 16-bit grey PNG of the given size; 0 = none, inf = at infinity.

    Raises:
        CodecError: not such a PNG.
    """
    _check_units(units_per_m)
    if not data.startswith(PNG_SIGNATURE):
        raise CodecError("depth is not a PNG", "send a 16-bit greyscale PNG")
    header = read_png(data)
    if (header.width, header.height) != (width, height):
        raise CodecError(f"depth is {header.width}×{header.height}, expected {width}×{height}", "send one depth a pixel")
    image = _decode(header, cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint16 or image.shape != (height, width):
        raise CodecError(f"depth decodes to {image.dtype} {image.shape}", "send a 16-bit greyscale PNG")
    steps = image.astype(np.float64)
    steps[image == FAR_16] = np.inf
    return np.asarray(steps / units_per_m, np.float32)


def encode_depth(depth_m: DepthImage) -> bytes:
    """A zstd plane of planar depth float32 (H, W) in metres, rounded to float16 (a part in 2048).

    0 is none (so are NaN and negative values), inf is at infinity (so is what lies beyond 65 504 m).
    """
    _check_plane(depth_m, np.float32, "depth")
    return _encode_plane(_DEPTH, _clean_depth(depth_m).astype("<f2"))


def decode_depth(data: bytes, width: int, height: int) -> DepthImage:
    """float32 (H, W) metres of `encode_depth`'s plane; 0 = none, inf = at infinity, never NaN or negative.

    Raises:
        CodecError: truncated, corrupt, or of another kind or size.
    """
    raw = _decode_plane(_DEPTH, data, width, height, 2 * width * height)
    return _clean_depth(np.frombuffer(raw, "<f2").reshape(height, width).astype(np.float32)).astype(np.float32)


def encode_u16(image: npt.NDArray[np.uint16]) -> bytes:
    """A zstd plane of uint16 (H, W), such as object ids."""
    _check_plane(image, np.uint16, "image")
    return _encode_plane(_U16, image.astype("<u2", copy=False))


def decode_u16(data: bytes, width: int, height: int) -> npt.NDArray[np.uint16]:
    """uint16 (H, W) of `encode_u16`'s plane.

    Raises:
        CodecError: truncated, corrupt, or of another kind or size.
    """
    raw = _decode_plane(_U16, data, width, height, 2 * width * height)
    return np.frombuffer(raw, "<u2").reshape(height, width).astype(np.uint16)


def encode_u8(image: npt.NDArray[np.uint8]) -> bytes:
    """A zstd plane of uint8 (H, W), such as confidence in 255ths."""
    _check_plane(image, np.uint8, "image")
    return _encode_plane(_U8, image)


def decode_u8(data: bytes, width: int, height: int) -> npt.NDArray[np.uint8]:
    """uint8 (H, W) of `encode_u8`'s plane.

    Raises:
        CodecError: truncated, corrupt, or of another kind or size.
    """
    return np.frombuffer(_decode_plane(_U8, data, width, height, width * height), np.uint8).reshape(height, width).copy()


def encode_mask(mask: Mask) -> bytes:
    """A zstd plane of bool (H, W), 8 pixels a byte."""
    _check_plane(mask, np.bool_, "mask")
    return _encode_plane(_MASK, mask, np.packbits(mask).tobytes())


def decode_mask(data: bytes, width: int, height: int) -> Mask:
    """bool (H, W) of `encode_mask`'s plane.

    Raises:
        CodecError: truncated, corrupt, or of another kind or size.
    """
    raw = _decode_plane(_MASK, data, width, height, (width * height + 7) // 8)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=width * height)
    return bits.reshape(height, width).astype(np.bool_)


def _read_header(data: bytes) -> ImageHeader:
    if data.startswith(PNG_SIGNATURE):
        return read_png(data)
    if data.startswith(JPEG_SIGNATURE):
        return read_jpeg(data)
    raise CodecError(f"image begins with {bytes(data[:4])!r}", "send PNG or JPEG")


def _decode(header: ImageHeader, flags: int) -> _ANY:
    try:
        image = cv2.imdecode(np.frombuffer(header.data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise CodecError("image cannot be decoded", _REMEDY) from error
    if image is None:
        raise CodecError("image cannot be decoded", _REMEDY)
    return np.asarray(image)


def _encode_colour(suffix: str, colour: ColourImage, options: list[int]) -> bytes:
    if colour.dtype != np.uint8 or colour.ndim != 3 or colour.shape[2] != 3:
        raise InvalidInputError(f"colour is {colour.dtype} {colour.shape}", "give uint8 (H, W, 3)")
    check_image_size(colour.shape[1], colour.shape[0], "colour")
    return _encode(suffix, cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2BGR), options)


def _encode(suffix: str, image: _ANY, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise InvalidInputError(f"{image.dtype} {image.shape} cannot be written as {suffix}", "give a plain image")
    return bytes(data.tobytes())


def _check_units(units_per_m: float) -> None:
    if not (np.isfinite(units_per_m) and 1e-3 <= units_per_m <= 1e6):
        raise InvalidInputError(f"depth has {units_per_m} units a metre", "use 0.001 to 1000000")


def _check_plane(image: _ANY, dtype: type[np.generic], name: str) -> None:
    if image.dtype != dtype or image.ndim != 2:
        raise InvalidInputError(f"{name} is {image.dtype} {image.shape}", f"give {np.dtype(dtype)} (H, W)")
    check_image_size(image.shape[1], image.shape[0], name)


def _clean_depth(depth_m: DepthImage) -> npt.NDArray[np.float16]:
    """float16 (H, W): NaN and what is not above 0 become 0, what float16 cannot hold becomes infinite."""
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        half = depth_m.astype(np.float16)
        half[~(half > 0)] = 0
    return half


def _encode_plane(kind: int, image: _ANY, raw: bytes | None = None) -> bytes:
    height, width = image.shape
    header = _PLANE.pack(_PLANE_MAGIC, _PLANE_VERSION, kind, 0, width, height)
    return header + compress_zstd(image.tobytes() if raw is None else raw)


def _decode_plane(kind: int, data: bytes, width: int, height: int, raw_size: int) -> bytes:
    """The raw bytes, once the header agrees with what the receiver knows of the image."""
    check_image_size(width, height)
    if len(data) < _PLANE.size:
        raise CodecError(f"image plane is only {len(data)} bytes", _REMEDY)
    header = _PLANE.unpack_from(data)
    if header[:2] != (_PLANE_MAGIC, _PLANE_VERSION):
        raise CodecError(f"image plane begins with {bytes(data[:5])!r}", "send planes of version 1")
    if header[2:] != (kind, 0, width, height):
        raise CodecError(
            f"image plane has kind {header[2]} and {header[4]}×{header[5]} pixels, expected kind {kind} and {width}×{height}",
            "send one plane a kind, of the image's size",
        )
    return decompress("zstd", data[_PLANE.size :], raw_size, 2 * MAX_IMAGE_PIXELS)
