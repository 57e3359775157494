"""The C++ example over gRPC, built against the system's libraries, run against a live server."""

import subprocess

import pytest

from tests.engines.cores import NoToolsError, build_grpc_example
from tests.engines.scene import head, seeded


@pytest.fixture(scope="module")
def example():
    try:
        return build_grpc_example()
    except NoToolsError as error:
        pytest.skip(str(error))


def run(example, *words):
    return subprocess.run([*example, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)


def test_it_holds_everything_by_hash_and_sees_its_own_edit(example, bridge):
    seeded(bridge, "grpc-example")
    _, digest, points = head(bridge, "grpc-example")
    done = run(example, bridge.grpc, "grpc-example")
    assert done.returncode == 0, done.stdout
    steps = done.stdout.split("\n")
    assert steps[0::2][:3] == ["connect: done", "insert: done", "undo: done"]
    counts = [int(line.removesuffix(" points")) for line in steps[1::2] if line]
    assert counts[0] == counts[2] == points > 10_000 and counts[1] > counts[0]
    assert head(bridge, "grpc-example")[1] == digest


def test_it_says_why_it_is_not_let_in(example, bridge):
    done = run(example, bridge.grpc, "no such / name")
    assert done.returncode == 1 and "name" in done.stdout
