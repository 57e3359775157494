"""What Godot holds of memory, without a server: the same messages give what the Python client's mirror has."""

import hashlib
from dataclasses import replace

import pytest
import zstandard

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import to_map
from tests.engines.chunk_messages import arrive, digest, packed, parts

KINDS = {msg.ChunkPart: "chunk_part", msg.ChunksRemoved: "chunks_removed", msg.Synced: "synced"}


def both(headless, bodies, resume=False):
    """The Godot mirror's answer, checked against the Python one's."""
    found = headless.call("mirror", [[KINDS[type(body)], to_map(body)] for body in bodies], resume)
    mirror = PointMirror()
    for body in bodies:
        mirror.apply(body)
    if resume:
        mirror.resume()
    assert (found["fault"], found["points"], found["clean"]) == ("", mirror.points, mirror.clean)
    return found


A, B, FAR = (0, 0, -1, 3), (0, -200, 1, 0), (9, -1, 2, -3)
FIRST = {A: packed(2000), B: packed(1), FAR: packed(700)}


@pytest.mark.parametrize("compression", [msg.Compression.ZSTD, msg.Compression.NONE])
def test_chunks_add_up_to_the_digest(headless, compression):
    bodies = [part for index, data in FIRST.items() for part in parts(index, data, compression)]
    found = both(headless, [*bodies, msg.Synced(4, digest(FIRST))])
    assert found["digest"] == digest(FIRST) and found["clean"]


def test_parts_of_chunks_may_come_in_turns_and_replace_what_was(headless):
    newer = {**FIRST, A: packed(1500)}
    del newer[B]
    turns = [list(parts(A, newer[A])), list(parts((0, 7, 7, 7), packed(1400)))]
    mixed = [part for pair in zip(*turns, strict=False) for part in pair] + turns[0][2:]
    gone = msg.ChunksRemoved((msg.ChunkIndex(*B), msg.ChunkIndex(0, 7, 7, 7), msg.ChunkIndex(0, 99, 99, 99)))
    found = both(headless, [*arrive(FIRST), msg.Synced(1, digest(FIRST)), *mixed, gone, msg.Synced(2, digest(newer))])
    assert found["digest"] == digest(newer)


def test_who_was_cut_off_halfway_goes_back_to_the_last_whole_revision(headless):
    half = list(parts(A, packed(1500)))[:1] + list(parts((1, 0, 0, 0), packed(90)))
    gone = msg.ChunksRemoved((msg.ChunkIndex(*B),))
    found = both(headless, [*arrive(FIRST), msg.Synced(3, digest(FIRST)), *half, gone], resume=True)
    assert found["digest"] == digest(FIRST) and found["clean"]
    assert found["resume"] == {"revision": 3, "digest": digest(FIRST)}


def fault(headless, bodies):
    return headless.call("mirror", [[KINDS[type(body)], to_map(body)] for body in bodies], False)["fault"]


def test_what_is_not_as_stated_is_a_fault(headless):
    whole = list(parts(A, FIRST[A]))
    changed = replace(whole[2], data=zstandard.compress(packed(600)))
    assert "hash" in fault(headless, [*whole[:2], changed])
    assert "continues nothing" in fault(headless, whole[1:])
    assert "continues nothing" in fault(headless, [whole[0], whole[2]])
    other = replace(whole[1], packed_hash=bytes(32))
    assert "continues nothing" in fault(headless, [whole[0], other])
    assert "announced" in fault(headless, [replace(whole[0], raw_size=80, count=10)])
    assert "bytes" in fault(headless, [replace(whole[0], raw_size=81)])
    assert "announced" in fault(headless, [replace(whole[0], data=b"no zstd at all")])
    assert "digest" in fault(headless, [*whole, msg.Synced(1, bytes(32))])
    assert "digest" in fault(headless, [*whole[:2], msg.Synced(1, digest({}))])


def test_a_million_points_are_taken_in_no_time(headless):
    chunks = {(0, i, 0, 0): packed(5000) for i in range(200)}
    bodies = [
        msg.ChunkPart(msg.ChunkIndex(*index), 5000, 0, 5000, msg.Compression.ZSTD, 40000, zstandard.compress(data),
                      hashlib.sha256(data).digest())
        for index, data in chunks.items()
    ]  # fmt: skip
    found = both(headless, [*bodies, msg.Synced(1, digest(chunks))])
    print(f"\n{found['points']} points in {found['secs']:.2f} s: {found['points'] / found['secs'] / 1e6:.1f} million a second")
    assert found["secs"] < 10
