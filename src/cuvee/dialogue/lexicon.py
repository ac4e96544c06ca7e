"""The words of a catalogue: which phrase means which values of which columns. Built from the catalogue itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cuvee import plain_yaml
from cuvee.dialogue.facts import Facts, TagColumn
from cuvee.dialogue.state import Pair
from cuvee.dialogue.tokens import Token, is_chinese, phrase

__all__ = ["Found", "Lexicon", "build_lexicon"]

Phrase = tuple[str, ...]
_PARTS = re.compile(r"\s*(?:/|&|\band\b|[()（）])\s*")
_EMPTY = frozenset({"other", "unknown", "none", "basic", "misc", "no", "yes", "true", "false", "all", "n", "a", "i"})
"""Values, and last words of values, that nobody asks for."""
_NAMES = 300
"""From so many values on a column holds names: a last name alone must have a capital."""


@dataclass(frozen=True)
class Meaning:
    """What a phrase stands for."""

    exact: tuple[Pair, ...] = ()
    """Values that are just this phrase, or a synonym of it."""
    wide: tuple[Pair, ...] = ()
    """Values that end in it, or have it as a part: `dark blue` for blue."""
    names: tuple[Pair, ...] = ()
    """Names that end in it."""


@dataclass(frozen=True)
class Found:
    """A phrase of the lexicon in a message."""

    start: int
    end: int
    exact: tuple[Pair, ...]
    """What it asks for."""
    every: tuple[Pair, ...]
    """What it excludes where it is negated."""
    words: str
    """As it stands in the message."""


@dataclass(frozen=True)
class Lexicon:
    """Phrases with their meanings."""

    meanings: Mapping[Phrase, Meaning]
    leanings: Mapping[Phrase, tuple[Pair, ...]]
    """Adjectives -> the values that they lean to."""
    longest: int
    """Tokens of the longest phrase."""

    def find(self, message: str, found: Sequence[Token], free: Sequence[bool]) -> list[Found]:
        """Return the phrases of a message, the longest from the left, within the characters that are free."""
        out, at = [], 0
        while at < len(found):
            for length in range(min(self.longest, len(found) - at), 0, -1):
                run = found[at : at + length]
                start, end = run[0].start, run[-1].end
                if all(free[start:end]) and (hit := self._hit(tuple(t.text for t in run), message[start:end])):
                    out.append(Found(start, end, *hit, message[start:end]))
                    at += length - 1
                    break
            at += 1
        return out

    def leaning(self, word: str) -> tuple[Pair, ...]:
        """Return the values that more of a word leans to; () where the catalogue has none."""
        words = phrase(word)
        found = self.meanings.get(words, Meaning())
        parts = [pair for w in words if len(words) > 1 for pair in self.leanings.get((w,), ())]
        return tuple(dict.fromkeys((*self.leanings.get(words, ()), *found.exact, *found.wide, *parts)))

    def leans(self, word: str) -> bool:
        """Return whether a word is an adjective that leans to a value."""
        return phrase(word) in self.leanings

    def _hit(self, words: Phrase, written: str) -> tuple[tuple[Pair, ...], tuple[Pair, ...]] | None:
        meaning = self.meanings.get(words)
        if meaning is None:
            return None
        names = meaning.names if written[:1].isupper() or is_chinese(written) else ()
        every = (*meaning.exact, *meaning.wide, *names)
        return (meaning.exact or every, every) if every else None


def build_lexicon(facts: Facts) -> Lexicon:
    """Return the phrases of a catalogue: its values, their parts and last words, and synonyms of them."""
    exact: dict[Phrase, list[Pair]] = {}
    wide: dict[Phrase, list[Pair]] = {}
    names: dict[Phrase, list[Pair]] = {}
    for column in facts.tags.values():
        _add_values(column, exact, wide, names if len(column.values) > _NAMES else wide)
    leanings: dict[Phrase, tuple[Pair, ...]] = {}
    values = {words: tuple(pairs) for words, pairs in exact.items()}
    ends = {words: tuple(pairs) for words, pairs in wide.items()}
    for same, alike in _synonyms():
        pairs = dict.fromkeys(pair for words in same for pair in values.get(words, ()))
        more = dict.fromkeys(pair for words in same for pair in ends.get(words, ()) if pair not in pairs)
        for words in same:
            exact[words] = list(dict.fromkeys((*exact.get(words, ()), *pairs)))
            wide[words] = list(dict.fromkeys((*wide.get(words, ()), *more)))
        for words in alike if pairs or more else ():
            leanings[words] = tuple(pairs or more)
    meanings = {
        words: Meaning(*(tuple(dict.fromkeys(t.get(words, ()))) for t in (exact, wide, names)))
        for words in (*exact, *wide, *names)
        if words and not (len(words) == 1 and words[0] in _EMPTY)
    }
    return Lexicon(meanings, leanings, max(map(len, meanings), default=0))


def _add_values(
    column: TagColumn,
    exact: dict[Phrase, list[Pair]],
    wide: dict[Phrase, list[Pair]],
    ends: dict[Phrase, list[Pair]],
) -> None:
    for value in sorted(column.values, key=lambda v: -column.counts[column.number[v]]):
        pair, words = (column.name, value), phrase(value)
        exact.setdefault(words, []).append(pair)
        parts = [part for part in map(phrase, _PARTS.split(value)) if part and part != words]
        for part in parts:
            wide.setdefault(part, []).append(pair)
        if words and is_chinese(value):
            for length in range(2, len(words)):
                ends.setdefault(words[-length:], []).append(pair)
        elif len(words) > 1:
            ends.setdefault(words[-1:], []).append(pair)


@cache
def _synonyms() -> tuple[tuple[tuple[Phrase, ...], tuple[Phrase, ...]], ...]:
    """Return the table: groups of phrases that mean the same, and adjectives that lean there."""
    text = (files("cuvee") / "dialogue" / "synonyms.yaml").read_text(encoding="utf-8")
    return tuple(
        (tuple(map(phrase, group["same"])), tuple(map(phrase, group.get("alike", ()))))
        for group in plain_yaml.load(text)
    )
