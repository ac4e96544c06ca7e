"""A bundle that grows: new items as if they had been at the fit, new events known at once, a refit like a first fit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.encoders.tabular import Tabular
from cuvee.errors import DataError
from cuvee.features import encoded, fit_channels, fused
from cuvee.fusion.concat import Concat
from cuvee.imputation import impute
from cuvee.models.blend import Blend
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.models.friends import Friends
from cuvee.models.graph_filter import GraphFilter
from cuvee.models.popular import Popular
from cuvee.models.tuned import Tuned
from cuvee.projection import Projection
from cuvee.protocols import Estimator
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.testing import first_items
from cuvee.types import Dataset, Embeddings, Floats

CEASE = ContentEase({"facts": 1.0, "fused": 0.5}, l2=4, content=7, share=0.3)
MIXED = Blend((CEASE, Ease(3), Popular()), weights=(1, 0.5, 0.2), shares=(1, 0.3, 0.2, 0.1, 0))


@pytest.fixture(scope="module")
def shop(world: Dataset) -> Dataset:
    """The world with columns that say something of every item; nothing is encoded yet."""
    rng = np.random.default_rng(2)
    facts = world.item_table.with_columns(
        pl.Series("colour", ["red", "blue", None, "red", "green"] * 5)[:23], pl.Series("price", rng.uniform(1, 9, 23))
    )
    return replace(world, item_table=facts, features={("user", "profile"): world.feature("user", "profile")})


def made(data: Dataset, model: Estimator, cache: VectorCache, **recipe: Any) -> Bundle:
    """Return what a run would leave: encoders, fusion and model fitted on the data."""
    asked = Recipe(Folder(Path("/gone")), Random(), model, seed=3, **recipe)
    encoders = {"facts": Tabular(columns=("colour", "price"))}
    channels, known = fit_channels(data, encoders, Projection(dim=3), cache, asked.impute)
    fusion = Concat(("facts",)).fit(known, None, np.random.default_rng(3))
    bundle = Bundle(asked, Popular().fit(data, None, np.random.default_rng(0)), fused(known, fusion), channels, fusion)
    return bundle.refit()


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors")


def scores(bundle: Bundle) -> Floats:
    return bundle.model.score(queries_of(bundle.data, np.arange(37, dtype=np.int32)))


def events(data: Dataset, rows: slice) -> pl.DataFrame:
    """Return events as a reader's table."""
    e = data.events
    return pl.DataFrame(
        {
            "user_id": [data.users[u] for u in e.user[rows]],
            "item_id": [data.items[i] for i in e.item[rows]],
            "event": [e.kinds[k] for k in e.kind[rows]],
            "timestamp": e.time[rows],
        }
    )


@pytest.mark.parametrize("fill", ["zero", "neighbours"])
def test_new_items_are_as_if_they_had_been_there(fill: str, shop: Dataset, cache: VectorCache) -> None:
    """The last two items, cold, before the fit or after it: vectors, scores and slates are the same."""
    early = made(shop, CEASE, cache, impute=fill)
    late = made(first_items(shop, 21), CEASE, cache, impute=fill)
    grown = late.with_items(shop.item_table[21:].select("price", "item_id", "colour", "title", "stock"), cache)
    assert grown.data.items == shop.items
    assert grown.data.item_table.equals(shop.item_table)
    for key in (("item", "facts"), ("item", "fused")):
        np.testing.assert_allclose(grown.data.feature(*key).vectors, early.data.feature(*key).vectors, atol=1e-6)
        np.testing.assert_array_equal(grown.data.feature(*key).present, early.data.feature(*key).present)
    np.testing.assert_allclose(scores(grown), scores(early), atol=2e-5)
    assert np.abs(scores(grown)[:, 21:]).max() > 0.01
    assert len(late.data.items) == scores(late).shape[1] == 21  # nothing was edited


def test_columns_that_are_missing_or_unknown(
    shop: Dataset, cache: VectorCache, caplog: pytest.LogCaptureFixture
) -> None:
    late = made(first_items(shop, 21), MIXED, cache)
    grown = late.with_items(pl.DataFrame({"item_id": [7], "size": ["L"]}), cache)
    assert grown.data.item_table.row(21) == ("7", None, None, None, None)
    assert "columns 'size' are not in the catalogue" in caplog.text
    assert not grown.data.feature("item", "facts").present[21]
    assert scores(grown).shape == (37, 22)


def test_a_mean_is_put_where_a_new_item_has_nothing(shop: Dataset, cache: VectorCache) -> None:
    late = made(first_items(shop, 21), CEASE, cache, impute="mean")
    old = late.data.feature("item", "facts").vectors
    new = late.with_items(pl.DataFrame({"item_id": ["x"]}), cache).data.feature("item", "facts")
    np.testing.assert_allclose(new.vectors[21], old.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(new.vectors[:21], old)


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_changed_items_are_as_if_they_had_been_so_at_the_fit(fill: str, shop: Dataset, cache: VectorCache) -> None:
    """Another price, a colour that is gone, another title: vectors, fused ones too, and scores are the same."""
    before = made(shop, MIXED, cache, impute=fill)
    columns = shop.item_table[[2, 9, 14]].with_columns(
        pl.Series("price", [8.5, 1.5, None]), pl.Series("colour", ["green", None, None], pl.String), title=pl.lit("New")
    )
    found, stale = before.with_changes(columns[[2, 0, 1]], cache)
    assert stale == ()
    assert found.data.item_table[[2, 9, 14]].equals(columns)
    assert found.data.item_table[[3, 22]].equals(shop.item_table[[3, 22]])
    changed = replace(before.data, item_table=found.data.item_table)
    by_hand = encoded(changed, before.channels, cache).feature("item", "facts")
    by_hand = impute(by_hand, changed, "mean") if fill == "mean" else by_hand
    facts = found.data.feature("item", "facts")
    np.testing.assert_allclose(facts.vectors, by_hand.vectors, atol=1e-6)
    np.testing.assert_array_equal(facts.present, by_hand.present)
    np.testing.assert_allclose(scores(found), scores(found.refit()), atol=3e-5)
    assert np.abs(scores(found) - scores(before)).max() > 0.01
    assert before.data.item_table.equals(shop.item_table)  # nothing was edited


def test_a_title_that_nothing_encodes_changes_no_model(shop: Dataset, cache: VectorCache) -> None:
    before = made(shop, Tuned(GraphFilter({"facts": 1.0}), {}), cache)
    found, stale = before.with_changes(shop.item_table[[5]].with_columns(title=pl.lit("New")), cache)
    assert (found.model, stale) == (before.model, ())
    assert found.data.features == before.data.features
    found, stale = before.with_changes(shop.item_table[[5]].with_columns(price=pl.lit(99.0)), cache)
    assert stale == ("i05",)  # the graph is as it was fitted
    np.testing.assert_array_equal(scores(found), scores(before))
    assert not np.array_equal(found.data.feature("item", "facts").vectors, before.data.feature("item", "facts").vectors)


@dataclass(frozen=True)
class Faces:
    """Reads the length of a file, as an encoder of pictures would read its pixels."""

    def fit(self, train: Dataset, role: str) -> "Faces":  # noqa: ARG002
        return self

    fingerprint = "faces"

    def contents(self, table: pl.DataFrame) -> list[str]:
        return [Path(p).read_text("utf-8") if p and Path(p).is_file() else "" for p in table["face"]]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        lengths = [len(text) for text in self.contents(table)]
        yield Embeddings(np.array([[n, 1.0] for n in lengths], np.float32), np.array(lengths) > 0)


def test_a_file_that_has_gone_takes_no_vector_with_it(shop: Dataset, cache: VectorCache, tmp_path: Path) -> None:
    """A bundle on another machine: the picture is not there, and still it is the same when the price changes."""
    files = [tmp_path / f"{n}.txt" for n in range(23)]
    for n, path in enumerate(files):
        path.write_text("x" * (n + 1), "utf-8")
    table = shop.item_table.with_columns(pl.Series("face", [str(path) for path in files]))
    channels, known = fit_channels(replace(shop, item_table=table), {"face": Faces()}, Projection(), cache)
    before = Bundle(
        Recipe(Folder(Path("/gone")), Random(), Popular()),
        Popular().fit(known, None, np.random.default_rng(0)),
        known,
        channels,
    )
    (tmp_path / "more.txt").write_text("y" * 99, "utf-8")
    for path in files[:5]:
        path.unlink()
    found, _ = before.with_changes(table[[1, 2]].with_columns(price=pl.lit(3.25)), cache)
    assert found.data.feature("item", "face") is known.feature("item", "face")
    found, stale = before.with_changes(table[[7, 8]].with_columns(face=pl.lit(str(tmp_path / "more.txt"))), cache)
    assert stale == ("i07", "i08")
    vectors = found.data.feature("item", "face").vectors
    np.testing.assert_array_equal(vectors[7], vectors[8])
    np.testing.assert_array_equal(vectors[:7], known.feature("item", "face").vectors[:7])


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"item_id": ["i01", "nope"]}, "row 2, item 'nope' is not in the catalogue"),
        ({"item_id": ["i01", "i01"]}, "occurs more than once"),
        ({"item_id": ["i01"], "price": ["cheap"]}, "column 'price' holds 'cheap'"),
    ],
)
def test_changes_that_cannot_be(table: dict[str, Any], told: str, shop: Dataset, cache: VectorCache) -> None:
    with pytest.raises(DataError, match=told):
        made(shop, MIXED, cache).with_changes(pl.DataFrame(table), cache)


def test_nothing_new_changes_nothing(shop: Dataset, cache: VectorCache) -> None:
    bundle = made(shop, MIXED, cache)
    later = bundle.with_items(pl.DataFrame({"item_id": []}), cache)
    later = later.update(
        pl.DataFrame({"user_id": [], "item_id": []}, schema={"user_id": pl.String, "item_id": pl.String})
    )
    np.testing.assert_allclose(scores(later), scores(bundle), atol=1e-6)
    assert later.data.events.kinds == bundle.data.events.kinds


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"title": ["a"]}, "new items: no column 'item_id'; it has title"),
        ({"item_id": ["x", ""]}, "new items: row 2 has no item_id"),
        ({"item_id": ["x", "i04"]}, "new items: row 2, item 'i04' is in the catalogue already"),
        ({"item_id": ["x", "y", "y"]}, "new items: row 2, item 'y' occurs more than once; keep one row an id"),
        (
            {"item_id": ["x", "y"], "price": ["3", "dear"]},
            "row 2, column 'price' holds 'dear', in the catalogue it is F",
        ),
    ],
)
def test_items_that_cannot_be(table: dict[str, list[str]], message: str, shop: Dataset, cache: VectorCache) -> None:
    bundle = made(shop, Ease(), cache)
    with pytest.raises(DataError, match=message):
        bundle.with_items(pl.DataFrame(table), cache)


def test_a_refit_equals_a_fit_from_scratch(shop: Dataset, cache: VectorCache, tmp_path: Path) -> None:
    """Events in two parts or at once, from memory or from disk."""
    half = len(shop.events) // 2
    first = replace(shop, events=shop.events.take(np.arange(half)))
    bundle, whole = made(first, MIXED, cache), made(shop, MIXED, cache)
    # the vectors stay those of the first fit, so the whole has them too
    whole = replace(whole, data=replace(whole.data, features=bundle.data.features)).refit()
    later = bundle.update(events(shop, slice(half, None)))
    for name in ("user", "item", "time", "weight"):
        np.testing.assert_array_equal(getattr(later.data.events, name), getattr(shop.events, name))
    assert not np.allclose(scores(later), scores(whole), atol=1e-3)
    np.testing.assert_array_equal(scores(later.refit()), scores(whole))
    save_bundle(later, tmp_path / "b")
    np.testing.assert_array_equal(scores(load_bundle(tmp_path / "b").refit()), scores(whole))
    np.testing.assert_array_equal(scores(bundle), scores(bundle.refit()))


def test_events_are_known_at_once(shop: Dataset, cache: VectorCache) -> None:
    """Histories, the filter `unseen`, popularity, and users nobody knew."""
    bundle = made(shop, Popular(), cache)
    seen = set(bundle.data.matrix[4].indices.tolist())
    new = next(i for i in range(20) if i not in seen)
    table = pl.DataFrame(
        {"user_id": ["u04", "new"], "item_id": [shop.items[new]] * 2, "event": ["like", "buy"], "timestamp": [2000, 5]}
    )
    later = bundle.update(table)
    assert new in bundle.recommend(bundle.user("u04"), 23).items[0]
    assert new not in later.recommend(later.user("u04"), 23).items[0]
    assert later.user("u04").history[0][later.user("u04").history[0] >= 0][-1] == new
    assert later.data.events.kinds == ("buy", "dislike", "view", "like")
    late = later.data.events.time == 2000
    assert later.data.events.kind[late].tolist() == [3]
    assert (np.diff(later.data.events.time) >= 0).all()
    assert later.user("new").seen.indices.tolist() == [new]
    np.testing.assert_array_equal(scores(later)[0] - scores(bundle)[0], np.where(np.arange(23) == new, 2, 0))
    assert len(bundle.data.users) == 37


def test_a_blend_of_friends_counts_who_is_new(shop: Dataset, cache: VectorCache) -> None:
    """Somebody who is new and whose friends are known already is shown what these like."""
    known = replace(shop, social=pl.DataFrame({"src": ["u01", "u02", "new"], "dst": ["u02", "u03", "u03"]}))
    blend = Blend((Friends((1.0,)), Ease(3)), weights=(1, 0), shares=(0, 0, 0, 0, 0))
    later = made(known, blend, cache).update(pl.DataFrame({"user_id": ["new"], "item_id": ["i20"]}))
    query = later.user("new")
    assert query.friends is not None
    assert query.friends.indices.tolist() == [3]
    best = later.recommend(query, 3).items[0]
    assert set(best.tolist()) <= set(known.liked[3].indices.tolist())


@pytest.mark.parametrize(
    ("weights", "expected"), [(None, [1.0, 0.2, 0.0, -1.0]), ({"view": 0.6, "buy": 0.5}, [0.5, 0.6, 0.0, -1.0])]
)
def test_new_events_weigh_what_the_recipe_says(
    weights: dict[str, float] | None, expected: list[float], shop: Dataset, cache: VectorCache
) -> None:
    """A buy, a view, a buy that was rated too low, a dislike."""
    bundle = made(shop, Popular(), cache, events=weights)
    bundle = replace(bundle, recipe=replace(bundle.recipe, reader=Folder(Path("/gone"), min_rating=3)))
    table = pl.DataFrame(
        {
            "user_id": ["u35"] * 4,
            "item_id": ["i00", "i01", "i02", "i03"],
            "event": ["buy", "view", "buy", "dislike"],
            "rating": [5, None, 1, None],
        }
    )
    later = bundle.update(table).data
    assert later.events.weight[later.events.user == 35].tolist() == pytest.approx(expected)


def test_events_on_unknown_items(shop: Dataset, cache: VectorCache) -> None:
    bundle = made(first_items(shop, 21), MIXED, cache)
    table = pl.DataFrame({"user_id": ["u01", "u02"], "item_id": ["i02", "i21"]})
    with pytest.raises(DataError, match=r"new events: row 2, item 'i21' is not in the catalogue; add it first, with"):
        bundle.update(table)
    later = bundle.with_items(shop.item_table[21:], cache).update(table)
    assert later.user("u02").seen[0, 21] == 1


def test_a_refit_leaves_out_what_choosing_needed(shop: Dataset, cache: VectorCache) -> None:
    bundle = made(shop, Tuned(Ease(3), {"l2": (3.0,)}), cache)
    assert type(bundle.model).__name__ == "EaseModel"
