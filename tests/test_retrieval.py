"""An index is measured before anybody relies on it, and a bundle with one answers like a bundle without."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.encoders.tabular import Tabular
from cuvee.errors import BundleError, ConfigError
from cuvee.features import fit_channels
from cuvee.filters.unseen import Unseen
from cuvee.indexes.exact import Exact
from cuvee.indexes.faiss_hnsw import FaissHnsw
from cuvee.indexes.faiss_ivf import FaissIvf
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.projection import Projection
from cuvee.protocols import Index
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.retrieval import built_for, check_index, found_again
from cuvee.serve.effects import Effects
from cuvee.serve.snapshot import Snapshot, shaped, snapshot_of, with_states
from cuvee.serve.wishes import Wish
from cuvee.splits.random import Random
from cuvee.sql.shown import Past
from cuvee.stages.diversity import Diversity
from cuvee.types import PAD, Bools, Dataset, Embeddings, Events, Floats, Ints, Queries, Slate

ITEMS, USERS = 3_000, 60


class First:
    """Finds nothing but the first rows."""

    remedy = "look further"
    made = np.zeros(0, np.uint8)
    moved = np.zeros(0, np.int32)

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:  # noqa: ARG002
        rows = np.tile(np.arange(k, dtype=np.int32), (len(queries), 1))
        return rows, np.asarray((queries @ self.vectors.T)[:, :k])

    def grown(self, vectors: Floats, moved: Ints | None = None) -> "First":  # noqa: ARG002
        return First(vectors)


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that filtered answers come through the index."""
    monkeypatch.setattr("cuvee.nearest.LARGE", 100)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Each user bought seven things; a thing is two numbers and a colour."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "item_id": [f"i{r}" for r in range(ITEMS)],
            "title": [f"thing {r}" for r in range(ITEMS)],
            **{f"n{c}": rng.normal(size=ITEMS) for c in range(8)},
        }
    )
    n = USERS * 7
    events = Events(
        np.repeat(np.arange(USERS, dtype=np.int32), 7), rng.integers(0, ITEMS, n).astype(np.int32), np.arange(n) + 1,
        np.ones(n, np.float32), np.zeros(n, np.int8), ("buy",),
    )  # fmt: skip
    users = tuple(f"u{r}" for r in range(USERS))
    data = Dataset(users, tuple(table["item_id"]), events, table, pl.DataFrame({"user_id": users}))
    cache = VectorCache(tmp_path_factory.mktemp("cache"))
    encoder = Tabular(columns=tuple(f"n{c}" for c in range(8)))
    channels, data = fit_channels(data, {"facts": encoder}, Projection(), cache)
    model = Content({"facts": 1.0})
    recipe = Recipe(Folder(Path("/gone")), Random(), model, filters=(Unseen(),), stages=(Diversity(0.2),))
    return Bundle(recipe, model.fit(data, None, rng), data, channels)


def indexed(shop: Bundle, index: Index) -> Bundle:
    return replace(shop, recipe=replace(shop.recipe, index=index)).indexed()


def alike(a: Slate, b: Slate) -> float:
    return float(np.mean([len({*x} & {*y}) / len(x) for x, y in zip(a.items, b.items, strict=True)]))


def test_what_is_found_again_by_hand() -> None:
    """Of the best three, 3 2 1 of four, the first three rows hold 2 and 1; of the other query 9 7 all three."""
    vectors = np.array([[1, 5], [2, 7], [0, 9], [3, 0]], np.float32)
    assert found_again(First(vectors), vectors, np.eye(2, dtype=np.float32), 3) == pytest.approx((2 / 3 + 1) / 2)
    assert found_again(First(vectors), vectors, np.zeros((0, 2), np.float32), 3) == 1


def test_an_index_that_finds_too_little_is_refused(shop: Bundle) -> None:
    with pytest.raises(ConfigError, match=r"finds 0\.\d+ of the best 200 of 60 users.*raise probes, which is 1"):
        indexed(shop, FaissIvf(lists=8, probes=1))


def test_what_it_finds_is_logged(shop: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cuvee"):
        built_for(Exact(), shop.model, shop.data, 20, 0)
    assert "recall@20 1.0000 of 60 users" in caplog.text


def test_a_model_without_factors_has_no_index(world: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    model = Ease().fit(world, None, np.random.default_rng(0))
    content = Content({"text": 1.0}).fit(world, None, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="the score of EaseModel is no inner product"):
        check_index(FaissIvf(), model, 23)
    with caplog.at_level(logging.INFO, logger="cuvee"):
        check_index(None, model, 60_000)
        check_index(None, content, 50_000)
        assert not caplog.text
        check_index(None, content, 50_001)
    assert "`index: faiss_ivf`" in caplog.text


@pytest.mark.parametrize("index", [Exact(), FaissIvf(lists=40, probes=30), FaissHnsw(links=16)])
def test_answers_are_those_without_an_index(shop: Bundle, index: Index, tmp_path: Path) -> None:
    """Through filters and stages, for items like one, saved and loaded, grown by a new item and by events."""
    save_bundle(indexed(shop, index), tmp_path / "b")
    bundle = load_bundle(tmp_path / "b")
    assert bundle.recipe.index == index
    assert type(bundle.index) is type(index.build(np.eye(3, dtype=np.float32)))
    queries = queries_of(shop.data, np.arange(USERS, dtype=np.int32))
    assert alike(bundle.recommend(queries, 10), shop.recommend(queries, 10)) >= 0.98
    assert alike(bundle.similar("i7", 20), shop.similar("i7", 20)) >= 0.95
    assert 7 not in bundle.similar("i7", 20).items
    new = bundle.data.item_table[7:8].with_columns(pl.lit("new").alias("item_id"))  # the very same thing
    grown = bundle.with_items(new, VectorCache(tmp_path / "vectors"))
    assert grown.similar("i7", 5).items[0, 0] == ITEMS
    facts = shop.data.item_table[7:8].with_columns(pl.lit("i2000").alias("item_id"))
    changed, _ = bundle.with_changes(facts, VectorCache(tmp_path / "vectors"))
    save_bundle(changed, tmp_path / "c")
    for one in (changed, load_bundle(tmp_path / "c")):
        assert one.similar("i7", 5).items[0, 0] == 2000  # what became the very same thing
    later = grown.update(pl.DataFrame({"user_id": ["u0"], "item_id": ["new"], "event": ["buy"], "timestamp": [900]}))
    assert ITEMS not in later.recommend(queries_of(later.data, np.array([0], np.int32)), 300).items
    assert later.refit().recommend(later.items(["i7"]), 5).items[0, 0] == ITEMS


def test_nothing_known_of_an_item_nothing_like_it(shop: Bundle) -> None:
    facts = shop.data.feature("item", "facts")
    blank = Embeddings(np.where(np.arange(ITEMS)[:, None] == 3, np.float32(0), facts.vectors), facts.present)
    data = replace(shop.data, features={("item", "facts"): blank})
    model = Content({"facts": 1.0}).fit(data, None, np.random.default_rng(0))
    bundle = indexed(replace(shop, data=data, model=model), FaissIvf(lists=40, probes=30))
    assert (bundle.similar("i3", 5).items == PAD).all()


def test_the_service_answers_through_it(shop: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is excluded, hidden or seen is not shown, and the catalogue is never scored."""
    bundle = indexed(shop, FaissIvf(lists=40, probes=30))
    save_bundle(bundle, tmp_path / "b")
    snapshot = with_states(snapshot_of(tmp_path / "b"), {"i11": "hidden"})
    queries = snapshot.user("u5", Past(personal=True))
    wish = Wish(k=12, exclude=np.array([4], np.int32), where="n0 > 0")
    wanted = snapshot_without(snapshot, wish, queries)
    monkeypatch.setattr(type(bundle.model), "score", None)
    shown = snapshot.answer(queries, wish)
    assert len({*shown.items[0]} & {*wanted.items[0]}) >= 11
    assert (shop.data.item_table["n0"].to_numpy()[shown.items[0]] > 0).all()
    assert not {4, 11} & {*shown.items[0].tolist()}
    few = snapshot.answer(queries, Wish(k=5, candidates=np.array([9, 11, 30], np.int32)))
    assert sorted(few.items[0].tolist()) == [PAD, PAD, PAD, 9, 30]
    rules = Effects(allowed=np.arange(ITEMS) % 2 == 0)
    slate, told = shaped(snapshot, queries, replace(wish, effects=rules))
    assert (slate.items[0] % 2 == 0).all()
    assert told is rules


def snapshot_without(snapshot: Snapshot, wish: Wish, queries: Queries) -> Slate:
    plain = replace(snapshot, bundle=replace(snapshot.bundle, index=None))
    return plain.answer(queries, wish)


def test_an_index_of_another_model_is_refused(shop: Bundle, tmp_path: Path) -> None:
    save_bundle(indexed(shop, FaissIvf(lists=40, probes=30)), tmp_path / "b")
    short = replace(shop.model, vectors=shop.model.item_factors()[:900])  # type: ignore[type-var, attr-defined]
    save_bundle(replace(shop, model=short), tmp_path / "other")
    for path in (tmp_path / "other").glob("model.*"):
        path.rename(tmp_path / "b" / path.name)
    with pytest.raises(BundleError, match="the index holds 3000 vectors"):
        load_bundle(tmp_path / "b")
