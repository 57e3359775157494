"""Captures that ship with the package, and how to read and write such folders."""

from pathlib import Path

from spatia_bridge.errors import NotFoundError

DEFAULT_SAMPLE = "freedoom_walk"


def names() -> tuple[str, ...]:
    """The samples that ship with the package."""
    here = Path(__file__).resolve().parent
    return tuple(sorted(manifest.parent.name for manifest in here.glob("*/capture.json")))


def sample_path(name: str = DEFAULT_SAMPLE) -> Path:
    """The folder of a sample, for `capture.load_capture`.

    Raises:
        NotFoundError: no sample has this name.
    """
    if name not in names():
        raise NotFoundError(f"there is no sample {name!r}", f"choose one of: {', '.join(names())}")
    return Path(__file__).resolve().parent / name
