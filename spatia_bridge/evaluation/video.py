"""H.264 in MP4 that every player and browser takes."""

import contextlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from spatia_bridge.errors import InvalidInputError, StoreError
from spatia_bridge.frames import ColourImage

_CODECS = (("libx264", {"crf": "20", "preset": "veryfast"}), ("mpeg4", {"qscale": "3"}))
_BT709 = 1  # the number of BT.709 in ITU-T H.273, for matrix, primaries and transfer


def _open_stream(container: Any, width: int, height: int, fps: float) -> Any:
    """A video stream of the best encoder that this build of FFmpeg has."""
    for name, options in _CODECS:
        with contextlib.suppress(av.error.FFmpegError, ValueError):  # unknown to this build
            stream = container.add_stream(name, rate=Fraction(fps).limit_denominator(1001), options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            return stream
    raise StoreError("this FFmpeg has neither an H.264 nor an MPEG-4 encoder", "install the PyAV wheel from PyPI")


def write_video(path: Path, frames: Iterable[ColourImage], fps: float) -> int:
    """Write RGB frames, uint8 (H, W, 3), all of one size with even sides; returns how many there were.

    Raises:
        InvalidInputError: no frame, or an odd or changing size.
        StoreError: no encoder.
        OSError: the file cannot be written.
    """
    count, size, stream = 0, (0, 0, 0), None
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        for image in frames:
            if stream is None:
                size = image.shape
                if size[0] % 2 or size[1] % 2:
                    raise InvalidInputError(f"a video frame is {size[1]}×{size[0]}", "use even sides")
                stream = _open_stream(container, size[1], size[0], fps)
            if image.shape != size:
                raise InvalidInputError(f"video frames are {image.shape} and {size}", "use one size")
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
            count += 1
        if stream is None:
            raise InvalidInputError("there are no frames to make a video of", "make one clip or more")
        container.mux(stream.encode())
    return count
