"""Frames ↔ what travels: for clients that have their views in the server's conventions already."""

from spatia_bridge.codec.images import decode_colour, decode_depth, decode_depth_png16, encode_png
from spatia_bridge.errors import CodecError
from spatia_bridge.frames import ColourImage, DepthImage, RgbdFrame
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.messages import ImageFormat


def view_of(frame: RgbdFrame, convention: Convention) -> msg.View:
    """A frame as a view, lossless: colour PNG, the rest raw; depth in metres, the camera in the client's axes and units."""
    k = frame.camera.intrinsics

    def raw(data: bytes) -> msg.Image:
        return msg.Image(ImageFormat.RAW, k.width, k.height, data)

    return msg.View(
        camera=axes.client_camera(frame.camera, convention, frame.time_secs),
        colour=msg.Image(ImageFormat.PNG, k.width, k.height, encode_png(frame.colour)),
        depth=raw(frame.depth_m.astype("<f4").tobytes()),
        metres_per_unit=1.0,
        object_ids=None if frame.object_ids is None else raw(frame.object_ids.astype("<u2").tobytes()),
        dynamic=None if frame.dynamic is None else raw(frame.dynamic.tobytes()),
    )


def colour_of(image: msg.Image | None) -> ColourImage:
    """uint8 (H, W, 3) of a take frame's or live projection's colour. Raises CodecError."""
    if image is None:
        raise CodecError("there is no colour image", "report this to the server's author")
    return decode_colour(image.data)


def depth_of(image: msg.Image | None) -> DepthImage | None:
    """float32 (H, W) metres of a take frame's or live projection's depth, None if it was not sent. Raises CodecError."""
    if image is None:
        return None
    decode = decode_depth if image.format is ImageFormat.FLOAT16_ZSTD else decode_depth_png16
    return decode(image.data, image.width, image.height)
