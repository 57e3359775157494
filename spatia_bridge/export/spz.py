"""3D Gaussian splats as SPZ, version 2 (github.com/nianticlabs/spz, `load-spz.cc`): a gzip stream, some 12 bytes a splat.

    16 bytes   magic, version, splats (u32 each); degree of spherical harmonics, bits of fraction, flags, 0 (u8 each)
    9 a splat  positions, 24-bit signed fixed point: right, up, back (glTF's axes), metres
    1          opacity · 255
    3          colours: 255 · (0.15 · coefficient + 0.5)
    3          standard deviations: 16 · (10 + natural logarithm)
    3          quaternions x, y, z with w ≥ 0: 127.5 · (1 + component)

All positions come first, then all opacities, and so on: the exporter goes over the points five times and keeps nothing. The bits
of fraction are as many as the farthest point leaves, up to 1/65,536 m. The splats are those of `export.splat`.
"""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spatia_bridge.errors import LimitExceededError
from spatia_bridge.export.base import Progress, Sink, silent
from spatia_bridge.export.batches import Batch, bounds_world, check_points, write_rows
from spatia_bridge.export.splat import OPACITY, harmonics
from spatia_bridge.export.surfels import surfels, turn_z_to
from spatia_bridge.geometry.conventions import GLTF, Engine
from spatia_bridge.memory import Snapshot

MAGIC, VERSION = 0x5053474E, 2
MAX_SPLATS = 10_000_000  # more is refused by Niantic's own reader, and so by most
MAX_FRACTION_BITS = 16
COLOUR_SCALE = 0.15
_GZIP = 31  # zlib's window bits for a gzip stream; its header then says no time

Bytes = npt.NDArray[np.uint8]


def fraction_bits(furthest_m: float) -> int:
    """How many of 23 bits are left of the binary point. Raises LimitExceededError: none."""
    bits = int(np.floor(np.log2((2**23 - 1) / max(furthest_m, 1.0))))
    if bits < 1:
        raise LimitExceededError(f"a point lies {furthest_m:.0f} m out", "SPZ reaches 4,000 km: remove what is so far")
    return min(bits, MAX_FRACTION_BITS)


def _positions(batch: Batch, bits: int) -> Bytes:
    fixed = np.rint(GLTF.points_from_world(batch.points_world) * (1 << bits)).astype("<i4")
    return np.ascontiguousarray(fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3]).reshape(-1, 9)


def _as_bytes(values: npt.NDArray[np.floating]) -> Bytes:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _opacities(batch: Batch) -> Bytes:
    return np.full((len(batch), 1), round(OPACITY * 255), np.uint8)


def _colours(batch: Batch) -> Bytes:
    return _as_bytes(255 * (COLOUR_SCALE * harmonics(batch.records["rgb"]) + 0.5))


def _scales(batch: Batch) -> Bytes:
    _, spread_m = surfels(batch)
    return _as_bytes(16 * (10 + np.log(spread_m[:, [0, 0, 1]])))


def _rotations(batch: Batch) -> Bytes:
    normals_world, _ = surfels(batch)
    turns = turn_z_to(GLTF.directions_from_world(normals_world).astype(np.float32))  # w ≥ 0 already
    return _as_bytes(127.5 * (1 + turns[:, :3]))


class SpzExporter:
    """A splat a point, a twentieth of the PLY's size."""

    name = "spz"
    suffix = ".spz"
    axes = "right, up, back (glTF's axes), metres"

    def write(self, snapshot: Snapshot, engine: Engine, sink: Sink, progress: Progress = silent) -> None:
        """See Exporter.write. LimitExceededError: more than MAX_SPLATS."""
        points = check_points(snapshot)
        if points > MAX_SPLATS:
            raise LimitExceededError(f"the memory has {points} points", f"SPZ readers take {MAX_SPLATS}: export as splat")
        bits = fraction_bits(float(np.abs(bounds_world(snapshot)).max()))
        packer = zlib.compressobj(wbits=_GZIP)

        def pack(data: bytes) -> None:
            if packed := packer.compress(data):
                sink(packed)

        pack(struct.pack("<IIIBBBB", MAGIC, VERSION, points, 0, bits, 0, 0))
        planes: list[Callable[[Batch], Bytes]] = [lambda b: _positions(b, bits), _opacities, _colours, _scales, _rotations]
        done = 0
        for plane in planes:
            done = write_rows(snapshot, plane, pack, progress, done, points * len(planes))
        sink(packer.flush())
