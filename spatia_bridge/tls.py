"""TLS: the certificate that a server shows, and the authorities that a client believes. PEM files."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from spatia_bridge.errors import InvalidInputError

MAX_PEM_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Certificate:
    """A server's certificate: `chain_pem` from its own up, `key_pem` without a password, `context` of both for sockets."""

    chain_pem: bytes
    key_pem: bytes
    context: ssl.SSLContext

    @classmethod
    def load(cls, chain: Path, key: Path) -> "Certificate":
        """Read two PEM files.

        Raises:
            InvalidInputError: one cannot be read, is no PEM, is encrypted, or they do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        chain_pem, key_pem = read_pem(chain), read_pem(key)
        try:
            context.load_cert_chain(chain, key, password="")  # never ask on the terminal
        except (ssl.SSLError, ValueError) as error:
            raise InvalidInputError(
                f"{chain} and {key} are no certificate and its key: {error}",
                "give PEM files that belong together, the key without a password",
            ) from error
        return cls(chain_pem, key_pem, context)


def client_context(authorities_pem: bytes | None) -> ssl.SSLContext:
    """How a client checks a server's certificate: against these authorities; None = those of this machine.

    Raises:
        InvalidInputError: they are no certificates.
    """
    try:
        return ssl.create_default_context(cadata=None if authorities_pem is None else authorities_pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(f"the authorities are no certificates: {error}", "give a PEM file with certificates") from error


def read_pem(path: Path) -> bytes:
    """The bytes of a PEM file.

    Raises:
        InvalidInputError: it cannot be read, is no PEM or above MAX_PEM_BYTES.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}", "give a PEM file that this user may read") from error
    if b"-----BEGIN " not in data or len(data) > MAX_PEM_BYTES:
        raise InvalidInputError(f"{path} is no PEM file", "it begins with -----BEGIN; convert it with openssl")
    return data
