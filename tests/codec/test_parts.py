"""Parts of chunks, encoded once: the same bytes as encoding anew, whoever asks, within the bound."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.scenes import snapshot
from spatia_bridge.codec.compression import COMPRESSIONS, compress, decompress
from spatia_bridge.codec.parts import PartCache
from tests.contracts.renderer import wall

RANGES = [(0, 100), (0, 512), (100, 7), (512, 200)]


@pytest.fixture
def chunk():
    return max(snapshot([wall(2.0, 1.0)], 0.03).chunks.values(), key=len)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_part_is_that_stretch_of_the_packed_bytes(chunk, compression):
    cache, packed = PartCache(), chunk.packed()
    for first, count in RANGES * 2:
        data = cache.get((chunk, first, count), compression)
        raw = packed[8 * first : 8 * (first + count)]
        assert data == raw or decompress(compression, data, len(raw), len(raw)) == raw
        assert len(data) <= len(raw)
    assert len(cache) == (0 if compression == "none" else len(RANGES))  # what is not compressed is not worth keeping


def test_the_bound_holds_and_the_part_last_asked_for_stays(chunk):
    size = len(compress("zstd", chunk.packed(0, 500)))
    cache = PartCache(size + 10)
    cache.get((chunk, 0, 500), "zstd")
    cache.get((chunk, 500, 400), "zstd")
    assert len(cache) == 1
    cache.get((chunk, 500, 400), "zstd")
    assert len(cache) == 1


def test_many_threads_may_ask_at_once(chunk):
    cache = PartCache()
    expected = [PartCache().get((chunk, *part), "zstd") for part in RANGES]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: cache.get((chunk, *RANGES[i % 4]), "zstd"), range(200)))
    assert all(data == expected[i % 4] for i, data in enumerate(found)) and len(cache) == 4
