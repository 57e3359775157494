"""What an engine's camera sees, as it comes and as the server needs it: images decoded, depth planar in metres, colour sRGB.

Checking is cheap and done when the message arrives; decoding is not, and is left to a worker.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatia_bridge.codec.images import FAR_16, decode_colour, decode_depth, decode_depth_png16
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.frames import MAX_DEPTH_M, ColourImage, DepthImage, Mask, RgbdFrame
from spatia_bridge.geometry.camera import Camera
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.messages import ColourSpace, DepthConvention, ImageFormat, RowOrder

PNG_METRES_PER_UNIT = 0.001
_RAW_BYTES = {  # of a pixel
    "colour": {ImageFormat.RAW: 3, ImageFormat.RAW_RGBA8: 4},
    "depth": {ImageFormat.RAW: 4},
    "object ids": {ImageFormat.RAW: 2},
    "dynamic mask": {ImageFormat.RAW: 1},
}
_ENCODED = {
    "colour": (ImageFormat.PNG, ImageFormat.JPEG),
    "depth": (ImageFormat.PNG, ImageFormat.FLOAT16_ZSTD),
    "object ids": (ImageFormat.PNG,),
    "dynamic mask": (ImageFormat.PNG,),
}


@dataclass(frozen=True, eq=False)
class PendingView:
    """A view that passed all cheap checks.

    Attributes:
        camera: in the world.
        view: the message, images still encoded.
        metres_per_unit: of depth.
    """

    camera: Camera
    view: msg.View
    metres_per_unit: float

    @property
    def pixels(self) -> int:
        return self.camera.intrinsics.width * self.camera.intrinsics.height

    @property
    def size_bytes(self) -> int:
        return sum(len(image.data) for image in _images(self.view).values() if image is not None)

    def decode(self) -> RgbdFrame:
        """The frame in the server's conventions. Heavy: tens of milliseconds a megapixel.

        Raises:
            CodecError, InvalidInputError: an image is corrupt or not of the stated size.
        """
        view = self.view
        ids = None if view.object_ids is None else self._decode_ids(view.object_ids)
        dynamic = None if view.dynamic is None else self._decode_mask(view.dynamic)
        time_secs = view.camera.time_secs if view.camera is not None else 0.0
        return RgbdFrame(self.camera, self._decode_colour(), self._decode_depth(), ids, dynamic, time_secs=time_secs)

    def _decode_colour(self) -> ColourImage:
        image = self.view.colour
        assert image is not None
        if image.format in _RAW_BYTES["colour"]:
            colour = self._raw(image, np.uint8, _RAW_BYTES["colour"][image.format])[:, :, :3]
        else:
            colour = decode_colour(image.data)
        if self.view.colour_space is ColourSpace.LINEAR:
            colour = _SRGB_FROM_LINEAR[colour]
        return np.ascontiguousarray(colour)

    def _decode_depth(self) -> DepthImage:
        image, k = self.view.depth, self.camera.intrinsics
        if image is None:
            return np.zeros((k.height, k.width), np.float32)
        if image.format is ImageFormat.RAW:
            depth = self._raw(image, "<f4", 1)[:, :, 0] * np.float32(self.metres_per_unit)
        elif image.format is ImageFormat.PNG:
            depth = decode_depth_png16(image.data, k.width, k.height, 1.0 / self.metres_per_unit)
        else:
            depth = decode_depth(image.data, k.width, k.height) * np.float32(self.metres_per_unit)
        if self.view.depth_convention is DepthConvention.RAY:
            depth = depth / np.linalg.norm(self.camera.rays(), axis=-1)
        with np.errstate(invalid="ignore"):  # NaN is below nothing
            depth = np.where(depth > 0, np.where(depth > MAX_DEPTH_M, np.inf, depth), 0)
        return depth.astype(np.float32)

    def _decode_ids(self, image: msg.Image) -> npt.NDArray[np.uint16]:
        if image.format is ImageFormat.RAW:
            return np.ascontiguousarray(self._raw(image, "<u2", 1)[:, :, 0]).astype(np.uint16)
        k = self.camera.intrinsics
        values = decode_depth_png16(image.data, k.width, k.height, 1.0)
        return np.where(np.isinf(values), FAR_16, values).astype(np.uint16)

    def _decode_mask(self, image: msg.Image) -> Mask:
        if image.format is ImageFormat.RAW:
            return np.ascontiguousarray(self._raw(image, np.uint8, 1)[:, :, 0] != 0)
        return np.asarray(decode_colour(image.data).any(axis=-1))

    def _raw(self, image: msg.Image, dtype: npt.DTypeLike, channels: int) -> npt.NDArray[Any]:
        """(H, W, channels), first row on top."""
        k = self.camera.intrinsics
        rows = np.frombuffer(image.data, dtype).reshape(k.height, k.width, channels)
        return rows[::-1] if self.view.row_order is RowOrder.BOTTOM_UP else rows


def _srgb_from_linear() -> npt.NDArray[np.uint8]:
    linear = np.arange(256) / 255
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(srgb * 255), np.uint8)


_SRGB_FROM_LINEAR = _srgb_from_linear()


def check_view(view: msg.View | None, convention: Convention) -> PendingView:
    """The view with its camera in the world; formats, stated sizes and lengths of raw data are right. Decodes nothing.

    Raises:
        InvalidInputError: something is missing or does not fit together.
        CodecError: raw data of another length than its size.
    """
    if view is None or view.colour is None or not view.colour.data:
        raise InvalidInputError("a view has no colour image", "send colour, depth and the camera")
    camera = axes.world_camera(view.camera, convention)
    for name, image in _images(view).items():
        if image is not None:
            _check_image(image, camera, name)
    is_png = view.depth is not None and view.depth.format is ImageFormat.PNG
    default = PNG_METRES_PER_UNIT if is_png else 1.0 / convention.units_per_metre
    metres = view.metres_per_unit or default
    if not 1e-6 <= metres <= 1000:
        raise InvalidInputError(f"metres_per_unit is {metres}", "use 0.000001 to 1000, or 0 for the default")
    return PendingView(camera, view, metres)


def _images(view: msg.View) -> dict[str, msg.Image | None]:
    return {"colour": view.colour, "depth": view.depth, "object ids": view.object_ids, "dynamic mask": view.dynamic}


def _check_image(image: msg.Image, camera: Camera, name: str) -> None:
    k = camera.intrinsics
    if (image.width, image.height) != (k.width, k.height):
        raise InvalidInputError(
            f"{name} is {image.width}×{image.height}, its camera {k.width}×{k.height} pixels",
            "state the intrinsics of this image",
        )
    raw = _RAW_BYTES[name].get(image.format) if image.format is not None else None
    if raw is None and image.format not in _ENCODED[name]:
        allowed = ", ".join(format.name for format in (*_ENCODED[name], *_RAW_BYTES[name]))
        raise InvalidInputError(f"{name} comes as {image.format.name if image.format else 'no format'}", f"use {allowed}")
    if raw is not None and len(image.data) != raw * k.width * k.height:
        raise CodecError(
            f"raw {name} of {k.width}×{k.height} pixels has {len(image.data)} bytes", f"send {raw * k.width * k.height} bytes"
        )
