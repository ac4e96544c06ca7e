"""Search by the words of a text, and by their letters where a word is misspelt: BM25 over whatever terms are read.

Reference: S. Robertson, H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", Foundations and Trends
in Information Retrieval 2009, equation 3.15; n-grams of letters as index terms: P. McNamee, J. Mayfield, "Character
n-gram tokenization for European language text retrieval", Information Retrieval 2004.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cuvee.types import Floats

__all__ = ["WordIndex", "index_words", "terms_of"]

_K1, _B = 1.2, 0.75
"""Usual values: how soon more of a term stops to count, and how much long texts are held back."""

_LETTERS = 0.3
"""Weight of a trigram against a word: several of them make up a word that is spelt right."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class WordIndex:
    """How often each term stands in each text.

    Cost: time and memory by the length of the texts to make; of a query only its own terms are looked at.
    """

    terms: dict[str, int]
    """Term -> column."""
    counts: "sparse.csc_matrix[np.float32]"
    """(n, t)."""
    lengths: Floats
    """(n,) terms of each text."""
    read: Callable[[str], list[str]]
    """From a text to its terms; words are marked by "=" and count whole, others less."""

    def score(self, query: str) -> Floats:
        """Return (n,) BM25; 0 where a text shares no term with the query."""
        total = np.zeros(len(self.lengths), np.float32)
        if not len(total):
            return total
        norm = _K1 * (1 - _B + _B * self.lengths / max(float(self.lengths.mean()), 1e-9))
        for term in dict.fromkeys(self.read(query)):
            column = self.terms.get(term)
            if column is None:
                continue
            start, stop = self.counts.indptr[column], self.counts.indptr[column + 1]
            rows, count = self.counts.indices[start:stop], self.counts.data[start:stop]
            rarity = np.log(1 + (len(total) - len(rows) + 0.5) / (len(rows) + 0.5))
            weight = 1.0 if term.startswith("=") else _LETTERS
            total[rows] += (weight * rarity * count * (_K1 + 1) / (count + norm[rows])).astype(np.float32)
        return total

    def shared(self, query: str, row: int) -> list[str]:
        """Return the words of a query that a text has, in their order."""
        words = [t for t in dict.fromkeys(self.read(query)) if t.startswith("=") and t in self.terms]
        return [word[1:] for word in words if self.counts[row, self.terms[word]] > 0]


def index_words(texts: Sequence[str], read: Callable[[str], list[str]] | None = None) -> WordIndex:
    """Return the index of the terms of texts, by default `terms_of` them; an empty one has no terms."""
    read = terms_of if read is None else read
    terms: dict[str, int] = {}
    columns: list[int] = []
    counts: list[int] = []
    ends, lengths = [0], []
    for text in texts:
        found = Counter(read(text))
        columns += [terms.setdefault(term, len(terms)) for term in found]
        counts += found.values()
        ends.append(len(columns))
        lengths.append(found.total())
    shape = (len(texts), len(terms))
    rows = sparse.csr_matrix((np.array(counts, np.float32), np.array(columns, np.int32), np.array(ends)), shape=shape)
    return WordIndex(terms, rows.tocsc(), np.array(lengths, np.float32), read)


def terms_of(text: str) -> list[str]:
    """Return the words of a text, each marked by "=", and their trigrams with their ends; case and accents aside."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    found = []
    for word in _WORD.findall(plain):
        framed = f" {word} "
        found += [f"={word}", *(framed[n : n + 3] for n in range(len(framed) - 2))]
    return found
