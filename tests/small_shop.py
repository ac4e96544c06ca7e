"""A small shop in files, its split, its recipe, and an encoder that needs no weights: for runs from end to end."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee import registry, store
from cuvee.types import Dataset, Embeddings
from tests.conftest import make_world

RECIPE = """
reader: {folder: {path: shop}}
split: {given: {path: split.csv}}
encoders: {kind: {lengths: {column: kind}}, noise: {lengths: {column: noise}}}
project: {dim: 3}
model:
  blend:
    views:
    - {tuned: {model: ease, grid: {l2: [1.0, 10.0, 100.0]}}}
    - {content: {on: {kind: 1.0}}}
    - popular
filters: [unseen, {available: {column: stock}}]
evaluate: {metrics: [recall@5, ndcg@5, recall@10, coverage@10], slices: [history_length], keep: 12}
seed: 1
"""


@dataclass(frozen=True)
class Lengths:
    """An encoder that needs no weights: how often each of the letters a to h stands in a column."""

    column: str
    """The column."""

    @property
    def fingerprint(self) -> str:
        return "lengths"

    def fit(self, train: Dataset, role: str) -> "Lengths":  # noqa: ARG002
        return self

    def contents(self, table: pl.DataFrame) -> Sequence[str]:
        return [text or "" for text in table[self.column]]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        rows = [[text.count(letter) for letter in "abcdefgh"] for text in self.contents(table)]
        yield Embeddings(np.array(rows, np.float32), np.ones(len(rows), bool))


@contextmanager
def registered(cache: Path) -> Iterator[None]:
    """Inside, the encoder is known as one of another package would be, and vectors are cached apart."""
    entry = EntryPoint("lengths", "tests.small_shop:Lengths", "cuvee.encoders")
    with pytest.MonkeyPatch.context() as patch:
        for module in (registry, store):
            patch.setattr(module, "entry_points", lambda group: [entry] if group == entry.group else [])
        patch.setenv("CUVEE_CACHE", str(cache))
        yield
    registry.find.cache_clear()


Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Parts:
    train: Pairs
    valid: Pairs
    test: Pairs


def parts(world: Dataset, *, other: bool = False) -> Parts:
    """Of each user's liked items, from five on, one is asked in validation and one of two in the test."""
    train, valid, test = Pairs(), Pairs(), Pairs()
    rng = np.random.default_rng(0)
    for user in range(37):
        liked = [(world.users[user], world.items[i]) for i in rng.permutation(world.liked[[user]].indices)]
        held, rest = (liked[:3], liked[3:]) if len(liked) > 4 else ([], liked)
        train += rest
        valid += held[:1]
        test += held[1 + other : 2 + other]
    return Parts(train, valid, test)


def shop(folder: Path, *, other: bool = False) -> Path:
    """Write the world, its split and the recipe; return the recipe."""
    world = make_world()
    (folder / "shop").mkdir(parents=True)
    e = world.events
    events = {"user_id": np.array(world.users)[e.user], "item_id": np.array(world.items)[e.item]}
    more = {"timestamp": e.time, "event": np.array(e.kinds)[e.kind]}
    pl.DataFrame({**events, **more}).write_csv(folder / "shop/interactions.csv")
    group = [0, 0, 1, 0, 2, 1] * 4
    kind = [None if i == 6 else "abc"[group[i]] + "h" * (i % 2) for i in range(23)]
    noise = ["abcdefgh"[i * 5 % 8] + "abcdefgh"[i * 3 % 7] for i in range(23)]
    world.item_table.with_columns(pl.Series("kind", kind), pl.Series("noise", noise)).write_parquet(
        folder / "shop/items.parquet"
    )
    cut = parts(world, other=other)
    rows = [(*pair, name) for name in ("train", "valid", "test") for pair in getattr(cut, name)]
    pl.DataFrame(rows, schema=["user_id", "item_id", "split"], orient="row").write_csv(folder / "split.csv")
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def content(folder: Path) -> dict[str, Any]:
    """Return file -> bytes of a run, without its log and what took how long."""
    seconds = re.compile(rb"<tr><th[^>]*>Seconds</th>.*?</tr>")
    found: dict[str, Any] = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    del found["run.log"]
    found["report.html"], n = seconds.subn(b"", found["report.html"])
    assert n == 1
    return found | {"run.json": {k: v for k, v in read(folder / "run.json").items() if k != "seconds"}}
