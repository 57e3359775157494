"""Parts of chunks, encoded once: the same bytes as encoding anew, whoever asks, within the bound."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.scenes import snapshot
from spatia_bridge.codec import parts
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


class Gate:
    """Stands for `compress`: counts, and lets nobody through before `open` is set."""

    def __init__(self, monkeypatch):
        self.calls, self.entered, self.open = 0, threading.Event(), threading.Event()
        monkeypatch.setattr(parts, "compress", self.compress)

    def compress(self, name, raw):
        self.calls += 1
        self.entered.set()
        assert self.open.wait(20)
        return compress(name, raw)


def test_newcomers_that_ask_at_the_same_time_have_a_part_encoded_once(chunk, monkeypatch):
    gate, cache, part = Gate(monkeypatch), PartCache(), (chunk, 0, 512)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(cache.get, part, "zstd")
        assert gate.entered.wait(20)
        cache.encode([part], "zstd")  # ahead of anybody's need: leaves it to who is at it, and waits for nothing
        others = [pool.submit(cache.get, part, "zstd") for _ in range(4)]
        assert not first.done() and not any(other.done() for other in others)
        gate.open.set()
        assert {first.result(20), *(other.result(20) for other in others)} == {compress("zstd", chunk.packed(0, 512))}
    assert gate.calls == 1


def test_who_waits_for_a_part_that_cannot_be_encoded_is_told_and_the_next_tries_again(chunk, monkeypatch):
    cache, part, began, fail = PartCache(), (chunk, 0, 512), threading.Event(), threading.Event()

    def broken(name, raw):
        began.set()
        assert fail.wait(20)
        raise MemoryError

    monkeypatch.setattr(parts, "compress", broken)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(cache.get, part, "zstd")]
        assert began.wait(20)
        asked.append(pool.submit(cache.get, part, "zstd"))
        fail.set()
        assert all(isinstance(each.exception(20), MemoryError) for each in asked)
    monkeypatch.setattr(parts, "compress", compress)
    assert cache.get(part, "zstd") == compress("zstd", chunk.packed(0, 512))
