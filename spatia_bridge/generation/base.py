"""What every generator is: projection, preceding frames, references, prompt and seed in; steps and frames out.

Backends are found by entry point (group `spatia_bridge.generators`); the core never asks which one it has.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from spatia_bridge.errors import CancelledError
from spatia_bridge.frames import ColourImage, GeneratedFrame, Projection, ReferenceFrame, RgbdFrame

MAX_PREVIEW = 256  # pixels, either side


class CancelToken:
    """Set by whoever wants the work to stop; looked at by whoever does it. Safe across threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise CancelledError once `cancel` was called."""
        if self.cancelled:
            raise CancelledError("the work was cancelled")


@dataclass(frozen=True, eq=False)
class ClipRequest:
    """One clip to make.

    Attributes:
        projection: the scene projection video, one Projection a new frame; may render lazily, so take frames in order.
        references: up to K past frames that see what the new cameras will see, best first.
        preceding: the tail of the last take, oldest first; empty for the first clip.
        prompt: what the designer typed.
        seed: the same request with the same seed gives the same frames.
    """

    projection: Sequence[Projection]
    references: tuple[ReferenceFrame, ...] = ()
    preceding: tuple[RgbdFrame, ...] = ()
    prompt: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Step:
    """Progress inside a generator: `done` of `total` units of equal cost.

    Attributes:
        preview: uint8 (h, w, 3), what the clip's last frame looks like so far, at most MAX_PREVIEW a side; None = not known.
        remark: on the request, a sentence for the designer; stays with the take until another comes.
    """

    done: int
    total: int
    preview: ColourImage | None = field(default=None, compare=False, repr=False)
    remark: str = ""


@dataclass(frozen=True)
class ClipShape:
    """What a generator makes by default.

    Attributes:
        first_frames: new frames of a clip that nothing precedes; 0 = as many as of any other.
    """

    width: int
    height: int
    new_frames: int = 25
    preceding_frames: int = 4
    fps: float = 16.0
    references: int = 4
    first_frames: int = 0


Event = Step | GeneratedFrame


class Generator(Protocol):
    """A source of clips. One instance serves one clip at a time."""

    name: str
    shape: ClipShape

    def generate(self, request: ClipRequest, cancel: CancelToken) -> Iterator[Event]:
        """Yield steps, and every new frame once, in order, as soon as it is done.

        Raises:
            CancelledError: within one step of `cancel.cancel()`.
            InvalidInputError: a request that this generator cannot serve.
        """
        ...
