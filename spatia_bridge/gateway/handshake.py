"""Who may open a link: what the HTTP request of a WebSocket must say."""

import re
from collections.abc import Collection, Sequence

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.wire.packets import SUBPROTOCOL

# A page that a browser has from elsewhere must not reach into a designer's session on this machine; one from this machine may.
_LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/?#@\[\]:]+)(:\d{1,5})?", re.IGNORECASE)


def check_origin(text: str) -> str:
    """An origin to allow, as browsers write it. Raises InvalidInputError: it is none."""
    origin = text.strip().lower().rstrip("/")
    if not _ORIGIN.fullmatch(origin):
        raise InvalidInputError(f"{text!r} is no origin", "write scheme, host and port, as in https://levels.example:8080")
    return origin


def refusal(origins: Sequence[str], offered: Sequence[str], allowed: Collection[str]) -> tuple[int, str] | None:
    """HTTP status and reason if the request must be refused.

    Args:
        origins: its Origin headers. Browsers send one; engines send none and are let in.
        offered: its Sec-WebSocket-Protocol headers.
        allowed: origins that may come besides those of this machine.
    """
    if len(origins) > 1:
        return 400, "more than one Origin header"
    for origin in origins:
        if not _LOOPBACK.fullmatch(origin) and origin.lower() not in allowed:
            return 403, f"pages from {origin[:200]} may not connect; start the server with --allow-origin to let them"
    names = [name.strip() for header in offered for name in header.split(",") if name.strip()]
    if SUBPROTOCOL not in names:
        said = f"not {', '.join(names)[:200]}" if names else "and the request offers no subprotocol"
        return 400, f"this server speaks the WebSocket subprotocol {SUBPROTOCOL}, {said}"
    return None
