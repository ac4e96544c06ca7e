"""Inverted lists and the graph of neighbours against exact search, on clustered vectors."""

import sys
from importlib import import_module

import numpy as np
import pytest

from cuvee.errors import BundleError, ConfigError
from cuvee.indexes.faiss_hnsw import FaissHnsw
from cuvee.indexes.faiss_ivf import FaissIvf
from cuvee.nearest import nearest
from cuvee.retrieval import found_again
from cuvee.types import Floats

GOOD: dict[str, FaissHnsw | FaissIvf] = {"faiss_hnsw": FaissHnsw(links=16), "faiss_ivf": FaissIvf(lists=100, probes=40)}
POOR: dict[str, FaissHnsw | FaissIvf] = {
    "faiss_hnsw": FaissHnsw(links=2, ef_construction=2, ef_search=2),
    "faiss_ivf": FaissIvf(lists=100, probes=1),
}
every = pytest.mark.parametrize("name", sorted(GOOD))


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that filtered searches go through the index: of 6,000 vectors 1 % are searched exactly."""
    monkeypatch.setattr("cuvee.nearest.LARGE", 100)


def clustered(items: int = 6_000, width: int = 24) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, width))
    vectors = centres[rng.integers(0, 40, items)] + rng.normal(size=(items, width))
    queries = centres[rng.integers(0, 40, 50)] + rng.normal(size=(50, width))
    return vectors.astype(np.float32), queries.astype(np.float32)


@every
def test_finds_what_is_best_and_less_where_it_looks_at_less(name: str) -> None:
    vectors, queries = clustered()
    assert found_again(GOOD[name].build(vectors), vectors, queries, 50) >= 0.98
    assert found_again(POOR[name].build(vectors), vectors, queries, 50) < 0.8


@every
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_filters_take_nothing_away(share: float, name: str) -> None:
    vectors, queries = clustered()
    allowed = np.random.default_rng(1).random(len(vectors)) < share
    built = GOOD[name].build(vectors)
    rows, scores = built.search(queries, 30, allowed)
    assert (rows >= 0).all()
    assert allowed[rows].all()
    best, _ = nearest(vectors, queries, 30, allowed)
    assert np.mean([len({*a} & {*b}) / 30 for a, b in zip(rows, best, strict=True)]) >= 0.98
    products = np.take_along_axis(queries @ vectors.T, rows, axis=1)
    np.testing.assert_allclose(scores, products, rtol=1e-4)


@every
def test_new_vectors_are_found_at_once(name: str) -> None:
    vectors, queries = clustered()
    late = np.concatenate([vectors, 3 * queries])  # longer than all others that way
    rows, _ = GOOD[name].build(vectors).grown(late).search(queries, 1)
    assert rows[:, 0].tolist() == np.argmax(queries @ late.T, axis=1).tolist()
    assert (rows >= len(vectors)).all()


def test_wrong_parameters() -> None:
    for wrong in (lambda: FaissIvf(probes=0), lambda: FaissHnsw(links=1)):
        with pytest.raises(ConfigError, match="at least"):
            wrong()


@pytest.mark.parametrize("index", [FaissHnsw(), FaissIvf()])
def test_bytes_of_something_else(index: FaissHnsw | FaissIvf) -> None:
    vectors, _ = clustered(200)
    with pytest.raises(BundleError, match="not an index that FAISS"):
        index.restore(vectors, np.arange(90, dtype=np.uint8))
    with pytest.raises(BundleError, match="holds 200 vectors of width 24, the model 150"):
        index.restore(vectors[:150], index.build(vectors).made)


@every
def test_without_faiss_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.delitem(sys.modules, f"cuvee.indexes.{name}")
    with pytest.raises(ConfigError, match=rf"{name}' needs FAISS.*pip install 'cuvee\[index\]'"):
        import_module(f"cuvee.indexes.{name}")
