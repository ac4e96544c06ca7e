"""Which language a text is in, by its script and its commonest words: English, Chinese, another, or too short to tell.

A rough guess, made to choose an encoder: whether English weights read the catalogue.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["language", "language_shares"]

_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the of and to in a is for with that on it as this by from are an or be your you at his her he she they has "
        "have who when their i my was not but all so",
    )
)
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NOT_CHINESE = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_ENOUGH = 5
"""Words that a text needs before a lack of English ones says something."""


def language(text: str) -> str:
    """Return en, zh, other or short."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return "short"
    if len(_NOT_CHINESE.findall(text)) > 0.1 * len(letters):
        return "other"
    if len(_HAN.findall(text)) > 0.3 * len(letters):
        return "zh"
    if sum(c.isascii() for c in letters) < 0.9 * len(letters):
        return "other"
    words = _WORD.findall(text.lower())
    if sum(word in _ENGLISH for word in words) >= max(1, len(words) / 12):
        return "en"
    return "short" if len(words) < _ENOUGH else "other"


def language_shares(texts: Iterable[str]) -> Mapping[str, float]:
    """Return language -> share of the texts, the commonest first."""
    counts = Counter(language(text) for text in texts)
    return {name: n / counts.total() for name, n in counts.most_common()}
