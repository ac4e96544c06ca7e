"""What users did, told by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import store, testing
from cuvee.cache import VectorCache
from cuvee.encoders.behaviour import Behaviour
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.features import encoded, fit_channels
from cuvee.projection import Projection
from cuvee.splits.last_share import LastShare
from cuvee.types import Dataset, Embeddings, Events

DAY = 86_400


def small() -> Dataset:
    """User 0 buys a and views b (a day later, twice), user 1 buys c and dislikes b; user 2 does nothing."""
    user, item = np.array([0, 0, 0, 1, 1], np.int32), np.array([0, 1, 1, 2, 1], np.int32)
    time = np.array([1, 2, 2, 4, 5], np.int64) * DAY
    weight, kind = np.array([1, 0.5, 0.5, 1, -1], np.float32), np.array([0, 2, 2, 0, 1], np.int8)
    return Dataset(
        ("u0", "u1", "u2"),
        ("a", "b", "c", "d"),
        Events(user, item, time, weight, kind, ("buy", "dislike", "view")),
        pl.DataFrame({"item_id": list("abcd"), "genres": ["x|y", "x", "z", "never"], "price": [1.0, 2.0, 9.0, 5.0]}),
        pl.DataFrame({"user_id": ["u0", "u1", "u2"]}),
    )


def vectors(data: Dataset, encoder: Behaviour | None = None) -> Embeddings:
    (found,) = (encoder or Behaviour()).fit(data, "user").encode(data.user_table)
    return found


def test_taste_by_hand() -> None:
    """Genres x, y, z, other and five bands; of user 0 weight 1 on (x, y) / sqrt 2 and 0.5 on x."""
    found = vectors(small())
    taste = found.vectors[:, :9]
    half = np.sqrt(0.5)
    # training prices 1, 2, 9 have their fifths at 1.4, 1.8, 3.4, 6.2
    zero = np.array([half + 0.5, half, 0, 0, 1, 0, 0, 0.5, 0])
    zero[[6, 7]] = [0.5, 0]
    np.testing.assert_allclose(taste[0], zero / np.linalg.norm(zero), rtol=1e-5)
    np.testing.assert_allclose(taste[1], np.array([0, 0, 1, 0, 0, 0, 0, 0, 1]) / np.sqrt(2), rtol=1e-5)
    assert found.present.tolist() == [True, True, False]
    assert not found.vectors[2].any()


def test_activity_by_hand() -> None:
    """Two users differ by one deviation to either side where they differ at all."""
    activity = vectors(small()).vectors[:, 9:] * np.sqrt(5)
    names = ["events", "items", "disliked", "days_since", "days_between"]
    signs = {name: activity[:2, 2 * place] for place, name in enumerate(names)}
    np.testing.assert_allclose(signs["events"], [1, -1], atol=1e-5)
    np.testing.assert_allclose(signs["items"], [0, 0], atol=1e-5)
    np.testing.assert_allclose(signs["disliked"], [-1, 1], atol=1e-5)
    np.testing.assert_allclose(signs["days_since"], [1, -1], atol=1e-5)
    np.testing.assert_allclose(signs["days_between"], [0, 0], atol=1e-5)
    np.testing.assert_allclose(activity[:2, 1::2], 1, rtol=1e-6)


def test_contract(world: Dataset) -> None:
    testing.check_encoder(Behaviour(), small(), "user")
    testing.check_encoder(Behaviour(), world, "user")


def test_without_times_and_categories(world: Dataset) -> None:
    """What is not known is missing, flag included."""
    e = world.events
    found = vectors(replace(world, events=replace(e, time=np.zeros_like(e.time))))
    assert found.dim == 10
    assert not found.vectors[:, 6:].any()
    assert found.present.sum() == 35


def test_only_training_is_told(world: Dataset) -> None:
    """Neither the number of held-out events nor their items show."""
    items = world.item_table.with_columns(pl.Series("category", [f"c{n % 4}" for n in range(23)]))
    data = replace(world, item_table=items)
    split = LastShare(0.2, 0.2).split(data, np.random.default_rng(0))
    alone = replace(data, events=split.train.events)
    np.testing.assert_array_equal(vectors(split.train).vectors, vectors(alone).vectors)
    assert (vectors(split.train).vectors != vectors(data).vectors).any()


def test_codes_travel_and_events_are_new(tmp_path: Path) -> None:
    """A bundle describes users by what they did since, in the codes of training."""
    cache, data = VectorCache(tmp_path / "cache"), small()
    channels, train = fit_channels(data, {"habits": Behaviour()}, Projection(dim=None), cache)
    store.save(channels, tmp_path, "channels")
    (channel,) = store.load(tmp_path, "channels")
    assert channel.learned == channels[0].learned
    again = encoded(data, (channel,), cache)
    np.testing.assert_array_equal(again.feature("user", "habits").vectors, train.feature("user", "habits").vectors)
    e = data.events
    more = Events(
        np.append(e.user, 2).astype(np.int32),
        np.append(e.item, 2).astype(np.int32),
        np.append(e.time, 5 * DAY),
        np.append(e.weight, 1).astype(np.float32),
        np.append(e.kind, 0).astype(np.int8),
        e.kinds,
    )
    later = encoded(replace(data, events=more), (channel,), cache).feature("user", "habits")
    assert later.present.all()
    np.testing.assert_array_equal(later.vectors[0], train.feature("user", "habits").vectors[0])


def test_wrong_use() -> None:
    with pytest.raises(ConfigError, match="describes users, not items"):
        Behaviour().fit(small(), "item")
    with pytest.raises(UnknownNameError, match="unknown column of the item table 'genre'; did you mean 'genres'"):
        Behaviour(categories=("genre",)).fit(small(), "user")
    with pytest.raises(ConfigError, match="limit"):
        Behaviour(limit=-1)
