"""Centrality against scikit-learn, and which sentences are chosen."""

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from cuvee.reviewing.quotes import centrality, fitness, quotes

TEXTS = ["warm tone warm", "warm tone", "broken switch", "tone switch", "heavy strap"]
IDS = ["a", "a", "a", "b", "b"]


def test_centrality_like_scikit_learn() -> None:
    """Its idf with log(n / df) + 1 is that of smooth_idf=False; centroids are sums by weight."""
    weights = np.array([1, 2, 1, 1, 3], np.float32)
    vectors = TfidfVectorizer(smooth_idf=False).fit_transform(TEXTS).toarray()
    expected = []
    for row, name in enumerate(IDS):
        own = np.array(IDS) == name
        centre = (vectors[own] * weights[own, None]).sum(axis=0)
        expected.append(vectors[row] @ centre / np.linalg.norm(centre))
    np.testing.assert_allclose(centrality(TEXTS, IDS, weights), expected, rtol=1e-5)


def test_chinese_by_pairs_of_characters() -> None:
    """手感 is shared; 很好 and 一般 are not."""
    found = centrality(["手感很好", "手感一般", "包装破了"], ["a"] * 3, np.ones(3, np.float32))
    assert found[0] == pytest.approx(found[1])
    assert found[0] > found[2] > 0


def test_the_best_of_each_kind() -> None:
    """By centrality x mood x weight; a review and a wording once a kind, nothing of what weighs nothing."""
    same = "the tone of this pedal is lovely"
    rows = [(0, same, 0.9), (0, same + " and warm", 0.8), (1, same, 0.7), (2, same + " indeed", 0.5), (3, same, 0.9)]
    rows += [(4, "the switch of this pedal is broken", -0.6), (4, "the pedal as it is", 0.01)]
    schema = {"review": pl.Int64, "text": pl.String, "told": pl.Float64}
    told = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("sentence")
    reviews = pl.DataFrame({"review": range(5), "id": ["a"] * 5, "weight": [1.0, 1, 1, 0, 1]})
    found = quotes(told, reviews, most=3)
    assert found.select("sentence", "kind").rows() == [(0, "praise"), (3, "praise"), (5, "blame")]
    assert len(quotes(told, reviews, most=1)) == 2
    heavier = reviews.with_columns(pl.Series("weight", [1.0, 1, 9, 0, 1]))
    assert quotes(told, heavier, most=1)["sentence"].to_list() == [3, 5]


def test_what_is_fit_to_be_quoted() -> None:
    assert [fitness(text) for text in ("Great!", "x" * 20, "x" * 160, "x" * 161, "手感很好做工精美", "手" * 54)] == [
        0.25,
        1,
        1,
        0,
        1,
        0,
    ]
