"""Prompt words: known ones count however they are written, unknown ones are named."""

from spatia_bridge.generation.tiny import vocabulary
from spatia_bridge.generation.tiny.vocabulary import WORDS, read_prompt


def test_known_words_synonyms_and_plurals():
    prompt = read_prompt("A dark HALLWAY, with two Imps and some wood.")
    assert {WORDS[i] for i in prompt.indexes} == {"dark", "corridor", "imp", "brown"}
    assert prompt.unknown == () and list(prompt.indexes) == sorted(prompt.indexes)


def test_unknown_words_are_reported_once_in_order():
    prompt = read_prompt("a Castle with elves, a castle and a hall")
    assert prompt.unknown == ("castle", "elves") and [WORDS[i] for i in prompt.indexes] == ["hall"]


def test_every_word_is_documented_and_every_synonym_leads_to_one():
    assert vocabulary.__doc__ is not None and all(word in vocabulary.__doc__ for word in WORDS)
    assert len(set(WORDS)) == len(WORDS) and set(vocabulary.SYNONYMS.values()) <= set(WORDS)
    assert not set(vocabulary.SYNONYMS) & set(WORDS)
