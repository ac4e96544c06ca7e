"""Titles in messages: as they stand, or nearly so."""

import difflib
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from cuvee.dialogue.tokens import clean, lower, phrase, tokens

__all__ = ["Titles", "build_titles", "plain_title"]

_BUCKETS = 1 << 15
_NEAR = 0.82
"""Likeness (difflib's ratio) from which on a title is meant."""
_SHARED = 3
"""Items that may share a title for it to be a name of one."""
_MOVED = re.compile(r"^(?P<rest>.+), (?P<article>The|An?|Les?|La|Das|Der|Die|El|Il)$")


@dataclass(frozen=True)
class Titles:
    """The titles of a catalogue by their words, and by the runs of letters they share with a misspelt one."""

    names: tuple[str, ...]
    """(i,) plain titles."""
    rows: Mapping[tuple[str, ...], tuple[int, ...]]
    """Words of a title -> the items that have it."""
    grams: "sparse.csc_matrix[np.float32]"
    """(i, b) of unit rows: hashed runs of letters."""
    generic: frozenset[tuple[str, ...]]
    """Titles that many items share."""

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest title."""
        return max(map(len, self.rows), default=0)

    def exact(self, text: str) -> list[tuple[int, int, int]]:
        """Return (start, end, row) of the titles that stand in a cleaned text, the longest from the left."""
        found, out, at = tokens(text), [], 0
        while at < len(found):
            for length in range(min(self.longest, len(found) - at), 0, -1):
                run = found[at : at + length]
                rows = self.rows.get(tuple(t.text for t in run))
                if rows is not None:
                    out.append((run[0].start, run[-1].end, self._written(rows, text[run[0].start : run[-1].end])))
                    at += length - 1
                    break
            at += 1
        return out

    def nearest(self, text: str) -> int | None:
        """Return the row whose title is most like a text, None where none is near."""
        words = phrase(text)
        if not words:
            return None
        if words in self.rows:
            return self._written(self.rows[words], text)
        wanted = " ".join(words)
        if len(wanted) < 3:
            return None
        wish = _grams(wanted)
        likeness = self.grams[:, list(wish)] @ np.array(list(wish.values()), np.float32)
        best = np.argsort(-likeness, kind="stable")[:10]
        scored = [(difflib.SequenceMatcher(None, wanted, " ".join(phrase(self.names[r]))).ratio(), -r) for r in best]
        ratio, row = max(scored, default=(0.0, 0))
        return -row if ratio >= _NEAR else None

    def _written(self, rows: tuple[int, ...], text: str) -> int:
        """Return the item that is called just so: Alien, and not Aliens."""
        return next((row for row in rows if lower(self.names[row]) == lower(text).strip()), rows[0])


def build_titles(titles: Sequence[str]) -> Titles:
    """Return the index of a catalogue's titles."""
    names = tuple(plain_title(title) for title in titles)
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, name in enumerate(names):
        words = phrase(name)
        for form in {words, words[1:] if words[:1] in (("the",), ("a",), ("an",)) else words} - {()}:
            rows.setdefault(form, []).append(row)
    cells = [_grams(" ".join(phrase(name))) for name in names]
    indices = np.array([bucket for cell in cells for bucket in cell], np.int64)
    values = np.array([value for cell in cells for value in cell.values()], np.float32)
    starts = np.cumsum([0, *map(len, cells)])
    grams = sparse.csr_matrix((values, indices, starts), shape=(len(names), _BUCKETS))
    shared = frozenset(words for words, having in rows.items() if len(having) >= _SHARED)
    return Titles(names, {words: tuple(having) for words, having in rows.items()}, grams.tocsc(), shared)


def plain_title(title: str) -> str:
    """Return a title without the year behind it and with its article in front."""
    name = re.sub(r"\s*[(（](?:19|20)\d\d[)）]\s*$", "", clean(title)).strip()
    moved = _MOVED.match(name)
    return f"{moved['article']} {moved['rest']}" if moved else name


def _grams(text: str) -> dict[int, float]:
    """Return bucket -> weight of the hashed runs of three letters of a text, of unit length."""
    padded, counts = f" {text} ", dict[int, int]()
    for at in range(len(padded) - 2):
        bucket = zlib.crc32(padded[at : at + 3].encode()) % _BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    length = math.sqrt(sum(n * n for n in counts.values())) or 1.0
    return {bucket: n / length for bucket, n in counts.items()}
