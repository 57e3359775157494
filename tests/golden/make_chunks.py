"""The golden bytes that bind every language to one layout of chunks, images and hashes.

    python -m tests.golden.make_chunks        writes them again; only when a version number was raised on purpose

    chunk_records.bin     16 bytes a point, canonical order
    chunk_packed.bin      8 bytes a point
    chunk_compact.bin     `encode_compact`; the raw bytes are frozen, the compressed ones may differ with another zstd
    chunk_compact_parts.bin   the same in parts
    chunk_disk.bin        version 1 of the lossless form, as old sessions have it on the disk: only read, made by nothing any more
    depth_plane.bin, u16_plane.bin, mask_plane.bin, depth_png16.png, colour.png
    chunk_hashes.json     the chunk's index and two hashes, and a snapshot's two digests

Everything is made of integer arithmetic alone, so it is the same on every machine and NumPy.
"""

import json
from pathlib import Path

import numpy as np

from spatia_bridge.codec.compact import IN_PARTS, encode_compact
from spatia_bridge.codec.images import encode_depth, encode_depth_png16, encode_mask, encode_png, encode_u16
from spatia_bridge.memory import RECORD, Chunk, ChunkIndex, Snapshot

FOLDER = Path(__file__).parent
INDEX = ChunkIndex(2, -3, 70_000, 5)
OTHER_INDEX = ChunkIndex(0, 0, -1, 131_071)


def golden_chunk(index: ChunkIndex = INDEX, points: int = 101) -> Chunk:
    """Points in distinct voxels by a full-period generator; every byte of the record takes part."""
    i = np.arange(points)
    voxel = (i * 40_503 + 12_345) % 64**3
    records = np.zeros(points, RECORD)
    corner = np.stack([voxel % 64, voxel // 64 % 64, voxel // 4096], axis=1) * 4
    records["xyz"] = corner + np.stack([i % 4, i // 4 % 4, i // 16 % 4], axis=1)
    records["footprint"], records["confidence"] = 100 + i % 50, 255 - i
    records["rgb"] = np.stack([i * 7 % 256, i * 11 % 256, i * 13 % 256], axis=1)
    records["normal"] = np.stack([i * 3 % 256, i * 5 % 256], axis=1)
    records["weight"], records["flags"] = 1 + i % 9, i % 4
    records["object_id"], records["last_seen"] = i * 601 % 65_536, i * 257 % 65_536
    return Chunk(index, records)


def golden_depth() -> np.ndarray:
    """float32 (5, 7) metres, exact in float16 and in millimetres; with none and infinity."""
    depth = (np.arange(35, dtype=np.float32) * np.float32(0.125)).reshape(5, 7)
    depth[4, 6] = np.inf
    return depth


def golden_snapshot() -> Snapshot:
    chunks = (golden_chunk(), golden_chunk(OTHER_INDEX, 3))
    return Snapshot(0.02).with_changes({chunk.index: chunk for chunk in chunks})


def golden_files() -> dict[str, bytes]:
    """Every golden file as this program makes it now."""
    chunk, snapshot, depth = golden_chunk(), golden_snapshot(), golden_depth()
    ids = np.arange(35, dtype=np.uint16).reshape(5, 7) * np.uint16(1871)
    hashes = {
        "index": list(INDEX),
        "points": len(chunk),
        "record_hash": chunk.record_hash.hex(),
        "packed_hash": chunk.packed_hash.hex(),
        "snapshot_indexes": [list(INDEX), list(OTHER_INDEX)],
        "snapshot_record_digest": f"{snapshot.record_digest:064x}",
        "snapshot_packed_digest": f"{snapshot.packed_digest:064x}",
    }
    return {
        "chunk_records.bin": chunk.records.tobytes(),
        "chunk_packed.bin": chunk.packed(),
        "chunk_compact.bin": encode_compact(chunk),
        "chunk_compact_parts.bin": encode_compact(chunk, IN_PARTS),
        "depth_plane.bin": encode_depth(depth),
        "u16_plane.bin": encode_u16(ids),
        "mask_plane.bin": encode_mask(ids % 3 == 0),
        "depth_png16.png": encode_depth_png16(depth),
        "colour.png": encode_png(np.stack([ids & 255, ids >> 8, ids % 251], axis=-1).astype(np.uint8)),
        "chunk_hashes.json": (json.dumps(hashes, indent=2) + "\n").encode(),
    }


if __name__ == "__main__":
    for name, data in golden_files().items():
        (FOLDER / name).write_bytes(data)
