"""Texts that are the same but for a few words: MinHash signatures in bands propose, the Jaccard index decides.

Reference: A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997; J. Leskovec, A. Rajaraman,
J. Ullman, "Mining of massive datasets", 3rd edition, section 3.4 (bands). With 16 bands of 4 rows a pair at .8 is
overlooked once in 4,000 times; one at .5, which would be turned down anyway, is compared two times in three.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from cuvee.reviewing.words import tokens
from cuvee.types import Longs

__all__ = ["FEWEST", "jaccard", "near_duplicates", "shingles"]

FEWEST = 8
"""Words (Chinese: characters) below which texts are not compared: "works great" is nobody's copy."""

_WORDS = 3
_BANDS, _ROWS = 16, 4
_Hashes = NDArray[np.uint64]


def near_duplicates(texts: Sequence[str], alike: float = 0.8) -> Longs:
    """Return (n,) the first row of the group of texts alike that each row belongs to; its own where it has none.

    Args:
        alike: Jaccard index of the sets of three words in a row from which on two texts are alike.
    """
    words = [tokens(text) for text in texts]
    first: dict[tuple[str, ...], int] = {}
    group = np.arange(len(texts), dtype=np.int64)
    for row, told in enumerate(words):
        if len(told) >= FEWEST:
            group[row] = first.setdefault(tuple(told), row)
    rows = np.array(sorted(first.values()), np.int64)
    hashed = [shingles(words[row]) for row in rows]
    for a, b in _pairs(hashed):
        if jaccard(hashed[a], hashed[b]) >= alike:
            one, other = _root(group, rows[a]), _root(group, rows[b])
            group[max(one, other)] = min(one, other)
    return np.array([_root(group, row) for row in range(len(texts))], np.int64)


def shingles(words: Sequence[str]) -> _Hashes:
    """Return the ascending hashes of all runs of three words; of the whole where it is shorter."""
    runs = {" ".join(words[n : n + _WORDS]) for n in range(max(1, len(words) - _WORDS + 1))}
    return np.sort(
        np.array([int.from_bytes(blake2b(r.encode(), digest_size=8).digest(), "big") for r in runs], np.uint64)
    )


def jaccard(a: _Hashes, b: _Hashes) -> float:
    """Return the size of the intersection over that of the union of two ascending sets that are not empty."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def _pairs(hashed: Sequence[_Hashes]) -> Iterator[tuple[int, int]]:
    """Yield pairs that share a band: each member with the first of its bucket."""
    if not hashed:
        return
    signatures = _signatures(hashed)
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, int] = {}
        for row, key in enumerate(signatures[:, band * _ROWS : (band + 1) * _ROWS]):
            pair = (buckets.setdefault(key.tobytes(), row), row)
            if pair[0] != row and pair not in seen:
                seen.add(pair)
                yield pair


def _signatures(hashed: Sequence[_Hashes]) -> NDArray[np.uint32]:
    """Return (n, bands x rows): the least of each set under that many hash functions (multiply, add, shift)."""
    rng = np.random.default_rng(0)  # the functions are part of the method, not of a run
    flat = np.concatenate(hashed)
    starts = np.cumsum([0, *(len(h) for h in hashed[:-1])])
    found = np.empty((len(hashed), _BANDS * _ROWS), np.uint32)
    for column in range(found.shape[1]):
        factor, shift = rng.integers(1, 2**63, 2, dtype=np.uint64)
        mixed = (flat * (factor * np.uint64(2) + np.uint64(1)) + shift) >> np.uint64(32)
        found[:, column] = np.minimum.reduceat(mixed, starts)
    return found


def _root(group: Longs, row: int) -> int:
    while group[row] != row:
        row = int(group[row])
    return row
