"""The layout on the wire and on the disk does not drift. To change one on purpose, raise its version and run the maker again."""

import json

import numpy as np
import pytest
import zstandard

from spatia_bridge.codec import compact, images
from spatia_bridge.geometry import morton
from spatia_bridge.memory.record import RECORD
from tests.codec import fuzz
from tests.golden import make_chunks

OLD = "chunk_disk.bin"  # version 1, which nothing writes any more
NAMES = {*make_chunks.golden_files(), OLD}
FILES = {path.name: path.read_bytes() for path in make_chunks.FOLDER.iterdir() if path.name in NAMES}
HASHES = json.loads(FILES["chunk_hashes.json"])


def test_all_golden_files_are_there():
    assert FILES.keys() == NAMES


@pytest.mark.parametrize("name", ["chunk_records.bin", "chunk_packed.bin", "chunk_hashes.json"])
def test_what_is_hashed_is_the_same_to_the_byte(name):
    assert make_chunks.golden_files()[name] == FILES[name]


@pytest.mark.parametrize("name", ["depth_plane.bin", "u16_plane.bin", "mask_plane.bin"])
def test_header_and_raw_bytes_are_the_same_under_any_zstd(name):
    made = make_chunks.golden_files()[name]
    assert made[:16] == FILES[name][:16]
    assert zstandard.decompress(made[16:]) == zstandard.decompress(FILES[name][16:])


@pytest.mark.parametrize("name", ["chunk_compact.bin", "chunk_compact_parts.bin"])
def test_compact_states_the_same_and_holds_the_same_raw_bytes_under_any_zstd(name):
    made, kept = (raw_parts(data) for data in (make_chunks.golden_files()[name], FILES[name]))
    assert made == kept


def raw_parts(data: bytes) -> list[object]:
    (count, digest, parts), body = fuzz.split(data)
    raws, at = [], 0
    for _, _, _, size in parts:
        raws.append(zstandard.decompress(body[at : at + size]))
        at += size
    return [data[:5], count, digest, [part[:3] for part in parts], raws]


@pytest.mark.parametrize("name", ["chunk_compact.bin", "chunk_compact_parts.bin", OLD])
def test_golden_chunks_are_read(name):
    chunk = compact.decode_compact(make_chunks.INDEX, FILES[name], bytes.fromhex(HASHES["record_hash"]))
    assert chunk.records.tobytes() == FILES["chunk_records.bin"]
    assert chunk.packed() == FILES["chunk_packed.bin"]


def test_golden_images_are_read():
    depth = make_chunks.golden_depth()
    assert (images.decode_depth(FILES["depth_plane.bin"], 7, 5) == depth).all()
    assert (images.decode_depth_png16(FILES["depth_png16.png"], 7, 5) == depth).all()
    ids = images.decode_u16(FILES["u16_plane.bin"], 7, 5)
    assert ids[4, 6] == 34 * 1871 and (images.decode_mask(FILES["mask_plane.bin"], 7, 5) == (ids % 3 == 0)).all()
    assert (images.decode_colour(FILES["colour.png"])[..., 1] == ids >> 8).all()


def test_the_record_lies_as_its_docstring_says():
    rows = np.frombuffer(FILES["chunk_records.bin"], np.uint8).reshape(-1, 16)
    fields = np.frombuffer(FILES["chunk_records.bin"], RECORD)
    offsets = {"xyz": 0, "footprint": 3, "rgb": 4, "confidence": 7, "normal": 8, "weight": 10, "flags": 11}
    for name, offset in offsets.items():
        part = fields[name].reshape(len(rows), -1)
        assert (rows[:, offset : offset + part.shape[1]] == part).all()
    assert (rows[:, 12] + rows[:, 13].astype(int) * 256 == fields["object_id"]).all()
    assert (rows[:, 14] + rows[:, 15].astype(int) * 256 == fields["last_seen"]).all()
    codes = morton.encode(fields["xyz"] >> 2)
    ascending = np.sort(codes)
    assert (ascending[morton.stratified_order(ascending)] == codes).all()
