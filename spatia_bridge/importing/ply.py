"""PLY (Turk 1994): points, and 3D Gaussian splats as points with sizes. Text and binary, the vertex element first."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import CodecError
from spatia_bridge.export.splat import SH_C0
from spatia_bridge.geometry.conventions import Engine
from spatia_bridge.importing.points import BATCH_POINTS, GREY, PointBatch, colours_of, read_exactly

MAX_HEADER_BYTES = 1 << 16
_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_COLOURS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_REMEDY = "export it again, points first, as binary PLY"


@dataclass(frozen=True)
class _Header:
    ascii: bool
    count: int
    row: np.dtype[np.void]
    bytes: int  # of the header itself


def read_ply(file: BinaryIO, size: int, engine: Engine) -> Iterator[PointBatch]:
    """The vertices; see `read_points`."""
    header = _header(file)
    columns = len(header.row.names or ())
    least = header.count * (2 * columns if header.ascii else header.row.itemsize)  # text: a digit and what parts it from the next
    if header.bytes + least - header.ascii > size:
        raise CodecError(f"the file has {size} bytes, too few for {header.count} vertices", "copy or export it again")
    file.seek(header.bytes)
    for start in range(0, header.count, BATCH_POINTS):
        count = min(BATCH_POINTS, header.count - start)
        yield _batch(_text_rows(file, header, count) if header.ascii else _rows(file, header, count), engine)


def _header(file: BinaryIO) -> _Header:
    text = file.read(MAX_HEADER_BYTES)
    end = text.find(b"end_header")
    line_end = text.find(b"\n", end)
    if end < 0 or line_end < 0:
        raise CodecError("the PLY's header does not end", _REMEDY)
    lines = [line.split() for line in text[:end].decode("ascii", "replace").splitlines()]
    lines = [words for words in lines if words and words[0] not in ("comment", "obj_info")]
    try:
        (magic,), (_, name, version), (element, what, count_text), *rest = lines
        count, order = int(count_text), _ORDERS[name]
    except (ValueError, KeyError) as error:
        raise CodecError("the PLY's header is not understood", _REMEDY) from error
    if (magic, version, element, what) != ("ply", "1.0", "element", "vertex") or count < 1:
        raise CodecError(f"the PLY begins with {count} of element {what[:40]!r}, not with points", _REMEDY)
    fields = []
    for words in rest:
        if words[0] == "element":
            break
        if len(words) != 3 or words[0] != "property" or words[1] not in _TYPES:
            raise CodecError(f"the PLY's vertices have {' '.join(words)[:80]!r}", _REMEDY)
        fields.append((words[2], order + _TYPES[words[1]]))
    names = [name for name, _ in fields]
    if len(set(names)) != len(names) or not {"x", "y", "z"} <= set(names):
        raise CodecError("the PLY's vertices do not have one x, y and z each", _REMEDY)
    return _Header(name == "ascii", count, np.dtype(fields), line_end + 1)


def _rows(file: BinaryIO, header: _Header, count: int) -> npt.NDArray[np.void]:
    return np.frombuffer(read_exactly(file, count * header.row.itemsize), header.row)


def _text_rows(file: BinaryIO, header: _Header, count: int) -> npt.NDArray[np.void]:
    lines = [file.readline(MAX_HEADER_BYTES) for _ in range(count)]
    try:
        rows = np.loadtxt(io.BytesIO(b"".join(lines)), header.row, ndmin=1, comments=None) if all(lines) else None
    except ValueError as error:
        raise CodecError(f"the PLY's text is no numbers: {str(error)[:80]}", _REMEDY) from error
    if rows is None or len(rows) != count:
        raise CodecError("the file ends too early", "copy or export it again")
    return rows


def _batch(rows: npt.NDArray[np.void], engine: Engine) -> PointBatch:
    names = set(rows.dtype.names or ())
    convention = engine.convention
    with np.errstate(invalid="ignore"):  # not a number: left out later
        points = convention.world_from_points(np.stack([rows[axis] for axis in "xyz"], axis=1))
    sizes = None
    if {"scale_0", "scale_1", "scale_2"} <= names:
        logarithms = np.stack([rows[f"scale_{i}"] for i in range(3)], axis=1).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = 2 * np.exp(logarithms.max(axis=1)) / convention.units_per_metre
    return PointBatch(points, _colours(rows, names), sizes)


def _colours(rows: npt.NDArray[np.void], names: set[str]) -> npt.NDArray[np.uint8]:
    for channels in _COLOURS:
        if names.issuperset(channels):
            return np.stack([colours_of(rows[channel]) for channel in channels], axis=1)
    if {"f_dc_0", "f_dc_1", "f_dc_2"} <= names:
        return np.stack([colours_of(0.5 + SH_C0 * rows[f"f_dc_{i}"].astype(np.float64)) for i in range(3)], axis=1)
    if "intensity" in names and rows.dtype["intensity"].kind in "u":
        return np.repeat(colours_of(rows["intensity"])[:, None], 3, axis=1)
    return np.full((len(rows), 3), GREY, np.uint8)
