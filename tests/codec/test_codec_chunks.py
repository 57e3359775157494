import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatia_bridge.codec import chunks as codec
from spatia_bridge.codec.compression import compress_zstd
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.memory import RECORD, Chunk, ChunkIndex
from tests.codec.points import ORIGIN, any_chunk, chunks, mutations, surface_chunk

INDEXES = st.builds(ChunkIndex, st.integers(0, 15), *[st.integers(-(1 << 18) + 1, (1 << 18) - 1)] * 3)


@given(chunks(), INDEXES)
def test_records_round_trip_to_the_byte(chunk, index):
    chunk = Chunk(index, chunk.records)
    again = codec.decode_records(index, codec.encode_records(chunk), expect_hash=chunk.record_hash)
    assert again.index == index
    assert again.records.tobytes() == chunk.records.tobytes()
    assert not again.records.flags.writeable


def test_a_full_chunk_round_trips():
    chunk = any_chunk(64**3)
    assert codec.decode_records(ORIGIN, codec.encode_records(chunk)).record_hash == chunk.record_hash


def test_records_of_a_surface_take_less_than_half_their_raw_size():
    chunk = surface_chunk()
    assert len(codec.encode_records(chunk)) / len(chunk) < 8


@given(chunks(), st.data())
def test_packed_says_what_the_chunk_says(chunk, data):
    chunk = Chunk(ChunkIndex(3, -2, 5, 1), chunk.records)
    points = data.draw(st.integers(1, len(chunk)))
    packed = codec.decode_packed(codec.encode_packed(chunk)[: 8 * points])
    for name in codec.PACKED.names:
        assert (packed[name] == chunk.records[name][:points]).all()
    np.testing.assert_allclose(
        codec.packed_positions_world(chunk.index, packed, 0.05), chunk.points_world(0.05)[:points], rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(codec.packed_footprints_m(chunk.index, packed, 0.05), chunk.footprints_m(0.05)[:points], rtol=1e-6)
    local = codec.packed_positions_voxels(packed)
    assert local.dtype == np.float32 and (local > 0).all() and (local < 64).all()


@pytest.mark.parametrize("size", [0, 7, 9, 8 * 64**3 + 8])
def test_packed_of_a_wrong_size_is_refused(size):
    with pytest.raises(CodecError):
        codec.decode_packed(bytes(size))


def test_another_chunk_than_expected_is_refused():
    with pytest.raises(CodecError, match="expected"):
        codec.decode_records(ORIGIN, codec.encode_records(any_chunk(5)), expect_hash=any_chunk(6).record_hash)


def test_records_in_another_order_cannot_be_written():
    wrong = Chunk(ORIGIN, any_chunk(50).records[::-1], canonical=True)
    with pytest.raises(InvalidInputError, match="canonical"):
        codec.encode_records(wrong)


def header(count: int, raw: int, version: int = 1, magic: bytes = b"SBCR") -> bytes:
    return struct.pack("<4sB3sII", magic, version, bytes(3), count, raw)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SBCR",
        header(0, 0),
        header(64**3 + 1, 17 * (64**3 + 1)),
        header(5, 84),
        header(5, 85, version=2),
        header(5, 85, magic=b"PNG!"),
        header(0xFFFFFFFF, 0xFFFFFFFF),
        header(2, 34) + compress_zstd(bytes([0xFF] * 34)),  # codes beyond the chunk
        header(1, 17) + compress_zstd(bytes([0, 0, 0, 64] + [0] * 13)),  # a quarter beyond the voxel
        header(1, 17) + compress_zstd(bytes(16)),
    ],
)
def test_hostile_headers_are_refused(data):
    with pytest.raises(CodecError):
        codec.decode_records(ORIGIN, data)


def test_damaged_records_give_codec_errors_or_a_valid_chunk():
    good = codec.encode_records(surface_chunk())
    tracemalloc.start()
    for bad in mutations(good, 3000, seed=2):
        try:
            chunk = codec.decode_records(ORIGIN, bad)
        except CodecError:
            continue
        assert Chunk(ORIGIN, chunk.records).record_hash == chunk.record_hash  # canonical, whatever it is
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 17 * 64**3 * 4


def test_unchecked_damage_behind_the_compression_gives_a_valid_chunk_or_an_error():
    chunk = surface_chunk()
    rng = np.random.default_rng(3)
    data = codec.encode_records(chunk)
    raw = np.frombuffer(codec.decompress("zstd", data[16:], 17 * len(chunk), 1 << 30), np.uint8)
    for _ in range(300):
        bad = raw.copy()
        bad[rng.integers(0, len(bad), 3)] = rng.integers(0, 256, 3)
        try:
            again = codec.decode_records(ORIGIN, data[:16] + compress_zstd(bad.tobytes()))
        except CodecError:
            continue
        assert again.records.dtype == RECORD
        assert Chunk(ORIGIN, again.records).record_hash == again.record_hash
