"""Codecs: `compact` against Draco, `packed` as it is sent against viser, level of detail against one piece.

    python benchmarks/codec.py [--quick]

Two clouds: the sample's memory, seeded as `run sample` seeds it (small chunks, noisy pictures of a game's textures), and one
synthetic hall (benchmarks/scenes.py); every ratio is stated for both, and its worst is what the bars are for.

Bytes. Draco (its C++ library through DracoPy) gets the chunks one by one, as we do, positions and colours, at compression
level 7 (`-cl 7`), with 8 bits an axis, so that its step is our quarter voxel, and may choose its own method and order; what it
decodes is checked to be the same points. For `compact_over_draco_bytes` our side has the same fields: the very same encoder on
chunks whose other bytes are zero, header and SHA-256 counted. `compact_whole_record_over_draco_bytes` is our whole 16-byte record
against Draco's positions and colours. What Draco saves with all chunks of a level in one piece, at the same step, is printed too.

Seconds. The same fields, one thread each, in turns, the least of several turns, because the machine has other work; both sides
through Python, chunk by chunk. A call costs Draco some 20 µs before the first point and us about as much, so the two ratios take
the chunks of at least 2,048 points (or the largest quarter, if there are few); chunks of any size are stated beside them, and so
is the whole record. We decode to a memory chunk in canonical order, which Draco does not keep; without comparing the hash, as
Draco has none, unless it says verified.

`packed_over_viser_bytes`: our ChunkParts' data as the link cuts and compresses them (zstd; 512 points, then 5,120), over what
viser 1.1.1 sends for `add_point_cloud`: float16 positions and uint8 colours, 9 bytes a point, which it leaves uncompressed on the
wire (its `infra/_infra.py` says so; only the messages' msgpack is compressed). The same 9 bytes under zstd are printed for
comparison. Planes instead of rows within a part: printed under zstd and gzip.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import scenes
from spatia_bridge.cli.sources import SAMPLE, load_source
from spatia_bridge.codec.compact import IN_PARTS, decode_compact, encode_compact
from spatia_bridge.codec.compression import compress
from spatia_bridge.link.limits import COARSE_POINTS, PART_POINTS
from spatia_bridge.memory import RECORD, Chunk, Memory
from spatia_bridge.memory.record import PACKED_BYTES
from spatia_bridge.memory.snapshot import Snapshot
from spatia_bridge.render.cpu_renderer import CpuRenderer
from spatia_bridge.session.loop import Stages, plant
from spatia_bridge.slam.update import Slam

VIEWS = 6  # of the sample, as the command's default
VOXEL_M = 0.0126
DRACO_LEVEL = 7
BITS, STEPS = 8, 255.0  # of a chunk's 64 · 4 quarters
VISER_BYTES = 9
MANY_POINTS = 2048
Job = Callable[[], object]
Points = tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]


def sample_memory() -> Snapshot:
    """What `spatia-bridge run sample` seeds."""
    source = load_source(SAMPLE, VIEWS, None)
    renderer, memory = CpuRenderer(), Memory()
    plant(Stages(renderer, Slam(renderer)), memory, [source.views[i] for i in source.seeds], 0, "", lambda done, total: None)
    return memory.snapshot()


def draco_encode(points: Points, bits: int = BITS, steps: float = STEPS) -> bytes:
    positions, colours = points
    return bytes(
        DracoPy.encode(
            positions,
            quantization_bits=bits,
            compression_level=DRACO_LEVEL,
            quantization_range=steps,
            quantization_origin=np.zeros(3),
            colors=colours,
        )
    )


def as_points(chunk: Chunk) -> Points:
    """Positions in quarters, colours."""
    return chunk.records["xyz"].astype(np.float32), np.ascontiguousarray(chunk.records["rgb"])


def same_points(points: Points, data: bytes) -> bool:
    decoded = DracoPy.decode(data)
    theirs = np.concatenate([np.rint(decoded.points).astype(np.int64), np.asarray(decoded.colors)], axis=1)
    ours = np.concatenate([points[0].astype(np.int64), points[1]], axis=1)
    return bool(np.array_equal(np.unique(theirs, axis=0), np.unique(ours, axis=0)) and len(theirs) == len(ours))


def same_fields(chunk: Chunk) -> Chunk:
    """The chunk with what Draco is not given set to zero."""
    records = np.zeros(len(chunk), RECORD)
    records["xyz"], records["rgb"] = chunk.records["xyz"], chunk.records["rgb"]
    return Chunk(chunk.index, records, canonical=True)


def draco_in_one_piece(base: Snapshot) -> float:
    """Bytes of all chunks of the fullest level at once, over those one by one; the step is a quarter voxel in both."""
    level = max(range(16), key=lambda number: sum(len(c) for i, c in base.chunks.items() if i.level == number))
    chunks = [chunk for index, chunk in base.chunks.items() if index.level == level]
    corner = np.array([chunk.index[1:] for chunk in chunks]).min(axis=0)
    places = [chunk.records["xyz"] + 256 * (np.array(chunk.index[1:]) - corner) for chunk in chunks]
    positions = np.concatenate(places).astype(np.float32)
    colours = np.concatenate([chunk.records["rgb"] for chunk in chunks])
    bits = int(np.ceil(np.log2(positions.max() + 1)))
    whole = len(draco_encode((positions, colours), bits, float(2**bits - 1)))
    return whole / sum(len(draco_encode(as_points(chunk))) for chunk in chunks)


def least_seconds(jobs: dict[str, Job], turns: int) -> dict[str, float]:
    """The jobs in turns, so that all see the same load of the machine."""
    least = dict.fromkeys(jobs, float("inf"))
    for _ in range(turns):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            least[name] = min(least[name], time.perf_counter() - start)
    return least


def speeds(chunks: Sequence[Chunk], turns: int) -> dict[str, float]:
    """Draco's seconds over ours."""
    bare = [same_fields(chunk) for chunk in chunks]
    points = [as_points(chunk) for chunk in chunks]
    for chunk in (*chunks, *bare):
        _ = chunk.record_hash  # a memory has them
    theirs, ours = [draco_encode(p) for p in points], [encode_compact(chunk) for chunk in bare]
    whole = [encode_compact(chunk) for chunk in chunks]
    spent = least_seconds(
        {
            "draco_encode": lambda: [draco_encode(p) for p in points],
            "draco_decode": lambda: [DracoPy.decode(data) for data in theirs],
            "encode": lambda: [encode_compact(chunk) for chunk in bare],
            "decode": lambda: [decode_compact(c.index, data, verify=False) for c, data in zip(bare, ours, strict=True)],
            "whole_record_encode": lambda: [encode_compact(chunk) for chunk in chunks],
            "whole_record_decode": lambda: [decode_compact(c.index, d, verify=False) for c, d in zip(chunks, whole, strict=True)],
            "whole_record_decode_verified": lambda: [decode_compact(c.index, d) for c, d in zip(chunks, whole, strict=True)],
        },
        turns,
    )
    count = sum(map(len, chunks))
    rates = {name: round(count / seconds / 1e6, 2) for name, seconds in spent.items()}
    print(f"    million points a second, {len(chunks)} chunks of {count / len(chunks):.0f} points: {rates}")
    return {
        name: spent["draco_decode" if "decode" in name else "draco_encode"] / seconds
        for name, seconds in spent.items()
        if not name.startswith("draco")
    }


def link_parts(chunk: Chunk) -> list[bytes]:
    """The packed rows of each part that the link sends."""
    rows = chunk.packed()
    ends = [*range(COARSE_POINTS, len(chunk), PART_POINTS), len(chunk)]
    return [rows[a * PACKED_BYTES : b * PACKED_BYTES] for a, b in itertools.pairwise([0, *ends])]


def sent(compression: str, raw: bytes) -> int:
    """As the link does: not compressed where that would be larger."""
    return min(len(compress(compression, raw)), len(raw))


def packed_bytes(chunks: Sequence[Chunk]) -> dict[str, float]:
    """Bytes a point of parts as sent, and of the same parts as planes."""
    count = sum(map(len, chunks))
    parts = [part for chunk in chunks for part in link_parts(chunk)]
    assert sum(map(len, parts)) == PACKED_BYTES * count
    planes = [np.frombuffer(part, np.uint8).reshape(-1, PACKED_BYTES).T.tobytes() for part in parts]
    return {
        f"{shape}_{compression}": sum(sent(compression, part) for part in group) / count
        for shape, group in (("rows", parts), ("planes", planes))
        for compression in ("zstd", "gzip")
    }


def viser_compressed(base: Snapshot) -> float:
    """Bytes a point of viser's 9, had it compressed them: one message a chunk."""
    total = 0
    for chunk in base.chunks.values():
        positions = chunk.points_world(base.voxel_size_m).astype(np.float16)
        total += len(compress("zstd", positions.tobytes() + np.ascontiguousarray(chunk.records["rgb"]).tobytes()))
    return total / base.points


def measure_cloud(name: str, base: Snapshot, quick: bool) -> dict[str, float]:
    chunks = list(base.chunks.values())
    print(f"{name}: {base.points:,} points in {len(chunks)} chunks")
    points = [as_points(chunk) for chunk in chunks]
    theirs = [draco_encode(p) for p in points]
    assert all(same_points(p, data) for p, data in zip(points[::7], theirs[::7], strict=True))
    ours = [encode_compact(same_fields(chunk)) for chunk in chunks]
    whole = [encode_compact(chunk) for chunk in chunks]
    parts = [encode_compact(chunk, IN_PARTS) for chunk in chunks]
    for chunk, *forms in zip(chunks, whole, parts, strict=True):
        assert all(decode_compact(chunk.index, data).records.tobytes() == chunk.records.tobytes() for data in forms)
    draco, same, full, detail = (sum(map(len, data)) for data in (theirs, ours, whole, parts))
    bits = {"draco": draco, "compact, same fields": same, "compact, whole record": full, "compact, in parts": detail}
    print(f"    bits a point: { {what: round(8 * size / base.points, 2) for what, size in bits.items()} }")
    print(f"    Draco with all of a level in one piece takes {draco_in_one_piece(base):.2f} of its bytes chunk by chunk")
    packed, squeezed = packed_bytes(chunks), viser_compressed(base)
    print(f"    packed, bytes a point as sent: { {what: round(size, 2) for what, size in packed.items()} }")
    print(f"    viser: {VISER_BYTES} bytes a point; under zstd they would be {squeezed:.2f}")
    rng, many = np.random.default_rng(0), [chunk for chunk in chunks if len(chunk) >= MANY_POINTS]
    if len(many) < 8:
        many = sorted(chunks, key=len)[-max(len(chunks) // 4, 1) :]
    limit, turns = (60, 60) if quick else (200, 100)
    some, any_size = ([group[i] for i in rng.permutation(len(group))[:limit]] for group in (many, chunks))
    fast, every = speeds(some, turns), speeds(any_size, turns)
    return {
        "compact_over_draco_bytes": same / draco,
        "compact_whole_record_over_draco_bytes": full / draco,
        "compact_encode_vs_draco": fast["encode"],
        "compact_decode_vs_draco": fast["decode"],
        "compact_whole_record_encode_vs_draco": fast["whole_record_encode"],
        "compact_whole_record_decode_vs_draco": fast["whole_record_decode"],
        "compact_whole_record_decode_verified_vs_draco": fast["whole_record_decode_verified"],
        "compact_encode_vs_draco_all_chunks": every["encode"],
        "compact_decode_vs_draco_all_chunks": every["decode"],
        "packed_over_viser_bytes": packed["rows_zstd"] / VISER_BYTES,
        "packed_over_viser_bytes_compressed": packed["rows_zstd"] / squeezed,
        "packed_planes_over_rows_zstd": packed["planes_zstd"] / packed["rows_zstd"],
        "packed_planes_over_rows_gzip": packed["planes_gzip"] / packed["rows_gzip"],
        "lod_overhead": detail / full,
    }


def measure(quick: bool) -> dict[str, Any]:
    clouds = {"sample": sample_memory(), "room": scenes.snapshot(scenes.room(), VOXEL_M)}
    found = {name: measure_cloud(name, base, quick) for name, base in clouds.items()}
    worst = {}
    for figure in found["sample"]:
        choose = min if "_vs_" in figure else max
        worst[figure] = round(choose(cloud[figure] for cloud in found.values()), 3)
    each = {f"{figure}_{name}": round(cloud[figure], 3) for name, cloud in found.items() for figure in cloud}
    points = {f"points_{name}": base.points for name, base in clouds.items()}
    return {**worst, **each, **points, "quick": quick}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer chunks and turns")
    print(json.dumps(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
