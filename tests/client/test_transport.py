"""Which addresses are this machine's."""

import pytest

from spatia_bridge.client.transport import is_local


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:50051", "localhost:1", "LOCALHOST:1", "127.8.9.1:2", "[::1]:50051", "ws://127.0.0.1:80"],
)
def test_loopback_is_local(address):
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.7:50051", "studio:50051", "localhost.example.org:1", "[fe80::1]:1", "a.nip.io", ""],
)
def test_anything_else_may_be_far(address):
    assert not is_local(address)
