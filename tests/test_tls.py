"""TLS on both servers: who believes the certificate gets in, who does not is told, and plain text is no way around it."""

import json
import os
import subprocess
import sys

import pytest
import trustme

from spatia_bridge.client import BridgeClient, SessionsClient
from spatia_bridge.errors import InvalidInputError, UnavailableError
from spatia_bridge.tls import MAX_PEM_BYTES, Certificate, client_context, read_pem
from tests.cli.test_serve import serving

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
ROOTS, OTHER_ROOTS = AUTHORITY.cert_pem.bytes(), STRANGER.cert_pem.bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The options that name a certificate for 127.0.0.1 and its key, and the file of its authority."""
    folder = tmp_path_factory.mktemp("tls")
    issued = AUTHORITY.issue_cert("127.0.0.1")
    chain, key, roots = folder / "chain.pem", folder / "key.pem", folder / "roots.pem"
    issued.private_key_pem.write_to_path(chain.with_name("key.pem"))
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    roots.write_bytes(ROOTS)
    return chain, key, roots


@pytest.fixture(scope="module")
def server(files, tmp_path_factory):
    """What a server with TLS announces."""
    chain, key, _ = files
    with serving(tmp_path_factory.mktemp("data"), "--json", "--tls-cert", str(chain), "--tls-key", str(key)) as process:
        yield json.loads(process.stdout.readline())


@pytest.mark.parametrize(("kind", "scheme"), [("address", "grpcs://"), ("websocket", "wss://")])
async def test_who_believes_the_certificate_gets_in(server, kind, scheme):
    assert server[kind].startswith(scheme)
    async with await BridgeClient.connect(server[kind], "s", authorities_pem=ROOTS) as client:
        assert client.revision.number == 0


async def test_management_calls_are_under_it_too(server):
    async with SessionsClient(server["address"], authorities_pem=ROOTS) as sessions:
        assert isinstance(await sessions.list(), tuple)


@pytest.mark.parametrize("kind", ["address", "websocket"])
@pytest.mark.parametrize("roots", [OTHER_ROOTS, None])
async def test_who_does_not_is_told(server, kind, roots):
    with pytest.raises(UnavailableError, match=r"(?i)certificate|tls|ssl|connect"):
        await BridgeClient.connect(server[kind], "s", authorities_pem=roots)


@pytest.mark.parametrize("kind", ["address", "websocket"])
async def test_plain_text_does_not_get_in(server, kind):
    plain = server[kind].replace("grpcs://", "").replace("wss://", "ws://")
    with pytest.raises(Exception, match=r".") as caught:
        await BridgeClient.connect(plain, "s")
    assert caught.type.__module__ == "spatia_bridge.errors"


def test_commands_believe_the_authorities_of_the_environment(server, files):
    command = [sys.executable, "-m", "spatia_bridge", "sessions", "list", "--json", "--server", server["address"]]
    known = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SPATIA_BRIDGE_CA": str(files[2])})
    assert known.returncode == 0, known.stderr
    missing = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SPATIA_BRIDGE_CA": "/nowhere.pem"})
    assert missing.returncode == 1
    assert "cannot read /nowhere.pem" in missing.stderr


def test_files_that_are_no_certificate_and_key_are_refused_before_anything_is_opened(files, tmp_path):
    chain, key, roots = files
    broken, large, alien = (tmp_path / name for name in ("broken.pem", "large.pem", "alien.pem"))
    broken.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    large.write_bytes(b"-----BEGIN CERTIFICATE-----\n" * (MAX_PEM_BYTES // 20))
    STRANGER.issue_cert("127.0.0.1").private_key_pem.write_to_path(alien)
    for pair in ((broken, key), (chain, alien), (chain, chain), (roots, key), (tmp_path, key), (large, key)):
        with pytest.raises(InvalidInputError, match="PEM"):
            Certificate.load(*pair)
    with pytest.raises(InvalidInputError, match="no certificates"):
        client_context(b"-----BEGIN nothing")
    (tmp_path / "text").write_text("a certificate")
    with pytest.raises(InvalidInputError, match="no PEM file"):
        read_pem(tmp_path / "text")


def test_half_a_pair_is_refused(files, tmp_path):
    with serving(tmp_path, "--tls-cert", str(files[0])) as process:
        assert process.wait(60) == 1
        assert "both --tls-cert and --tls-key" in process.stderr.read()


def test_a_key_with_a_password_is_refused_without_asking(files, tmp_path):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files[1].read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(InvalidInputError, match="without a password"):
        Certificate.load(files[0], locked)
