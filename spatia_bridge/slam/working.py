"""Large views are judged at a working size: poses, scale of depth, exposure, motion and health are robust statistics over pixels.

Their errors are those of surfaces and of memory's voxels, not of pixel noise that more samples would average out: from some
ten thousand pixels on more of them cost time and change nothing. What is written (fusion) and what is erased (carving) is
decided at full size.
"""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from spatia_bridge.frames import Mask, RgbdFrame
from spatia_bridge.geometry.camera import Camera, Intrinsics

WORKING_PIXELS = 150_000  # 480×270 is its own working size; 832×480 comes to 277×160, 1280×720 to 426×240


def reduction(intrinsics: Intrinsics) -> int:
    """The side of the square of pixels that becomes one: odd, so that there is a pixel in its middle; 1 = all stay."""
    block = 1
    while intrinsics.width * intrinsics.height > WORKING_PIXELS * block**2:
        block += 2
    return block


def at_working_size(frame: RgbdFrame) -> RgbdFrame:
    """The frame reduced, or the frame itself if it is small: the mean colour of each block, all else of the pixel in its middle
    (depths of two surfaces have no mean), dynamic if any of it is. What is left over at the right and below is cut."""
    k = frame.camera.intrinsics
    block = reduction(k)
    if block == 1:
        return frame
    width, height = k.width // block, k.height // block
    whole = slice(height * block), slice(width * block)
    middle = slice(block // 2, height * block, block), slice(block // 2, width * block, block)
    lens = Intrinsics(k.fx / block, k.fy / block, k.cx / block, k.cy / block, width, height)
    dynamic = None
    if frame.dynamic is not None:
        dynamic = np.asarray(frame.dynamic[whole].reshape(height, block, width, block).any(axis=(1, 3)))
    return replace(
        frame,
        camera=Camera(lens, frame.camera.world_from_camera),
        colour=np.asarray(cv2.resize(frame.colour[whole], (width, height), interpolation=cv2.INTER_AREA)),
        depth_m=np.ascontiguousarray(frame.depth_m[middle]),
        object_ids=None if frame.object_ids is None else np.ascontiguousarray(frame.object_ids[middle]),
        dynamic=dynamic,
        confidence=None if frame.confidence is None else np.ascontiguousarray(frame.confidence[middle]),
    )


def at_full_size(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of a frame at its working size, at the size (H, W) that the frame has, or the mask itself."""
    if mask.shape == shape:
        return mask
    rows, columns = (_blocks(full, reduced) for full, reduced in zip(shape, mask.shape, strict=True))
    return np.asarray(mask.take(rows, axis=0).take(columns, axis=1))


def _blocks(full: int, reduced: int) -> npt.NDArray[np.int64]:
    """The block of each of so many pixels along a side; what was cut belongs to the last."""
    return np.minimum(np.arange(full) // (full // reduced), reduced - 1)
