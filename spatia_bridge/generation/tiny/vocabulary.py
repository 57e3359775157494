"""The words of a prompt that `tiny` knows; what it was trained to follow, and nothing else.

| kind | words | what a clip shows that was trained under them |
|---|---|---|
| place | corridor, room, hall, outdoors | the sky; else how far the walls are: below 2.5 m, up to 6 m, beyond |
| light | dark, dim, bright | mean luma below 40, up to 80, above |
| colour | grey, brown, red, green, blue | the hue of the mean colour |
| creature | zombie, sergeant, imp, demon, cacodemon, knight, skull | one of them, 24 pixels of 128×72 or more in a frame |
"""

import re
from dataclasses import dataclass

PLACES = ("corridor", "room", "hall", "outdoors")
LIGHTS = ("dark", "dim", "bright")
COLOURS = ("grey", "brown", "red", "green", "blue")
CREATURES = ("zombie", "sergeant", "imp", "demon", "cacodemon", "knight", "skull")
WORDS = (*PLACES, *LIGHTS, *COLOURS, *CREATURES)

SYNONYMS = {
    "hallway": "corridor", "passage": "corridor", "tunnel": "corridor", "chamber": "room", "cave": "room",
    "outside": "outdoors", "outdoor": "outdoors", "courtyard": "outdoors", "yard": "outdoors", "sky": "outdoors",
    "gloomy": "dark", "shadowy": "dark", "light": "bright", "sunny": "bright", "lit": "bright",
    "gray": "grey", "stone": "grey", "concrete": "grey", "wooden": "brown", "wood": "brown", "rusty": "brown",
    "soldier": "zombie", "zombieman": "zombie", "monster": "imp", "ghost": "skull",
}  # fmt: skip
GLUE = frozenset(
    {
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "with",
        "and",
        "or",
        "to",
        "from",
        "by",
        "is",
        "are",
        "some",
        "one",
        "two",
        "three",
        "very",
    }
)
PLURAL_ENDING = "s"


@dataclass(frozen=True)
class Prompt:
    """A prompt as the model takes it.

    Attributes:
        indexes: into WORDS, each once, in order.
        unknown: words it does not know, in lower case, each once, in the order they were typed.
    """

    indexes: tuple[int, ...]
    unknown: tuple[str, ...]


def read_prompt(text: str) -> Prompt:
    """Find the known words; plurals and a few synonyms count, glue words ("a", "with") are passed over."""
    known: set[int] = set()
    unknown: dict[str, None] = {}
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in GLUE:
            continue
        found = next((form for form in _forms(word) if form in WORDS), None)
        if found is None:
            unknown[word] = None
        else:
            known.add(WORDS.index(found))
    return Prompt(tuple(sorted(known)), tuple(unknown))


def _forms(word: str) -> tuple[str, ...]:
    singular = word.removesuffix(PLURAL_ENDING)
    return word, SYNONYMS.get(word, word), singular, SYNONYMS.get(singular, singular)
