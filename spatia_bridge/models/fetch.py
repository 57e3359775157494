"""How weights come: from the Hugging Face Hub, a mirror that speaks its API, or a folder. Whole and verified, or not at all.

Files gather in a hidden folder beside the final one, named after the commit, and stay there when the work is stopped: the next
fetch goes on where this one ended. Each is held against the hub's own hash (SHA-256 of large files, the git blob of small ones),
safetensors headers are read; then the folder is renamed. Only what the catalogue's patterns name is fetched, never a pickle.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from spatia_bridge.errors import (
    ConflictError,
    CorruptWeightsError,
    MissingDependencyError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from spatia_bridge.models import library
from spatia_bridge.models.catalogue import ModelCard, ModelFile, find_card
from spatia_bridge.models.checkpoint import PICKLES, read_header
from spatia_bridge.models.library import LOCK, Lock, Progress, hash_file, models_dir, read_lock, write_lock

HUB = "https://huggingface.co"
SPARE_BYTES = 256 << 20  # that a fetch leaves free on the disk
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RemoteFile(ModelFile):
    """A file as its source lists it. blob: its git object id, for files without a SHA-256."""

    blob: str = ""


@dataclass(frozen=True)
class Plan:
    """What a fetch would bring.

    Attributes:
        commit: that the revision is at.
        licence: as the hub states it, else the catalogue.
        missing_bytes: of size_bytes, those that no earlier fetch left here.
    """

    card: ModelCard
    source: str
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]
    missing_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def folder(self) -> Path:
        """Where files gather."""
        return models_dir() / f".{self.card.name}.{self.commit[:12]}.part"


def plan_fetch(name: str, mirror: str = "") -> Plan:
    """Ask what there is to fetch. A model that was fetched before stays at the commit of its lock file.

    Args:
        mirror: URL; "" = $HF_ENDPOINT, else the hub. The user's hub token is not shown to a mirror that is named here.
    Raises:
        NotFoundError: no such model in the catalogue, or its repository or revision is not there, or wants an agreement first.
        CorruptWeightsError: the repository has pickles only, or names files outside its folder.
        UnavailableError: the source does not answer; MissingDependencyError: huggingface_hub is not installed.
    """
    card = find_card(name)
    revision = read_lock(name).commit if library.is_fetched(name) else ""
    with _told(card):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=mirror or None, token=False if mirror else None)
        info = api.model_info(card.repository, revision=revision or card.revision, files_metadata=True)
        licence = str((info.card_data or {}).get("license") or card.licence)
        listed = [
            RemoteFile(each.rfilename, int(each.size or 0), each.lfs.sha256 if each.lfs else "", each.blob_id or "")
            for each in info.siblings or ()
        ]
        return _plan(card, str(api.endpoint), str(info.sha), licence, listed)


def _plan(card: ModelCard, source: str, commit: str, licence: str, listed: list[RemoteFile]) -> Plan:
    chosen = [each for each in listed if any(fnmatch(each.path, pattern) for pattern in card.files)]
    for each in chosen:
        path = PurePosixPath(each.path)
        if path.is_absolute() or ".." in path.parts or "\\" in each.path or path.name == LOCK:
            raise CorruptWeightsError(f"{card.repository} lists a file {each.path!r}", "do not use this source")
    if not any(each.path.endswith(".safetensors") for each in chosen):
        pickles = [each.path for each in listed if each.path.endswith(PICKLES)]
        has = f"only pickles ({pickles[0]}), which run code when they are loaded" if pickles else "no safetensors file"
        raise CorruptWeightsError(f"{card.repository} has {has}", "use another source, or convert the weights to safetensors")
    pins = {file.path: file.sha256 for file in card.pinned}
    for each in chosen:
        if each.sha256 and pins.get(each.path, each.sha256) != each.sha256:
            raise CorruptWeightsError(f"{card.repository}: {each.path} is not the file that is known", "do not use this source")
    plan = Plan(card, source, commit, licence, tuple(sorted(chosen, key=lambda each: each.path)), 0)
    here = sum(min(_size(plan.folder / each.path), each.size_bytes) for each in plan.files)
    return replace(plan, missing_bytes=plan.size_bytes - here)


def fetch(plan: Plan, progress: Progress) -> Path:
    """Do it; the model's folder. What is there already is not asked for again.

    Args:
        progress: told (bytes done, bytes in all); what it raises ends the work, and the next fetch goes on from there.
    Raises:
        StoreError: no room on the disk, or it cannot be written; ConflictError: another process fetches this model.
        CorruptWeightsError: a file is not what was listed, or no safetensors; it is deleted.
        UnavailableError: the source stopped answering.
    """
    with _gathering(plan) as folder:
        done = 0
        for file in plan.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with _told(plan.card):
                _download(plan, file, path, _Count(progress, done, plan.size_bytes))
            done += file.size_bytes
        return _publish(plan, folder)


def copy(name: str, folder: Path, progress: Progress) -> Path:
    """A model from a folder: one fetched elsewhere, which is held against its lock file, or any in the same layout.

    Raises:
        as `fetch`; NotFoundError: no such model or folder.
    """
    card = find_card(name)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", "give one with the model's files")
    known: dict[str, ModelFile] = {}
    commit = licence = ""
    if (folder / LOCK).is_file():
        lock = library.parse_lock(folder / LOCK, name)
        known, commit, licence = {file.path: file for file in lock.files}, lock.commit, lock.licence
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != LOCK]
    names = [path.relative_to(folder).as_posix() for path in paths]
    listed = [
        RemoteFile(each, path.stat().st_size, known[each].sha256 if each in known else "")
        for each, path in zip(names, paths, strict=True)
    ]
    plan = _plan(card, str(folder.absolute()), commit, licence or card.licence, listed)
    with _gathering(plan) as gathered:
        done = 0
        for file in plan.files:
            path = gathered / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            count = _Count(progress, done, plan.size_bytes)
            with (folder / file.path).open("rb") as source, path.open("wb") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    count.add(len(block))
            done += file.size_bytes
        return _publish(plan, gathered)


class _Count:
    """Bytes of one file, told as bytes of all."""

    def __init__(self, progress: Progress, before: int, total: int) -> None:
        self._progress, self._done, self._total = progress, before, total

    def add(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)


class _Sink:
    """The file that a download is written to; it tells what arrives, and may so be stopped at any block."""

    def __init__(self, file: BinaryIO, count: _Count) -> None:
        self._file, self._count = file, count

    def write(self, data: bytes) -> int:
        written = self._file.write(data)
        self._count.add(written)
        return written

    def truncate(self) -> int:
        """A source that ignores ranges sends the file from its start again."""
        self._count.add(-(self._file.seek(0, os.SEEK_END) - self._at))
        return self._file.truncate(self._at)

    def seek(self, place: int) -> int:
        self._at = place
        return place

    def tell(self) -> int:
        return self._file.tell()


def _download(plan: Plan, file: RemoteFile, path: Path, count: _Count) -> None:
    """One file, from where an earlier download ended."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, tqdm

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

    if _size(path) > file.size_bytes:
        path.unlink()
    here = _size(path)
    count.add(here)
    if path.exists() and here == file.size_bytes:
        return
    url = hf_hub_url(plan.card.repository, file.path, revision=plan.commit, endpoint=plan.source)
    headers = build_hf_headers(token=None if plan.source == constants.ENDPOINT else False)
    with path.open("ab") as target:
        sink: Any = _Sink(target, count)
        http_get(url, sink, resume_size=here, headers=headers, expected_size=file.size_bytes or None, tqdm_class=Silent)


def _publish(plan: Plan, folder: Path) -> Path:
    """Verify, write the lock file, and give the folder its name."""
    files = []
    for file in plan.files:
        path = folder / file.path
        found = hash_file(path, lambda _read: None)
        if (
            _size(path) != file.size_bytes
            or (file.sha256 or found) != found
            or (not file.sha256 and file.blob and _blob(path) != file.blob)
        ):
            path.unlink()
            raise CorruptWeightsError(
                f"{plan.card.name}: {file.path} is not what {plan.source} lists", "fetch it again, or use another source"
            )
        if file.path.endswith(".safetensors"):
            try:
                read_header(path)
            except CorruptWeightsError:
                path.unlink()
                raise
        files.append(ModelFile(file.path, file.size_bytes, found))
    write_lock(folder, Lock(plan.card.repository, plan.commit, plan.licence, plan.source, tuple(files)))
    final = models_dir() / plan.card.name
    if final.exists():
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
        folder.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        folder.rename(final)
    return final


def _blob(path: Path) -> str:
    """The git object id of a file's content: SHA-1 over its header and bytes."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@contextlib.contextmanager
def _gathering(plan: Plan) -> Iterator[Path]:
    """The folder where files gather, for this process alone, with room for what is missing."""
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with (models_dir() / f".{plan.card.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConflictError(f"another process fetches {plan.card.name}", "wait until it is done") from error
            free = shutil.disk_usage(plan.folder).free
            if free < plan.missing_bytes + SPARE_BYTES:
                needs = f"{plan.card.name} needs {plan.missing_bytes / 1e9:.2f} GB more"
                raise StoreError(
                    f"{needs}, {free / 1e9:.2f} GB are free in {models_dir()}",
                    f"make room, or name another folder with ${library.FOLDER_VARIABLE}",
                )
            yield plan.folder
    except OSError as error:
        room = f"make room, or name another folder with ${library.FOLDER_VARIABLE}; what was fetched stays"
        remedy = room if error.errno in (errno.ENOSPC, errno.EDQUOT) else "give the user the right to write this folder"
        raise StoreError(f"cannot write {plan.folder}: {error.strerror or error}", remedy) from error


@contextlib.contextmanager
def _told(card: ModelCard) -> Iterator[None]:
    """Turn what the hub's library raises into domain errors."""
    try:
        import httpx2
        from huggingface_hub import errors as hub
    except ImportError as error:
        raise MissingDependencyError(f"weights cannot be fetched: {error}", "pip install 'spatia-bridge[models]'") from error
    try:
        yield
    except hub.GatedRepoError as error:
        raise NotFoundError(
            f"{card.repository} is given only to those who agree to its licence",
            f"agree at {HUB}/{card.repository}, then set $HF_TOKEN",
        ) from error
    except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError, hub.EntryNotFoundError) as error:
        raise NotFoundError(
            f"{card.repository} is not there: {_line(error)}", "use another mirror, or a folder (--from)"
        ) from error
    except (hub.OfflineModeIsEnabled, hub.HfHubHTTPError, httpx2.HTTPError) as error:
        raise UnavailableError(
            f"{card.repository} cannot be reached: {_line(error)}",
            "fetch again to go on from there; or use --mirror URL or --from DIR",
        ) from error
    except OSError as error:
        if error.errno is None and "Consistency check" in str(error):
            raise CorruptWeightsError(f"{card.repository}: {_line(error)}", "fetch it again, or use another source") from error
        raise


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
