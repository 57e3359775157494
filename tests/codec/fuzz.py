"""Mutated chunks against the reader of `compact`: only CodecError comes out, and no more memory is taken than the header states.

    python -m tests.codec.fuzz --count 1000000 [--seed 0]

Most inputs are damaged anywhere, the others where it hurts: in the header, with all else kept right, or in the raw bytes of a
part, which are compressed again, so that zstd's checksum does not stop them before the octree and the planes are read. What is
taken is counted by Python's own allocator hooks (NumPy and the kernels' arrays report to them), over what the header states:
see `stated_bytes`.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgpack
import numpy as np

from spatia_bridge.codec.compact import IN_PARTS, decode_compact, decode_prefix, encode_compact, part_ends
from spatia_bridge.codec.compression import compress_zstd, decompress
from spatia_bridge.errors import CodecError
from spatia_bridge.memory import Chunk
from tests.codec.points import ORIGIN, any_chunk, mutations, surface_chunk
from tests.codec.version1 import encode_planes

ALLOWED_OVER_STATED = 80 << 10  # 64 KiB are the two maps with which parts are sorted; errors, the header's own objects
BYTES_A_POINT = 160  # the raw bytes twice (20 a point and 6 for each level), records and rows, codes and maps to them
NUMBERS = [0, 1, 2, 5, 63, 64, 255, 256, 1 << 16, 1 << 18, (1 << 18) + 1, 1 << 31, 1 << 62, -1]


def split(data: bytes) -> tuple[Any, bytes]:
    """The header and what follows it."""
    end = 6 + data[5]
    return msgpack.unpackb(data[6:end]), data[end:]


def with_header(data: bytes, change: Callable[[Any], Any]) -> bytes:
    """The same parts behind another header."""
    header, body = split(data)
    packed = msgpack.packb(change(header))
    return data[:5] + bytes([min(len(packed), 255)]) + packed + body


def _other_header(data: bytes, rng: np.random.Generator) -> bytes:
    def change(header: Any) -> Any:
        count, digest, parts = header
        value = int(rng.choice(NUMBERS))
        at = int(rng.integers(0, 4))
        if at == 0:
            return [value, digest, parts]
        if at == 1:
            return [count, digest, parts * 2 if value & 1 else parts[:-1]]
        part = int(rng.integers(0, len(parts)))
        parts[part][int(rng.integers(0, 4))] = value
        return [sum(p[1] for p in parts) if at == 2 else count, digest, parts]

    return with_header(data, change)


def _other_raw(data: bytes, rng: np.random.Generator) -> bytes:
    (count, digest, parts), body = split(data)
    at, frames = 0, []
    chosen = int(rng.integers(0, len(parts)))
    for number, part in enumerate(parts):
        frame = body[at : at + part[3]]
        at += part[3]
        if number == chosen:
            raw = bytearray(decompress("zstd", frame, part[2], 1 << 30))
            for _ in range(int(rng.integers(1, 4))):
                raw[int(rng.integers(0, len(raw)))] = int(rng.integers(0, 256))
            if rng.random() < 0.2:
                del raw[int(rng.integers(0, len(raw))) :]
            frame = compress_zstd(bytes(raw))
            part[2] = len(raw)
        part[3] = len(frame)
        frames.append(frame)
    header = msgpack.packb([count, digest, parts])
    return data[:5] + bytes([len(header)]) + header + b"".join(frames)


def inputs(count: int, seed: int) -> Iterator[bytes]:
    """Seeded, endless in kind, `count` of them."""
    rng = np.random.default_rng(seed)
    chunks = [any_chunk(int(n), n) for n in (1, 2, 3, 9, 40, 200)] + [Chunk(ORIGIN, surface_chunk().records[:150])]
    good = [encode_compact(chunk, cells) for chunk in chunks for cells in ((0,), IN_PARTS, (6, 4, 2, 0))]
    old = [encode_planes(chunk) for chunk in chunks]
    made = 0
    while made < count:
        data = good[int(rng.integers(0, len(good)))]
        kind = rng.random()
        if kind < 0.25:
            source = old[int(rng.integers(0, len(old)))] if kind < 0.03 else data
            batch = list(mutations(source, min(16, count - made), int(rng.integers(0, 1 << 31))))
        else:
            batch = [_other_header(data, rng) if kind < 0.5 else _other_raw(data, rng)]
        yield from batch
        made += len(batch)


def stated_bytes(data: bytes) -> int:
    """What reading this input may take: some bytes for each point that its header states, if it may state so many."""
    try:
        points = part_ends(data)[-1][0]
    except (CodecError, IndexError):
        points = int.from_bytes(data[8:12], "little") if data[:5] == b"SBCR\1" else 0
        points = points if points <= 64**3 else 0
    return BYTES_A_POINT * points + len(data)


def read(data: bytes, verify: bool) -> bool:
    """Whether it was refused; whatever else is raised comes through."""
    refused = False
    try:
        chunk = decode_compact(ORIGIN, data, verify=verify)
        assert Chunk(ORIGIN, chunk.records.copy()).records.tobytes() == chunk.records.tobytes()  # canonical, whatever it is
    except CodecError:
        refused = True
    with suppress(CodecError):
        decode_prefix(data, 1)
    return refused


def run(count: int, seed: int = 0) -> dict[str, int]:
    """Read so many inputs; every 16th under tracemalloc, which is slow."""
    refused = over = number = 0
    for points in (3, 1 << 16):  # compiles, and makes this thread's maps
        for cells in ((0,), IN_PARTS):
            read(encode_compact(any_chunk(points), cells), verify=True)
    read(encode_planes(any_chunk(3)), verify=True)
    for data in inputs(count, seed):
        number += 1
        if number % 16:
            refused += read(data, verify=bool(number & 1))
            continue
        limit = stated_bytes(data)
        tracemalloc.start()
        refused += read(data, verify=bool(number & 32))
        over = max(over, tracemalloc.get_traced_memory()[1] - limit)
        tracemalloc.stop()
    return {"inputs": number, "refused": refused, "largest_allocation_over_stated": over}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start = time.monotonic()
    report = run(arguments.count, arguments.seed)
    print(json.dumps({**report, "seconds": round(time.monotonic() - start)}))


if __name__ == "__main__":
    main()
