"""Where weights lie on this machine: a folder a model, with a lock file that says which commit it is and every file's hash.

`$SPATIA_BRIDGE_MODELS`, else `spatia-bridge/models` in the user's data folder. A folder without a lock file is no model's:
fetching renames it into place when all of it is there and verified.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from spatia_bridge.errors import CorruptWeightsError, MissingWeightsError
from spatia_bridge.models.catalogue import ModelFile, find_card
from spatia_bridge.models.checkpoint import PICKLES, read_header

FOLDER_VARIABLE = "SPATIA_BRIDGE_MODELS"
LOCK = "spatia-lock.json"
_BLOCK = 1 << 20
Progress = Callable[[int, int], None]  # (bytes done, bytes in all); what it raises ends the work


@dataclass(frozen=True)
class Lock:
    """What a model's folder holds.

    Attributes:
        commit: of the repository; "" = copied from a folder that did not say.
        source: where it came from, an endpoint or a folder.
    """

    repository: str
    commit: str
    licence: str
    source: str
    files: tuple[ModelFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def models_dir() -> Path:
    """The folder of all models, which need not exist yet."""
    told = os.environ.get(FOLDER_VARIABLE, "")
    if told:
        return Path(told).absolute()
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "spatia-bridge" / "models"


def locate(name: str, source: str = "") -> Path:
    """The folder with a model's files. Sizes and headers are looked at, hashes not (see `check`).

    Args:
        source: "" = the fetched model of the catalogue; otherwise a local folder, taken as it is but for pickles.
    Raises:
        NotFoundError: the catalogue has no such model.
        MissingWeightsError: it was not fetched, or a file is gone; the remedy names the command.
        CorruptWeightsError: a file is truncated, or not safetensors.
    """
    if source:
        return _local(name, Path(source).expanduser())
    find_card(name)
    folder = models_dir() / name
    for file in read_lock(name).files:
        _check_size(name, folder, file)
        if file.path.endswith(".safetensors"):
            read_header(folder / file.path)
    return folder


def _local(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise MissingWeightsError(f"there is no folder {folder} with weights of {name}", _remedy(name))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    weights = [path for path in files if path.suffix == ".safetensors"]
    if not weights:
        pickles = [path.name for path in files if path.suffix in PICKLES]
        if pickles:
            raise CorruptWeightsError(
                f"{folder} has only pickles ({pickles[0]}), which run code when loaded", "convert to safetensors"
            )
        raise MissingWeightsError(f"there is no safetensors file in {folder}", _remedy(name))
    for path in weights:
        read_header(path)
    return folder


def is_fetched(name: str) -> bool:
    """Whether a model's folder is there, whole or not."""
    return (models_dir() / name / LOCK).is_file()


def read_lock(name: str) -> Lock:
    """Raises MissingWeightsError: not fetched; CorruptWeightsError: the lock file is damaged."""
    return parse_lock(models_dir() / name / LOCK, name)


def parse_lock(path: Path, name: str) -> Lock:
    """The lock file of a model, wherever it lies; see `read_lock`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(ModelFile(str(f["path"]), int(f["size_bytes"]), str(f["sha256"])) for f in data.pop("files"))
        return Lock(**data, files=files)
    except OSError as error:
        raise MissingWeightsError(f"the weights of {name} are not on this machine", _remedy(name)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptWeightsError(f"{path} is damaged: {error}", _remedy(name)) from error


def write_lock(folder: Path, lock: Lock) -> None:
    """Into a folder that has not got its final name yet."""
    (folder / LOCK).write_text(json.dumps(asdict(lock), indent=1), encoding="utf-8")


def check(name: str, progress: Progress) -> Lock:
    """Read every byte of a fetched model and hold it against the lock file.

    Raises:
        MissingWeightsError, CorruptWeightsError: the first file that is not as it was fetched.
    """
    lock, folder, done = read_lock(name), models_dir() / name, 0
    for file in lock.files:
        _check_size(name, folder, file)
        found = hash_file(folder / file.path, lambda read, before=done: progress(before + read, lock.size_bytes))  # type: ignore[misc]
        if found != file.sha256:
            raise CorruptWeightsError(f"{name}: {file.path} is not what was fetched: its SHA-256 is {found[:12]}…", _remedy(name))
        done += file.size_bytes
    return lock


def hash_file(path: Path, progress: Callable[[int], None]) -> str:
    """SHA-256 in hexadecimal; progress is told the bytes read so far."""
    digest, read = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            read += len(block)
            progress(read)
    return digest.hexdigest()


def _check_size(name: str, folder: Path, file: ModelFile) -> None:
    try:
        size = (folder / file.path).stat().st_size
    except OSError as error:
        raise MissingWeightsError(f"{name}: {file.path} is gone", _remedy(name)) from error
    if size != file.size_bytes:
        raise CorruptWeightsError(f"{name}: {file.path} has {size} bytes of {file.size_bytes}", _remedy(name))


def _remedy(name: str) -> str:
    return f"spatia-bridge models fetch {name}; or give a folder with the weights (--weights DIR)"
