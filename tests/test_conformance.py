"""Every component that the registry finds keeps the contract of its kind; a new file is covered by existing."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee import registry, store, testing
from cuvee.inductive import extended
from cuvee.protocols import Factorized, Inductive, Recommender
from cuvee.queries import queries_of
from cuvee.types import Dataset
from tests.tiny_language_models import TEMPLATE, save_tiny

SAMPLES: dict[tuple[str, str], Any] = {
    ("models", "blend"): {"views": ["ease", {"content": {"on": {"text": 1.0}}}, "popular"]},
    ("models", "friends"): {"circles": [1.0, 2.0], "taste": {"item_knn": {"neighbours": 5}}},
    ("models", "tuned"): {"model": "ease", "grid": {"l2": [5.0, 50.0]}},
    ("models", "graph_filter"): {"on": {"text": 1.0}, "content_neighbours": 5},
    ("models", "content_ease"): {"on": {"text": 1.0, "image": 0.5}, "share": 0.3, "l2": 10.0},
    ("models", "two_tower"): {"fusion": "weighted", "dim": 8, "training": {"epochs": 3, "lr": 2e-3}, "batch_size": 16},
    ("models", "graph_net"): {
        "on": {"text": 1.0, "image": 0.5},
        "dim": 8,
        "batch_size": 32,
        "edge_drop": 0.2,
        "item_layers": 2,
        "training": {"epochs": 3, "lr": 1e-2},
    },
    ("encoders", "enriched"): {"path": "told.parquet", "text": "text"},
    ("llms", "openai_compatible"): {"model": "m"},
    ("stages", "llm_rerank"): {
        "llm": {"openai_compatible": {"model": "m", "url": "http://127.0.0.1:9/v1", "retries": 0}}
    },
    ("rankers", "fusion_ranker"): {
        "fusion": {"attention": {"on": ["statistics", "p"]}},
        "texts": {"p": {"columns": ["title"]}},
        "evidence": {"scores": ["ease"]},
    },
    ("readers", "mapping"): {"layout": "movielens-1m"},
    ("filters", "where"): {"condition": "available == true or colour == 'red'"},
    ("slices", "user_column"): {"column": "city"},
    ("slices", "siblings"): {"column": "colour"},
}
"""Parameters for the components that have no default, or whose default leaves half of them out."""


def component(kind: str, name: str) -> Any:
    return registry.build(kind, {name: SAMPLES.get((kind, name), {})})


@pytest.fixture(scope="module")
def data() -> Dataset:
    toy = testing.toy()
    colours = pl.Series("colour", ["red", "blue", "green", "grey"] * 8)[: len(toy.items)]
    available = pl.Series("available", np.arange(len(toy.items)) % 5 > 0)
    table = toy.item_table.with_columns(colours, available)
    friends = pl.DataFrame({"src": toy.users[:-1], "dst": toy.users[1:]})
    return Dataset(toy.users, toy.items, toy.events, table, toy.user_table, social=friends, features=toy.features)


@pytest.mark.parametrize("name", registry.names("models"))
def test_models(name: str, data: Dataset, tmp_path: Path) -> None:
    model = testing.check_estimator(component("models", name), data)
    store.save(model, tmp_path, "model")
    assert isinstance(model, Inductive), f"{name} cannot take in new items"
    queries = queries_of(data, np.arange(8, dtype=np.int32))
    np.testing.assert_array_equal(store.load(tmp_path, "model").score(queries), model.score(queries))


@pytest.mark.parametrize("name", registry.names("fusion"))
def test_fusions(name: str, data: Dataset, tmp_path: Path) -> None:
    model = testing.check_fusion(component("fusion", name), data)
    store.save(model, tmp_path, "fusion")
    parts = {m: f for (role, m), f in data.features.items() if role == "item"}
    np.testing.assert_array_equal(store.load(tmp_path, "fusion").fuse(parts).vectors, model.fuse(parts).vectors)


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_metrics(name: str, data: Dataset) -> None:
    testing.check_metric(component("metrics", name), data)


@pytest.mark.parametrize("name", registry.names("slices"))
def test_slices(name: str, data: Dataset) -> None:
    testing.check_slice(component("slices", name), data)


@pytest.mark.parametrize("name", registry.names("filters"))
def test_filters(name: str, data: Dataset) -> None:
    testing.check_filter(component("filters", name), data)


@pytest.mark.parametrize("name", registry.names("stages"))
def test_stages(name: str, data: Dataset) -> None:
    testing.check_stage(component("stages", name), data)


@pytest.mark.parametrize("model", registry.names("models"))
@pytest.mark.parametrize("name", registry.names("explainers"))
def test_explainers(name: str, model: str, data: Dataset) -> None:
    fitted = component("models", model).fit(data, None, np.random.default_rng(0))
    testing.check_explainer(component("explainers", name), fitted, data)


@pytest.mark.parametrize("name", registry.names("splits"))
def test_splits(name: str, data: Dataset, tmp_path: Path) -> None:
    spec: dict[str, Any] = {}
    if name == "given":
        liked = data.liked.tocoo()
        spec = {"path": str(tmp_path / "split.parquet")}
        pairs = {"user_id": [data.users[u] for u in liked.row], "item_id": [data.items[i] for i in liked.col]}
        mark = pl.Series("split", [0, 0, 0, 1, 0, 0, 2] * len(liked.row))[: len(liked.row)]
        pl.DataFrame(pairs).with_columns(mark).write_parquet(tmp_path / "split.parquet")
    testing.check_splitter(registry.build("splits", {name: spec}), data)


@pytest.mark.parametrize("name", registry.names("indexes"))
def test_indexes(name: str) -> None:
    testing.check_index(component("indexes", name))


FACTORIZED = {"content", "graph_net", "two_tower"}
"""Models whose score is an inner product, so that an index may find what they like best."""


@pytest.mark.parametrize("name", registry.names("models"))
def test_factors_make_the_score(name: str, data: Dataset) -> None:
    """The inner product of query and item is the score, of grown catalogues too."""
    few = testing.first_items(data, 26)
    for train, whole in ((data, data), (few, data)):
        fitted = component("models", name).fit(train, None, np.random.default_rng(0))
        model: Recommender = fitted if train is whole else extended(fitted, whole)
        queries = queries_of(whole, np.arange(len(data.users), dtype=np.int32))
        scores = model.score(queries)
        assert isinstance(model, Factorized) == (name in FACTORIZED)
        if not isinstance(model, Factorized):
            continue
        np.testing.assert_allclose(model.query_factors(queries) @ model.item_factors().T, scores, atol=1e-4)
        assert model.item_factors() is model.item_factors()


def test_language_models(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, "llama", template=TEMPLATE)
    spec = {"local": {"weights": str(folder), "max_tokens": 12, "precision": "float32"}}
    testing.check_language_model(registry.build("llms", spec))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_parameter_says_what_it_means(kind: str) -> None:
    for name in registry.names(kind):
        found = registry.find(kind, name)
        assert found.__doc__, f"{kind}/{name} has no docstring"
        assert len(registry.parameters(found)) <= 8, f"{kind}/{name} has more than 8 parameters"
        for key in registry.parameters(found):
            assert registry.meaning(found, key), f"{kind}/{name}.{key} has no docstring"
