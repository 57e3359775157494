"""Damaged bytes: the cores refuse them or take them, and nothing else. Fixed seeds, a bounded count."""

import gzip
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spatia_bridge.link import messages as msg
from spatia_bridge.wire.maps import pack
from tests.engines.chunk_messages import arrive, digest, parts
from tests.engines.cores import BUILD, BUILDERS, NoToolsError
from tests.engines.test_core_protocol import FULL, GOLDEN, piece

FOLDER = Path(__file__).parent.parent / "golden"
ROUNDS = 15_000  # of the C++ fuzzer
BATCHES, BATCH = 40, 50  # of damaged packets through the C# core


def corpus():
    """Whole messages, pictures and gzip data; the same at each call."""
    bytes_of = np.random.default_rng(3).bytes
    chunk = bytes_of(60 * 8)
    found = [bytes.fromhex(entry["msgpack_hex"]) for entry in GOLDEN] + [pack(message) for message in FULL]
    found += [pack(msg.ServerMessage(0, part)) for part in parts((0, 1, 2, 3), chunk, msg.Compression.GZIP)]
    found += [pack(msg.ServerMessage(0, part)) for part in arrive({(0, 4, 5, 6): bytes_of(900 * 8)}, msg.Compression.NONE)]
    found += [pack(msg.ServerMessage(0, msg.Synced(3, digest({(0, 1, 2, 3): chunk})))), piece(1, 0, 2), piece(1, 1, 2)]
    found += [
        (FOLDER / "depth_png16.png").read_bytes(),
        (FOLDER / "colour.png").read_bytes(),
        gzip.compress(bytes(range(256)) * 16, mtime=0),
    ]
    return found


def test_the_cpp_core_under_sanitizers(tmp_path):
    try:
        BUILDERS["cpp"]()
    except NoToolsError as error:
        pytest.skip(str(error))
    files = []
    for number, data in enumerate(corpus()):
        files.append(tmp_path / f"{number:03}")
        files[-1].write_bytes(data)
    command = [str(BUILD / "cpp" / "fuzz"), "7", str(ROUNDS), *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    rounds, messages, pictures, inflated = map(int, done.stdout.split())
    print(f"\n{rounds} rounds: {messages} messages, {pictures} pictures and {inflated} gzip members were taken")
    assert rounds == ROUNDS and rounds / 10 < messages < 2 * rounds and pictures > 50 and inflated > 50


def damaged(random, data, other):
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(len(data) + 1))
        kind = random.integers(4)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[at:at] = bytes([int(random.integers(256))])
        elif kind == 2:
            del data[at : at + int(random.integers(1, 9))]
        else:
            data[at:] = other[int(random.integers(len(other))) :]
    return bytes(data)


def test_the_csharp_core_knows_no_error_but_its_own(core):
    """The driver answers with the one documented exception's words, and ends at any other."""
    if core.language != "csharp":
        pytest.skip("the C++ core has a fuzzer of its own")
    random = np.random.default_rng(11)
    files = corpus()
    welcome = msg.Welcome(1, space=msg.Space((1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0)))
    live = [{"what": "open"}, {"what": "opened"}, {"what": "packet", "data": pack(msg.ServerMessage(1, welcome))}]
    refused = 0
    for _ in range(BATCHES):
        bad = [damaged(random, files[random.integers(len(files))], files[random.integers(len(files))]) for _ in range(BATCH)]
        for data in bad:
            refused += "ok" not in core.call("recode", text="ServerMessage", data=data)
            core.call("recode", text="ClientMessage", data=data)
            core.call("png", data=data)
            core.call("inflate", text="gzip", data=data, size=4096)
            core.call("play", session="s", steps=[*live, {"what": "packet", "data": data}])
    assert BATCHES * BATCH / 10 < refused < BATCHES * BATCH
