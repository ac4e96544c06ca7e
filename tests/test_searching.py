"""Rankings put together by hand, and cosines against those of every pair."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from cuvee.features import Channel
from cuvee.projection import Projection
from cuvee.searching import best_of, lexicon, merged, similarity_to_text
from cuvee.types import Dataset, Embeddings
from tests.conftest import make_world


@dataclass(frozen=True)
class Lengths:
    """Encodes a text as its length and its vowels."""

    columns: tuple[str, ...] = ("title",)

    def fit(self, train: Dataset, role: str) -> "Lengths":  # noqa: ARG002
        return self

    @property
    def fingerprint(self) -> str:
        return "lengths"

    def contents(self, table: pl.DataFrame) -> list[str]:
        return [text or "" for text in table["title"].to_list()]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        texts = self.contents(table)
        vectors = np.array([[len(t), sum(c in "aeiou" for c in t), 1.0] for t in texts], np.float32)
        yield Embeddings(vectors, np.array([bool(t) for t in texts]))


def test_ranks_are_merged_by_hand() -> None:
    rows, scores = merged([np.array([7, 3, 5], np.int32), np.array([3, 9], np.int32), np.zeros(0, np.int32)])
    assert rows.tolist() == [3, 7, 9, 5]
    np.testing.assert_allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63], rtol=1e-6)
    assert merged([])[0].tolist() == []


def test_only_what_is_found_and_allowed_is_ranked() -> None:
    scores = np.array([0.0, 2.0, 3.0, -np.inf, -1.0, 2.0], np.float32)
    assert best_of(scores, np.array([1, 1, 0, 1, 1, 1], bool)).tolist() == [1, 5]


def test_cosines_are_those_of_every_pair() -> None:
    world = make_world()
    encoder = Lengths()
    raw = next(encoder.encode(world.item_table))
    projection = Projection(dim=2).fit(raw, np.arange(len(raw)) < 17)
    data = replace(world, features={("item", "text"): projection.apply(raw)})
    channel = Channel("item", "text", encoder, projection)
    found = similarity_to_text(data, channel, "A thing of beauty")
    query = projection.apply(next(encoder.encode(pl.DataFrame({"title": ["A thing of beauty"]})))).vectors[0]
    for row, vector in enumerate(data.feature("item", "text").vectors):
        if row == 3:  # has no title
            assert np.isneginf(found[row])
        else:
            cosine = float(vector @ query) / float(np.linalg.norm(vector) * np.linalg.norm(query))
            assert found[row] == pytest.approx(cosine, abs=1e-5)


def test_the_words_of_a_catalogue_are_those_of_its_texts() -> None:
    world = make_world()
    table = world.item_table.with_columns(pl.Series("genres", [["Action", "War"]] * 2 + [None] * 21))
    found = lexicon(replace(world, item_table=table))
    assert np.flatnonzero(found.score("war") > 0).tolist() == [0, 1]
    assert found.score("thing 7").argmax() == 7
