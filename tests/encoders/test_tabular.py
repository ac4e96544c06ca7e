"""The tables of a small world as vectors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import store, testing
from cuvee.cache import VectorCache
from cuvee.columns import DateCode, NumberCode, WordCode
from cuvee.encoders.tabular import Tabular
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.features import encoded, fit_channels
from cuvee.projection import Projection
from cuvee.queries import queries_of
from cuvee.types import Dataset


@pytest.fixture
def shop(world: Dataset) -> Dataset:
    """Item 21 and 22 have no events, users 35 and 36 neither: what only they hold must not be learned."""
    items = world.item_table.with_columns(
        pl.Series("price", [float(n) for n in range(21)] + [1e6, None]),
        pl.Series("tags", ["red|soft", "blue"] * 10 + ["red", "unheard|red", None]),
        pl.Series("listed", [f"2020-{1 + n % 12:02}-10" for n in range(22)] + [None]),
        pl.Series("story", [f"of {n}" for n in range(23)]),
    )
    users = world.user_table.with_columns(pl.Series("age", [20 + u for u in range(35)] + [900, None]))
    return replace(world, item_table=items, user_table=users)


@pytest.mark.parametrize("role", ["item", "user"])
def test_contract(role: str, shop: Dataset) -> None:
    testing.check_encoder(Tabular(), shop, role)


def test_only_training_rows_teach(shop: Dataset) -> None:
    """Item 20 is only disliked, so it does not teach either."""
    fitted = Tabular().fit(shop, "item")
    stock, price, tags, listed = fitted.codes
    assert isinstance(stock, NumberCode)
    assert isinstance(listed, DateCode)
    assert price == NumberCode("price", 9.5, float(np.std(np.arange(20))))
    assert isinstance(tags, WordCode)
    assert tags.vocabulary == ("blue", "red", "soft")
    (age,) = Tabular().fit(shop, "user").codes
    assert age == NumberCode("age", 37.0, float(np.std(np.arange(35))))


def test_named_columns_and_kinds(shop: Dataset) -> None:
    fitted = Tabular(columns=("story", "price"), kinds={"price": "band"}, limit=3, buckets=2).fit(shop, "item")
    assert [code.column for code in fitted.codes] == ["story", "price"]
    assert fitted.width == 3 + 2 + 5
    assert "story" in [code.column for code in Tabular(kinds={"story": "tags"}).fit(shop, "item").codes]
    with pytest.raises(UnknownNameError, match="unknown column of the item table 'prize'; did you mean 'price'"):
        Tabular(columns=("prize",)).fit(shop, "item")
    with pytest.raises(UnknownNameError, match="unknown column in kinds: 'price'"):
        Tabular(columns=("story",), kinds={"price": "band"})
    with pytest.raises(DataError, match="the user table has no column"):
        Tabular().fit(replace(shop, user_table=shop.user_table.select("user_id")), "user")


@pytest.mark.parametrize("wrong", [{"limit": -1}, {"buckets": 0}, {"separator": ""}])
def test_parameters_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Tabular(**wrong)  # type: ignore[arg-type]


def test_users_get_vectors_that_reach_queries(shop: Dataset, tmp_path: Path) -> None:
    """The projection of users learns from users with events."""
    encoders = {"facts": Tabular(), "person": Tabular(role="user")}
    channels, train = fit_channels(shop, encoders, Projection(), VectorCache(tmp_path))
    assert [(c.role, c.modality) for c in channels] == [("item", "facts"), ("user", "person")]
    ages = (np.arange(20, 55) - 37.0) / np.std(np.arange(35))
    np.testing.assert_allclose(channels[1].projection.mean, [ages.mean(), 1], atol=1e-6)
    profile = train.feature("user", "person")
    assert profile.present.tolist() == [True] * 36 + [False]
    asked = queries_of(train, np.array([7, 3], np.int32))
    np.testing.assert_array_equal(asked.features["person"].vectors, profile.vectors[[7, 3]])


def test_what_was_learned_travels(shop: Dataset, tmp_path: Path) -> None:
    """A table that has grown since, its new item liked too, is coded with the old means, also from a saved channel."""
    cache = VectorCache(tmp_path / "cache")
    channels, train = fit_channels(shop, {"facts": Tabular()}, Projection(dim=4), cache)
    store.save(channels, tmp_path, "channels")
    new = pl.DataFrame({"item_id": ["new"], "price": [1e6], "tags": ["green"], "stock": [1]})
    liked = shop.events.take(np.append(np.arange(len(shop.events)), 0))
    grown = replace(
        shop,
        items=(*shop.items, "new"),
        item_table=pl.concat([shop.item_table, new], how="diagonal"),
        events=replace(liked, item=np.append(shop.events.item, 23).astype(np.int32)),
    )
    assert grown.popularity[23] == 1
    later = [encoded(grown, found, cache) for found in (channels, store.load(tmp_path, "channels"))]
    for data in later:
        vectors = data.feature("item", "facts").vectors
        np.testing.assert_array_equal(vectors[:-1], train.feature("item", "facts").vectors)
        raw = Tabular().fit(shop, "item").of(new)
        np.testing.assert_allclose(vectors[-1:], channels[0].projection.apply(raw).vectors, atol=1e-6)
