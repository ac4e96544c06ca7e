"""Saving and loading: round trips over everything a model may hold, same bytes, damage and hostile content refused."""

import hashlib
import importlib
import json
from dataclasses import dataclass, replace
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
from cuvee.errors import BundleError
from cuvee.types import Dataset, Embeddings, Events

PLUGIN = """
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
import numpy as np
from cuvee.types import Reason

__all__ = ["Toy"]

@dataclass(frozen=True)
class Toy:
    views: Any = ()
    rate: float = 0.5

@dataclass(frozen=True)
class ToyModel:
    toy: Any
    parts: Any
    total: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if isinstance(self.parts, str) and self.parts == "bad":
            raise ValueError("parts must not be bad")
        object.__setattr__(self, "total", 7.0)

    @cached_property
    def derived(self):
        return {1, 2, 3}

@dataclass
class Loose:
    x: int = 0
"""


@pytest.fixture(autouse=True)
def toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A component of another package, registered by an entry point as such packages do."""
    root = tmp_path_factory.mktemp("plugin")
    (root / "toy_plugin.py").write_text(PLUGIN)
    info = root / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cuvee.models]\ntoy = toy_plugin:Toy\n")
    monkeypatch.syspath_prepend(str(root))
    return importlib.import_module("toy_plugin")


def dataset() -> Dataset:
    events = Events(
        user=np.array([0, 1, 1], np.int32),
        item=np.array([3, 0, 2], np.int32),
        time=np.array([5, 2**40, 7], np.int64),
        weight=np.array([1, -1, 0.25], np.float32),
        kind=np.array([0, 1, 1], np.int8),
        kinds=("view", "buy"),
    )
    return Dataset(
        users=("u é", "用户"),
        items=tuple(f"item {n}" for n in range(4)),
        events=events,
        item_table=pl.DataFrame({"item_id": [f"item {n}" for n in range(4)], "price": [1.5, None, 3.0, -0.0]}),
        user_table=pl.DataFrame({"user_id": ["u é", "用户"], "tags": [["a"], []]}),
        reviews=None,
        features={("item", "text"): Embeddings(np.eye(4, 3, dtype=np.float32), np.array([True, True, False, True]))},
    )


def same(a: Any, b: Any) -> bool:
    """Equal in type and value all the way down; written apart from the module under test."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, (sparse.csr_matrix, sparse.csr_array)):
        return a.shape == b.shape and all(same(getattr(a, p), getattr(b, p)) for p in ("data", "indices", "indptr"))
    if isinstance(a, pl.DataFrame):
        return a.schema == b.schema and a.equals(b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return a.hex() == float(b).hex()
    if hasattr(a, "__dataclass_fields__"):
        return all(same(getattr(a, f), getattr(b, f)) for f in a.__dataclass_fields__)
    return bool(a == b)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def back(value: Any, folder: Path) -> Any:
    store.save(value, folder, "x")
    return store.load(folder, "x")


def forge(folder: Path, change: Any) -> None:
    """Rewrite x.json as an attacker would: with a checksum that fits."""
    path = folder / "x.json"
    body = json.loads(path.read_text())
    del body["sha256"]
    change(body)
    body["sha256"] = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    path.write_text(json.dumps(body))


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


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [{1, 2}]}, r"cannot save x\['a'\]\[0\]: it holds a set"),
        ([np.array(["a"])], r"cannot save x\[0\]: an array of <U1 is not numbers or booleans"),
        (np.array([None]), "an array of object"),
        (np.float32(1), "it holds a float32"),
        (b"bytes", "it holds a bytes"),
        ({1: 2}, "the key 1 is neither a string nor a tuple of strings"),
        (len, "it holds a builtin_function_or_method"),
        (Dataset, "it holds a type"),
    ],
)
def test_what_cannot_be_saved_says_where(value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=message):
        store.save(value, tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Stray:
    x: int = 0


def test_classes_that_could_not_be_loaded_are_not_saved(toy: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Stray is not in a registered component's module"):
        store.save(Stray(), tmp_path, "x")
    with pytest.raises(BundleError, match=r"models/toy:Loose.* is not a frozen dataclass"):
        store.save(toy.Loose(), tmp_path, "x")


@pytest.mark.parametrize(
    "reference",
    [
        "os:system",
        "subprocess:Popen",
        "cuvee.os:system",
        "cuvee.types.np:ndarray",
        "cuvee.types:np",
        "cuvee.types:Mapping",
        "cuvee.store:_Reader",
        "cuvee.store:Path",
        "cuvee.nowhere:X",
        "models/toy:OrderedDict",
        "models/toy:Loose",
        "models/toy:Reason",
        "models/toy:__builtins__",
        "models/nowhere:X",
        "os/path:X",
        "../x:X",
        "",
    ],
)
def test_hostile_class_references_are_refused(reference: str, toy: Any, tmp_path: Path) -> None:
    store.save(toy.Toy(), tmp_path, "x")
    forge(tmp_path, lambda body: body.update(object={"class": reference, "fields": {}}))
    with pytest.raises(BundleError, match=r"not a class that a bundle may hold|not a frozen dataclass|needs '"):
        store.load(tmp_path, "x")


@pytest.mark.parametrize("reference", ["os:system", "cuvee.__init__:Path", "cuvee.cli.main:Commands", "models/ease"])
def test_references_of_another_form_import_nothing(reference: str, tmp_path: Path) -> None:
    store.save(1, tmp_path, "x")
    forge(tmp_path, lambda body: body.update(object={"class": reference, "fields": {}}))
    with pytest.raises(BundleError, match="not a class that a bundle may hold"):
        store.load(tmp_path, "x")


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"__import__": "os"},
        {"array": "9999"},
        {"frame": 5},
        {"strings": "0001"},
        {"tuple": 3},
        {"map": [1]},
        {"float": "x"},
        {"class": "models/toy:Toy", "fields": [1]},
        {"class": "models/toy:ToyModel", "fields": {"toy": None, "parts": "bad"}},
        {"csr_matrix": ["0000", "0000", "0000"], "shape": [1, 1]},
        {"csr_matrix": ["0002", "0000", "0001"], "shape": [1, 2]},
    ],
)
def test_content_that_makes_no_sense_is_refused(node: Any, tmp_path: Path) -> None:
    """The last one has a column far outside its matrix."""
    store.save([np.array([99], np.int32), np.array([0, 1], np.int32), np.ones(1)], tmp_path, "x")
    forge(tmp_path, lambda body: body.update(object=node))
    with pytest.raises(BundleError, match=r"x\.json"):
        store.load(tmp_path, "x")


def test_documents_cannot_point_outside_the_folder(tmp_path: Path) -> None:
    store.save(1, tmp_path, "x")
    for files in ([["safetensors", "../../etc/passwd"]], [["/etc/passwd", "0" * 64]]):
        forge(tmp_path, lambda body, files=files: body.update(files=files))
        with pytest.raises(BundleError, match="none of ours"):
            store.load(tmp_path, "x")
    for wrong in ([[1, 2]], [], 3):
        forge(tmp_path, lambda body, wrong=wrong: body.update(files=wrong))
        with pytest.raises(BundleError):
            store.load(tmp_path, "x")
    for name in ("../x", "a/b", "", "a.b"):
        with pytest.raises(BundleError, match="cannot name a saved object"):
            store.load(tmp_path, name)


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    store.save(dataset(), tmp_path, "x")
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 15)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(BundleError, match=r"x\."):
                store.load(tmp_path, "x")
        path.write_bytes(whole)


@pytest.mark.parametrize("suffix", ["json", "safetensors", "parquet"])
def test_truncated_and_missing_files(suffix: str, tmp_path: Path) -> None:
    store.save(dataset(), tmp_path, "x")
    path = next(tmp_path.glob(f"*.{suffix}"))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BundleError, match=rf"{path.name} is damaged"):
        store.load(tmp_path, "x")
    path.unlink()
    with pytest.raises(BundleError, match=rf"{path.name} (is missing|does not exist)"):
        store.load(tmp_path, "x")


def test_newer_formats_and_foreign_files(tmp_path: Path) -> None:
    store.save(1, tmp_path, "x")
    forge(tmp_path, lambda body: body.update(format=store.FORMAT + 1, cuvee="99.0"))
    with pytest.raises(BundleError, match=r"format 2, written by cuvee 99\.0.*upgrade"):
        store.load(tmp_path, "x")
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match="damaged"):
        store.load(tmp_path, "x")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(BundleError, match="not written by cuvee"):
        store.load(tmp_path, "x")


def test_fields_that_came_or_went_between_versions(toy: Any, tmp_path: Path) -> None:
    store.save(toy.Toy(), tmp_path, "x")
    forge(tmp_path, lambda body: body["object"]["fields"].update(rat=1.0))
    with pytest.raises(
        BundleError, match=r"written by cuvee .*unknown field of models/toy:Toy: 'rat'.*'rate'.*this is"
    ):
        store.load(tmp_path, "x")
    forge(tmp_path, lambda body: body["object"].update(fields={"views": 3}))
    assert store.load(tmp_path, "x") == toy.Toy(3), "a field with a default may be younger than the file"
    forge(tmp_path, lambda body: body["object"].update({"class": "models/toy:ToyModel", "fields": {"toy": 1}}))
    with pytest.raises(BundleError, match="no field 'parts' of models/toy:ToyModel"):
        store.load(tmp_path, "x")


def test_a_crash_at_any_step_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dataset()
    new = replace(old, users=("other", "names"), item_table=old.item_table.with_columns(new=1))
    store.save(old, tmp_path, "x")
    steps = 0
    real = Path.replace

    def crash(self: Path, target: Path) -> Path:
        nonlocal steps
        if steps == 0:
            raise OSError("power cut")
        steps -= 1
        return real(self, target)

    for step in range(4):
        steps = step
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", crash)
            with pytest.raises(OSError, match="power cut"):
                store.save(new, tmp_path, "x")
        assert same(store.load(tmp_path, "x"), old)
    store.save(new, tmp_path, "x")
    assert same(store.load(tmp_path, "x"), new)
    assert len(list(tmp_path.iterdir())) == 4, "what no document names any more is gone"


def test_names_in_one_folder_do_not_touch_each_other(tmp_path: Path) -> None:
    store.save(np.ones(3), tmp_path, "x")
    store.save(np.zeros(2), tmp_path, "x-y")
    store.save(np.zeros(4), tmp_path, "x")
    assert_array_equal(store.load(tmp_path, "x-y"), np.zeros(2))
    assert_array_equal(store.load(tmp_path, "x"), np.zeros(4))
