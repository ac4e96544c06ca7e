"""What an explanation may tell, taken out of its reasons, and the sentence a template makes of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cuvee.types import Reason

__all__ = ["Facts", "facts_of", "plain_sentence", "readable"]

_LEAST = 0.1
"""Shares below this are not told: a sentence with many numbers is not read."""
_SHARES = 2
"""Shares told at most."""
_MOVED = re.compile(r"(?P<rest>.+), (?P<article>The|An?)(?P<year>(?: \([^)]*\))*)")
_NOUNS = {
    "chosen by people with this taste": "people with your taste",
    "chosen by friends and their friends": "friends and their friends",
    "popular": "popularity",
    "new here": "being new here",
}


@dataclass(frozen=True)
class Facts:
    """Why one item is shown, in the words that a sentence may use."""

    item: str
    """Name of the item shown."""
    past: tuple[str, ...] = ()
    """Names of the user's own items that speak for it."""
    shares: tuple[tuple[str, int], ...] = ()
    """What else can be said to speak for it, and per cent of all that does; largest first."""
    rest: tuple[str, ...] = ()
    """Sentences of reasons of other kinds: they are told as they are."""


def facts_of(title: str, reasons: Sequence[Reason]) -> Facts:
    """Return what the reasons let be told of the item of that title."""
    past, shares, rest = [], [], []
    for reason in sorted(reasons, key=lambda r: -r.weight):
        noun = _noun(str(reason.evidence.get("part", "")))
        if reason.kind == "history" and "title" in reason.evidence:
            past.append(readable(str(reason.evidence["title"])))
        elif reason.kind != "views" or not noun:
            rest.append(_sentence(reason.text))
        elif reason.weight >= _LEAST:
            shares.append((noun, round(100 * reason.weight)))
    return Facts(readable(title), tuple(past), tuple(shares[:_SHARES]), tuple(rest))


def plain_sentence(facts: Facts) -> str:
    """Return the explanation in the template's words."""
    because = f" because of {listed(facts.past)}" if facts.past else ""
    shares = [f"{share} % comes from {noun}" for noun, share in facts.shares[:1]]
    shares += [f"{share} % from {noun}" for noun, share in facts.shares[1:]]
    return f"{facts.item} is recommended{because}{': ' if shares else ''}{', '.join(shares)}."


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def readable(title: str) -> str:
    """Return a title with its article in front: `Matrix, The (1999)` is The Matrix (1999)."""
    found = _MOVED.fullmatch(title)
    return f"{found['article']} {found['rest']}{found['year']}" if found else title


def _noun(part: str) -> str:
    """Return a part of the score as a noun, "" for one that has none."""
    if part.startswith("alike by "):
        return f"likeness in {listed(part.removeprefix('alike by ').split(' and '))}"
    return _NOUNS.get(part, "")


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
