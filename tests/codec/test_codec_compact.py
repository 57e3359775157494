import hashlib
import threading
import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatia_bridge.codec import compact
from spatia_bridge.codec.compact import IN_PARTS, decode_compact, decode_prefix, encode_compact, part_ends
from spatia_bridge.codec.compression import compress_zstd
from spatia_bridge.errors import CodecError, InvalidInputError
from spatia_bridge.geometry import morton
from spatia_bridge.memory import RECORD, Chunk, ChunkIndex
from tests.codec import fuzz, twin
from tests.codec.points import ORIGIN, any_chunk, chunks, mutations, surface_chunk
from tests.codec.version1 import encode_planes

INDEXES = st.builds(ChunkIndex, st.integers(0, 15), *[st.integers(-(1 << 18) + 1, (1 << 18) - 1)] * 3)
CELLS = st.sets(st.integers(1, 6)).map(lambda found: (*sorted(found, reverse=True), 0))


@settings(deadline=None)  # the first call may compile
@given(chunks(), INDEXES, CELLS)
def test_records_round_trip_to_the_byte(chunk, index, cells):
    chunk = Chunk(index, chunk.records)
    again = decode_compact(index, encode_compact(chunk, cells), expect_hash=chunk.record_hash)
    assert again.index == index
    assert again.records.tobytes() == chunk.records.tobytes()
    assert not again.records.flags.writeable


@settings(deadline=None)  # the first call may compile
@given(chunks(120), CELLS)
def test_the_slow_twin_reads_the_same(chunk, cells):
    assert (twin.read(encode_compact(chunk, cells)) == chunk.records).all()


@pytest.mark.parametrize("cells", [(0,), IN_PARTS, (6, 5, 4, 3, 2, 1, 0)])
def test_the_slow_twin_reads_a_surface(cells):
    chunk = surface_chunk()
    assert (twin.read(encode_compact(chunk, cells)) == chunk.records).all()


@pytest.mark.parametrize("points", [(1 << 16) - 1, 1 << 16, 64**3])
def test_very_full_chunks_round_trip(points):
    chunk = any_chunk(points)
    for cells in ((0,), IN_PARTS):
        assert decode_compact(ORIGIN, encode_compact(chunk, cells)).record_hash == chunk.record_hash


def test_all_that_is_alike_costs_next_to_nothing():
    records = np.zeros(64**3, RECORD)
    records["xyz"] = 4 * np.stack(np.meshgrid(*[np.arange(64)] * 3), -1).reshape(-1, 3) + 2
    data = encode_compact(Chunk(ORIGIN, records))
    assert len(data) < 500
    assert decode_compact(ORIGIN, data).record_hash == Chunk(ORIGIN, records).record_hash


def test_a_noisy_surface_takes_an_eighth_less_than_version_1():
    chunk = surface_chunk()
    assert len(encode_compact(chunk)) < 0.88 * len(encode_planes(chunk))


@settings(deadline=None)  # the first call may compile
@given(chunks(), CELLS)
def test_every_part_is_an_even_prefix(chunk, cells):
    data = encode_compact(chunk, cells)
    counts = morton.cell_counts(chunk.codes())
    ends = part_ends(data[:261])
    assert ends[-1] == (len(chunk), len(data))
    assert [points for points, _ in ends] == sorted({int(counts[k]) for k in cells})
    for parts, (points, size) in enumerate(ends, 1):
        prefix = decode_prefix(data[:size], parts)
        assert {record.tobytes() for record in prefix} == {record.tobytes() for record in chunk.records[:points]}
        with pytest.raises(CodecError):
            decode_prefix(data[: size - 1], parts)
    with pytest.raises(CodecError, match="asked for"):
        decode_prefix(data, len(ends) + 1)


@pytest.mark.parametrize("cells", [(), (1,), (0, 0), (1, 2, 0), (7, 0), (0, -1)])
def test_parts_must_fall_to_single_voxels(cells):
    with pytest.raises(InvalidInputError, match="parts"):
        encode_compact(any_chunk(20), cells)


def test_records_in_another_order_cannot_be_written():
    wrong = Chunk(ORIGIN, any_chunk(50).records[::-1], canonical=True)
    with pytest.raises(InvalidInputError, match="canonical"):
        encode_compact(wrong)
    twice = Chunk(ORIGIN, np.repeat(any_chunk(5).records, 2), canonical=True)
    with pytest.raises(InvalidInputError, match="two points"):
        encode_compact(twice)


def test_another_chunk_than_expected_is_refused():
    data = encode_compact(any_chunk(5))
    for other in (any_chunk(6).record_hash, bytes(32)):
        with pytest.raises(CodecError, match="expected"):
            decode_compact(ORIGIN, data, expect_hash=other)
        with pytest.raises(CodecError, match="expected"):
            decode_compact(ORIGIN, encode_planes(any_chunk(5)), expect_hash=other)


@settings(deadline=None)  # the first call may compile
@given(chunks())
def test_version_1_is_read(chunk):
    assert decode_compact(ORIGIN, encode_planes(chunk), chunk.record_hash).records.tobytes() == chunk.records.tobytes()


def test_a_chunk_that_lies_about_its_hash_is_refused_unless_that_is_not_asked():
    chunk, digest = any_chunk(9), bytes(32)
    data = fuzz.with_header(encode_compact(chunk), lambda header: [header[0], digest, header[2]])
    with pytest.raises(CodecError, match="hash"):
        decode_compact(ORIGIN, data)
    with pytest.raises(CodecError, match="hash"):
        decode_compact(ORIGIN, data, expect_hash=digest)
    assert decode_compact(ORIGIN, data, verify=False).record_hash == chunk.record_hash


ONE = [0, 1, 21, 30]  # a part of one point


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xc1",
        b"\x80",
        b"\x93\x01",
        5,
        [1, bytes(32)],
        [0, bytes(32), []],
        [1, bytes(32), []],
        [1, bytes(31), [ONE]],
        [1, "h" * 32, [ONE]],
        [1, None, [ONE]],
        [2, bytes(32), [ONE]],
        [1, bytes(32), [[0, 1, 21]]],
        [1, bytes(32), [[7, 1, 21, 30]]],
        [1, bytes(32), [[-1, 1, 21, 30]]],
        [1, bytes(32), [[0, 1, 36, 30]]],
        [1, bytes(32), [[0, 1, -1, 30]]],
        [1, bytes(32), [[0, 1, 21, 0]]],
        [1, bytes(32), [[0, 1, 21, 29]]],
        [1, bytes(32), [[0, 1.0, 21, 30]]],
        [1, bytes(32), [[0, True, 21, 30]]],
        [1, bytes(32), [[0, 1, 21, 2**62]]],
        [1, bytes(32), {"a": 1}],
        [1, bytes(32), ["abcd"]],
        [2, bytes(32), [[0, 1, 21, 15], [0, 1, 8, 15]]],
        [2, bytes(32), [[1, 1, 21, 15], [2, 1, 8, 15]]],
        [64**3 + 1, bytes(32), [[0, 64**3 + 1, 21, 30]]],
        [2**63, bytes(32), [[0, 2**63, 21, 30]]],
    ],
)
def test_hostile_headers_are_refused(header):
    body = header if isinstance(header, bytes) else msgpack.packb(header)
    data = b"SBCR\2" + bytes([len(body)]) + body + bytes(30)
    for read in (lambda: decode_compact(ORIGIN, data), lambda: decode_prefix(data, 1)):
        with pytest.raises(CodecError):
            read()


@pytest.mark.parametrize("data", [b"", b"SBCR\2", b"SBCR\3\0", b"PNG!\2\0", b"SBCR\1", b"SBCR\2\xff"])
def test_what_is_no_chunk_is_refused(data):
    with pytest.raises(CodecError):
        decode_compact(ORIGIN, data)
    with pytest.raises(CodecError):
        part_ends(data)


def framed(points: int, *raws: bytes, cells=(0,)) -> bytes:
    """Any raw bytes in a well-formed shell."""
    frames = [compress_zstd(raw) for raw in raws]
    each = points // len(raws)
    parts = [[k, each, len(raw), len(frame)] for k, raw, frame in zip(cells, raws, frames, strict=True)]
    header = msgpack.packb([points, bytes(32), parts])
    return b"SBCR\2" + bytes([len(header)]) + header + b"".join(frames)


PATH = bytes([1] * 6)  # the octree of the one point in voxel 0


@pytest.mark.parametrize(
    "data",
    [
        framed(1, b""),
        framed(1, bytes(14)),
        framed(1, bytes(15)),
        framed(1, bytes(15) + PATH + b"\0"),  # more bytes than planes
        framed(1, bytes(13) + b"\0\x20" + PATH),  # fewer
        framed(1, bytes(13) + b"\0\x40" + PATH + b"\0"),  # an unknown plane
        framed(1, bytes(13) + b"\0\x20" + PATH + b"\x40"),  # a quarter beyond the voxel
        framed(1, bytes(15) + bytes([1, 1, 1, 1, 1, 0])),  # a cube without points
        framed(1, bytes(15) + bytes([1, 1, 1, 1, 1, 3])),  # two points where one was stated
        framed(2, bytes(15) + PATH),  # one where two were stated
        framed(2, bytes(15) + PATH, bytes(2) + bytes([1]), cells=(1, 0)),  # the second adds nothing
        framed(2, bytes(15) + PATH, bytes(2) + bytes([6]), cells=(1, 0)),  # the second takes away what was there
    ],
)
def test_damage_behind_the_compression_is_refused(data):
    with pytest.raises(CodecError, match=r"damaged|states"):
        decode_compact(ORIGIN, data, verify=False)


def test_the_shell_of_the_last_test_is_right():
    assert len(decode_compact(ORIGIN, framed(1, bytes(15) + PATH), verify=False)) == 1
    two = decode_compact(ORIGIN, framed(2, bytes(15) + PATH, bytes(2) + bytes([5]), cells=(1, 0)), verify=False)
    assert (two.records["xyz"] >> 2).tolist() == [[0, 0, 0], [0, 1, 0]]


def test_a_bounded_fuzz_finds_documented_errors_only():
    report = fuzz.run(20_000, seed=4)
    assert report["inputs"] == 20_000 and report["refused"] > 10_000
    assert report["largest_allocation_over_stated"] <= fuzz.ALLOWED_OVER_STATED


def test_damaged_data_is_refused_or_is_the_chunk():
    for cells in ((0,), IN_PARTS):
        chunk = surface_chunk()
        good = encode_compact(chunk, cells)
        for bad in mutations(good, 500, seed=2):
            try:
                assert decode_compact(ORIGIN, bad).record_hash == chunk.record_hash
            except CodecError:
                continue


def test_a_small_lie_about_the_points_allocates_no_more_than_it_states():
    bomb = compress_zstd(bytes(64 << 20))
    tracemalloc.start()
    for points in (5, 64**3):
        header = msgpack.packb([points, bytes(32), [[0, points, 15 + 20 * points, len(bomb)]]])
        with pytest.raises(CodecError):
            decode_compact(ORIGIN, b"SBCR\2" + bytes([len(header)]) + header + bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000


def test_threads_do_not_disturb_each_other():
    failures = []

    def work(number: int) -> None:
        chunk = surface_chunk(number)
        for _ in range(20):
            for cells in ((0,), IN_PARTS):
                again = decode_compact(ORIGIN, encode_compact(chunk, cells), verify=False)
                if hashlib.sha256(again.records.tobytes()).digest() != chunk.record_hash:
                    failures.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_the_map_of_cells_is_left_empty_whatever_comes():
    for bad in mutations(encode_compact(surface_chunk(), IN_PARTS), 300, seed=9):
        try:
            decode_compact(ORIGIN, bad)
        except CodecError:
            continue
    assert not compact._local.small.any()
