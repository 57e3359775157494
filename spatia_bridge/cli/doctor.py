"""`spatia-bridge doctor`: what is installed, which backends work, and what to do about the rest."""

import argparse
import importlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spatia_bridge import __version__
from spatia_bridge.app import default_data_dir, find_generators
from spatia_bridge.errors import SpatiaError
from spatia_bridge.models import library
from spatia_bridge.perception import depth, segment
from spatia_bridge.profiles import DEFAULT_PROFILE, PROFILES

MIN_FREE_GB = 2.0
MIN_CORES = 2
CORE = ("numpy", "numba", "grpc", "google.protobuf", "msgpack", "websockets", "zstandard", "cv2", "av", "rich", "open3d")
OPTIONAL = {
    "torch": "learned models; pip install 'spatia-bridge[models]'",
    "diffusers": "learned models; pip install 'spatia-bridge[models]'",
    "vizdoom": "rendering game levels again; pip install 'spatia-bridge[sample]'",
}
_DISTRIBUTION = {"grpc": "grpcio", "google.protobuf": "protobuf", "cv2": "opencv-python-headless"}


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        state: "ok", "absent" (optional, and not there) or "broken" (spatia-bridge cannot do its work like this).
        remedy: what to do; "" where nothing need be done.
    """

    area: str
    name: str
    state: str
    detail: str
    remedy: str = ""


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if anything is broken."""
    found = list(diagnose(Path(args.data) if args.data else default_data_dir(), args.profile))
    broken = [each for each in found if each.state == "broken"]
    if args.json:
        print(json.dumps({"version": __version__, "ok": not broken, "findings": [asdict(each) for each in found]}))
        return int(bool(broken))
    area = ""
    for each in found:
        if each.area != area:
            area = each.area
            print(area)
        print(f"  {each.state:7} {each.name:14} {each.detail}" + (f"\n{'':26}→ {each.remedy}" if each.remedy else ""))
    print(f"{len(broken)} of {len(found)} checks failed." if broken else "Everything that is needed works.")
    return int(bool(broken))


def diagnose(data: Path, profile: str = DEFAULT_PROFILE) -> Iterable[Finding]:
    """All findings, one after the other, since some take a second."""
    yield _machine()
    yield from (_package(name) for name in CORE)
    yield from (_optional(name, use) for name, use in OPTIONAL.items())
    yield _gpu()
    yield from (_profile(name, name == profile) for name in PROFILES)
    yield from (_weights(name) for name in PROFILES[profile].models)
    for name, make in sorted(find_generators(profile).items()):
        yield _backend("generators", name, lambda make=make: _shape(make().shape))  # type: ignore[misc]
    for area, group, find in (
        ("depth estimators", depth.ENTRY_POINT_GROUP, depth.find_depth_estimator),
        ("segmenters", segment.ENTRY_POINT_GROUP, segment.find_segmenter),
    ):
        for name in sorted({point.name for point in importlib.metadata.entry_points(group=group)}):
            yield _backend(area, name, lambda find=find, name=name: find(name).name)  # type: ignore[misc]
    yield _folder(data)


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    detail = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores"
    remedy = "" if cores >= MIN_CORES else f"it will be slow; {MIN_CORES} cores or more are better"
    return Finding("machine", "python", "ok", detail, remedy)


def _package(name: str) -> Finding:
    try:
        importlib.import_module(name)
        return Finding("packages", name, "ok", version(_DISTRIBUTION.get(name, name)))
    except ImportError as error:
        remedy = "pip install spatia-bridge again"
        if "cannot open shared object" in str(error):
            remedy = "install the system library it names (Debian and Ubuntu: apt-get install libusb-1.0-0 libgl1 libgomp1)"
        return Finding("packages", name, "broken", str(error).splitlines()[0], remedy)


def _optional(name: str, use: str) -> Finding:
    what, _, remedy = use.partition("; ")
    try:
        return Finding("optional", name, "ok", f"{version(name)}, for {what}")
    except PackageNotFoundError:
        return Finding("optional", name, "absent", f"for {what}", remedy)


def _gpu() -> Finding:
    try:
        import torch
    except ImportError:
        return Finding("optional", "gpu", "absent", "unknown without torch", OPTIONAL["torch"].partition("; ")[2])
    if not torch.cuda.is_available():
        return Finding("optional", "gpu", "absent", "torch sees no CUDA device; everything here runs on the CPU")
    card = torch.cuda.get_device_properties(0)
    return Finding("optional", "gpu", "ok", f"{card.name}, {card.total_memory / 2**30:.0f} GiB")


def _profile(name: str, chosen: bool) -> Finding:
    found = PROFILES[name]
    parts = " + ".join(part for part in (found.generator, found.estimator, found.segmenter) if part)
    detail = f"{parts}: {found.why}"
    return Finding("profiles", name, "ok", f"{detail} (looked at here)" if chosen else detail)


def _weights(name: str) -> Finding:
    try:
        library.locate(name)
        return Finding("weights", name, "ok", f"{library.read_lock(name).size_bytes / 1e9:.1f} GB")
    except SpatiaError as error:
        return Finding("weights", name, "absent", error.message, error.remedy)


def _shape(shape: object) -> str:
    width, height = getattr(shape, "width", 0), getattr(shape, "height", 0)
    return f"{getattr(shape, 'new_frames', 0)} frames of {width}×{height} a clip"


def _backend(area: str, name: str, make: Callable[[], str]) -> Finding:
    try:
        return Finding(area, name, "ok", make())
    except SpatiaError as error:
        return Finding(area, name, "absent", error.message, error.remedy)
    except Exception as error:  # a backend is someone else's code; its trouble is a finding, not ours
        return Finding(area, name, "broken", f"{type(error).__name__}: {error}", "report it to the backend's author")


def _folder(data: Path) -> Finding:
    there = next(path for path in (data, *data.parents) if path.is_dir())
    free_gb = shutil.disk_usage(there).free / 1e9
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding("sessions", "folder", "broken", f"{data}: {error.strerror}", "choose another folder with --data")
    if free_gb < MIN_FREE_GB:
        return Finding(
            "sessions", "folder", "broken", f"{data}: only {free_gb:.1f} GB free", "make room, or choose another with --data"
        )
    return Finding("sessions", "folder", "ok", f"{data}, {free_gb:.0f} GB free")
