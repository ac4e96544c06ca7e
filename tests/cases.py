"""Small made-up worlds for evaluation: lists, what was wanted, and the training data behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from hypothesis import strategies as st
from scipy import sparse

from cuvee.types import PAD, Bools, Dataset, Embeddings, Events, Holdout, Queries, Slate

__all__ = ["Case", "cases", "holdout", "queries", "slate", "train", "truth"]


@dataclass(frozen=True)
class Case:
    """Lists and wanted items of some queries, uneven on purpose."""

    items: int
    shown: list[list[int]]
    """What each query is shown, without padding."""
    wanted: list[list[int]]
    k: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw short, empty and overlong lists; truth that is empty, larger than k, or not shown at all."""
    items = draw(st.integers(1, 30))
    queries = draw(st.integers(1, 7))
    distinct = st.lists(st.integers(0, items - 1), unique=True, max_size=12)
    many = st.lists(distinct, min_size=queries, max_size=queries)
    return Case(items, draw(many), draw(many), draw(st.integers(1, 15)))


def slate(shown: Sequence[Sequence[int]], width: int = 0) -> Slate:
    """Return a slate of these lists, padded at the end to the longest or to `width`."""
    width = max([width, *map(len, shown)])
    items = np.array([[*row, *[PAD] * (width - len(row))] for row in shown], np.int32).reshape(len(shown), width)
    scores = np.where(items == PAD, -np.inf, -np.arange(width)).astype(np.float32)
    return Slate(items, scores, (items != PAD).astype(np.float32))


def truth(wanted: Sequence[Sequence[int]], items: int) -> "sparse.csr_matrix[np.float32]":
    """Return (q, items) with weights that are not all 1: they must play no role."""
    rows = np.repeat(np.arange(len(wanted)), [len(row) for row in wanted])
    columns = np.array([i for row in wanted for i in row], np.int64)
    weights = np.tile([0.5, 1, 3], len(columns))[: len(columns)]
    return sparse.csr_matrix((weights, (rows, columns)), shape=(len(wanted), items), dtype=np.float32)


def train(
    liked: Sequence[Sequence[int]],
    items: int,
    features: dict[str, Embeddings] | None = None,
    user_table: dict[str, list[object]] | None = None,
    item_table: dict[str, list[object]] | None = None,
) -> Dataset:
    """Return a data set in which user r liked `liked[r]`; ids are u0, u1 ... and i0, i1 ..."""
    rows = np.repeat(np.arange(len(liked)), [len(row) for row in liked]).astype(np.int32)
    columns = np.array([i for row in liked for i in row], np.int32)
    n = len(rows)
    events = Events(rows, columns, np.zeros(n, np.int64), np.ones(n, np.float32), np.zeros(n, np.int8))
    users, names = tuple(f"u{r}" for r in range(len(liked))), tuple(f"i{r}" for r in range(items))
    return Dataset(
        users=users,
        items=names,
        events=events,
        item_table=pl.DataFrame({"item_id": list(names), **(item_table or {})}),
        user_table=pl.DataFrame({"user_id": list(users), **(user_table or {})}),
        features={("item", name): found for name, found in (features or {}).items()},
    )


def queries(histories: Sequence[Sequence[int]], items: int) -> Queries:
    """Return queries of users who liked `histories`."""
    seen = truth(histories, items)
    n = len(histories)
    return Queries(
        seen=seen,
        history=slate(histories).items,
        history_time=np.zeros((n, 1), np.int64),
        history_kind=np.zeros((n, 1), np.int8),
    )


def holdout(
    histories: Sequence[Sequence[int]],
    wanted: Sequence[Sequence[int]],
    items: int,
    users: Sequence[int] | None = None,
    candidates: Bools | None = None,
) -> Holdout:
    """Return questions of users 0, 1 ... (or `users`) with their answers."""
    rows = np.array(range(len(wanted)) if users is None else users, np.int32)
    return Holdout(queries(histories, items), truth(wanted, items), rows, candidates)
