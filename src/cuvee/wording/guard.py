"""The guard: is everything that a sentence says in its facts?

It knows no catalogue and no language. Names and nouns of the facts become signs; what remains must be words of a short
list, every number a share that stands beside its own noun, every name in the place of its role. In doubt it refuses.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from cuvee.wording.facts import Facts, listed, plain_sentence

__all__ = ["refusal"]

_LONGEST = 400
"""Characters beside the names."""
_NEW_WORDS = 3
"""Words beside the template's own, in its order, that a sentence needs to count as worded."""

_LIST = """
a an and as at be because choice choices chose chosen come comes coming consider could down due enjoy for from given has
have here in is it look makes may might of our picked recommend recommended shown since so suggest suggested thanks that
the this thought to try up was we where which why with would you your among accounts account counts count are
"""
_WORDS = frozenset(_LIST.split())
"""All that a sentence may say beside its facts; nothing that describes, compares, denies or counts."""

_ITEM, _PAST, _SHARE, _NOUN = "\ue000", "\ue001", "\ue002", "\ue003"
"""Signs from the private area: no text of ours holds them."""

_PAST_BEFORE = re.compile(r"(?:\b(?:because of|you chose|thanks to)|(?:^|\. )(?:given|with)) $", re.IGNORECASE)
_ITEM_BEFORE = re.compile(
    r"(?:recommend|suggest|enjoy|try|consider|look at|thought of|picked|suggested|recommended|choice is) $",
    re.IGNORECASE,
)
_ITEM_AFTER = re.compile(
    r" (?:(?:is|was) (?:recommended|suggested|shown|picked|here)|(?:could|may|might) be a choice)\b", re.IGNORECASE
)
_BRIDGE = "comes come coming is are down due thanks to from of it this counts count accounts account for makes up"
_BETWEEN = frozenset(_BRIDGE.split())
"""Words between a share and its noun."""


def refusal(text: str, facts: Facts) -> str:
    """Return why a sentence may not be shown as the wording of its facts, "" where it may."""
    signs, numbers, nouns = _signs(text, facts)
    for check in (_shape, _unknown, _roles):
        if found := check(signs):
            return found
    if signs.count(_PAST) != bool(facts.past) or signs.count(_ITEM) != 1:
        return "a name is missing or told twice"
    return _shares(signs, numbers, nouns, facts) or _copied(text, facts)


def _signs(text: str, facts: Facts) -> tuple[str, list[int], list[str]]:
    """Return the text with signs for what the facts hold, and the numbers and nouns in their order."""
    numbers: list[int] = []
    nouns: list[str] = []

    def sign(found: re.Match[str]) -> str:
        if found["item"]:
            return _ITEM
        if found["past"]:
            return _PAST
        if found["noun"]:
            nouns.append(found["noun"].lower())
            return _NOUN
        numbers.append(int(found["share"]))
        return _SHARE

    named = [("item", [facts.item]), ("past", [listed(facts.past)] if facts.past else [])]
    either = [f"(?P<{role}>{_any(names)})" for role, names in sorted(named, key=lambda n: -len("".join(n[1])))]
    either += [f"(?P<noun>(?i:{_any([noun for noun, _ in facts.shares])}))", r"(?P<share>\b\d{1,3}) ?%"]
    return re.sub("|".join(either), sign, text), numbers, nouns


def _any(texts: Sequence[str]) -> str:
    """Return a pattern for any of the texts as whole words, the longest first; of none that nothing fits."""
    each = [re.escape(text) for text in sorted(texts, key=lambda t: -len(t))]
    return rf"(?<![\w-])(?:{'|'.join(each)})(?![\w-])" if each else r"(?!)"


def _shape(signs: str) -> str:
    """One or two sentences that begin large, end with a full stop and hold no sign that could carry a meaning."""
    if not re.fullmatch(rf"[A-Z{_ITEM}{_PAST}{_SHARE}](?:[^.]*\.|[^.]*\. [A-Z{_ITEM}{_PAST}{_SHARE}][^.]*\.)", signs):
        return "not one sentence, or two"
    if len(signs) > _LONGEST:
        return "too long"
    strange = re.search(rf"[^\w\s.,;:{_ITEM}{_PAST}{_SHARE}{_NOUN}]", signs)
    return f"the sign {strange[0]!r}" if strange else ""


def _unknown(signs: str) -> str:
    """Every word is of the list, and only the first of a sentence has a capital."""
    for found in re.finditer(r"\w+", signs):
        word = found[0]
        if word.lower() not in _WORDS:
            return f"the word {word!r}"
        if word != word.lower() and not (found.start() == 0 or signs[: found.start()].endswith(". ")):
            return f"the name {word!r}"
    twice = re.search(r"\b(\w+) \1\b", signs, re.IGNORECASE)
    return f"{twice[0]!r}" if twice else ""


def _roles(signs: str) -> str:
    """What is shown is offered, what is past is a cause."""
    for name in re.finditer(f"[{_ITEM}{_PAST}]", signs):
        before, after = signs[: name.start()], signs[name.end() :]
        if name[0] == _PAST and not _PAST_BEFORE.search(before):
            return "a past item in the place of the one shown"
        if name[0] == _ITEM and not _offered(before, after):
            return "the item shown in the place of a past one"
    return ""


def _offered(before: str, after: str) -> bool:
    if _PAST_BEFORE.search(before):
        return False
    begins = not before or before.endswith((", ", ". ", "so "))
    return bool(_ITEM_BEFORE.search(before) or (begins and _ITEM_AFTER.match(after)))


def _shares(signs: str, numbers: Sequence[int], nouns: Sequence[str], facts: Facts) -> str:
    """Each number stands beside the noun whose share it is, always on the same side; the largest share is told."""
    held = {noun.lower(): share for noun, share in facts.shares}
    if len(numbers) != len(nouns) or len(set(nouns)) != len(nouns):
        return "a number without its noun, or a noun without its number"
    if any(held[noun] != number for noun, number in zip(nouns, numbers, strict=True)):
        return "a number that is not the share of its noun"
    if facts.shares and facts.shares[0][0].lower() not in nouns:
        return "the largest share is not told"
    marks = re.findall(f"[{_SHARE}{_NOUN}]", signs)
    pair = f"{_SHARE}{_NOUN}" if marks[:1] == [_SHARE] else f"{_NOUN}{_SHARE}"
    if "".join(marks) != pair * len(numbers):
        return "numbers and nouns do not take turns"
    for between in re.findall(rf"{pair[0]}([^{_SHARE}{_NOUN}]*){pair[1]}", signs):
        if not set(between.lower().split()) <= _BETWEEN:
            return "something between a number and its noun"
    apart = re.findall(rf"{pair[1]}([^{_SHARE}{_NOUN}]*){pair[0]}", signs)
    return "" if all(re.fullmatch(r"(?:,|;|,? and) ", a) for a in apart) else "two shares that run into one another"


def _copied(text: str, facts: Facts) -> str:
    theirs, ours = (re.findall(r"\w+", t.lower()) for t in (text, plain_sentence(facts)))
    same = sum(block.size for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks())
    return "the template's own words" if len(theirs) - same < _NEW_WORDS else ""
