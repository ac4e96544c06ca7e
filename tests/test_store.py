"""Saving and loading: round trips over everything a model may hold, and the same bytes."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy import sparse

from cuvee import store
from tests.stored import back, contents, dataset, plugin, same


@pytest.fixture(autouse=True)
def toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A component of another package."""
    return plugin(tmp_path_factory.mktemp("plugin"), monkeypatch)


DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "float16", "float32", "float64"]


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(DTYPES).flatmap(lambda d: arrays(d, st.tuples(st.integers(0, 3), st.integers(0, 4))))
    | arrays("int8", ())
    | arrays("float32", (2, 5)).map(sparse.csr_matrix)
    | st.lists(st.text(max_size=3), min_size=60, max_size=70).map(tuple)
    | st.sampled_from([Path("a/b.npy"), Path("/é"), Path()])
    | st.lists(st.integers() | st.none(), max_size=4).map(lambda v: pl.DataFrame({"é": v}, schema={"é": pl.Float64}))
)


KEYS = st.text(max_size=3) | st.tuples(st.text(max_size=2), st.text(max_size=2))


TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tree=TREES)
def test_what_is_loaded_is_what_was_saved(tree: Any, tmp_path: Path) -> None:
    loaded = back(tree, tmp_path)
    assert same(loaded, tree)
    before = contents(tmp_path)
    store.save(loaded, tmp_path, "x")
    assert contents(tmp_path) == before


def test_models_of_models_of_another_package(toy: Any, tmp_path: Path) -> None:
    parts = {"a": toy.ToyModel(1, np.arange(3)), ("item", "text"): (toy.Toy(), None)}
    model = toy.ToyModel(toy.Toy((toy.Toy(rate=0.1),), 0.3), parts)
    assert model.derived == {1, 2, 3}, "derived values may be of any type: they are not written"
    loaded = back(model, tmp_path)
    assert same(loaded, model)
    assert loaded.total == 7.0


def test_data_set_comes_back_and_its_derived_matrices_are_not_written(tmp_path: Path) -> None:
    data = dataset()
    store.save(data, tmp_path / "before", "x")
    assert data.matrix.shape == (2, 4)
    store.save(data, tmp_path / "after", "x")
    assert contents(tmp_path / "before") == contents(tmp_path / "after")
    assert same(store.load(tmp_path / "after", "x"), data)


def test_equal_objects_make_equal_bytes(tmp_path: Path) -> None:
    store.save(dataset(), tmp_path / "a", "x")
    store.save(dataset(), tmp_path / "b", "x")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len(contents(tmp_path / "a")) == 4, "one document, one file of arrays, two tables"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -0.0, 1e-320, 0.1])
def test_every_float(value: float, tmp_path: Path) -> None:
    assert back([value], tmp_path)[0].hex() == value.hex()


def test_layouts_of_arrays_do_not_matter(tmp_path: Path) -> None:
    table = np.arange(6, dtype=np.float32).reshape(2, 3)
    odd = {"fortran": np.asfortranarray(table), "strided": table[:, ::2], "big": np.arange(3, dtype=">i4")}
    loaded = back(odd, tmp_path)
    assert_array_equal(loaded["fortran"], table)
    assert_array_equal(loaded["strided"], [[0, 2], [3, 5]])
    assert_array_equal(loaded["big"], [0, 1, 2])
    assert loaded["big"].dtype == np.int32


def test_sparse_classes_keep_their_class_and_wide_indices_their_values(tmp_path: Path) -> None:
    wide = sparse.csr_matrix((np.ones(2), np.array([0, 2**40]), np.array([0, 1, 2])), shape=(2, 2**41))
    loaded = back((wide, sparse.csr_array(np.eye(2))), tmp_path)
    assert list(loaded[0].indices) == [0, 2**40]
    assert type(loaded[1]) is sparse.csr_array


def test_tensors(tmp_path: Path) -> None:
    state = {"w": torch.tensor([[1.5, -2.0, 0.25]], dtype=torch.bfloat16), "b": torch.arange(3)}
    loaded = back(state, tmp_path)
    assert loaded["w"].dtype == torch.bfloat16
    assert torch.equal(loaded["w"], state["w"])
    assert torch.equal(loaded["b"], state["b"])


def test_a_shared_array_is_stored_once_and_stays_shared(tmp_path: Path) -> None:
    vectors = np.ones((50, 20))
    loaded = back([vectors, vectors, vectors.copy()], tmp_path)
    assert loaded[0] is loaded[1]
    assert loaded[0] is not loaded[2]
    size = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert 2 * vectors.nbytes < size < 3 * vectors.nbytes


def test_many_ids_are_one_array(tmp_path: Path) -> None:
    ids = tuple(f"id {n} 号" for n in range(5000))
    assert back(ids, tmp_path) == ids
    assert (tmp_path / "x.json").stat().st_size < 500
    assert back(list(ids), tmp_path) == list(ids)


def test_read_only_mappings_are_saved(tmp_path: Path) -> None:
    assert back(MappingProxyType({"a": 1}), tmp_path) == {"a": 1}
