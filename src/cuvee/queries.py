"""From a data set, or from plain ids, to the questions that models answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import UnknownNameError, unknown
from cuvee.types import PAD, Bools, Dataset, Embeddings, Floats, Holdout, Ints, Longs, Queries

__all__ = [
    "HISTORY_LIMIT",
    "asking",
    "holdout",
    "keep_events",
    "one_each",
    "queries_of",
    "session",
    "with_features",
    "with_past",
]

HISTORY_LIMIT = 200
"""Longest ordered history kept in a query; `seen` always holds everything."""

_asked: ContextVar[tuple[int, int] | None] = ContextVar("asked", default=None)


@contextmanager
def asking(users: int | None, seed: int) -> Iterator[None]:
    """Inside, a holdout asks so many of its users at most, drawn by `seed`; None: all.

    The questions of a million users, padded to the longest history, would take more memory than their events.
    """
    token = _asked.set(None if users is None else (users, seed))
    try:
        yield
    finally:
        _asked.reset(token)


def queries_of(data: Dataset, users: Ints, *, now: int = 0) -> Queries:
    """Return one query for each of the user rows, from what they did in `data`."""
    events = data.events
    order, bounds = data.by_user
    starts, ends = bounds[users], bounds[users + 1]
    starts = np.maximum(starts, ends - HISTORY_LIMIT)
    steps = starts[:, None] + np.arange(int((ends - starts).max(initial=0)))
    filled = steps < ends[:, None]  # (q, t)
    rows = order[np.where(filled, steps, 0)] if filled.any() else np.zeros(filled.shape, np.int64)

    def padded(column: NDArray[Any], fill: float) -> NDArray[Any]:
        return (
            np.where(filled, column[rows], fill).astype(column.dtype)
            if len(column)
            else np.full(filled.shape, fill, column.dtype)
        )

    return Queries(
        seen=data.matrix[users],
        history=padded(events.item, PAD),
        history_time=padded(events.time, 0),
        history_kind=padded(events.kind, 0),
        features=_user_features(data, users),
        friends=None if data.social is None else data.friends[users],
        now=now,
        users=users,
        history_rating=None if events.rating is None else padded(events.rating, np.nan),
    )


def queries_at(data: Dataset, users: Ints, times: Longs, limit: int = HISTORY_LIMIT) -> Queries:
    """Return one query (n,) for each user and moment, as it could have been asked then.

    It knows what the user did strictly before that moment; the newest `limit` events stand in the history.
    """
    events, (order, bounds) = data.events, data.by_user
    starts, ends = bounds[users], _until(data, users, times)
    first = np.maximum(starts, ends - limit)
    steps = first[:, None] + np.arange(int((ends - first).max(initial=0)))
    filled = steps < ends[:, None]
    rows = order[np.where(filled, steps, 0)] if len(order) else np.zeros(filled.shape, np.int64)

    def padded(column: NDArray[Any], fill: float) -> NDArray[Any]:
        return np.where(filled, column[rows] if len(column) else fill, fill).astype(column.dtype)

    return Queries(
        seen=_seen(data, starts, ends),
        history=padded(events.item, PAD),
        history_time=padded(events.time, 0),
        history_kind=padded(events.kind, 0),
        features=_user_features(data, users),
        friends=None if data.social is None else data.friends[users],
        users=users,
        history_rating=None if events.rating is None else padded(events.rating, np.nan),
    )


def _until(data: Dataset, users: Ints, times: Longs) -> Longs:
    """Return (n,) the place in `by_user` of each user's first event at the moment or later."""
    order, bounds = data.by_user
    when = data.events.time[order]
    found = np.empty(len(users), np.int64)
    for user in np.unique(users):
        asked = np.flatnonzero(users == user)
        start, stop = bounds[user], bounds[user + 1]
        found[asked] = start + np.searchsorted(when[start:stop], times[asked], side="left")
    return found


def _seen(data: Dataset, starts: Longs, ends: Longs) -> "sparse.csr_matrix[np.float32]":
    """Return (n, i) as `Dataset.matrix` of the events at places `starts` to `ends` of `by_user`."""
    order, lengths = data.by_user[0], ends - starts
    row = np.repeat(np.arange(len(starts)), lengths)
    place = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
    event = order[place]
    weight, item = data.events.weight[event], data.events.item[event]
    key = row.astype(np.int64) * len(data.items) + item
    strongest = np.lexsort((np.arange(len(key)), np.abs(weight), key))
    last = np.append(key[strongest][1:] != key[strongest][:-1], True) if len(key) else np.zeros(0, bool)
    kept = strongest[last]
    shape = (len(starts), len(data.items))
    return sparse.csr_matrix((weight[kept], (row[kept], item[kept])), shape=shape, dtype=np.float32)


def session(data: Dataset, items: Sequence[str], friends: Sequence[str] = (), *, now: int = 0) -> Queries:
    """Return one query for somebody unknown who has just touched these items, oldest first, and has these friends.

    Raises:
        UnknownNameError: an id that is not in the catalogue, or not among the users.
    """
    for name in items:
        if name not in data.item_rows:
            raise UnknownNameError(unknown("item", name, data.items))
    for name in friends:
        if name not in data.user_rows:
            raise UnknownNameError(unknown("user", name, data.users[:10_000]))
    rows = np.array([data.item_rows[name] for name in items], np.int32)
    query = one_each(len(data.items), rows[None, :], now=now)
    known = np.unique([data.user_rows[name] for name in friends]).astype(np.int32)
    ones = (np.ones(len(known), np.float32), (np.zeros(len(known), np.int32), known))
    links = sparse.csr_matrix(ones, shape=(1, len(data.users)), dtype=np.float32)
    return replace(query, friends=links if len(known) else None)


def one_each(width: int, history: Ints, *, now: int = 0) -> Queries:
    """Return one query for each row of histories (q, t) without PAD, each item with weight 1."""
    q, t = history.shape
    pairs = (np.ones(history.size, np.float32), (np.repeat(np.arange(q), t), history.ravel()))
    seen = sparse.csr_matrix(pairs, shape=(q, width), dtype=np.float32)
    seen.data[:] = 1
    return Queries(seen, history, np.zeros((q, t), np.int64), np.zeros((q, t), np.int8), now=now)


def with_past(query: Queries, items: Ints, time: Longs, kind: NDArray[np.int8], weight: Floats) -> Queries:
    """Return the one query with more events (n,), in time order: as if they had been in the data set.

    Of a pair the weight of largest magnitude stands, the latest among equals, as in `Dataset.matrix`.
    """
    filled = np.r_[query.history[0] != PAD, np.ones(len(items), bool)]
    newest = np.argsort(np.r_[query.history_time[0], time][filled], kind="stable")[-HISTORY_LIMIT:]

    def merged(column: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
        whole: NDArray[Any] = np.r_[column[0], more][filled][newest][None, :]
        return whole.astype(column.dtype)

    cells, weights = np.r_[query.seen.indices, items], np.r_[query.seen.data, weight]
    strongest = np.lexsort((np.arange(len(cells)), np.abs(weights)))[::-1]
    columns, first = np.unique(cells[strongest], return_index=True)
    pairs = (weights[strongest][first], (np.zeros(len(columns), np.int32), columns))
    return replace(
        query,
        seen=sparse.csr_matrix(pairs, shape=query.seen.shape, dtype=np.float32),
        history=merged(query.history, items),
        history_time=merged(query.history_time, time),
        history_kind=merged(query.history_kind, kind),
    )


def holdout(train: Dataset, pairs: tuple[Ints, Ints], candidates: Bools | None = None) -> Holdout:
    """Return the questions of the users in `pairs` (user rows, item rows), answered by the items there.

    Inside `asking` they are those of some of these users.
    """
    pairs = _some(pairs)
    users, inverse = np.unique(pairs[0], return_inverse=True)
    shape = (len(users), len(train.items))
    truth = sparse.csr_matrix((np.ones(len(inverse), np.float32), (inverse, pairs[1])), shape=shape, dtype=np.float32)
    truth.data[:] = 1
    users = users.astype(np.int32)
    return Holdout(queries_of(train, users), truth, users, candidates, train)


def _some(pairs: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """Return the pairs of the users that are asked."""
    limit = _asked.get()
    users = np.unique(pairs[0])
    if limit is None or len(users) <= limit[0]:
        return pairs
    drawn = np.random.default_rng(limit[1]).choice(users, limit[0], replace=False)
    kept = np.isin(pairs[0], drawn)
    return pairs[0][kept], pairs[1][kept]


def keep_events(data: Dataset, kept: Bools) -> Dataset:
    """Return the data set with the events of the mask; reviews of pairs that lost every event go with them."""
    events = data.events.take(kept)
    if data.reviews is None:
        return replace(data, events=events)
    pair = ["user_id", "item_id"]
    before, after = (
        pl.DataFrame({"user_id": np.array(data.users)[e.user], "item_id": np.array(data.items)[e.item]}).unique()
        for e in (data.events, events)
    )
    lost = before.join(after, on=pair, how="anti")
    return replace(data, events=events, reviews=data.reviews.join(lost, on=pair, how="anti", maintain_order="left"))


def with_features(held: Holdout, train: Dataset) -> Holdout:
    """Return the holdout with the profiles of `train`, which were encoded after the split."""
    return replace(held, queries=replace(held.queries, features=_user_features(train, held.users)))


def _user_features(data: Dataset, users: Ints) -> Mapping[str, Embeddings]:
    return {name: feature.take(users) for (role, name), feature in data.features.items() if role == "user"}
