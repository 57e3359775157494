import gzip
import threading
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.codec.compression import COMPRESSIONS, compress, decompress
from spatia_bridge.errors import CodecError, InvalidInputError
from tests.codec.points import mutations

LIMIT = 1 << 20


@given(st.sampled_from(COMPRESSIONS), st.binary(max_size=2000))
def test_decompress_is_the_inverse_of_compress(name, raw):
    assert decompress(name, compress(name, raw), len(raw), LIMIT) == raw


@given(st.sampled_from(COMPRESSIONS), st.binary(max_size=200), st.integers(-3, 300))
def test_another_size_than_stated_is_refused(name, raw, size):
    if size != len(raw):
        with pytest.raises(CodecError):
            decompress(name, compress(name, raw), size, LIMIT)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_stated_size_beyond_the_limit_is_refused_before_anything_else(name):
    with pytest.raises(CodecError, match="limit"):
        decompress(name, b"", LIMIT + 1, LIMIT)


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_data_after_the_end_is_refused(name):
    with pytest.raises(CodecError):
        decompress(name, compress(name, b"abc") + b"\0", 3, LIMIT)
    with pytest.raises(CodecError):
        decompress(name, compress(name, b"abc") * 2, 3, LIMIT)


def test_unknown_names_are_refused():
    with pytest.raises(InvalidInputError):
        compress("lzma", b"")
    with pytest.raises(CodecError):
        decompress("lzma", b"", 0, LIMIT)


def test_other_encoders_are_understood():
    raw = b"points " * 1000
    assert decompress("gzip", gzip.compress(raw), len(raw), LIMIT) == raw
    streamed = zstandard.ZstdCompressor().compressobj()  # states no content size
    data = streamed.compress(raw) + streamed.flush()
    assert decompress("zstd", data, len(raw), LIMIT) == raw
    with pytest.raises(CodecError):
        decompress("zstd", data, len(raw) - 1, LIMIT)


@pytest.mark.parametrize("name", ["zstd", "gzip"])
def test_a_bomb_allocates_no_more_than_was_stated(name):
    bomb = compress(name, bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(CodecError):
        decompress(name, bomb, 1000, LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_a_frame_with_a_giant_window_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    streamed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = streamed.compress(b"x" * 100) + streamed.flush()
    with pytest.raises(CodecError, match="window"):
        decompress("zstd", data, 100, LIMIT)


@pytest.mark.parametrize("name", ["zstd", "gzip"])
def test_damaged_data_gives_codec_errors_only(name):
    raw = b"some points, and some more points, " * 20
    for bad in mutations(compress(name, raw), 2000, seed=1):
        try:
            assert len(decompress(name, bad, len(raw), LIMIT)) == len(raw)
        except CodecError:
            continue


def test_threads_do_not_disturb_each_other():
    failures = []

    def work(number: int) -> None:
        raw = bytes([number]) * 50_000 + number.to_bytes(4, "big") * 10_000
        failures.extend(n for n in range(30) if decompress("zstd", compress("zstd", raw), len(raw), LIMIT) != raw)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
