"""Items that a message speaks of: by their place on the screen, or by their title."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cuvee.dialogue.acts import Act, Choose, Explain, Feel
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.lexicon import Lexicon
from cuvee.dialogue.phrases import Phrases
from cuvee.dialogue.titles import Titles
from cuvee.dialogue.tokens import is_chinese, lower, tokens

__all__ = ["Mention", "feelings", "mentions"]

_CLAUSE = re.compile(r"[.;!?。；！？]|,|，|\bbut\b|但")
_FEWEST_CHINESE = 3
"""Characters of a Chinese title that is one without a word about it."""


@dataclass(frozen=True)
class Mention:
    """An item, and the characters that name it."""

    start: int
    end: int
    item: str
    alike: bool = False
    """Whether something like it was asked for in so many words."""


def mentions(
    text: str, shown: Sequence[str], facts: Facts, titles: Titles, lexicon: Lexicon, language: Phrases
) -> list[Mention]:
    """Return the items of a cleaned message, from the left."""
    small = lower(text)
    found = _ordinals(small, shown, language) + _wanted(text, facts, titles, language)
    taken = [range(m.start, m.end) for m in found]
    on_screen = set(shown)
    for start, end, row in titles.exact(text):
        words = tuple(t.text for t in tokens(text[start:end]))
        item = facts.items[row]
        if any(start < r.stop and end > r.start for r in taken):
            continue
        sure = item in on_screen or _is_name(text[start:end], small[:start], len(words), language)
        plain = words in titles.generic or (words in lexicon.meanings and item not in on_screen)
        if sure and not plain:
            found.append(Mention(start, end, item))
    return sorted(found, key=lambda m: m.start)


def feelings(text: str, found: Sequence[Mention], language: Phrases) -> list[Act]:
    """Return what is said of the items: why, taken, disliked, or that others should be like them."""
    small, acts = lower(text), list[Act]()
    for mention in found:
        before = _CLAUSE.split(small[: mention.start])[-1]
        after = small[mention.end :]
        if language.why.search(small):
            acts.append(Explain(mention.item))
        elif language.hate.search(before) or language.hate_after.search(after):
            acts.append(Feel(mention.item, -1))
        elif language.choose.search(small) and not mention.alike:
            acts.append(Choose(mention.item))
        else:
            acts.append(Feel(mention.item, 1))
    return acts


def _ordinals(text: str, shown: Sequence[str], language: Phrases) -> list[Mention]:
    found = []
    for match in language.ordinals.finditer(text) if shown else ():
        number = match["number"] or match["hash"]
        if match["last"]:
            place = len(shown)
        elif number:
            place = int(number)
        else:
            place = language.places[match["word"] or match["cardinal"]]
        if 1 <= place <= len(shown):
            found.append(Mention(match.start(), match.end(), shown[place - 1]))
    return found


def _wanted(text: str, facts: Facts, titles: Titles, language: Phrases) -> list[Mention]:
    """Return the items in `something like X`, where X, or its beginning, is near a title."""
    found, small = [], lower(text)
    for match in language.alike.finditer(small):
        start, end = match.span("what")
        if language.ordinals.search(small[start:end]):
            continue
        words = tokens(text[start:end])
        for length in range(len(words), 0, -1):
            part = text[start : start + words[length - 1].end]
            row = titles.nearest(part)
            if row is not None and (length == len(words) or _whole(part, titles.names[row])):
                found.append(Mention(start, start + words[length - 1].end, facts.items[row], alike=True))
                break
    return found


def _whole(part: str, title: str) -> bool:
    """Only the beginning of what was said is near a title: then it must be the title itself, and no single word."""
    return tokens(part) != [] and [t.text for t in tokens(part)] == [t.text for t in tokens(title)] and len(part) > 3


def _is_name(written: str, before: str, words: int, language: Phrases) -> bool:
    """Return whether words that are a title are meant as one."""
    felt = bool(language.love.search(_CLAUSE.split(before)[-1]))
    if is_chinese(written):
        return words >= _FEWEST_CHINESE or (felt and words > 1)
    return (written[:1].isupper() and (words > 1 or felt)) or (felt and words > 1)
