"""Phrases that may name a property of a thing, per clause: runs of words that are neither stop words nor judgements.

English has no tagger here. A word counts as a noun by how the reviews themselves use it: by the share of its
occurrences that end a run after a determiner or a judgement ("the tone", "great tone"). Chinese is cut and tagged by
SnowNLP; nouns count, and so does what comes before a judgement (做工精美).

Reference: M. Hu, B. Liu, "Mining and summarizing customer reviews", KDD 2004 (properties are frequent nouns near
judgements); S. Rose et al., "Automatic keyword extraction from individual documents", 2010 (runs between stop words).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from cuvee.errors import ConfigError
from cuvee.reviewing.words import DETERMINERS, OPINIONS, STOP, chinese, fold, tokens

__all__ = ["Phrase", "phrases"]

Phrase = tuple[str, ...]

_LONGEST = 3
_NOUN = 0.25
"""Share of its occurrences in which a word must be used like a noun."""
_PRIOR = 4
"""Occurrences added to those of a word, none of them as a noun: one use proves nothing, two do."""
_PLAIN = re.compile(r"[^\W\d_][\w'\-/&]*")
_ADVERB = re.compile(r"(?<!assemb)(?<!supp)(?<!fami)(?<!po)ly$")


def phrases(clauses: Sequence[str]) -> list[list[Phrase]]:
    """Return for each clause the phrases in it, at most three words each, by `fold`.

    Raises:
        ConfigError: a clause is Chinese, and SnowNLP is not installed.
    """
    unique = dict.fromkeys(clauses)
    cut = {clause: list(_runs(clause)) for clause in unique if not chinese(clause)}
    nouns = _nouns(run for clause in clauses for run in cut.get(clause, ()))
    found = {
        clause: [phrase for words, _ in cut[clause] for phrase in _named(words, nouns)]
        if clause in cut
        else list(_chinese(clause))
        for clause in unique
    }
    return [found[clause] for clause in clauses]


_Run = tuple[list[str], bool]
"""Words in a row that may be a phrase, and whether a determiner or a judgement comes before them."""


def _runs(clause: str) -> Iterator[_Run]:
    words: list[str] = []
    before = introduced = False
    for word in tokens(clause):
        if _names_nothing(word):
            if words:
                yield words, introduced
            words, before = [], word in DETERMINERS or word in OPINIONS
            continue
        if not words:
            introduced = before
        words.append(word)
    if words:
        yield words, introduced


def _names_nothing(word: str) -> bool:
    if word in DETERMINERS or word in OPINIONS or word in STOP:
        return True
    return len(word) < 2 or not _PLAIN.fullmatch(word) or bool(_ADVERB.search(word))


def _nouns(runs: Iterator[_Run]) -> frozenset[str]:
    """Return the words that are used like nouns."""
    used: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for words, introduced in runs:
        used.update(fold([word])[0] for word in words)
        if introduced:
            named[fold(words)[-1]] += 1
    return frozenset(word for word, n in named.items() if n >= _NOUN * (used[word] + _PRIOR))


def _named(words: list[str], nouns: frozenset[str]) -> Iterator[Phrase]:
    """Yield the parts of a run that end in a noun."""
    for end in range(1, len(words) + 1):
        if fold(words[end - 1 : end])[0] in nouns:
            for start in range(max(0, end - _LONGEST), end):
                yield fold(words[start:end])


@cache
def _tagger() -> Any:
    try:
        return import_module("snownlp").SnowNLP
    except ModuleNotFoundError as error:
        raise ConfigError("aspects of Chinese reviews need snownlp: pip install 'cuvee[sentiment]'") from error


_ENDINGS = ("Ng", "Vg")
"""Tags of a character that makes a word with the noun before it (手 + 感)."""
_DEGREE = frozenset(("很", "太", "都", "挺", "非常", "真", "有点", "比较", "不", "特别", "十分"))
_NOTHING = frozenset(("东西", "时候", "朋友", "感觉", "一个", "问题", "商品", "产品", "宝贝", "手里"))


def _chinese(clause: str) -> Iterator[Phrase]:
    """Yield nouns of at least two characters, and verbs that a judgement follows."""
    tagged = _joined([(word, tag) for word, tag in _tagger()(clause).tags])
    for place, (word, tag) in enumerate(tagged):
        if len(word) < 2 or word in _NOTHING:
            continue
        rest = [pair for pair in tagged[place + 1 :] if pair[0] not in _DEGREE]
        judged = tag in ("v", "vn") and bool(rest) and rest[0][1].startswith("a")
        if (tag.startswith("n") and tag not in ("na", "nr")) or judged:
            yield (word,)


def _joined(tagged: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for word, tag in tagged:
        if found and tag in _ENDINGS and found[-1][1] == "n" and len(found[-1][0]) == 1:
            found[-1] = (found[-1][0] + word, "n")
        else:
            found.append((word, tag))
    return found
