"""What a language is made of for a conversation: patterns on cleaned text in small letters, and words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cuvee.dialogue.acts import Command

__all__ = ["Phrases", "listed"]

Pattern = re.Pattern[str]


@dataclass(frozen=True)
class Phrases:
    """Patterns of one language. Values of a catalogue are in none of them."""

    commands: Mapping[Command, Pattern]
    """What is a command wherever it stands (undo, restart), or as the whole message (the others)."""
    why: Pattern
    """Asks for a reason."""
    choose: Pattern
    """Decides for an item."""
    love: Pattern
    """Likes an item that was named."""
    hate: Pattern
    """Dislikes an item that was named; stands before it."""
    hate_after: Pattern
    """The same, behind it."""
    alike: Pattern
    """What follows is an item; group `what` holds it and perhaps more."""
    ordinals: Pattern
    """A place on the list: groups `number`, `word` or `last`."""
    places: Mapping[str, int]
    """Word of an ordinal -> place, 1 first."""
    negators: Pattern
    """Begins what is not wanted."""
    ends: Pattern
    """Ends what is not wanted."""
    listed: Pattern
    """All that may stand between the values of a list."""
    either: Pattern
    """Stands between values of which one is enough."""
    shifts: tuple[tuple[Pattern, str, int], ...]
    """(pattern, measure, sign): cheaper, newer, shorter; group `soft` is there where it is no comparison."""
    comparatives: Mapping[str, str]
    """Comparative of one word -> its adjective."""
    more: tuple[Pattern, ...]
    """More of something: group `word`."""
    less: tuple[Pattern, ...]
    """Less of something: group `word`."""
    empty: frozenset[str]
    """Words that are no wish; in Chinese, what is taken out of a text, the longest first."""


def listed(words: str) -> list[str]:
    """Return the words of a text."""
    return words.split()
