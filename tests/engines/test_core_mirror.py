"""What the cores hold of memory, without a server: the same messages give what the Python client's mirror has; golden files."""

import gzip
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from spatia_bridge.client.mirror import PointMirror
from spatia_bridge.codec.images import decode_colour, decode_depth_png16
from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack
from tests.engines.chunk_messages import arrive, digest, packed, parts, rows
from tests.golden.make_chunks import INDEX, OTHER_INDEX, golden_chunk

GOLDEN = Path(__file__).parent.parent / "golden"
GZIP = msg.Compression.GZIP
A, B, FAR = (0, 0, -1, 3), (0, -200, 1, 0), (9, -1, 2, -3)
FIRST = {A: packed(2000), B: packed(1), FAR: packed(700)}
SPACE = msg.Space((0.0, 0.0, 2.5, 1.0, -2.5, 0.0, 0.0, 0.0, 0.0, 2.5, 0.0, -3.0), 0.1, True)


def told(core, bodies, restore=False):
    return core.call("mirror", packets=[pack(msg.ServerMessage(0, body)) for body in bodies], flag=restore)


def both(core, bodies, restore=False):
    """The core's answer, checked against the Python mirror's."""
    found = told(core, [SPACE, *bodies], restore)
    mirror = PointMirror()
    for body in [SPACE, *bodies]:
        mirror.apply(body)
    if restore:
        mirror.resume()
    assert "fault" not in found
    assert (found.get("points", 0), found.get("chunks", 0), found.get("clean", False)) == (
        mirror.points,
        len(mirror.chunks),
        mirror.clean,
    )
    if mirror.clean:
        points = np.frombuffer(found.get("data", b""), np.float64).reshape(-1, 3)
        np.testing.assert_allclose(rows(points), rows(mirror.points_client()), rtol=1e-12)
    return found


@pytest.mark.parametrize("compression", [GZIP, msg.Compression.NONE])
def test_chunks_add_up_to_the_digest_and_lie_where_python_puts_them(core, compression):
    found = both(core, [*arrive(FIRST, compression), msg.Synced(4, digest(FIRST))])
    assert found["digest"] == digest(FIRST) and found["clean"]


def test_parts_of_chunks_may_come_in_turns_and_replace_what_was(core):
    newer = {**FIRST, A: packed(1500)}
    del newer[B]
    turns = [list(parts(A, newer[A], GZIP)), list(parts((0, 7, 7, 7), packed(1400), GZIP))]
    mixed = [part for pair in zip(*turns, strict=False) for part in pair] + turns[0][2:]
    gone = msg.ChunksRemoved((msg.ChunkIndex(*B), msg.ChunkIndex(0, 7, 7, 7), msg.ChunkIndex(0, 99, 99, 99)))
    found = both(core, [*arrive(FIRST, GZIP), msg.Synced(1, digest(FIRST)), *mixed, gone, msg.Synced(2, digest(newer))])
    assert found["digest"] == digest(newer)


def test_who_was_cut_off_halfway_goes_back_to_the_last_whole_revision(core):
    half = list(parts(A, packed(1500), GZIP))[:1] + list(parts((1, 0, 0, 0), packed(90), GZIP))
    gone = msg.ChunksRemoved((msg.ChunkIndex(*B),))
    found = both(core, [*arrive(FIRST, GZIP), msg.Synced(3, digest(FIRST)), *half, gone], restore=True)
    assert found["digest"] == digest(FIRST) and found["clean"] and found["synced"] == 3


def test_what_is_not_as_stated_is_a_fault(core):
    whole = list(parts(A, FIRST[A], GZIP))
    cases = [
        ("hash", [*whole[:2], replace(whole[2], data=gzip.compress(packed(600)))]),
        ("continues nothing", whole[1:]),
        ("continues nothing", [whole[0], whole[2]]),
        ("continues nothing", [whole[0], replace(whole[1], packed_hash=bytes(32))]),
        ("continues nothing", [whole[0], replace(whole[1], total_points=2001)]),
        ("continues nothing", [replace(whole[0], total_points=699)]),
        ("", [replace(whole[0], raw_size=80, count=10)]),
        ("", [replace(whole[0], data=whole[0].data[:-20])]),
        ("", [replace(whole[0], data=b"no gzip at all")]),
        ("", [replace(whole[0], compression=msg.Compression.NONE)]),
        ("", [replace(whole[0], compression=msg.Compression.ZSTD)]),
        ("states", [replace(whole[0], raw_size=81)]),
        ("states", [replace(whole[0], packed_hash=b"short")]),
        ("states", [replace(whole[0], index=None)]),
        ("states", [replace(whole[0], index=msg.ChunkIndex(32))]),
        ("states", [replace(whole[0], total_points=64**3 + 1)]),
        ("states", [replace(whole[0], count=0, raw_size=0, data=b"")]),
        ("states", [replace(whole[0], count=(1 << 29) + 1, raw_size=8)]),
        ("digest", [*whole, msg.Synced(1, bytes(32))]),
        ("digest", [*whole[:2], msg.Synced(1, digest({}))]),
        ("affine", [msg.Space((1.0,) * 11)]),
        ("affine", [msg.Space((float("nan"),) * 12)]),
    ]
    for words, bodies in cases:
        fault = told(core, bodies).get("fault", "")
        assert fault and words in fault, (words, bodies[-1], fault)


def test_golden_chunks_are_what_their_hashes_say(core):
    """chunk_packed.bin in the frozen layout, and the snapshot of both golden chunks by its frozen digest."""
    stated = json.loads((GOLDEN / "chunk_hashes.json").read_text())
    data = (GOLDEN / "chunk_packed.bin").read_bytes()
    chunks = {tuple(INDEX): data, tuple(OTHER_INDEX): golden_chunk(OTHER_INDEX, 3).packed()}
    bodies = [replace(part, packed_hash=bytes.fromhex(stated["packed_hash"])) for part in parts(tuple(INDEX), data, GZIP)]
    bodies += parts(tuple(OTHER_INDEX), chunks[tuple(OTHER_INDEX)], GZIP)
    found = both(core, [*bodies, msg.Synced(1, bytes.fromhex(stated["snapshot_packed_digest"]))])
    assert found["points"] == stated["points"] + 3 and found["clean"]


def test_golden_pictures_are_decoded_to_the_sample(core):
    """Depth as clients get it that read no zstd; the float16, u16 and mask planes only go to those that do, or to the server."""
    depth = core.call("png", data=(GOLDEN / "depth_png16.png").read_bytes())
    assert (depth["width"], depth["height"], depth["channels"], depth["bits"]) == (7, 5, 1, 16)
    metres = np.frombuffer(depth["data"], "<u2").reshape(5, 7) / np.float32(1000)
    metres[np.frombuffer(depth["data"], "<u2").reshape(5, 7) == 65535] = np.inf
    np.testing.assert_allclose(metres, decode_depth_png16((GOLDEN / "depth_png16.png").read_bytes(), 7, 5), rtol=1e-6)
    colour = core.call("png", data=(GOLDEN / "colour.png").read_bytes())
    assert (colour["channels"], colour["bits"]) == (3, 8)
    want = decode_colour((GOLDEN / "colour.png").read_bytes())
    np.testing.assert_array_equal(np.frombuffer(colour["data"], np.uint8).reshape(5, 7, 3), want)


def test_every_png_filter_is_undone(core):
    image = (np.random.default_rng(3).normal(0, 9, (37, 53, 3)).cumsum(axis=1) + 128).clip(0, 255).astype(np.uint8)
    strategies = [cv2.IMWRITE_PNG_STRATEGY_DEFAULT, cv2.IMWRITE_PNG_STRATEGY_RLE, cv2.IMWRITE_PNG_STRATEGY_FILTERED]
    for strategy in strategies:
        data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_STRATEGY, strategy])[1].tobytes()
        found = core.call("png", data=data)
        np.testing.assert_array_equal(np.frombuffer(found["data"], np.uint8).reshape(image.shape), image)


def test_pictures_that_are_cut_damaged_or_absurd_are_refused(core):
    whole = (GOLDEN / "depth_png16.png").read_bytes()
    for end in range(len(whole)):
        assert "ok" not in core.call("png", data=whole[:end])
    for at in range(len(whole)):
        assert "ok" not in core.call("png", data=whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]), at
    huge = struct.pack(">II5B", 1 << 13, 1 << 12, 16, 0, 0, 0, 0)
    header = struct.pack(">I", 13) + b"IHDR" + huge + struct.pack(">I", zlib.crc32(b"IHDR" + huge))
    assert core.call("png", data=whole[:8] + header + whole[33:])["fault"]


def test_gzip_is_inflated_to_the_stated_size_or_refused(core):
    raw = packed(500)
    data = gzip.compress(raw)
    assert core.call("inflate", text="gzip", data=data, size=len(raw)) == {"ok": True, "data": raw}
    assert core.call("inflate", text="none", data=raw, size=len(raw)) == {"ok": True, "data": raw}
    for bad, size in [
        (data, len(raw) - 1),
        (data, len(raw) + 1),
        (data[: len(data) // 2], len(raw)),
        (b"", 8),
        (raw, len(raw)),
        (data, 0),
    ]:
        assert "ok" not in core.call("inflate", text="gzip", data=bad, size=size)
