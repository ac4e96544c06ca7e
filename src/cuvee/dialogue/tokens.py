"""Messages and names as tokens: Latin words in their plain form, and every Chinese character by itself."""

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Token", "clean", "is_chinese", "lower", "phrase", "stem", "tokens"]

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
_TOKEN = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}_])\w)+")
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LONGEST = 2_000
"""Characters of a message that are read."""


@dataclass(frozen=True)
class Token:
    text: str
    """Its plain form."""
    start: int
    end: int
    """Characters of the message."""


def clean(message: str) -> str:
    """Return a message in one form of writing: wide signs narrow, apostrophes left out, no control characters."""
    text = unicodedata.normalize("NFKC", message[:_LONGEST])
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    return re.sub(r"(?<=\w)['\u2019\u02bc`](?=\w)", "", text)


def lower(text: str) -> str:
    """Return the text in small letters, every character in its place."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def tokens(text: str) -> list[Token]:
    """Return the tokens of a cleaned text."""
    return [Token(stem(m[0]), m.start(), m.end()) for m in _TOKEN.finditer(lower(text))]


def phrase(text: str) -> tuple[str, ...]:
    """Return the plain forms of a name or a value."""
    return tuple(token.text for token in tokens(clean(text)))


def is_chinese(text: str) -> bool:
    """Return whether a text holds a Chinese character."""
    return bool(_CHINESE.search(text))


def stem(word: str) -> str:
    """Return an English word without its plural ending: `dresses` is `dress`, `comedies` and `movie` end in y."""
    if len(word) < 4 or not word.isascii() or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    word = word[:-1] if word.endswith("s") else word
    return word[:-2] + "y" if word.endswith("ie") else word
