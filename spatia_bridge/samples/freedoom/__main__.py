"""Renders the sample again: `python -m spatia_bridge.samples.freedoom --wad freedoom2 --map MAP28 --out DIR`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from spatia_bridge.errors import exit_status
from spatia_bridge.samples.capture import Capture, save_capture
from spatia_bridge.samples.freedoom.sample import SAMPLE, render_sample


def main(arguments: Sequence[str] | None = None) -> int:
    """Render and save; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m spatia_bridge.samples.freedoom", description=__doc__)
    parser.add_argument("--wad", default=SAMPLE.wad, help="freedoom1, freedoom2 (inside vizdoom) or a WAD's path")
    parser.add_argument("--map", default=SAMPLE.map_name, help="the map with the walk (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=SAMPLE.frames, help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="the capture's folder")
    options = parser.parse_args(arguments)
    return exit_status(lambda: render(options.wad, options.map, options.frames, options.out))


def render(wad: str, map_name: str, count: int, out: Path) -> None:
    """Render, save, say how large it is."""
    frames = tuple(render_sample(wad, map_name, count))
    save_capture(out, Capture(frames, SAMPLE.name, SAMPLE.licence, SAMPLE.notes))
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{len(frames)} frames, {size / 1e6:.2f} MB in {out}")


if __name__ == "__main__":
    sys.exit(main())
