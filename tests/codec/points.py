"""Chunks for codec tests: any records at all, and surfaces like those of a scene."""

import numpy as np
from hypothesis import strategies as st

from spatia_bridge.memory import RECORD, Chunk, ChunkIndex

ORIGIN = ChunkIndex(0, 0, 0, 0)


def any_chunk(points: int, seed: int = 0, index: ChunkIndex = ORIGIN) -> Chunk:
    """Random voxels, every other byte random too."""
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (points, RECORD.itemsize), dtype=np.uint8).view(RECORD)[:, 0]
    voxels = rng.choice(64**3, points, replace=False)
    corner = np.stack([voxels % 64, voxels // 64 % 64, voxels // 4096], axis=1) * 4
    records["xyz"] = corner + rng.integers(0, 4, (points, 3))
    return Chunk(index, records)


def surface_chunk(seed: int = 0, index: ChunkIndex = ORIGIN) -> Chunk:
    """A bent, textured, slightly noisy wall of 4096 points."""
    rng = np.random.default_rng(seed)
    u, v = np.meshgrid(np.arange(64), np.arange(64))
    depth = 32 + 12 * np.sin(u / 17) + 6 * np.cos(v / 11) + rng.normal(size=u.shape) * 0.3
    records = np.zeros(u.size, RECORD)
    within = [u * 4 + rng.integers(0, 4, u.shape), v * 4 + rng.integers(0, 4, u.shape), depth * 4]
    records["xyz"] = np.stack(within, -1).reshape(-1, 3)
    texture = (128 + 60 * np.sin(u / 5) * np.cos(v / 7) + rng.normal(size=u.shape) * 8).clip(0, 250).ravel()
    records["rgb"] = texture[:, None] * [1, 0.8, 0.5] + rng.integers(0, 4, (u.size, 3))
    records["footprint"] = rng.integers(125, 132, u.size)
    records["confidence"] = rng.integers(150, 200, u.size)
    records["normal"] = rng.integers(120, 124, (u.size, 2))
    records["weight"], records["last_seen"] = rng.integers(1, 6, u.size), rng.integers(1, 4, u.size)
    return Chunk(index, records)


def chunks(max_points: int = 300) -> st.SearchStrategy[Chunk]:
    return st.builds(any_chunk, st.integers(1, max_points), st.integers(0, 1 << 30))


def mutations(data: bytes, count: int, seed: int):
    """Seeded damage: flipped, overwritten, removed, repeated and inserted bytes, cuts, and headers of other data's tails."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        bad = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(bad) + 1)) if rng.random() < 0.5 else int(rng.integers(0, min(40, len(bad) + 1)))
            kind = int(rng.integers(0, 6))
            if kind == 0 and at < len(bad):
                bad[at] ^= 1 << int(rng.integers(0, 8))
            elif kind == 1:
                bad[at : at + 4] = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF])).to_bytes(4, str(rng.choice(["little", "big"])))
            elif kind == 2:
                del bad[at : at + int(rng.integers(1, 9))]
            elif kind == 3:
                bad[at:at] = bad[at : at + 16]
            elif kind == 4:
                bad[at:at] = rng.bytes(int(rng.integers(1, 9)))
            else:
                del bad[at:]
        if bytes(bad) != data:
            yield bytes(bad)
