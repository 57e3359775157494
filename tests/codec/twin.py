"""A slow reader of `compact`, written from its docstring with dictionaries and plain integers, as a client's author may."""

import hashlib

import msgpack
import numpy as np
import zstandard

from spatia_bridge.geometry import morton
from spatia_bridge.memory import RECORD

PLANES = [5, 4, 6, 3, *range(7, 16)]


def read(data: bytes) -> np.ndarray:
    """Records in canonical order."""
    assert data[:5] == b"SBCR\2"
    at = 6 + data[5]
    count, digest, parts = msgpack.unpackb(data[6:at])
    known: dict[tuple[int, int, int], bytes] = {}  # by voxel, in the order of the stream
    last: list[dict[int, int]] = [{}, {}, {}]
    cell_exponent = 6
    for k, points, raw_size, size in parts:
        raw = zstandard.decompress(data[at : at + size])
        assert len(raw) == raw_size
        at += size
        read_part(raw, points, cell_exponent, k, known, last)
        cell_exponent = k
    assert at == len(data) and len(known) == count
    rows = np.frombuffer(b"".join(known.values()), RECORD)
    codes = morton.encode(rows["xyz"] >> 2)
    order = np.argsort(codes)
    records = rows[order[morton.stratified_order(codes[order])]]
    assert hashlib.sha256(records.tobytes()).digest() == digest
    return records


def read_part(raw, points, above, k, known, last):
    source = iter(raw)
    base = bytes(next(source) for _ in range(13)) if not known else None
    mask = next(source) | next(source) << 8
    cubes = sorted({tuple(v >> above for v in voxel) for voxel in known} or {(0, 0, 0)}, key=curve)
    for _ in range(above):
        children = []
        for cube in cubes:
            occupied = next(source)
            children += [tuple(2 * v + (c >> axis & 1) for axis, v in enumerate(cube)) for c in range(8) if occupied >> c & 1]
        cubes = children
    new = [voxel for voxel in cubes if voxel not in known]
    assert len(new) == points and len(cubes) == points + len(known)
    planes = {
        bit: bytes(next(source) for _ in new) if mask >> bit & 1 else bytes(points) for bit in [13, *(p - 3 for p in PLANES)]
    }
    assert next(source, None) is None
    order = {voxel: number for number, voxel in enumerate(known)}
    cells = {tuple(v >> k for v in voxel): voxel for voxel in known}
    before = known[next(reversed(known))] if known else bytes(3) + base
    for i, voxel in enumerate(new):
        record = bytearray(16)
        for axis in range(3):
            quarter = (last[axis].get(voxel[axis], 0) + (planes[13][i] >> 2 * axis)) & 3
            last[axis][voxel[axis]] = quarter
            record[axis] = 4 * voxel[axis] + quarter
        cell = tuple(v >> k for v in voxel)

        def lower(*axes, cell=cell):
            return cells.get(tuple(v - (axis in axes) for axis, v in enumerate(cell)))

        near = [voxel for voxel in (lower(0), lower(1), lower(2)) if voxel]
        reference = known[max(near, key=order.get)] if near else before
        p = q = e = reference
        for pair in ((0, 1), (0, 2), (1, 2)):
            if lower(pair[0]) and lower(pair[1]) and lower(*pair):
                p, q, e = (known[found] for found in (lower(pair[0]), lower(pair[1]), lower(*pair)))
                break
        green = signed(planes[2][i])
        for byte in range(3, 16):
            difference = signed(planes[byte - 3][i])
            if byte in (4, 5, 6):
                told = sorted((min(p[byte], q[byte]), p[byte] + q[byte] - e[byte], max(p[byte], q[byte])))[1]
                difference += green if byte != 5 else 0
            else:
                told = reference[byte]
            record[byte] = (told + difference) & 255
        before = bytes(record)
        known[voxel], order[voxel], cells[cell] = before, len(order), voxel


def signed(code: int) -> int:
    return -(code + 1) // 2 if code & 1 else code // 2


def curve(cube) -> int:
    return sum((v >> bit & 1) << (3 * bit + axis) for bit in range(7) for axis, v in enumerate(cube))
