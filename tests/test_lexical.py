"""BM25 by hand, and what words and trigrams find."""

import numpy as np
import pytest

from cuvee.lexical import index_words, terms_of


def test_terms() -> None:
    assert terms_of("Été, go!") == ["=ete", " et", "ete", "te ", "=go", " go", "go "]


def test_bm25_by_hand() -> None:
    """Words of one letter have one trigram; a stands twice in the first text and once in the second, of 3 texts."""
    texts = ["a a b", "a", "c c c c"]
    lengths = np.array([6, 2, 8])
    norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    rarity = np.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    wanted = [(1 + 0.3) * rarity * n * 2.2 / (n + norm[row]) for row, n in ((0, 2), (1, 1))]
    np.testing.assert_allclose(index_words(texts).score("a"), [*wanted, 0], rtol=1e-5)
    np.testing.assert_allclose(index_words(texts).score("a a"), [*wanted, 0], rtol=1e-5)


@pytest.mark.parametrize("query", ["lighthouse", "LIGHTHOUSE", "lighthuose", "ligthouse", "lighthouse keeper"])
def test_a_word_is_found_however_it_is_written(query: str) -> None:
    texts = ["A brief history", "The lighthouse", "House of light and shade", "Night bus"]
    assert index_words(texts).score(query).argmax() == 1


def test_nothing() -> None:
    assert index_words([]).score("a").tolist() == []
    assert index_words(["", "b"]).score("zebra").tolist() == [0, 0]
    assert index_words(["", "b"]).score(" !").tolist() == [0, 0]
