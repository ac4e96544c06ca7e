"""Encoding a table through the cache: what is new, once, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.cache import VectorCache
from cuvee.encoders.image import Image
from cuvee.encoders.text import Text
from cuvee.errors import UnknownNameError
from cuvee.features import encode_table, encoded, fit_channels
from cuvee.projection import Projection
from cuvee.queries import queries_of
from cuvee.types import Dataset, Embeddings


@dataclass(frozen=True)
class Counting:
    """An encoder of the column `title` that notes what it was given; rows are yielded in blocks of 3."""

    seen: list[str] = field(default_factory=list)
    fingerprint: str = "counting"
    stop: int = 10**6
    """Contents after which it gives up."""

    def fit(self, train: Dataset, role: str) -> "Counting":  # noqa: ARG002
        return self

    def contents(self, table: pl.DataFrame) -> Sequence[str]:
        return [title or "" for title in table["title"]]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        for start in range(0, len(table), 3):
            block = self.contents(table[start : start + 3])
            if len(self.seen) + len(block) > self.stop:
                raise RuntimeError("power cut")
            self.seen.extend(block)
            yield vectors(block)


def vectors(contents: Sequence[str]) -> Embeddings:
    """What is called broken has no vector although it has content."""
    rows = np.array([[len(c), *np.frombuffer(f"{c:9.9}".encode()[:9], np.uint8)] for c in contents], np.float32)
    present = np.array([c not in ("", "broken") for c in contents])
    return Embeddings(rows * present[:, None], present)


def table(titles: Sequence[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"item_id": [f"i{n}" for n in range(len(titles))], "title": titles}, schema_overrides={"title": pl.String}
    )


def check(found: Embeddings, titles: Sequence[str | None]) -> None:
    expected = vectors([t or "" for t in titles])
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_array_equal(found.present, expected.present)


TITLES = ["shoe", None, "hat", "shoe", "broken", "", "sock", "hat", "bag", "cap", None]


def test_each_content_once_and_every_row_its_own(tmp_path: Path) -> None:
    """Repeated titles are encoded once, missing ones never; rows come back in the order of the table."""
    encoder, cache = Counting(), VectorCache(tmp_path)
    check(encode_table(encoder, table(TITLES), cache), TITLES)
    assert encoder.seen == ["shoe", "hat", "broken", "sock", "bag", "cap"]
    check(encode_table(encoder, table(TITLES[::-1]), cache), TITLES[::-1])
    assert len(encoder.seen) == 6


def test_ten_new_items_encode_ten(tmp_path: Path) -> None:
    encoder, cache = Counting(), VectorCache(tmp_path)
    old = [f"old {n}" for n in range(40)]
    encode_table(encoder, table(old), cache)
    new = [f"new {n}" for n in range(10)]
    mixed = [*old[7:], *new, *old[:7]]
    check(encode_table(encoder, table(mixed), cache), mixed)
    assert encoder.seen == [*old, *new]


def test_another_fingerprint_starts_anew(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    for name in ("one", "two"):
        encoder = Counting(fingerprint=name)
        check(encode_table(encoder, table(TITLES), cache), TITLES)
        assert len(encoder.seen) == 6


def test_what_was_encoded_before_a_crash_is_kept(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    with pytest.raises(RuntimeError, match="power cut"):
        encode_table(Counting(stop=4), table(TITLES), cache)
    encoder = Counting()
    check(encode_table(encoder, table(TITLES), cache), TITLES)
    assert encoder.seen == ["sock", "bag", "cap"]


@pytest.mark.parametrize("titles", [[], [None, None], [""]])
def test_nothing_to_encode(titles: list[str | None], tmp_path: Path) -> None:
    found = encode_table(Counting(), table(titles), VectorCache(tmp_path))
    assert found.vectors.shape == (len(titles), 1)
    assert not found.present.any()


def test_channels_serve_items_to_come(world: Dataset, tmp_path: Path) -> None:
    """The projection learns from liked items; later a longer table passes through the same state."""
    cache, encoder = VectorCache(tmp_path), Counting()
    channels, train = fit_channels(world, {"name": encoder}, Projection(dim=4), cache)
    (channel,) = channels
    assert (channel.role, channel.modality) == ("item", "name")
    liked = [t or "" for t, n in zip(world.item_table["title"], world.popularity, strict=True) if n > 0]
    known = vectors(liked)
    np.testing.assert_allclose(channel.projection.mean, known.vectors[known.present].mean(axis=0), rtol=1e-5)
    assert train.features.keys() == {*world.features, ("item", "name")}
    before = len(encoder.seen)
    longer = pl.concat([world.item_table, pl.DataFrame({"item_id": ["new"], "title": ["Thing 99"]})], how="diagonal")
    later = encoded(replace(world, items=(*world.items, "new"), item_table=longer), channels, cache)
    assert encoder.seen[before:] == ["Thing 99"]
    np.testing.assert_array_equal(later.feature("item", "name").vectors[:-1], train.feature("item", "name").vectors)
    expected = channel.projection.apply(vectors(["Thing 99"])).vectors
    np.testing.assert_allclose(later.feature("item", "name").vectors[-1:], expected, atol=1e-6)


def test_text_of_users(world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bio becomes a user modality, row by row; who has none is missing; queries carry it."""
    counting = Counting()
    monkeypatch.setattr(Text, "fit", lambda self, train, role: counting if role == self.role else None)  # noqa: ARG005
    bios = [None if n % 3 == 0 else f"bio {n}" for n in range(len(world.users))]
    data = replace(world, user_table=world.user_table.with_columns(pl.Series("title", bios, dtype=pl.String)))
    encoders = {"bio": Text(("title",), role="user")}
    channels, train = fit_channels(data, encoders, Projection(centre=False, dim=None), VectorCache(tmp_path))
    found = train.feature("user", "bio")
    assert channels[0].role == "user"
    assert found.present.tolist() == [bio is not None for bio in bios]
    assert sorted(set(counting.seen)) == sorted({bio for bio in bios if bio})
    asked = queries_of(train, np.array([4, 3], np.int32)).features["bio"]
    np.testing.assert_array_equal(asked.vectors, found.vectors[[4, 3]])


@pytest.mark.parametrize("encoder", [Text(("bio",), role="user"), Image("portrait", role="user")])
def test_a_column_that_users_lack(encoder: Text | Image, world: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="column of the user table"):
        fit_channels(world, {"x": encoder}, Projection(), VectorCache(tmp_path))
