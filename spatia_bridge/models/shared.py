"""Models are loaded once a process and shared by its sessions; what does not fit the device is said in words."""

import gc
import threading
import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from spatia_bridge.errors import DeviceMemoryError

T = TypeVar("T")

_lock = threading.Lock()
_locks: dict[Hashable, threading.Lock] = {}
_loaded: dict[Hashable, Any] = {}


def shared(key: Hashable, load: Callable[[], T]) -> T:
    """What `load` made when this key was asked for first. Who asks meanwhile waits; a failure is not remembered."""
    with _lock:
        own = _locks.setdefault(key, threading.Lock())
    with own:
        if key not in _loaded:
            _loaded[key] = load()
        made: T = _loaded[key]
        return made


def forget(key: Hashable) -> None:
    """Drop what is kept under a key: who asks next loads it again."""
    _loaded.pop(key, None)
    gc.collect()


def pick_device(asked: str = "") -> str:
    """The device that was asked for, else CUDA where there is one, else the CPU. Imports torch."""
    import torch

    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def device_memory(what: str, remedy: Callable[[], str]) -> Iterator[None]:
    """Turn the device's out-of-memory error into DeviceMemoryError and free what it left behind, so that the process lives on.

    Args:
        what: was being done, as in "loading wan_vace".
        remedy: names what would fit; asked only then.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        text = " ".join(str(error).split())[:200]
        traceback.clear_frames(error.__traceback__)  # they hold the tensors
        failure = DeviceMemoryError(f"{what} does not fit the device's memory: {text}", remedy())
    else:
        return
    gc.collect()
    _empty_cache()
    raise failure


def _is_out_of_memory(error: BaseException) -> bool:
    """torch.OutOfMemoryError is a RuntimeError; on the CPU it is a plain one that only its words tell apart."""
    text = str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text


def _empty_cache() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
