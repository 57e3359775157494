"""LAS 1.0 to 1.4, point formats 0 to 10 (ASPRS), not compressed."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry.conventions import Z_UP, Engine
from spatia_bridge.importing.points import BATCH_POINTS, PointBatch, read_exactly

_HEADER_BYTES = 227
_RGB_AT = {2: 20, 3: 28, 5: 28, 7: 30, 8: 30, 10: 30}
_LEAST_RECORD = {0: 20, 1: 28, 2: 26, 3: 34, 4: 57, 5: 63, 6: 30, 7: 36, 8: 38, 9: 59, 10: 67}
_REMEDY = "copy or export it again"


def read_las(file: BinaryIO, size: int, _engine: Engine) -> Iterator[PointBatch]:
    """All points; without colours they are as grey as their intensity says. See `read_points`."""
    head = read_exactly(file, _HEADER_BYTES)
    minor, offset, form, length, count = head[25], *struct.unpack_from("<I4xBHI", head, 96)
    if form & 0xC0:
        raise InvalidInputError("the LAS is compressed (LAZ)", "unpack it first, for example with laszip")
    if head[24] != 1 or form not in _LEAST_RECORD or length < _LEAST_RECORD[form]:
        raise CodecError(f"the LAS is 1.{minor} with points of format {form}, {length} bytes each", _REMEDY)
    if minor >= 4:
        count = struct.unpack("<Q", read_exactly(file, 255 - _HEADER_BYTES)[20:28])[0]
    scale, origin = (np.array(struct.unpack_from("<3d", head, at)) for at in (131, 155))
    if not (np.isfinite([*scale, *origin]).all() and (scale > 0).all()):
        raise CodecError(f"the LAS's scale is {scale.tolist()}, its offset {origin.tolist()}", _REMEDY)
    if count < 1 or offset < _HEADER_BYTES or offset + count * length > size:
        raise CodecError(f"the file has {size} bytes, but says {count} points of {length} from {offset} on", _REMEDY)
    file.seek(offset)
    row = _row(form, length)
    for start in range(0, count, BATCH_POINTS):
        wanted = min(BATCH_POINTS, count - start)
        rows = np.frombuffer(read_exactly(file, wanted * length), row)
        yield PointBatch(Z_UP.world_from_points(rows["xyz"] * scale + origin), _colours(rows))


def _row(form: int, length: int) -> np.dtype[np.void]:
    names, formats, offsets = ["xyz", "intensity"], ["(3,)<i4", "<u2"], [0, 12]
    if form in _RGB_AT:
        names, formats, offsets = [*names, "rgb"], [*formats, "(3,)<u2"], [*offsets, _RGB_AT[form]]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": length})


def _colours(rows: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
    """Of 16 bits the upper 8; many writers leave 8 bits in the lower ones, which show by there being nothing above."""
    values = rows["rgb"] if "rgb" in (rows.dtype.names or ()) else np.repeat(rows["intensity"][:, None], 3, axis=1)
    return np.asarray(values if values.max() < 256 else values >> 8, np.uint8)
