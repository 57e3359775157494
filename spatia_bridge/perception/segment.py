"""What every segmenter of moving things is: words and the pictures of a clip, one after the other, in; masks out.

What is masked is dynamic: it joins what contradicts memory (`slam.dynamics`) and stays out of it. Backends are found by entry
point (group `spatia_bridge.segmenters`); the core never asks which one it has, and does without unless told.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spatia_bridge.errors import InvalidInputError
from spatia_bridge.frames import ColourImage, Mask
from spatia_bridge.perception.backends import INSTALL, find_backend

ENTRY_POINT_GROUP = "spatia_bridge.segmenters"
MAX_WORDS = 16

Track = Callable[[ColourImage], Mask]
"""Takes the pictures of one clip in order, uint8 (H, W, 3) sRGB, and gives for each the mask bool (H, W) of what moves.

Raises InvalidInputError for what is no picture, or of another size than the one before. For one thread at a time.
"""

MOVING = {
    "person": (
        "person people man men woman women child children boy boys girl girls crowd pedestrian pedestrians passer-by passers-by "
        "soldier soldiers guard guards knight knights worker workers dancer dancers runner runners character characters player"
    ),
    "car": "car cars taxi taxis van vans",
    "truck": "truck trucks lorry lorries",
    "bus": "bus buses",
    "motorcycle": "motorcycle motorcycles motorbike motorbikes scooter scooters",
    "bicycle": "bicycle bicycles bike bikes cyclist cyclists",
    "train": "train trains tram trams",
    "boat": "boat boats ship ships",
    "aircraft": "aircraft airplane airplanes plane planes helicopter helicopters drone drones",
    "dog": "dog dogs puppy puppies",
    "cat": "cat cats kitten kittens",
    "horse": "horse horses rider riders",
    "cow": "cow cows cattle",
    "sheep": "sheep goat goats",
    "bird": "bird birds pigeon pigeons crow crows",
    "fish": "fish fishes shark sharks",
    "animal": "animal animals deer wolf wolves bear bears",
    "monster": "monster monsters zombie zombies demon demons creature creatures dragon dragons alien aliens skeleton skeletons",
    "robot": "robot robots android androids",
}
"""What a segmenter is asked for, and the words of a prompt that ask for it."""

DEFAULT_WORDS = ("person", "animal", "vehicle")
_CANONICAL = {word: name for name, words in MOVING.items() for word in words.split()}


def moving_words(prompt: str) -> tuple[str, ...]:
    """What moves by a prompt's words, each once, in the order of their first mention; DEFAULT_WORDS if it names nothing."""
    named = (_CANONICAL.get(word) for word in re.findall(r"[a-z]+(?:-[a-z]+)*", prompt.lower()))
    return tuple(dict.fromkeys(name for name in named if name)) or DEFAULT_WORDS


def check_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words, trimmed and in lower case.

    Raises:
        InvalidInputError: there are none or more than MAX_WORDS, or one is empty, longer than 40 characters, or has a full stop
            (which separates words for a detector).
    """
    trimmed = tuple(word.strip().lower() for word in words)
    if not 1 <= len(trimmed) <= MAX_WORDS:
        raise InvalidInputError(f"{len(trimmed)} words name what moves", f"give 1 to {MAX_WORDS}, as in: person, car, dog")
    for word in trimmed:
        if not re.fullmatch(r"\w[\w' -]{0,39}", word):
            raise InvalidInputError(f"{word!r} does not name a thing that moves", "give plain nouns, as in: person, car, dog")
    return trimmed


class DynamicSegmenter(ABC):
    """A source of masks of what moves. Safe to call from several threads; each clip has a track of its own.

    Attributes:
        packages: that must be importable, none of which is imported before it is used.
        install: how to get them.
    """

    packages: tuple[str, ...] = ()
    install: str = INSTALL

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def track(self, words: Sequence[str]) -> Track:
        """Begin a clip. Equal words and pictures give equal masks.

        Args:
            words: nouns, for what is to be masked.
        Raises:
            InvalidInputError: see `check_words`.
        """


class SizeCheck:
    """Raises InvalidInputError unless each picture is uint8 (H, W, 3) and of the first one's size."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None

    def __call__(self, colour: ColourImage) -> None:
        if colour.dtype != np.uint8 or colour.ndim != 3 or colour.shape[2] != 3 or not colour.size:
            raise InvalidInputError(f"the picture is {colour.dtype} {colour.shape}", "give RGB with 8 bits a channel")
        if self._shape not in (None, colour.shape):
            raise InvalidInputError(f"the picture is {colour.shape} in a clip of {self._shape}", "give pictures of one size")
        self._shape = colour.shape


@dataclass(frozen=True, eq=False)
class Movers:
    """A segmenter, and what it looks for.

    Attributes:
        words: for every clip; none = those of each clip's prompt.
    """

    segmenter: DynamicSegmenter
    words: tuple[str, ...] = ()

    def track(self, prompt: str) -> Track:
        """Begin a clip with this prompt."""
        return self.segmenter.track(self.words or moving_words(prompt)[:MAX_WORDS])


def find_segmenter(choice: str, device: str = "") -> DynamicSegmenter:
    """A new segmenter: NAME, or NAME=WEIGHTS; see `backends.find_backend` for what it raises."""
    segmenter: DynamicSegmenter = find_backend(ENTRY_POINT_GROUP, "segmenter", choice, device)
    return segmenter
