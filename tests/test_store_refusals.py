"""What cannot be saved, and documents that are damaged, hostile or of another version: refused, and said why."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cuvee import store
from cuvee.errors import BundleError
from cuvee.types import Dataset
from tests.stored import dataset, forge, plugin, same


@pytest.fixture(autouse=True)
def toy(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A component of another package."""
    return plugin(tmp_path_factory.mktemp("plugin"), monkeypatch)


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
