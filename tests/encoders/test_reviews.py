"""What was written, pooled by hand."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from cuvee import store, testing
from cuvee.cache import VectorCache
from cuvee.encoders import reviews as module
from cuvee.encoders.reviews import FittedReviews, Reviews
from cuvee.encoders.tabular import Tabular
from cuvee.errors import ConfigError, DataError
from cuvee.features import encode_table, encoded, fit_channels
from cuvee.projection import Projection
from cuvee.splits.random import Random
from cuvee.types import Dataset, Embeddings


@dataclass(frozen=True)
class Letters:
    """An encoder of the column `text`: how often it has a, b, c; in blocks of 3."""

    seen: list[str] = field(default_factory=list)
    fingerprint: str = "letters"

    def fit(self, train: Dataset, role: str) -> "Letters":
        assert role == "item"
        assert "text" in train.item_table.columns
        return self

    def contents(self, table: pl.DataFrame) -> list[str]:
        return list(table["text"])

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        for start in range(0, len(table), 3):
            block = table["text"].to_list()[start : start + 3]
            self.seen.extend(block)
            rows = np.array([[text.count(c) for c in "abc"] for text in block], np.float32)
            yield Embeddings(rows, (rows != 0).any(axis=1))


TOLD = [
    ("u03", "i01", "aa", 5.0, 10),
    ("u04", "i01", "b", 1.0, 20),
    ("x", "i01", "c", None, 5),
    ("u03", "i02", "ac", 4.0, 30),
    ("u03", "gone", "bbbb", 1.0, 40),
    ("u05", "i07", None, 3.0, 50),
]


def reviewed(world: Dataset, rows: Sequence[tuple[str, str, str | None, float | None, int]]) -> Dataset:
    schema = ["user_id", "item_id", "text", "rating", "timestamp"]
    return replace(world, reviews=pl.DataFrame(rows, schema=schema, orient="row"))


def vectors(data: Dataset, encoder: Reviews, role: str = "item") -> Embeddings:
    parts = list(encoder.fit(data, role).encode(data.user_table if role == "user" else data.item_table))
    return Embeddings(np.concatenate([p.vectors for p in parts]), np.concatenate([p.present for p in parts]))


def test_words_by_hand(world: Dataset) -> None:
    """Item 1 has (2, 1, 1), item 2 (1, 0, 1), item 7 stars only; the others nothing."""
    found = vectors(reviewed(world, TOLD), Reviews(text=Letters()))
    words = found.vectors[:, :3]
    np.testing.assert_allclose(words[1], np.array([2, 1, 1]) / np.sqrt(6), rtol=1e-6)
    np.testing.assert_allclose(words[2], np.array([1, 0, 1]) / np.sqrt(2), rtol=1e-6)
    assert not words[7].any()
    assert np.flatnonzero(found.present).tolist() == [1, 2, 7]


def test_stars_by_hand(world: Dataset) -> None:
    """Means 3, 4, 3 of the three items; one review has no spread; counts 3, 1, 1 on a log scale."""
    found = vectors(reviewed(world, TOLD), Reviews()).vectors * np.sqrt(3)
    count, stars, spread = found[:, 0:2], found[:, 2:4], found[:, 4:6]
    for figures, told in ((count, np.log1p([3, 1, 1])), (stars, np.array([3.0, 4, 3]))):
        expected = (told - told.mean()) / told.std()
        np.testing.assert_allclose(figures[[1, 2, 7]], np.stack([expected, np.ones(3)], axis=1), atol=1e-5)
    np.testing.assert_allclose(spread[[1, 2, 7]], [[0, 1], [0, 0], [0, 0]], atol=1e-5)


def test_what_a_user_wrote(world: Dataset) -> None:
    """Reviews of items outside the data set count."""
    found = vectors(reviewed(world, TOLD), Reviews("user", Letters()), "user")
    np.testing.assert_allclose(found.vectors[3, :3], np.array([3, 4, 1]) / np.sqrt(26), rtol=1e-6)
    assert np.flatnonzero(found.present).tolist() == [3, 4, 5]


def test_only_the_newest_are_read(world: Dataset) -> None:
    found = vectors(reviewed(world, TOLD), Reviews(text=Letters(), newest=1))
    np.testing.assert_array_equal(found.vectors[1, :3], [0, 1, 0])


@pytest.mark.parametrize("role", ["item", "user"])
def test_contract(role: str, world: Dataset) -> None:
    testing.check_encoder(Reviews(text=Letters()), reviewed(world, TOLD), role)
    testing.check_encoder(Reviews(), reviewed(world, [(*row[:2], None, None, 0) for row in TOLD]), role)


def test_held_out_words_are_not_told(world: Dataset) -> None:
    """What only reviews of held-out pairs hold changes nothing."""
    e = world.events
    rows = [(world.users[u], world.items[i], "a", 3.0, 1) for u, i in sorted(set(zip(e.user, e.item, strict=True)))]
    split = Random(0.2, 0.2).split(reviewed(world, rows), np.random.default_rng(0))
    q, wanted = split.tests["test"].truth.nonzero()
    held = {(world.users[u], world.items[i]) for u, i in zip(split.tests["test"].users[q], wanted, strict=True)}
    planted = [(u, i, "bbb", 1.0, t) if (u, i) in held else (u, i, text, s, t) for u, i, text, s, t in rows]
    again = Random(0.2, 0.2).split(reviewed(world, planted), np.random.default_rng(0))
    first, second = (vectors(s.train, Reviews(text=Letters())).vectors for s in (split, again))
    np.testing.assert_array_equal(first, second)
    assert (vectors(again.everything, Reviews(text=Letters())).vectors[:, 1] > 0).any()


def test_a_new_review_is_encoded_alone(world: Dataset, tmp_path: Path) -> None:
    """Its item's vector changes and no other; the spread of the stars is not learned again."""
    letters, cache, data = Letters(), VectorCache(tmp_path / "cache"), reviewed(world, TOLD)
    channels, train = fit_channels(data, {"said": Reviews(text=letters)}, Projection(dim=None), cache)
    assert sorted(letters.seen) == ["aa", "ac", "b", "c"]
    store.save(channels[0].learned, tmp_path, "learned")
    kept = (replace(channels[0], learned=store.load(tmp_path, "learned")),)
    letters.seen.clear()
    later = encoded(reviewed(world, [*TOLD, ("u09", "i02", "bc", 1.0, 60)]), kept, cache)
    assert letters.seen == ["bc"]
    same = np.arange(23) != 2
    old, new = (d.feature("item", "said").vectors for d in (train, later))
    np.testing.assert_array_equal(new[same], old[same])
    assert (new[2] != old[2]).any()


@pytest.mark.parametrize("texts", [2, 5, 50_000])
def test_cached_reviews_make_the_same_vectors(
    texts: int, world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, in blocks of any size, whether a text is empty, was met before or stands in the cache."""
    monkeypatch.setattr(module, "_TEXTS", texts)
    rng, letters, cache = np.random.default_rng(0), Letters(), VectorCache(tmp_path)
    told = [(f"u{n:02}", f"i{rng.integers(23):02}", "".join(rng.choice([*"abc"], n % 5)), 3.0, n) for n in range(37)]
    fitted = Reviews(text=letters).fit(reviewed(world, told), "item")
    plain = list(fitted.encode(world.item_table))
    vectors = np.concatenate([p.vectors for p in plain])
    assert vectors[:, :3].any()
    for _ in range(2):
        found = encode_table(fitted, world.item_table, cache)
        np.testing.assert_array_equal(found.vectors, vectors)
        np.testing.assert_array_equal(found.present, np.concatenate([p.present for p in plain]))


def test_other_words_are_other_content(world: Dataset) -> None:
    """Of the items they are about, and of no other."""
    changed = [(u, i, "ba" if t == "b" else t, s, at) for u, i, t, s, at in TOLD]
    first, second = (
        Reviews(text=Letters()).fit(reviewed(world, rows), "item").contents(world.item_table)
        for rows in (TOLD, changed)
    )
    assert [row for row in range(23) if first[row] != second[row]] == [1]


def test_sentiment_is_a_figure(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snownlp", SimpleNamespace(SnowNLP=lambda t: SimpleNamespace(sentiments="b" in t)))
    fitted = Reviews(sentiment="snownlp").fit(reviewed(world, TOLD), "item")
    assert isinstance(fitted, FittedReviews)
    moods = {row["id"]: row["mood"] for row in fitted.figures.iter_rows(named=True)}
    assert moods == {"i01": pytest.approx(-1 / 3), "i02": -1, "i07": None}


def test_votes_weigh_and_spam_is_left_out(world: Dataset) -> None:
    """9 of 10 and 1 of 10 votes of 20: weights (9 + 2.5) / 15 / .5 and (1 + 2.5) / 15 / .5; a link is out."""
    rows = [
        ("u03", "i01", "a", 5.0, 10, 9, 10),
        ("u04", "i01", "b", 1.0, 20, 1, 10),
        ("x", "i01", "www.c.c", 1.0, 5, 0, 0),
    ]
    schema = ["user_id", "item_id", "text", "rating", "timestamp", "helpful_votes", "total_votes"]
    data = replace(world, reviews=pl.DataFrame(rows, schema=schema, orient="row"))
    fitted = Reviews(text=Letters(), weighted=True).fit(data, "item")
    assert isinstance(fitted, FittedReviews)
    first, second = 23 / 15, 7 / 15
    assert fitted.figures["stars"].to_list() == [pytest.approx((5 * first + second) / (first + second))]
    assert fitted.figures["count"].to_list() == [pytest.approx(np.log(3))]
    words = vectors(data, Reviews(text=Letters(), weighted=True)).vectors[1, :3]
    np.testing.assert_allclose(words, np.array([first, second, 0]) / np.hypot(first, second), rtol=1e-5)
    testing.check_encoder(Reviews(text=Letters(), weighted=True), data, "item")
    votes = data.reviews.with_columns(pl.Series("helpful_votes", [8, 2, 0])) if data.reviews is not None else None
    changed = Reviews(text=Letters(), weighted=True).fit(replace(data, reviews=votes), "item")
    assert changed.contents(world.item_table)[1] != fitted.contents(world.item_table)[1]


def test_aspects_are_figures(world: Dataset, tmp_path: Path) -> None:
    """i01: tone praised twice of 2, (1 + 1) / (2 + 2); i02: blamed once of 1, -1 / 3."""
    told = [
        ("u03", "i01", "The tone is lovely.", 5.0, 10),
        ("u04", "i01", "A great tone, and the case is great.", 4.0, 20),
        ("u05", "i02", "The tone is terrible.", 1.0, 30),
        ("u06", "i07", "I lost mine.", 3.0, 40),
    ]
    encoder, data = Reviews(sentiment="vader", aspects=1), reviewed(world, told)
    learned = encoder.learn(data, "item")
    assert [code.column for code in learned.codes][-1] == "aspect tone"
    store.save(learned, tmp_path, "learned")
    later = reviewed(world, [*told, ("u07", "i07", "A great tone.", 5.0, 50)])
    fitted = encoder.restore(store.load(tmp_path, "learned"), later, "item")
    assert isinstance(fitted, FittedReviews)
    found = dict(fitted.figures.select("id", "aspect tone").iter_rows())
    assert found == {"i01": pytest.approx(0.5), "i02": pytest.approx(-1 / 3), "i07": pytest.approx(1 / 3)}
    testing.check_encoder(Reviews(sentiment="vader", aspects=2), data, "item")


def test_nobody_was_reviewed(world: Dataset) -> None:
    """Reviews of others only: as wide as ever, and everything is missing."""
    found = vectors(reviewed(world, [("x", "gone", "a", 1.0, 1)]), Reviews(text=Letters()))
    assert found.vectors.shape == (23, 3 + 6)
    assert not found.present.any()
    assert not found.vectors.any()


def test_wrong_use(world: Dataset) -> None:
    with pytest.raises(DataError, match="need a table of reviews"):
        Reviews().fit(world, "item")
    with pytest.raises(ConfigError, match="trained already"):
        Reviews(text=Tabular())
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Reviews(newest=0)
    with pytest.raises(ConfigError, match="set sentiment"):
        Reviews(aspects=3)
    with pytest.raises(ConfigError, match="not be negative, got -1"):
        Reviews(aspects=-1)
