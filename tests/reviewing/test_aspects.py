"""Aspects counted by hand."""

import sys
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError
from cuvee.reviewing.aspects import aspects, mentions
from cuvee.reviewing.phrases import _tagger, phrases


def said(rows: Sequence[tuple[int, str, float | None]]) -> pl.DataFrame:
    """Clauses of reviews; each is a sentence of its own, numbered in order, and fit to be shown."""
    table = pl.DataFrame(rows, schema={"review": pl.Int64, "text": pl.String, "mood": pl.Float64}, orient="row")
    number = pl.int_range(pl.len(), dtype=pl.Int64).alias("sentence")
    return table.with_columns(number, pl.col("mood").alias("told"))


def of(ids: list[str], weights: list[float]) -> pl.DataFrame:
    schema = {"review": pl.Int64, "id": pl.String, "weight": pl.Float64}
    return pl.DataFrame([*zip(range(len(ids)), ids, weights, strict=True)], schema=schema, orient="row")


def test_phrases_are_used_like_nouns() -> None:
    """`tone` and `neck pickup` follow determiners or judgements; `shipped` never does, nor what is an adverb."""
    told = [
        "the tone is great",
        "great tone",
        "the neck pickup hums",
        "my neck pickup",
        "a pickup",
        "it shipped quickly",
    ]
    neck = [("neck", "pickup"), ("pickup",)]
    assert phrases(told) == [[("tone",)], [("tone",)], neck, neck, [("pickup",)], []]
    assert phrases(["the strings", "a string"]) == [[("string",)], [("string",)]]


def test_chinese_phrases() -> None:
    """Nouns, and what a judgement follows; a judgement itself is none."""
    assert phrases(["做工精美", "手感很好", "每个细节都看得出手艺", "非常棒"]) == [
        [("做工",)],
        [("手感",)],
        [("细节",), ("手艺",)],
        [],
    ]


def test_chinese_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snownlp", None)
    _tagger.cache_clear()
    with pytest.raises(ConfigError, match=r"snownlp: pip install 'cuvee\[sentiment\]'"):
        phrases(["手感很好"])
    assert phrases(["the tone", "a tone"]) == [[("tone",)]] * 2
    _tagger.cache_clear()


def test_each_review_counts_once() -> None:
    """Moods of the clauses are averaged; what is kindest and unkindest is remembered."""
    found = mentions(said([(0, "the tone", 0.8), (0, "a tone", -0.2), (1, "the tone", None)]))
    rows = found.select("review", "aspect", "mood", "kindest", "unkindest").rows()
    assert rows == [(0, "tone", pytest.approx(0.3), 0, 1), (1, "tone", None, 2, 2)]


def test_aspects_by_hand() -> None:
    """Item a: tone in 3 reviews, praised 2, blamed 1; b says it too, so log(1 + 2 / 2); weights 2, 1, 1 sum to 4."""
    told = mentions(said([(0, "the tone", 0.9), (1, "great tone", 0.6), (2, "the tone", -0.5), (3, "a tone", 0.0)]))
    found = aspects(told, of(["a", "a", "a", "b"], [2, 1, 1, 1]), least=1)
    assert found.drop("score").rows() == [("a", "tone", 3, 2, 1, 0, 2), ("b", "tone", 1, 0, 0, None, None)]
    np.testing.assert_allclose(found["score"], np.log2(2) * np.array([4, 1]) * np.log1p(2 / 2))


def test_what_weighs_nothing_is_not_read() -> None:
    told = mentions(said([(0, "the tone", 0.9), (1, "the tone", 0.9), (2, "the tone", 0.9)]))
    found = aspects(told, of(["a"] * 3, [1, 0, 1]))
    assert found.select("mentions", "praised").rows() == [(2, 2)]
    assert not len(aspects(told, of(["a"] * 3, [1, 0, 0])))


def test_longer_phrases_take_what_is_theirs() -> None:
    """`pickup` is in 5 reviews, 2 of them `neck pickup`: C = 1 * (5 - 2) and log2(3) * 2; `string` alone is in none."""
    clauses = [(n, "the neck pickup", 0.5) for n in range(2)] + [(n, "the pickup", 0.5) for n in range(2, 5)]
    clauses += [(n, "a bass string", 0.5) for n in range(5)]
    found = aspects(mentions(said(clauses)), of(["a"] * 5, [1] * 5))
    scores = dict(found.select("aspect", "score").iter_rows())
    rarity = np.log1p(1 / 1)
    expected = {"pickup": 3 * rarity, "neck pickup": 2 * np.log2(3) * rarity, "bass string": 5 * np.log2(3) * rarity}
    assert scores == pytest.approx(expected)


def test_nothing_said() -> None:
    assert not len(aspects(mentions(said([])), of([], [])))
