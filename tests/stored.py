"""What is saved and loaded in tests: a data set, and models of another package; and how to forge a document."""

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from cuvee import store
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


def plugin(root: Path, patch: pytest.MonkeyPatch) -> Any:
    """Return a component of another package, registered by an entry point as such packages do."""
    (root / "toy_plugin.py").write_text(PLUGIN)
    info = root / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cuvee.models]\ntoy = toy_plugin:Toy\n")
    patch.syspath_prepend(str(root))
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
