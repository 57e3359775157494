"""Write the generated protobuf code anew from `protos/`, or check that what is committed is up to date.

    python -m spatia_bridge.wire.generate [--check]

It needs the `dev` extra (grpcio-tools, mypy-protobuf) and a checkout of the repository. Only messages are generated: the two
services are served and called from their descriptors (`wire.rpc`), so that grpc stays in `service` and `client`.
"""

import argparse
import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTOS = HERE.parent.parent / "protos"
PACKAGE = "spatia/v1"


def generate() -> dict[str, str]:
    """File name → text of all generated modules and stubs, imports rewritten to where they live in this package."""
    sources = sorted(str(path) for path in (PROTOS / PACKAGE).glob("*.proto"))
    if not sources:
        raise SystemExit(f"no .proto files under {PROTOS / PACKAGE}: run this in a checkout of the repository")
    scripts = Path(sys.executable).parent  # where protoc-gen-mypy was installed with this interpreter
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"--python_out={out}", f"--mypy_out=quiet:{out}"]
        subprocess.run([*command, *sources], check=True, env=environment)
        files = sorted(path for path in Path(out, PACKAGE).iterdir() if path.is_file())
        # protoc imports by the proto's package; ours is a sub-package
        return {
            path.name: path.read_text().replace("from spatia.v1 import", "from spatia_bridge.wire.spatia.v1 import")
            for path in files
        }


def differences(fresh: dict[str, str]) -> str:
    """A unified diff from what is committed to what would be generated; empty when they agree."""
    target = HERE / PACKAGE
    names = sorted(fresh.keys() | {path.name for path in target.glob("*_pb2*.py*")})
    diff: list[str] = []
    for name in names:
        old = (target / name).read_text() if (target / name).exists() else ""
        diff += difflib.unified_diff(
            old.splitlines(True), fresh.get(name, "").splitlines(True), f"committed/{name}", f"generated/{name}"
        )
    return "".join(diff)


def main(arguments: list[str] | None = None) -> int:
    """Entry point: 0 when written or up to date, 1 when --check found a difference."""
    parser = argparse.ArgumentParser(description="generate the protobuf code")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the committed code is stale")
    options = parser.parse_args(arguments)
    fresh = generate()
    if options.check:
        diff = differences(fresh)
        sys.stdout.write(diff or "the generated protobuf code is up to date\n")
        return 1 if diff else 0
    for name, text in fresh.items():
        (HERE / PACKAGE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
