"""Graphs whose vectors are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import store, testing
from cuvee.cache import VectorCache
from cuvee.encoders.graph import Graph
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.features import encoded, fit_channels
from cuvee.projection import Projection
from cuvee.types import Dataset, Embeddings


def friends(world: Dataset, edges: list[tuple[str, str]]) -> Dataset:
    return replace(world, social=pl.DataFrame(edges, schema=["src", "dst"], orient="row"))


def circles(world: Dataset, seed: int = 0) -> Dataset:
    """Users 0..14 and 15..29 are two circles, each dense inside, with three links between; the rest has no friends."""
    rng = np.random.default_rng(seed)
    edges = [(a, b) for a in range(30) for b in range(a) if (a < 15) == (b < 15) and rng.random() < 0.5]
    edges += [(0, 15), (3, 20), (7, 29), (4, 4)]
    return friends(world, [(f"u{a:02}", f"u{b:02}") for a, b in edges])


def vectors(data: Dataset, encoder: Graph, role: str = "user") -> Embeddings:
    (found,) = encoder.fit(data, role).encode(data.user_table if role == "user" else data.item_table)
    return found


def test_a_path_by_hand(world: Dataset) -> None:
    """a - b - c has degrees 1, 2, 1 with the mean 4/3: eigenvalue sqrt(2 / (7/3 * 10/3)), vector (1, sqrt 2, 1) / 2."""
    found = vectors(friends(world, [("u01", "u00"), ("u01", "u02")]), Graph(dim=5))
    value = np.sqrt(2 / (7 / 3 * 10 / 3))
    np.testing.assert_allclose(found.vectors[:3], np.array([[0.5], [np.sqrt(0.5)], [0.5]]) * np.sqrt(value), rtol=1e-6)
    assert found.present.tolist() == [True] * 3 + [False] * 34


def test_circles_stand_apart(world: Dataset) -> None:
    """The second vector tells the circles; those without friends, and a link with oneself, say nothing."""
    found = vectors(circles(world), Graph(dim=2))
    side = np.sign(found.vectors[:30, 1])
    assert set(side[:15]) == {-side[20]}
    assert len(set(side[15:])) == 1
    assert found.present.tolist() == [True] * 30 + [False] * 7


def test_vectors_are_the_graphs_best_picture(world: Dataset) -> None:
    """With all positive eigenvalues, products of vectors are the positive part of the scaled links."""
    data = circles(world)
    assert data.social is not None
    links = np.zeros((30, 30))
    for a, b in data.social.iter_rows():
        if a != b:
            links[int(a[1:]), int(b[1:])] += 1
            links[int(b[1:]), int(a[1:])] += 1
    degrees = links.sum(axis=1)
    scaled = links / np.sqrt(np.outer(degrees + degrees.mean(), degrees + degrees.mean()))
    values, axes = np.linalg.eigh(scaled)
    positive = (axes * np.maximum(values, 0)) @ axes.T
    found = vectors(data, Graph(dim=30)).vectors[:30]
    np.testing.assert_allclose(found @ found.T, positive, atol=1e-5)


def test_large_and_small_graphs_agree(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    data = circles(world)
    dense = vectors(data, Graph(dim=4))
    monkeypatch.setattr("cuvee.encoders.graph._DENSE", 5)
    few = vectors(data, Graph(dim=4))
    np.testing.assert_allclose(few.vectors, dense.vectors, atol=1e-5)
    np.testing.assert_array_equal(few.vectors, vectors(data, Graph(dim=4)).vectors)


def test_items_by_a_column(world: Dataset) -> None:
    """Items 0 and 1 share a maker, item 2 has another; the column holds the entities' names."""
    triples = pl.DataFrame(
        [("e0", "made by", "m"), ("e1", "made by", "m"), ("e2", "made by", "other"), ("m", "in", "x")],
        schema=["head", "relation", "tail"],
        orient="row",
    )
    names = pl.Series("entity", ["e0", "e1", "e2", None] + ["gone"] * 19)
    data = replace(world, triples=triples, item_table=world.item_table.with_columns(names))
    found = vectors(data, Graph("item", 8, column="entity"), "item")
    assert found.present.tolist() == [True] * 3 + [False] * 20
    np.testing.assert_allclose(found.vectors[0], found.vectors[1], atol=1e-6)
    assert abs(found.vectors[0] @ found.vectors[2]) < 1e-6
    renamed = replace(data, item_table=data.item_table.rename({"entity": "entity_id"}))
    np.testing.assert_array_equal(vectors(renamed, Graph("item", 8), "item").vectors, found.vectors)
    assert not vectors(data, Graph("item", 8), "item").present.any()
    with pytest.raises(UnknownNameError, match="'entry'; did you mean 'entity'"):
        Graph("item", column="entry").fit(data, "item")
    with pytest.raises(DataError, match=r"needs triples \(kg\)"):
        Graph("item").fit(world, "item")


def test_contract(world: Dataset) -> None:
    testing.check_encoder(Graph(dim=3), circles(world), "user")


def test_newcomers_stand_with_their_friends(world: Dataset, tmp_path: Path) -> None:
    """Through a saved channel: those who were there stay where they were, a copy of a node's links lands beside it."""
    cache, data = VectorCache(tmp_path / "cache"), circles(world)
    assert data.social is not None
    channels, train = fit_channels(data, {"friends": Graph(dim=4)}, Projection(dim=None, centre=False), cache)
    store.save(channels, tmp_path, "channels")
    same = data.social.filter(pl.col("src") == "u12").with_columns(src=pl.lit("new"))
    back = data.social.filter(pl.col("dst") == "u12").with_columns(dst=pl.lit("new"))
    grown = replace(
        data,
        users=(*data.users, "new"),
        user_table=pl.concat([data.user_table, pl.DataFrame({"user_id": ["new"]})]),
        social=pl.concat([data.social, same, back]),
    )
    later = encoded(grown, store.load(tmp_path, "channels"), cache).feature("user", "friends")
    np.testing.assert_array_equal(later.vectors[:-1], train.feature("user", "friends").vectors)
    np.testing.assert_allclose(later.vectors[-1], later.vectors[12], atol=1e-5)


def test_nothing_to_embed(world: Dataset) -> None:
    for data in (world, friends(world, []), friends(world, [("u01", "u01")])):
        with pytest.raises(DataError, match="graph needs social edges between different nodes"):
            Graph().fit(data, "user")
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Graph(dim=0)
