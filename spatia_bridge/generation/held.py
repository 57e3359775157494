"""A pipeline that all sessions share: loaded at the first clip, one clip at a time, out of memory said in words."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from spatia_bridge.errors import MissingDependencyError
from spatia_bridge.generation.base import CancelToken
from spatia_bridge.models.shared import device_memory, pick_device, shared

T = TypeVar("T")
POLL_SECS = 0.05


class Held:
    """A loaded pipeline, and the lock of whoever runs it."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.lock = threading.Lock()

    def run(self, work: Callable[[Any], T], cancel: CancelToken, what_fits: Callable[[Any], str]) -> T:
        """`work(pipe)`, when no other clip is being made.

        Raises:
            CancelledError: while it waited; DeviceMemoryError, with what_fits(pipe) as remedy; whatever the work raises.
        """
        while not self.lock.acquire(timeout=POLL_SECS):
            cancel.raise_if_cancelled()
        try:
            with device_memory("the clip", lambda: what_fits(self.pipe)):
                return work(self.pipe)
        finally:
            self.lock.release()


def held(name: str, key: Hashable, device: str, load: Callable[[str], Any], what_fits: str) -> Held:
    """The pipeline of this name and key on a device ("" = the best there is), loaded if it is not yet.

    Raises:
        MissingDependencyError: torch or diffusers are not installed; DeviceMemoryError; whatever `load` raises.
    """
    try:
        where = pick_device(device)
        with device_memory(f"loading {name}", lambda: what_fits):
            return shared((name, key, where), lambda: Held(load(where)))
    except ImportError as error:
        raise MissingDependencyError(f"{name} cannot be loaded: {error}", "pip install 'spatia-bridge[models]'") from error
